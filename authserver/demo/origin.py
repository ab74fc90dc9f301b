"""Who may talk to a server on this machine: the browser can be made to carry other sites' requests here.

Two guards. The Host must be a loopback name, or a page whose own name was pointed at 127.0.0.1 could read what is served
here (DNS rebinding). What changes something must come from our own pages, or from a tool that is no browser.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 9.2.1


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine: `localhost`, 127.0.0.0/8 or `[::1]`, with or without a port."""
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname or ""
        _ = parts.port  # raises for what is no port
    except ValueError:
        return False
    if parts.netloc != host or "@" in host:
        return False
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def from_own_page(request: Request) -> bool:
    """Whether no other site's page is behind the request.

    Browsers say where a request comes from in Sec-Fetch-Site (Fetch Metadata), older ones in Origin; only tools send
    neither, and they carry nobody's cookies. Another port of the same host is another origin, though the same site.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def origin_of(url: str) -> str:
    """The origin of an http or https URL (RFC 6454 4)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def local_only(handler: Handler) -> Handler:
    """The handler behind both guards: 421 for a Host that is not this machine, 403 for a change from elsewhere."""

    async def guarded(request: Request) -> Response:
        if not is_loopback_host(request.headers.get("host", "")):
            return PlainTextResponse("This answers on this machine's own names only, such as localhost.\n", 421)
        if request.method not in _SAFE and not from_own_page(request):
            return PlainTextResponse("This came from another site's page, and changes nothing.\n", 403)
        return await handler(request)

    return guarded


class OwnHost:
    """ASGI middleware: requests under the application's own URL pass, and no others.

    Cookies belong to a host. Whoever opens the demo under another name of this machine is sent to its own one, so that
    the login that starts there also ends there.

    Args:
        app: what to guard.
        own_url: origin of the application.
    """

    def __init__(self, app: ASGIApp, own_url: str) -> None:
        self._app = app
        self._own_url = own_url
        self._host = urlsplit(own_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        host = request.headers.get("host", "")
        if host == self._host:
            await self._app(scope, receive, send)
        elif is_loopback_host(host) and request.method in _SAFE:
            query = f"?{request.url.query}" if request.url.query else ""
            await RedirectResponse(f"{self._own_url}{scope['path']}{query}")(scope, receive, send)
        else:
            await PlainTextResponse(f"This is {self._own_url}, and has no other name.\n", 421)(scope, receive, send)
