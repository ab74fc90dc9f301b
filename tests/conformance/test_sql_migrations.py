"""The schema: three ways to it (created at once, migrated step by step, described in tables.py) and one result."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from authserver.adapters.sql import migrate, open_sql, standing
from authserver.adapters.sql.migration import HEAD, upgrade
from authserver.adapters.sql.tables import METADATA
from authserver.errors import Invalid, StoreUnavailable
from authserver.model.credentials import Device
from authserver.model.pools import Branding, PasswordPolicy, Pool, SessionPolicy, TokenPolicy
from authserver.model.users import PasswordCredential, User, UserFilter
from tests import postgres
from tests.conformance.sql_stores import bare_pool

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in it, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'poolgate.db'}"
    postgres.require()
    return postgres.shared_server().create_database()


def _file(url: str) -> str:
    return url.removeprefix("sqlite:///")


async def _with_connection(url: str, work: Callable[[sa.Connection], object]) -> object:
    """Run `work` in a transaction over a plain connection."""
    if url.startswith("sqlite"):
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            result = work(connection)
        engine.dispose()
        return result
    driver = create_async_engine(url)
    async with driver.begin() as connection:
        result = await connection.run_sync(work)
    await driver.dispose()
    return result


def _schema(url: str) -> str:
    """The whole schema as the database itself describes it."""
    if url.startswith("postgresql"):
        return postgres.shared_server().dump_schema(url.partition("?")[0].rpartition("/")[2])
    with sqlite3.connect(_file(url)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    connection.close()
    # SQLite keeps the very words of CREATE; only their layout may differ.
    words = (" ".join(str(part).split()).replace("( ", "(").replace(" )", ")") for row in rows for part in row)
    return "\n".join(words)


async def test_a_fresh_database_is_ready_to_use(empty_url: str) -> None:
    assert await migrate(empty_url) == "created"
    async with await open_sql(empty_url) as stores:
        assert await stores.registry.version() == 0
        await stores.registry.put_pool(bare_pool("demo_A"))
        assert await stores.registry.version() == 1


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    await migrate(empty_url)
    async with await open_sql(empty_url) as stores:
        await stores.registry.put_pool(bare_pool("demo_A"))
    before = _schema(empty_url)
    assert await migrate(empty_url) == "current"
    assert _schema(empty_url) == before
    async with await open_sql(empty_url) as stores:
        assert await stores.registry.pools() == [bare_pool("demo_A")]


async def test_the_revisions_lead_to_the_schema_that_a_fresh_database_gets(empty_url: str, tmp_path: Path) -> None:
    await migrate(empty_url)
    created = _schema(empty_url)
    if empty_url.startswith("sqlite"):
        other = f"sqlite:///{tmp_path / 'other.db'}"
    else:
        other = postgres.shared_server().create_database()
    await _with_connection(other, upgrade)
    assert _schema(other) == created


async def test_alembic_finds_no_difference_to_the_tables(empty_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def compare(connection: sa.Connection) -> object:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, METADATA)

    await _with_connection(empty_url, upgrade)
    assert await _with_connection(empty_url, compare) == []


async def test_a_database_without_a_version_number_to_start_from_has_none(empty_url: str) -> None:
    await _with_connection(empty_url, upgrade)
    async with await open_sql(empty_url) as stores:
        assert await stores.registry.version() == 0


def test_the_head_in_the_code_is_the_newest_revision() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(ROOT / "authserver/adapters/sql/migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_processes_that_start_together_migrate_once(empty_url: str) -> None:
    code = (
        "import asyncio, sys; from authserver.adapters.sql import migrate; print('ready', flush=True);"
        "sys.stdin.readline(); print(asyncio.run(migrate(sys.argv[1])))"
    )
    run, pipe = [sys.executable, "-c", code, empty_url], subprocess.PIPE
    starters = [subprocess.Popen(run, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for starter in starters:
        assert await asyncio.to_thread(starter.stdout.readline) == "ready\n"
    for starter in starters:
        starter.stdin.write("\n")
        starter.stdin.flush()
    answers = [await asyncio.to_thread(starter.communicate, timeout=60) for starter in starters]
    assert sorted(answers) == [("created\n", ""), *[("current\n", "")] * 2]


async def test_tasks_that_start_together_migrate_once(empty_url: str) -> None:
    outcomes = await asyncio.gather(*(migrate(empty_url) for _ in range(5)))
    assert sorted(outcomes) == ["created", *["current"] * 4]


async def test_a_schema_of_a_later_version_is_left_alone(empty_url: str) -> None:
    await migrate(empty_url)
    await _with_connection(
        empty_url, lambda connection: connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    )
    assert await migrate(empty_url) == "newer"


# --- from one revision to the next ------------------------------------------------------------------------------------

_PEOPLE = 1100
"""More than are filled in at a time."""


def _first_revision(connection: sa.Connection) -> None:
    """A database of the first revision with something of everything in it, as the first version wrote it."""
    upgrade(connection, "0001")

    def add(table: str, *rows: dict[str, object]) -> None:
        columns = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), rows)

    lists = dict.fromkeys(("default_scopes", "sign_in_with", "languages", "attributes", "resource_servers"), "[]")
    policies = {
        "password_policy": '{"min_length":12,"max_length":64}',
        "session": '{"idle":60,"absolute":120}',
        "tokens": '{"code_ttl":30,"unheard_of":1}',
        "branding": '{"tokens":{"radius":"4px"},"logo":null,"texts":{}}',
    }
    pool = {"name": "Démo", "claims_profile": "standard", **lists, **policies}
    add("pools", {"id": "demo_A", **pool}, {"id": "demo_B", **pool})
    client = {
        **dict.fromkeys(("secret_digests", "redirect_uris", "post_logout_redirect_uris", "contacts"), "[]"),
        **dict.fromkeys(("grant_types", "response_types", "scope"), '["x"]'),
        **dict.fromkeys(("token_endpoint_auth_method", "application_type", "id_token_signed_response_alg"), "x"),
        **dict.fromkeys(("require_consent", "require_pkce", "enabled", "managed"), True),
    }
    add(
        "clients",
        {"pool": "demo_A", "client_id": "web", "client_name": "Web", "machine_grant": "g", "created_at": 5, **client},
    )
    user = {
        "email_verified": True,
        "phone_number_verified": False,
        "attributes": '{"name":"Ada King"}',
        "state": "confirmed",
        "created_at": 5,
        "updated_at": 6,
    }
    add(
        "users",
        *(
            {
                **user,
                "pool": ("demo_A", "demo_B")[n % 2],
                "id": f"u{n}",
                "username": f"User{n}",
                "username_folded": f"user{n}",
                "email": f"u{n}@example.com",
                "email_folded": f"u{n}@example.com",
                "phone_number": f"+491{n:05}",
                "phone_number_folded": f"+491{n:05}",
            }
            for n in range(_PEOPLE)
        ),
    )
    of_user = {"pool": "demo_A", "user_id": "u0"}
    add("password_credentials", {**of_user, "hash": "$argon2id$1", "set_at": 7})
    add("group_memberships", {**of_user, "group_name": "staff"})
    add("known_devices", *({**of_user, "device": f"d{n}", "last_seen": 10 + n} for n in range(3)))


async def test_a_database_of_the_first_revision_is_upgraded_with_what_is_in_it(empty_url: str) -> None:
    await _with_connection(empty_url, _first_revision)
    assert await migrate(empty_url) == "upgraded"
    assert await migrate(empty_url) == "current"
    async with await open_sql(empty_url) as stores:
        pool = await stores.registry.pool("demo_A")
        assert pool == Pool(
            "demo_A",
            "Démo",
            default_scopes=(),
            sign_in_with=(),
            languages=(),
            password_policy=PasswordPolicy(12, 64),
            session=SessionPolicy(60, 120),
            tokens=TokenPolicy(30),
            branding=Branding({"radius": "4px"}),
        )
        client = await stores.registry.client("demo_A", "web")
        assert client is not None
        assert (client.client_name, client.read_attributes, client.mfa, client.branding) == ("Web", None, None, None)
        ada = User(
            "u0",
            "demo_A",
            "User0",
            "u0@example.com",
            True,
            "+49100000",
            attributes={"name": "Ada King"},
            groups=("staff",),
            created_at=5,
            updated_at=6,
        )
        assert await stores.directory.user("demo_A", "u0") == ada
        assert await stores.directory.password("demo_A", "u0") == PasswordCredential("u0", "$argon2id$1", 7)
        assert await stores.credentials.devices("demo_A", "u0") == [
            Device(f"d{n}", "u0", first_seen=10 + n, last_seen=10 + n) for n in (2, 1, 0)
        ]
        for wanted in (
            UserFilter(search="king user0"),
            UserFilter(search="u0"),
            UserFilter(search="+49 100000"),
            UserFilter(phone_number="+49100000"),
            UserFilter(group="staff"),
        ):
            assert await stores.directory.users("demo_A", wanted) == [ada]
        for pool_id in ("demo_A", "demo_B"):
            assert await stores.directory.count_users(pool_id, UserFilter(search="king exam")) == _PEOPLE / 2


async def test_what_the_version_before_writes_meanwhile_is_read(empty_url: str) -> None:
    """While a server of the last version still runs, it adds users, pools and clients without what is new."""
    await _with_connection(empty_url, _first_revision)
    await migrate(empty_url)
    blank = {"users": "words", "pools": "policies", "clients": "extras"}
    for table, column in blank.items():
        await _with_connection(empty_url, lambda c, t=table, n=column: c.execute(sa.text(f"UPDATE {t} SET {n} = NULL")))
    await _with_connection(empty_url, lambda c: c.execute(sa.text("DELETE FROM user_words")))
    async with await open_sql(empty_url) as stores:
        assert await stores.registry.pool("demo_A") is not None
        assert await stores.registry.client("demo_A", "web") is not None
        assert len(await stores.directory.users("demo_A", limit=10)) == 10
        await stores.directory.change_user("demo_A", "u0", lambda user: replace(user, email="ada@example.com"))
        (found,) = await stores.directory.users("demo_A", UserFilter(search="king"))
        assert found.id == "u0"
        assert await stores.directory.delete_user("demo_A", "u2") is True


async def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("authserver.adapters.sql.migration._CREATE_VERSION", sa.text("CREATE NONSENSE"))
        with pytest.raises(StoreUnavailable):
            await migrate(empty_url)
    assert "users" not in _schema(empty_url)
    assert await migrate(empty_url) == "created"


async def test_a_database_with_somebody_elses_tables_is_refused(empty_url: str) -> None:
    await _with_connection(empty_url, lambda connection: connection.execute(sa.text("CREATE TABLE users (id INT)")))
    before = _schema(empty_url)
    with pytest.raises(Invalid, match="users"):
        await migrate(empty_url)
    assert _schema(empty_url) == before


async def test_how_far_a_database_is_can_be_seen_without_changing_it(empty_url: str) -> None:
    assert await standing(empty_url) == "missing"
    assert empty_url.startswith("postgresql") or not Path(_file(empty_url)).exists()
    await migrate(empty_url)
    before = _schema(empty_url)
    assert await standing(empty_url) == "ready"
    for version, found in (("0001", "behind"), ("9999", "ready")):
        await _with_connection(empty_url, lambda c, v=version: c.execute(sa.text(_SET_VERSION), {"version": v}))
        assert await standing(empty_url) == found
        assert _schema(empty_url) == before
    if empty_url.startswith("sqlite"):
        assert [path.name for path in Path(_file(empty_url)).parent.iterdir()] == [Path(_file(empty_url)).name]


_SET_VERSION = "UPDATE alembic_version SET version_num = :version"


async def test_what_could_not_be_migrated_is_seen_too(empty_url: str, tmp_path: Path) -> None:
    await _with_connection(empty_url, lambda connection: connection.execute(sa.text("CREATE TABLE users (id INT)")))
    with pytest.raises(Invalid, match="users"):
        await standing(empty_url)
    (tmp_path / "text.db").write_text("no database " * 1000)
    with pytest.raises(StoreUnavailable):
        await standing(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(StoreUnavailable, match="cannot be created"):
        await standing(f"sqlite:///{tmp_path / 'none' / 'x.db'}")


async def test_a_migration_waits_its_turn_no_longer_than_told(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        holder = sqlite3.connect(_file(empty_url), isolation_level=None)
        holder.execute("PRAGMA journal_mode=WAL")
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await migrate(empty_url, wait=0.2)
        holder.close()
    else:
        engine = create_async_engine(empty_url)
        async with engine.connect() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_lock(0x706F6F6C67617465)))
            with pytest.raises(StoreUnavailable):
                await migrate(empty_url, wait=1)
        await engine.dispose()
    assert await migrate(empty_url) == "created"


@pytest.mark.parametrize(
    "url", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true", "postgresql"]
)
async def test_a_url_that_names_no_database_of_ours_is_refused(url: str) -> None:
    for use in (migrate, open_sql):
        with pytest.raises(Invalid) as refused:
            await use(url)
        assert refused.value.field == "database_url"


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://u:secret@127.0.0.1:1/x"])
async def test_a_database_that_cannot_be_reached_is_unavailable(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        await migrate(url, wait=2)
    assert "secret" not in f"{refused.value.detail}{refused.value.sentence}"


async def test_every_spelling_of_a_url_opens_the_same_database(empty_url: str) -> None:
    await migrate(empty_url)
    rest = empty_url.partition(":")[2]
    if empty_url.startswith("sqlite"):
        spellings = [f"sqlite+aiosqlite:{rest}"]
    else:
        tcp = postgres.shared_server().url(rest.partition("?")[0].rpartition("/")[2], tcp=True)
        spellings = [f"postgresql:{rest}", tcp, f"{tcp}?ssl=prefer", f"{tcp}?sslmode=disable"]
    for spelling in spellings:
        async with await open_sql(spelling) as stores:
            assert await stores.registry.version() == 0


def test_sqlite_starts_without_loading_alembic_or_postgresql(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from authserver.adapters.sql import migrate, open_sql, standing\n"
        "async def main(url):\n"
        "    for expected in ('created', 'current'):\n"
        "        assert await migrate(url) == expected\n"
        "    async with await open_sql(url) as stores:\n"
        "        await stores.registry.pools()\n"
        "asyncio.run(main(sys.argv[1]))\n"
        "print([m for m in ('alembic', 'asyncpg', 'sqlalchemy.ext.asyncio', 'greenlet') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'poolgate.db'}"]
    assert subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout == "[]\n"


async def test_the_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'poolgate.db'}"
    await migrate(url)
    async with await open_sql(url) as stores:
        await stores.registry.put_pool(bare_pool("demo_A"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["poolgate.db", "poolgate.db-wal", "poolgate.db-shm"], 0o600)
