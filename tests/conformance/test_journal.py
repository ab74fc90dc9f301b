"""What the Journal promises (store/protocols.py), over every implementation."""

import asyncio
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authserver.adapters.sql import journal as sql_journal
from authserver.errors import Conflict
from authserver.model.journal import AuditEntry, AuditFilter, Parcel
from authserver.store.memory import journal as memory_journal
from authserver.store.protocols import Journal
from tests.conformance import sql_stores
from tests.conformance.sql_process import chained
from tests.conformance.sql_stores import NOW, OTHER, POOL, Roles, default_fields, on_sql

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
sql_url = sql_stores.sql_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere

ROOT = Path(__file__).parents[2]
MILLI = 1000 * NOW


@pytest.fixture
def journal(stores: Roles) -> Journal:
    return stores.journal


def entry(actor: str = "system", pool: str = POOL, **changes: Any) -> AuditEntry:
    return replace(AuditEntry(pool, 0, MILLI, "user.created", "success", actor), **changes)


async def append(journal: Journal, *entries: AuditEntry) -> list[AuditEntry]:
    """Append to the first one's pool; returns the entries as they were linked."""
    linked: list[AuditEntry] = []

    def link(one: AuditEntry, seq: int, previous: str) -> AuditEntry:
        linked.append(chained(one, seq, previous))
        return linked[-1]

    await journal.append(entries[0].pool, entries, link)
    return linked[-len(entries) :]


def assert_whole(entries: Sequence[AuditEntry], first: int = 1) -> None:
    """Oldest first: numbered without a gap, each with the hash of the one before."""
    assert [each.seq for each in entries] == list(range(first, first + len(entries)))
    for before, after in itertools.pairwise(entries):
        assert after.previous == before.hash
    for each in entries:
        assert each == chained(each, each.seq, each.previous)


# --- the trail --------------------------------------------------------------------------------------------------------

FULL = AuditEntry(
    pool=POOL,
    seq=0,
    at=MILLI,
    kind="sign_in.failed",
    outcome="failure",
    actor="user:ada",
    user_id="ada",
    client_id="web",
    address="2001:db8::1",
    user_agent="Firefox\0 on Línux",
    place="KR 서울",
    sid="s1",
    request_id="r1",
    details={"reason": "wrong password", "tries": 3, "nested": {"a": [1, None, True, 2.5]}},
)


async def test_an_entry_comes_back_whole(journal: Journal, elsewhere: Roles) -> None:
    (linked,) = await append(journal, FULL)
    assert list(default_fields(linked)) == ["previous"]
    assert await journal.entries(POOL, AuditFilter()) == [linked]
    assert await elsewhere.journal.entries(POOL, AuditFilter()) == [linked]
    (second,) = await append(journal, FULL)
    assert list(default_fields(second)) == []
    assert await elsewhere.journal.entries(POOL, AuditFilter(), limit=1) == [second]


async def test_a_bare_entry_comes_back_whole(journal: Journal) -> None:
    (linked,) = await append(journal, entry())
    assert await journal.entries(POOL, AuditFilter()) == [linked]


async def test_entries_are_chained_in_each_pool_by_itself(journal: Journal, elsewhere: Roles) -> None:
    assert await journal.head(POOL) == (0, "")
    await append(journal, entry("a"), entry("b"))
    await append(elsewhere.journal, entry("x", OTHER))
    await append(elsewhere.journal, entry("c"))
    await append(journal, entry("d"))
    trail = await journal.entries(POOL, AuditFilter(), after=0)
    assert [each.actor for each in trail] == ["a", "b", "c", "d"]
    assert_whole(trail)
    assert trail[0].previous == ""
    assert await elsewhere.journal.head(POOL) == (4, trail[-1].hash)
    (of_other,) = await journal.entries(OTHER, AuditFilter())
    assert (of_other.seq, of_other.previous) == (1, "")


async def test_appending_nothing_is_nothing(journal: Journal) -> None:
    await journal.append(POOL, [], chained)
    assert await journal.head(POOL) == (0, "")


async def test_entries_that_cannot_be_linked_are_not_appended(journal: Journal) -> None:
    def breaks(one: AuditEntry, seq: int, previous: str) -> AuditEntry:
        if one.actor == "b":
            raise LookupError("a mistake in the link")
        return chained(one, seq, previous)

    await append(journal, entry("first"))
    with pytest.raises(LookupError):
        await journal.append(POOL, [entry("a"), entry("b")], breaks)
    await append(journal, entry("second"))
    trail = await journal.entries(POOL, AuditFilter(), after=0)
    assert [each.actor for each in trail] == ["first", "second"]
    assert_whole(trail)


