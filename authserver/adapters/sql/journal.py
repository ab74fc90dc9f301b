"""The Journal role over SQL.

Whoever appends holds the pool's row in `audit_heads` until the commit, so that entries are numbered without a gap and
each knows the hash of the one before. Readers are not held up.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from authserver.adapters.sql.columns import NAME_LENGTH
from authserver.adapters.sql.database import Database
from authserver.adapters.sql.journal_rows import entry_of, entry_values, parcel_of, parcel_values, search_key
from authserver.adapters.sql.prefix import starts_with
from authserver.adapters.sql.statement import written_out
from authserver.adapters.sql.tables import audit_entries, audit_heads, outbox
from authserver.adapters.sql.upsert import insert
from authserver.model.journal import AuditEntry, AuditFilter, Parcel

PIECE = 2000
"""Entries pruned in one transaction."""
_LONGEST_ERROR = 1000

_POOL = sa.bindparam("pool", type_=audit_heads.c.pool.type)
_ID = sa.bindparam("id", type_=outbox.c.id.type)
_PAGE = sa.bindparam("page", type_=sa.Integer())
_NOW = sa.bindparam("now", type_=sa.BigInteger())

_HEAD = sa.select(audit_heads.c.seq, audit_heads.c.hash).where(audit_heads.c.pool == _POOL)
_TAKE_HEAD = _HEAD.with_for_update()
# In an UPDATE Core keeps the names of columns for the new values.
_MOVE_HEAD = (
    sa.update(audit_heads)
    .where(audit_heads.c.pool == sa.bindparam("of_pool", type_=_POOL.type))
    .values(seq=sa.bindparam("to_seq", type_=sa.BigInteger()), hash=sa.bindparam("to_hash", type_=sa.Text()))
)
_APPEND = sa.insert(audit_entries)
_OLDEST = (
    sa.select(audit_entries.c.seq, audit_entries.c.at)
    .where(audit_entries.c.pool == _POOL, audit_entries.c.seq <= sa.bindparam("last", type_=sa.BigInteger()))
    .order_by(audit_entries.c.seq)
    .limit(_PAGE)
)
_PRUNE = sa.delete(audit_entries).where(
    audit_entries.c.pool == _POOL, audit_entries.c.seq <= sa.bindparam("last", type_=sa.BigInteger())
)

_POST = sa.insert(outbox)
# SKIP LOCKED (PostgreSQL) lets several nodes lease side by side.
_DUE = (
    sa.select(outbox)
    .where(outbox.c.due_at <= _NOW)
    .order_by(outbox.c.due_at, outbox.c.pool, outbox.c.id)
    .limit(_PAGE)
    .with_for_update(skip_locked=True)
)
_IS_PARCEL = sa.and_(
    outbox.c.pool == sa.bindparam("of_pool", type_=_POOL.type), outbox.c.id == sa.bindparam("of_id", type_=_ID.type)
)
_LEASE = (
    sa.update(outbox)
    .where(_IS_PARCEL)
    .values(due_at=sa.bindparam("until", type_=sa.BigInteger()), attempts=outbox.c.attempts + 1)
)
_POSTPONE = (
    sa.update(outbox)
    .where(_IS_PARCEL)
    .values(due_at=sa.bindparam("until", type_=sa.BigInteger()), last_error=sa.bindparam("error", type_=sa.Text()))
)
_DELIVERED = sa.delete(outbox).where(outbox.c.pool == _POOL, outbox.c.id == _ID)
_PARCELS = sa.select(outbox).where(outbox.c.pool == _POOL).order_by(outbox.c.created_at, outbox.c.id).limit(_PAGE)


class SqlJournal:
    """`store.protocols.Journal` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._make_head = insert(database.dialect, audit_heads).on_conflict_do_nothing()

    async def append(
        self, pool: str, entries: Sequence[AuditEntry], link: Callable[[AuditEntry, int, str], AuditEntry]
    ) -> None:
        if not entries:
            return

        def run(connection: sa.Connection) -> None:
            head = connection.execute(_TAKE_HEAD, {"pool": pool}).one_or_none()
            if head is None:
                connection.execute(self._make_head, {"pool": pool, "seq": 0, "hash": ""})
                head = connection.execute(_TAKE_HEAD, {"pool": pool}).one()
            seq, previous = head
            rows = []
            for entry in entries:
                linked = link(entry, seq + 1, previous)
                rows.append(entry_values(pool, linked))
                seq, previous = linked.seq, linked.hash
            connection.execute(_APPEND, rows)
            connection.execute(_MOVE_HEAD, {"of_pool": pool, "to_seq": seq, "to_hash": previous})

        await self._database.write(run)

    async def entries(
        self, pool: str, wanted: AuditFilter, *, limit: int = 100, before: int | None = None, after: int | None = None
    ) -> list[AuditEntry]:
        seq = audit_entries.c.seq
        found = (audit_entries.c.pool == pool, *_conditions(wanted))
        statement = sa.select(audit_entries).where(*found).limit(written_out(limit))
        if after is not None:
            statement = statement.where(seq > after).order_by(seq)
        else:
            statement = statement.order_by(seq.desc())
            statement = statement.where(seq < before) if before is not None else statement
        return await self._database.read(lambda c: [entry_of(row) for row in c.execute(statement)], [])

    async def head(self, pool: str) -> tuple[int, str]:
        rows = await self._database.fetch(_HEAD, {"pool": pool})
        return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")

    async def prune(self, pool: str, before: int, keep: int = 1) -> int:
        def run(connection: sa.Connection) -> int:
            head = connection.execute(_HEAD, {"pool": pool}).one_or_none()
            if head is None:
                return 0
            # Entries of one pool are numbered in the order of their commits, which need not be quite that of their
            # times: what goes is an unbroken beginning, so that the rest is a chain.
            last = 0
            oldest = {"pool": pool, "last": head.seq - keep, "page": PIECE}
            for seq, at in connection.execute(_OLDEST, oldest):
                if at >= before:
                    break
                last = seq
            return connection.execute(_PRUNE, {"pool": pool, "last": last}).rowcount

        return await self._database.write(run)

    async def post(self, pool: str, parcel: Parcel) -> None:
        await self._database.change((_POST, parcel_values(pool, parcel)))

    async def lease(self, now: int, *, hold: int, limit: int = 20) -> list[Parcel]:
        def run(connection: sa.Connection) -> list[Parcel]:
            due = [parcel_of(row) for row in connection.execute(_DUE, {"now": now, "page": limit})]
            if due:
                held = [{"of_pool": parcel.pool, "of_id": parcel.id, "until": now + hold} for parcel in due]
                connection.execute(_LEASE, held)
            return [replace(parcel, due_at=now + hold, attempts=parcel.attempts + 1) for parcel in due]

        return await self._database.write(run)

    async def delivered(self, pool: str, parcel_id: str) -> None:
        await self._database.change((_DELIVERED, {"pool": pool, "id": parcel_id}))

    async def postpone(self, pool: str, parcel_id: str, due_at: int, error: str) -> None:
        # An error may quote what a stranger sent.
        values = {"of_pool": pool, "of_id": parcel_id, "until": due_at, "error": search_key(error, _LONGEST_ERROR)}
        await self._database.change((_POSTPONE, values))

    async def parcels(self, pool: str, limit: int = 100) -> list[Parcel]:
        rows = await self._database.fetch(_PARCELS, {"pool": pool, "page": limit})
        return [parcel_of(row) for row in rows]


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    columns = audit_entries.c
    found: list[sa.ColumnElement[bool]] = []
    if wanted.user_id is not None:
        found.append(columns.user_id == search_key(wanted.user_id))
    if wanted.client_id is not None:
        found.append(columns.client_id == search_key(wanted.client_id, NAME_LENGTH))
    if wanted.address is not None:
        found.append(columns.address == search_key(wanted.address))
    if wanted.outcome is not None:
        found.append(columns.outcome == wanted.outcome)
    if wanted.since is not None:
        found.append(columns.at >= wanted.since)
    if wanted.until is not None:
        found.append(columns.at < wanted.until)
    if wanted.kinds:
        found.append(
            sa.or_(
                *(
                    sa.and_(*starts_with(columns.kind, kind[:-1])) if kind.endswith(".*") else columns.kind == kind
                    for kind in wanted.kinds
                )
            )
        )
    return found
