"""The Registry in memory."""

from collections.abc import Callable, Sequence

from authserver.errors import Conflict, NotFound
from authserver.model.clients import Client
from authserver.model.keys import SigningKey
from authserver.model.pools import Pool
from federation.model import IdentityProvider, ProviderName


class MemoryRegistry:
    def __init__(self, on_client_deleted: Callable[[str, str], None] = lambda _pool, _client: None) -> None:
        self._version = 0
        self._pools: dict[str, Pool] = {}
        self._clients: dict[str, Client] = {}
        self._keys: dict[str, dict[str, SigningKey]] = {}
        self._providers: dict[str, dict[str, IdentityProvider]] = {}
        self._on_client_deleted = on_client_deleted

    async def version(self) -> int:
        return self._version

    async def pools(self) -> list[Pool]:
        return [self._pools[k] for k in sorted(self._pools)]

    async def pool(self, pool: str) -> Pool | None:
        return self._pools.get(pool)

    async def put_pool(self, pool: Pool) -> None:
        self._pools[pool.id] = pool
        self._version += 1

    async def client(self, pool: str, client_id: str) -> Client | None:
        client = self._clients.get(client_id)
        return client if client is not None and client.pool == pool else None

    async def clients(self, pool: str) -> list[Client]:
        return sorted((c for c in self._clients.values() if c.pool == pool), key=lambda c: c.client_id)

    async def pool_of_client(self, client_id: str) -> str | None:
        client = self._clients.get(client_id)
        return client.pool if client is not None else None

    async def put_client(self, pool: str, client: Client) -> None:
        if pool not in self._pools:
            raise NotFound(detail=f"no pool {pool}")
        there = self._clients.get(client.client_id)
        if client.pool != pool or (there is not None and there.pool != pool):
            raise Conflict(f"The client id {client.client_id} is taken.")
        self._clients[client.client_id] = client
        self._version += 1

    async def delete_client(self, pool: str, client_id: str) -> bool:
        if await self.client(pool, client_id) is None:
            return False
        del self._clients[client_id]
        self._on_client_deleted(pool, client_id)
        self._version += 1
        return True

    async def keys(self, pool: str) -> list[SigningKey]:
        return sorted(self._keys.get(pool, {}).values(), key=lambda k: (k.created_at, k.kid))

    async def change_keys(
        self, pool: str, *, expected: Sequence[str], put: Sequence[SigningKey], delete: Sequence[str] = ()
    ) -> None:
        if pool not in self._pools:
            raise NotFound(detail=f"no pool {pool}")
        keys = self._keys.setdefault(pool, {})
        if set(expected) != set(keys):
            raise Conflict("The pool's keys changed meanwhile; try again.")
        for kid in delete:
            keys.pop(kid, None)
        for key in put:
            keys[key.kid] = key
        self._version += 1

    async def provider(self, pool: str, name: str) -> IdentityProvider | None:
        return self._providers.get(pool, {}).get(name)

    async def providers(self, pool: str) -> list[IdentityProvider]:
        return list(self._providers.get(pool, {}).values())

    async def shown_providers(self, pool: str, limit: int = 30) -> list[IdentityProvider]:
        return [p for p in self._providers.get(pool, {}).values() if p.enabled and p.shown][:limit]

    async def provider_called(self, pool: str, kind: ProviderName, value: str) -> str | None:
        found = (p.name for p in self._providers.get(pool, {}).values() if (kind, value) in p.names())
        return next(found, None)

    async def put_provider(self, pool: str, provider: IdentityProvider, position: int | None = None) -> None:
        if pool not in self._pools:
            raise NotFound(detail=f"no pool {pool}")
        providers = self._providers.setdefault(pool, {})
        for kind, value in provider.names():
            if await self.provider_called(pool, kind, value) not in {None, provider.name}:
                raise Conflict(f"The {kind} {value} belongs to another provider.")
        providers[provider.name] = provider
        if position is not None:
            order = [name for name in providers if name != provider.name]
            order.insert(position, provider.name)
            self._providers[pool] = {name: providers[name] for name in order}
        self._version += 1

    async def delete_provider(self, pool: str, name: str) -> bool:
        if self._providers.get(pool, {}).pop(name, None) is None:
            return False
        self._version += 1
        return True
