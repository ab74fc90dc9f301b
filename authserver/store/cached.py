"""The Registry with its readings kept in process (DESIGN 6.3).

A change anywhere bumps the registry's version in its own transaction and is announced; a heartbeat brings the announced
version to every process. A jump, or silence of the heartbeat, drops what is kept, and no reading lives longer than
`LIFETIME` seconds: the heartbeat is a courtesy, the limits are the promise.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from authserver.effects import Clock
from authserver.model.clients import Client
from authserver.model.keys import SigningKey
from authserver.model.pools import Pool
from authserver.store.protocols import Registry
from federation.model import IdentityProvider, ProviderName

LIFETIME = 30.0
SILENCE = 1.0
_MOST_ENTRIES = 20_000

T = TypeVar("T")


class CachedRegistry:
    """A Registry before another one.

    Args:
        inner: the Registry that knows.
        clock: seconds.
        announce: called with the new version after each change made here; it must not raise.
        heartbeat: whether somebody calls `heard` regularly. Without, only the lifetime limits a reading, which is right
            for a process that is alone.
    """

    def __init__(
        self,
        inner: Registry,
        clock: Clock,
        announce: Callable[[int], Awaitable[None]] | None = None,
        *,
        heartbeat: bool = False,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._announce = announce
        self._needs_heartbeat = heartbeat
        self._heard_at = float("-inf")
        self._version: int | None = None
        self._entries: dict[tuple[str, ...], tuple[object, float]] = {}
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Grows whenever what is kept was dropped: values derived from readings of an older epoch are stale."""
        return self._epoch

    def heard(self, version: int | None) -> None:
        """The heartbeat brings the announced version, or None if it could not be read."""
        if version is None:
            return
        self._heard_at = self._clock()
        if version != self._version:
            self._version = version
            self.drop()

    def drop(self) -> None:
        """Forget every reading."""
        self._entries.clear()
        self._epoch += 1

    def trusted(self) -> bool:
        """Whether readings may be kept at the moment: the heartbeat is alive, or none is needed."""
        return not self._needs_heartbeat or self._clock() - self._heard_at <= SILENCE

    async def _kept(self, key: tuple[str, ...], read: Callable[[], Awaitable[T]]) -> T:
        entry = self._entries.get(key)
        if entry is not None and entry[1] > self._clock() and self.trusted():
            return cast("T", entry[0])
        epoch = self._epoch
        value = await read()
        # A reading begun before a drop may be older than the change that caused it. And what does not exist is not
        # kept: names come from strangers.
        if value is not None and epoch == self._epoch and self.trusted():
            if len(self._entries) >= _MOST_ENTRIES:
                self._entries.clear()
            self._entries[key] = (value, self._clock() + LIFETIME)
        return value

    async def _changed(self) -> None:
        self.drop()
        if self._announce is not None:
            await self._announce(await self._inner.version())

    async def version(self) -> int:
        return await self._inner.version()

    async def pools(self) -> list[Pool]:
        return await self._inner.pools()

    async def pool(self, pool: str) -> Pool | None:
        return await self._kept(("pool", pool), lambda: self._inner.pool(pool))

    async def put_pool(self, pool: Pool) -> None:
        await self._inner.put_pool(pool)
        await self._changed()

    async def client(self, pool: str, client_id: str) -> Client | None:
        return await self._kept(("client", pool, client_id), lambda: self._inner.client(pool, client_id))

    async def clients(self, pool: str) -> list[Client]:
        return await self._inner.clients(pool)

    async def service_provider(self, pool: str, entity_id: str) -> Client | None:
        """The client that speaks SAML under this name."""
        found = await self._kept(("service providers", pool), lambda: self._service_providers(pool))
        return found.get(entity_id)

    async def _service_providers(self, pool: str) -> dict[str, Client]:
        clients = await self._inner.clients(pool)
        return {client.saml.entity_id: client for client in clients if client.saml is not None}

    async def pool_of_client(self, client_id: str) -> str | None:
        return await self._kept(("pool of", client_id), lambda: self._inner.pool_of_client(client_id))

    async def put_client(self, pool: str, client: Client) -> None:
        await self._inner.put_client(pool, client)
        await self._changed()

    async def delete_client(self, pool: str, client_id: str) -> bool:
        deleted = await self._inner.delete_client(pool, client_id)
        await self._changed()
        return deleted

    async def keys(self, pool: str) -> list[SigningKey]:
        return await self._kept(("keys", pool), lambda: self._inner.keys(pool))

    async def change_keys(
        self, pool: str, *, expected: Sequence[str], put: Sequence[SigningKey], delete: Sequence[str] = ()
    ) -> None:
        # Whoever changes keys must judge what is stored, not what is kept: a Conflict drops the reading as well.
        try:
            await self._inner.change_keys(pool, expected=expected, put=put, delete=delete)
        finally:
            await self._changed()

    async def provider(self, pool: str, name: str) -> IdentityProvider | None:
        return await self._kept(("provider", pool, name), lambda: self._inner.provider(pool, name))

    async def providers(self, pool: str) -> list[IdentityProvider]:
        return await self._inner.providers(pool)

    async def shown_providers(self, pool: str, limit: int = 30) -> list[IdentityProvider]:
        return await self._kept(("shown providers", pool, str(limit)), lambda: self._inner.shown_providers(pool, limit))

    async def provider_called(self, pool: str, kind: ProviderName, value: str) -> str | None:
        return await self._kept(
            ("provider called", pool, kind, value), lambda: self._inner.provider_called(pool, kind, value)
        )

    async def put_provider(self, pool: str, provider: IdentityProvider, position: int | None = None) -> None:
        await self._inner.put_provider(pool, provider, position)
        await self._changed()

    async def delete_provider(self, pool: str, name: str) -> bool:
        deleted = await self._inner.delete_provider(pool, name)
        await self._changed()
        return deleted
