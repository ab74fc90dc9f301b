"""How every connection to the SQLite file is made: durable, foreign keys on, waiting for its turn (DESIGN 2)."""

import contextlib
import os
import sqlite3
import time

from authserver.errors import StoreUnavailable

_OLDEST = (3, 35, 0)  # RETURNING
_PRIVATE = 0o600

_PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    # FULL, because WAL with NORMAL may take back the last commits when the power fails.
    "PRAGMA synchronous=FULL",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cache_size=-8000",
    "PRAGMA journal_size_limit=67108864",
)


def connect(path: str, wait: float) -> sqlite3.Connection:
    """Open the file, creating it readable by its owner alone. The driver's own transaction handling is off.

    Args:
        path: of the database file.
        wait: how many seconds a statement waits for a lock.

    Raises:
        sqlite3.Error: it cannot be opened.
        StoreUnavailable: this Python carries a SQLite that is too old, or the file lies where WAL does not work.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StoreUnavailable("This Python's SQLite is older than 3.35.", detail=sqlite3.sqlite_version)
    # SQLite gives its journal files the mode of the database, so this one call covers them. Only a new file is opened
    # here: closing a second descriptor of a file in use would drop the locks that SQLite holds in this process.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
    connection = sqlite3.connect(
        path, timeout=wait, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        _use_wal(connection, wait)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, wait: float) -> None:
    """Switch to WAL. Two processes that meet at a fresh file get "locked" at once here, without SQLite's own waiting."""
    patience = time.monotonic() + wait
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                raise StoreUnavailable(
                    "The database's file system does not support SQLite's WAL; keep the file on a local disk.",
                    detail=mode,
                )
            return
