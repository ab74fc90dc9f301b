"""What beats in the background of each process: it follows the registry's version and the revocation feed, and tidies.

A missed beat is never an error by itself: the caches it feeds stop being trusted after a second of silence and the
stores are asked directly (DESIGN 6.3).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from authserver.effects import Clock
from authserver.errors import Refusal
from authserver.store import Grants
from authserver.store.cached import CachedRegistry
from authserver.tokens.revocation import Revocations

BEAT = 0.1
"""Seconds between two looks at the announced numbers."""

FEED = 0.5
"""Seconds after which the revocation feed is read even if nobody hinted at anything new."""

SQL = 10.0
"""Seconds after which the registry's own version is read and announced again, should the announcement have been lost."""

PURGE = 300.0

log = structlog.get_logger("heart")


class Announcements(Protocol):
    """The numbers that all processes watch; see `authserver.adapters.redis.heartbeat`."""

    async def publish_version(self, version: int) -> None: ...

    async def read_version(self) -> int: ...

    async def hint_revocation(self) -> int: ...

    async def read_revocations(self) -> int: ...


class Heart:
    """Beats until `stop`."""

    def __init__(
        self,
        announcements: Announcements,
        registry: CachedRegistry,
        revocations: Revocations,
        grants: Grants,
        clock: Clock,
    ) -> None:
        self._announcements = announcements
        self._registry = registry
        self._revocations = revocations
        self._grants = grants
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._hints = -1
        self._feed_at = 0.0
        self._sql_at = 0.0

    async def start(self) -> None:
        """Beat once, so that the process starts with what it must know, then go on in the background."""
        await self._beat()
        self._tasks = [
            asyncio.create_task(self._every(BEAT, self._beat), name="heartbeat"),
            asyncio.create_task(self._every(PURGE, self._purge), name="purge"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        failing = False
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
                failing = False
            except Refusal as refusal:
                if not failing:
                    log.warning("a store does not answer", detail=refusal.detail or refusal.sentence)
                failing = True
            except Exception:
                log.exception("the heartbeat failed")

    async def _beat(self) -> None:
        now = self._clock()
        version, hints = await asyncio.gather(
            self._announcements.read_version(), self._announcements.read_revocations()
        )
        if now >= self._sql_at or version == 0:
            # Lost announcements (a crash between commit and announcement, a flushed store) are made good here.
            self._sql_at = now + SQL
            stored = await self._registry.version()
            if stored > version:
                await self._announcements.publish_version(stored)
                version = stored
        self._registry.heard(version)
        if hints != self._hints or now >= self._feed_at:
            self._feed_at = now + FEED
            await self._revocations.follow()
            self._hints = hints

    async def _purge(self) -> None:
        count = await self._grants.purge(int(self._clock()))
        if count:
            log.info("purged", count=count)
