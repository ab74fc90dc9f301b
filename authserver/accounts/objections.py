"""Objections: the owner says "this wasn't me" to what a notice told, and everything that was opened is closed."""

from dataclasses import replace

from authserver.accounts.directory import EndAccess
from authserver.accounts.notices import Notices
from authserver.effects import Clock
from authserver.errors import CodeExpired, NotFound
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Credentials, Directory


class Objections:
    """Takes objections."""

    def __init__(
        self,
        directory: Directory,
        credentials: Credentials,
        notices: Notices,
        clock: Clock,
        emit: Emit,
        end_access: EndAccess,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._notices = notices
        self._clock = clock
        self._emit = emit
        self._end_access = end_access

    async def object(self, pool: Pool, token: str) -> User:
        """By the link of a notice, which works once. Raises CodeExpired, NotFound."""
        user_id = await self._notices.object(pool, token)
        if user_id is None:
            raise CodeExpired("used")
        user = await self._directory.user(pool.id, user_id)
        if user is None:
            raise NotFound(detail=f"user {user_id} is gone")
        return await self.close(pool, user)

    async def close(self, pool: Pool, user: User) -> User:
        """End every session and grant, forget every browser, and have the password replaced before the next sign-in:
        whoever knows it is not only the owner.
        """
        now = int(self._clock())
        has_password = await self._directory.password(pool.id, user.id) is not None

        def change(current: User) -> User:
            reset = has_password and current.state in {"confirmed", "must_change"}
            return replace(current, state="reset_required" if reset else current.state, updated_at=now)

        changed = await self._directory.change_user(pool.id, user.id, change)
        await self._credentials.delete_devices(pool.id, user.id)
        await self._end_access(pool.id, user.id)
        self._emit(Event("user.objected", pool.id, user.id))
        return changed
