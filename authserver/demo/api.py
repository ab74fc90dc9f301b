"""The demo API: orders, protected with `resource_servers` alone. What an API team would write.

`GET /orders` needs the scope `read` of the API, `POST /orders` needs `write`; each caller sees their own orders.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authserver.demo.orders import InvalidOrder, Orders, read_order
from authserver.demo.outbound import LazyClient, fetch_with
from authserver.demo.reading import read_body
from authserver.demo.render import Pages, page_policy, static_routes
from authserver.effects import Clock, system_clock
from resource_servers.asgi import Protect, Validates, access_token, requires
from resource_servers.encoding import parse_json_object
from resource_servers.jwks import JwksCache
from resource_servers.metadata import ResourceMetadata
from resource_servers.scopes import custom_scope
from resource_servers.validator import Validator

AUDIENCE: Final = "https://orders.example"
"""The identifier of the API: the `aud` of its tokens, and what its scopes begin with."""


def demo_api(
    issuer: str,
    audience: str = AUDIENCE,
    *,
    own_url: str = "http://127.0.0.1:8002",
    web_url: str = "http://127.0.0.1:8001",
    origins: Collection[str] | None = None,
    validator: Validates | None = None,
    clock: Clock = system_clock,
) -> Starlette:
    """The application.

    Args:
        issuer: the pool whose access tokens are accepted.
        audience: this API's identifier.
        own_url: where it listens, for the addresses that it names itself.
        web_url: the demo client application, linked from the first page.
        origins: whose scripts may call it (CORS); None: those of `web_url`.
        validator: another judge of tokens, for tests.
        clock: seconds since the epoch.
    """
    client = LazyClient()
    if validator is None:
        keys = JwksCache(issuer, fetch=fetch_with(client), clock=clock)
        validator = Validator(issuer=issuer, audience=audience, keys=keys, clock=clock)
    read, write = custom_scope(audience, "read"), custom_scope(audience, "write")
    orders = Orders()
    pages = Pages("/static", app_name="Orders API", icon="api.svg", home="/", links={"Demo app": web_url})
    shown = {
        "issuer": issuer,
        "audience": audience,
        "own_url": own_url,
        "web_url": web_url,
        "read": read,
        "write": write,
    }

    @requires(read)
    async def list_orders(request: Request) -> Response:
        mine = orders.of(access_token(request).subject, clock())
        return _json({"orders": [order.as_json() for order in mine]})

    @requires(write)
    async def place_order(request: Request) -> Response:
        item, quantity = read_order(await _json_of(request))
        order = orders.place(access_token(request).subject, item, quantity, clock())
        return _json(order.as_json(), 201)

    async def orders_endpoint(request: Request) -> Response:
        return await (place_order if request.method == "POST" else list_orders)(request)

    async def index(_request: Request) -> Response:
        return pages.page("api.html", page_policy(), shown)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await client.close()

    # RFC 9728 3.3 wants the document at the API's identifier. This identifier is an example that leads nowhere, so the
    # challenge names the place where the document really is; an API with a name of its own has one and the same.
    metadata = f"{own_url}/.well-known/oauth-protected-resource"
    protect = Middleware(Protect, validator=validator, realm="orders", resource_metadata=metadata)
    return Starlette(
        routes=[
            Route("/", index),
            Route("/orders", orders_endpoint, methods=["GET", "POST"], middleware=[protect]),
            *static_routes("/static"),
        ],
        middleware=[
            # Outermost, so that a script may also read why it was refused.
            Middleware(
                CORSMiddleware,
                allow_origins=sorted({web_url} if origins is None else origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["WWW-Authenticate"],
            ),
            Middleware(
                ResourceMetadata,
                resource=audience,
                authorization_servers=[issuer],
                scopes=[read, write],
                name="Orders (demo)",
            ),
        ],
        exception_handlers={InvalidOrder: _invalid, HTTPException: _refused, Exception: _failed},
        lifespan=lifespan,
    )


async def _json_of(request: Request) -> dict[str, Any]:
    """The body's JSON object. Raises HTTPException: 415 for another type, 413 for too much, 400 for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send the order as application/json.")
    body = await read_body(request)
    try:
        return parse_json_object(body)
    except ValueError:
        raise HTTPException(400, "The body is not a JSON object.") from None


def _json(value: object, status: int = 200) -> Response:
    return JSONResponse(value, status, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


async def _invalid(_request: Request, raised: Exception) -> Response:
    problems = raised.problems if isinstance(raised, InvalidOrder) else {}
    return _json({"error": "invalid_order", "problems": problems}, 422)


async def _refused(_request: Request, raised: Exception) -> Response:
    status, detail = (raised.status_code, raised.detail) if isinstance(raised, HTTPException) else (500, "")
    headers = raised.headers if isinstance(raised, HTTPException) else None
    answer = _json({"error": "refused", "error_description": detail}, status)
    answer.headers.update(headers or {})
    return answer


async def _failed(_request: Request, _raised: Exception) -> Response:
    return _json({"error": "internal", "error_description": "The API failed. Its log says why."}, 500)
