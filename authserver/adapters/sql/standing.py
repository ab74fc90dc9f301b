"""How far a database is from the schema of this code, looked at without changing it."""

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import sqlalchemy as sa

from authserver.adapters.sql.migration import HEAD, found_version, postgres_engine, refuse_foreign
from authserver.adapters.sql.refusals import DATABASE_ERRORS, refuse
from authserver.adapters.sql.url import postgres_dsn, sqlite_path
from authserver.errors import StoreUnavailable

Standing = Literal["missing", "behind", "ready"]
"""What `migrate` would do: create the tables (and the file, if there is none), upgrade them, or nothing."""


async def standing(url: str, *, wait: float = 30.0) -> Standing:
    """How the database stands to this version.

    Args:
        url: as for `open_sql`.
        wait: seconds to wait for a database that is busy.

    Raises:
        Invalid: the URL is wrong, or the database holds other tables under our names.
        StoreUnavailable: the database does not answer, or its file could not be created.
    """
    path = sqlite_path(url)
    if path is not None:
        return await asyncio.to_thread(_of_sqlite, Path(path), wait)
    async with postgres_engine(postgres_dsn(url), wait) as engine, engine.connect() as connection:
        return await connection.run_sync(_of_tables)


def _of_sqlite(path: Path, wait: float) -> Standing:
    if not path.exists():
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise StoreUnavailable(
                f"The database {path} cannot be created: its folder is missing or not ours to write."
            )
        return "missing"

    def connect() -> sqlite3.Connection:
        # Not read-only, which would leave the files of the write-ahead log behind.
        return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=wait, isolation_level=None)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return _of_tables(connection)
    except (*DATABASE_ERRORS, sqlite3.Error, OSError) as error:
        refuse(error)
    finally:
        engine.dispose()


def _of_tables(connection: sa.Connection) -> Standing:
    found = found_version(connection)
    if found is None:
        refuse_foreign(connection)
        return "missing"
    return "ready" if found >= HEAD else "behind"