async def test_entries_come_in_pages_newest_first_or_oldest_first(journal: Journal) -> None:
    linked = await append(journal, *(entry(f"a{n}") for n in range(10)))
    assert await journal.entries(POOL, AuditFilter(), limit=3) == linked[:-4:-1]
    assert await journal.entries(POOL, AuditFilter(), limit=3, before=8) == linked[6:3:-1]
    assert await journal.entries(POOL, AuditFilter(), limit=99, before=3) == linked[1::-1]
    assert await journal.entries(POOL, AuditFilter(), before=1) == []
    assert await journal.entries(POOL, AuditFilter(), limit=3, after=0) == linked[:3]
    assert await journal.entries(POOL, AuditFilter(), limit=3, after=8) == linked[8:]
    assert await journal.entries(POOL, AuditFilter(), after=10) == []


WANTED: dict[str, tuple[AuditFilter, str]] = {
    "all": (AuditFilter(), "a b c d e f"),
    "a user": (AuditFilter(user_id="ada"), "a b"),
    "a client": (AuditFilter(client_id="web"), "a c d"),
    "a client of a stranger's making": (AuditFilter(client_id="w\0eb" + "x" * 300), "f"),
    "a kind": (AuditFilter(kinds=("sign_in.failed",)), "a d"),
    "kinds": (AuditFilter(kinds=("sign_in.failed", "code.sent")), "a c d"),
    "kinds by prefix": (AuditFilter(kinds=("sign_in.*",)), "a b d"),
    "kinds by prefix, and one": (AuditFilter(kinds=("sign_in.*", "code.sent")), "a b c d"),
    "no such kind": (AuditFilter(kinds=("sign_in",)), ""),
    "a prefix of another kind": (AuditFilter(kinds=("sign.*",)), ""),
    "an outcome": (AuditFilter(outcome="failure"), "a d"),
    "an address": (AuditFilter(address="192.0.2.1"), "b e"),
    "since": (AuditFilter(since=MILLI + 3), "d e f"),
    "until": (AuditFilter(until=MILLI + 3), "a b c"),
    "since and until": (AuditFilter(since=MILLI + 1, until=MILLI + 2), "b"),
    "all at once": (
        AuditFilter("ada", "web", ("sign_in.*",), "failure", "192.0.2.9", MILLI, MILLI + 1),
        "a",
    ),
    "a user of nobody": (AuditFilter(user_id="nob\ud800dy"), ""),
}


@pytest.mark.parametrize("case", WANTED)
async def test_entries_are_found_by_what_they_say(journal: Journal, case: str) -> None:
    await append(
        journal,
        entry(
            "a", kind="sign_in.failed", outcome="failure", user_id="ada", client_id="web", address="192.0.2.9", at=MILLI
        ),
        entry("b", kind="sign_in.succeeded", user_id="ada", address="192.0.2.1", at=MILLI + 1),
        entry("c", kind="code.sent", outcome="info", client_id="web", at=MILLI + 2),
        entry("d", kind="sign_in.failed", outcome="failure", client_id="web", at=MILLI + 3),
        entry("e", kind="sign_out.succeeded", address="192.0.2.1", at=MILLI + 4),
        entry("f", kind="authorization.refused", client_id="w\0eb" + "x" * 300, at=MILLI + 5),
    )
    await append(journal, entry("x", OTHER, kind="sign_in.failed", user_id="ada"))
    wanted, actors = WANTED[case]
    oldest_first = await journal.entries(POOL, wanted, after=0)
    assert [each.actor for each in oldest_first] == actors.split()
    assert await journal.entries(POOL, wanted) == oldest_first[::-1]


async def test_appends_at_once_make_one_chain(journal: Journal, elsewhere: Roles) -> None:
    async def several(role: Journal, lane: int) -> None:
        for n in range(10):
            await append(role, *(entry(f"{lane}.{n}.{part}") for part in range(1 + lane % 3)))

    await asyncio.gather(*(several([journal, elsewhere.journal][lane % 2], lane) for lane in range(6)))
    trail = await journal.entries(POOL, AuditFilter(), limit=1000, after=0)
    assert len(trail) == 2 * 10 * (1 + 2 + 3)
    assert_whole(trail)
    assert await journal.head(POOL) == (trail[-1].seq, trail[-1].hash)
    for lane in range(6):  # what one caller appended stands in the order of its calls
        own = [each.actor for each in trail if each.actor.startswith(f"{lane}.")]
        assert own == sorted(own)


# --- pruning ----------------------------------------------------------------------------------------------------------


