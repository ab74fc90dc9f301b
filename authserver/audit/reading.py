"""Reading the trail: page by page, from either end, and as it grows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from authserver.model.journal import AuditEntry, AuditFilter
from authserver.store import Journal

PAGE = 500

ALL = AuditFilter()
"""Every entry."""


async def oldest_first(
    journal: Journal, pool: str, wanted: AuditFilter = ALL, *, after: int = 0
) -> AsyncIterator[AuditEntry]:
    """All entries that fit, from the one after `after` on."""
    while True:
        page = await journal.entries(pool, wanted, limit=PAGE, after=after)
        for entry in page:
            yield entry
        if len(page) < PAGE:
            return
        after = page[-1].seq


async def newest_first(
    journal: Journal, pool: str, wanted: AuditFilter = ALL, *, before: int | None = None
) -> AsyncIterator[AuditEntry]:
    """All entries that fit, from the one before `before` back."""
    while True:
        page = await journal.entries(pool, wanted, limit=PAGE, before=before)
        for entry in page:
            yield entry
        if len(page) < PAGE:
            return
        before = page[-1].seq


async def as_it_grows(
    journal: Journal,
    pool: str,
    wanted: AuditFilter = ALL,
    *,
    after: int,
    every: float = 1.0,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[AuditEntry]:
    """Entries that fit, as they are appended; without end."""
    while True:
        async for entry in oldest_first(journal, pool, wanted, after=after):
            yield entry
            after = entry.seq
        await pause(every)
