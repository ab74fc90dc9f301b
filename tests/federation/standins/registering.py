"""An OpenID provider where clients register themselves (Dynamic Client Registration 1.0), and end it again (RFC 7592)."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from federation.connectors.discovery import Metadata
from tests.federation.standins.code_server import without
from tests.federation.standins.openid import OpenIdProvider, path


class RegisteringProvider(OpenIdProvider):
    """Knows nobody until somebody registers. From then on that is its client.

    Attributes:
        leave: the initial access token that it wants; "" takes everybody.
        refuses: (status, error, description) instead of a registration.
        answers_registration: changes to the answer; ... removes a member.
        manages: whether a registration can be ended; "badly" fails at it.
        registrations: the metadata of each client, by client_id.
        meanwhile: happens elsewhere while it registers somebody.
    """

    def __init__(self, metadata: Metadata, person: dict[str, Any] | None = None) -> None:
        super().__init__(metadata, person)
        self.registration_endpoint = f"{metadata.issuer}/register"
        self.document = {
            "registration_endpoint": self.registration_endpoint,
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "frontchannel_logout_supported": True,
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        }
        self.leave = ""
        self.refuses: tuple[int, str, str] | None = None
        self.answers_registration: dict[str, Any] = {}
        self.manages: bool | str = True
        self.registrations: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.client_id = ""

    async def register(self, request: Request) -> Response:
        if self.leave and request.headers.get("authorization") != f"Bearer {self.leave}":
            return self.error(401, "invalid_token", "Who are you?")
        if request.headers.get("content-type") != "application/json":
            return self.error(400, "invalid_client_metadata", "no JSON")
        asked = json.loads(await request.body())
        self.asked.append(asked)
        if self.meanwhile:
            await self.meanwhile()
        if self.refuses:
            return self.error(*self.refuses)
        if not all(uri.startswith(("https:", "http://localhost")) for uri in asked["redirect_uris"]):
            return self.error(400, "invalid_redirect_uri", "https, please")
        client_id = f"client-{len(self.asked)}"
        answer = {"client_id": client_id, "client_id_issued_at": self.now, **asked}
        if asked["token_endpoint_auth_method"].startswith("client_secret"):
            answer |= {"client_secret": self.new("secret"), "client_secret_expires_at": 0}
        if self.manages:
            token = self.new("registration")
            answer |= {
                "registration_client_uri": f"{self.registration_endpoint}/{client_id}",
                "registration_access_token": token,
            }
        answer = without({**answer, **self.answers_registration})
        self.registrations[client_id] = answer
        self.client_id, self.client_secret = client_id, answer.get("client_secret", "")
        self.redirect_uri = asked["redirect_uris"][0]
        return JSONResponse(answer, 201)

    async def end(self, request: Request) -> Response:
        client = self.registrations.get(request.path_params["client"])
        if client is None or request.headers.get("authorization") != f"Bearer {client['registration_access_token']}":
            return self.error(401, "invalid_token", "not yours")
        if self.manages == "badly":
            return self.error(503, "temporarily_unavailable", "later")
        if self.manages == "never":
            return Response(status_code=405)
        del self.registrations[request.path_params["client"]]
        return Response(status_code=204)

    def routes(self) -> list[Route]:
        at = path(self.registration_endpoint)
        return [
            *super().routes(),
            Route(at, self.register, methods=["POST"]),
            Route(f"{at}/{{client}}", self.end, methods=["DELETE"]),
        ]

    def hosts(self) -> set[str]:
        return {*super().hosts(), urlsplit(self.registration_endpoint).netloc}
