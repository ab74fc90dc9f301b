"""The Registry role over SQL.

Every change first takes the row of the version number. On PostgreSQL that puts all changes of the registry in one line,
so that what a change checks (the kids it expects, the owner of a client id) cannot move before it commits.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import sqlalchemy as sa

from authserver.adapters.sql.database import Database, T
from authserver.adapters.sql.documents import Row
from authserver.adapters.sql.registry_rows import (
    client_of,
    client_values,
    group_values,
    key_of,
    key_values,
    pool_of,
    pool_values,
    provider_of,
    provider_values,
)
from authserver.adapters.sql.tables import (
    clients,
    identity_providers,
    pool_groups,
    pools,
    provider_names,
    registry_version,
    signing_keys,
)
from authserver.adapters.sql.upsert import insert_or_replace
from authserver.errors import Conflict, NotFound
from authserver.model.clients import Client
from authserver.model.keys import SigningKey
from authserver.model.pools import Pool
from federation.model import IdentityProvider, ProviderName

_POOL = sa.bindparam("pool", type_=pools.c.id.type)
_CLIENT_ID = sa.bindparam("client_id", type_=clients.c.client_id.type)

_VERSION = sa.select(registry_version.c.version)
_TAKE_VERSION = sa.select(registry_version.c.version).with_for_update()
_NEXT_VERSION = sa.update(registry_version).values(version=registry_version.c.version + 1)

_POOLS = sa.select(pools).order_by(pools.c.id)
_ONE_POOL = sa.select(pools).where(pools.c.id == _POOL)
_HAS_POOL = sa.select(pools.c.id).where(pools.c.id == _POOL)
_GROUPS = sa.select(pool_groups).order_by(pool_groups.c.pool, pool_groups.c.position)
_GROUPS_OF_POOL = _GROUPS.where(pool_groups.c.pool == _POOL)
_DROP_GROUPS = sa.delete(pool_groups).where(pool_groups.c.pool == _POOL)
_ADD_GROUPS = sa.insert(pool_groups)

_CLIENT = sa.select(clients).where(clients.c.pool == _POOL, clients.c.client_id == _CLIENT_ID)
_CLIENTS = sa.select(clients).where(clients.c.pool == _POOL).order_by(clients.c.client_id)
_POOL_OF_CLIENT = sa.select(clients.c.pool).where(clients.c.client_id == _CLIENT_ID)
_DELETE_CLIENT = sa.delete(clients).where(clients.c.pool == _POOL, clients.c.client_id == _CLIENT_ID)

_KEYS = (
    sa.select(signing_keys).where(signing_keys.c.pool == _POOL).order_by(signing_keys.c.created_at, signing_keys.c.kid)
)
_KIDS = sa.select(signing_keys.c.kid).where(signing_keys.c.pool == _POOL)
_DELETE_KEY = sa.delete(signing_keys).where(
    signing_keys.c.pool == _POOL, signing_keys.c.kid == sa.bindparam("kid", type_=signing_keys.c.kid.type)
)

_NAME = sa.bindparam("name", type_=identity_providers.c.name.type)
_OF_POOL = sa.select(identity_providers.c.document).where(identity_providers.c.pool == _POOL)
_PROVIDER = _OF_POOL.where(identity_providers.c.name == _NAME)
_PROVIDERS = _OF_POOL.order_by(identity_providers.c.position, identity_providers.c.name)
_LISTED = _PROVIDERS.where(identity_providers.c.listed).limit(sa.bindparam("page", type_=sa.Integer()))
_PLACES = sa.select(identity_providers.c.name).where(identity_providers.c.pool == _POOL)
_IN_ORDER = _PLACES.order_by(identity_providers.c.position, identity_providers.c.name)
_MOVE = (
    sa.update(identity_providers)
    .where(
        identity_providers.c.pool == sa.bindparam("of_pool", type_=identity_providers.c.pool.type),
        identity_providers.c.name == sa.bindparam("of_name", type_=identity_providers.c.name.type),
    )
    .values(position=sa.bindparam("to", type_=sa.BigInteger()))
)
_DELETE_PROVIDER = sa.delete(identity_providers).where(
    identity_providers.c.pool == _POOL, identity_providers.c.name == _NAME
)
_CALLED = sa.select(provider_names.c.provider).where(
    provider_names.c.pool == _POOL,
    provider_names.c.kind == sa.bindparam("kind", type_=provider_names.c.kind.type),
    provider_names.c.value == sa.bindparam("value", type_=provider_names.c.value.type),
)
_DROP_NAMES = sa.delete(provider_names).where(provider_names.c.pool == _POOL, provider_names.c.provider == _NAME)
_ADD_NAMES = sa.insert(provider_names)


class SqlRegistry:
    """`store.protocols.Registry` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._put_pool = insert_or_replace(database.dialect, pools)
        self._put_client = insert_or_replace(database.dialect, clients)
        self._put_key = insert_or_replace(database.dialect, signing_keys)
        self._put_provider = insert_or_replace(database.dialect, identity_providers)

    async def version(self) -> int:
        rows = await self._database.fetch(_VERSION, {})
        return int(rows[0][0])

    async def pools(self) -> list[Pool]:
        def read(connection: sa.Connection) -> list[Pool]:
            groups = {pool: list(rows) for pool, rows in groupby(connection.execute(_GROUPS), lambda row: row.pool)}
            return [pool_of(row, groups.get(row.id, ())) for row in connection.execute(_POOLS)]

        return await self._database.read(read, [])

    async def pool(self, pool: str) -> Pool | None:
        def read(connection: sa.Connection) -> Pool | None:
            row = connection.execute(_ONE_POOL, {"pool": pool}).one_or_none()
            return pool_of(row, connection.execute(_GROUPS_OF_POOL, {"pool": pool})) if row is not None else None

        return await self._database.read(read, None)

    async def put_pool(self, pool: Pool) -> None:
        row = pool_values(pool)
        groups = [group_values(pool.id, group, position) for position, group in enumerate(pool.groups)]

        def put(connection: sa.Connection) -> bool:
            connection.execute(self._put_pool, row)
            connection.execute(_DROP_GROUPS, {"pool": pool.id})
            if groups:
                connection.execute(_ADD_GROUPS, groups)
            return True

        await self._change(put)

    async def client(self, pool: str, client_id: str) -> Client | None:
        return _first(client_of, await self._database.fetch(_CLIENT, {"pool": pool, "client_id": client_id}))

    async def clients(self, pool: str) -> list[Client]:
        return await self._database.read(lambda c: [client_of(row) for row in c.execute(_CLIENTS, {"pool": pool})], [])

    async def pool_of_client(self, client_id: str) -> str | None:
        return _first(lambda row: str(row[0]), await self._database.fetch(_POOL_OF_CLIENT, {"client_id": client_id}))

    async def put_client(self, pool: str, client: Client) -> None:
        row = client_values(pool, client)

        def put(connection: sa.Connection) -> bool:
            _require_pool(connection, pool)
            owner = connection.execute(_POOL_OF_CLIENT, {"client_id": client.client_id}).scalar()
            if client.pool != pool or owner not in {None, pool}:
                raise Conflict(f"The client id {client.client_id} is taken.")
            connection.execute(self._put_client, row)
            return True

        await self._change(put)

    async def delete_client(self, pool: str, client_id: str) -> bool:
        parameters = {"pool": pool, "client_id": client_id}
        return await self._change(lambda connection: connection.execute(_DELETE_CLIENT, parameters).rowcount > 0)

    async def keys(self, pool: str) -> list[SigningKey]:
        return [key_of(row) for row in await self._database.fetch(_KEYS, {"pool": pool})]

    async def change_keys(
        self, pool: str, *, expected: Sequence[str], put: Sequence[SigningKey], delete: Sequence[str] = ()
    ) -> None:
        rows = [key_values(pool, key) for key in put]

        def change(connection: sa.Connection) -> bool:
            _require_pool(connection, pool)
            if set(expected) != set(connection.execute(_KIDS, {"pool": pool}).scalars()):
                raise Conflict("The pool's keys changed meanwhile; try again.")
            for kid in delete:
                connection.execute(_DELETE_KEY, {"pool": pool, "kid": kid})
            for row in rows:
                connection.execute(self._put_key, row)
            return True

        await self._change(change)

    async def provider(self, pool: str, name: str) -> IdentityProvider | None:
        return _first(provider_of, await self._database.fetch(_PROVIDER, {"pool": pool, "name": name}))

    async def providers(self, pool: str) -> list[IdentityProvider]:
        return await self._database.read(
            lambda c: [provider_of(row) for row in c.execute(_PROVIDERS, {"pool": pool})], []
        )

    async def shown_providers(self, pool: str, limit: int = 30) -> list[IdentityProvider]:
        return [provider_of(row) for row in await self._database.fetch(_LISTED, {"pool": pool, "page": limit})]

    async def provider_called(self, pool: str, kind: ProviderName, value: str) -> str | None:
        rows = await self._database.fetch(_CALLED, {"pool": pool, "kind": kind, "value": value})
        return _first(lambda row: str(row[0]), rows)

    async def put_provider(self, pool: str, provider: IdentityProvider, position: int | None = None) -> None:
        named = {"pool": pool, "name": provider.name}
        names = [{"pool": pool, "kind": k, "value": v, "provider": provider.name} for k, v in sorted(provider.names())]

        def put(connection: sa.Connection) -> bool:
            _require_pool(connection, pool)
            order = list(connection.execute(_IN_ORDER, {"pool": pool}).scalars())
            at = order.index(provider.name) if provider.name in order else len(order)
            connection.execute(self._put_provider, provider_values(pool, provider, at))
            connection.execute(_DROP_NAMES, named)
            for name in names:
                if connection.execute(_CALLED, name).first() is not None:
                    raise Conflict(f"The {name['kind']} {name['value']} belongs to another provider.")
            if names:
                connection.execute(_ADD_NAMES, names)
            if position is not None and (at < len(order) or position < at):
                moved = [name for name in order if name != provider.name]
                moved.insert(position, provider.name)
                places = [{"of_pool": pool, "of_name": name, "to": place} for place, name in enumerate(moved)]
                connection.execute(_MOVE, places)
            return True

        await self._change(put)

    async def delete_provider(self, pool: str, name: str) -> bool:
        parameters = {"pool": pool, "name": name}
        return await self._change(lambda connection: connection.execute(_DELETE_PROVIDER, parameters).rowcount > 0)

    async def _change(self, change: Callable[[sa.Connection], bool]) -> bool:
        """Make a change, which says whether it changed anything, and count the version up if it did."""

        def counted(connection: sa.Connection) -> bool:
            connection.execute(_TAKE_VERSION)
            changed = change(connection)
            if changed:
                connection.execute(_NEXT_VERSION)
            return changed

        return await self._database.write(counted)


def _first(of: Callable[[Row], T], rows: Iterable[Row]) -> T | None:
    return next((of(row) for row in rows), None)


def _require_pool(connection: sa.Connection, pool: str) -> None:
    if connection.execute(_HAS_POOL, {"pool": pool}).first() is None:
        raise NotFound(detail=f"no pool {pool}")
