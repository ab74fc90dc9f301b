"""The floors' stores: our schema and our rows, reached with the least Python that still loses nothing.

The commits are the same as ours: SQLite in WAL with synchronous=FULL, one writer thread that commits for all who wait;
PostgreSQL with synchronous_commit=on, one statement on a bare connection.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import hiredis
import scene

T = TypeVar("T")
Row = Sequence[Any]
Mint = Callable[[Row], T]

_WANTED = (
    "g.id, g.client_id, g.user_id, g.sid, g.scope, g.auth_time, g.acr, g.amr,"
    " u.username, u.email, u.email_verified, u.attributes, u.updated_at"
)
"""What a refresh must know: the grant, and the user as of now."""
_PERSON = "SELECT username, email, email_verified, attributes, updated_at FROM users WHERE pool = {} AND id = {}"
_NAMED = "SELECT id FROM users WHERE pool = {} AND username_folded = {}"
_NOTE_CODE = "INSERT INTO used_codes (pool, digest, expires_at) VALUES ({}, {}, {})"
_FAMILY = "INSERT INTO refresh_families (pool, id, grant_id, head, generation, created_at, rotated_at, expires_at)"


class Redis(asyncio.Protocol):
    """One connection; commands of one turn of the loop leave together, replies are matched by their order."""

    def __init__(self) -> None:
        self._replies = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._outgoing: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None

    @classmethod
    async def connect(cls, path: str) -> "Redis":
        _, protocol = await asyncio.get_running_loop().create_unix_connection(cls, path)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        while (reply := self._replies.gets()) is not False:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(reply)

    def __call__(self, *command: str | bytes) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = self._loop.create_future()
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stubs know tuples of one
        self._waiting.append(answer)
        return answer

    def _flush(self) -> None:
        self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()


class Database(Protocol):
    """The durable half of a floor."""

    async def user_id(self, name: str) -> str: ...

    async def person(self, user_id: str) -> Row: ...

    async def redeem(self, code: str, until: int, family: tuple[object, ...]) -> bool:
        """Note the code's digest and add the family (id, grant_id, head, created, rotated, expires), in one commit."""
        ...

    async def rotate(self, family: str, presented: str, successor: str, now: int, mint: Mint[T]) -> T:
        """Move the head, in one commit. What `mint` makes of the row is made whenever that is fastest."""
        ...


