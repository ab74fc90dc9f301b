"""The same guard under Starlette, as an API team writes it."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from resource_servers import Protect, ResourceMetadata, access_token, requires
from resource_servers.metadata import metadata_url
from resource_servers.testing import ToyIssuer

pytestmark = pytest.mark.anyio

API = "https://orders.example"
READ, WRITE = f"{API}/read", f"{API}/write"


@requires(READ)
async def orders(request: Request) -> Response:
    return JSONResponse({"of": access_token(request).subject})


@requires(WRITE, groups=["staff"])
def order(request: Request) -> Response:
    return JSONResponse({"by": access_token(request).client_id}, 201)


class Report(HTTPEndpoint):
    @requires(READ)
    async def get(self, request: Request) -> Response:
        return Response("report")


async def whoami(request: Request) -> Response:
    access_token(request).require(groups=["staff"])
    return Response("staff")


def api(issuer: ToyIssuer) -> Any:
    app = Starlette(
        routes=[
            Route("/orders", orders),
            Route("/orders", order, methods=["POST"]),
            Route("/report", Report),
            Route("/whoami", whoami),
            Mount("/files", requires(READ)(Starlette(routes=[Route("/{name}", lambda request: Response("file"))]))),
        ],
        middleware=[Middleware(Protect, validator=issuer.validator(), resource_metadata=metadata_url(API))],
    )
    return ResourceMetadata(app, resource=API, authorization_servers=[issuer.issuer], scopes=[READ, WRITE])


@pytest.fixture
def issuer() -> ToyIssuer:
    return ToyIssuer(audience=API)


@pytest.fixture
def client(issuer: ToyIssuer) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(api(issuer)), base_url=API)


def auth(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_endpoints_of_every_kind_are_protected(client: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    reader = auth(issuer.token("ada", scope=READ))
    writer = auth(issuer.token("ada", scope=WRITE, groups=["staff"]))
    assert (await client.get("/orders", headers=reader)).json() == {"of": "ada"}
    assert (await client.get("/report", headers=reader)).text == "report"
    assert (await client.get("/files/a", headers=reader)).text == "file"
    assert (await client.post("/orders", headers=writer)).json() == {"by": "client-1"}
    assert (await client.get("/whoami", headers=writer)).text == "staff"
    for method, path, headers in (
        ("POST", "/orders", reader),
        ("GET", "/orders", writer),
        ("GET", "/report", writer),
        ("GET", "/files/a", writer),
        ("GET", "/whoami", reader),
        ("POST", "/orders", auth(issuer.token("ada", scope=WRITE))),
    ):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    for path in ("/orders", "/report", "/files/a", "/whoami", "/nowhere"):
        assert (await client.get(path)).status_code == 401


async def test_a_client_finds_its_way_to_the_issuer(client: httpx.AsyncClient, issuer: ToyIssuer) -> None:
    """RFC 9728 section 5: from the challenge to the metadata to the issuer to the keys."""
    challenge = (await client.get("/orders")).headers["www-authenticate"]
    url = challenge.partition('resource_metadata="')[2].partition('"')[0]
    document = (await client.get(url)).json()
    assert document["resource"] == API
    assert document["authorization_servers"] == [issuer.issuer]
