"""How an account stands, in the hands of an operator: confirmed, in need of a new password, signed out."""

from dataclasses import replace

from authserver.accounts.directory import EndAccess
from authserver.accounts.notices import Notices, way_to
from authserver.effects import Clock
from authserver.errors import Conflict, Invalid
from authserver.events import OPERATOR, Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Credentials, Directory


class Standing:
    """Changes how an account stands.

    Args:
        end_access: ends every session and grant of a user.
    """

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

    async def reset(self, pool: Pool, user: User) -> User:
        """Ask for a new password: the old one opens nothing any more, every session and grant ends, every browser is
        forgotten, and the owner is told. The next sign-in sends a code to a proven address.

        Raises:
            Conflict: the account is not in use: it is disabled, was never confirmed, or has no password.
            Invalid: the owner could not get at a code, and so would be shut out.
        """
        if await self._directory.password(pool.id, user.id) is None:
            raise Conflict(f"The user {user.username} has no password that could be replaced.")
        if not pool.recovery.enabled:
            raise Invalid("The pool lets nobody replace a forgotten password: give the user one with set-password.")
        way = way_to(user)
        if way is None or way[0] not in pool.recovery.by:
            raise Invalid(
                f"The user {user.username} has no proven address that a code could go to: give the user a password with "
                "set-password."
            )
        now = int(self._clock())

        def change(stored: User) -> User:
            if stored.state not in {"confirmed", "must_change", "reset_required"}:
                raise Conflict(f"The user {stored.username} is {stored.state}.")
            return replace(stored, state="reset_required", updated_at=now)

        changed = await self._directory.change_user(pool.id, user.id, change)
        await self._credentials.delete_devices(pool.id, user.id)
        await self._end_access(pool.id, user.id)
        self._emit(Event("user.reset_required", pool.id, user.id))
        await self._notices.reset_required(pool, changed)
        return changed

    async def confirm(self, pool: Pool, user: User) -> User:
        """Take a new account as confirmed, without a code. Its addresses stay as proven or unproven as they are.

        Raises Conflict if it is confirmed already, or something else is the matter.
        """
        now = int(self._clock())

        def change(stored: User) -> User:
            if stored.state != "unconfirmed":
                raise Conflict(f"The user {stored.username} is not unconfirmed, but {stored.state}.")
            return replace(stored, state="confirmed", updated_at=now)

        changed = await self._directory.change_user(pool.id, user.id, change)
        self._emit(Event("user.confirmed", pool.id, user.id, actor=OPERATOR))
        return changed

    async def sign_out(self, pool: Pool, user: User) -> None:
        """End every session and grant of the user, also those that last without a session."""
        await self._end_access(pool.id, user.id)
        self._emit(Event("user.signed_out", pool.id, user.id))
