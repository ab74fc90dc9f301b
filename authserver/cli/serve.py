"""`poolgate serve`: one process that answers by itself, or a parent that owns the stores and keeps workers running."""

import asyncio
import contextlib
import os
import pickle
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from authserver.app import build, new_frame
from authserver.cli._advice import settings_advice
from authserver.cli._branding import refuse_bad_branding
from authserver.cli._context import House
from authserver.cli._transports import transports_of
from authserver.cli.apply import plans_of
from authserver.cli.demo_pool import DEMO_POOL
from authserver.cli.worker import NOTICE, Order
from authserver.effects import SystemRandom, system_clock
from authserver.errors import Invalid
from authserver.gate import Lifecycle
from authserver.logs import configure
from authserver.metrics import exposition, read_snapshots
from authserver.metrics_page import serve_metrics
from authserver.opening import Opened, migrate, open_redis_url, open_stores
from authserver.serving import DRAIN, Doors, listen, run, serving, settle, stop_event, until_stopped
from authserver.settings import HostPort, Settings, load_settings, refuse_unsafe
from authserver.wiring import wire

log = structlog.get_logger("server")

_RESPAWN = 1.0
"""Seconds before a worker that died is replaced."""


def serve(config: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Start for real. Raises Refusal."""
    settings = load_settings(config)
    listen_on = HostPort(
        host if host is not None else settings.listen.host, port if port is not None else settings.listen.port
    )
    settings = replace(settings, listen=listen_on, workers=workers or settings.workers)
    refuse_unsafe(settings)
    configure(settings.log_format, settings.log_level)
    if settings.workers == 1:
        run(_alone(settings, listen(listen_on.host, listen_on.port, "listen")))
    else:
        run(_with_workers(settings, Doors(listen_on.host, listen_on.port, "listen", settings.workers)))


async def _alone(settings: Settings, sock: socket.socket) -> None:
    lifecycle = Lifecycle()
    async with open_stores(settings, system_clock, SystemRandom(), serving=True) as opened:
        await apply_pool_files(settings, opened)
        await _look_around(settings, opened)
        wired = wire(opened, new_frame(), transports=transports_of(opened))
        proxies = [str(n) for n in settings.trusted_proxies]
        async with wired.running(), serving(build(wired, lifecycle), sock, proxies):
            with metrics_page(settings, lambda: exposition([opened.metrics.snapshot()])):
                settle()
                log.info("ready", url=settings.base_url, port=sock.getsockname()[1])
                await until_stopped(lifecycle, notice=NOTICE)


async def _with_workers(settings: Settings, doors: Doors) -> None:
    """The parent owns the embedded store and migrates before any worker starts (DESIGN 2)."""
    folder = settings.data_dir / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    async with open_redis_url(settings, serving=True) as redis_url:
        await migrate(settings)
        folder.mkdir(mode=0o700, parents=True)
        async with open_stores(settings, system_clock, SystemRandom(), redis_url=redis_url, prepared=True) as opened:
            await apply_pool_files(settings, opened)
            await _look_around(settings, opened)
        settle()
        stopping = stop_event()
        order = Order(settings, redis_url, -1, folder, 0, os.getpid())
        orders = [replace(order, number=n) for n in range(settings.workers)]
        with metrics_page(settings, lambda: exposition(read_snapshots(folder))):
            await asyncio.gather(*(_keep(each, doors, stopping) for each in orders))


async def _keep(order: Order, doors: Doors, stopping: asyncio.Event) -> None:
    """Keep one worker running until the signal to stop."""
    while not stopping.is_set():
        order = replace(order, socket=doors.open(order.number))
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "authserver.cli.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(order.socket,),
            # Signals of the terminal reach the parent alone, which ends its workers in its own order.
            start_new_session=True,
        )
        if worker.stdin is None or worker.stdout is None:
            raise AssertionError("a worker without pipes")
        worker.stdin.write(pickle.dumps(order))
        worker.stdin.close()
        if await worker.stdout.readline() == b"ready\n":
            log.info("ready", worker=order.number, pid=worker.pid, url=order.settings.base_url)
        ended = asyncio.create_task(worker.wait())
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        # At the signal the worker alone keeps it: once it closes it, callers are refused instead of left waiting. And
        # where there is no worker, the others get the connections.
        doors.close(order.number)
        if stopping.is_set():
            with contextlib.suppress(ProcessLookupError):
                worker.terminate()
            try:
                await asyncio.wait_for(ended, DRAIN + 2)
            except TimeoutError:
                worker.kill()
                await worker.wait()
            return
        log.error("a worker ended by itself", worker=order.number, code=worker.returncode)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _RESPAWN)


@contextlib.contextmanager
def metrics_page(settings: Settings, text: Callable[[], bytes]) -> Iterator[None]:
    """The Prometheus page while the block runs, if it is not off."""
    if settings.metrics is None:
        yield
        return
    end = serve_metrics(settings.metrics.host, settings.metrics.port, text)
    try:
        yield
    finally:
        end()


async def apply_pool_files(settings: Settings, opened: Opened) -> None:
    """Apply the pool files of the settings, and give every pool the keys it lacks.

    Raises BadConfig, before anything is changed, if one of them cannot be applied.
    """
    from authserver.accounts.provision import carry_out
    from authserver.audit.collecting import collecting
    from authserver.poolfile import load_pool_files

    files = load_pool_files(settings.pool_files, environ=os.environ)
    refuse_bad_branding(files)
    async with collecting(opened.stores.journal, opened.clock, settings.data_dir / "audit", "system") as emit:
        house = House(opened, settings, opened.clock, opened.random, emit)
        for made in await plans_of(opened.stores, files, prune=False):
            if not made.empty:
                await carry_out(made, house.tools())
                log.info("pool file applied", pool=made.pool.id, changes=len(made.changes))
    for pool in await opened.stores.registry.pools():
        await opened.key_ring.ensure(pool.id)


async def _look_around(settings: Settings, opened: Opened) -> None:
    """Say what is allowed but unsafe. Raises Invalid for the demo's pool where others could reach it."""
    for advice in settings_advice(settings):
        log.warning("unsafe", code=advice.code, advice=advice.sentence)
    if not any(pool.id == DEMO_POOL for pool in await opened.stores.registry.pools()):
        return
    sentence = f"{settings.data_dir} holds the demo's pool {DEMO_POOL}, whose passwords and secrets everybody knows"
    if settings.secure:
        raise Invalid(f"{sentence}. Set another `data_dir`.", field="data_dir")
    log.warning("unsafe", code="demo_pool", advice=sentence)
