"""The Grants role over SQL.

What runs per token is one statement where it can be: `refresh_facts` a join, `rotate` one UPDATE whose conditions decide
between concurrent callers, `redeem_code` one INSERT on PostgreSQL and two on SQLite.
"""

from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.database import Database
from authserver.adapters.sql.directory_rows import GROUPED_USER, users_of, with_groups
from authserver.adapters.sql.grants_purge import purge
from authserver.adapters.sql.grants_rows import (
    FAMILY_WIDTH,
    consent_of,
    consent_values,
    family_of,
    family_values,
    grant_of,
    grant_values,
    revocation_of,
)
from authserver.adapters.sql.statement import Step
from authserver.adapters.sql.tables import consents, grants, refresh_families, revocations, used_codes, users
from authserver.adapters.sql.upsert import insert, insert_or_replace, parameters
from authserver.errors import NotFound
from authserver.model.grants import Consent, Grant, RefreshFacts, RefreshFamily, Revocation

_POOL = sa.bindparam("pool", type_=grants.c.pool.type)
_ID = sa.bindparam("id", type_=grants.c.id.type)
_CODE = sa.bindparam("code_digest", type_=used_codes.c.digest.type)
_CODE_EXPIRES_AT = sa.bindparam("code_expires_at", type_=sa.BigInteger())
_NOW = sa.bindparam("now", type_=sa.BigInteger())

_GRANT_COLUMNS = [column for column in grants.c if column is not grants.c.keep_until]
_FAMILY_OF_GRANT = sa.and_(grants.c.pool == refresh_families.c.pool, grants.c.id == refresh_families.c.grant_id)

_ADD_GRANT = sa.insert(grants)
_GRANT = sa.select(*_GRANT_COLUMNS).where(grants.c.pool == _POOL, grants.c.id == _ID)
_REFRESH_FACTS = (
    sa.select(*refresh_families.c, *_GRANT_COLUMNS, *GROUPED_USER)
    .select_from(
        with_groups(
            refresh_families.join(grants, _FAMILY_OF_GRANT).outerjoin(
                users, sa.and_(users.c.pool == grants.c.pool, users.c.id == grants.c.user_id)
            )
        )
    )
    .where(refresh_families.c.pool == _POOL, refresh_families.c.id == _ID)
)
_ROTATE = (
    sa.update(refresh_families)
    .where(
        refresh_families.c.pool == _POOL,
        refresh_families.c.id == _ID,
        refresh_families.c.head == sa.bindparam("presented", type_=refresh_families.c.head.type),
        sa.exists().where(_FAMILY_OF_GRANT, grants.c.revoked_at.is_(None)),
    )
    .values(
        head=sa.bindparam("successor", type_=refresh_families.c.head.type),
        previous=sa.bindparam("presented", type_=refresh_families.c.head.type),
        rotated_at=_NOW,
        generation=refresh_families.c.generation + 1,
    )
)

# In an UPDATE Core keeps the names of columns for the new values.
_REVOKE = (
    sa.update(grants)
    .where(grants.c.pool == sa.bindparam("of_pool"), grants.c.revoked_at.is_(None))
    .values(revoked_at=_NOW)
)
_REVOKE_ONE = _REVOKE.where(grants.c.id == sa.bindparam("of_id"))
_REVOKE_SESSION = _REVOKE.where(grants.c.sid == sa.bindparam("of_sid"), sa.not_(grants.c.offline))
_REVOKE_USER = _REVOKE.where(grants.c.user_id == sa.bindparam("of_user")).returning(grants.c.id)

_REVOCATIONS = (
    sa.select(revocations)
    .where(revocations.c.revoked_at >= sa.bindparam("since", type_=sa.BigInteger()))
    .order_by(revocations.c.revoked_at, revocations.c.pool, revocations.c.kind, revocations.c.id)
)

