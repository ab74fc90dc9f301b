"""Retention, and what a user sees of the trail."""

from dataclasses import replace

import pytest

from authserver.audit.chain import link, verify
from authserver.audit.history import KINDS, history
from authserver.audit.reading import as_it_grows, newest_first, oldest_first
from authserver.audit.retention import prune
from authserver.event_kinds import EVENT_KINDS
from authserver.model.journal import AuditEntry, AuditFilter
from tests.unit.audit_trails import NOW, POOL, BreakableJournal, Clock, walked

pytestmark = pytest.mark.anyio

DAY = 86400


async def journal_of(days: list[float], kind: str = "sign_in.succeeded") -> BreakableJournal:
    """Entries that are so many days old."""
    journal = BreakableJournal()
    for age in days:
        at = int((NOW - age * DAY) * 1000)
        await journal.append(POOL, [AuditEntry(POOL, 0, at, kind, "success", "user:ada", user_id="ada")], link)
    return journal


async def holds(journal: BreakableJournal) -> bool:
    return (await verify(POOL, walked(await journal.all()))).found is None


async def test_what_is_too_old_goes_and_the_rest_is_a_chain() -> None:
    journal = await journal_of([100, 95, 91.5, 90.5, 89, 10, 0])
    assert await prune(journal, POOL, 90, Clock()) == 4
    entries = await journal.all()
    assert [e.seq for e in entries] == [5, 6, 7, 8]
    assert entries[-1].kind == "audit.pruned"
    assert entries[-1].details["through"] == 4
    assert await holds(journal)


async def test_it_waits_until_a_day_of_entries_may_go() -> None:
    journal = await journal_of([90.9, 10, 0])
    assert await prune(journal, POOL, 90, Clock()) == 0
    assert len(await journal.all()) == 3
    assert await prune(BreakableJournal(), POOL, 90, Clock()) == 0


async def test_a_trail_that_is_old_as_a_whole_keeps_its_thread() -> None:
    journal = await journal_of([300, 200])
    assert await prune(journal, POOL, 90, Clock()) == 2
    (entry,) = await journal.all()
    assert (entry.seq, entry.kind) == (3, "audit.pruned")
    assert await holds(journal)


async def test_times_out_of_order_make_no_hole() -> None:
    journal = await journal_of([100, 80, 99, 98, 0])
    assert await prune(journal, POOL, 90, Clock()) == 1
    assert [e.seq for e in await journal.all()] == [2, 3, 4, 5, 6]
    assert await holds(journal)


async def test_retention_may_come_again_and_again_and_two_at_once() -> None:
    journal = await journal_of([100, 95, 50, 0])
    clock = Clock()
    for _ in range(4):
        await prune(journal, POOL, 90, clock)
        await prune(journal, POOL, 90, clock)
        assert await holds(journal)
        clock.now += 30 * DAY
    assert (await journal.all())[0].seq > 2


async def test_who_cuts_off_more_than_retention_took_is_noticed() -> None:
    journal = await journal_of([100, 95, 50, 40, 0])
    await prune(journal, POOL, 90, Clock())
    entries = await journal.all()
    assert (await verify(POOL, walked(entries[1:]))).found is not None


# --- history --------------------------------------------------------------------------------------------------------


async def lived() -> BreakableJournal:
    journal = BreakableJournal()
    ada = AuditEntry(POOL, 0, 1_000_000, "", "success", "user:ada", user_id="ada", address="203.0.113.7")
    for entry in (
        replace(ada, kind="user.created", actor="operator:root", place="DE Berlin"),
        replace(
            ada, kind="sign_in.failed", outcome="failure", actor="anonymous", place="KR Seoul", user_agent="Firefox/1"
        ),
        replace(ada, kind="sign_in.succeeded", client_id="web", user_agent="Firefox/1"),
        replace(ada, kind="code.sent"),
        replace(ada, kind="sign_in.succeeded", user_id="bob", actor="user:bob"),
        replace(ada, kind="password.changed", at=2_000_500),
    ):
        await journal.append(POOL, [entry], link)
    return journal


async def test_a_user_sees_sign_ins_and_changes_with_time_place_and_device() -> None:
    found = await history(await lived(), POOL, "ada", 10, device_of=lambda agent: agent.replace("/1", " on Linux"))
    assert [(a.kind, a.sentence) for a in found] == [
        ("password.changed", "The password was changed"),
        ("sign_in.succeeded", "Signed in"),
        ("sign_in.failed", "A sign-in failed"),
        ("user.created", "The account was created by an operator"),
    ]
    assert (found[0].at, found[0].device) == (2000, None)
    assert (found[1].client_id, found[1].device, found[1].address) == ("web", "Firefox on Linux", "203.0.113.7")
    assert (found[2].outcome, found[2].place, found[2].device) == ("failure", "KR Seoul", "Firefox on Linux")
    assert (found[3].by_operator, found[3].address, found[3].place) == (True, None, None)


async def test_history_has_pages() -> None:
    journal = await lived()
    first = await history(journal, POOL, "ada", 3)
    second = await history(journal, POOL, "ada", 3, before=first[-1].seq)
    assert [a.kind for a in [*first, *second]] == [a.kind for a in await history(journal, POOL, "ada", 10)]
    assert len(second) == 1
    assert all(a.device is None for a in first)


def test_only_kinds_that_are_kept_can_be_in_the_list() -> None:
    assert KINDS
    assert all(EVENT_KINDS[kind].audited and EVENT_KINDS[kind].activity for kind in KINDS)


# --- reading --------------------------------------------------------------------------------------------------------


async def test_reading_goes_on_over_pages() -> None:
    journal = await journal_of([0] * 1203)
    assert [e.seq async for e in oldest_first(journal, POOL)] == list(range(1, 1204))
    assert [e.seq async for e in oldest_first(journal, POOL, after=1000)] == list(range(1001, 1204))
    assert [e.seq async for e in newest_first(journal, POOL)] == list(range(1203, 0, -1))
    assert [e.seq async for e in newest_first(journal, POOL, before=3)] == [2, 1]
    assert [e async for e in oldest_first(journal, POOL, AuditFilter(user_id="bob"))] == []


async def test_a_growing_trail_is_followed() -> None:
    journal = await journal_of([0, 0])
    rounds = 0

    async def pause(_seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise TimeoutError
        entry = AuditEntry(POOL, 0, 1, "sign_in.failed" if rounds == 1 else "session.ended", "info", "user:ada")
        await journal.append(POOL, [entry, entry], link)

    seen: list[int] = []

    async def follow() -> None:
        wanted = AuditFilter(kinds=("sign_in.*",))
        async for entry in as_it_grows(journal, POOL, wanted, after=1, pause=pause):
            seen.append(entry.seq)

    with pytest.raises(TimeoutError):
        await follow()
    assert seen == [2, 3, 4]
