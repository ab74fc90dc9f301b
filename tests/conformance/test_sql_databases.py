"""What is true of the databases beneath the SQL roles: durability settings, group commit, faults, healing, plans."""

import asyncio
import dataclasses
import logging
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authserver.adapters.sql import (
    SqlStores,
    directory_search,
    directory_walk,
    migrate,
    open_sql,
    sqlite_connection,
)
from authserver.adapters.sql.prefix import prefix_end
from authserver.adapters.sql.tables import pools, users
from authserver.errors import Conflict, Refusal, StoreUnavailable
from authserver.model.credentials import Credential, Device
from authserver.model.journal import AuditEntry, AuditFilter, Parcel
from authserver.model.users import User, UserFilter
from authserver.store.protocols import Credentials, Directory, Grants, Journal, Registry
from tests import postgres
from tests.conformance import sql_stores
from tests.conformance.sql_process import chained
from tests.conformance.sql_stores import NOW, POOL, bare_pool, family, full_pool, grant

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
sql_url = sql_stores.sql_url

on_sqlite = pytest.mark.parametrize("sql_url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("sql_url", ["postgresql"], indirect=True)


@pytest.fixture
async def opened(sql_url: str) -> AsyncIterator[SqlStores]:
    async with await open_sql(sql_url) as stores:
        await stores.database.write(sql_stores._empty)
        yield stores


def _bare(pool: str) -> dict[str, str]:
    """A pool's row that is as short as can be."""
    return {column.name: pool if column.name == "id" else "[]" for column in pools.c}


def _count(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(pools)).scalar_one())


# --- jobs -------------------------------------------------------------------------------------------------------------


async def test_a_job_that_fails_leaves_nothing_and_spoils_no_other(opened: SqlStores) -> None:
    def fails(connection: sa.Connection) -> None:
        connection.execute(sa.insert(pools), _bare("fails_1"))
        raise LookupError("a mistake in the job")

    def refuses(connection: sa.Connection) -> None:
        connection.execute(sa.insert(pools), _bare("refuses_1"))
        raise Conflict("said the job")

    def clashes(connection: sa.Connection) -> None:
        connection.execute(sa.insert(pools), _bare("clashes_1"))
        connection.execute(sa.insert(pools), _bare("clashes_1"))

    def works(connection: sa.Connection) -> str:
        connection.execute(sa.insert(pools), _bare("works_1"))
        return "done"

    jobs = (fails, refuses, works, clashes)
    outcomes = await asyncio.gather(*(opened.database.write(job) for job in jobs), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LookupError, Conflict, str, Conflict]
    stored = await opened.database.fetch(sa.select(pools.c.id), {})
    assert [row[0] for row in stored] == ["works_1"]


async def test_a_mistake_in_a_statement_is_not_hidden_as_a_fault_of_the_database(opened: SqlStores) -> None:
    with pytest.raises(sa.exc.CompileError):
        await opened.database.write(
            lambda connection: connection.execute(sa.insert(pools).values(id="a_1", nonsense=1))
        )


