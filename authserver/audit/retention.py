"""Retention: entries older than the pool keeps go, and an entry in the chain accounts for them."""

from datetime import timedelta

import structlog

from authserver.audit.chain import PRUNED, link
from authserver.effects import Clock
from authserver.model.journal import AuditEntry, AuditFilter
from authserver.store import Journal

log = structlog.get_logger("audit")

_DAY = int(timedelta(days=1).total_seconds() * 1000)
_PAGE = 2000


async def prune(journal: Journal, pool: str, keep_days: int, clock: Clock) -> int:
    """Delete the entries that are more than `keep_days` old; returns how many went.

    Nothing happens before the oldest is a day beyond that, so that one day of entries goes at a time. First an entry
    `audit.pruned` is appended that says up to where, so that the chain that is left can be verified from its new
    beginning: what is gone beyond that was not retention.

    Raises:
        StoreUnavailable: what was deleted so far is accounted for.
    """
    now = int(clock() * 1000)
    before = now - keep_days * _DAY
    oldest = await journal.entries(pool, AuditFilter(), limit=1, after=0)
    if not oldest or oldest[0].at >= before - _DAY:
        return 0
    last = await _last_of_beginning(journal, pool, before)
    if last is None:
        return 0
    details = {"through": last.seq, "hash": last.hash, "days": keep_days}
    note = AuditEntry(pool, 0, now, PRUNED, "info", "system", details=details)
    await journal.append(pool, [note], link)
    count = 0
    while went := await journal.prune(pool, before):
        count += went
    log.info("old audit entries were deleted", pool=pool, count=count)
    return count


async def _last_of_beginning(journal: Journal, pool: str, before: int) -> AuditEntry | None:
    """The last entry of those at the beginning that are all older: times need not be in the order of the numbers."""
    last, after = None, 0
    while page := await journal.entries(pool, AuditFilter(), limit=_PAGE, after=after):
        for entry in page:
            if entry.at >= before:
                return last
            last = entry
        after = page[-1].seq
    return last
