"""What the tests of the audit trail share: a clock, a journal that can break off, and chains to tamper with."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from authserver.audit.chain import link
from authserver.errors import Conflict, StoreUnavailable
from authserver.events import Event
from authserver.model.journal import AuditEntry, AuditFilter
from authserver.store.memory import MemoryJournal

POOL = "test_Pool1"
NOW = 1_800_000_000.0


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class BreakableJournal(MemoryJournal):
    """A journal in memory whose store can be away, break off after the commit, or refuse what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.break_off_after_commit = 0
        self.races = 0
        self.refuse: Callable[[AuditEntry], bool] = lambda _entry: False
        self.appends = 0

    async def append(
        self, pool: str, entries: Sequence[AuditEntry], link: Callable[[AuditEntry, int, str], AuditEntry]
    ) -> None:
        self.appends += 1
        if self.away:
            raise StoreUnavailable(detail="away")
        if self.races:
            self.races -= 1
            raise Conflict(detail="somebody was faster")
        if any(self.refuse(entry) for entry in entries):
            raise RuntimeError("not with me")
        await super().append(pool, entries, link)
        if self.break_off_after_commit:
            self.break_off_after_commit -= 1
            raise StoreUnavailable(detail="broke off")

    async def entries(self, pool: str, wanted: AuditFilter, **page: Any) -> list[AuditEntry]:
        if self.away:
            raise StoreUnavailable(detail="away")
        return await super().entries(pool, wanted, **page)

    async def all(self, pool: str = POOL) -> list[AuditEntry]:
        return await MemoryJournal.entries(self, pool, AuditFilter(), limit=1_000_000, after=0)


def event(number: int = 0, kind: str = "sign_in.succeeded", **changes: Any) -> Event:
    """An event that can be told from others by its session."""
    return Event(**{"kind": kind, "pool": POOL, "user_id": "ada", "sid": f"s{number}"} | changes)


def chain(count: int, pool: str = POOL) -> list[AuditEntry]:
    """A good chain."""
    entries: list[AuditEntry] = []
    for seq in range(1, count + 1):
        plain = AuditEntry(pool, 0, 1000 * seq, "sign_in.succeeded", "success", "user:ada", details={"amr": ["pwd"]})
        entries.append(link(plain, seq, entries[-1].hash if entries else ""))
    return entries


async def walked(entries: Iterable[AuditEntry]) -> AsyncIterator[AuditEntry]:
    """As a journal hands them out."""
    for entry in entries:
        yield entry


@dataclass
class Heard:
    """What an `appended` hook was told."""

    calls: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, pool: str, first: int) -> None:
        self.calls.append((pool, first))
