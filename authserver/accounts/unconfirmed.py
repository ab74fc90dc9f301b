"""Accounts that somebody registered and nobody confirmed: they go after some days, and their names are free again."""

from authserver.effects import Clock
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import UserFilter
from authserver.store import Directory

A_ROUND = 1000
"""Accounts of one pool that go at a time; the rest goes in the next round."""

_PAGE = 100


class Unconfirmed:
    """Deletes accounts that were never confirmed: whoever opened one may not own the address that it keeps from its
    owner (security reference W15).
    """

    def __init__(self, directory: Directory, clock: Clock, emit: Emit) -> None:
        self._directory = directory
        self._clock = clock
        self._emit = emit

    async def purge(self, pool: Pool) -> int:
        """Delete those that are older than the pool keeps them. Returns how many went. Raises StoreUnavailable."""
        days = pool.sign_up.unconfirmed_days
        if not days:
            return 0
        old = UserFilter(state="unconfirmed", created_until=int(self._clock()) - days * 86400)
        gone = seen = 0
        after: str | None = None
        while seen < A_ROUND and (page := await self._directory.users(pool.id, old, limit=_PAGE, after=after)):
            for user in page:
                # One that is confirmed at this moment stays.
                if await self._directory.delete_user(pool.id, user.id, state="unconfirmed"):
                    gone += 1
                    details = {"reason": "never confirmed"}
                    self._emit(Event("user.deleted", pool.id, user.id, actor="system", details=details))
            seen += len(page)
            after = page[-1].username
        return gone