async def test_a_caller_that_is_cancelled_spoils_no_other(opened: SqlStores) -> None:
    async def put(name: str) -> None:
        await opened.registry.put_pool(bare_pool(name))

    tasks = [asyncio.create_task(put(f"p{n}_1")) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[1::2] == [None] * 10
    found = {pool.id for pool in await opened.registry.pools()}
    assert {f"p{n}_1" for n in range(1, 20, 2)} <= found
    await put("after_1")


async def test_a_job_sees_one_snapshot(opened: SqlStores) -> None:
    loop = asyncio.get_running_loop()

    def read_twice(connection: sa.Connection) -> tuple[int, int]:
        before = _count(connection)
        if opened.database.dialect == "sqlite":
            put = opened.registry.put_pool(bare_pool("meanwhile_1"))
            asyncio.run_coroutine_threadsafe(put, loop).result(10)
        else:
            database = connection.execute(sa.text("SELECT current_database()")).scalar_one()
            values = ", ".join(f"'{value}'" for value in _bare("meanwhile_1").values())
            postgres.shared_server().execute(f"INSERT INTO pools VALUES ({values})", database=database)
        return before, _count(connection)

    assert await opened.database.read(read_twice, (-1, -1)) == (0, 0)
    assert await opened.database.read(_count, -1) == 1


async def test_closing_waits_for_what_is_queued(sql_url: str) -> None:
    stores = await open_sql(sql_url)
    await stores.database.write(sql_stores._empty)
    writes = [asyncio.ensure_future(stores.grants.revoke_token(POOL, f"t{n}", NOW, NOW)) for n in range(50)]
    await asyncio.sleep(0)
    await stores.close()
    assert all(write.done() for write in writes)
    await asyncio.gather(*writes)
    await stores.close()
    async with await open_sql(sql_url) as again:
        assert len(await again.grants.revocations(0)) == 50


async def test_a_closed_database_is_unavailable(sql_url: str) -> None:
    stores = await open_sql(sql_url)
    await stores.registry.version()
    await stores.close()
    for call in (
        stores.registry.version(),
        stores.registry.pools(),
        stores.grants.revoke_token(POOL, "t", NOW, NOW),
        stores.grants.revoke_user(POOL, "u", NOW, NOW),
    ):
        with pytest.raises(StoreUnavailable):
            await call


# --- what is logged ---------------------------------------------------------------------------------------------------


async def test_no_value_shows_in_a_refusal(opened: SqlStores, caplog: pytest.LogCaptureFixture) -> None:
    import traceback

    caplog.set_level(logging.DEBUG)
    await opened.registry.put_pool(bare_pool(POOL))
    secret = User("u1", POOL, "topsecret", "topsecret@example.com", True)
    await opened.directory.create_user(POOL, secret)

    def broken(connection: sa.Connection) -> None:
        row = {**dict.fromkeys((c.name for c in users.c), "topsecret"), "pool": POOL, "hash": "topsecret"}
        del row["hash"]
        row |= {"email_verified": True, "phone_number_verified": True, "created_at": 1, "updated_at": 1}
        connection.execute(sa.insert(users), row | {"state": None})

    calls = (
        opened.directory.create_user(POOL, secret),
        opened.directory.create_user(POOL, User("u2", POOL, "x", "topsecret@example.com", True)),
        opened.directory.create_user("nobody_X", secret),
        opened.directory.create_user(POOL, User("u2", POOL, "topsecret\ud800")),
        opened.database.write(broken),
    )
    for call in calls:
        with pytest.raises(Refusal) as refused:
            await call
        shown = "".join(traceback.format_exception(refused.value)) + str(refused.value.detail) + caplog.text
        assert "topsecret" not in shown.replace('"topsecret', "")


# --- SQLite -----------------------------------------------------------------------------------------------------------


@on_sqlite
async def test_every_connection_is_durable_and_strict(opened: SqlStores) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}

    def settings(connection: sa.Connection) -> dict[str, Any]:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}

    assert await opened.database.write(settings) == wanted
    assert await opened.database.read(settings, {}) == wanted
    point = [(await opened.database.fetch(sa.text(f"PRAGMA {name}"), {}))[0][0] for name in wanted]
    assert point == list(wanted.values())


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that SQLite runs on connections opened from now on."""
    statements: list[str] = []

    def tracing(path: str, wait: float) -> sqlite3.Connection:
        connection = sqlite_connection.connect(path, wait)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr("authserver.adapters.sql.sqlite.connect", tracing)
    return statements


@on_sqlite
async def test_writes_that_wait_together_share_a_commit(sql_url: str, traced: list[str]) -> None:
    async with await open_sql(sql_url) as stores:
        for n in range(5):
            await stores.grants.revoke_token(POOL, f"alone.{n}", NOW, NOW)
        alone = traced.count("COMMIT")
        await asyncio.gather(*(stores.grants.revoke_token(POOL, f"t.{n}", NOW, NOW) for n in range(600)))
        assert alone == 5
        assert traced.count("COMMIT") - alone < 20
        assert len(await stores.grants.revocations(0)) == 605


@on_sqlite
async def test_a_write_waits_for_another_processs_and_then_gives_up(sql_url: str) -> None:
    other = sqlite3.connect(sql_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with await open_sql(sql_url, wait=0.3) as impatient:
        for call in (
            impatient.grants.revoke_token(POOL, "t", NOW, NOW),
            impatient.grants.revoke_session(POOL, "s", NOW, NOW),
        ):
            with pytest.raises(StoreUnavailable):
                await call
        assert await impatient.grants.revocations(0) == []
    async with await open_sql(sql_url) as patient:
        waiting = asyncio.ensure_future(patient.grants.revoke_token(POOL, "t", NOW, NOW))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
        await waiting
        assert len(await patient.grants.revocations(0)) == 1


@on_sqlite
async def test_a_full_disk_is_unavailable_and_passes(opened: SqlStores) -> None:
    pages = await opened.database.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
    await opened.database.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}"))
    big = [
        opened.database.write(lambda c, n=n: c.execute(sa.insert(pools), {**_bare(f"p{n}_1"), "name": "x" * 50_000}))
        for n in range(5)
    ]
    outcomes = await asyncio.gather(*big, opened.grants.purge(NOW), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes[:5]} == {StoreUnavailable}
    assert await opened.database.read(_count, -1) == 0
    await opened.database.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count=1000000"))
    await opened.registry.put_pool(full_pool(POOL))
    assert await opened.registry.pool(POOL) == full_pool(POOL)


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "poolgate.db"
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    for use in (migrate, open_sql):
        with pytest.raises(StoreUnavailable):
            await use(f"sqlite:///{path}")
    assert stat.S_IMODE(path.stat().st_mode) != 0


async def test_a_file_without_its_schema_is_unavailable(tmp_path: Path) -> None:
    async with await open_sql(f"sqlite:///{tmp_path / 'poolgate.db'}") as stores:
        with pytest.raises(StoreUnavailable) as refused:
            await stores.registry.version()
    assert "registry_version" in str(refused.value.detail)


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@on_postgres
@pytest.mark.parametrize(
    ("server", "ours"), [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
)
async def test_a_commit_is_at_least_on_disk(sql_url: str, server: str, ours: str) -> None:
    name = sql_url.partition("?")[0].rpartition("/")[2]
    execute = postgres.shared_server().execute
    execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {server}')
    try:
        async with await open_sql(sql_url) as stores:
            setting = sa.text("SELECT current_setting('synchronous_commit')")
            assert (await stores.database.fetch(setting, {}))[0][0] == ours
            assert await stores.database.write(lambda c: c.execute(setting).scalar_one()) == ours
    finally:
        execute(f'ALTER DATABASE "{name}" RESET synchronous_commit')


@on_postgres
async def test_no_more_connections_are_taken_than_told(sql_url: str) -> None:
    name = sql_url.partition("?")[0].rpartition("/")[2]
    async with await open_sql(sql_url, bare=3, pooled=2) as stores:
        await asyncio.gather(
            *(stores.registry.version() for _ in range(50)),
            *(stores.registry.pools() for _ in range(20)),
            *(stores.grants.revoke_token(POOL, f"t{n}", NOW, NOW) for n in range(20)),
            *(stores.grants.revoke_session(POOL, f"s{n}", NOW, NOW) for n in range(20)),
        )
        count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        assert int(postgres.shared_server().execute(count)) == 5


@on_postgres
async def test_connections_that_are_all_busy_are_waited_for_and_then_given_up(sql_url: str) -> None:
    async with await open_sql(sql_url, bare=1, pooled=1, wait=1) as stores:
        await asyncio.gather(stores.registry.version(), stores.registry.pools())
        sleep = sa.text("SELECT pg_sleep(1.8)")
        slow = [
            asyncio.ensure_future(stores.database.fetch(sleep, {})),
            asyncio.ensure_future(stores.database.write(lambda c: c.execute(sleep))),
        ]
        await asyncio.sleep(0.1)
        refused = await asyncio.gather(stores.registry.version(), stores.registry.pools(), return_exceptions=True)
        assert [type(each) for each in refused] == [StoreUnavailable] * 2
        await asyncio.gather(*slow, return_exceptions=True)
        assert await stores.registry.version() >= 0


@on_postgres
async def test_a_cancelled_statement_costs_its_connection_and_no_more(sql_url: str) -> None:
    async with await open_sql(sql_url, bare=1) as stores:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await stores.database.fetch(sa.text("SELECT pg_sleep(5)"), {})
            assert await stores.registry.version() >= 0


@on_postgres
async def test_a_transaction_that_loses_a_deadlock_is_run_again(sql_url: str) -> None:
    async with await open_sql(sql_url) as stores:
        await stores.database.write(sql_stores._empty)
        for pool in ("a_1", "b_1"):
            await stores.database.write(lambda c, pool=pool: c.execute(sa.insert(pools), _bare(pool)))

        def rename(first: str, second: str) -> Any:
            def job(connection: sa.Connection) -> None:
                for pool in (first, second):
                    connection.execute(sa.update(pools).where(pools.c.id == pool).values(name=f"{first} was here"))
                    connection.execute(sa.text("SELECT pg_sleep(0.2)"))

            return job

        await asyncio.gather(stores.database.write(rename("a_1", "b_1")), stores.database.write(rename("b_1", "a_1")))
        names = await stores.database.fetch(sa.select(pools.c.name), {})
        assert len({row[0] for row in names}) == 1


@pytest.fixture(scope="module")
def own_server() -> Iterator[postgres.Server]:
    """A server that a test may stop."""
    postgres.require()
    with postgres.private_server() as server:
        yield server


async def test_a_restart_of_postgresql_is_got_over_without_one_of_ours(own_server: postgres.Server) -> None:
    url = own_server.create_database()
    await migrate(url)
    async with await open_sql(url) as stores:
        await stores.registry.put_pool(bare_pool(POOL))
        await asyncio.gather(
            *(stores.registry.version() for _ in range(8)), *(stores.registry.pools() for _ in range(4))
        )

        await asyncio.to_thread(own_server.stop)
        for call in (
            stores.registry.version(),
            stores.registry.pools(),
            stores.grants.revoke_token(POOL, "t", NOW, NOW),
            stores.registry.put_pool(bare_pool(POOL)),
        ):
            with pytest.raises(StoreUnavailable):
                await call
        await asyncio.to_thread(own_server.start)

        await stores.grants.revoke_token(POOL, "after", NOW, NOW)
        await stores.registry.put_pool(full_pool(POOL))
        assert await stores.registry.pools() == [full_pool(POOL)]
        assert [entry.id for entry in await stores.grants.revocations(0)] == ["after"]


async def test_a_connection_that_breaks_under_a_read_is_replaced(own_server: postgres.Server) -> None:
    """The socket is cut from our side, so nothing has told the pools by the time of the next statement."""
    url = own_server.create_database()
    await migrate(url)
    async with await open_sql(url, bare=1, pooled=1) as stores:
        for _ in range(2):
            assert await stores.registry.version() == 0
            assert await stores.registry.pools() == []
            own_server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolgate'"
            )


# --- plans ------------------------------------------------------------------------------------------------------------


@on_sqlite
async def test_no_statement_walks_a_whole_table(
    sql_url: str, traced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement the roles run is explained by SQLite as it runs; tables may only be searched."""
    monkeypatch.setattr(directory_walk, "STRIDES", (1, 1))
    async with await open_sql(sql_url) as stores:
        await _use_everything(stores)
    seen = set(traced)
    explainer = sqlite_connection.connect(sql_url.removeprefix("sqlite:///"), 1)
    walks = []
    for sql in seen:
        if sql.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
            plan = [row[3] for row in explainer.execute(f"EXPLAIN QUERY PLAN {sql}")]
            walks += [(step, sql) for step in plan if step.startswith("SCAN") and not _is_small(step)]
    explainer.close()
    assert walks == []
    assert len(seen) > 150


