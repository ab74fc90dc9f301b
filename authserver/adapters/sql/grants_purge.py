"""Deleting what has expired, a bounded piece at a time, so that no purge holds up the other writes.

A grant says nowhere when it can yield nothing any more: its refresh family says so, or, if it has none, the end of the
longest access token. So each grant carries the moment at which to look at it next (`keep_until`). A look either finds
no family and deletes it, or puts the next look off until the family has expired and its last access token with it.
Families are deleted after the grants were looked at, so that a look always sees a family that has only just expired.
"""

import sqlalchemy as sa

from authserver.adapters.sql.database import Database
from authserver.adapters.sql.grants_rows import GRANT_KEPT
from authserver.adapters.sql.tables import grants, refresh_families, revocations, used_codes

_PIECE = 1000
"""Rows of one table in one transaction."""

_NOW = sa.bindparam("now", type_=sa.BigInteger())

# SKIP LOCKED (PostgreSQL) lets several nodes purge side by side.
_DUE_GRANTS = (
    sa.select(
        grants.c.pool,
        grants.c.id,
        sa.select(sa.func.max(refresh_families.c.expires_at))
        .where(refresh_families.c.pool == grants.c.pool, refresh_families.c.grant_id == grants.c.id)
        .scalar_subquery()
        .label("family_expires_at"),
    )
    .where(grants.c.keep_until <= _NOW)
    .order_by(grants.c.keep_until)
    .limit(_PIECE)
    .with_for_update(skip_locked=True)
)
_IS_DUE = sa.and_(grants.c.pool == sa.bindparam("of_pool"), grants.c.id == sa.bindparam("of_id"))
_DELETE_GRANT = sa.delete(grants).where(_IS_DUE)
_KEEP_GRANT = sa.update(grants).where(_IS_DUE).values(keep_until=sa.bindparam("until", type_=sa.BigInteger()))


def _expired(table: sa.Table) -> sa.Delete:
    keys = [table.c[column.name] for column in table.primary_key]
    due = sa.select(*keys).where(table.c.expires_at <= _NOW).limit(_PIECE).with_for_update(skip_locked=True)
    return sa.delete(table).where(sa.tuple_(*keys).in_(due))


_EXPIRED = [_expired(table) for table in (refresh_families, used_codes, revocations)]


async def purge(database: Database, now: int) -> int:
    """Delete at most a thousand rows of each kind, each kind in its own transaction. Returns how many went."""
    gone = await database.write(lambda connection: _purge_grants(connection, now))
    for statement in _EXPIRED:
        gone += await database.change((statement, {"now": now}))
    return gone


def _purge_grants(connection: sa.Connection, now: int) -> int:
    due = connection.execute(_DUE_GRANTS, {"now": now}).all()
    over = [{"of_pool": row.pool, "of_id": row.id} for row in due if row.family_expires_at is None]
    kept = [
        {"of_pool": row.pool, "of_id": row.id, "until": row.family_expires_at + GRANT_KEPT}
        for row in due
        if row.family_expires_at is not None
    ]
    if over:
        connection.execute(_DELETE_GRANT, over)
    if kept:
        connection.execute(_KEEP_GRANT, kept)
    return len(over)
