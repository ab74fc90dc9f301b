"""Appending to the chain: each piece once, however often the store breaks off."""

from collections.abc import Sequence
from dataclasses import dataclass

from authserver.audit.chain import link
from authserver.errors import Conflict, StoreUnavailable
from authserver.model.journal import AuditEntry, AuditFilter
from authserver.store import Journal

_RACES = 5
"""How often a piece is tried at once when other processes append at the same moment."""


@dataclass(slots=True)
class _Attempt:
    """What a piece would be in the chain: the place and hash of its first entry, and of its last."""

    entries: Sequence[AuditEntry]
    first: tuple[int, str] = (0, "")
    last: tuple[int, str] = (0, "")

    def link(self, entry: AuditEntry, seq: int, previous: str) -> AuditEntry:
        linked = link(entry, seq, previous)
        self.last = (linked.seq, linked.hash)
        if entry is self.entries[0]:
            self.first = self.last
        return linked


class Appender:
    """Appends pieces of one pool at a time. `heads` are number and hash of the last entry that it appended, by pool."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._broken_off: dict[str, _Attempt] = {}
        self.heads: dict[str, tuple[int, str]] = {}

    async def append(self, pool: str, entries: Sequence[AuditEntry]) -> int:
        """Append the entries of the pool, and return how many of them, from the first, are in the chain.

        Raises:
            StoreUnavailable: try the same again later; it is known then what became of this try.
            Exception: whatever else the store raises: it will not have them.
        """
        earlier = self._broken_off.get(pool)
        if earlier is not None and earlier.entries[0] == entries[0]:
            # A store that broke off may have committed before; then the chain holds these very hashes.
            seq, digest = earlier.first
            found = await self._journal.entries(pool, AuditFilter(), limit=1, after=seq - 1) if digest else []
            del self._broken_off[pool]
            if found and found[0].hash == digest:
                self.heads[pool] = earlier.last
                return len(earlier.entries)
        attempt = _Attempt(entries)
        try:
            await self._with_races(pool, attempt)
        except StoreUnavailable:
            self._broken_off[pool] = attempt
            raise
        self.heads[pool] = attempt.last
        return len(entries)

    async def _with_races(self, pool: str, attempt: _Attempt) -> None:
        for left in reversed(range(_RACES)):
            try:
                await self._journal.append(pool, attempt.entries, attempt.link)
            except Conflict:
                if not left:
                    raise
            else:
                return