def _is_small(step: str) -> bool:
    """Of all pools and their groups there are few; a subquery and a constant row have a bound of their own."""
    name = step.split()[1]
    return name in {"pools", "pool_groups", "registry_version", "CONSTANT", "words"} or name.startswith(("anon_", "("))


async def _use_everything(stores: SqlStores) -> None:
    await _use_registry(stores.registry)
    await _use_directory(stores.directory)
    await _use_credentials(stores.credentials)
    await _use_journal(stores.journal)
    await _use_grants(stores.grants)
    await stores.directory.delete_user(POOL, "ada")
    await stores.registry.delete_client(POOL, f"web-{POOL}")


async def _use_registry(registry: Registry) -> None:
    await registry.put_pool(full_pool(POOL))
    await registry.pool(POOL)
    await registry.pools()
    await registry.put_client(POOL, sql_stores.full_client(POOL, f"web-{POOL}"))
    await registry.client(POOL, "x")
    await registry.clients(POOL)
    await registry.pool_of_client("x")
    await registry.change_keys(POOL, expected=[], put=[sql_stores.full_key(POOL, "k1")], delete=["k2"])
    await registry.keys(POOL)
    await registry.version()


async def _use_directory(directory: Directory) -> None:
    await directory.create_user(POOL, sql_stores.full_user(POOL, "ada"), sql_stores.password("ada"))
    await directory.user(POOL, "ada")
    await directory.change_user(POOL, "ada", lambda stored: dataclasses.replace(stored, groups=("ants",)))
    await directory.due_for_deletion(NOW)
    for by in (["username"], ["email"], ["phone_number"], ["preferred_username"], ["email", "username"]):
        await directory.find_user(POOL, "x", by)
    for n in range(3):
        await directory.create_user(POOL, User(f"u{n}", POOL, f"user{n}", f"{n}@example.com", groups=("ants",)))
    wishes: list[dict[str, Any]] = [
        {},
        {"search": "a"},
        {"search": "exam user ad"},
        {"state": "confirmed"},
        {"search": "exam", "state": "confirmed"},
        {"group": "ants"},
        {"search": "us", "group": "ants", "created_since": 0},
        {"email": "a@example.com"},
        {"phone_number": "+491"},
        {"created_since": 0, "created_until": NOW},
    ]
    for rare in (0, 1000):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(directory_search, "RARE", rare)
            for wish in wishes:
                for after in (None, "a"):
                    await directory.users(POOL, UserFilter(**wish), after=after)
                await directory.count_users(POOL, UserFilter(**wish))
    await directory.password(POOL, "ada")
    await directory.set_password(POOL, sql_stores.password("ada"))
    await directory.set_password(POOL, sql_stores.password("ada"), replaces="x")
    await directory.count_password_failure(POOL, "ada")
    await directory.password_failures(POOL, "ada")
    await directory.clear_password_failures(POOL, "ada")


