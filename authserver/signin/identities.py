"""Identities of other providers while a sign-in carries them: sealed, for a claim is nobody's business but its owner's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url, b64url_decode
from federation.model import ExternalIdentity, UpstreamSession


@dataclass(frozen=True, slots=True)
class Upstream:
    """The session that a person has at the provider they came from."""

    provider: str
    session: UpstreamSession


class Carried:
    """Seals and opens what sign-ins and sessions carry."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def identity(self, pool: str, identity: ExternalIdentity, *, with_sources: bool = False) -> str:
        """Sealed; with what it was read from where the pool's own code will be asked about that."""
        plain = {
            "provider": identity.provider,
            "issuer": identity.issuer,
            "subject": identity.subject,
            "claims": dict(identity.claims),
            "refresh_token": identity.refresh_token,
            "sources": {name: dict(said) for name, said in identity.sources.items()} if with_sources else {},
        }
        return self._seal(pool, "identity", plain)

    def identity_of(self, pool: str, sealed: str) -> ExternalIdentity | None:
        """None if it does not open: sealed under a key that is gone."""
        plain = self._open(pool, "identity", sealed)
        return ExternalIdentity(**plain) if plain is not None else None

    def upstream(self, pool: str, identity: ExternalIdentity) -> str | None:
        """The session there, sealed; None if the provider told of none."""
        session = identity.session
        if session is None:
            return None
        plain = {
            "provider": identity.provider,
            "subject": session.subject,
            "session": session.session,
            "name_id": dict(session.name_id),
            "id_token": session.id_token,
        }
        return self._seal(pool, "upstream", plain)

    def upstream_of(self, pool: str, sealed: str | None) -> Upstream | None:
        """None if there is none, or it does not open."""
        plain = self._open(pool, "upstream", sealed) if sealed is not None else None
        return Upstream(plain.pop("provider"), UpstreamSession(**plain)) if plain is not None else None

    def _seal(self, pool: str, what: str, plain: Mapping[str, object]) -> str:
        return b64url(self._sealer.seal(orjson.dumps(plain), f"sign-ins/{pool}/{what}"))

    def _open(self, pool: str, what: str, sealed: str) -> dict[str, Any] | None:
        try:
            opened: dict[str, Any] = orjson.loads(self._sealer.open(b64url_decode(sealed), f"sign-ins/{pool}/{what}"))
        except (Unsealable, ValueError):
            return None
        return opened
