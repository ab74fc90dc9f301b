"""The trail of a command: what it did is appended before it ends, however it ends."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from authserver.audit.collecting import PIECE, collecting
from authserver.audit.trail import Trail
from authserver.errors import Conflict, StoreUnavailable
from authserver.events import OPERATOR, Event
from authserver.model.journal import AuditEntry, AuditFilter
from authserver.store.memory.journal import MemoryJournal
from tests.unit.installation import NOW

pytestmark = pytest.mark.anyio

POOL = "p_1"
OLIVE = "operator:olive"


def clock() -> float:
    return float(NOW)


async def entries(journal: MemoryJournal) -> list[AuditEntry]:
    return await journal.entries(POOL, AuditFilter(), limit=5000, after=0)


async def test_events_are_appended_with_who_did_it(tmp_path: Path) -> None:
    journal = MemoryJournal()
    async with collecting(journal, clock, tmp_path, OLIVE) as emit:
        emit(Event("user.disabled", POOL, "u"))
        emit(Event("user.deleted", POOL, "u", actor=OPERATOR))
        emit(Event("user.deleted", POOL, "v", actor="system"))
        emit(Event("token.issued", POOL))
        assert await entries(journal) == []
    assert [(e.kind, e.actor, e.at) for e in await entries(journal)] == [
        ("user.disabled", OLIVE, NOW * 1000),
        ("user.deleted", OLIVE, NOW * 1000),
        ("user.deleted", "system", NOW * 1000),
    ]
    assert list(tmp_path.iterdir()) == []


async def test_many_events_go_in_pieces_and_a_failure_keeps_none_back(tmp_path: Path) -> None:
    journal = MemoryJournal()

    async def fail_after_many() -> None:
        async with collecting(journal, clock, tmp_path, OLIVE) as emit:
            for at in range(PIECE + 2):
                emit(Event("user.disabled", POOL, f"u{at}"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_many()
    assert [e.seq for e in await entries(journal)] == list(range(1, PIECE + 3))


class Down(MemoryJournal):
    """A store that does not answer, or will not have them."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__()
        self.refusal: Exception | None = refusal

    async def append(self, pool: str, entries: Sequence[AuditEntry], link: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        await super().append(pool, entries, link)  # type: ignore[arg-type]  # handed on


@pytest.mark.parametrize("refusal", [StoreUnavailable(), Conflict()])
async def test_what_the_store_does_not_take_waits_for_a_server(tmp_path: Path, refusal: Exception) -> None:
    journal = Down(refusal)
    async with collecting(journal, clock, tmp_path, OLIVE) as emit:
        emit(Event("user.disabled", POOL, "u"))
    assert await entries(journal) == []
    journal.refusal = None
    async with Trail(journal, clock, tmp_path, commit_every=0.01).running():
        async with asyncio.timeout(5):
            while not await entries(journal):
                await asyncio.sleep(0.01)
    found = await entries(journal)
    assert [(e.kind, e.actor) for e in found if e.kind != "audit.restored"] == [("user.disabled", OLIVE)]
