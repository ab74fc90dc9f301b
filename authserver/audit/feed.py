"""The feed: a pool's entries to a webhook, in batches, signed, in order, at least once.

What waits in the outbox is no copy of the entries but a cursor: one parcel a pool that says which entry was the last to
arrive. It is taken like any parcel, whoever has it sends what follows, and puts the next cursor in its place. So entries
arrive in order whatever fails, and none can be overtaken. A receiver sees by `first` and `last` that nothing is missing,
and by the hashes that nothing was changed.

A cursor with nothing to send sleeps: it is due in half a minute, or when a process that appended wakes it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from authserver.audit.chain import members
from authserver.audit.reading import ALL
from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Http, HttpFailed
from authserver.errors import Conflict
from authserver.model.journal import AuditEntry, Parcel
from authserver.outbound.signature import ID, SIGNATURE, sign
from authserver.store import Journal

BATCH = 100
"""Entries of one call."""

SLEEP = 30
"""Seconds after which a cursor looks for entries though nobody woke it."""

ROUND = 20.0
"""Seconds after which a cursor is put down, so that one attempt does not outlast its lease."""

_TIMEOUT = 10.0
_CURSOR = "audit-feed-"
_FOR_EVER = 100 * 365 * 86400


@dataclass(frozen=True, slots=True)
class FeedTarget:
    """Where a pool's feed goes, and what signs it."""

    url: str
    secret: bytes = field(repr=False)


TargetOf = Callable[[str], Awaitable[FeedTarget | None]]
"""The target of a pool's feed, if it has one."""

RecordOf = Callable[[str, str], str]
"""The name under which a parcel is sealed, by pool and id (`messages.parcels.parcel_record`)."""


class NotTaken(Exception):  # noqa: N818 - named for what happened
    """The receiver did not take a batch; it is tried again. `detail` is for the log."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Feed:
    """The feeds of all pools."""

    def __init__(
        self, journal: Journal, http: Http, sealer: Sealer, clock: Clock, target_of: TargetOf, record_of: RecordOf
    ) -> None:
        self._journal = journal
        self._http = http
        self._sealer = sealer
        self._clock = clock
        self._target_of = target_of
        self._record_of = record_of

    async def appended(self, pool: str, first: int) -> None:
        """Entries from `first` on were appended: wake the pool's cursor, or make it if the feed is new."""
        if await self._target_of(pool) is None:
            return
        cursors = await self._cursors(pool)
        if not cursors:
            await self._put_down(pool, first - 1, due_in=0)
        for cursor in cursors:
            if not cursor.attempts:  # of one that is under way, or waits after a failure, the due time has a meaning
                await self._journal.postpone(pool, cursor.id, int(self._clock()), "")

    async def deliver(self, cursor: Parcel) -> None:
        """Send what follows the cursor, until there is nothing more. What it returns from, or raises NotTaken after
        progress, has left the next cursor in the outbox, so that this one can go.

        Raises:
            NotTaken: nothing was taken; this same cursor is to be tried again.
        """
        after = _place(cursor.id)
        target = await self._target_of(cursor.pool)
        if target is None or any(other.id > cursor.id for other in await self._cursors(cursor.pool)):
            return  # switched off, or a process died between the next cursor and the end of this one
        until, began_at, refusal = self._clock() + ROUND, after, None
        while self._clock() < until:
            entries = await self._journal.entries(cursor.pool, ALL, limit=BATCH, after=after)
            if not entries:
                break
            try:
                await self._send(target, cursor.pool, entries)
            except NotTaken as not_taken:
                refusal = not_taken
                break
            after = entries[-1].seq
        if refusal is not None and after == began_at:
            raise refusal
        more = refusal is not None or (await self._journal.head(cursor.pool))[0] > after
        await self._put_down(cursor.pool, after, due_in=0 if more else SLEEP)
        if not more and (await self._journal.head(cursor.pool))[0] > after:  # appended before there was one to wake
            await self.appended(cursor.pool, after + 1)

    async def _send(self, target: FeedTarget, pool: str, entries: list[AuditEntry]) -> None:
        first, last = entries[0].seq, entries[-1].seq
        body = orjson.dumps({"pool": pool, "first": first, "last": last, "entries": [members(e) for e in entries]})
        headers = {
            "content-type": "application/json",
            SIGNATURE: sign(target.secret, int(self._clock()), body),
            ID: f"{pool}:{first}-{last}",
        }
        try:
            answer = await self._http.request(
                "POST", target.url, headers=headers, body=body, timeout=_TIMEOUT, limit=64 * 1024
            )
        except HttpFailed as failure:
            raise NotTaken(str(failure)) from None
        if not 200 <= answer.status < 300:
            raise NotTaken(f"the audit feed's receiver answers {answer.status}")

    async def _cursors(self, pool: str) -> list[Parcel]:
        return [parcel for parcel in await self._journal.parcels(pool, limit=10) if parcel.id.startswith(_CURSOR)]

    async def _put_down(self, pool: str, after: int, *, due_in: int) -> None:
        now = int(self._clock())
        ident = f"{_CURSOR}{after:015d}-{now:011d}"
        if ident in {cursor.id for cursor in await self._cursors(pool)}:
            ident += "x"  # twice within a second: it must sort behind the one that it replaces
        # Created at the beginning of time: the oldest come first where parcels are listed.
        parcel = Parcel(
            id=ident,
            pool=pool,
            channel="webhook",
            sealed=self._sealer.seal(b"{}", self._record_of(pool, ident)),
            created_at=0,
            due_at=now + due_in,
            expires_at=now + _FOR_EVER,
        )
        try:
            await self._journal.post(pool, parcel)
        except Conflict:
            return  # another process put down the same


def _place(ident: str) -> int:
    """The number of the last entry that arrived."""
    return int(ident.removeprefix(_CURSOR).partition("-")[0])
