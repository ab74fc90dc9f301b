"""Running applications: uvicorn under our own signals, drained before it ends, alone or as one of several workers."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from authserver.connection import GuardedProtocol
from authserver.errors import Conflict
from authserver.gate import Lifecycle

DRAIN = 8
"""Seconds that requests under way may take after the signal to stop (F25: ended within ten)."""

log = structlog.get_logger("server")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: one process may run several servers, and stops them in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int, name: str, *, spread: bool = False) -> socket.socket:
    """A listening socket. Raises Conflict with the port's name if it is taken.

    `spread`: one of several of ours on this port, among which the kernel spreads new connections (Linux).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address = "127.0.0.1" if host == "localhost" else host
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if spread:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((address, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise Conflict(f"Port {port} ({name}) cannot be listened on: {error.strerror}; --port gives another.") from None
    return sock


class Doors:
    """Listening sockets on one port, one for each worker. Raises Conflict if the port is taken.

    On Linux each is a socket of its own and gets its share of new connections; a socket that workers share gives a whole
    burst to the one that wakes first, and a proxy's kept connections then stay with it. Elsewhere they are one socket.
    """

    def __init__(self, host: str, port: int, name: str, count: int) -> None:
        sock = listen(host, port, name)  # not to be had beside anybody else's, sharing or not
        self._where = (host, sock.getsockname()[1], name)
        self._sockets: list[socket.socket | None] = [None] * count
        self._shared = None if sys.platform == "linux" else sock
        if self._shared is None:
            sock.close()
        for number in range(count):
            self.open(number)

    def open(self, number: int) -> int:
        """The file descriptor of this worker's socket, made if there is none. Raises Conflict."""
        sock = self._sockets[number]
        if sock is None:
            sock = listen(*self._where, spread=True) if self._shared is None else self._shared.dup()
            self._sockets[number] = sock
        return sock.fileno()

    def close(self, number: int) -> None:
        """Let go of this worker's socket. Once the worker has too, connections go to the others."""
        sock = self._sockets[number]
        self._sockets[number] = None
        if sock is not None:
            sock.close()
        if self._shared is not None and not any(self._sockets):
            self._shared.close()


@asynccontextmanager
async def serving(
    app: ASGIApp, sock: socket.socket, trusted_proxies: Sequence[str] = (), *, lifespan: bool = False
) -> AsyncIterator[None]:
    """Serve the application on the socket; with the block's end, finish what is under way and close.

    `lifespan`: tell the application of start and end, as ASGI has it.
    """
    config = uvicorn.Config(
        cast("Any", app),  # uvicorn spells out the types of ASGI messages, Starlette does not
        log_config=None,
        access_log=False,
        lifespan="on" if lifespan else "off",
        server_header=False,
        date_header=True,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=DRAIN,
        http=GuardedProtocol,
        ws="none",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]), name="server")
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.001)
        yield
    finally:
        server.should_exit = True
        await task


def stop_event(on_stop: Callable[[], None] = lambda: None) -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; `on_stop` is called first."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        if not event.is_set():
            log.info("stopping", signal=number.name)
            on_stop()
            event.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return event


async def until_stopped(lifecycle: Lifecycle, *, notice: float) -> None:
    """Wait for the signal to stop, then say so on `/readyz` for `notice` seconds before anything is closed."""

    def drain() -> None:
        lifecycle.draining = True

    await stop_event(drain).wait()
    await asyncio.sleep(notice)


def settle() -> None:
    """The server is ready: collect garbage from now on, and leave alone what start-up made, since it stays."""
    gc.freeze()
    gc.enable()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, on uvloop where there is one."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)
