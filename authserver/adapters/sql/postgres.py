"""PostgreSQL through asyncpg: single statements on bare connections, jobs through SQLAlchemy's async engine.

SQLAlchemy's async engine costs 170 µs a statement and asyncpg itself 38, so what runs per token is compiled Core text on
a bare connection: `fetch`, and `change` with one step, which is a transaction of its own and one round trip.

Both kinds of connection heal by themselves. A connection that PostgreSQL closed while it was idle is noticed without a
round trip, because the event loop saw the socket close. One that breaks in use is dropped: a read is tried once more, a
write is not, since nobody knows whether it was committed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from authserver.adapters.sql.database import Job, T
from authserver.adapters.sql.refusals import DATABASE_ERRORS, is_lost, is_unstorable, is_worth_repeating, refuse
from authserver.adapters.sql.statement import Arguments, Step, Texts
from authserver.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

DRIVER_ERRORS = (
    *DATABASE_ERRORS,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)

# A server that promises less than its own disk is held to that; one that waits for its standbys keeps doing so.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
)

_SESSION = {"application_name": "poolgate", "tcp_keepalives_idle": "60"}

_TRIES = 3
"""For a transaction that lost against another one (deadlock, serialization)."""


class PostgresDatabase:
    """One PostgreSQL database. Make it with `open_postgres`."""

    dialect = "postgresql"

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], bare: int, pooled: int, wait: float
    ) -> None:
        self._connect = connect
        self._wait = wait
        self._texts = Texts(PGDialect_asyncpg())  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
        self._idle: list[asyncpg.Connection] = []
        self._slots = asyncio.Semaphore(bare)
        self._closed = False
        self._calls = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._engine = _engine(connect, pooled, wait)
        self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def fetch(self, statement: sa.Executable, arguments: Arguments) -> Sequence[Sequence[Any]]:
        self._require_open()
        sql, values = self._texts.ready((statement, arguments))
        return await self._reading(lambda: self._bare(lambda connection: connection.fetch(sql, *values)), ())

    async def read(self, job: Job[T], absent: T) -> T:
        self._require_open()

        async def result() -> T:
            async with self._snapshots.connect() as connection:
                return await connection.run_sync(job)

        return await self._reading(result, absent)

    async def _reading(self, read: Callable[[], Awaitable[T]], absent: T) -> T:
        self._begin()
        try:
            try:
                return await read()
            except DRIVER_ERRORS as error:
                if not is_lost(error):
                    raise
            return await read()
        except DRIVER_ERRORS as error:
            if is_unstorable(error):
                return absent
            refuse(error)
        finally:
            self._end()

    async def change(self, *steps: Step) -> int:
        self._require_open()
        texts = [self._texts.ready(step) for step in steps]
        return await self._writing(lambda: self._bare(lambda connection: _change(connection, texts)))

    async def write(self, job: Job[T]) -> T:
        self._require_open()

        async def result() -> T:
            async with self._engine.begin() as connection:
                return await connection.run_sync(job)

        return await self._writing(result)

    async def _writing(self, write: Callable[[], Awaitable[T]]) -> T:
        self._begin()
        tries_left = _TRIES
        try:
            while True:
                tries_left -= 1
                try:
                    return await write()
                except DRIVER_ERRORS as error:
                    if not tries_left or not is_worth_repeating(error):
                        refuse(error)
        finally:
            self._end()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * self._wait):
                await self._quiet.wait()
        await self._engine.dispose()
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=self._wait)
            except DRIVER_ERRORS:
                connection.terminate()

    async def _bare(self, use: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Use a bare connection. Whatever breaks it, a cancelled caller included, it is not used again."""
        await self._slot()
        try:
            connection = self._take() or await self._connect()
            fit = False
            try:
                result = await use(connection)
                fit = True
                return result
            except asyncpg.PostgresError as error:
                # The server refused the statement and the connection is as good as before, unless it says otherwise.
                fit = not is_lost(error)
                raise
            finally:
                if fit:
                    self._idle.append(connection)
                else:
                    connection.terminate()
        finally:
            self._slots.release()

    async def _slot(self) -> None:
        if self._slots.locked():
            async with asyncio.timeout(self._wait):
                await self._slots.acquire()
        else:
            await self._slots.acquire()

    def _begin(self) -> None:
        self._calls += 1
        self._quiet.clear()

    def _end(self) -> None:
        self._calls -= 1
        if not self._calls:
            self._quiet.set()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(detail="the database is closed")

    def _take(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None


async def _change(connection: asyncpg.Connection, texts: Sequence[tuple[str, tuple[Any, ...]]]) -> int:
    if len(texts) == 1:
        return await _run(connection, *texts[0])
    async with connection.transaction():
        changed = await _run(connection, *texts[0])
        for text in texts[1:] if changed else ():
            await _run(connection, *text)
        return changed


async def _run(connection: asyncpg.Connection, sql: str, values: tuple[Any, ...]) -> int:
    """Rows changed, from the command tag ("INSERT 0 1", "UPDATE 1")."""
    tag: str = await connection.execute(sql, *values)
    return int(tag.rpartition(" ")[2])


def _engine(connect: Callable[[], Awaitable[asyncpg.Connection]], pooled: int, wait: float) -> AsyncEngine:
    # Parameters are secrets' digests and people's data: they must not show in an error that is logged.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pooled,
        max_overflow=0,
        pool_timeout=wait,
        pool_use_lifo=True,
        hide_parameters=True,
    )

    @sa.event.listens_for(engine.sync_engine, "checkout")
    def refuse_closed(connection: "DBAPIConnection", _record: object, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise sa.exc.DisconnectionError

    return engine


async def open_postgres(dsn: str, *, bare: int = 8, pooled: int = 4, wait: float = 5.0) -> PostgresDatabase:
    """Prepare for the running event loop. Connections are made when they are first needed.

    Args:
        dsn: `postgresql://...` as libpq and asyncpg read it, several hosts and `sslmode` included.
        bare: most connections for single statements.
        pooled: most connections for jobs. The sum of both is what one process takes.
        wait: seconds to wait for a free connection, or for a new one. A statement gets twice that.
    """

    async def connect() -> asyncpg.Connection:
        connection = await asyncpg.connect(dsn, timeout=wait, command_timeout=2 * wait, server_settings=_SESSION)
        await connection.execute(_DURABLE)
        return connection

    return PostgresDatabase(connect, bare, pooled, wait)
