"""The demo client application: logs in at the server, shows what it got, calls the demo API with it.

A confidential client with everything the specifications ask of one: discovery, code flow with PKCE, `state`, `nonce` and
`iss`, a validated ID token, refresh, RP-initiated logout. Its pages work without JavaScript. Beside it, at `/spa`, stands
a public client that runs in the browser.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from authserver.demo.browser_sessions import BrowserSessions
from authserver.demo.failures import Failure, Unusable
from authserver.demo.orders_client import OrdersClient
from authserver.demo.origin import OwnHost, origin_of
from authserver.demo.outbound import LazyClient
from authserver.demo.provider import Provider
from authserver.demo.render import Pages
from authserver.demo.web_endpoints import WebEndpoints
from authserver.effects import Clock, Random, SystemRandom, system_clock

if TYPE_CHECKING:
    import httpx  # noqa: TID251 - the demo stands for somebody else's client and brings its own HTTP

SCOPE: Final = "openid profile email https://orders.example/read https://orders.example/write"
"""What the demo asks for: who you are, and both scopes of the orders API."""


def demo_web(
    issuer: str,
    client_id: str,
    client_secret: str | None,
    api_url: str,
    own_url: str,
    *,
    spa_client_id: str = "demo-spa",
    scope: str = SCOPE,
    id_token_algorithms: Collection[str] = ("RS256",),
    users: Mapping[str, str] | None = None,
    password: str = "",
    clock: Clock = system_clock,
    random: Random | None = None,
    transport: "httpx.AsyncBaseTransport | None" = None,
) -> Starlette:
    """The application.

    Its redirect URIs are `{own_url}/callback`, and `{own_url}/spa` for the single-page client; after a logout the
    browser comes back to `{own_url}/` and `{own_url}/spa`.

    Args:
        issuer: identifier of the pool to log in at.
        client_id: of the confidential client.
        client_secret: its secret, sent as `client_secret_basic`; None makes it a public client.
        api_url: where the orders API listens.
        own_url: origin under which browsers reach this application; no other Host is answered.
        spa_client_id: of the public client at `/spa`.
        scope: what both ask for.
        id_token_algorithms: `id_token_signed_response_alg` of both clients.
        users: names to try, each with a few words about them, shown on the first page.
        password: theirs, shown there too.
        clock: seconds since the epoch.
        random: for cookies, `state`, `nonce` and the PKCE verifier.
        transport: another httpx transport, for tests.
    """
    own_url, api_url = own_url.rstrip("/"), api_url.rstrip("/")
    client = LazyClient(transport)
    provider = Provider(issuer, client_id, client_secret, algorithms=id_token_algorithms, client=client, clock=clock)
    links = {
        "Single-page app": f"{own_url}/spa",
        "Orders API": api_url,
        "Mailbox": f"{origin_of(issuer)}/dev/mailbox",
    }
    web = WebEndpoints(
        provider=provider,
        orders=OrdersClient(api_url, client),
        sessions=BrowserSessions(random or SystemRandom(), clock),
        pages=Pages("/static", app_name="Demo app", icon="app.svg", home="/", links=links),
        own_url=own_url,
        scope=scope,
        clock=clock,
        random=random or SystemRandom(),
        welcome={"issuer": issuer, "users": dict(users or {}), "password": password},
        spa={
            "issuer": issuer,
            "client_id": spa_client_id,
            "scope": scope,
            "api_url": api_url,
            "redirect_uri": f"{own_url}/spa",
        },
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await client.close()

    return Starlette(
        routes=web.routes(),
        middleware=[Middleware(OwnHost, own_url=own_url)],
        exception_handlers=dict.fromkeys((Failure, HTTPException, Exception), _failure_page(web)),
        lifespan=lifespan,
    )


def _failure_page(web: WebEndpoints) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The one error page. What is neither a Failure nor Starlette's own is a fault of ours: Starlette raises it again
    for the log, and the page says nothing of it.
    """

    async def show(_request: Request, raised: Exception) -> Response:
        if isinstance(raised, Failure):
            failure = raised
        elif isinstance(raised, HTTPException):
            failure = Unusable(raised.status_code, raised.detail)
        else:
            failure = Failure()
        return web.page("error.html", {"failure": failure}, status=failure.status)

    return show
