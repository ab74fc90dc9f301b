"""Which identity providers there are for somebody, and which one a request, an address or a client leads to."""

from collections.abc import Sequence

from authserver.model.clients import Client
from authserver.store import Registry
from federation.model import IdentityProvider, ProviderName

MOST_BUTTONS = 30


class Choices:
    """Finds providers."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def offered(self, pool: str, client: Client) -> Sequence[IdentityProvider]:
        """Those with a button at this client, in the pool's order."""
        named = client.identity_providers
        if named is None:
            return await self._registry.shown_providers(pool, MOST_BUTTONS)
        found = [await self._registry.provider(pool, name) for name in named[:MOST_BUTTONS]]
        return [provider for provider in found if provider is not None and provider.enabled and provider.shown]

    async def usable(self, pool: str, client: Client, name: str) -> IdentityProvider | None:
        """The provider of this name, if it is enabled and the client takes it."""
        if not client.signs_in_by(name):
            return None
        provider = await self._registry.provider(pool, name)
        return provider if provider is not None and provider.enabled else None

    async def of_domain(self, pool: str, client: Client, identifier: str) -> str | None:
        """To which provider an email address belongs by its domain (home realm discovery)."""
        local, at, domain = identifier.rpartition("@")
        if not at or not local or not domain:
            return None
        name = await self._registry.provider_called(pool, "domain", domain.strip().lower())
        return name if name is not None and await self.usable(pool, client, name) is not None else None

    async def of_identifier(self, pool: str, client: Client, identifier: str) -> str | None:
        """The provider with this `idp_identifier`; a domain counts as one, as in Cognito."""
        kinds: tuple[ProviderName, ...] = ("identifier", "domain")
        for kind in kinds:
            name = await self._registry.provider_called(pool, kind, identifier.lower())
            if name is not None and await self.usable(pool, client, name) is not None:
                return name
        return None

    async def only_one(self, pool: str, client: Client) -> str | None:
        """The provider that a sign-in here can only lead to."""
        named = client.identity_providers
        if named is None or len(named) != 1:
            return None
        provider = await self.usable(pool, client, named[0])
        return provider.name if provider is not None else None
