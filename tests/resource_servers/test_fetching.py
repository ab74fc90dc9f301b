"""The default fetch, against a real server on this machine."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from resource_servers.fetching import MAX_DOCUMENT, FetchFailed, http_fetch
from resource_servers.jwks import JwksCache
from resource_servers.testing import ToyIssuer

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def server(answer: bytes, *, pause: float = 0) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers every connection with the same bytes; gives its URL and the requests it got."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(pause)
        try:
            writer.write(answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            return  # the client had read enough

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/jwks", requests


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def test_a_document_is_fetched() -> None:
    async with server(http("200 OK", b'{"keys": []}', "Cache-Control: max-age=60")) as (url, requests):
        fetched = await http_fetch()(url)
        assert len(await JwksCache(url=url).keys()) == 0
    assert (fetched.status, fetched.body) == (200, b'{"keys": []}')
    assert fetched.headers["cache-control"] == "max-age=60"
    assert b"accept-encoding: identity" in requests[0].lower()


async def test_a_redirect_is_not_followed() -> None:
    async with (
        server(http("200 OK", b'{"keys": []}')) as (other, asked),
        server(http("302 Found", b"", f"Location: {other}")) as (url, _),
    ):
        fetched = await http_fetch()(url)
    assert fetched.status == 302
    assert asked == []


async def test_a_huge_document_is_not_read_to_its_end() -> None:
    async with server(http("200 OK", b"x" * (MAX_DOCUMENT + 1))) as (url, _):
        with pytest.raises(FetchFailed, match="more than"):
            await http_fetch()(url)
    async with server(http("200 OK", b"x" * MAX_DOCUMENT)) as (url, _):
        assert len((await http_fetch()(url)).body) == MAX_DOCUMENT


async def test_nothing_is_unpacked() -> None:
    packed = gzip.compress(b"0" * 10_000_000)
    async with server(http("200 OK", packed, "Content-Encoding: gzip")) as (url, _):
        with pytest.raises(FetchFailed, match="packed"):
            await http_fetch()(url)
    async with server(http("200 OK", b"{}", "Content-Encoding: identity")) as (url, _):
        assert (await http_fetch()(url)).body == b"{}"


async def test_a_slow_server_is_given_up() -> None:
    async with server(http("200 OK", b"{}"), pause=0.5) as (url, _):
        with pytest.raises(FetchFailed, match="does not answer"):
            await http_fetch(timeout=0.05)(url)
        assert (await http_fetch()(url)).status == 200


async def test_a_server_that_is_not_there_is_no_answer() -> None:
    async with server(http("200 OK", b"{}")) as (url, _):
        pass
    with pytest.raises(FetchFailed, match="does not answer"):
        await http_fetch()(url)


@pytest.mark.parametrize("answer", [b"", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"])
async def test_what_is_no_http_is_no_answer(answer: bytes) -> None:
    async with server(answer) as (url, _):
        with pytest.raises(FetchFailed):
            await http_fetch()(url)


async def test_what_is_no_url_is_no_answer() -> None:
    with pytest.raises(FetchFailed):
        await http_fetch()("https://[::1")


async def test_another_transport_can_be_given() -> None:
    issuer = ToyIssuer()
    fetch = http_fetch(transport=issuer.transport())
    assert (await fetch(issuer.jwks_uri)).status == 200
    assert (await fetch("https://elsewhere.test/")).status == 404
    assert len(await JwksCache(issuer.issuer, fetch=fetch).keys()) == 1
    async with httpx.AsyncClient(transport=issuer.transport()) as client:
        assert (await client.get(issuer.jwks_uri)).json() == issuer.jwks()
