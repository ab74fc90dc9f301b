"""A toy issuer, for the tests of an API: real keys and real tokens, no server and no network.

    @pytest.fixture
    def issuer():
        return ToyIssuer(audience="https://orders.example")

    def test_reading_needs_the_scope(issuer):
        app = Protect(api, issuer.validator())
        client = TestClient(app)                                       # Starlette's, or httpx with its ASGITransport
        good = issuer.token(scope="https://orders.example/read", groups=["staff"])
        poor = issuer.token(scope="openid")
        assert client.get("/orders", headers={"Authorization": f"Bearer {good}"}).status_code == 200
        assert client.get("/orders", headers={"Authorization": f"Bearer {poor}"}).status_code == 403

An application that makes its own `Validator` takes the toy's answers instead of the network's: hand `issuer.fetch` to its
`JwksCache`, or `issuer.transport()` to any httpx client.
"""

import json
import os
import time
from collections.abc import Collection, Container, Mapping
from typing import TYPE_CHECKING, Any, Final

from joserfc import jwt
from joserfc.jwk import JWKRegistry

from resource_servers.fetching import Fetched
from resource_servers.jwks import Clock, JwksCache
from resource_servers.keys import VerificationKeys
from resource_servers.tokens import Profile
from resource_servers.validator import IsRevoked, Validator

if TYPE_CHECKING:
    import httpx

_KEY_TYPES: Final[Mapping[str, tuple[str, str | int]]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "Ed25519": ("OKP", "Ed25519"),
}


class ToyIssuer:
    """An issuer of access tokens that lives in the test.

    Args:
        issuer: the issuer's identifier.
        audience: the API's identifier: the `aud` of the tokens.
        algorithm: ES256, ES384, ES512, RS256, PS256 or Ed25519.
        profile: "standard" (RFC 9068) or "cognito".
        clock: seconds since the epoch; one that stands still makes expiry easy to test.
    """

    def __init__(
        self,
        issuer: str = "https://issuer.test",
        *,
        audience: str = "https://api.test",
        algorithm: str = "ES256",
        profile: Profile = "standard",
        clock: Clock = time.time,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.algorithm = algorithm
        self.profile = profile
        self.clock = clock
        self.fetched: list[str] = []
        """The URLs asked for so far."""
        self._made = 0
        self._keys = [self._new_key()]

    @property
    def jwks_uri(self) -> str:
        return f"{self.issuer}/.well-known/jwks.json"

    def discovery(self) -> dict[str, Any]:
        """The discovery document (OpenID Connect Discovery 3), as far as an API needs it."""
        return {
            "issuer": self.issuer,
            "jwks_uri": self.jwks_uri,
            "authorization_endpoint": f"{self.issuer}/oauth2/authorize",
            "token_endpoint": f"{self.issuer}/oauth2/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }

    def jwks(self) -> dict[str, Any]:
        """The published keys, the signing one first."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def keys(self) -> VerificationKeys:
        """The published keys, ready for `tokens.validate_access_token`."""
        return VerificationKeys.parse(self.jwks())

    def rotate(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on; the old ones stay published unless `keep_old` is False."""
        self._keys = [self._new_key(), *(self._keys if keep_old else ())]

    def token(
        self,
        sub: str = "user-1",
        *,
        scope: str = "",
        groups: Collection[str] = (),
        client_id: str = "client-1",
        expires_in: float = 900,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A signed access token.

        Args:
            sub: the user.
            scope: the scopes, separated by spaces.
            groups: the user's groups.
            client_id: the client the token was given to.
            expires_in: seconds from now to `exp`; negative for an expired token.
            header: members to add to the header or change there; None as a value removes one.
            claims: claims to add or change; None as a value removes one.
        """
        now = int(self.clock())
        body: dict[str, Any] = {
            "iss": self.issuer,
            "sub": sub,
            "client_id": client_id,
            "iat": now,
            "exp": now + int(expires_in),
            "jti": f"grant-1.{os.urandom(16).hex()}",
            "scope": scope or None,
        }
        if self.profile == "cognito":
            body |= {"token_use": "access", "username": sub, "version": 2, "cognito:groups": list(groups) or None}
        else:
            body |= {"aud": [self.audience], "groups": list(groups) or None}
        head = {
            "alg": self.algorithm,
            "kid": self._keys[0].kid,
            "typ": "at+jwt" if self.profile == "standard" else None,
        }
        return jwt.encode(_present(head, header), _present(body, claims), self._keys[0], algorithms=[self.algorithm])

    def validator(self, *, client_ids: Container[str] | None = None, is_revoked: IsRevoked | None = None) -> Validator:
        """A validator for this issuer's tokens that asks this object for the keys."""
        return Validator(
            issuer=self.issuer,
            audience=self.audience,
            keys=JwksCache(self.issuer, fetch=self.fetch, clock=self.clock),
            profile=self.profile,
            client_ids=client_ids,
            is_revoked=is_revoked,
            clock=self.clock,
        )

    async def fetch(self, url: str) -> Fetched:
        """A `fetching.Fetch` that answers for this issuer, and 404 for everything else."""
        self.fetched.append(url)
        if url == self.jwks_uri:
            return Fetched(200, json.dumps(self.jwks()).encode())
        if url == f"{self.issuer}/.well-known/openid-configuration":
            return Fetched(200, json.dumps(self.discovery()).encode())
        return Fetched(404, b"")

    def transport(self) -> "httpx.MockTransport":
        """The same for httpx: `httpx.AsyncClient(transport=issuer.transport())`."""
        import httpx

        async def answer(request: httpx.Request) -> httpx.Response:
            fetched = await self.fetch(str(request.url))
            return httpx.Response(fetched.status, content=fetched.body, headers={"content-type": "application/json"})

        return httpx.MockTransport(answer)

    def _new_key(self) -> Any:
        self._made += 1
        kind, size = _KEY_TYPES[self.algorithm]
        return JWKRegistry.generate_key(kind, size, {"kid": f"toy-{self._made}", "alg": self.algorithm, "use": "sig"})


def _present(members: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**members, **(changes or {})}.items() if value is not None}
