"""One connection: how large and how slow a request may be before the door is shut."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from authserver import connection, web
from authserver.serving import listen, serving
from authserver.web import Gone, Request, TooLarge

pytestmark = pytest.mark.anyio

MOST = connection.MOST_HEAD
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    status = b"read"
    try:
        body = await Request(scope, receive, "id").body()
    except TooLarge:
        status, body = b"too large", b""
    except Gone:
        status, body = b"gone", b""
    text = status + b" %d" % len(body)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


@asynccontextmanager
async def door() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An open connection to a server."""
    sock: socket.socket = listen("127.0.0.1", 0, "test")
    async with serving(app, sock):
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()


async def answer_to(*pieces: bytes, pause: float = 0.0) -> bytes:
    """What comes back, up to the end of the connection or the first whole answer."""
    async with door() as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            return head + await reader.readexactly(length)


def headers(size: int) -> bytes:
    """A request whose head has exactly so many bytes."""
    rest = size - len(GET) - len(b"A: \r\n\r\n")
    return GET + b"A: " + b"x" * rest + b"\r\n\r\n"


async def test_a_head_may_be_so_large_and_no_larger() -> None:
    assert b"read 0" in await answer_to(headers(MOST))
    assert (await answer_to(headers(MOST + 1))).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"GET /" + b"x" * 3 * MOST, id="address"),
        pytest.param(GET + b"A: " + b"x" * 3 * MOST, id="value"),
        pytest.param(GET + b"x" * 3 * MOST, id="name"),
        pytest.param(GET + b"A: b\r\n" * MOST, id="headers"),
    ],
)
async def test_an_endless_head_is_refused_before_it_ends(endless: bytes) -> None:
    assert (await answer_to(endless)).startswith(b"HTTP/1.1 431 ")


async def test_the_limit_counts_each_head_of_a_connection_by_itself_and_no_body() -> None:
    body = b"y" * 60_000
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with door() as (reader, writer):
        for _ in range(3):
            writer.write(post + body)
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(b"read 60000")) == b"read 60000"
        writer.write(headers(MOST))
        assert b"200" in await reader.readuntil(b"\r\n")


async def test_a_silent_or_slow_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_WITHIN", 0.2)
    for beginning in (b"", b"GET / HT", GET):
        async with door() as (reader, writer):
            writer.write(beginning)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
    assert b"read 0" in await answer_to(GET, b"\r\n", pause=0.1)


async def test_a_body_in_pieces_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    assert b"read 4" in await answer_to(post, b"ab", b"cd", pause=0.05)
    monkeypatch.setattr(web, "BODY_WITHIN", 0.2)
    assert b"gone 0" in await answer_to(post, b"ab")