async def _use_credentials(credentials: Credentials) -> None:
    await credentials.add_credential(POOL, Credential("c1", POOL, "ada", "passkey", handle="h1"))
    await credentials.credentials(POOL, "ada")
    await credentials.credential_of_handle(POOL, "h1")
    for strictly in (True, False):
        await credentials.use_credential(POOL, "c1", counter=1, now=NOW, strictly=strictly)
    await credentials.rename_credential(POOL, "ada", "c1", "blue")
    await credentials.put_backup_codes(POOL, "ada", ["d1"], NOW)
    await credentials.spend_backup_code(POOL, "ada", "d1", NOW)
    await credentials.backup_codes_left(POOL, "ada")
    await credentials.note_former_password(POOL, "ada", "$old", NOW, 1)
    await credentials.former_passwords(POOL, "ada", 1)
    await credentials.put_device(POOL, Device("d1", "ada"))
    await credentials.device(POOL, "ada", "d1")
    await credentials.devices(POOL, "ada")
    await credentials.delete_device(POOL, "ada", "d1")
    await credentials.delete_devices(POOL, "ada")
    await credentials.delete_credential(POOL, "ada", "c1")
    await credentials.delete_credentials(POOL, "ada")


async def _use_journal(journal: Journal) -> None:
    await journal.append(POOL, [AuditEntry(POOL, 0, NOW, "a.b", "info", "system")] * 3, chained)
    await journal.head(POOL)
    for wanted in (
        AuditFilter(),
        AuditFilter(user_id="ada"),
        AuditFilter(kinds=("a.*", "a.b")),
        AuditFilter(kinds=("a.b",), outcome="info"),
        AuditFilter(address="192.0.2.1", client_id="web"),
        AuditFilter(since=0, until=NOW),
    ):
        for limits in ({}, {"before": 3}, {"after": 1}):
            await journal.entries(POOL, wanted, **limits)
    await journal.prune(POOL, NOW + 1)
    await journal.post(POOL, Parcel("p1", POOL, "email", b""))
    await journal.lease(NOW, hold=60)
    await journal.postpone(POOL, "p1", NOW, "later")
    await journal.parcels(POOL)
    await journal.delivered(POOL, "p1")


