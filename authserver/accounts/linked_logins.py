"""A user's logins at other providers: which there are, whether one may go, and whether there may be a way in beside them."""

from collections.abc import Sequence

from authserver.errors import Conflict, NotFound
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Credentials, Directory, Identities, Registry
from federation.model import LinkedIdentity


class LastWayIn(Conflict):
    """Without this login nobody could sign in to the account any more."""

    code = "last_way_in"
    sentence = "This is the only way to sign in to the account."


class LinkedLogins:
    """Reads and ends links."""

    def __init__(
        self, *, registry: Registry, directory: Directory, credentials: Credentials, identities: Identities, emit: Emit
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._credentials = credentials
        self._identities = identities
        self._emit = emit

    async def of(self, pool: Pool, user: User) -> Sequence[LinkedIdentity]:
        """The user's, oldest first."""
        return await self._identities.identities(pool.id, user.id)

    async def removable(self, pool: Pool, user: User, linked: Sequence[LinkedIdentity]) -> bool:
        """Whether one of them may go: there is another of a provider that is in use, or a way of the pool's own."""
        usable = 0
        for one in linked:
            provider = await self._registry.provider(pool.id, one.provider)
            usable += provider is not None and provider.enabled
        return usable > 1 or await self._has_own_way(pool, user)

    async def _has_own_way(self, pool: Pool, user: User) -> bool:
        if not user.may_begin:
            return False
        first = set(pool.mfa.first_factors)
        if "password" in first and await self._directory.password(pool.id, user.id) is not None:
            return True
        if "passkey" in first:
            return any(c.kind == "passkey" for c in await self._credentials.credentials(pool.id, user.id))
        by_mail = "email_code" in first and user.email is not None and user.email_verified
        by_sms = "sms_code" in first and user.phone_number is not None and user.phone_number_verified
        return by_mail or by_sms

    async def may_have_password(self, pool: Pool, user: User) -> bool:
        """Whether the user may have a password."""
        return "password" in pool.mfa.first_factors and await self.may_add_way(pool, user)

    async def may_add_way(self, pool: Pool, user: User) -> bool:
        """Whether the user may add a way in: not who belongs to a provider that answers for its own domains, since whoever
        leaves there must be out here too.
        """
        if user.state != "external":
            return True
        for one in await self.of(pool, user):
            provider = await self._registry.provider(pool.id, one.provider)
            if provider is not None and provider.domains:
                return False
        return True

    async def unlink(self, pool: Pool, user: User, provider: str) -> None:
        """End a link. Raises NotFound, LastWayIn."""
        linked = await self.of(pool, user)
        if provider not in {one.provider for one in linked}:
            raise NotFound(detail=f"no login of {provider} is linked")
        if not await self.removable(pool, user, linked):
            raise LastWayIn
        if not await self._identities.unlink(pool.id, user.id, provider):
            raise NotFound(detail="unlinked meanwhile")
        self._emit(Event("identity.unlinked", pool.id, user.id, details={"provider": provider}))
