"""From a driver's error to a `Refusal`: the one place that reads error codes (SQLSTATE, SQLite result codes).

Details carry codes, names of constraints and the first line of a message, never values: PostgreSQL quotes whole rows
beneath that line.
"""

import sqlite3
from typing import Any, NoReturn

import sqlalchemy as sa

from authserver.adapters.sql.tables import METADATA
from authserver.errors import Conflict, Invalid, NotFound, Refusal, StoreUnavailable

DATABASE_ERRORS = (
    sa.exc.DBAPIError,
    sa.exc.TimeoutError,
    sa.exc.DisconnectionError,
    sa.exc.ResourceClosedError,
    sa.exc.PendingRollbackError,
    UnicodeEncodeError,
    OverflowError,
)
"""What a database's state or an argument can raise through Core. Its other errors are mistakes in a statement: they
pass, as any mistake in code does. Each database adds its driver's own."""

_TAKEN = {
    "pk_users": "The user id is taken.",
    "uq_users_pool_username_folded": "The username is taken.",
    "uq_users_pool_email_verified": "The email address is taken.",
    "uq_users_pool_phone_number_verified": "The phone number is taken.",
    "uq_clients_client_id": "The client id is taken.",
}

_LOST_STATES = ("08", "57P01", "57P02", "57P03", "25006")
"""Connection exceptions, shutdown, crash, starting up; and 25006: the server we hold has become a standby."""
_AGAIN_STATES = ("40001", "40P01")
_UNIQUE, _FOREIGN = "23505", "23503"


def _unique_names() -> dict[str, str]:
    """SQLite names the columns where PostgreSQL names the constraint: from the one to the other."""
    names: dict[str, str] = {}
    for table in METADATA.sorted_tables:
        uniques: list[Any] = [
            c for c in table.constraints if isinstance(c, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
        ]
        uniques += [index for index in table.indexes if index.unique]
        for unique in uniques:
            names[", ".join(f"{table.name}.{column.name}" for column in unique.columns)] = str(unique.name)
    return names


_UNIQUE_NAMES = _unique_names()


def _root(error: BaseException) -> BaseException:
    """The driver's own error behind SQLAlchemy's wrappers."""
    if isinstance(error, sa.exc.StatementError) and error.orig is not None:
        error = error.orig
    cause = error.__cause__
    return cause if cause is not None and hasattr(cause, "sqlstate") else error


def _state(root: BaseException) -> str:
    """SQLSTATE, SQLite's constraint codes included."""
    if isinstance(root, sqlite3.IntegrityError):
        if root.sqlite_errorcode in {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}:
            return _UNIQUE
        return _FOREIGN if root.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY else "23000"
    return str(getattr(root, "sqlstate", None) or "")


def is_unstorable(error: BaseException) -> bool:
    """Whether an argument holds what no database takes: NUL or a lone surrogate in text, text or a number too long."""
    root = _root(error)
    return isinstance(root, UnicodeEncodeError | OverflowError) or _state(root).startswith("22")


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone rather than the statement wrong. A time-out is neither: nobody knows."""
    root = _root(error)
    if isinstance(root, TimeoutError):
        return False
    # asyncpg's InterfaceError ("connection is closed") has no state, and asyncpg may not be installed.
    return (
        isinstance(root, OSError)
        or type(root).__name__ in {"InterfaceError", "InternalClientError"}
        or _state(root).startswith(_LOST_STATES)
    )


def is_worth_repeating(error: BaseException) -> bool:
    """Whether the transaction was rolled back only because of another one (deadlock, serialization)."""
    return _state(_root(error)).startswith(_AGAIN_STATES)


def refusal(error: Exception) -> Refusal:
    """What to raise for a driver's error: Conflict, NotFound (a row it refers to is gone), Invalid (the argument cannot
    be stored), and StoreUnavailable for all else.
    """
    if isinstance(error, Refusal):
        return error
    root = _root(error)
    state = _state(root)
    if state == _UNIQUE:
        name = getattr(root, "constraint_name", None) or _UNIQUE_NAMES.get(str(root).partition(": ")[2], "")
        return Conflict(_TAKEN.get(name), detail=name)
    if state == _FOREIGN:
        return NotFound(detail=f"foreign key {getattr(root, 'constraint_name', None) or ''}".strip())
    if is_unstorable(error):
        return Invalid("The text holds a character that cannot be stored, or is too long.", detail=state)
    code = getattr(root, "sqlite_errorname", None) or state
    # The first line alone: what PostgreSQL adds beneath it can quote the row.
    return StoreUnavailable(detail=f"{type(root).__name__} {code}: {str(root).partition(chr(10))[0]}")


def refuse(error: Exception) -> NoReturn:
    """Raise the refusal for a driver's error, without the error itself: its text can quote a row."""
    raise refusal(error) from None
