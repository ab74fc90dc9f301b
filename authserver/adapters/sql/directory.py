"""The Directory role over SQL."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.credentials_rows import credential_values
from authserver.adapters.sql.database import Database
from authserver.adapters.sql.directory_rows import (
    GROUPED_USER,
    RANK_AT,
    WITH_GROUPS,
    password_values,
    user_values,
    users_of,
    word_values,
)
from authserver.adapters.sql.directory_search import count_of, page_of
from authserver.adapters.sql.documents import Values
from authserver.adapters.sql.identities_rows import identity_values
from authserver.adapters.sql.tables import credentials as credential_table
from authserver.adapters.sql.tables import (
    group_memberships,
    linked_identities,
    password_credentials,
    password_failures,
    user_words,
    users,
)
from authserver.adapters.sql.upsert import insert, parameters
from authserver.errors import NotFound
from authserver.model.credentials import Credential
from authserver.model.users import PasswordCredential, User, UserFilter, UserState, fold
from authserver.store.protocols import EVERYBODY
from federation.model import LinkedIdentity

_UNKNOWN_COUNTERS = 64

_POOL = sa.bindparam("pool", type_=users.c.pool.type)
_USER = sa.bindparam("user_id", type_=users.c.id.type)
_NAME = sa.bindparam("name", type_=users.c.username_folded.type)
_PAGE = sa.bindparam("page", type_=sa.Integer())

_IS_USER = sa.and_(users.c.pool == _POOL, users.c.id == _USER)
_BY_ID = sa.select(*GROUPED_USER).select_from(WITH_GROUPS).where(_IS_USER)
_FOUND_BY = (users.c.pool, users.c.username_folded, users.c.words)
# Held against other changes, but not against what comes to refer to the user (FOR NO KEY UPDATE on PostgreSQL).
_LOCK_USER = sa.select(*_FOUND_BY).where(_IS_USER).with_for_update(key_share=True)
_DUE_FIRST = (
    sa.select(users.c.pool, users.c.id, users.c.delete_after)
    .where(users.c.delete_after <= sa.bindparam("now", type_=sa.BigInteger()))
    .order_by(users.c.delete_after, users.c.id)
    .limit(_PAGE)
    .subquery()
)
_DUE = (
    sa.select(*GROUPED_USER)
    .select_from(
        WITH_GROUPS.join(_DUE_FIRST, sa.and_(_DUE_FIRST.c.pool == users.c.pool, _DUE_FIRST.c.id == users.c.id))
    )
    .order_by(users.c.delete_after, users.c.id)
)
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
_DELETE_USER = sa.delete(users).where(_IS_USER).returning(*_FOUND_BY)
_DELETE_USER_IN_STATE = (
    sa.delete(users)
    .where(_IS_USER, users.c.state == sa.bindparam("state", type_=users.c.state.type))
    .returning(*_FOUND_BY)
)
_ADD_WORDS = sa.insert(user_words)
_DROP_WORD = sa.delete(user_words).where(
    *(
        user_words.c[name] == sa.bindparam(name, type_=user_words.c[name].type)
        for name in ("pool", "word", "username_folded")
    )
)
_ADD_GROUPS = sa.insert(group_memberships)
_LEAVE_GROUPS = sa.delete(group_memberships).where(
    group_memberships.c.pool == _POOL, group_memberships.c.user_id == _USER
)

_IS_PASSWORD = sa.and_(password_credentials.c.pool == _POOL, password_credentials.c.user_id == _USER)
_PASSWORD = sa.select(
    password_credentials.c.hash, password_credentials.c.set_at, password_credentials.c.expires_at
).where(_IS_PASSWORD)
_ADD_CREDENTIALS = sa.insert(credential_table)
_ADD_IDENTITIES = sa.insert(linked_identities)
_ADD_PASSWORD = sa.insert(password_credentials)
_REPLACE_PASSWORD = (
    sa.update(password_credentials)
    .where(_IS_PASSWORD, password_credentials.c.hash == sa.bindparam("replaces", type_=sa.Text()))
    .values(parameters(password_credentials, ["hash", "set_at", "expires_at"]))
)

_IS_COUNTER = sa.and_(password_failures.c.pool == _POOL, password_failures.c.user_id == _USER)
_FAILURES = sa.select(password_failures.c.failures).where(_IS_COUNTER)
_CLEAR_FAILURES = sa.delete(password_failures).where(_IS_COUNTER)


class SqlDirectory:
    """`store.protocols.Directory` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._find: dict[tuple[str, ...], sa.Select[Any]] = {}

        put_password = insert(database.dialect, password_credentials)
        self._put_password = put_password.from_select(
            ["pool", "user_id", "hash", "set_at", "expires_at"],
            _EXISTING.add_columns(*parameters(password_credentials, ["hash", "set_at", "expires_at"]).values()),
        ).on_conflict_do_update(
            index_elements=["pool", "user_id"],
            set_={name: put_password.excluded[name] for name in ("hash", "set_at", "expires_at")},
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

    async def create_user(
        self,
        pool: str,
        user: User,
        password: PasswordCredential | None = None,
        credentials: Sequence[Credential] = (),
        identities: Sequence[LinkedIdentity] = (),
    ) -> None:
        row = user_values(pool, user)
        words = _words(row)
        memberships = _memberships(pool, user)

        def create(connection: sa.Connection) -> None:
            connection.execute(_ADD_USER, row)
            if words:
                connection.execute(_ADD_WORDS, words)
            if memberships:
                connection.execute(_ADD_GROUPS, memberships)
            if password is not None:
                connection.execute(_ADD_PASSWORD, password_values(pool, password))
            if credentials:
                connection.execute(_ADD_CREDENTIALS, [credential_values(pool, one) for one in credentials])
            if identities:
                connection.execute(_ADD_IDENTITIES, [identity_values(pool, one) for one in identities])

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
        self, pool: str, wanted: UserFilter = EVERYBODY, *, limit: int = 50, after: str | None = None
    ) -> list[User]:
        return await self._database.read(lambda connection: page_of(connection, pool, wanted, limit, after), [])

    async def count_users(self, pool: str, wanted: UserFilter = EVERYBODY, *, at_most: int = 10_000) -> int:
        return await self._database.read(lambda connection: count_of(connection, pool, wanted, at_most), 0)

    async def change_user(self, pool: str, user_id: str, change: Callable[[User], User]) -> User:
        key = {"pool": pool, "user_id": user_id}

        def run(connection: sa.Connection) -> User:
            # First the lock, then the look: a statement that waits for a lock sees other tables as they were before.
            before = connection.execute(_LOCK_USER, key).one_or_none()
            found = users_of(connection.execute(_BY_ID, key))
            if before is None or not found:
                raise NotFound(detail=f"no user {user_id}")
            (user,) = found
            changed = replace(change(user), id=user.id, pool=user.pool, created_at=user.created_at)
            if changed != user:
                row = user_values(pool, changed)
                connection.execute(_REPLACE_USER, {**row, "of_pool": pool, "of_user": user_id})
                if (row["username_folded"], row["words"]) != (before.username_folded, before.words):
                    _drop_words(connection, *before)
                    if words := _words(row):
                        connection.execute(_ADD_WORDS, words)
            if (changed.groups, changed.username) != (user.groups, user.username):
                connection.execute(_LEAVE_GROUPS, key)
                if memberships := _memberships(pool, changed):
                    connection.execute(_ADD_GROUPS, memberships)
            return changed

        return await self._database.write(run)

    async def due_for_deletion(self, now: int, limit: int = 100) -> list[User]:
        due = {"now": now, "page": limit}
        return await self._database.read(lambda connection: users_of(connection.execute(_DUE, due)), [])

    async def delete_user(self, pool: str, user_id: str, *, state: UserState | None = None) -> bool:
        statement = _DELETE_USER if state is None else _DELETE_USER_IN_STATE
        values = {"pool": pool, "user_id": user_id} | ({} if state is None else {"state": state})

        def delete(connection: sa.Connection) -> bool:
            gone = connection.execute(statement, values).one_or_none()
            if gone is not None:
                _drop_words(connection, *gone)
            return gone is not None

        return await self._database.write(delete)

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


def _words(user: Values) -> list[Values]:
    return word_values(*(str(user[column.name]) for column in _FOUND_BY))


def _drop_words(connection: sa.Connection, pool: str, username_folded: str, words: str | None) -> None:
    if dropped := word_values(pool, username_folded, words):
        connection.execute(_DROP_WORD, dropped)


def _memberships(pool: str, user: User) -> list[dict[str, str]]:
    member = {"pool": pool, "user_id": user.id, "username_folded": fold(user.username)}
    return [{**member, "group_name": group} for group in dict.fromkeys(user.groups)]


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
