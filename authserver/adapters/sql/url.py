"""Database URLs (DESIGN 2): which database, and how its driver wants to be told."""

import importlib.util
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import sqlalchemy as sa

from authserver.errors import Invalid

_SQLITE = ("sqlite", "sqlite+aiosqlite", "sqlite+pysqlite")
_POSTGRES = ("postgresql", "postgresql+asyncpg", "postgres")


def sqlite_path(url: str) -> str | None:
    """The path in a SQLite URL; None if the URL is of another kind.

    Raises:
        Invalid: the URL names no file. A database in memory would be another one for every connection.
    """
    if url.partition(":")[0] not in _SQLITE:
        return None
    try:
        path = sa.make_url(url).database
    except sa.exc.ArgumentError:
        path = None
    if not path or path == ":memory:" or path.startswith("file:"):
        raise Invalid("A SQLite URL names a file: sqlite:////path/to/file.db.", field="database_url")
    return path


def postgres_dsn(url: str) -> str:
    """The connection string for asyncpg. `ssl=`, as SQLAlchemy's users write it, becomes `sslmode=`.

    Raises:
        Invalid: the URL is of an unknown kind, or asyncpg is not installed.
    """
    scheme, separator, rest = url.partition(":")
    if scheme not in _POSTGRES or not separator:
        raise Invalid("A database URL begins with sqlite: or postgresql+asyncpg:.", field="database_url")
    if importlib.util.find_spec("asyncpg") is None:
        raise Invalid("PostgreSQL needs asyncpg: pip install 'poolgate[postgres]'.", field="database_url")
    parts = urlsplit(f"postgresql:{rest}")
    query = [("sslmode" if name == "ssl" else name, value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(query=urlencode(query)))
