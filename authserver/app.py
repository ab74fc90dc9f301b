"""The ASGI application: the endpoints of all front ends over wired capabilities."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from authserver.errors import NotFound, Refusal
from authserver.gate import Gate, Lifecycle
from authserver.logs import request_id
from authserver.oauth.routes import ENDPOINTS, INSERTED
from authserver.opening import Opened
from authserver.pages.frame import Frame
from authserver.pages.render import Renderer
from authserver.pages.routes import endpoints as page_endpoints
from authserver.services import Endpoint, Services
from authserver.web import MethodNotAllowed, Request
from authserver.wiring import Wired

STATIC = "/static"


def new_frame() -> Frame:
    """What draws the pages."""
    return Frame(Renderer(STATIC))


def build(wired: Wired, lifecycle: Lifecycle | None = None, *, routes: Iterable[BaseRoute] = ()) -> Gate:
    """The ASGI application over wired capabilities.

    Args:
        routes: further Starlette routes, such as those of the dev mailbox.
    """
    lifecycle = lifecycle or Lifecycle()
    opened, services, frame = wired.opened, wired.services, wired.frame
    starlette = Starlette(
        routes=[*routes, *_own_routes(opened, lifecycle, frame)],
        exception_handlers={
            404: _as_page(services, NotFound),
            405: _as_page(services, lambda: MethodNotAllowed("GET")),
        },
    )
    starlette.router.redirect_slashes = False  # it would redirect to whatever the Host header says
    gate = Gate(
        services,
        {**ENDPOINTS, **page_endpoints(frame)},
        starlette,
        opened.metrics,
        lifecycle,
        access_log=opened.settings.log_requests,
    )
    starlette.router.routes += [
        Route(f"/.well-known/{name}/{{pool}}", _inserted(gate, endpoint), methods=["GET", "OPTIONS"])
        for name, endpoint in INSERTED.items()
    ]
    return gate


def _own_routes(opened: Opened, lifecycle: Lifecycle, frame: Frame) -> list[BaseRoute]:
    async def healthz(_request: StarletteRequest) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})

    async def readyz(_request: StarletteRequest) -> Response:
        """Ready: the stores answer and we take new work."""
        checks = {"database": "ok", "redis": "ok"}
        for name, probe in (("database", opened.stores.registry.version), ("redis", opened.announcements.read_version)):
            try:
                await probe()
            except Refusal:
                checks[name] = "unavailable"
        ready = not lifecycle.draining and set(checks.values()) == {"ok"}
        body = {"status": "draining" if lifecycle.draining else "ready" if ready else "unavailable", **checks}
        headers = {"cache-control": "no-store"} | ({} if ready else {"retry-after": "2"})
        return JSONResponse(body, status_code=200 if ready else 503, headers=headers)

    async def static(request: StarletteRequest) -> Response:
        asset = frame.renderer.assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        if request.headers.get("if-none-match") == asset.headers["ETag"]:
            return Response(status_code=304, headers=asset.headers)
        return Response(asset.body, headers=asset.headers)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route(f"{STATIC}/{{name}}", static)]


def _as_page(services: Services, refusal: Callable[[], Refusal]) -> Callable[[StarletteRequest, Exception], Response]:
    """Starlette's own 404 and 405 as our error page."""

    def handler(request: StarletteRequest, error: Exception) -> Response:
        answer = services.show_error(
            services, Request(request.scope, request.receive, request_id.get()), None, refusal()
        )
        response = Response(answer.body, answer.status)
        response.raw_headers += [h for h in answer.headers if h[0] != b"content-length"]
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return handler


def _inserted(gate: Gate, endpoint: Endpoint) -> Callable[[StarletteRequest], Awaitable[Response]]:
    """An endpoint of a pool under an address where the pool comes last (RFC 8414 3.1)."""

    async def handler(request: StarletteRequest) -> Response:
        answer = await gate.answer(
            endpoint, request.path_params["pool"], Request(request.scope, request.receive, request_id.get())
        )
        if answer is None:
            return Response(status_code=400)
        response = Response(answer.body, answer.status)
        response.raw_headers += [h for h in answer.headers if h[0] != b"content-length"]
        return response

    return handler