async def test_what_is_old_goes_and_the_chain_goes_on(journal: Journal) -> None:
    linked = await append(journal, *(entry(f"a{n}", at=MILLI + n) for n in range(10)))
    await append(journal, entry("x", OTHER, at=MILLI))
    assert await journal.prune(POOL, MILLI) == 0
    assert await journal.prune(POOL, MILLI + 4) == 4
    assert await journal.prune(POOL, MILLI + 4) == 0
    assert await journal.entries(POOL, AuditFilter(), after=0) == linked[4:]
    assert len(await journal.entries(OTHER, AuditFilter())) == 1
    (added,) = await append(journal, entry("next"))
    assert (added.seq, added.previous) == (11, linked[-1].hash)


@pytest.mark.parametrize(("keep", "left"), [(1, 1), (3, 3), (0, 0), (99, 10)])
async def test_the_newest_stay_however_old(journal: Journal, keep: int, left: int) -> None:
    linked = await append(journal, *(entry(f"a{n}") for n in range(10)))
    assert await journal.prune(POOL, MILLI + 9, keep) == 10 - left
    assert await journal.entries(POOL, AuditFilter(), after=0) == linked[10 - left :]
    assert await journal.head(POOL) == (10, linked[-1].hash)


async def test_pruning_makes_no_hole(journal: Journal) -> None:
    """Entries of two processes need not stand in the order of their times."""
    linked = await append(journal, *(entry(f"a{at}", at=MILLI + at) for at in (1, 5, 2, 9)))
    assert await journal.prune(POOL, MILLI + 3) == 1
    assert await journal.entries(POOL, AuditFilter(), after=0) == linked[1:]


async def test_pruning_takes_a_bounded_piece(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sql_journal, memory_journal):
        monkeypatch.setattr(module, "PIECE", 4)
    await append(journal, *(entry(f"a{n}") for n in range(10)))
    assert [await journal.prune(POOL, MILLI + 1) for _ in range(4)] == [4, 4, 1, 0]
    assert await journal.prune("nobody_X", MILLI + 1) == 0


# --- the outbox -------------------------------------------------------------------------------------------------------


def parcel(parcel_id: str, pool: str = POOL, **changes: Any) -> Parcel:
    fresh = Parcel(parcel_id, pool, "email", b"\x00\xffsealed", NOW, NOW, NOW + 900)
    return replace(fresh, **changes)


async def test_a_parcel_comes_back_whole(journal: Journal, elsewhere: Roles) -> None:
    full = parcel("p1", channel="webhook", attempts=2, last_error="Zustellung später")
    assert list(default_fields(full)) == []
    await journal.post(POOL, full)
    assert await elsewhere.journal.parcels(POOL) == [full]
    assert await journal.parcels(OTHER) == []
    with pytest.raises(Conflict):
        await journal.post(POOL, parcel("p1"))
    await journal.post(OTHER, parcel("p1", OTHER))


async def test_parcels_are_listed_oldest_first(journal: Journal) -> None:
    for name, created in (("b", 2), ("a", 2), ("c", 1)):
        await journal.post(POOL, parcel(name, created_at=NOW + created))
    assert [each.id for each in await journal.parcels(POOL)] == ["c", "a", "b"]
    assert [each.id for each in await journal.parcels(POOL, 2)] == ["c", "a"]


async def test_due_parcels_of_all_pools_are_leased_soonest_first(journal: Journal, elsewhere: Roles) -> None:
    for name, pool, due in (("a", POOL, 5), ("b", OTHER, 1), ("c", POOL, 0), ("d", POOL, 6)):
        await journal.post(pool, parcel(name, pool, due_at=NOW + due))
    leased = await elsewhere.journal.lease(NOW + 5, hold=60, limit=2)
    assert leased == [
        parcel("c", due_at=NOW + 65, attempts=1),
        parcel("b", OTHER, due_at=NOW + 65, attempts=1),
    ]
    assert await journal.lease(NOW + 5, hold=60) == [parcel("a", due_at=NOW + 65, attempts=1)]
    assert await journal.lease(NOW + 5, hold=60) == []
    assert [each.attempts for each in await journal.parcels(POOL)] == [1, 1, 0]


async def test_a_lease_that_ran_out_is_taken_again(journal: Journal) -> None:
    await journal.post(POOL, parcel("a"))
    assert len(await journal.lease(NOW, hold=60)) == 1
    assert await journal.lease(NOW + 59, hold=60) == []
    assert await journal.lease(NOW + 60, hold=60) == [parcel("a", due_at=NOW + 120, attempts=2)]