_IS_CONSENT = sa.and_(
    consents.c.pool == _POOL,
    consents.c.user_id == sa.bindparam("user_id", type_=consents.c.user_id.type),
    consents.c.client_id == sa.bindparam("client_id", type_=consents.c.client_id.type),
)
_CONSENT = sa.select(consents).where(_IS_CONSENT)
_DELETE_CONSENT = sa.delete(consents).where(_IS_CONSENT)
_CONSENTS = (
    sa.select(consents)
    .where(consents.c.pool == _POOL, consents.c.user_id == sa.bindparam("user_id", type_=consents.c.user_id.type))
    .order_by(consents.c.client_id)
)
_GRANTS_OF_USER = (
    sa.select(*_GRANT_COLUMNS)
    .where(
        grants.c.pool == _POOL,
        grants.c.user_id == sa.bindparam("user_id", type_=grants.c.user_id.type),
        grants.c.revoked_at.is_(None),
    )
    .order_by(grants.c.created_at.desc(), grants.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer()))
)


class SqlGrants:
    """`store.protocols.Grants` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._publish = insert(database.dialect, revocations).on_conflict_do_nothing()
        self._put_consent = insert_or_replace(database.dialect, consents)
        self._note_code = (
            insert(database.dialect, used_codes)
            .values(pool=_POOL, digest=_CODE, expires_at=_CODE_EXPIRES_AT)
            .on_conflict_do_nothing()
        )
        self._redeem = _redeem_in_one(database.dialect) if database.dialect == "postgresql" else _redeem_in_two()

    async def create_grant(self, pool: str, grant: Grant) -> None:
        await self._database.change((_ADD_GRANT, grant_values(pool, grant)))

    async def grant(self, pool: str, grant_id: str) -> Grant | None:
        rows = await self._database.fetch(_GRANT, {"pool": pool, "id": grant_id})
        return grant_of(rows[0]) if rows else None

    async def redeem_code(self, pool: str, code_digest: str, expires_at: int, family: RefreshFamily | None) -> bool:
        code: dict[str, object] = {"pool": pool, "code_digest": code_digest, "code_expires_at": expires_at}
        if family is None:
            return await self._database.change((self._note_code, code)) > 0
        values = {**family_values(pool, family), **code}
        steps: list[Step] = [(statement, values) for statement in self._redeem]
        try:
            return await self._database.change(*steps) > 0
        except NotFound:
            # The grant went in this very moment (PostgreSQL's foreign key sees what the statement's snapshot did not).
            return False

    async def refresh_facts(self, pool: str, family_id: str) -> RefreshFacts | None:
        rows = await self._database.fetch(_REFRESH_FACTS, {"pool": pool, "id": family_id})
        if not rows:
            return None
        row = rows[0]
        user_at = FAMILY_WIDTH + len(_GRANT_COLUMNS)
        # One row for each group of the user, or one row; without a user the columns of one are all empty.
        found = users_of([each[user_at:] for each in rows]) if row[user_at] is not None else ()
        return RefreshFacts(
            family_of(row[:FAMILY_WIDTH]), grant_of(row[FAMILY_WIDTH:user_at]), found[0] if found else None
        )

    async def rotate(self, pool: str, family_id: str, *, presented: str, successor: str, now: int) -> bool:
        values = {"pool": pool, "id": family_id, "presented": presented, "successor": successor, "now": now}
        return await self._database.change((_ROTATE, values)) > 0

    async def revoke_grant(self, pool: str, grant_id: str, now: int, expires_at: int) -> bool:
        entry = _entry(pool, "grant", grant_id, now, expires_at)
        changed = await self._database.change(
            (_REVOKE_ONE, {"of_pool": pool, "of_id": grant_id, "now": now}), (self._publish, entry)
        )
        return changed > 0

    async def revoke_session(self, pool: str, sid: str, now: int, expires_at: int) -> int:
        def revoke(connection: sa.Connection) -> int:
            connection.execute(self._publish, _entry(pool, "session", sid, now, expires_at))
            return connection.execute(_REVOKE_SESSION, {"of_pool": pool, "of_sid": sid, "now": now}).rowcount

        return await self._database.write(revoke)

    async def revoke_user(self, pool: str, user_id: str, now: int, expires_at: int) -> int:
        def revoke(connection: sa.Connection) -> int:
            revoked = (
                connection.execute(_REVOKE_USER, {"of_pool": pool, "of_user": user_id, "now": now}).scalars().all()
            )
            if revoked:
                connection.execute(self._publish, [_entry(pool, "grant", each, now, expires_at) for each in revoked])
            return len(revoked)

        return await self._database.write(revoke)

    async def revoke_token(self, pool: str, jti: str, now: int, expires_at: int) -> None:
        await self._database.change((self._publish, _entry(pool, "token", jti, now, expires_at)))

    async def revocations(self, since: int) -> list[Revocation]:
        return await self._database.read(
            lambda connection: [revocation_of(row) for row in connection.execute(_REVOCATIONS, {"since": since})], []
        )

    async def grants_of_user(self, pool: str, user_id: str, limit: int = 500) -> list[Grant]:
        rows = await self._database.fetch(_GRANTS_OF_USER, {"pool": pool, "user_id": user_id, "most": limit})
        return [grant_of(row) for row in rows]

    async def consents(self, pool: str, user_id: str) -> list[Consent]:
        rows = await self._database.fetch(_CONSENTS, {"pool": pool, "user_id": user_id})
        return [consent_of(row) for row in rows]

    async def consent(self, pool: str, user_id: str, client_id: str) -> Consent | None:
        rows = await self._database.fetch(_CONSENT, {"pool": pool, "user_id": user_id, "client_id": client_id})
        return consent_of(rows[0]) if rows else None

    async def put_consent(self, pool: str, consent: Consent) -> None:
        await self._database.change((self._put_consent, consent_values(pool, consent)))

    async def delete_consent(self, pool: str, user_id: str, client_id: str) -> bool:
        values = {"pool": pool, "user_id": user_id, "client_id": client_id}
        return await self._database.change((_DELETE_CONSENT, values)) > 0

    async def purge(self, now: int) -> int:
        return await purge(self._database, now)


def _entry(pool: str, kind: str, ident: str, now: int, expires_at: int) -> dict[str, Any]:
    return {"pool": pool, "kind": kind, "id": ident, "revoked_at": now, "expires_at": expires_at}


def _family_of(source: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.Insert:
    """Add the family if the source has a row: a family without a grant would be nobody's."""
    columns = parameters(refresh_families)
    return sa.insert(refresh_families).from_select(
        list(columns), sa.select(*columns.values()).select_from(source).where(*conditions)
    )


def _is_grant() -> list[sa.ColumnElement[bool]]:
    return [grants.c.pool == _POOL, grants.c.id == sa.bindparam("grant_id", type_=grants.c.id.type)]


def _redeem_in_one(dialect: str) -> list[sa.Executable]:
    """Note the code if it is new and the grant is there; add the family if the code was noted."""
    noted = (
        insert(dialect, used_codes)
        .from_select(
            ["pool", "digest", "expires_at"],
            sa.select(_POOL, _CODE, _CODE_EXPIRES_AT).select_from(grants).where(*_is_grant()),
        )
        .on_conflict_do_nothing()
        .returning(used_codes.c.digest)
        .cte("noted")
    )
    return [_family_of(noted)]


def _redeem_in_two() -> list[sa.Executable]:
    """The same for SQLite, which lets no INSERT feed another. Nobody can use the code between the two statements, because
    there is one writer.
    """
    fresh = ~sa.exists().where(used_codes.c.pool == _POOL, used_codes.c.digest == _CODE)
    code = sa.insert(used_codes).values(pool=_POOL, digest=_CODE, expires_at=_CODE_EXPIRES_AT)
    return [_family_of(grants, *_is_grant(), fresh), code]
