"""The SQLite file: reads by key on the event loop, longer reads on a few threads, writes on one (see `sqlite_writer`)."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from authserver.adapters.sql.database import Job, T
from authserver.adapters.sql.refusals import is_unstorable, refuse
from authserver.adapters.sql.sqlite_connection import connect
from authserver.adapters.sql.sqlite_writer import DRIVER_ERRORS, Writer
from authserver.adapters.sql.statement import Arguments, Step, Texts
from authserver.errors import StoreUnavailable

_LOOP_WAIT = 0.25
"""Seconds. In WAL mode a reader waits for a lock only while the journal is being recovered, and the event loop waits
with it."""


class SqliteDatabase:
    """One SQLite file, open. Make it with `open_sqlite`."""

    dialect = "sqlite"

    def __init__(self, path: str, wait: float, readers: int) -> None:
        self._texts = Texts(SQLiteDialect_pysqlite(paramstyle="qmark"))
        self._points = connect(path, _LOOP_WAIT)
        # Parameters are secrets' digests and people's data: they must not show in an error that is logged.
        self._engine = sa.create_engine(
            "sqlite://", creator=lambda: connect(path, wait), poolclass=sa.NullPool, hide_parameters=True
        )
        self._own = threading.local()
        self._readers = ThreadPoolExecutor(readers, "poolgate-sqlite-reader")
        self._opened: list[sa.Connection] = []
        self._writer = Writer(self._engine.connect, wait)
        self._closed = False

    async def fetch(self, statement: sa.Executable, arguments: Arguments) -> Sequence[Sequence[Any]]:
        # On the loop itself: the statement takes less time than handing it to a thread would. Outside a transaction
        # each statement sees the latest commit, and no old snapshot stays open to keep the journal from shrinking.
        try:
            return self._points.execute(*self._texts.ready((statement, arguments))).fetchall()
        except DRIVER_ERRORS as error:
            if is_unstorable(error):
                return ()
            refuse(error)

    async def read(self, job: Job[T], absent: T) -> T:
        if self._closed:
            raise StoreUnavailable(detail="the database is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._snapshot, job)
        except DRIVER_ERRORS as error:
            if is_unstorable(error):
                return absent
            refuse(error)

    def _snapshot(self, job: Job[T]) -> T:
        core: sa.Connection | None = getattr(self._own, "core", None)
        if core is None:
            core = self._own.core = self._engine.connect()
            self._opened.append(core)
        core.exec_driver_sql("BEGIN")
        try:
            return job(core)
        finally:
            core.rollback()

    async def change(self, *steps: Step) -> int:
        texts = [self._texts.ready(step) for step in steps]
        changed: int = await self._writer.submit(lambda _, raw: _change(raw, texts), single=len(texts) == 1)
        return changed

    async def write(self, job: Job[T]) -> T:
        result: T = await self._writer.submit(lambda core, _: job(core))
        return result

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(None, self._readers.shutdown)
        for core in self._opened:
            core.close()
        self._engine.dispose()
        self._points.close()


def _change(raw: sqlite3.Connection, texts: Sequence[tuple[str, tuple[Any, ...]]]) -> int:
    changed: int = raw.execute(*texts[0]).rowcount
    if changed > 0:
        for text in texts[1:]:
            raw.execute(*text)
    return changed


async def open_sqlite(path: str, *, wait: float = 5.0, readers: int = 2) -> SqliteDatabase:
    """Open the file for the running event loop.

    Args:
        path: of the database file; its folder must exist.
        wait: how many seconds a write waits for another process's before it raises StoreUnavailable.
        readers: threads for longer reads.

    Raises:
        StoreUnavailable: it cannot be opened.
    """
    try:
        return SqliteDatabase(path, wait, readers)
    except DRIVER_ERRORS as error:
        refuse(error)
