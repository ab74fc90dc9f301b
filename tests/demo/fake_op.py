"""A tiny OpenID provider for the demo client: real tokens, no pages. Everybody who comes is Ada.

Each test may bend one answer, to see the client refuse it: see `Bends`.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from resource_servers.testing import ToyIssuer

CLIENT_ID = "demo-web"
CLIENT_SECRET = "s+cret/with:signs"
SPA_CLIENT_ID = "demo-spa"
AUDIENCE = "https://orders.example"
NOW = 1_790_000_000.0


@dataclass
class Clock:
    """Time that stands still until a test moves it."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Bends:
    """What the provider does wrong, or refuses. Everything is right by default."""

    error: dict[str, str] | None = None
    """The authorization response is this error."""
    response: dict[str, str | None] = field(default_factory=dict)
    """Parameters of the authorization response to change; None leaves one out."""
    token_error: tuple[int, dict[str, str]] | None = None
    """Status and body of the token endpoint."""
    id_token: dict[str, Any] = field(default_factory=dict)
    """Claims of the ID token to change; None leaves one out."""
    id_token_header: dict[str, Any] = field(default_factory=dict)
    signed_by_another: bool = False
    discovery: dict[str, Any] = field(default_factory=dict)


class FakeProvider:
    """The provider, and what it has seen."""

    def __init__(self, issuer: str = "http://localhost:8000/demo_Pool1", clock: Any = None) -> None:
        self.clock = clock or Clock()
        self.toy = ToyIssuer(issuer, audience=AUDIENCE, clock=self.clock)
        self.stranger = ToyIssuer(issuer, audience=AUDIENCE, clock=self.clock)
        self.issuer = issuer
        self.bends = Bends()
        self.requests: list[dict[str, str]] = []
        """Parameters of the authorization requests."""
        self.forms: list[dict[str, str]] = []
        """Parameters of the token requests."""
        self.logouts: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: dict[str, dict[str, str]] = {}
        self._count = 0

    def app(self) -> Starlette:
        prefix = "/" + self.issuer.split("/", 3)[3]
        return Starlette(
            routes=[
                Route(f"{prefix}/.well-known/openid-configuration", self.discovery),
                Route(f"{prefix}/.well-known/jwks.json", self.jwks),
                Route(f"{prefix}/oauth2/authorize", self.authorize),
                Route(f"{prefix}/oauth2/token", self.token, methods=["POST"]),
                Route(f"{prefix}/oauth2/userInfo", self.userinfo),
                Route(f"{prefix}/oauth2/logout", self.logout),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware, allow_origins=["*"], allow_headers=["Authorization"], allow_methods=["GET", "POST"]
                )
            ],
        )

    async def discovery(self, _request: Request) -> Response:
        document = {
            **self.toy.discovery(),
            "userinfo_endpoint": f"{self.issuer}/oauth2/userInfo",
            "end_session_endpoint": f"{self.issuer}/oauth2/logout",
            "authorization_response_iss_parameter_supported": True,
            **self.bends.discovery,
        }
        return JSONResponse({name: value for name, value in document.items() if value is not None})

    async def jwks(self, _request: Request) -> Response:
        return JSONResponse(self.toy.jwks())

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.requests.append(asked)
        answer: dict[str, str | None] = {"state": asked["state"], "iss": self.issuer}
        if self.bends.error is not None:
            answer |= self.bends.error
        else:
            self._count += 1
            code = f"code-{self._count}"
            self._codes[code] = {**asked, "auth_time": str(int(self.clock()) - 5)}
            answer["code"] = code
        answer |= self.bends.response
        sent = {name: value for name, value in answer.items() if value is not None}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(sent)}", 302)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.forms.append(form)
        if self.bends.token_error is not None:
            status, body = self.bends.token_error
            return JSONResponse(body, status)
        client_id = self._authenticated(request, form)
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token":
            grant = self._refresh.pop(form["refresh_token"], None)
            nonce = None
        else:
            grant = self._codes.pop(form["code"], None)
            if grant is not None and not _proves(form, grant):
                grant = None
            nonce = grant["nonce"] if grant else None
        if grant is None or grant["client_id"] != client_id:
            return JSONResponse({"error": "invalid_grant", "error_description": "Used, or never issued."}, 400)
        return JSONResponse(self._tokens(grant, nonce), headers={"Cache-Control": "no-store"})

    def _tokens(self, grant: dict[str, str], nonce: str | None) -> dict[str, object]:
        self._count += 1
        refresh_token = f"refresh-token-{self._count}"
        self._refresh[refresh_token] = grant
        access_token = self.toy.token(
            "ada-1",
            scope=grant["scope"],
            groups=["staff"],
            client_id=grant["client_id"],
            aud=[AUDIENCE, self.issuer],
            auth_time=int(grant["auth_time"]),
            sid="s-1",
        )
        digest = hashlib.sha256(access_token.encode()).digest()[:16]
        signer = self.stranger if self.bends.signed_by_another else self.toy
        id_token = signer.token(
            expires_in=3600,
            header={"typ": "JWT", **self.bends.id_token_header},
            **{
                "sub": "ada-1",
                "client_id": None,
                "jti": None,
                "aud": grant["client_id"],
                "azp": grant["client_id"],
                "auth_time": int(grant["auth_time"]),
                "nonce": nonce,
                "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "acr": "urn:poolgate:acr:1",
                "amr": ["pwd"],
                "sid": "s-1",
                "name": "Ada Lovelace",
                "preferred_username": "ada",
                "email": "ada@example.com",
                "email_verified": True,
                **self.bends.id_token,
            },
        )
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": grant["scope"],
            "id_token": id_token,
            "refresh_token": refresh_token,
        }

    async def userinfo(self, _request: Request) -> Response:
        return JSONResponse({"sub": "ada-1", "name": "Ada Lovelace", "email": "ada@example.com"})

    async def logout(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.logouts.append(asked)
        state = f"?{urlencode({'state': asked['state']})}" if "state" in asked else ""
        return RedirectResponse(asked["post_logout_redirect_uri"] + state, 302)

    @staticmethod
    def _authenticated(request: Request, form: dict[str, str]) -> str | None:
        header = request.headers.get("authorization")
        if header is None:
            return SPA_CLIENT_ID if form.get("client_id") == SPA_CLIENT_ID else None
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return CLIENT_ID if (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET) else None


def _proves(form: dict[str, str], grant: dict[str, str]) -> bool:
    """PKCE (RFC 7636 4.6), and the redirect URI of the request."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
    return challenge.decode() == grant["code_challenge"] and form["redirect_uri"] == grant["redirect_uri"]
