"""Registry, Directory, Credentials, Journal and Grants over SQL: SQLite for one machine, PostgreSQL for several, from the same Core statements.

This package owns the schema and its migrations, the row mappers, and how each database is connected to: one writer
thread with group commit for SQLite, asyncpg for PostgreSQL. It knows the values of `authserver.model` and the protocols
of `authserver.store`; it knows no HTTP, no policy, and not what a token is. `decisions.md` has the reasons.
"""

from authserver.adapters.sql.migration import migrate
from authserver.adapters.sql.standing import Standing, standing
from authserver.adapters.sql.stores import SqlStores, open_sql

__all__ = ["SqlStores", "Standing", "migrate", "open_sql", "standing"]
