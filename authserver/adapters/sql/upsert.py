"""INSERT ... ON CONFLICT, which SQLAlchemy has once a dialect."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert(dialect: str, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def insert_or_replace(dialect: str, table: sa.Table) -> sa.Insert:
    """An insert of a whole row that replaces the row with the same primary key."""
    statement = insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    others = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    return statement.values(parameters(table)).on_conflict_do_update(index_elements=keys, set_=others)


def parameters(table: sa.Table, names: Sequence[str] = ()) -> dict[str, sa.BindParameter[object]]:
    """A typed parameter for each of the named columns (all by default), under the column's name."""
    return {c.name: sa.bindparam(c.name, type_=c.type) for c in table.columns if not names or c.name in names}
