"""The SQL roles over one database URL."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from authserver.adapters.sql.credentials import SqlCredentials
from authserver.adapters.sql.database import Database
from authserver.adapters.sql.directory import SqlDirectory
from authserver.adapters.sql.grants import SqlGrants
from authserver.adapters.sql.identities import SqlIdentities
from authserver.adapters.sql.journal import SqlJournal
from authserver.adapters.sql.registry import SqlRegistry
from authserver.adapters.sql.url import postgres_dsn, sqlite_path


@dataclass(frozen=True, slots=True)
class SqlStores:
    """The roles that live in SQL, over one open database. Close them, or use them as an async context manager."""

    registry: SqlRegistry
    directory: SqlDirectory
    credentials: SqlCredentials
    identities: SqlIdentities
    journal: SqlJournal
    grants: SqlGrants
    database: Database

    async def close(self) -> None:
        """Finish what is queued and let go of every connection. Idempotent."""
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def open_sql(url: str, *, wait: float = 5.0, bare: int = 8, pooled: int = 4) -> SqlStores:
    """Open the roles for the running event loop. The schema must be there: see `migration.migrate`.

    Args:
        url: `sqlite:////path/file.db` or `postgresql+asyncpg://...` (DESIGN 2).
        wait: seconds to wait for a lock (SQLite) or a connection (PostgreSQL) before raising StoreUnavailable.
        bare: PostgreSQL connections of this process for the statements of the token path.
        pooled: PostgreSQL connections of this process for everything else.

    Raises:
        Invalid: the URL names no database we know, or its driver is not installed.
        StoreUnavailable: the SQLite file cannot be opened. PostgreSQL is first spoken to when it is needed.
    """
    database = await _open(url, wait, bare, pooled)
    return SqlStores(
        registry=SqlRegistry(database),
        directory=SqlDirectory(database),
        credentials=SqlCredentials(database),
        identities=SqlIdentities(database),
        journal=SqlJournal(database),
        grants=SqlGrants(database),
        database=database,
    )


async def _open(url: str, wait: float, bare: int, pooled: int) -> Database:
    # Each side is imported only where it is used: asyncpg is an extra, and SQLAlchemy's async part takes 100 ms.
    path = sqlite_path(url)
    if path is not None:
        from authserver.adapters.sql.sqlite import open_sqlite

        return await open_sqlite(path, wait=wait)
    dsn = postgres_dsn(url)
    from authserver.adapters.sql.postgres import open_postgres

    return await open_postgres(dsn, bare=bare, pooled=pooled, wait=wait)
