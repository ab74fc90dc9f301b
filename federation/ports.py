"""What the broker needs of its host. `authserver` satisfies these; tests bring their own (`tests/federation/host.py`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeVar

T = TypeVar("T")
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, read to its end. Header names are in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Http(Protocol):
    """Outbound requests, guarded by the host: no private addresses unless allowed, bounded in size and time."""

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
        """Ask once, follow no redirect, and return the answer whatever its status.

        Args:
            limit: bytes that the body may have.
            timeout: seconds for all of it.

        Raises ProviderUnavailable.
        """
        ...


class Random(Protocol):
    """Unpredictable values."""

    def token(self, n: int = 32) -> str:
        """`n` unpredictable bytes in unpadded base64url."""
        ...


class Signer(Protocol):
    """The pool's own keys, which its JWKS publishes: for `private_key_jwt` (RFC 7523 2.2)."""

    async def sign_jwt(self, claims: Mapping[str, object], *, alg: str, typ: str | None = None) -> str:
        """A signed JWT in compact form, with its `kid`. Raises Misconfigured if the pool has no key for the algorithm."""
        ...


class Secrets(Protocol):
    """Opens what the host sealed."""

    def open(self, name: str) -> str:
        """A secret of this provider by its key in the pool file, such as `client_secret`; "" if it has none."""
        ...


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key (PKCS #8) with its self-signed certificate, both PEM."""

    private_key: str = field(repr=False)
    certificate: str


class KeyPairs(Protocol):
    """Keys that belong to this provider at this pool, apart from those that sign tokens: made once, kept sealed."""

    async def current(self) -> Sequence[KeyPair]:
        """At least one. The first signs; all of them open what was encrypted for us."""
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the provider as it was last fetched whole and found good, and when (seconds since the epoch)."""

    body: bytes
    fetched_at: int


class Documents(Protocol):
    """Keeps the last good copy of what a provider publishes, so that neither a broken refresh nor a restart costs a login."""

    async def get(self, name: str) -> Document | None: ...

    async def put(self, name: str, document: Document) -> None: ...


class Once(Protocol):
    """Remembers across all nodes what may be used once."""

    async def first(self, what: str, until: int) -> bool:
        """Whether nobody has used it before; from now on it is used, until then (seconds since the epoch)."""
        ...


class Work(Protocol):
    """Runs what takes milliseconds off the event loop, on a bounded number of threads."""

    async def __call__(self, job: Callable[[], T]) -> T:
        """What the job returns or raises."""
        ...


@dataclass(frozen=True, slots=True)
class Host:
    """All of it, for one provider of one pool. `issuer` is the pool's own issuer identifier, below which our endpoints
    stand: `{issuer}/oauth2/idpresponse/{provider}`, `{issuer}/oauth2/idpjwks/{provider}`, `{issuer}/saml2/idpresponse`,
    `{issuer}/saml2/logout` and `{issuer}/saml2/metadata/{provider}`.
    """

    issuer: str
    http: Http
    random: Random
    signer: Signer
    secrets: Secrets
    key_pairs: KeyPairs
    documents: Documents
    once: Once
    work: Work
