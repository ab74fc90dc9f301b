"""Bringing a database to the schema of this code, once, however many processes start at the same time.

A fresh database gets the tables straight from `tables.py`, and one that is up to date gets nothing: Alembic, which takes
half a second to import, is only loaded to go from one version to another. Tests hold the three ways to the same schema.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from authserver.adapters.sql.refusals import DATABASE_ERRORS, refuse
from authserver.adapters.sql.tables import METADATA, registry_version
from authserver.adapters.sql.url import postgres_dsn, sqlite_path
from authserver.errors import Invalid

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

HEAD = "0003"
"""The newest revision in `migrations/versions`."""

Outcome = Literal["created", "upgraded", "current", "newer"]

_LOCK = 0x706F6F6C67617465
"""Of PostgreSQL's advisory locks: "poolgate" in ASCII."""

_VERSION = sa.table("alembic_version", sa.column("version_num"))
_CREATE_VERSION = sa.text(
    "CREATE TABLE alembic_version"
    " (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


async def migrate(url: str, *, wait: float = 30.0) -> Outcome:
    """Create or upgrade the schema.

    Args:
        url: as for `open_sql`.
        wait: seconds to wait for a process that is at it already.

    Returns:
        "created", "upgraded", or "current" if there was nothing to do. "newer" if a later version of this program has
        been here: its changes only added to the schema (see decisions.md), so this version goes on working.

    Raises:
        Invalid: the URL is wrong, or the database holds other tables under our names.
        StoreUnavailable: the database does not answer.
    """
    path = sqlite_path(url)
    if path is not None:
        return await asyncio.to_thread(_migrate_sqlite, path, wait)
    return await _migrate_postgres(postgres_dsn(url), wait)


def _migrate_sqlite(path: str, wait: float) -> Outcome:
    from authserver.adapters.sql.sqlite_connection import connect

    engine = sa.create_engine("sqlite://", creator=lambda: connect(path, wait), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            found = found_version(connection)
            if found is not None and found >= HEAD:
                return _outcome(found)
            # DDL is part of the transaction: a process that dies here leaves the file as it was.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            outcome = _bring_to_head(connection)
            connection.commit()
            return outcome
    except (*DATABASE_ERRORS, sqlite3.Error, OSError) as error:
        refuse(error)
    finally:
        engine.dispose()


async def _migrate_postgres(dsn: str, wait: float) -> Outcome:
    async with postgres_engine(dsn, wait) as engine, engine.connect() as holder:
        found = await holder.run_sync(found_version)
        if found is not None and found >= HEAD:
            return _outcome(found)
        # The lock lives in a transaction of its own, so that a migration may use several. It ends with the session.
        await holder.rollback()
        await holder.execute(sa.text(f"SET LOCAL lock_timeout = {int(wait * 1000)}"))
        await holder.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        async with engine.begin() as connection:
            return await connection.run_sync(_bring_to_head)


@asynccontextmanager
async def postgres_engine(dsn: str, wait: float) -> "AsyncIterator[AsyncEngine]":
    """An engine for one visit, which nothing is left of. What the database refuses is raised as a Refusal."""
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    async def connect() -> Any:
        return await asyncpg.connect(dsn, timeout=wait, server_settings={"application_name": "poolgate migrate"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sa.NullPool)
    try:
        yield engine
    except (*DATABASE_ERRORS, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        refuse(error)
    finally:
        await engine.dispose()


def found_version(connection: sa.Connection) -> str | None:
    """The schema's version; None if it has none."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    return found


def _outcome(found: str) -> Outcome:
    return "newer" if found > HEAD else "current"


def _bring_to_head(connection: sa.Connection) -> Outcome:
    """Under the lock: look again, since another process may have been faster, and do what is left to do."""
    found = found_version(connection)
    if found is None:
        _create(connection)
        return "created"
    if found >= HEAD:
        return _outcome(found)
    upgrade(connection)
    return "upgraded"


def _create(connection: sa.Connection) -> None:
    refuse_foreign(connection)
    METADATA.create_all(connection, checkfirst=False)
    connection.execute(sa.insert(registry_version), {"id": 1, "version": 0})
    connection.execute(_CREATE_VERSION)
    connection.execute(sa.insert(_VERSION), {"version_num": HEAD})


def refuse_foreign(connection: sa.Connection) -> None:
    """Raises Invalid if a database without a version holds tables under our names."""
    foreign = sorted(set(sa.inspect(connection).get_table_names()) & set(METADATA.tables))
    if foreign:
        raise Invalid(
            f"The database already holds a table {foreign[0]} that is not poolgate's; give it a database of its own.",
            field="database_url",
        )


def upgrade(connection: sa.Connection, revision: str = "head") -> None:
    """Run Alembic's revisions over the connection, in its transaction, from whatever version the database has."""
    from pathlib import Path

    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
