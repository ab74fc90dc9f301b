"""The Credentials role over SQL.

What must happen once (a use of a counter, of a backup code) is one UPDATE whose conditions decide between callers.
"""

import contextlib
from collections.abc import Sequence

import sqlalchemy as sa

from authserver.adapters.sql.credentials_rows import credential_of, credential_values, device_of, device_values
from authserver.adapters.sql.database import Database
from authserver.adapters.sql.tables import backup_codes, credentials, devices, former_passwords, users
from authserver.adapters.sql.upsert import insert, parameters
from authserver.errors import NotFound
from authserver.model.credentials import Credential, Device

_MAX_DEVICES = 20

_POOL = sa.bindparam("pool", type_=users.c.pool.type)
_USER = sa.bindparam("user_id", type_=users.c.id.type)
_ID = sa.bindparam("id", type_=credentials.c.id.type)
_DIGEST = sa.bindparam("digest", type_=backup_codes.c.digest.type)

_IS_USER = sa.and_(users.c.pool == _POOL, users.c.id == _USER)
_LOCK_USER = sa.select(users.c.id).where(_IS_USER).with_for_update(key_share=True)

_ADD = sa.insert(credentials)
_OF_USER = sa.and_(credentials.c.pool == _POOL, credentials.c.user_id == _USER)
_CREDENTIALS = sa.select(credentials).where(_OF_USER).order_by(credentials.c.created_at, credentials.c.id)
_OF_HANDLE = sa.select(credentials).where(
    credentials.c.pool == _POOL, credentials.c.handle == sa.bindparam("handle", type_=credentials.c.handle.type)
)
_DELETE = sa.delete(credentials).where(_OF_USER, credentials.c.id == _ID)
_DELETE_ALL = sa.delete(credentials).where(_OF_USER)

# In an UPDATE Core keeps the names of columns for the new values.
_COUNTER = sa.bindparam("to_counter", type_=sa.BigInteger())
_AT = sa.bindparam("now", type_=sa.BigInteger())
_IS_CREDENTIAL = sa.and_(credentials.c.pool == _POOL, credentials.c.id == sa.bindparam("of_id", type_=_ID.type))
_USED = sa.update(credentials).values(counter=_COUNTER, last_used_at=_AT)
_USE = {
    True: _USED.where(_IS_CREDENTIAL, credentials.c.counter < _COUNTER),
    False: _USED.where(
        _IS_CREDENTIAL,
        sa.or_(credentials.c.counter < _COUNTER, sa.and_(credentials.c.counter == 0, _COUNTER == 0)),
    ),
}
_RENAME = (
    sa.update(credentials)
    .where(_IS_CREDENTIAL, credentials.c.user_id == _USER)
    .values(name=sa.bindparam("to_name", type_=sa.Text()))
)

_IS_CODE_OF_USER = sa.and_(backup_codes.c.pool == _POOL, backup_codes.c.user_id == _USER)
_DROP_CODES = sa.delete(backup_codes).where(_IS_CODE_OF_USER)
_ADD_CODES = sa.insert(backup_codes)
_SPEND = (
    sa.update(backup_codes)
    .where(_IS_CODE_OF_USER, backup_codes.c.digest == _DIGEST, backup_codes.c.used_at.is_(None))
    .values(used_at=_AT)
)
_LEFT = sa.select(sa.func.count()).select_from(backup_codes).where(_IS_CODE_OF_USER, backup_codes.c.used_at.is_(None))

_IS_FORMER = sa.and_(former_passwords.c.pool == _POOL, former_passwords.c.user_id == _USER)
_FORMER = (
    sa.select(former_passwords.c.hash)
    .where(_IS_FORMER)
    .order_by(former_passwords.c.number.desc())
    .limit(sa.bindparam("count", type_=sa.Integer()))
)
_NEWEST_FORMER = sa.select(sa.func.max(former_passwords.c.number)).where(_IS_FORMER)
_ADD_FORMER = sa.insert(former_passwords)
_DROP_FORMER = sa.delete(former_passwords).where(
    _IS_FORMER, former_passwords.c.number <= sa.bindparam("last", type_=sa.BigInteger())
)

_OF_DEVICES = sa.and_(devices.c.pool == _POOL, devices.c.user_id == _USER)
_DEVICE = sa.select(devices).where(_OF_DEVICES, devices.c.id == _ID)
_DEVICES = sa.select(devices).where(_OF_DEVICES).order_by(devices.c.last_seen.desc(), devices.c.id)
_DELETE_DEVICE = sa.delete(devices).where(_OF_DEVICES, devices.c.id == _ID)
_DELETE_DEVICES = sa.delete(devices).where(_OF_DEVICES)
_DELETE_OLD_DEVICES = sa.delete(devices).where(
    _OF_DEVICES,
    devices.c.id.not_in(
        sa.select(devices.c.id)
        .where(_OF_DEVICES)
        # One that has just been put stays, whatever its time.
        .order_by(devices.c.last_seen.desc(), (devices.c.id == _ID).desc(), devices.c.id)
        .limit(_MAX_DEVICES)
    ),
)


