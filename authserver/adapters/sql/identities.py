"""The Identities role over SQL. What may be had once is decided by unique keys, so that no race needs a lock."""

from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.database import Database
from authserver.adapters.sql.identities_rows import identity_of, identity_values
from authserver.adapters.sql.tables import kept_documents, linked_identities
from authserver.adapters.sql.upsert import insert, insert_or_replace, parameters
from authserver.store.protocols import Kept
from federation.model import LinkedIdentity

_POOL = sa.bindparam("pool", type_=linked_identities.c.pool.type)
_PROVIDER = sa.bindparam("provider", type_=linked_identities.c.provider.type)
_SUBJECT = sa.bindparam("subject", type_=linked_identities.c.subject.type)
_USER = sa.bindparam("user_id", type_=linked_identities.c.user_id.type)
_NAME = sa.bindparam("name", type_=kept_documents.c.name.type)

_IS_OF_PROVIDER = sa.and_(linked_identities.c.pool == _POOL, linked_identities.c.provider == _PROVIDER)
_ONE = sa.select(linked_identities).where(_IS_OF_PROVIDER, linked_identities.c.subject == _SUBJECT)
_OF_USER = (
    sa.select(linked_identities)
    .where(linked_identities.c.pool == _POOL, linked_identities.c.user_id == _USER)
    .order_by(linked_identities.c.linked_at, linked_identities.c.provider)
)
_ADD = sa.insert(linked_identities)
_UNLINK = sa.delete(linked_identities).where(_IS_OF_PROVIDER, linked_identities.c.user_id == _USER)

# In an UPDATE Core keeps the names of columns for the new values.
_OF = {
    name: sa.bindparam(f"of_{name}", type_=linked_identities.c[name].type)
    for name in ("pool", "provider", "subject", "user_id")
}
_CHANGED = ("name", "used_at", "sealed_refresh_token")
_ISSUER = sa.bindparam("said_by", type_=linked_identities.c.issuer.type)
_CHANGE = (
    sa.update(linked_identities)
    .where(*(linked_identities.c[name] == value for name, value in _OF.items()))
    .values({name: sa.bindparam(name, type_=linked_identities.c[name].type) for name in _CHANGED})
    .values(issuer=sa.case((linked_identities.c.issuer == "", _ISSUER), else_=linked_identities.c.issuer))
)

_KEPT = sa.select(kept_documents.c.body, kept_documents.c.at).where(
    kept_documents.c.pool == _POOL, kept_documents.c.provider == _PROVIDER, kept_documents.c.name == _NAME
)


class SqlIdentities:
    """`store.protocols.Identities` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keep = insert_or_replace(database.dialect, kept_documents)
        self._keep_first = (
            insert(database.dialect, kept_documents).values(parameters(kept_documents)).on_conflict_do_nothing()
        )

    async def identity(self, pool: str, provider: str, subject: str) -> LinkedIdentity | None:
        rows = await self._database.fetch(_ONE, {"pool": pool, "provider": provider, "subject": subject})
        return identity_of(rows[0]) if rows else None

    async def identities(self, pool: str, user_id: str) -> list[LinkedIdentity]:
        return [identity_of(row) for row in await self._database.fetch(_OF_USER, {"pool": pool, "user_id": user_id})]

    async def link(self, pool: str, identity: LinkedIdentity) -> None:
        await self._database.change((_ADD, identity_values(pool, identity)))

    async def change_identity(self, pool: str, identity: LinkedIdentity) -> bool:
        row = identity_values(pool, identity)
        values: dict[str, Any] = {f"of_{name}": row[name] for name in _OF} | {name: row[name] for name in _CHANGED}
        values["said_by"] = row["issuer"]
        return await self._database.change((_CHANGE, values)) > 0

    async def unlink(self, pool: str, user_id: str, provider: str) -> bool:
        return await self._database.change((_UNLINK, {"pool": pool, "user_id": user_id, "provider": provider})) > 0

    async def kept(self, pool: str, provider: str, name: str) -> Kept | None:
        rows = await self._database.fetch(_KEPT, {"pool": pool, "provider": provider, "name": name})
        return Kept(bytes(rows[0][0]), int(rows[0][1])) if rows else None

    async def keep(self, pool: str, provider: str, name: str, kept: Kept, *, unless_there: bool = False) -> bool:
        row = {"pool": pool, "provider": provider, "name": name, "body": kept.body, "at": kept.at}
        return await self._database.change((self._keep_first if unless_there else self._keep, row)) > 0
