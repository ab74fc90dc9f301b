"""The chain: whatever is done to a trail behind our back shows at the first entry concerned."""

import hashlib
import json
import random
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.audit.chain import SENTENCES, Break, Verdict, digest_of, link, members, verify
from authserver.audit.entries import LONGEST_TEXT, entry_of, plain
from authserver.model.journal import AuditEntry
from tests.unit.audit_trails import POOL, chain, event, walked

pytestmark = pytest.mark.anyio


async def verdict(entries: list[AuditEntry], noted: tuple[int, str] | None = None) -> Verdict:
    return await verify(POOL, walked(entries), noted)


async def test_a_good_chain_holds() -> None:
    entries = chain(20)
    assert await verdict(entries) == Verdict(20, 1, 20, entries[-1].hash)
    assert await verdict(entries, (20, entries[-1].hash)) == Verdict(20, 1, 20, entries[-1].hash)
    assert await verdict(entries, (7, entries[6].hash)) == Verdict(20, 1, 20, entries[-1].hash)
    assert await verdict([]) == Verdict(0, 0, 0, "")


CHANGES: dict[str, Any] = {
    "at": 5,
    "kind": "sign_in.failed",
    "outcome": "failure",
    "actor": "user:bob",
    "user_id": "bob",
    "client_id": "other",
    "address": "203.0.113.9",
    "user_agent": "curl",
    "place": "KR Seoul",
    "sid": "s",
    "request_id": "r",
    "details": {"amr": ["otp"]},
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_of_any_member_shows(name: str) -> None:
    entries = chain(9)
    entries[4] = replace(entries[4], **{name: CHANGES[name]})
    assert (await verdict(entries)).found == Break(5, "changed")


def test_every_member_is_covered() -> None:
    assert (
        {f.name for f in fields(AuditEntry)} == {*CHANGES, "pool", "seq", "previous", "hash"} == {*members(chain(1)[0])}
    )


async def test_an_entry_of_another_pool_shows() -> None:
    entries = chain(9)
    entries[4] = replace(entries[4], pool="other_1")
    assert (await verdict(entries)).found == Break(5, "foreign")


async def test_a_change_with_its_hash_mended_shows_at_the_next_entry() -> None:
    entries = chain(9)
    entries[4] = link(replace(entries[4], user_id="bob"), 5, entries[3].hash)
    assert (await verdict(entries)).found == Break(6, "unlinked")


async def test_a_chain_written_anew_holds_but_not_against_a_noted_head() -> None:
    entries = chain(9)
    noted = (9, entries[-1].hash)
    for n in range(4, 9):
        entries[n] = link(replace(entries[n], user_id="bob"), n + 1, entries[n - 1].hash)
    assert (await verdict(entries)).found is None
    assert (await verdict(entries, noted)).found == Break(9, "head")


async def test_a_deleted_entry_shows() -> None:
    entries = chain(9)
    del entries[4]
    assert (await verdict(entries)).found == Break(6, "gap")


async def test_a_deleted_entry_with_the_others_renumbered_shows() -> None:
    entries = chain(9)
    del entries[4]
    entries[4:] = [replace(e, seq=e.seq - 1) for e in entries[4:]]
    assert (await verdict(entries)).found == Break(5, "unlinked")


async def test_an_inserted_entry_shows() -> None:
    entries = chain(9)
    entries.insert(4, link(replace(entries[4], user_id="bob"), 5, entries[3].hash))
    assert (await verdict(entries)).found == Break(5, "order")
    entries[5:] = [replace(e, seq=e.seq + 1) for e in entries[5:]]
    assert (await verdict(entries)).found == Break(6, "unlinked")


async def test_reordered_entries_show() -> None:
    entries = chain(9)
    entries[4], entries[5] = entries[5], entries[4]
    assert (await verdict(entries)).found == Break(6, "gap")
    entries = chain(9)
    entries[4], entries[5] = replace(entries[5], seq=5), replace(entries[4], seq=6)
    assert (await verdict(entries)).found == Break(5, "unlinked")


async def test_a_cut_off_end_shows_against_a_noted_head_alone() -> None:
    entries = chain(9)
    noted = (9, entries[-1].hash)
    assert (await verdict(entries[:6])).found is None
    assert (await verdict(entries[:6], noted)).found == Break(6, "end")
    assert (await verdict([], noted)).found == Break(0, "end")


async def test_a_cut_off_beginning_shows() -> None:
    assert (await verdict(chain(9)[3:])).found == Break(4, "beginning")


def pruned(entries: list[AuditEntry], through: int, digest: str) -> list[AuditEntry]:
    """The chain with an entry that accounts for all up to `through`."""
    note = AuditEntry(POOL, 0, 9, "audit.pruned", "info", "system", details={"through": through, "hash": digest})
    return [*entries, link(note, len(entries) + 1, entries[-1].hash)]


async def test_a_beginning_that_retention_took_is_accounted_for() -> None:
    entries = chain(9)
    kept = pruned(entries, 3, entries[2].hash)
    assert (await verdict(kept[3:])).found is None
    assert (await verdict(kept[2:])).found is None  # deleting goes piece by piece
    assert (await verdict(kept[3:], (2, entries[1].hash))).found is None  # what was noted is gone with the rest


async def test_no_more_is_accounted_for_than_was_said() -> None:
    entries = chain(9)
    kept = pruned(entries, 3, entries[2].hash)
    assert (await verdict(kept[4:])).found == Break(5, "beginning")
    assert (await verdict(pruned(entries, 3, "0" * 64)[3:])).found == Break(4, "beginning")
    assert (await verdict(pruned(entries, 3, "0" * 64))).found is None
    odd = pruned(entries, 3, entries[2].hash)
    odd[-1] = link(replace(odd[-1], details={"through": "3"}), 10, entries[-1].hash)
    assert (await verdict(odd[3:])).found == Break(4, "beginning")


async def test_a_thousand_random_edits_cuts_and_reorderings_are_noticed() -> None:
    chance = random.Random(7)
    good = chain(60)
    noted = (60, good[-1].hash)
    for _ in range(1000):
        entries = list(good)
        n = chance.randrange(60)
        what = chance.choice(["edit", "mend", "delete", "insert", "swap", "cut"])
        if what == "edit":
            name = chance.choice(list(CHANGES))
            entries[n] = replace(entries[n], **{name: CHANGES[name]})
        elif what == "mend":
            entries[n] = link(replace(entries[n], user_id="bob"), n + 1, entries[n].previous)
        elif what == "delete":
            del entries[n]
        elif what == "insert":
            entries.insert(n, link(replace(entries[n], user_id="bob"), n + 1, entries[n].previous))
        elif what == "swap":
            m = (n + 1 + chance.randrange(59)) % 60
            entries[n], entries[m] = entries[m], entries[n]
        else:
            del entries[n:]
        assert (await verdict(entries, noted)).found is not None, (what, n)


def test_a_break_is_told_in_a_sentence() -> None:
    for fault in SENTENCES:
        assert Break(7, fault).sentence.startswith("Entry 7 ")
        assert Break(7, fault).sentence.endswith(".")


def test_anybody_can_compute_the_hash() -> None:
    """As docs/audit.md shows: the standard library writes the same bytes."""
    entry = entry_of(
        event(details={"amr": ("pwd", "otp"), "acr": '\u00fc\u4e2d\U0001f600"\\/', "device": 7}, address="2001:db8::1"),
        1_800_000_000_000,
    )
    linked = link(entry, 3, "ab" * 32)
    covered = {name: value for name, value in members(linked).items() if name != "hash"}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == linked.hash


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_any_detail_comes_back_from_json_as_it_was_hashed(value: object) -> None:
    kept = plain(value)
    assert json.loads(json.dumps(kept)) == kept
    assert plain(kept) == kept or isinstance(value, dict)
    entry = link(AuditEntry(POOL, 0, 1, "a.b", "info", "system", details={"scope": kept}), 1, "")
    back = replace(entry, details=json.loads(json.dumps(dict(entry.details))))
    assert digest_of(back) == entry.hash


@given(st.text(), st.text(max_size=2000))
def test_text_from_strangers_is_bounded_and_printable(reason: str, agent: str) -> None:
    entry = entry_of(event(kind="sign_in.failed", details={"reason": reason}, user_agent=agent), 1)
    for text in (entry.user_agent, entry.details.get("reason")):
        assert text is None or (
            isinstance(text, str) and len(text) <= LONGEST_TEXT and (not text or text.isprintable())
        )


def test_numbers_that_json_readers_disagree_on_become_text() -> None:
    assert plain(2**53) == 2**53
    assert plain(2**53 + 1) == str(2**53 + 1)
    assert plain(1.0) == 1
    assert plain(1.5) == "1.5"
    assert plain(float("nan")) == "nan"
    assert plain(frozenset({"b", "a"})) == ["a", "b"]
