"""Servers on loopback that keep what reached them, for tests of what goes out."""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

LOOPBACK = ("127.0.0.0/8", "::1")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"

Behave = Callable[[bytes], bytes | Awaitable[bytes]]


class Trap:
    """A server that keeps what reached it: connections, and request heads with their bodies."""

    def __init__(self, behave: Behave, *, close: bool = False) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0
        self._behave = behave
        self._close = close
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                request = head + await reader.readexactly(length)
                self.requests.append(request)
                answer = self._behave(request)
                writer.write(answer if isinstance(answer, bytes) else await answer)
                await writer.drain()
                if self._close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def trap(
    behave: Behave | bytes = OK, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, close: bool = False
) -> AsyncIterator[Trap]:
    answer: Behave = (lambda _request: behave) if isinstance(behave, bytes) else behave
    one = Trap(answer, close=close)
    server = await asyncio.start_server(one.serve, host, 0, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        await one.end()


def answer(status: int, value: object = None) -> bytes:
    """An answer in JSON, or without a body."""
    body = b"" if value is None else json.dumps(value).encode()
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body


def taken_apart(request: bytes) -> tuple[dict[str, str], Any]:
    """The headers of a request, names in lower case, and its body in JSON."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return headers, json.loads(body) if body else None


def signed_well(request: bytes, secret: bytes) -> bool:
    """As a receiver checks it: the signature covers the time and the body as it came."""
    headers, _ = taken_apart(request)
    parts = dict(part.split("=", 1) for part in headers["x-poolgate-signature"].split(","))
    body = request.partition(b"\r\n\r\n")[2]
    wanted = hmac.new(secret, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts["v1"])