class Sqlite:
    """Reads on the loop, writes on one thread."""

    _REFRESH = (
        f"SELECT {_WANTED}, f.head, f.expires_at, g.revoked_at FROM refresh_families f"  # noqa: S608 - ours alone
        " JOIN grants g ON g.pool = f.pool AND g.id = f.grant_id JOIN users u ON u.pool = g.pool AND u.id = g.user_id"
        " WHERE f.pool = ? AND f.id = ? AND u.state = 'confirmed'"
    )
    _ROTATE = (
        "UPDATE refresh_families SET previous = head, head = ?, rotated_at = ?, generation = generation + 1"
        " WHERE pool = ? AND id = ? AND head = ?"
    )

    def __init__(self, path: str) -> None:
        self._reads = _connect(path)
        self._writes = _connect(path)
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[tuple[list[tuple[str, tuple[object, ...]]], asyncio.Future[bool]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        jobs = self._jobs
        while True:
            batch = [jobs.get()]
            while not jobs.empty():
                batch.append(jobs.get())
            self._writes.execute("BEGIN IMMEDIATE")
            done = [(self._changed(statements), answer) for statements, answer in batch]
            self._writes.execute("COMMIT")
            self._loop.call_soon_threadsafe(_settle, done)

    def _changed(self, statements: list[tuple[str, tuple[object, ...]]]) -> bool:
        return all(self._writes.execute(*statement).rowcount > 0 for statement in statements)

    def _submit(self, *statements: tuple[str, tuple[object, ...]]) -> asyncio.Future[bool]:
        answer: asyncio.Future[bool] = self._loop.create_future()
        self._jobs.put((list(statements), answer))
        return answer

    async def user_id(self, name: str) -> str:
        return str(self._reads.execute(_NAMED.format("?", "?"), (scene.POOL, name)).fetchone()[0])

    async def person(self, user_id: str) -> Row:
        row: Row = self._reads.execute(_PERSON.format("?", "?"), (scene.POOL, user_id)).fetchone()
        return row

    async def redeem(self, code: str, until: int, family: tuple[object, ...]) -> bool:
        return await self._submit(
            (_NOTE_CODE.format("?", "?", "?") + " ON CONFLICT DO NOTHING", (scene.POOL, code, until)),
            (f"{_FAMILY} VALUES (?, ?, ?, ?, 0, ?, ?, ?)", (scene.POOL, *family)),
        )

    async def rotate(self, family: str, presented: str, successor: str, now: int, mint: Mint[T]) -> T:
        row = self._reads.execute(self._REFRESH, (scene.POOL, family)).fetchone()
        *known, head, expires_at, revoked_at = row
        assert head == presented
        assert now < expires_at
        assert revoked_at is None
        minted = mint(known)
        assert await self._submit((self._ROTATE, (successor, now, scene.POOL, family, presented)))
        return minted


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-8000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _settle(done: list[tuple[bool, asyncio.Future[bool]]]) -> None:
    for changed, answer in done:
        if not answer.done():
            answer.set_result(changed)


_STATEMENTS = {
    "person": _PERSON.format("$1", "$2"),
    "named": _NAMED.format("$1", "$2"),
    "redeem": (
        f"WITH noted AS ({_NOTE_CODE.format('$1', '$2', '$3')} ON CONFLICT DO NOTHING RETURNING digest)"  # noqa: S608 - ours
        f" {_FAMILY} SELECT $1, $4, $5, $6, 0, $7, $8, $9 FROM noted RETURNING id"
    ),
    "rotate": (
        "UPDATE refresh_families f SET previous = head, head = $4, rotated_at = $5, generation = generation + 1"  # noqa: S608 - ours
        " FROM grants g JOIN users u ON u.pool = g.pool AND u.id = g.user_id"
        " WHERE f.pool = $1 AND f.id = $2 AND f.head = $3 AND f.expires_at > $5 AND g.pool = f.pool"
        " AND g.id = f.grant_id AND g.revoked_at IS NULL AND u.state = 'confirmed'"
        f" RETURNING {_WANTED}"
    ),
}


class Postgres:
    """As many bare connections as our server has, each with its statements prepared."""

    CONNECTIONS = 8

    def __init__(self) -> None:
        self._free: list[dict[str, Any]] = []
        self._slots = asyncio.Semaphore(self.CONNECTIONS)

    @classmethod
    async def connect(cls, dsn: str) -> "Postgres":
        import asyncpg

        self = cls()
        for _ in range(cls.CONNECTIONS):
            connection = await asyncpg.connect(dsn)
            await connection.execute("SET synchronous_commit = on")
            self._free.append({name: await connection.prepare(text) for name, text in _STATEMENTS.items()})
        return self

    async def _row(self, statement: str, *values: object) -> Row | None:
        async with self._slots:
            prepared = self._free.pop()
            try:
                row: Row | None = await prepared[statement].fetchrow(scene.POOL, *values)
                return row
            finally:
                self._free.append(prepared)

    async def user_id(self, name: str) -> str:
        row = await self._row("named", name)
        assert row is not None
        return str(row[0])

    async def person(self, user_id: str) -> Row:
        row = await self._row("person", user_id)
        assert row is not None
        return row

    async def redeem(self, code: str, until: int, family: tuple[object, ...]) -> bool:
        return await self._row("redeem", code, until, *family) is not None

    async def rotate(self, family: str, presented: str, successor: str, now: int, mint: Mint[T]) -> T:
        row = await self._row("rotate", family, presented, successor, now)
        assert row is not None
        return mint(row)
