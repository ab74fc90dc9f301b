"""The Directory role over SQL."""

import contextlib
import zlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.database import Database
from authserver.adapters.sql.directory_rows import (
    GROUPED_USER,
    RANK_AT,
    WITH_GROUPS,
    password_values,
    user_values,
    users_of,
)
from authserver.adapters.sql.prefix import starts_with
from authserver.adapters.sql.tables import (
    group_memberships,
    known_devices,
    password_credentials,
    password_failures,
    users,
)
from authserver.adapters.sql.upsert import insert, parameters
from authserver.errors import NotFound
from authserver.model.users import PasswordCredential, User, fold

_MAX_DEVICES = 20
_UNKNOWN_COUNTERS = 64

_POOL = sa.bindparam("pool", type_=users.c.pool.type)
_USER = sa.bindparam("user_id", type_=users.c.id.type)
_NAME = sa.bindparam("name", type_=users.c.username_folded.type)
_PAGE = sa.bindparam("page", type_=sa.Integer())
_DEVICE = sa.bindparam("device", type_=known_devices.c.device.type)

_IS_USER = sa.and_(users.c.pool == _POOL, users.c.id == _USER)
_BY_ID = sa.select(*GROUPED_USER).select_from(WITH_GROUPS).where(_IS_USER)
_EXISTING = sa.select(_POOL, _USER).where(sa.exists().where(_IS_USER))

# In the order in which one kind of name wins over the next.
_NAMES: dict[str, sa.ColumnElement[bool]] = {
    "username": users.c.username_folded == _NAME,
    "email": sa.and_(users.c.email_folded == _NAME, users.c.email_verified),
    "phone_number": sa.and_(users.c.phone_number_folded == _NAME, users.c.phone_number_verified),
    "preferred_username": users.c.preferred_username_folded == _NAME,
}

_ADD_USER = sa.insert(users)
# Core keeps a column's name for the new value.
_REPLACE_USER = sa.update(users).where(users.c.pool == sa.bindparam("of_pool"), users.c.id == sa.bindparam("of_user"))
_DELETE_USER = sa.delete(users).where(_IS_USER)
_ADD_GROUPS = sa.insert(group_memberships)
_LEAVE_GROUPS = sa.delete(group_memberships).where(
    group_memberships.c.pool == _POOL, group_memberships.c.user_id == _USER
)

_IS_PASSWORD = sa.and_(password_credentials.c.pool == _POOL, password_credentials.c.user_id == _USER)
_PASSWORD = sa.select(password_credentials.c.hash, password_credentials.c.set_at).where(_IS_PASSWORD)
_ADD_PASSWORD = sa.insert(password_credentials)
_REPLACE_PASSWORD = (
    sa.update(password_credentials)
    .where(_IS_PASSWORD, password_credentials.c.hash == sa.bindparam("replaces", type_=sa.Text()))
    .values(parameters(password_credentials, ["hash", "set_at"]))
)

_IS_COUNTER = sa.and_(password_failures.c.pool == _POOL, password_failures.c.user_id == _USER)
_FAILURES = sa.select(password_failures.c.failures).where(_IS_COUNTER)
_CLEAR_FAILURES = sa.delete(password_failures).where(_IS_COUNTER)

_IS_DEVICE = sa.and_(known_devices.c.pool == _POOL, known_devices.c.user_id == _USER)
_KNOWS_DEVICE = sa.select(known_devices.c.device).where(_IS_DEVICE, known_devices.c.device == _DEVICE)
_FORGET_DEVICES = sa.delete(known_devices).where(_IS_DEVICE)
_FORGET_OLD_DEVICES = sa.delete(known_devices).where(
    _IS_DEVICE,
    known_devices.c.device.not_in(
        sa.select(known_devices.c.device)
        .where(_IS_DEVICE)
        .order_by(known_devices.c.last_seen.desc(), (known_devices.c.device == _DEVICE).desc())
        .limit(_MAX_DEVICES)
    ),
)


