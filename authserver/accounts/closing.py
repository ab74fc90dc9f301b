"""Accounts that their owners delete: planned, taken back, and carried out when the days of grace are over."""

from dataclasses import replace

from authserver.accounts.directory import EndAccess
from authserver.accounts.notices import Notices
from authserver.effects import Clock
from authserver.errors import Refusal
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Directory


class Closing:
    """Deletes accounts with grace."""

    def __init__(self, directory: Directory, notices: Notices, clock: Clock, emit: Emit, end_access: EndAccess) -> None:
        self._directory = directory
        self._notices = notices
        self._clock = clock
        self._emit = emit
        self._end_access = end_access

    async def plan(self, pool: Pool, user: User) -> User:
        """The owner wants the account gone: every session ends now, the account after the pool's days of grace.

        Raises Refusal where the pool lets nobody delete an account.
        """
        days = pool.account.delete_days
        if days is None:
            raise Refusal("Accounts cannot be deleted here.")
        now = int(self._clock())
        after = now + days * 86400
        planned = await self._directory.change_user(
            pool.id, user.id, lambda u: replace(u, delete_after=after, updated_at=now)
        )
        self._emit(Event("user.deletion_planned", pool.id, user.id, details={"at": after}))
        await self._end_access(pool.id, user.id)
        if days == 0:
            await self._directory.delete_user(pool.id, user.id)
            self._emit(Event("user.deleted", pool.id, user.id, details={"reason": "asked for by the owner"}))
        else:
            await self._notices.deletion_planned(pool, planned)
        return planned

    async def cancel(self, pool: Pool, user: User) -> User:
        """The owner keeps the account. Raises NotFound if it is too late."""
        now = int(self._clock())
        kept = await self._directory.change_user(
            pool.id, user.id, lambda u: replace(u, delete_after=None, updated_at=now)
        )
        self._emit(Event("user.deletion_cancelled", pool.id, user.id))
        return kept

    async def carry_out(self) -> int:
        """Delete the accounts of all pools whose days of grace are over. Returns how many went."""
        gone = 0
        for user in await self._directory.due_for_deletion(int(self._clock())):
            await self._end_access(user.pool, user.id)
            if await self._directory.delete_user(user.pool, user.id):
                gone += 1
                self._emit(Event("user.deleted", user.pool, user.id, details={"reason": "asked for by the owner"}))
        return gone
