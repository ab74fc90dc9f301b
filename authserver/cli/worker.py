"""One worker of `poolgate serve --workers N`: serves a socket it was given, with stores that its parent prepared."""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from authserver.app import build, new_frame
from authserver.cli._transports import transports_of
from authserver.effects import SystemRandom, system_clock
from authserver.gate import Lifecycle
from authserver.logs import configure
from authserver.metrics import Metrics
from authserver.opening import open_stores
from authserver.serving import run, serving, settle, until_stopped
from authserver.settings import Settings
from authserver.wiring import wire

log = structlog.get_logger("server")

_PR_SET_PDEATHSIG = 1

NOTICE = 0.2
"""Seconds between `/readyz` turning and the socket closing."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told by its parent, over its standard input."""

    settings: Settings
    redis_url: str
    socket: int
    metrics_folder: Path
    number: int
    parent: int


async def work(order: Order) -> None:
    """Serve until told to stop, or until the parent is gone."""
    settings = order.settings
    lifecycle = Lifecycle()
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            open_stores(settings, system_clock, SystemRandom(), redis_url=order.redis_url, prepared=True, serving=True)
        )
        wired = wire(opened, new_frame(), transports=transports_of(opened))
        await stack.enter_async_context(wired.running())
        sock = socket.socket(fileno=order.socket)
        noting = asyncio.create_task(_note_metrics(opened.metrics, order))
        try:
            async with serving(build(wired, lifecycle), sock, [str(n) for n in settings.trusted_proxies]):
                settle()
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                await until_stopped(lifecycle, notice=NOTICE)
        finally:
            noting.cancel()
            opened.metrics.write(order.metrics_folder)


async def _note_metrics(metrics: Metrics, order: Order) -> None:
    while True:
        try:
            metrics.write(order.metrics_folder)
        except OSError as error:  # a full disk must not keep the process from noticing the end of its parent
            log.warning("the metrics could not be noted", error=str(error))
        await asyncio.sleep(1)
        if os.getppid() != order.parent:
            os._exit(1)  # the parent died and the stores die with it; whoever supervises starts us all anew


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent (Linux): whoever starts the server again at once must find the
    port free. Elsewhere `_note_metrics` sees to it within a second.
    """
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it ended before the order was placed
        sys.exit(1)


def main() -> None:
    """The process."""
    order: Order = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent, over its pipe
    _die_with(order.parent)
    configure(order.settings.log_format, order.settings.log_level)
    run(work(order))


if __name__ == "__main__":
    main()
