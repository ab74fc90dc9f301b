"""The one thread of a process that writes to the SQLite file, with group commit.

A durable commit costs a flush of the disk, whatever it holds. So the thread takes all jobs that wait, runs each in its
own savepoint, and commits once: under load many jobs share a flush, and a job alone does not wait for others. Nobody
gets an answer before the commit that holds the job is on disk.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.refusals import DATABASE_ERRORS, refusal
from authserver.errors import StoreUnavailable

DRIVER_ERRORS = (*DATABASE_ERRORS, sqlite3.Error, OSError)

_BATCH = 256
"""Jobs in one commit: bounds how long the first of them waits for the last."""
_POLL = 0.0005
"""Seconds between two looks at whether another process is done; a commit takes about as long."""

Work = Callable[[sa.Connection, sqlite3.Connection], Any]
"""A job over the Core connection, or over the driver's connection beneath it."""


@dataclass(slots=True)
class _Task:
    work: Work
    single: bool  # one statement: SQLite undoes a failing statement by itself
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Takes jobs on the event loop it was made on, runs them on its thread, and resolves their futures on that loop."""

    def __init__(self, connect: Callable[[], sa.Connection], wait: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._wait = wait
        self._core = connect()
        raw = self._core.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - narrows SQLAlchemy's Any
        self._raw = raw
        self._raw.execute("PRAGMA busy_timeout=0")  # it waits by itself, see _begin
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closed = False
        # A daemon, so that a process whose owner forgot to close it can still end. What was acknowledged is on disk.
        self._thread = threading.Thread(target=self._run, name="poolgate-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work, *, single: bool = False) -> asyncio.Future[Any]:
        """Queue a job. The future resolves once the job is durable, or raises what the job or the commit raised."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable(detail="the database is closed"))
        else:
            self._tasks.put(_Task(work, single, future))
        return future

    async def close(self) -> None:
        """Finish the queue and end the thread."""
        if not self._closed:
            self._closed = True
            self._tasks.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        going = True
        while going:
            batch: list[_Task] = []
            task = self._tasks.get()
            while task is not None:
                batch.append(task)
                if len(batch) == _BATCH or self._tasks.empty():
                    break
                task = self._tasks.get()
            else:
                going = False
            if batch:
                self._commit(batch)
                self._answer(batch)
        self._core.close()

    def _commit(self, batch: list[_Task]) -> None:
        """Run the batch in one transaction. If it cannot commit, every task of it failed."""
        try:
            self._begin()
            alone = len(batch) == 1
            for task in batch:
                self._attempt(task, guarded=not (alone or task.single))
            self._raw.execute("ROLLBACK" if alone and batch[0].error is not None else "COMMIT")
            self._forget()
        except BaseException as error:  # noqa: BLE001 - a thread that died here would leave its callers waiting for ever
            self._roll_back()
            for task in batch:
                task.error = task.error or error

    def _begin(self) -> None:
        """Take the file's one write lock, or raise when other processes have held it for too long.

        SQLite's own waiting sleeps longer each time, so that of several busy processes one may starve for seconds.
        """
        patience = time.monotonic() + self._wait
        while True:
            try:
                self._raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                    raise
                time.sleep(_POLL)
            else:
                return

    def _attempt(self, task: _Task, *, guarded: bool) -> None:
        """Run one task; if it fails, undo it alone.

        Raises:
            StoreUnavailable: the transaction is gone with it (SQLite rolls all of it back when the disk is full).
        """
        if guarded:
            self._raw.execute("SAVEPOINT task")
        try:
            task.result = task.work(self._core, self._raw)
        except Exception as error:
            task.error = error
            if not self._raw.in_transaction:
                raise StoreUnavailable(detail="the transaction was rolled back") from error
            if guarded:
                self._raw.execute("ROLLBACK TO task")
        if guarded:
            self._raw.execute("RELEASE task")

    def _roll_back(self) -> None:
        try:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            self._forget()
        except DRIVER_ERRORS:
            # The file is beyond reach. The next BEGIN fails, and says so to its callers.
            return

    def _forget(self) -> None:
        """End the transaction in Core's books: for the driver it is over."""
        if self._core.in_transaction():
            self._core.rollback()

    def _answer(self, batch: list[_Task]) -> None:
        try:
            self._loop.call_soon_threadsafe(_settle, batch)
        except RuntimeError:
            # The loop closed, so nobody waits any more.
            return


def _settle(batch: list[_Task]) -> None:
    for task in batch:
        if task.future.done():  # the caller was cancelled
            continue
        if task.error is None:
            task.future.set_result(task.result)
        else:
            task.future.set_exception(refusal(task.error) if isinstance(task.error, DRIVER_ERRORS) else task.error)
