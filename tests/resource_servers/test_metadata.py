"""Where a client learns whom to ask for a token (RFC 9728)."""

import json
from typing import Any

import pytest

from resource_servers.metadata import ResourceMetadata, metadata_url
from tests.resource_servers.test_asgi import APP, Exchange, call

pytestmark = pytest.mark.anyio

PATH = "/.well-known/oauth-protected-resource"
SERVED = ResourceMetadata(
    APP,
    resource="https://orders.example",
    authorization_servers=["https://login.example/acme_Pool1"],
    scopes=["https://orders.example/write", "https://orders.example/read"],
    name="Orders",
)


async def get(app: Any, path: str = PATH, **more: Any) -> Exchange:
    return await call(app, path=path, **more)


async def test_the_document_says_whom_to_ask() -> None:
    exchange = await get(SERVED)
    assert exchange.status == 200
    assert exchange.headers["content-type"] == "application/json"
    assert exchange.headers["access-control-allow-origin"] == "*"
    assert int(exchange.headers["content-length"]) == len(exchange.body)
    assert json.loads(exchange.body) == {
        "resource": "https://orders.example",
        "authorization_servers": ["https://login.example/acme_Pool1"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["https://orders.example/read", "https://orders.example/write"],
        "resource_name": "Orders",
    }


async def test_what_is_not_known_is_left_out() -> None:
    app = ResourceMetadata(APP, resource="https://orders.example/v1", authorization_servers=["https://login.example"])
    document = json.loads((await get(app, PATH + "/v1")).body)
    assert document.keys() == {"resource", "authorization_servers", "bearer_methods_supported"}
    assert (await get(app)).status == 401  # not its path


async def test_head_has_the_length_and_no_body() -> None:
    exchange = await get(SERVED, method="HEAD")
    assert exchange.status == 200
    assert exchange.body == b""
    assert exchange.headers["content-length"] == (await get(SERVED)).headers["content-length"]


async def test_the_document_is_only_read() -> None:
    exchange = await get(SERVED, method="POST")
    assert exchange.status == 405
    assert exchange.headers["allow"] == "GET, HEAD"


async def test_everything_else_goes_on_to_the_application() -> None:
    assert (await get(SERVED, "/orders")).status == 401
    assert (await get(SERVED, PATH + "/")).status == 401
    assert (await get(SERVED, kind="websocket")).sent[0]["type"] == "websocket.close"


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://orders.example", f"https://orders.example{PATH}"),
        ("https://orders.example/", f"https://orders.example{PATH}"),
        ("https://orders.example/v1", f"https://orders.example{PATH}/v1"),
        ("https://orders.example/v1/", f"https://orders.example{PATH}/v1/"),
        ("https://orders.example:8443/a/b?c=d", f"https://orders.example:8443{PATH}/a/b?c=d"),
        ("http://127.0.0.1:8002", f"http://127.0.0.1:8002{PATH}"),
    ],
)
async def test_the_well_known_part_goes_between_host_and_path(resource: str, url: str) -> None:
    assert metadata_url(resource) == url


@pytest.mark.parametrize(
    "resource", ["orders", "urn:orders", "https://", "https://orders.example#top", "https://a#", ""]
)
async def test_what_is_no_resource_identifier_is_refused(resource: str) -> None:
    with pytest.raises(ValueError):
        metadata_url(resource)
    with pytest.raises(ValueError):
        ResourceMetadata(APP, resource=resource, authorization_servers=[])
