"""The audit feed: every entry reaches the receiver, signed, in order, at least once, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authserver.adapters.audit_feed import AuditCourier
from authserver.audit import Trail, feed
from authserver.audit.chain import link
from authserver.audit.entries import entry_of
from authserver.audit.feed import BATCH, SLEEP, Feed, FeedTarget, NotTaken
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.messages.parcels import parcel_record
from authserver.messages.postman import Postman
from authserver.model.journal import AuditEntry, Parcel
from authserver.outbound import Outbound
from tests.unit.audit_trails import POOL, BreakableJournal, Clock, event
from tests.unit.traps import LOOPBACK, Trap, answer, signed_well, taken_apart, trap

pytestmark = pytest.mark.anyio

SECRET = b"a secret of the feed, long enough"


class Place:
    """A pool whose feed goes to a receiver on loopback."""

    def __init__(self, receiver: Trap, outbound: Outbound) -> None:
        self.receiver = receiver
        self.clock = Clock()
        self.journal = BreakableJournal()
        self.statuses: list[int] = []
        self.target: FeedTarget | None = FeedTarget(f"http://127.0.0.1:{receiver.port}/feed", SECRET)
        self.sealer = Sealer(bytes(32), SystemRandom())
        self.feed = Feed(self.journal, outbound, self.sealer, self.clock, self.target_of, parcel_record)

    async def target_of(self, pool: str) -> FeedTarget | None:
        return self.target if pool == POOL else None

    async def append(self, *numbers: int) -> None:
        """Entries, of which the feed is told."""
        await self.journal.append(POOL, [entry_of(event(n), n) for n in numbers], link)
        seq, _ = await self.journal.head(POOL)
        await self.feed.appended(POOL, seq - len(numbers) + 1)

    async def cursors(self) -> list[Parcel]:
        return await self.journal.parcels(POOL)

    async def deliver_due(self) -> int:
        """What the postman does: once round. How many parcels were due."""
        due = await self.journal.lease(int(self.clock()), hold=60)
        for parcel in due:
            try:
                await self.feed.deliver(parcel)
            except NotTaken as not_taken:
                await self.journal.postpone(POOL, parcel.id, int(self.clock()) + 2, not_taken.detail)
            else:
                await self.journal.delivered(POOL, parcel.id)
        return len(due)

    @property
    def arrived(self) -> list[int]:
        """The numbers of what arrived, in order."""
        return [e["seq"] for request in self.receiver.requests for e in taken_apart(request)[1]["entries"]]


@pytest.fixture
async def at() -> AsyncIterator[Place]:
    place: Place

    def behave(_request: bytes) -> bytes:
        return answer(place.statuses.pop(0) if place.statuses else 204)

    outbound = Outbound(LOOPBACK)
    async with trap(behave) as receiver:
        place = Place(receiver, outbound)
        yield place
        await outbound.close()


async def test_a_batch_is_signed_and_says_what_it_holds(at: Place) -> None:
    await at.append(1, 2, 3)
    await at.deliver_due()
    (request,) = at.receiver.requests
    headers, body = taken_apart(request)
    assert signed_well(request, SECRET)
    assert not signed_well(request, b"another secret")
    assert headers["x-poolgate-signature"].startswith(f"t={int(at.clock())},v1=")
    assert headers["x-poolgate-id"] == f"{POOL}:1-3"
    assert (body["pool"], body["first"], body["last"]) == (POOL, 1, 3)
    stored = await at.journal.all()
    assert [e["hash"] for e in body["entries"]] == [e.hash for e in stored]
    assert AuditEntry(**body["entries"][0]) == stored[0]  # all of it, so that the receiver can check the chain


async def test_entries_arrive_in_order_and_once_while_nothing_fails(at: Place) -> None:
    await at.append(*range(2 * BATCH + 7))
    await at.deliver_due()
    assert at.arrived == list(range(1, 2 * BATCH + 8))
    assert len(at.receiver.requests) == 3
    await at.append(1)
    await at.append(2)
    await at.deliver_due()
    assert at.arrived == list(range(1, 2 * BATCH + 10))


async def test_one_cursor_sleeps_where_there_is_nothing_to_send(at: Place) -> None:
    await at.append(1)
    await at.deliver_due()
    (cursor,) = await at.cursors()
    assert (cursor.due_at, cursor.attempts) == (int(at.clock()) + SLEEP, 0)
    assert await at.deliver_due() == 0
    at.clock.now += SLEEP
    assert await at.deliver_due() == 1
    assert len(at.receiver.requests) == 1
    assert len(await at.cursors()) == 1


async def test_an_append_wakes_the_cursor(at: Place) -> None:
    await at.append(1)
    await at.deliver_due()
    at.clock.now += 1
    await at.append(2)
    assert await at.deliver_due() == 1
    assert at.arrived == [1, 2]


async def test_what_is_not_taken_is_tried_again_before_anything_else(at: Place) -> None:
    await at.append(1)
    at.statuses += [500, 404, 302]
    for _ in range(3):
        assert await at.deliver_due() == 1
        await at.append(9)  # which does not wake a cursor that waits after a failure
        assert await at.deliver_due() == 0
        at.clock.now += 2
    await at.deliver_due()
    assert at.arrived == [1, 1, 2, 1, 2, 3, 1, 2, 3, 4]
    (cursor,) = await at.cursors()
    assert cursor.attempts == 0


async def test_progress_before_a_failure_is_kept(at: Place) -> None:
    await at.append(*range(BATCH + 5))
    at.statuses += [204, 500]
    await at.deliver_due()
    await at.deliver_due()
    assert at.arrived == [*range(1, BATCH + 6), *range(BATCH + 1, BATCH + 6)]


async def test_a_receiver_that_is_away_is_waited_for(at: Place) -> None:
    at.target = FeedTarget("http://127.0.0.1:1/feed", SECRET)
    await at.append(1)
    await at.deliver_due()
    (cursor,) = await at.cursors()
    assert cursor.last_error is not None
    assert "127.0.0.1:1" in cursor.last_error
    at.target = FeedTarget(f"http://127.0.0.1:{at.receiver.port}/feed", SECRET)
    at.clock.now += 3600 * 24 * 365
    await at.deliver_due()
    assert at.arrived == [1]


async def test_a_crash_between_two_cursors_overtakes_nothing(at: Place) -> None:
    await at.append(1, 2)
    (old,) = await at.journal.lease(int(at.clock()), hold=60)
    await at.feed.deliver(old)  # and the process dies: the old cursor is still there
    assert len(await at.cursors()) == 2
    at.clock.now += 60
    await at.append(3)
    await at.deliver_due()
    await at.deliver_due()
    assert at.arrived == [1, 2, 3]
    assert len(await at.cursors()) == 1


async def test_a_crash_before_the_next_cursor_sends_again(at: Place) -> None:
    await at.append(1, 2)
    (old,) = await at.journal.lease(int(at.clock()), hold=60)
    at.journal.post, post = _away, at.journal.post  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await at.feed.deliver(old)
    at.journal.post = post  # type: ignore[method-assign]
    at.clock.now += 60
    await at.deliver_due()
    assert at.arrived == [1, 2, 1, 2]


async def _away(*_: Any) -> None:
    raise ConnectionError


async def test_entries_appended_while_the_cursor_is_under_way_wait_for_no_clock(at: Place) -> None:
    await at.append(1)
    put_down = at.feed._put_down
    raced = False

    async def slowly(*arguments: Any, **named: Any) -> None:
        nonlocal raced
        if not raced:
            raced = True
            await at.append(2)  # the old cursor cannot be woken, and there is no other yet
        await put_down(*arguments, **named)

    at.feed._put_down = slowly  # type: ignore[method-assign]
    await at.deliver_due()
    assert await at.deliver_due() == 1
    assert at.arrived == [1, 2]


async def test_a_feed_that_is_switched_off_ends_and_starts_with_what_is_new(at: Place) -> None:
    target, at.target = at.target, None
    await at.append(1)
    assert await at.cursors() == []
    at.target = target
    await at.append(2)
    await at.deliver_due()
    at.target = None
    at.clock.now += SLEEP
    await at.deliver_due()
    assert await at.cursors() == []
    assert at.arrived == [2]


async def test_a_long_backlog_is_put_down_before_the_lease_is_over(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH", 1)
    send = at.feed._send

    async def slowly(*arguments: Any) -> None:
        at.clock.now += 8
        await send(*arguments)

    at.feed._send = slowly  # type: ignore[method-assign]
    await at.append(*range(5))
    await at.deliver_due()
    assert at.arrived == [1, 2, 3]
    (cursor,) = await at.cursors()
    assert cursor.due_at == int(at.clock())
    await at.deliver_due()
    assert at.arrived == [1, 2, 3, 4, 5]


@asynccontextmanager
async def carrying(at: Place) -> AsyncIterator[Postman]:
    postman = Postman(
        at.journal, at.sealer, {"webhook": AuditCourier(at.feed)}, at.clock, SystemRandom(), lambda _event: None
    )
    await postman.start()
    try:
        yield postman
    finally:
        await postman.stop()


async def test_the_trail_the_feed_and_the_postman_together(at: Place, tmp_path: Path) -> None:
    at.statuses += [503]
    trail = Trail(at.journal, at.clock, tmp_path, commit_every=0.01, appended=at.feed.appended)
    async with trail.running(), carrying(at) as postman:
        for n in range(30):
            trail.hear(event(n))
            await asyncio.sleep(0.001)
        async with asyncio.timeout(10):
            while not at.arrived or at.arrived[-1] < 30:
                at.clock.now += 1
                postman.wake()
                await asyncio.sleep(0.02)
    assert sorted(set(at.arrived)) == list(range(1, 31))
    assert len(await at.cursors()) == 1


async def test_nothing_of_a_cursor_is_worth_stealing(at: Place) -> None:
    await at.append(1)
    (cursor,) = await at.cursors()
    assert at.sealer.open(cursor.sealed, parcel_record(POOL, cursor.id)) == b"{}"
    assert replace(cursor, sealed=b"").expires_at > at.clock() + 10 * 365 * 86400
