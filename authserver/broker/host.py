"""What connectors need of their host (`federation.ports`), over our stores, keys and outbound client."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from authserver import effects
from authserver.accounts.provider_plan import provider_record
from authserver.broker.ground import Ground, Workers
from authserver.broker.key_pairs import OwnKeyPairs
from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url_decode, digest
from authserver.effects import HttpFailed
from authserver.errors import Conflict, Refusal
from authserver.store import Identities, Kept
from authserver.tokens.keyring import KeyRing
from federation.connectors import kind_of
from federation.errors import Misconfigured, ProviderUnavailable
from federation.model import IdentityProvider
from federation.ports import Document, Host, Response

T = TypeVar("T")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

USED = "federated"
"""The kind of one-time entries that remember what providers sent once."""

DOCUMENT = "document "
"""Before the names under which a provider's documents are kept."""


def host_of(ground: Ground, issuer: str, pool: str, provider: IdentityProvider) -> Host:
    """The host of one provider of one pool, whose issuer identifier is `issuer`."""
    return Host(
        issuer=issuer,
        http=GuardedHttp(ground.http),
        random=ground.random,
        signer=PoolSigner(ground.key_ring, pool),
        secrets=SealedSecrets(ground.sealer, pool, provider),
        # An OpenID provider may want to encrypt to either kind; SAML's speak RSA.
        key_pairs=OwnKeyPairs(ground, pool, provider.name, elliptic=kind_of(provider.type).protocol == "oidc"),
        documents=KeptDocuments(ground.identities, pool, provider.name),
        once=UsedOnce(ground, pool),
        work=Workers(ground.threads),
    )


class GuardedHttp:
    """Satisfies `ports.Http`."""

    def __init__(self, http: effects.Http) -> None:
        self._http = http

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
        limit: int = 512 * 1024,
        timeout: float = 5.0,
    ) -> Response:
        """As `ports.Http` says."""
        try:
            answer = await self._http.request(method, url, headers=headers, body=body, limit=limit, timeout=timeout)
        except HttpFailed as failure:
            raise ProviderUnavailable(str(failure)) from failure
        return Response(answer.status, answer.body, answer.headers)


class PoolSigner:
    """Satisfies `ports.Signer`."""

    def __init__(self, key_ring: KeyRing, pool: str) -> None:
        self._key_ring = key_ring
        self._pool = pool

    async def sign_jwt(self, claims: Mapping[str, object], *, alg: str, typ: str | None = None) -> str:
        """As `ports.Signer` says."""
        try:
            signer = await self._key_ring.signer(self._pool, alg)
        except Refusal as refusal:
            raise Misconfigured(
                f"the pool has no key for {alg}", setting="token_endpoint_auth_signing_alg"
            ) from refusal
        return signer.sign(typ or "JWT", claims)


class SealedSecrets:
    """Satisfies `ports.Secrets`."""

    def __init__(self, sealer: Sealer, pool: str, provider: IdentityProvider) -> None:
        self._sealer = sealer
        self._pool = pool
        self._provider = provider

    def open(self, name: str) -> str:
        """As `ports.Secrets` says. Raises Misconfigured if it is sealed under another master key."""
        sealed = self._provider.sealed_secrets.get(name)
        if sealed is None:
            return ""
        try:
            return self._sealer.open(
                b64url_decode(sealed), provider_record(self._pool, self._provider.name, name)
            ).decode()
        except Unsealable as error:
            raise Misconfigured(f"{name} does not open under this master key; apply it again", setting=name) from error


class KeptDocuments:
    """Satisfies `ports.Documents`."""

    def __init__(self, identities: Identities, pool: str, provider: str) -> None:
        self._identities = identities
        self._pool = pool
        self._provider = provider

    async def get(self, name: str) -> Document | None:
        kept = await self._identities.kept(self._pool, self._provider, DOCUMENT + name)
        return Document(kept.body, kept.at) if kept is not None else None

    async def put(self, name: str, document: Document) -> None:
        kept = Kept(document.body, document.fetched_at)
        await self._identities.keep(self._pool, self._provider, DOCUMENT + name, kept)


class UsedOnce:
    """Satisfies `ports.Once`."""

    def __init__(self, ground: Ground, pool: str) -> None:
        self._one_time = ground.one_time
        self._clock = ground.clock
        self._pool = pool

    async def first(self, what: str, until: int) -> bool:
        try:
            await self._one_time.put(self._pool, USED, digest(what), b"1", max(1, until - int(self._clock()) + 1))
        except Conflict:
            return False
        return True
