"""The Identities in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from authserver.errors import Conflict, NotFound
from authserver.model.users import User
from authserver.store.protocols import Kept
from federation.model import LinkedIdentity


class MemoryIdentities:
    def __init__(self) -> None:
        self.user_of: Callable[[str, str], User | None] = lambda _pool, _user: None
        self._identities: dict[tuple[str, str, str], LinkedIdentity] = {}
        self._kept: dict[tuple[str, str, str], Kept] = {}

    def forget_user(self, pool: str, user_id: str) -> None:
        """The user is gone."""
        for key, one in list(self._identities.items()):
            if key[0] == pool and one.user_id == user_id:
                del self._identities[key]

    def add(self, pool: str, identities: Sequence[LinkedIdentity]) -> None:
        """For a user who is just being created. Raises Conflict."""
        for one in identities:
            self._check_free(pool, one)
        for one in identities:
            self._identities[pool, one.provider, one.subject] = one

    def _check_free(self, pool: str, identity: LinkedIdentity) -> None:
        theirs = [one for key, one in self._identities.items() if key[0] == pool and one.provider == identity.provider]
        if any(one.subject == identity.subject or one.user_id == identity.user_id for one in theirs):
            raise Conflict("The identity is linked already.")

    async def identity(self, pool: str, provider: str, subject: str) -> LinkedIdentity | None:
        return self._identities.get((pool, provider, subject))

    async def identities(self, pool: str, user_id: str) -> list[LinkedIdentity]:
        found = [one for key, one in self._identities.items() if key[0] == pool and one.user_id == user_id]
        return sorted(found, key=lambda one: (one.linked_at, one.provider))

    async def link(self, pool: str, identity: LinkedIdentity) -> None:
        if self.user_of(pool, identity.user_id) is None:
            raise NotFound(detail=f"no user {identity.user_id}")
        self._check_free(pool, identity)
        self._identities[pool, identity.provider, identity.subject] = replace(identity, pool=pool)

    async def change_identity(self, pool: str, identity: LinkedIdentity) -> bool:
        key = (pool, identity.provider, identity.subject)
        stored = self._identities.get(key)
        if stored is None or stored.user_id != identity.user_id:
            return False
        self._identities[key] = replace(
            stored,
            issuer=stored.issuer or identity.issuer,
            name=identity.name,
            used_at=identity.used_at,
            sealed_refresh_token=identity.sealed_refresh_token,
        )
        return True

    async def unlink(self, pool: str, user_id: str, provider: str) -> bool:
        for key, one in self._identities.items():
            if key[:2] == (pool, provider) and one.user_id == user_id:
                del self._identities[key]
                return True
        return False

    async def kept(self, pool: str, provider: str, name: str) -> Kept | None:
        return self._kept.get((pool, provider, name))

    async def keep(self, pool: str, provider: str, name: str, kept: Kept, *, unless_there: bool = False) -> bool:
        key = (pool, provider, name)
        if unless_there and key in self._kept:
            return False
        self._kept[key] = kept
        return True
