"""A stand-in for any OpenID provider: discovery, keys, ID tokens, UserInfo, sign-out; each can be made to lie."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from federation.connectors.discovery import Metadata
from tests.federation.host import NOW
from tests.federation.standins.code_server import CodeServer, raw, without
from tests.resource_servers import forge

ADA: dict[str, Any] = {
    "sub": "ada-0001",
    "email": "ada@example.com",
    "email_verified": True,
    "name": "Ada Lovelace",
    "given_name": "Ada",
    "family_name": "Lovelace",
}
BOB: dict[str, Any] = {**ADA, "sub": "bob-0002", "email": "bob@example.com", "name": "Bob Hope", "given_name": "Bob"}


class OpenIdProvider(CodeServer):
    """A provider at `metadata`.

    Attributes:
        alg, signing: of ID tokens; several `published` keys may stand beside the signing one.
        claims, header: changes to ID tokens; ... removes a member.
        forged: makes the ID token itself, of header and claims, where a change of members is not enough.
        said: changes to UserInfo.
        in_id_token: which claims of the person the ID token has; the rest is UserInfo's.
        document: changes to the discovery document.
    """

    auth_methods: tuple[str, ...] = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")

    def __init__(self, metadata: Metadata, person: dict[str, Any] | None = None) -> None:
        super().__init__(dict(person or ADA))
        self.metadata = metadata
        self.alg = "RS256"
        self.signing = forge.key("RS256", "op-1")
        self.published: list[dict[str, Any]] = [self.signing.jwk()]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.forged: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
        self.said: dict[str, Any] = {}
        self.userinfo_jwt: Callable[[dict[str, Any]], str] | None = None
        self.in_id_token: frozenset[str] | None = None
        self.document: dict[str, Any] = {}
        self.refresh_has_id_token = True
        self.client_keys: Any = None  # of private_key_jwt
        self.assertion_audience = metadata.issuer
        self.now = NOW

    # ----------------------------------------------------------------------------------------------- tokens

    def id_claims(self, grant: Mapping[str, Any], access_token: str) -> dict[str, Any]:
        person = grant["person"]
        shown = {k: v for k, v in person.items() if self.in_id_token is None or k in self.in_id_token or k == "sub"}
        claims = {
            "iss": self.metadata.issuer,
            "aud": self.client_id,
            "iat": self.now,
            "exp": self.now + 300,
            "at_hash": half_hash(access_token, self.alg),
            **({"nonce": grant["nonce"]} if "nonce" in grant else {}),
            **({"auth_time": self.now} if "max_age" in grant else {}),
            **shown,
        }
        return without({**claims, **self.claims})

    def sign(self, claims: dict[str, Any], header: Mapping[str, Any] | None = None) -> str:
        head = without({"alg": self.alg, "kid": self.signing.kid, **self.header, **(header or {})})
        if self.forged:
            return self.forged(head, claims)
        if self.alg.startswith("HS"):
            return hmac_token(head, claims, self.client_secret.encode())
        return forge.compact(head, claims, self.signing, self.alg)

    async def tokens(self, grant: dict[str, Any], *, first: bool) -> dict[str, Any]:
        answer = await super().tokens(grant, first=first)
        if first or self.refresh_has_id_token:
            kept = grant if first else {k: v for k, v in grant.items() if k != "nonce"}
            answer["id_token"] = self.sign(self.id_claims(kept, answer["access_token"]))
        return {**answer, "scope": grant["scope"]}

    def assertion_holds(self, form: Mapping[str, str]) -> bool:
        from resource_servers.tokens import verify_jwt

        claims = verify_jwt(
            form["client_assertion"],
            self.client_keys,
            issuer=self.client_id,
            now=self.now,
            audience=self.assertion_audience,
            types=("JWT",),
        )
        fresh = claims["exp"] - self.now <= 60 and claims["aud"] == self.assertion_audience and len(claims["jti"]) > 20
        return fresh and claims["sub"] == form["client_id"] == self.client_id

    # -------------------------------------------------------------------------------------------- endpoints

    async def discovery(self, request: Request) -> Response:
        at = self.metadata
        known = {
            "issuer": at.issuer,
            "authorization_endpoint": at.authorization_endpoint,
            "token_endpoint": at.token_endpoint,
            "userinfo_endpoint": at.userinfo_endpoint or ...,
            "jwks_uri": at.jwks_uri,
            "end_session_endpoint": at.end_session_endpoint or ...,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.alg],
            "token_endpoint_auth_methods_supported": list(self.auth_methods),
            "code_challenge_methods_supported": ["S256"],
        }
        return JSONResponse(without({**known, **self.document}))

    async def jwks(self, request: Request) -> Response:
        return raw({"keys": self.published})

    async def userinfo(self, request: Request) -> Response:
        grant = self.whose(request)
        if grant is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        said = without({**self.userinfo_of(grant["person"]), **self.said})
        if self.userinfo_jwt:
            return Response(self.userinfo_jwt(said), headers={"content-type": "application/jwt"})
        return JSONResponse(said)

    def userinfo_of(self, person: dict[str, Any]) -> dict[str, Any]:
        return person

    def routes(self) -> list[Route]:
        at = self.metadata
        found = [
            Route(f"{path(at.issuer).rstrip('/')}/.well-known/openid-configuration", self.discovery),
            Route(path(at.authorization_endpoint), self.authorize),
            Route(path(at.token_endpoint), self.token, methods=["POST"]),
            Route(path(at.jwks_uri), self.jwks),
        ]
        if at.userinfo_endpoint:
            found.append(Route(path(at.userinfo_endpoint), self.userinfo))
        return found

    def hosts(self) -> set[str]:
        at = self.metadata
        urls = (at.issuer, at.authorization_endpoint, at.token_endpoint, at.jwks_uri, at.userinfo_endpoint)
        return {urlsplit(url).netloc for url in urls if url}


def path(url: str) -> str:
    return urlsplit(url).path or "/"


def hmac_token(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes) -> str:
    digest = getattr(hashlib, f"sha{str(header['alg'])[2:]}")
    signing_input = f"{forge.part(header)}.{forge.part(claims)}"
    return f"{signing_input}.{forge.b64(hmac.new(secret, signing_input.encode(), digest).digest())}"


def half_hash(of: str, alg: str) -> str:
    digest = hashlib.new("sha512" if alg.startswith("Ed") else f"sha{alg[2:]}", of.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def compact_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
