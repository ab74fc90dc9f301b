"""The Journal in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile

from authserver.errors import Conflict
from authserver.model.journal import AuditEntry, AuditFilter, Parcel

PIECE = 2000


class MemoryJournal:
    def __init__(self) -> None:
        self._entries: dict[str, list[AuditEntry]] = {}
        self._heads: dict[str, tuple[int, str]] = {}
        self._parcels: dict[tuple[str, str], Parcel] = {}

    async def append(
        self, pool: str, entries: Sequence[AuditEntry], link: Callable[[AuditEntry, int, str], AuditEntry]
    ) -> None:
        seq, previous = self._heads.get(pool, (0, ""))
        linked: list[AuditEntry] = []
        for entry in entries:
            linked.append(link(entry, seq + 1, previous))
            seq, previous = linked[-1].seq, linked[-1].hash
        self._entries.setdefault(pool, []).extend(linked)
        self._heads[pool] = (seq, previous)

    async def entries(
        self, pool: str, wanted: AuditFilter, *, limit: int = 100, before: int | None = None, after: int | None = None
    ) -> list[AuditEntry]:
        found = [e for e in self._entries.get(pool, []) if _fits(e, wanted)]
        if after is not None:
            return [e for e in found if e.seq > after][:limit]
        return [e for e in reversed(found) if before is None or e.seq < before][:limit]

    async def head(self, pool: str) -> tuple[int, str]:
        return self._heads.get(pool, (0, ""))

    async def prune(self, pool: str, before: int, keep: int = 1) -> int:
        entries = self._entries.get(pool, [])
        old = entries[: max(0, len(entries) - keep)][:PIECE]
        gone = len(list(takewhile(lambda e: e.at < before, old)))
        del entries[:gone]
        return gone

    async def post(self, pool: str, parcel: Parcel) -> None:
        if (pool, parcel.id) in self._parcels:
            raise Conflict(detail="parcel id taken")
        self._parcels[pool, parcel.id] = parcel

    async def lease(self, now: int, *, hold: int, limit: int = 20) -> list[Parcel]:
        due = sorted((p for p in self._parcels.values() if p.due_at <= now), key=lambda p: (p.due_at, p.pool, p.id))
        taken = [replace(p, due_at=now + hold, attempts=p.attempts + 1) for p in due[:limit]]
        for parcel in taken:
            self._parcels[parcel.pool, parcel.id] = parcel
        return taken

    async def delivered(self, pool: str, parcel_id: str) -> None:
        self._parcels.pop((pool, parcel_id), None)

    async def postpone(self, pool: str, parcel_id: str, due_at: int, error: str) -> None:
        parcel = self._parcels.get((pool, parcel_id))
        if parcel is not None:
            self._parcels[pool, parcel_id] = replace(parcel, due_at=due_at, last_error=error)

    async def parcels(self, pool: str, limit: int = 100) -> list[Parcel]:
        own = [parcel for (p, _), parcel in self._parcels.items() if p == pool]
        return sorted(own, key=lambda p: (p.created_at, p.id))[:limit]


def _fits(entry: AuditEntry, wanted: AuditFilter) -> bool:
    return (
        (wanted.user_id is None or entry.user_id == wanted.user_id)
        and (wanted.client_id is None or entry.client_id == wanted.client_id)
        and (not wanted.kinds or any(_is_kind(entry.kind, kind) for kind in wanted.kinds))
        and (wanted.outcome is None or entry.outcome == wanted.outcome)
        and (wanted.address is None or entry.address == wanted.address)
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
    )


def _is_kind(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith(".*") else kind == wanted
