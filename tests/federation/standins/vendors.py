"""Google, Apple, Microsoft, LinkedIn, Kakao and LINE as they are, as far as a login goes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.responses import JSONResponse, Response

from federation.connectors import apple, google, kakao, line, linkedin, microsoft
from resource_servers.keys import VerificationKeys
from resource_servers.tokens import verify_jwt
from tests.federation.standins.openid import ADA, OpenIdProvider
from tests.resource_servers import forge

TENANT = "11111111-2222-3333-4444-555555555555"
TEAM, KEY = "TEAM123456", "KEY1234567"


class Google(OpenIdProvider):
    """Takes the secret in the form alone, knows no prompt=login, and leaves the scheme out of `iss` when it likes."""

    auth_methods = ("client_secret_post", "client_secret_basic")
    scopes = frozenset({"openid", "email", "profile"})

    def __init__(self) -> None:
        super().__init__(
            google.ENDPOINTS, {**ADA, "sub": "110169484474386276334", "email": "ada@gmail.com", "picture": "https://p"}
        )

    async def authorize(self, request: Any) -> Response:
        if request.query_params.get("prompt", "select_account") not in {"none", "consent", "select_account"}:
            return Response("prompt", 400)
        return await super().authorize(request)


class Apple(OpenIdProvider):
    """Checks the client secret as a JWT of the team's key, insists on form_post, and tells the name once."""

    auth_methods = ("client_secret_post",)
    scopes = frozenset({"openid", "name", "email"})

    def __init__(self) -> None:
        person = {
            "sub": "001234.abcdef0123456789.1234",
            "email": "x7k2p9@privaterelay.appleid.com",
            "email_verified": "true",
            "is_private_email": "true",
            "nonce_supported": True,
        }
        super().__init__(apple.ENDPOINTS, person)
        self.client_id = "com.example.signin"
        self.user: object = {"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "evil@example.com"}
        self.secrets: list[str] = []

    async def authorize(self, request: Any) -> Response:
        asked = request.query_params
        if asked.get("scope") and asked.get("response_mode") != "form_post":
            return Response("response_mode must be form_post when name or email scope is requested", 400)
        return await super().authorize(request)

    def beside_the_code(self, asked: Mapping[str, str]) -> dict[str, Any]:
        user, self.user = self.user, None
        return {} if user is None else {"user": user if isinstance(user, str) else json.dumps(user)}

    def denial(self, error: str, description: str) -> dict[str, Any]:
        return {"error": "user_cancelled_authorize" if error == "access_denied" else error}

    def secret_holds(self, client_id: str, secret: str) -> bool:
        self.secrets.append(secret)
        try:
            claims = verify_jwt(
                secret,
                VerificationKeys.parse({"keys": [team_key().jwk()]}),
                issuer=TEAM,
                now=self.now,
                audience="https://appleid.apple.com",
                types=("JWT", None),
                algorithms=("ES256",),
            )
        except Exception:
            return False
        return client_id == claims["sub"] == self.client_id and claims["exp"] - self.now <= 15_777_000

    def error(self, status: int, code: str, description: str) -> Response:
        return JSONResponse({"error": code, **({"error_description": description} if self.echoes else {})}, 400)


@cache
def team_key() -> forge.Key:
    return forge.Key("ES256", KEY, ec.generate_private_key(ec.SECP256R1()))


@cache
def team_key_text() -> str:
    return team_key().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Microsoft(OpenIdProvider):
    """Names the tenant in `iss` and `tid`, and an address that whoever runs the tenant wrote there."""

    auth_methods = ("client_secret_post", "client_secret_basic", "private_key_jwt")

    def __init__(self, tenant: str = "common") -> None:
        urls = {
            name: getattr(microsoft.ENDPOINTS, name).replace("{tenant}", tenant)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        }
        person = {**ADA, "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "oid": "0-0-0", "tid": TENANT}
        super().__init__(replace(microsoft.ENDPOINTS, **urls), person)
        self.in_id_token = frozenset({"sub", "oid", "tid", "name", "email", "preferred_username", "xms_edov"})

    def id_claims(self, grant: Mapping[str, Any], access_token: str) -> dict[str, Any]:
        issuer = f"https://login.microsoftonline.com/{grant['person']['tid']}/v2.0"
        return without_claims({**super().id_claims(grant, access_token), "iss": issuer, "ver": "2.0", **self.claims})

    def error(self, status: int, code: str, description: str) -> Response:
        text = f"AADSTS7000215: Invalid client secret provided. {description} Trace ID: 0f5b7f2e-1111-2222-3333-444455556666"
        return JSONResponse({"error": code, "error_description": text, "error_codes": [7000215]}, status)


def without_claims(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not ...}


class LinkedIn(OpenIdProvider):
    """No nonce, no PKCE beside a secret, and "true" as a text in the ID token."""

    auth_methods = ("client_secret_post",)
    scopes = frozenset({"openid", "profile", "email"})
    challenge = "refused"

    def __init__(self) -> None:
        super().__init__(linkedin.ENDPOINTS, {**ADA, "sub": "782bbtaQ", "picture": "https://p"})
        self.claims = {"nonce": ..., "email_verified": "true"}

    def denial(self, error: str, description: str) -> dict[str, Any]:
        said = "user_cancelled_login" if error == "access_denied" else error
        return {"error": said, "error_description": description}


class Kakao(OpenIdProvider):
    """An address that is proven only by two flags of another API, and a client secret that may be left out."""

    auth_methods = ("client_secret_post", "none")
    scopes = frozenset({"openid", "account_email", "profile_nickname", "profile_image"})

    def __init__(self) -> None:
        super().__init__(kakao.ENDPOINTS, {"sub": "1376016924", "email": "ada@kakao.com", "nickname": "Ada"})
        self.claims = {"auth_time": self.now}
        self.flags: dict[str, Any] = {"is_email_valid": True, "is_email_verified": True}

    def userinfo_of(self, person: dict[str, Any]) -> dict[str, Any]:
        account = {"email": person["email"], "profile": {"nickname": person["nickname"]}, **self.flags}
        return {"id": int(person["sub"]), "connected_at": "2026-01-01T00:00:00Z", "kakao_account": account}

    def error(self, status: int, code: str, description: str) -> Response:
        return JSONResponse({"error": code, "error_description": description, "error_code": "KOE320"}, status)


class Line(OpenIdProvider):
    """HS256 with the channel secret, and an address by permission alone."""

    auth_methods = ("client_secret_post",)
    scopes = frozenset({"openid", "profile", "email"})

    def __init__(self) -> None:
        person = {"sub": "U1234567890abcdef", "name": "Ada", "picture": "https://p", "email": "ada@example.com"}
        super().__init__(line.ENDPOINTS, person)
        self.alg = "HS256"
        self.client_secret = "0123456789abcdef0123456789abcdef"
        self.header = {"kid": ..., "typ": "JWT"}
        self.claims = {"amr": ["linesso"], "at_hash": ...}
