"""The trail: hears events at once, and appends them to the Journal in the background.

Whoever emits never waits. Entries are appended in batches, a tenth of a second's worth in one transaction, so that a burst
of sign-ins costs a handful of commits. Nothing is dropped in silence: while the store does not answer entries wait in
memory, beyond that on disk, and what is on disk is appended once it can be, by this process or the next.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby, islice
from pathlib import Path

import structlog

from authserver.audit.appending import Appender
from authserver.audit.caller import Caller, caller
from authserver.audit.entries import PlaceOf, entry_of, is_audited
from authserver.audit.spill import Spill
from authserver.effects import Clock
from authserver.errors import Refusal, StoreUnavailable
from authserver.events import Event
from authserver.model.journal import AuditEntry
from authserver.store import Journal

Appended = Callable[[str, int], Awaitable[None]]
"""Told that entries of a pool were appended, with the number of the first: `feed.Feed.appended`."""

log = structlog.get_logger("audit")

COMMIT_EVERY = 0.1
"""Seconds that entries gather for one commit: what a process that is killed can lose."""

PIECE = 500
"""Entries of one transaction."""

RESTORED = "audit.restored"

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_DRAIN = 2.0
"""Seconds at the end in which the store may still answer; what is left then goes to disk."""
_LOOK_EVERY = 60.0
"""Seconds after which the disk is looked at for what other processes left, and the heads are written to the log."""
_HOPELESS = 10
"""With so many times more entries than may wait, and a disk that takes none, the oldest are given up."""


class Trail:
    """One process's way to the audit trail.

    Args:
        folder: where entries wait on disk; the processes of a machine share it.
        place_of: places of addresses, where a GeoIP file is given.
        most_waiting: entries kept in memory before they go to disk.
        commit_every: seconds that entries gather.
        appended: told after each commit.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        folder: Path,
        *,
        place_of: PlaceOf | None = None,
        most_waiting: int = 10_000,
        commit_every: float = COMMIT_EVERY,
        appended: Appended | None = None,
    ) -> None:
        self._appender = Appender(journal)
        self._clock = clock
        self._place_of = place_of
        self._most_waiting = most_waiting
        self._commit_every = commit_every
        self._appended = appended
        self._new: dict[str, int] = {}
        self._spill = Spill(folder)
        self._heard: deque[tuple[Event, float, Caller | None]] = deque()
        self._waiting: dict[str, deque[AuditEntry]] = {}
        self._late: dict[str, tuple[int, int]] = {}
        self._noted: dict[str, tuple[int, str]] = {}
        self._on_disk = False
        self._failing_since: float | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        """Entries that neither the store nor the disk would take. Each loss is in the log."""

    @property
    def waiting(self) -> int:
        """Entries that are not yet appended, those on disk not counted."""
        return len(self._heard) + sum(map(len, self._waiting.values()))

    def hear(self, event: Event) -> None:
        """A listener: takes the event into the trail, if its kind is kept. On the event loop's thread."""
        if is_audited(event):
            self._heard.append((event, self._clock(), caller.get()))
            self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write in the background while the block runs; at its end everything is in the store or on disk."""
        self.start()
        try:
            yield
        finally:
            await self.drain()

    def start(self) -> None:
        """Begin, with what an earlier process left on disk."""
        self._on_disk = True
        self._wake.set()
        self._task = asyncio.create_task(self._write(), name="audit")

    async def drain(self) -> None:
        """Write what was heard, and end. What the store does not take goes to disk."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_DRAIN)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                while self.waiting and await self._flush():
                    pass
        self._take_heard()
        if self.waiting:
            await self._to_disk()
        self._note_heads()
        self._spill.close()

    async def _write(self) -> None:
        pause, look_at = _FIRST_PAUSE, self._clock() + _LOOK_EVERY
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._wake.wait()
            await self._rest(self._commit_every)
            self._wake.clear()
            try:
                flushed = await self._flush()
            except Exception:
                log.exception("the audit trail could not be written", count=self.waiting)
                flushed = False
            if flushed:
                pause = _FIRST_PAUSE
            else:
                self._wake.set()
                await self._rest(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            if self._clock() >= look_at:
                look_at = self._clock() + _LOOK_EVERY
                self._on_disk = True
                self._note_heads()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _flush(self) -> bool:
        """Append all there is, what waits on disk first. False if the store does not answer; then it still waits."""
        self._take_heard()
        try:
            if self._on_disk:
                await self._append_from_disk()
            for pool, waiting in list(self._waiting.items()):
                while waiting:
                    for _ in range(await self._append(pool, list(islice(waiting, PIECE)))):
                        waiting.popleft()
                del self._waiting[pool]
        except StoreUnavailable as refusal:
            await self._keep(refusal)
            return False
        if self._failing_since is not None:
            log.info("the audit trail reaches its store again", seconds=round(self._clock() - self._failing_since))
            self._failing_since = None
        await self._tell()
        late, self._late = self._late, {}
        for pool, (count, since) in late.items():
            self.hear(Event(RESTORED, pool, details={"count": count, "since": since}))
        return True

    async def _tell(self) -> None:
        new, self._new = self._new, {}
        if self._appended is None:
            return
        for pool, first in new.items():
            try:
                await self._appended(pool, first)
            except Refusal as refusal:  # who waits for entries looks by itself before long
                log.warning("nobody could be told of new audit entries", pool=pool, detail=refusal.detail)

    def _take_heard(self) -> None:
        while self._heard:
            event, at, request = self._heard.popleft()
            try:
                entry = entry_of(event, int(at * 1000), request, self._place_of)
            except Exception:
                log.exception("an event could not be written down", kind=event.kind, pool=event.pool)
                self.lost += 1
                continue
            self._waiting.setdefault(event.pool, deque()).append(entry)

    async def _append(self, pool: str, entries: Sequence[AuditEntry], *, late: bool = False) -> int:
        """Append a piece, and return how many entries of it need no more care. Raises StoreUnavailable."""
        try:
            count = await self._appender.append(pool, entries)
        except StoreUnavailable:
            raise
        except Exception:
            # The store answers and will not have them: trying again and again would hold up all that follows.
            log.exception("audit entries were refused", pool=pool, count=len(entries))
            await self._refuse(entries)
            return len(entries)
        self._new.setdefault(pool, self._appender.heads[pool][0] - count + 1)
        if late or self._failing_since is not None:
            before, since = self._late.get(pool, (0, entries[0].at))
            self._late[pool] = (before + count, min(since, entries[0].at))
        return count

    async def _append_from_disk(self) -> None:
        while piece := await self._from_disk():
            for pool, run in groupby(piece, key=lambda entry: entry.pool):
                entries = list(run)
                while entries:
                    count = await self._append(pool, entries, late=True)
                    await asyncio.to_thread(self._spill.done, count)
                    entries = entries[count:]
        self._on_disk = False

    async def _from_disk(self) -> list[AuditEntry]:
        try:
            return await asyncio.to_thread(self._spill.next_piece, PIECE)
        except OSError as error:
            log.exception("audit entries on disk cannot be read", error=str(error))
            return []

    async def _keep(self, refusal: StoreUnavailable) -> None:
        """The store does not answer: wait in memory, and beyond that on disk."""
        if self._failing_since is None:
            self._failing_since = self._clock()
            log.error("the audit trail waits for its store", count=self.waiting, detail=refusal.detail)
        if self.waiting > self._most_waiting:
            await self._to_disk()

    async def _to_disk(self) -> None:
        """Put everything that waits in memory on disk."""
        waiting, self._waiting = self._waiting, {}
        entries = sorted((entry for queue in waiting.values() for entry in queue), key=lambda entry: entry.at)
        try:
            path = await asyncio.to_thread(self._spill.write, entries)
        except OSError as error:
            log.critical("audit entries cannot wait on disk", count=len(entries), error=str(error))
            excess = len(entries) - _HOPELESS * self._most_waiting
            if excess > 0 or self._stopping.is_set():
                gone = len(entries) if self._stopping.is_set() else excess
                self.lost += gone
                log.critical("audit entries are lost", count=gone)
                entries = entries[gone:]
            for entry in entries:
                self._waiting.setdefault(entry.pool, deque()).append(entry)
        else:
            self._on_disk = True
            log.warning("audit entries wait on disk", count=len(entries), file=str(path))

    async def _refuse(self, entries: Sequence[AuditEntry]) -> None:
        try:
            path = await asyncio.to_thread(self._spill.refuse, entries)
        except OSError as error:
            self.lost += len(entries)
            log.critical("audit entries are lost", count=len(entries), error=str(error))
        else:
            log.error("refused audit entries were put aside", count=len(entries), file=str(path))

    def _note_heads(self) -> None:
        """Write the heads to the log, which usually goes elsewhere: whoever has it can tell that a trail was cut off."""
        for pool, head in self._appender.heads.items():
            if self._noted.get(pool) != head:
                self._noted[pool] = head
                log.info("audit head", pool=pool, detail=f"{head[0]}:{head[1]}")
