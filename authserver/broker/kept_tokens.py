"""Refresh tokens of other providers, sealed at rest. They are kept where a provider's `keep_refresh_token` says so."""

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url, b64url_decode, digest
from federation.model import LinkedIdentity


class KeptTokens:
    """Seals and opens them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, pool: str, provider: str, subject: str, token: str) -> str:
        """The token as it is stored, good for this identity alone."""
        return b64url(self._sealer.seal(token.encode(), _record(pool, provider, subject)))

    def open(self, identity: LinkedIdentity) -> str | None:
        """The token of an identity; None if none is kept, or it does not open under this master key."""
        if identity.sealed_refresh_token is None:
            return None
        record = _record(identity.pool, identity.provider, identity.subject)
        try:
            return self._sealer.open(b64url_decode(identity.sealed_refresh_token), record).decode()
        except (Unsealable, ValueError):
            return None


def _record(pool: str, provider: str, subject: str) -> str:
    return f"pools/{pool}/providers/{provider}/refresh/{digest(subject)}"