async def _use_grants(grants: Grants) -> None:
    for n in range(4):
        await grants.create_grant(POOL, grant(POOL, f"g{n}"))
        await grants.redeem_code(POOL, f"c{n}", NOW, family(POOL, f"g{n}", f"f{n}"))
    await grants.redeem_code(POOL, "bare", NOW, None)
    await grants.grant(POOL, "g1")
    await grants.grants_of_user(POOL, "ada")
    await grants.consents(POOL, "ada")
    await grants.refresh_facts(POOL, "f1")
    await grants.rotate(POOL, "f1", presented="x", successor="y", now=NOW)
    await grants.revoke_grant(POOL, "g0", NOW, NOW)
    await grants.revoke_session(POOL, "s", NOW, NOW)
    await grants.revoke_user(POOL, "ada", NOW, NOW)
    await grants.revoke_token(POOL, "t", NOW, NOW)
    await grants.revocations(NOW)
    await grants.put_consent(POOL, sql_stores.full_consent(POOL))
    await grants.consent(POOL, "ada", "x")
    await grants.delete_consent(POOL, "ada", "x")
    for days in (0, 8, 100):
        await grants.purge(NOW + days * 86400)


# --- prefixes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("a", "b"),
        ("az", "a{"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("\ud7ff", "\ue000"),
        ("%", "&"),
        ("", None),
    ],
)
def test_the_end_of_a_prefix_is_the_next_text_that_lacks_it(prefix: str, end: str | None) -> None:
    assert prefix_end(prefix) == end
