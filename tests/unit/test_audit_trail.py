"""The trail: what is heard ends up in the chain once, in order, whatever the store and the process do."""

import asyncio
import multiprocessing
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from authserver.audit import Caller, Trail, caller
from authserver.audit import trail as module
from authserver.audit.chain import verify
from authserver.audit.entries import entry_of
from authserver.audit.spill import Spill
from authserver.errors import StoreUnavailable
from authserver.model.journal import AuditEntry
from authserver.store import Journal
from tests.unit.audit_trails import NOW, POOL, BreakableJournal, Clock, Heard, event, walked

pytestmark = pytest.mark.anyio


class Place:
    """A machine: its folder, its clock, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "audit"
        self.clock = Clock()
        self.journal = BreakableJournal()

    def trail(self, **arguments: Any) -> Trail:
        journal: Journal = self.journal
        return Trail(journal, self.clock, self.folder, **{"commit_every": 0.01} | arguments)

    @asynccontextmanager
    async def running(self, **arguments: Any) -> AsyncIterator[Trail]:
        trail = self.trail(**arguments)
        async with trail.running():
            yield trail

    async def sids(self, pool: str = POOL) -> list[str | None]:
        """The sessions of the entries, in the order of the chain."""
        return [e.sid for e in await self.journal.all(pool) if e.kind != module.RESTORED]

    async def kinds(self, pool: str = POOL) -> list[str]:
        return [e.kind for e in await self.journal.all(pool)]

    async def holds(self, pool: str = POOL) -> bool:
        return (await verify(pool, walked(await self.journal.all(pool)))).found is None

    def waiting_files(self) -> list[Path]:
        return sorted(self.folder.glob("waiting-*.jsonl"))


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "_DRAIN", 20.0)  # the machine may be busy
    return Place(tmp_path)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_what_is_heard_is_appended_in_order(at: Place) -> None:
    async with at.running() as trail:
        for n in range(1500):
            trail.hear(event(n))
        await until(lambda: trail.waiting == 0)
        assert await at.sids() == [f"s{n}" for n in range(1500)]
        assert at.journal.appends == 3
    assert await at.holds()
    assert at.waiting_files() == []


async def test_each_pool_has_a_chain_of_its_own(at: Place) -> None:
    async with at.running() as trail:
        for n in range(10):
            trail.hear(event(n, pool=f"p_{n % 2}"))
    assert await at.sids("p_0") == ["s0", "s2", "s4", "s6", "s8"]
    assert await at.sids("p_1") == ["s1", "s3", "s5", "s7", "s9"]
    assert await at.holds("p_0")
    assert await at.holds("p_1")


async def test_a_burst_costs_few_commits(at: Place) -> None:
    async with at.running(commit_every=0.05) as trail:
        for n in range(40):
            trail.hear(event(n))
            await asyncio.sleep(0.002)
    assert len(await at.sids()) == 40
    assert at.journal.appends <= 8


async def test_what_happens_thousands_of_times_a_second_is_not_kept(at: Place) -> None:
    async with at.running() as trail:
        trail.hear(event(1, "token.issued"))
        trail.hear(event(2, "token.revoked"))
    assert await at.sids() == ["s2"]


async def test_the_end_writes_what_was_heard_a_moment_before(at: Place) -> None:
    async with at.running(commit_every=60) as trail:
        trail.hear(event(1))
    assert await at.sids() == ["s1"]
    trail = at.trail()  # one that never ran in the background, as on a command line
    trail.hear(event(2))
    await trail.drain()
    assert await at.sids() == ["s1", "s2"]


async def test_an_entry_says_who_what_when_where_and_how_it_ended(at: Place) -> None:
    request = {"client": ("203.0.113.7", 4711), "headers": [(b"host", b"x"), (b"user-agent", b"Firefox \xe9\x07")]}
    caller.set(Caller(request, "request-1"))
    async with at.running(place_of=lambda address: f"KR {address}") as trail:
        trail.hear(event(1, "sign_in.failed", client_id="web", details={"reason": "wrong password", "password": "x"}))
        caller.set(None)
        trail.hear(event(2, "user.disabled", actor="operator:root"))
        trail.hear(event(3, "session.ended", address="2001:db8::1", user_agent="curl", outcome="failure"))
        trail.hear(event(4, "grant.revoked", client_id="web"))
        trail.hear(event(5, "sign_up.address_taken", user_id=None))
        trail.hear(event(6, "nobody.registered", details={"what": "ever"}))
    failed, disabled, ended, revoked, taken, odd = await at.journal.all()
    assert (failed.kind, failed.outcome, failed.actor) == ("sign_in.failed", "failure", "anonymous")
    assert (failed.user_id, failed.client_id, failed.at, failed.sid) == ("ada", "web", int(NOW * 1000), "s1")
    assert (failed.address, failed.place, failed.request_id) == ("203.0.113.7", "KR 203.0.113.7", "request-1")
    assert failed.user_agent == "Firefox \xe9\N{REPLACEMENT CHARACTER}"
    assert failed.details == {"reason": "wrong password"}  # what the registry does not list is not kept
    assert (disabled.actor, disabled.address, disabled.user_agent) == ("operator:root", None, None)
    assert (ended.actor, ended.outcome, ended.address, ended.user_agent) == (
        "user:ada",
        "failure",
        "2001:db8::1",
        "curl",
    )
    assert revoked.actor == "client:web"
    assert taken.actor == "anonymous"
    assert (odd.outcome, odd.actor, odd.details) == ("info", "system", {})
    assert await at.holds()


async def test_an_event_that_cannot_be_written_down_holds_up_no_other(at: Place) -> None:
    def place_of(address: str) -> str:
        raise ValueError(address)

    caller.set(None)  # what came before in this process may have answered requests
    with capture_logs() as logs:
        async with at.running(place_of=place_of) as trail:
            trail.hear(event(1, address="203.0.113.7"))
            trail.hear(event(2))
        assert trail.lost == 1
    assert await at.sids() == ["s2"]
    assert "an event could not be written down" in [line["event"] for line in logs]


# --- a store that is away -------------------------------------------------------------------------------------------


async def test_entries_wait_for_a_store_that_is_away(at: Place) -> None:
    with capture_logs() as logs:
        async with at.running() as trail:
            at.journal.away = True
            for n in range(5):
                trail.hear(event(n))
            await until(lambda: at.journal.appends >= 3)
            assert trail.waiting == 5
            at.journal.away = False
            await until(lambda: trail.waiting == 0)
    assert await at.sids() == [f"s{n}" for n in range(5)]
    assert await at.holds()
    said = [line["event"] for line in logs if line["log_level"] == "error"]
    assert said == ["the audit trail waits for its store"]  # once, not at every try
    assert at.waiting_files() == []


async def test_the_trail_says_that_entries_came_late(at: Place) -> None:
    async with at.running() as trail:
        at.journal.away = True
        trail.hear(event(1))
        await until(lambda: at.journal.appends >= 1)
        at.journal.away = False
        trail.hear(event(2))
        await until(lambda: trail.waiting == 0)
    late = (await at.journal.all())[-1]
    assert (late.kind, late.details) == ("audit.restored", {"count": 2, "since": int(NOW * 1000)})


async def test_beyond_what_memory_may_hold_they_wait_on_disk(at: Place) -> None:
    with capture_logs() as logs:
        async with at.running(most_waiting=50) as trail:
            at.journal.away = True
            for n in range(120):
                trail.hear(event(n))
                if n % 40 == 39:
                    await until(lambda: trail.waiting == 0 or trail.waiting <= 50)
            await until(lambda: bool(at.waiting_files()))
            (path,) = at.waiting_files()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(at.folder.stat().st_mode) == 0o700
            at.journal.away = False
            await until(lambda: trail.waiting == 0 and not at.waiting_files())
    assert await at.sids() == [f"s{n}" for n in range(120)]
    assert await at.holds()
    assert trail.lost == 0
    assert "audit entries wait on disk" in [line["event"] for line in logs]


async def test_a_process_that_ends_leaves_them_to_the_next(at: Place) -> None:
    at.journal.away = True
    async with at.running() as trail:
        for n in range(1200):
            trail.hear(event(n))
    assert len(at.waiting_files()) == 1
    at.journal.away = False
    async with at.running() as trail:
        trail.hear(event(1200))
        await until(lambda: trail.waiting == 0 and not at.waiting_files())
    assert await at.sids() == [f"s{n}" for n in range(1201)]
    assert await at.holds()
    assert list(at.folder.iterdir()) == []


async def test_a_store_that_goes_away_while_the_disk_is_read_gets_the_rest_later(at: Place) -> None:
    at.journal.away = True
    async with at.running() as trail:
        for n in range(1300):
            trail.hear(event(n))
    at.journal.away = False
    append, seen = at.journal.append, 0

    async def faltering(*arguments: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise StoreUnavailable(detail="away")
        await append(*arguments)

    at.journal.append = faltering  # type: ignore[method-assign]
    async with at.running() as trail:
        await until(lambda: not at.waiting_files())
    assert await at.sids() == [f"s{n}" for n in range(1300)]
    assert await at.holds()


def _leave_behind(folder: Path, ready: Any, end: Any) -> None:
    spill = Spill(folder)
    spill.write([entry_of(event(n), 1) for n in range(3)])
    ready.set()
    end.wait(10)
    os._exit(1)  # as if killed


async def test_what_a_living_process_keeps_is_left_to_it_and_what_a_dead_one_left_is_taken(at: Place) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=_leave_behind, args=(at.folder, ready, end))
    process.start()
    try:
        assert await asyncio.to_thread(ready.wait, 20)
        async with at.running() as trail:
            trail.hear(event(9))
        assert await at.sids() == ["s9"]
        assert len(at.waiting_files()) == 1
        end.set()
        await asyncio.to_thread(process.join, 10)
    finally:
        end.set()
        process.join(10)
        process.close()
    async with at.running():
        await until(lambda: not at.waiting_files())
    assert await at.sids() == ["s9", "s0", "s1", "s2"]


async def test_a_crash_while_reading_the_disk_repeats_no_piece_that_was_noted(at: Place) -> None:
    spill = Spill(at.folder)
    spill.write([entry_of(event(n), 1) for n in range(10)])
    assert [e.sid for e in spill.next_piece(4)] == ["s0", "s1", "s2", "s3"]
    spill.done(4)
    assert [e.sid for e in spill.next_piece(4)] == ["s4", "s5", "s6", "s7"]
    spill.done(1)
    spill.close()  # with what was read but not appended
    other = Spill(at.folder)
    assert [e.sid for e in other.next_piece(10)] == ["s5", "s6", "s7", "s8", "s9"]
    other.done(5)
    assert other.next_piece(10) == []
    assert list(at.folder.iterdir()) == []


async def test_a_line_cut_short_by_a_crash_spoils_no_other(at: Place) -> None:
    spill = Spill(at.folder)
    path = spill.write([entry_of(event(n), 1) for n in range(3)])
    spill.close()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"pool": 1}\nnonsense\n' + lines[1] + lines[2][:20])
    other = Spill(at.folder)
    with capture_logs() as logs:
        assert [e.sid for e in other.next_piece(10)] == ["s0", "s1"]
        other.done(2)
        assert other.next_piece(10) == []
    assert [line["event"] for line in logs].count("an audit entry on disk is not whole") >= 2
    assert list(at.folder.iterdir()) == []


async def test_a_commit_whose_answer_got_lost_is_not_repeated(at: Place) -> None:
    async with at.running() as trail:
        at.journal.break_off_after_commit = 1
        for n in range(700):
            trail.hear(event(n))
        await until(lambda: trail.waiting == 0)
    assert await at.sids() == [f"s{n}" for n in range(700)]
    assert await at.holds()


async def test_a_lost_race_is_run_again(at: Place) -> None:
    at.journal.races = 3
    async with at.running() as trail:
        trail.hear(event(1))
    assert await at.sids() == ["s1"]


async def test_two_processes_append_to_one_chain(at: Place) -> None:
    async with at.running() as one, at.running() as two:
        for n in range(200):
            (one if n % 2 else two).hear(event(n))
            if n % 20 == 0:
                await asyncio.sleep(0.005)
    found = await at.sids()
    assert sorted(found, key=str) == sorted((f"s{n}" for n in range(200)), key=str)
    assert [s for s in found if int(str(s)[1:]) % 2] == [f"s{n}" for n in range(1, 200, 2)]
    assert await at.holds()


async def test_what_the_store_will_not_have_is_put_aside_and_holds_up_nothing(at: Place) -> None:
    def refuse(entry: AuditEntry) -> bool:
        return entry.pool == "odd_1"

    at.journal.refuse = refuse
    with capture_logs() as logs:
        async with at.running() as trail:
            trail.hear(event(1, pool="odd_1"))
            trail.hear(event(2))
    assert await at.sids() == ["s2"]
    assert b'"s1"' in (at.folder / "refused.jsonl").read_bytes()
    assert trail.lost == 0
    assert {"audit entries were refused", "refused audit entries were put aside"} <= {line["event"] for line in logs}


async def test_with_neither_store_nor_disk_the_loss_is_said_aloud(at: Place) -> None:
    at.folder.write_text("a file where the folder should be")
    at.journal.away = True
    with capture_logs() as logs:
        async with at.running(most_waiting=10) as trail:
            for n in range(150):
                trail.hear(event(n))
            await until(lambda: trail.lost > 0)
            assert trail.lost == 50  # the oldest; ten times what may wait stays
            at.journal.away = False
            await until(lambda: trail.waiting == 0)
    assert await at.sids() == [f"s{n}" for n in range(50, 150)]
    assert [line["count"] for line in logs if line["event"] == "audit entries are lost"] == [50]


async def test_a_fault_of_ours_does_not_end_the_trail(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at.running() as trail:

        async def fault() -> bool:
            monkeypatch.undo()
            raise ZeroDivisionError

        monkeypatch.setattr(trail, "_flush", fault)
        with capture_logs() as logs:
            trail.hear(event(1))
            await until(lambda: trail.waiting == 0)
    assert "the audit trail could not be written" in [line["event"] for line in logs]
    assert await at.sids() == ["s1"]


async def test_who_wants_to_know_is_told_of_what_is_new(at: Place) -> None:
    heard = Heard()
    async with at.running(appended=heard, commit_every=60) as trail:
        trail.hear(event(1))
        trail.hear(event(2))
    async with at.running(appended=heard) as trail:
        trail.hear(event(3))
    assert heard.calls == [(POOL, 1), (POOL, 3)]

    async def away(_pool: str, _first: int) -> None:
        raise StoreUnavailable

    async with at.running(appended=away) as trail:
        trail.hear(event(4))
    assert len(await at.sids()) == 4


async def test_heads_are_written_to_the_log(at: Place) -> None:
    with capture_logs() as logs:
        async with at.running() as trail:
            trail.hear(event(1))
    seq, digest = await at.journal.head(POOL)
    assert [(line["pool"], line["detail"]) for line in logs if line["event"] == "audit head"] == [
        (POOL, f"{seq}:{digest}")
    ]
