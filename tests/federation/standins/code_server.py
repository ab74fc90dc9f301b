"""What all stand-ins share: an authorization endpoint, and a token endpoint that checks the client, the code and PKCE."""

import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID = "client-1"
CLIENT_SECRET = "s3cret:of+the client/0123456789abcdef"  # every character that some encoding spoils


class CodeServer:
    """A provider. What a test wants to go wrong it sets on the instance.

    Attributes:
        person: who is signed in there; `persons` overrides it by `login_hint`.
        denies: (error, description) to come back with instead of a code.
        returns: parameters added to what the browser comes back with; ... removes one.
        answers: members added to a token answer; ... removes one.
        echoes: whether errors repeat everything that was sent, as careless servers do.
    """

    auth_methods: tuple[str, ...] = ("client_secret_post",)
    challenge = "required"  # "required", "ignored", or "refused"
    scopes: frozenset[str] | None = None
    separator = " "
    redirect_uri = "https://login.example/acme_Pool1/oauth2/idpresponse/Acme"

    def __init__(self, person: dict[str, Any]) -> None:
        self.person = person
        self.persons: dict[str, dict[str, Any]] = {}
        self.client_id, self.client_secret = CLIENT_ID, CLIENT_SECRET
        self.denies: tuple[str, str] | None = None
        self.returns: dict[str, Any] = {}
        self.answers: dict[str, Any] = {}
        self.echoes = False
        self.codes: dict[str, dict[str, Any]] = {}
        self.access: dict[str, dict[str, Any]] = {}
        self.refreshing: dict[str, dict[str, Any]] = {}
        self.made = 0

    # ------------------------------------------------------------------------------------------ the browser

    async def authorize(self, request: Request) -> Response:
        pairs = list(request.query_params.multi_items())
        asked = dict(pairs)
        if len(asked) != len(pairs) or asked.get("client_id") != self.client_id:
            return HTMLResponse("bad request", 400)
        if asked.get("redirect_uri") != self.redirect_uri or asked.get("response_type") != "code":
            return HTMLResponse("redirect_uri or response_type", 400)
        if self.scopes is not None and not set(asked.get("scope", "").split(self.separator)) - {""} <= self.scopes:
            return HTMLResponse(f"scope {asked.get('scope')}", 400)
        if self.challenge == "required" and (asked.get("code_challenge_method"), len(asked["code_challenge"])) != (
            "S256",
            43,
        ):
            return HTMLResponse("PKCE", 400)
        if self.denies:
            said = self.denial(*self.denies)
        else:
            code = self.new("code")
            self.codes[code] = {**asked, "person": self.persons.get(asked.get("state", ""), self.person)}
            said = {"code": code, **self.beside_the_code(asked)}
        said["state"] = asked.get("state", "")
        said = without({**said, **self.returns})
        if asked.get("response_mode") == "form_post":
            fields = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in said.items())
            return HTMLResponse(f'<form method="post" action="{escape(asked["redirect_uri"])}">{fields}</form>')
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(said)}", 302)

    def denial(self, error: str, description: str) -> dict[str, Any]:
        return {"error": error, "error_description": description}

    def beside_the_code(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """What else comes back."""
        return {}

    # --------------------------------------------------------------------------------------------- the token

    async def token(self, request: Request) -> Response:
        body = (await request.body()).decode()
        form = dict(parse_qsl(body, strict_parsing=True))
        said = f"{body} {request.headers.get('authorization', '')}" if self.echoes else "sorry"
        if self.echoes:
            said = " ".join([said, *form.values(), self.client_secret])
            return self.error(400, "invalid_grant", said)
        if not self.client_proven(request, form):
            return self.error(401, "invalid_client", said)
        if form.get("grant_type") == "refresh_token":
            grant = self.refreshing.pop(form.get("refresh_token", ""), None)
        else:
            grant = self.codes.pop(form.get("code", ""), None)
            if grant is not None and not self.bound(grant, form):
                grant = None
        if grant is None:
            return self.error(400, "invalid_grant", said)
        return self.answer(await self.tokens(grant, first="code" in form))

    def bound(self, grant: Mapping[str, Any], form: Mapping[str, str]) -> bool:
        if form.get("redirect_uri") != grant["redirect_uri"]:
            return False
        if self.challenge == "required":
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            return urlsafe_b64encode(digest).rstrip(b"=").decode() == grant["code_challenge"]
        return True

    def client_proven(self, request: Request, form: Mapping[str, str]) -> bool:
        if self.challenge == "refused" and "code_verifier" in form:
            return False
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = b64decode(value).decode().partition(":")
            given = (unquote_plus(name), unquote_plus(secret))
            proven = "client_secret_basic" in self.auth_methods and given == (self.client_id, self.client_secret)
            return proven and "client_secret" not in form
        if "client_assertion" in form:
            return "private_key_jwt" in self.auth_methods and self.assertion_holds(form)
        if "client_secret" in form:
            given = (form.get("client_id", ""), form["client_secret"])
            return "client_secret_post" in self.auth_methods and self.secret_holds(*given)
        return "none" in self.auth_methods and form.get("client_id") == self.client_id

    def secret_holds(self, client_id: str, secret: str) -> bool:
        return (client_id, secret) == (self.client_id, self.client_secret)

    def assertion_holds(self, form: Mapping[str, str]) -> bool:
        return False

    async def tokens(self, grant: dict[str, Any], *, first: bool) -> dict[str, Any]:
        access, refresh = self.new("access"), self.new("refresh")
        self.access[access] = self.refreshing[refresh] = grant
        return {"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh}

    def answer(self, said: dict[str, Any]) -> Response:
        return JSONResponse(without({**said, **self.answers}))

    def error(self, status: int, code: str, description: str) -> Response:
        return JSONResponse({"error": code, "error_description": description}, status)

    # ------------------------------------------------------------------------------------------------ the rest

    def new(self, what: str) -> str:
        self.made += 1
        return f"{what}-{self.made}-{hashlib.sha256(f'{what}{self.made}{type(self)}'.encode()).hexdigest()}"

    def whose(self, request: Request) -> dict[str, Any] | None:
        """Whom an access token in the header speaks for."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return self.access.get(token) if kind == "Bearer" else None

    def routes(self) -> list[Route]:
        raise NotImplementedError

    def app(self) -> Starlette:
        return Starlette(routes=self.routes())


def without(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are `...`."""
    return {name: value for name, value in members.items() if value is not ...}


def raw(value: object, **headers: str) -> Response:
    return Response(json.dumps(value), headers={"content-type": "application/json", **headers})
