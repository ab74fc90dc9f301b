"""What connectors need of their host (`federation.ports`), over our stores, keys and outbound client."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import orjson

from authserver import effects
from authserver.accounts.provider_plan import provider_record
from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url_decode, digest
from authserver.effects import Clock, HttpFailed, Random
from authserver.errors import Conflict, Refusal
from authserver.store import Identities, Kept, OneTime
from authserver.tokens.keyring import KeyRing
from federation.connectors import kind_of
from federation.errors import Misconfigured, ProviderUnavailable
from federation.model import IdentityProvider
from federation.ports import Document, Host, KeyPair, Response

T = TypeVar("T")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

USED = "federated"
"""The kind of one-time entries that remember what providers sent once."""

KEYS, DOCUMENT = "keys", "document "
"""The names under which a provider's own keys are kept, and (as a prefix) what it publishes."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all hosts stand on."""

    http: effects.Http
    random: Random
    clock: Clock
    sealer: Sealer
    key_ring: KeyRing
    identities: Identities
    one_time: OneTime
    threads: ThreadPoolExecutor


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


class OwnKeyPairs:
    """Satisfies `ports.KeyPairs`: made with the first use, and kept sealed.

    Args:
        owner: the name of the provider that they are used with, or what else they are for.
        elliptic: whether there is a pair on an elliptic curve beside that of RSA.
    """

    def __init__(self, ground: Ground, pool: str, owner: str, *, elliptic: bool = False) -> None:
        self._ground = ground
        self._pool = pool
        self._owner = owner
        self._kinds = (False, True) if elliptic else (False,)
        self._read: tuple[KeyPair, ...] = ()
        self._read_at = 0.0

    async def current(self) -> Sequence[KeyPair]:
        """As `ports.KeyPairs` says; another node's change is seen within a minute."""
        if not self._read or self._ground.clock() - self._read_at > 60:
            self._read = await self._stored() or await self._made()
            self._read_at = self._ground.clock()
        return self._read

    async def _stored(self) -> tuple[KeyPair, ...]:
        kept = await self._ground.identities.kept(self._pool, self._owner, KEYS)
        if kept is None:
            return ()
        return read_key_pairs(self._ground.sealer.open(kept.body, key_pairs_record(self._pool, self._owner)))

    async def _made(self) -> tuple[KeyPair, ...]:
        from authserver.crypto.certificates import self_signed

        now = int(self._ground.clock())
        name, random = f"{self._owner} {self._pool}".strip(":"), self._ground.random

        def make() -> list[KeyPair]:
            return [KeyPair(*self_signed(name, now, random, elliptic=elliptic)) for elliptic in self._kinds]

        pairs = await Workers(self._ground.threads)(make)
        sealed = self._ground.sealer.seal(write_key_pairs(pairs), key_pairs_record(self._pool, self._owner))
        kept = Kept(sealed, now)
        if await self._ground.identities.keep(self._pool, self._owner, KEYS, kept, unless_there=True):
            return tuple(pairs)
        return await self._stored()  # another node was faster


def key_pairs_record(pool: str, owner: str) -> str:
    """The name under which the keys of this owner are sealed."""
    return f"pools/{pool}/providers/{owner}/keys"


def write_key_pairs(pairs: Sequence[KeyPair]) -> bytes:
    return orjson.dumps([[pair.private_key, pair.certificate] for pair in pairs])


def read_key_pairs(body: bytes) -> tuple[KeyPair, ...]:
    return tuple(KeyPair(private_key, certificate) for private_key, certificate in orjson.loads(body))


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


class Workers:
    """Satisfies `ports.Work`."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def __call__(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, job)