class SqlCredentials:
    """`store.protocols.Credentials` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = parameters(devices)
        put = insert(database.dialect, devices).from_select(
            list(columns), sa.select(*columns.values()).select_from(users).where(_IS_USER)
        )
        kept = {"pool", "user_id", "id", "first_seen"}
        self._put_device = put.on_conflict_do_update(
            index_elements=["pool", "user_id", "id"],
            set_={name: put.excluded[name] for name in columns if name not in kept},
        )

    async def add_credential(self, pool: str, credential: Credential) -> None:
        await self._database.change((_ADD, credential_values(pool, credential)))

    async def credentials(self, pool: str, user_id: str) -> list[Credential]:
        rows = await self._database.fetch(_CREDENTIALS, {"pool": pool, "user_id": user_id})
        return [credential_of(row) for row in rows]

    async def credential_of_handle(self, pool: str, handle: str) -> Credential | None:
        rows = await self._database.fetch(_OF_HANDLE, {"pool": pool, "handle": handle})
        return credential_of(rows[0]) if rows else None

    async def use_credential(
        self, pool: str, credential_id: str, *, counter: int, now: int, strictly: bool = True
    ) -> bool:
        values = {"pool": pool, "of_id": credential_id, "to_counter": counter, "now": now}
        return await self._database.change((_USE[strictly], values)) > 0

    async def rename_credential(self, pool: str, user_id: str, credential_id: str, name: str) -> bool:
        values = {"pool": pool, "user_id": user_id, "of_id": credential_id, "to_name": name}
        return await self._database.change((_RENAME, values)) > 0

    async def delete_credential(self, pool: str, user_id: str, credential_id: str) -> bool:
        return await self._database.change((_DELETE, {"pool": pool, "user_id": user_id, "id": credential_id})) > 0

    async def delete_credentials(self, pool: str, user_id: str) -> int:
        of_user = {"pool": pool, "user_id": user_id}

        def delete(connection: sa.Connection) -> int:
            connection.execute(_DROP_CODES, of_user)
            return connection.execute(_DELETE_ALL, of_user).rowcount

        return await self._database.write(delete)

    async def put_backup_codes(self, pool: str, user_id: str, digests: Sequence[str], now: int) -> None:
        of_user = {"pool": pool, "user_id": user_id}
        rows = [{**of_user, "digest": digest, "created_at": now} for digest in dict.fromkeys(digests)]

        def put(connection: sa.Connection) -> None:
            # Two sets put at once must not become one.
            connection.execute(_LOCK_USER, of_user)
            connection.execute(_DROP_CODES, of_user)
            if rows:
                connection.execute(_ADD_CODES, rows)

        await self._database.write(put)

    async def spend_backup_code(self, pool: str, user_id: str, digest: str, now: int) -> bool:
        values = {"pool": pool, "user_id": user_id, "digest": digest, "now": now}
        return await self._database.change((_SPEND, values)) > 0

    async def backup_codes_left(self, pool: str, user_id: str) -> int:
        rows = await self._database.fetch(_LEFT, {"pool": pool, "user_id": user_id})
        return int(rows[0][0]) if rows else 0

    async def former_passwords(self, pool: str, user_id: str, count: int) -> list[str]:
        rows = await self._database.fetch(_FORMER, {"pool": pool, "user_id": user_id, "count": count})
        return [row[0] for row in rows]

    async def note_former_password(self, pool: str, user_id: str, encoded: str, now: int, keep: int) -> None:
        of_user = {"pool": pool, "user_id": user_id}

        def note(connection: sa.Connection) -> None:
            if connection.execute(_LOCK_USER, of_user).first() is None:
                return
            number = (connection.execute(_NEWEST_FORMER, of_user).scalar() or 0) + 1
            connection.execute(_ADD_FORMER, {**of_user, "number": number, "hash": encoded, "replaced_at": now})
            connection.execute(_DROP_FORMER, {**of_user, "last": number - keep})

        await self._database.write(note)

    async def device(self, pool: str, user_id: str, device: str) -> Device | None:
        rows = await self._database.fetch(_DEVICE, {"pool": pool, "user_id": user_id, "id": device})
        return device_of(rows[0]) if rows else None

    async def devices(self, pool: str, user_id: str) -> list[Device]:
        rows = await self._database.fetch(_DEVICES, {"pool": pool, "user_id": user_id})
        return [device_of(row) for row in rows]

    async def put_device(self, pool: str, device: Device) -> None:
        values = device_values(pool, device)
        # NotFound: the user was deleted between the look and the insert.
        with contextlib.suppress(NotFound):
            await self._database.change((self._put_device, values), (_DELETE_OLD_DEVICES, values))

    async def delete_device(self, pool: str, user_id: str, device: str) -> bool:
        return await self._database.change((_DELETE_DEVICE, {"pool": pool, "user_id": user_id, "id": device})) > 0

    async def delete_devices(self, pool: str, user_id: str) -> int:
        return await self._database.change((_DELETE_DEVICES, {"pool": pool, "user_id": user_id}))
