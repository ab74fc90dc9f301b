"""Housekeeping of a serving process: what is due by the calendar rather than by a request."""

import asyncio
import contextlib

import structlog

from authserver.accounts.closing import Closing
from authserver.accounts.unconfirmed import Unconfirmed
from authserver.audit.retention import prune
from authserver.broker.service import Broker
from authserver.effects import Clock
from authserver.errors import Refusal
from authserver.protection.warm import warm
from authserver.store import Journal, Registry

EVERY = 300.0
"""Seconds."""

AFTER_START = 1.0
"""Seconds after which what the first sign-in would wait for is loaded: when whoever started us has an answer."""

log = structlog.get_logger("tidying")


class Tidying:
    """Deletes the accounts whose days of grace are over, those that nobody confirmed, and audit entries that are too
    old; and lets the broker see to what identity providers publish.
    """

    def __init__(
        self,
        closing: Closing,
        unconfirmed: Unconfirmed,
        registry: Registry,
        journal: Journal,
        broker: Broker,
        keep_days: int,
        clock: Clock,
        every: float = EVERY,
    ) -> None:
        self._closing = closing
        self._unconfirmed = unconfirmed
        self._registry = registry
        self._journal = journal
        self._broker = broker
        self._keep_days = keep_days
        self._clock = clock
        self._every = every
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="tidying")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    async def _run(self) -> None:
        await asyncio.sleep(AFTER_START)
        await asyncio.to_thread(warm)
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._broker.tend()
                await self._closing.carry_out()
                for pool in await self._registry.pools():
                    await self._unconfirmed.purge(pool)
                    await prune(self._journal, pool.id, self._keep_days, self._clock)
            except Refusal as refusal:  # a store does not answer: the next round finds the same
                log.warning("housekeeping failed", detail=refusal.detail)
