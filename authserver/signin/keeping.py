"""Sign-ins in their store: each change is a new version, so that of two submissions one wins."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from authserver.errors import Conflict
from authserver.model.sessions import SignIn
from authserver.store import Sessions

LIFETIME = 30 * 60
"""Seconds in which a sign-in can be completed."""

RESTARTABLE = 24 * 3600
"""Seconds for which an expired sign-in still knows the request that it can restart."""

NOTHING_PROVEN: Mapping[str, object] = MappingProxyType(
    {
        "authentication": None,
        "user_id": None,
        "proofs": (),
        "method": None,
        "code": None,
        "risks": (),
        "custom": None,
        "custom_asks": None,
        "provider": None,
        "trouble": None,
        "upstream": None,
        "joining": None,
        "joining_by": None,
        "joining_user": None,
    }
)
"""The fields of a sign-in in which nobody has proven anything."""

STARTED_OVER: Mapping[str, object] = MappingProxyType({"identifier": None, **NOTHING_PROVEN})
"""And in which nobody has said a name."""


class Keeping:
    """Writes sign-ins."""

    def __init__(self, store: Sessions) -> None:
        self._store = store

    async def create(self, sign_in: SignIn) -> None:
        """Store a started sign-in, so that its pages can find it."""
        await self._store.create_sign_in(sign_in.pool, sign_in, RESTARTABLE)

    async def find(self, pool: str, sign_in_id: str) -> SignIn | None:
        return await self._store.sign_in(pool, sign_in_id)

    async def waiting(self, pool: str, sign_in_id: str, now: int) -> SignIn | None:
        """The sign-in of this id, if it can still be completed."""
        found = await self.find(pool, sign_in_id)
        return found if found is not None and found.status == "open" and now < found.expires_at else None

    async def change(self, sign_in: SignIn, **changes: object) -> SignIn:
        """The sign-in with these fields changed, stored. Raises Conflict if it moved on meanwhile."""
        moved = replace(sign_in, version=sign_in.version + 1, **changes)  # type: ignore[arg-type]  # field names above
        if not await self._store.replace_sign_in(sign_in.pool, moved, RESTARTABLE):
            raise Conflict("This page was sent twice.", detail="the sign-in moved on meanwhile")
        return moved
