"""Facebook, Amazon, GitHub, Discord, X and Naver as they are, as far as a login goes."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.federation.standins.code_server import CodeServer, without


class Facebook(CodeServer):
    """Commas between scopes, errors as objects, proof of the secret at the API, no PKCE; answers as a form if `old`."""

    challenge = "refused"
    scopes = frozenset({"public_profile", "email"})
    separator = ","
    version = "v23.0"

    def __init__(self) -> None:
        picture = {"data": {"url": "https://platform-lookaside.example/ada", "is_silhouette": False}}
        person = {"id": "10206021234567890", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"}
        super().__init__({**person, "email": "ada@example.com", "picture": picture})
        self.old = False

    def hosts(self) -> set[str]:
        return {"www.facebook.com", "graph.facebook.com"}

    async def tokens(self, grant: dict[str, Any], *, first: bool) -> dict[str, Any]:
        answer = await super().tokens(grant, first=first)
        del answer["refresh_token"]
        return {**answer, "token_type": "bearer"}

    def answer(self, said: dict[str, Any]) -> Response:
        if self.old:
            return Response(urlencode(without({**said, **self.answers})), headers={"content-type": "text/plain"})
        return super().answer(said)

    def error(self, status: int, code: str, description: str) -> Response:
        wrong = code == "invalid_client"
        description = "Error validating client secret." if wrong else description
        error = {
            "message": description,
            "type": "OAuthException",
            "code": 1 if wrong else 100,
            "fbtrace_id": "AbCdEfGhIjKlMnOp",
        }
        return JSONResponse({"error": error}, 400)

    def denial(self, error: str, description: str) -> dict[str, Any]:
        if error == "access_denied":
            return {
                "error": error,
                "error_code": "200",
                "error_reason": "user_denied",
                "error_description": description,
            }
        return {"error": error, "error_description": description}

    async def me(self, request: Request) -> Response:
        grant, token = self.whose(request), request.headers.get("authorization", "").removeprefix("Bearer ")
        proof = hmac.new(self.client_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if grant is None or request.query_params.get("appsecret_proof") != proof:
            return self.error(400, "", "Invalid appsecret_proof provided in the API argument")
        fields = request.query_params["fields"].split(",")
        return JSONResponse({name: value for name, value in grant["person"].items() if name in fields})

    def routes(self) -> list[Route]:
        return [
            Route(f"/{self.version}/dialog/oauth", self.authorize),
            Route(f"/{self.version}/oauth/access_token", self.token, methods=["GET", "POST"]),
            Route(f"/{self.version}/me", self.me),
        ]


class Amazon(CodeServer):
    scopes = frozenset({"profile", "profile:user_id", "postal_code"})
    auth_methods = ("client_secret_post", "client_secret_basic")

    def __init__(self) -> None:
        super().__init__({"user_id": "amzn1.account.K2LI23KL2LK2", "email": "ada@example.com", "name": "Ada Lovelace"})

    def hosts(self) -> set[str]:
        return {"www.amazon.com", "api.amazon.com"}

    def error(self, status: int, code: str, description: str) -> Response:
        body = {"error": code, "error_description": description, "request_id": "bef0c2f8-e292-4l96-8c95-8833fbd559df"}
        return JSONResponse(body, status)

    async def profile(self, request: Request) -> Response:
        grant = self.whose(request)
        if grant is None:
            return self.error(400, "invalid_token", "The token provided is invalid or has expired.")
        return JSONResponse(grant["person"])

    def routes(self) -> list[Route]:
        return [
            Route("/ap/oa", self.authorize),
            Route("/auth/o2/token", self.token, methods=["POST"]),
            Route("/user/profile", self.profile),
        ]


class GitHub(CodeServer):
    """Errors with status 200, a User-Agent or nothing, and addresses apart from the profile."""

    scopes = frozenset({"read:user", "user:email"})
    web, api, prefix = "github.com", "api.github.com", ""

    def __init__(self) -> None:
        super().__init__(
            {
                "id": 583231,
                "login": "ada",
                "name": "Ada Lovelace",
                "email": "shown@example.com",
                "avatar_url": "https://avatars.example/u/583231",
                "html_url": "https://github.com/ada",
            }
        )
        self.emails: list[Any] = [
            {"email": "old@example.com", "primary": False, "verified": True, "visibility": None},
            {"email": "ada@example.com", "primary": True, "verified": True, "visibility": "private"},
        ]

    def hosts(self) -> set[str]:
        return {self.web, self.api}

    def error(self, status: int, code: str, description: str) -> Response:
        codes = {"invalid_client": "incorrect_client_credentials", "invalid_grant": "bad_verification_code"}
        return JSONResponse({"error": codes[code], "error_description": description, "error_uri": "https://docs"}, 200)

    def answer(self, said: dict[str, Any]) -> Response:
        return JSONResponse(without({**said, "token_type": "bearer", "scope": "read:user,user:email", **self.answers}))

    async def user(self, request: Request) -> Response:
        grant = self.whose(request)
        if not request.headers.get("user-agent"):
            return Response("Request forbidden by administrative rules", 403)
        if grant is None:
            return JSONResponse({"message": "Bad credentials", "documentation_url": "https://docs"}, 401)
        return JSONResponse(self.emails if request.url.path.endswith("/emails") else grant["person"])

    def routes(self) -> list[Route]:
        return [
            Route("/login/oauth/authorize", self.authorize),
            Route("/login/oauth/access_token", self.token, methods=["POST"]),
            Route(f"{self.prefix}/user", self.user),
            Route(f"{self.prefix}/user/emails", self.user),
        ]


class Discord(CodeServer):
    scopes = frozenset({"identify", "email"})
    auth_methods = ("client_secret_post", "client_secret_basic")

    def __init__(self) -> None:
        person = {
            "id": "80351110224678912",
            "username": "ada",
            "global_name": "Ada",
            "avatar": "8342729096ea3675442027381ff50dfe",
        }
        super().__init__({**person, "email": "ada@example.com", "verified": True, "locale": "en-GB"})

    def hosts(self) -> set[str]:
        return {"discord.com"}

    async def me(self, request: Request) -> Response:
        grant = self.whose(request)
        return (
            JSONResponse(grant["person"]) if grant else JSONResponse({"message": "401: Unauthorized", "code": 0}, 401)
        )

    def routes(self) -> list[Route]:
        return [
            Route("/oauth2/authorize", self.authorize),
            Route("/api/v10/oauth2/token", self.token, methods=["POST"]),
            Route("/api/v10/users/@me", self.me),
        ]


class X(CodeServer):
    """The client by Basic alone, and the user inside `data`."""

    scopes = frozenset({"tweet.read", "users.read", "users.email", "offline.access"})
    auth_methods = ("client_secret_basic",)

    def __init__(self) -> None:
        super().__init__({"id": "2244994945", "name": "Ada", "username": "ada", "confirmed_email": "ada@example.com"})

    def hosts(self) -> set[str]:
        return {"x.com", "api.x.com"}

    async def me(self, request: Request) -> Response:
        grant = self.whose(request)
        if grant is None:
            return JSONResponse({"title": "Unauthorized", "status": 401}, 401)
        fields = {"id", *request.query_params["user.fields"].split(",")}
        return JSONResponse({"data": {name: value for name, value in grant["person"].items() if name in fields}})

    def routes(self) -> list[Route]:
        return [
            Route("/i/oauth2/authorize", self.authorize),
            Route("/2/oauth2/token", self.token, methods=["POST"]),
            Route("/2/users/me", self.me),
        ]


class Naver(CodeServer):
    """Errors with status 200, numbers as texts, and the user inside `response`."""

    challenge = "ignored"

    def __init__(self) -> None:
        super().__init__({"id": "32742776", "email": "ada@naver.com", "name": "Ada", "nickname": "ada"})
        self.result = "00"

    def hosts(self) -> set[str]:
        return {"nid.naver.com", "openapi.naver.com"}

    def error(self, status: int, code: str, description: str) -> Response:
        return JSONResponse({"error": code, "error_description": description}, 200)

    def answer(self, said: dict[str, Any]) -> Response:
        return JSONResponse(without({**said, "token_type": "bearer", "expires_in": "3600", **self.answers}))

    async def me(self, request: Request) -> Response:
        grant = self.whose(request)
        if grant is None:
            return JSONResponse({"resultcode": "024", "message": "Authentication failed"}, 401)
        said: Mapping[str, Any] = {"resultcode": self.result, "message": "success", "response": grant["person"]}
        return JSONResponse(said)

    def routes(self) -> list[Route]:
        return [
            Route("/oauth2.0/authorize", self.authorize),
            Route("/oauth2.0/token", self.token, methods=["GET", "POST"]),
            Route("/v1/nid/me", self.me),
        ]
