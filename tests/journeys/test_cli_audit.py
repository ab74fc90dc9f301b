"""`poolgate audit`: the trail read, filtered, exported and verified."""

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from authserver.audit.chain import link
from authserver.audit.entries import entry_of
from authserver.audit.trail import Trail
from authserver.cli import audit as command
from authserver.events import Event
from authserver.model.journal import AuditEntry
from authserver.store.memory.journal import MemoryJournal
from tests.journeys.command_line import Terminal
from tests.unit.installation import NOW

POOL = "demo_Pool1"


@pytest.fixture
def untold(shell: Terminal) -> Terminal:
    """The demo pool without a trail: not even of how it was made."""
    shell.place.stores = replace(shell.place.stores, journal=MemoryJournal())
    return shell


@pytest.fixture
def told(untold: Terminal) -> Terminal:
    """The demo pool with a trail: an hour ago, ten minutes ago, and now."""
    append(
        untold,
        (
            NOW - 3600,
            event("sign_in.failed", client_id="demo-web", address="203.0.113.7", details={"reason": "wrong password"}),
        ),
        (NOW - 600, event("sign_in.succeeded", user_id=ada(untold), client_id="demo-web", address="203.0.113.8")),
        (NOW, event("password.changed", user_id=ada(untold), user_agent='=cmd|"x"')),
    )
    return untold


def event(kind: str, **members: Any) -> Event:
    return Event(kind, POOL, **members)


def ada(shell: Terminal) -> str:
    user = asyncio.run(shell.place.stores.directory.find_user(POOL, "ada", ("username",)))
    assert user is not None
    return user.id


def append(shell: Terminal, *events: tuple[int, Event]) -> None:
    entries = [entry_of(event, at * 1000) for at, event in events]
    asyncio.run(shell.place.stores.journal.append(POOL, entries, link))