class SqlDirectory:
    """`store.protocols.Directory` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._find: dict[tuple[str, ...], sa.Select[Any]] = {}

        put_password = insert(database.dialect, password_credentials)
        self._put_password = put_password.from_select(
            ["pool", "user_id", "hash", "set_at"],
            _EXISTING.add_columns(*parameters(password_credentials, ["hash", "set_at"]).values()),
        ).on_conflict_do_update(
            index_elements=["pool", "user_id"],
            set_={"hash": put_password.excluded.hash, "set_at": put_password.excluded.set_at},
        )

        existing = sa.select(users.c.id).where(_IS_USER).scalar_subquery()
        unknown = sa.bindparam("unknown", type_=password_failures.c.counter.type)
        self._count_failure = (
            insert(database.dialect, password_failures)
            .from_select(
                ["pool", "counter", "user_id", "failures"],
                # The condition keeps SQLite from reading ON CONFLICT as part of the SELECT.
                sa.select(_POOL, sa.func.coalesce(existing, unknown), existing, sa.literal(1)).where(_POOL != ""),
            )
            .on_conflict_do_update(
                index_elements=["pool", "counter"], set_={"failures": password_failures.c.failures + 1}
            )
            .returning(password_failures.c.user_id, password_failures.c.failures)
        )

        remember = insert(database.dialect, known_devices)
        self._remember_device = remember.from_select(
            ["pool", "user_id", "device", "last_seen"],
            _EXISTING.add_columns(*parameters(known_devices, ["device", "last_seen"]).values()),
        ).on_conflict_do_update(
            index_elements=["pool", "user_id", "device"], set_={"last_seen": remember.excluded.last_seen}
        )

    async def create_user(self, pool: str, user: User, password: PasswordCredential | None = None) -> None:
        row = user_values(pool, user)
        memberships = _memberships(pool, user)

        def create(connection: sa.Connection) -> None:
            connection.execute(_ADD_USER, row)
            if memberships:
                connection.execute(_ADD_GROUPS, memberships)
            if password is not None:
                connection.execute(_ADD_PASSWORD, password_values(pool, password))

        await self._database.write(create)

    async def user(self, pool: str, user_id: str) -> User | None:
        found = users_of(await self._database.fetch(_BY_ID, {"pool": pool, "user_id": user_id}))
        return found[0] if found else None

    async def find_user(self, pool: str, identifier: str, by: Sequence[str]) -> User | None:
        name = fold(identifier)
        kinds = tuple(kind for kind in _NAMES if kind in by)
        if not name or not kinds:
            return None
        statement = self._find.get(kinds)
        if statement is None:
            statement = self._find[kinds] = _finding(kinds)
        rows = await self._database.fetch(statement, {"pool": pool, "name": name})
        found = users_of(row for row in rows if row[RANK_AT] == rows[0][RANK_AT])
        return found[0] if len(found) == 1 else None

    async def users(
        self, pool: str, *, limit: int = 50, after: str | None = None, search: str | None = None
    ) -> list[User]:
        statement = _page(fold(after) if after is not None else None, fold(search) if search else "")
        page = {"pool": pool, "page": limit}
        return await self._database.read(lambda connection: users_of(connection.execute(statement, page)), [])

    async def update_user(self, pool: str, user: User) -> None:
        row = user_values(pool, user)
        memberships = _memberships(pool, user)

        def update(connection: sa.Connection) -> None:
            if not connection.execute(_REPLACE_USER, {**row, "of_pool": pool, "of_user": user.id}).rowcount:
                raise NotFound(detail=f"no user {user.id}")
            connection.execute(_LEAVE_GROUPS, {"pool": pool, "user_id": user.id})
            if memberships:
                connection.execute(_ADD_GROUPS, memberships)

        await self._database.write(update)

    async def delete_user(self, pool: str, user_id: str) -> bool:
        return await self._database.change((_DELETE_USER, {"pool": pool, "user_id": user_id})) > 0

    async def password(self, pool: str, user_id: str) -> PasswordCredential | None:
        rows = await self._database.fetch(_PASSWORD, {"pool": pool, "user_id": user_id})
        return PasswordCredential(user_id, *rows[0]) if rows else None

    async def set_password(self, pool: str, credential: PasswordCredential, *, replaces: str | None = None) -> bool:
        values = password_values(pool, credential)
        if replaces is not None:
            return await self._database.change((_REPLACE_PASSWORD, {**values, "replaces": replaces})) > 0
        try:
            return await self._database.change((self._put_password, values)) > 0
        except NotFound:
            # The user was deleted between the look and the insert.
            return False

    async def count_password_failure(self, pool: str, user_id: str) -> int:
        # An unknown user must cost what a known one costs, the durable commit above all. So its failures are counted
        # too, in one of a few rows that belong to nobody; several, so that guesses do not queue for one row's lock.
        unknown = f"?{zlib.crc32(user_id.encode(errors='replace')) % _UNKNOWN_COUNTERS}"
        values = {"pool": pool, "user_id": user_id, "unknown": unknown}
        try:
            owner, failures = await self._database.write(lambda c: tuple(c.execute(self._count_failure, values).one()))
        except NotFound:
            # The user was deleted between the look and the count.
            return 0
        return int(failures) if owner is not None else 0

    async def password_failures(self, pool: str, user_id: str) -> int:
        rows = await self._database.fetch(_FAILURES, {"pool": pool, "user_id": user_id})
        return int(rows[0][0]) if rows else 0

    async def clear_password_failures(self, pool: str, user_id: str) -> None:
        await self._database.change((_CLEAR_FAILURES, {"pool": pool, "user_id": user_id}))

    async def knows_device(self, pool: str, user_id: str, device: str) -> bool:
        return bool(await self._database.fetch(_KNOWS_DEVICE, {"pool": pool, "user_id": user_id, "device": device}))

    async def forget_devices(self, pool: str, user_id: str) -> None:
        await self._database.change((_FORGET_DEVICES, {"pool": pool, "user_id": user_id}))

    async def remember_device(self, pool: str, user_id: str, device: str, now: int) -> None:
        seen = {"pool": pool, "user_id": user_id, "device": device, "last_seen": now}
        # NotFound: the user was deleted between the look and the insert.
        with contextlib.suppress(NotFound):
            await self._database.change((self._remember_device, seen), (_FORGET_OLD_DEVICES, seen))


def _memberships(pool: str, user: User) -> list[dict[str, str]]:
    return [{"pool": pool, "user_id": user.id, "group_name": group} for group in dict.fromkeys(user.groups)]


def _finding(kinds: Sequence[str]) -> sa.Select[Any]:
    """Users by a name of any of the kinds, best kind first: one statement, so that a name found by the last kind takes
    no longer than one found by the first.
    """
    ranks = {kind: rank for rank, kind in enumerate(_NAMES)}
    candidates = (
        sa.union_all(
            *(
                sa.select(users.c.id, sa.literal(ranks[kind]).label("rank")).where(users.c.pool == _POOL, _NAMES[kind])
                for kind in kinds
            )
        )
        .order_by("rank")
        .limit(2)
        .subquery()
    )
    return (
        sa.select(*GROUPED_USER, candidates.c.rank)
        .select_from(WITH_GROUPS.join(candidates, candidates.c.id == users.c.id))
        .where(users.c.pool == _POOL)
        .order_by(candidates.c.rank, users.c.id)
    )


def _page(after: str | None, prefix: str) -> sa.Select[Any]:
    """A page of users by folded username. Two searches, each along its own index, instead of an OR along none."""
    name = users.c.username_folded
    rest = [users.c.pool == _POOL] + ([name > after] if after is not None else [])
    pages = [
        sa.select(users.c.id, name).where(*rest, *starts_with(column, prefix)).order_by(name).limit(_PAGE).subquery()
        for column in ((name, users.c.email_folded) if prefix else (name,))
    ]
    found = sa.union(*(sa.select(page) for page in pages)).order_by(name.name).limit(_PAGE).subquery()
    return (
        sa.select(*GROUPED_USER)
        .select_from(WITH_GROUPS.join(found, found.c.id == users.c.id))
        .where(users.c.pool == _POOL)
        .order_by(name, users.c.id)
    )