async def test_what_is_delivered_is_gone(journal: Journal) -> None:
    for pool in (POOL, OTHER):
        await journal.post(pool, parcel("a", pool))
    await journal.delivered(POOL, "a")
    await journal.delivered(POOL, "a")
    assert await journal.parcels(POOL) == []
    assert [each.pool for each in await journal.lease(NOW, hold=60)] == [OTHER]


async def test_a_postponed_parcel_waits_and_says_why(journal: Journal) -> None:
    await journal.post(POOL, parcel("a"))
    await journal.post(POOL, parcel("b"))
    await journal.lease(NOW, hold=60)
    await journal.postpone(POOL, "a", NOW + 600, "451 try later")
    await journal.postpone(POOL, "nobody", NOW, "x")
    assert await journal.lease(NOW + 599, hold=60) == [parcel("b", due_at=NOW + 659, attempts=2)]
    assert await journal.lease(NOW + 600, hold=60) == [
        parcel("a", due_at=NOW + 660, attempts=2, last_error="451 try later")
    ]


async def test_no_parcel_is_leased_twice_at_once(journal: Journal, elsewhere: Roles) -> None:
    for n in range(60):
        await journal.post((POOL, OTHER)[n % 2], parcel(f"p{n}", (POOL, OTHER)[n % 2]))
    roles = [journal, elsewhere.journal] * 10
    leased = await asyncio.gather(*(role.lease(NOW, hold=60, limit=5) for role in roles))
    taken = [each.id for parcels in leased for each in parcels]
    assert len(taken) == len(set(taken))
    # PostgreSQL passes over what another is about to take, so some calls may have found less.
    taken += [each.id for each in await journal.lease(NOW, hold=60, limit=99)]
    assert sorted(taken) == sorted(f"p{n}" for n in range(60))


# --- the databases alone ----------------------------------------------------------------------------------------------


@on_sql
async def test_an_error_that_quotes_a_stranger_is_kept_as_far_as_it_can_be(journal: Journal) -> None:
    await journal.post(POOL, parcel("a"))
    await journal.postpone(POOL, "a", NOW + 1, "550 no\0pe " + "x" * 10_000)
    (kept,) = await journal.parcels(POOL)
    assert (kept.last_error or "").startswith("550 nope xxx")
    assert len(kept.last_error or "") <= 1000


def _start(command: str, url: str, name: str) -> subprocess.Popen[str]:
    run = [sys.executable, "-m", "tests.conformance.sql_process", command, url, POOL, name]
    pipe = subprocess.PIPE
    process = subprocess.Popen(run, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@on_sql
async def test_appends_of_several_processes_make_one_chain(journal: Journal, any_url: str) -> None:
    processes = [await asyncio.to_thread(_start, "append", any_url, f"p{n}") for n in range(2)]
    for process in processes:
        _go(process)
    said = [(await asyncio.to_thread(process.communicate, timeout=60))[0] for process in processes]
    trail = await journal.entries(POOL, AuditFilter(), limit=100_000, after=0)
    assert len(trail) == sum(int(count) for count in said) > 200
    assert len({each.actor for each in trail}) == len(trail)
    assert_whole(trail)


@on_sql
async def test_no_two_processes_lease_one_parcel(journal: Journal, any_url: str) -> None:
    for n in range(60):
        await journal.post(POOL, parcel(f"p{n}"))
    processes = [await asyncio.to_thread(_start, "lease", any_url, f"p{n}") for n in range(2)]
    for process in processes:
        _go(process)
    said = [(await asyncio.to_thread(process.communicate, timeout=60))[0] for process in processes]
    assert sorted(" ".join(said).split()) == sorted(f"p{n}" for n in range(60))


@on_sql
async def test_a_process_killed_while_it_appends_leaves_a_whole_chain(journal: Journal, any_url: str) -> None:
    chance = random.Random(20261122)
    acknowledged: set[str] = set()
    for n in range(4):
        process = await asyncio.to_thread(_start, "append_for_ever", any_url, f"round{n}")
        _go(process)
        await asyncio.to_thread(time.sleep, chance.uniform(0.05, 0.3))
        process.kill()
        said, _ = await asyncio.to_thread(process.communicate)
        acknowledged |= {actor for line in said.splitlines(keepends=True) if line[-1] == "\n" for actor in line.split()}
        await append(journal, entry(f"after {n}"))
        trail = await journal.entries(POOL, AuditFilter(), limit=100_000, after=0)
        assert_whole(trail)
        actors = {each.actor for each in trail}
        assert acknowledged <= actors
        for actor in actors:  # both of a pair, or none
            if actor.endswith(".0"):
                assert f"{actor[:-2]}.1" in actors
    assert len(acknowledged) > 10