def kinds(shell: Terminal, *arguments: str) -> list[str]:
    outcome = shell("audit", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    return [row[2] for row in outcome.rows]


def test_the_newest_entry_comes_first(told: Terminal) -> None:
    outcome = told("audit")
    assert outcome.code == 0
    assert [row[:4] for row in outcome.rows] == [
        ["3", "2027-01-15T08:00:00.000Z", "password.changed", "success"],
        ["2", "2027-01-15T07:50:00.000Z", "sign_in.succeeded", "success"],
        ["1", "2027-01-15T07:00:00.000Z", "sign_in.failed", "failure"],
    ]
    assert outcome.rows[2][4:] == ["anonymous", "", "demo-web", "203.0.113.7", "", "reason=wrong password"]


FILTERS: list[tuple[list[str], list[str]]] = [
    (["--user", "ada"], ["password.changed", "sign_in.succeeded"]),
    (["--client", "demo-web"], ["sign_in.succeeded", "sign_in.failed"]),
    (["--kind", "sign_in.*"], ["sign_in.succeeded", "sign_in.failed"]),
    (["--kind", "password.changed", "--kind", "sign_in.failed"], ["password.changed", "sign_in.failed"]),
    (["--outcome", "failure"], ["sign_in.failed"]),
    (["--address", "203.0.113.8"], ["sign_in.succeeded"]),
    (["--since", "15m"], ["password.changed", "sign_in.succeeded"]),
    (["--since", "2027-01-15T07:50Z", "--until", "2027-01-15T08:00:00+00:00"], ["sign_in.succeeded"]),
    (["--since", "2027-01-15T16:00+09:00", "--until", "10m"], ["sign_in.failed"]),
    (["--until", "2027-01-15"], []),
    (["--limit", "1"], ["password.changed"]),
    (["--before", "3", "--limit", "1"], ["sign_in.succeeded"]),
    (["--all"], ["password.changed", "sign_in.succeeded", "sign_in.failed"]),
    (["--user", "ada", "--kind", "sign_in.*", "--outcome", "success", "--pool", POOL], ["sign_in.succeeded"]),
]


def test_the_trail_is_filtered(told: Terminal) -> None:
    for options, wanted in FILTERS:
        assert kinds(told, *options) == wanted, options


def test_a_user_is_found_by_an_id_that_nobody_has_any_more(told: Terminal) -> None:
    append(told, (NOW, event("user.deleted", user_id="gone")))
    assert kinds(told, "--user", "gone") == ["user.deleted"]
    assert kinds(told, "--user", ada(told)) == ["password.changed", "sign_in.succeeded"]


MISTAKES = [
    (["--kind", "sing_in.failed"], "--kind: there is no event kind `sing_in.failed`", 2),
    (["--kind", "nothing.*"], "--kind: there is no event kind `nothing.*`", 2),
    (["--outcome", "bad"], "--outcome: must be success, failure or info", 2),
    (["--since", "yesterday"], "--since: must be a time such as", 2),
    (["--until", "2027-13-01"], "--until: must be a time such as", 2),
    (["--pool", "none_x"], "There is no pool 'none_x'", 1),
    (["--user", "adaa"], "There is no user 'adaa'", 1),
]


def test_a_mistake_is_told_in_a_sentence(told: Terminal) -> None:
    for options, sentence, code in MISTAKES:
        refused = told("audit", *options)
        assert refused.code == code, options
        assert sentence in refused.err
        assert "Traceback" not in refused.err


def test_an_export_is_one_or_the_other(told: Terminal) -> None:
    assert told("audit", "--csv", "--json").code == 2


def test_json_holds_all_that_the_hash_covers(told: Terminal) -> None:
    """As docs/audit.md tells a receiver to check it."""
    entries = told("audit", "--all", "--json").value
    previous = ""
    for entry in reversed(entries):
        covered = {k: v for k, v in entry.items() if k not in {"time", "hash"}}
        text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == entry["hash"]
        assert entry["previous"] == previous
        previous = entry["hash"]
    assert [e["seq"] for e in told("audit", "--json", "--limit", "2").value] == [3, 2]
    assert told("audit", "--client", "nobody", "--json").value == []


def test_csv_has_a_row_an_entry_and_no_formulas(told: Terminal) -> None:
    rows = list(csv.DictReader(io.StringIO(told("audit", "--all", "--csv").out)))
    assert [row["seq"] for row in rows] == ["3", "2", "1"]
    assert rows[0]["user_agent"] == '\'=cmd|"x"'
    assert json.loads(rows[2]["details"]) == {"reason": "wrong password"}
    assert rows[2]["time"] == "2027-01-15T07:00:00.000Z"
    assert told("audit", "--client", "nobody", "--csv").out == ""


def test_a_long_trail_is_streamed_and_paged(told: Terminal) -> None:
    append(told, *((NOW, event("session.ended", sid=str(n))) for n in range(1200)))
    assert len(told("audit", "--all", "--json").value) == 1203
    assert len(told("audit").rows) == 50
    seen: list[int] = []
    before: list[str] = []
    while page := told("audit", "--limit", "400", "--json", *before).value:
        seen += [entry["seq"] for entry in page]
        before = ["--before", str(seen[-1])]
    assert seen == list(range(1203, 0, -1))


def test_on_a_terminal_the_next_page_is_named(told: Terminal) -> None:
    assert "older ones: --before 2" in told("audit", "--limit", "2", screen=True).err
    assert told("audit", "--limit", "3", screen=True).err == ""
    assert "There is no such entry." in told("audit", "--client", "nobody", screen=True).out


def test_the_trail_is_followed_until_stopped(told: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0

    async def pause(_seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise KeyboardInterrupt
        entry = entry_of(event("session.ended"), NOW * 1000)
        await told.place.stores.journal.append(POOL, [entry, replace(entry, kind="sign_in.failed")], link)

    monkeypatch.setattr("asyncio.sleep", pause)
    monkeypatch.setattr("authserver.audit.reading.as_it_grows.__kwdefaults__", {"every": 1.0, "pause": pause})
    outcome = told("audit", "--follow", "--limit", "1", "--kind", "sign_in.*", "--json")
    assert outcome.code == 0
    assert [json.loads(line)["seq"] for line in outcome.out.splitlines()] == [2, 5]


# --- verifying ------------------------------------------------------------------------------------------------------


def stored(shell: Terminal) -> list[AuditEntry]:
    return shell.place.stores.journal._entries[POOL]  # type: ignore[attr-defined]  # behind the store's back


def test_a_good_chain_is_said_to_hold(told: Terminal) -> None:
    verified = told("audit", "verify")
    head = stored(told)[-1]
    assert verified.code == 0
    assert verified.out == f"{POOL}: the chain holds: 3 entries, 1 to 3; head 3:{head.hash}\n"
    (verdict,) = told("audit", "verify", "--json").value
    assert (verdict["holds"], verdict["entries"], verdict["head"]) == (True, 3, head.hash)


def test_a_pool_without_a_trail_has_nothing_to_verify(untold: Terminal) -> None:
    assert untold("audit", "verify").out == f"{POOL}: the chain holds: 0 entries\n"
    assert untold("audit").out == ""


def tamper_change(entries: list[AuditEntry]) -> None:
    entries[1] = replace(entries[1], address="198.51.100.1")


def tamper_delete(entries: list[AuditEntry]) -> None:
    del entries[1]


def tamper_reorder(entries: list[AuditEntry]) -> None:
    entries[0], entries[1] = entries[1], entries[0]


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (tamper_change, "Entry 2 is not what was written"),
        (tamper_delete, "Entry 3 does not follow the entry before it"),
        (tamper_reorder, "Entry 1 stands behind an entry"),
    ],
)
def test_what_was_done_to_the_trail_is_told_with_its_place(told: Terminal, tamper: Any, sentence: str) -> None:
    entries: Sequence[AuditEntry] = stored(told)
    tamper(entries)
    verified = told("audit", "verify")
    assert verified.code == 1
    assert sentence in verified.err
    as_json = told("audit", "verify", "--pool", POOL, "--json")
    assert as_json.code == 1
    assert as_json.value[0]["holds"] is False


def test_a_cut_off_end_shows_against_a_noted_head(told: Terminal) -> None:
    ((pool, noted),) = told("audit", "head").rows
    assert pool == POOL
    assert told("audit", "verify", "--pool", POOL, "--head", noted).code == 0
    del stored(told)[2]
    assert told("audit", "verify").code == 0
    cut = told("audit", "verify", "--pool", POOL, "--head", noted)
    assert cut.code == 1
    assert "the end was cut off" in cut.err


def test_a_head_is_one_pools_and_spelt_as_it_was_printed(told: Terminal) -> None:
    noted = told("audit", "head", "--json").value[0]["head"]
    assert "say which with --pool" in told("audit", "verify", "--head", noted).err
    for wrong in ("3", "3:abc", "x:" + "0" * 64):
        refused = told("audit", "verify", "--pool", POOL, "--head", wrong)
        assert refused.code == 2
        assert "--head: must be a number and a hash" in refused.err


def test_the_trail_of_a_process_is_what_the_command_reads(untold: Terminal) -> None:
    async def live() -> None:
        trail = Trail(untold.place.stores.journal, untold.place.clock, untold.folder / "audit", commit_every=0.01)
        async with trail.running():
            trail.hear(event("sign_in.succeeded", user_id="u-1"))

    asyncio.run(live())
    assert kinds(untold) == ["sign_in.succeeded"]
    assert untold("audit", "verify").code == 0


def test_help_lists_the_commands(bare: Terminal) -> None:
    told = bare("audit", "--help")
    assert told.code == 0
    assert "verify" in told.out
    assert command.build_app() is not None
