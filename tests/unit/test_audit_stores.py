"""The audit trail on real databases: what comes back hashes as it was written, whoever appends beside whom."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from authserver.adapters.sql import open_sql
from authserver.adapters.sql.tables import audit_entries
from authserver.audit import Caller, Trail, caller
from authserver.audit import trail as trail_module
from authserver.audit.chain import verify
from authserver.audit.history import history
from authserver.audit.reading import oldest_first
from authserver.audit.retention import prune
from authserver.event_kinds import EVENT_KINDS
from tests.conformance import sql_stores
from tests.conformance.sql_stores import Roles, on_sql
from tests.unit.audit_trails import NOW, POOL, Clock, event

pytestmark = pytest.mark.anyio

sqlite_template, postgres_url = sql_stores.sqlite_template, sql_stores.postgres_url
any_url, stores, elsewhere = sql_stores.any_url, sql_stores.stores, sql_stores.elsewhere


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may be busy."""
    monkeypatch.setattr(trail_module, "_DRAIN", 60.0)


ODD = 'a\x00b\ud800c "\\/\u2028 \u00e9 e\u0301 \U0001f600 \x7f <script> %s {}'


async def test_what_strangers_sent_comes_back_as_it_was_hashed(stores: Roles, tmp_path: Path) -> None:
    trail = Trail(stores.journal, Clock(), tmp_path / "audit")
    request = {"client": ("2001:db8::1", 1), "headers": [(b"user-agent", b"\x00\xff\x80 Mozilla" * 100)]}
    token = caller.set(Caller(request, ODD))
    for kind, about in EVENT_KINDS.items():
        for value in (ODD, 2**70, -1, 1.0, 1.25, True, None, ("a", ODD), {"k" + ODD: [1, None, {}]}, "", []):
            details = dict.fromkeys(about.details, value)
            trail.hear(event(0, kind, user_id=ODD * 20, client_id=ODD * 50, sid=ODD, details=details))
    caller.reset(token)
    await trail.drain()
    found = await verify(POOL, oldest_first(stores.journal, POOL))
    assert found.found is None
    assert found.count == 11 * sum(kind.audited for kind in EVENT_KINDS.values())
    assert trail.lost == 0


async def test_two_processes_write_one_chain(stores: Roles, elsewhere: Roles, tmp_path: Path) -> None:
    one = Trail(stores.journal, Clock(), tmp_path / "one", commit_every=0.005)
    two = Trail(elsewhere.journal, Clock(), tmp_path / "two", commit_every=0.005)
    async with one.running(), two.running():
        for n in range(300):
            (one if n % 2 else two).hear(event(n))
            if n % 30 == 0:
                await one._rest(0.01)
    entries = [e async for e in oldest_first(stores.journal, POOL)]
    assert sorted(e.sid or "" for e in entries) == sorted(f"s{n}" for n in range(300))
    assert (await verify(POOL, oldest_first(stores.journal, POOL))).found is None


async def test_retention_leaves_a_chain(stores: Roles, tmp_path: Path) -> None:
    clock = Clock()
    trail = Trail(stores.journal, clock, tmp_path / "audit", commit_every=0.0)
    clock.now = NOW - 100 * 86400
    async with trail.running():
        for n in range(2500):
            trail.hear(event(n))
    clock.now = NOW
    trail = Trail(stores.journal, clock, tmp_path / "audit")
    trail.hear(event(9999))
    await trail.drain()
    assert await prune(stores.journal, POOL, 30, clock) == 2500
    found = await verify(POOL, oldest_first(stores.journal, POOL))
    assert (found.found, found.count, found.first) == (None, 2, 2501)
    assert [a.seq for a in await history(stores.journal, POOL, "ada")] == [2501]


@on_sql
@pytest.mark.parametrize(
    ("change", "fault", "at"),
    [
        (sa.update(audit_entries).where(audit_entries.c.seq == 5).values(kind="session.ended"), "changed", 5),
        (sa.update(audit_entries).where(audit_entries.c.seq == 5).values(at=1), "changed", 5),
        (sa.update(audit_entries).where(audit_entries.c.seq == 5).values(entry='{"actor":"user:bob"}'), "changed", 5),
        (sa.update(audit_entries).where(audit_entries.c.seq == 5).values(hash="0" * 64), "changed", 5),
        (sa.update(audit_entries).where(audit_entries.c.seq == 5).values(previous="0" * 64), "unlinked", 5),
        (sa.delete(audit_entries).where(audit_entries.c.seq == 5), "gap", 6),
        (sa.delete(audit_entries).where(audit_entries.c.seq <= 5), "beginning", 6),
    ],
)
async def test_a_hand_in_the_database_shows(
    any_url: str, stores: Roles, tmp_path: Path, change: sa.Update | sa.Delete, fault: str, at: int
) -> None:
    trail = Trail(stores.journal, Clock(), tmp_path / "audit")
    for n in range(9):
        trail.hear(event(n))
    await trail.drain()
    assert (await verify(POOL, oldest_first(stores.journal, POOL))).found is None
    async with await open_sql(any_url) as behind:
        await behind.database.write(lambda connection: connection.execute(change))
    found = (await verify(POOL, oldest_first(stores.journal, POOL))).found
    assert found is not None
    assert (found.fault, found.seq) == (fault, at)
