"""Hundreds of connections that dawdle hold up nobody else (security reference D1)."""

import contextlib
import socket
import statistics
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.system.installation import Installation, installation
from tests.system.pools import POOL, pool_file

pytestmark = [pytest.mark.nightly, pytest.mark.serial]

SLOW = 500
ASKED = 400
AT_MOST = 2.0
"""The 95th percentile beside slow connections, as a multiple of that without."""
SPARE = 0.002
"""Seconds that a busy machine may add to a time this short."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("slow"), pools={POOL: pool_file(POOL, ["ada"])}) as at:
        yield at


def slow_head(line: socket.socket, host: bytes, turn: int) -> None:
    """A byte of a header line now and then."""
    line.sendall(b"GET /readyz HTTP/1.1\r\nHost: %s\r\nX-Slow: " % host if turn == 0 else b"a")


def slow_body(line: socket.socket, host: bytes, turn: int) -> None:
    """A form of a thousand bytes, of which one comes now and then."""
    head = b"POST /%s/oauth2/token HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n" % (POOL.encode(), host)
    line.sendall(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" if turn == 0 else b"a")


def slow_read(line: socket.socket, host: bytes, turn: int) -> None:
    """Answers are asked for, and hardly read."""
    if turn == 0:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    line.sendall(b"GET /%s/.well-known/openid-configuration HTTP/1.1\r\nHost: %s\r\n\r\n" % (POOL.encode(), host))
    assert line.recv(1)  # one byte of many answers


def p95(at: Installation, beside: Callable[[int], None]) -> float:
    """Of discovery over one connection, in seconds; `beside` is called now and then."""
    taken: list[float] = []
    with httpx.Client(base_url=at.issuer()) as client:
        for number in range(ASKED):
            if number % (ASKED // 8) == 0:
                beside(number // (ASKED // 8))
            began = time.perf_counter()
            assert client.get("/.well-known/openid-configuration").status_code == 200
            taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20)[-1]


@pytest.mark.parametrize("dawdle", [slow_head, slow_body, slow_read])
def test_slow_connections_hold_up_nobody(
    server: Installation, dawdle: Callable[[socket.socket, bytes, int], None]
) -> None:
    host = b"127.0.0.1:%d" % server.port
    idle = min(p95(server, lambda _: None) for _ in range(3))
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30)) for _ in range(SLOW)]

        def beside(turn: int) -> None:
            for line in lines:
                with contextlib.suppress(OSError):  # the server has had enough of it
                    dawdle(line, host, turn)

        beside(0)
        slow = min(p95(server, lambda turn: beside(turn + 1)) for _ in range(3))
    print(f"{dawdle.__name__}: p95 {slow * 1000:.2f} ms beside {SLOW}, {idle * 1000:.2f} ms without")
    assert slow <= AT_MOST * idle + SPARE
