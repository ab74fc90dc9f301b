"""Many requests at once, as truly as one machine can: every connection stands before the first byte is sent."""

import base64
import contextlib
import json
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import psutil

from tests.system.installation import Installation


@dataclass(frozen=True)
class Reply:
    """An answer that came whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Cut(AssertionError):  # noqa: N818 - what happened to it
    """The connection ended before the whole answer had come."""


def request(
    method: str,
    path: str,
    *,
    form: dict[str, str] | None = None,
    basic: tuple[str, str] | None = None,
    bearer: str | None = None,
    cookies: dict[str, str] | None = None,
    close: bool = True,
) -> bytes:
    """A request, byte for byte."""
    headers: dict[str, str] = {}
    if close:
        headers["Connection"] = "close"
    if basic is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    body = b""
    if form is not None:
        body = urlencode(form).encode()
        headers |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def read_reply(line: socket.socket) -> Reply:
    """The one answer that comes next. Raises Cut if it does not come whole."""
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        if found:
            first, *rest = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (r.partition(":") for r in rest)}
            if len(body) >= int(headers.get("content-length", "0")):
                return Reply(int(first.split()[1]), headers, body)
        try:
            piece = line.recv(65536)
        except OSError as error:
            raise Cut(f"{error!r} after {data!r}") from error
        if not piece:
            raise Cut(f"the connection ended after {data!r}")
        data += piece


@contextlib.contextmanager
def connections(at: Installation, count: int, *, timeout: float = 60) -> Iterator[list[socket.socket]]:
    """That many open connections, shared among the workers as the system shared them; each worker has some."""
    for _ in range(20):
        with contextlib.ExitStack() as stack:
            lines = [
                stack.enter_context(socket.create_connection(("127.0.0.1", at.port), timeout)) for _ in range(count)
            ]
            held: set[int | None] = {None}
            deadline = time.monotonic() + 10
            while None in held and time.monotonic() < deadline:
                held = set(owners(at, lines))
            if held == set(at.worker_pids()):
                yield lines
                return
    raise AssertionError(f"the system gave one of the workers none of {count} connections, twenty times in a row")


def owners(at: Installation, lines: Sequence[socket.socket]) -> list[int | None]:
    """The worker that holds the other end of each connection."""
    by_port = {
        held.raddr.port: pid
        for pid in at.worker_pids()
        for held in psutil.Process(pid).net_connections("tcp4")
        if held.raddr and held.laddr.port == at.port
    }
    return [by_port.get(line.getsockname()[1]) for line in lines]


def volley(at: Installation, requests: Sequence[bytes]) -> list[Reply]:
    """Send all the requests at once, over every worker, and return their answers. Raises Cut."""
    with connections(at, len(requests)) as lines:
        for line, content in zip(lines, requests, strict=True):
            line.sendall(content)
        return [read_reply(line) for line in lines]


def until_everywhere(at: Installation, content: bytes, status: int, seconds: float) -> float:
    """Ask every worker over fresh connections until every answer has the status, and a few times more.

    `content` leaves the connection open. Returns after how many seconds it was so. Raises AssertionError if it was not
    in time, or did not stay so.
    """
    began = time.monotonic()
    with connections(at, 12) as lines:

        def ask() -> set[int]:
            for line in lines:
                line.sendall(content)
            return {read_reply(line).status for line in lines}

        while (found := ask()) != {status}:
            took = time.monotonic() - began
            assert took < seconds, f"{found} after {took:.2f} s"
        took = time.monotonic() - began
        for _ in range(5):
            assert ask() == {status}
        return took
