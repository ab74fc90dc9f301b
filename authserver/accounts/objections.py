"""Objections: the owner says "this wasn't me" to what a notice told, and everything that was opened is closed."""

from dataclasses import replace

from authserver.accounts.directory import EndAccess
from authserver.accounts.notices import Disputed, Notices
from authserver.effects import Clock
from authserver.errors import CodeExpired, Conflict, NotFound
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Credentials, Directory, Identities

_BEFORE = 60
"""Seconds before a notice in which what it tells of may have been done."""


class Objections:
    """Takes objections."""

    def __init__(
        self,
        directory: Directory,
        credentials: Credentials,
        identities: Identities,
        notices: Notices,
        clock: Clock,
        emit: Emit,
        end_access: EndAccess,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._identities = identities
        self._notices = notices
        self._clock = clock
        self._emit = emit
        self._end_access = end_access

    async def object(self, pool: Pool, token: str) -> User:
        """By the link of a notice, which works once. Raises CodeExpired, NotFound."""
        disputed = await self._notices.object(pool, token)
        if disputed is None:
            raise CodeExpired("used")
        user = await self._directory.user(pool.id, disputed.user_id)
        if user is None:
            raise NotFound(detail=f"user {disputed.user_id} is gone")
        return await self.close(pool, user, disputed)

    async def close(self, pool: Pool, user: User, disputed: Disputed) -> User:
        """Undo what somebody else did. Every session and grant ends, every browser is forgotten, and the password must be
        replaced before the next sign-in: whoever knows it is not only the owner. Ways to sign in that were added since
        the disputed event go, and an address that it replaced is back, or a code for a new password would reach somebody
        else and the owner would be asked for what only that person has.
        """
        now = int(self._clock())
        has_password = await self._directory.password(pool.id, user.id) is not None

        def closed(current: User) -> User:
            reset = has_password and current.state in {"confirmed", "must_change"}
            return replace(current, state="reset_required" if reset else current.state, updated_at=now)

        try:
            changed = await self._directory.change_user(pool.id, user.id, lambda u: _restored(closed(u), disputed))
        except Conflict:  # the old address is somebody else's by now; still the new one is not the owner's
            changed = await self._directory.change_user(pool.id, user.id, lambda u: _bereft(closed(u), disputed))
        if disputed.at is not None:
            await self._take_away(pool, user, disputed.at)
        await self._credentials.delete_devices(pool.id, user.id)
        await self._end_access(pool.id, user.id)
        self._emit(Event("user.objected", pool.id, user.id))
        return changed

    async def _take_away(self, pool: Pool, user: User, since: int) -> None:
        """Every login that was linked and every factor that was set up since then, and the backup codes, which may have been
        made with it. Somebody without a password keeps the first login: there is no other way in.
        """
        logins = await self._identities.identities(pool.id, user.id)
        for identity in logins[1:] if user.state == "external" else logins:
            if identity.linked_at >= since - _BEFORE:
                await self._identities.unlink(pool.id, user.id, identity.provider)
                self._emit(Event("identity.unlinked", pool.id, user.id, details={"provider": identity.provider}))
        added = [c for c in await self._credentials.credentials(pool.id, user.id) if c.created_at >= since - _BEFORE]
        for credential in added:
            await self._credentials.delete_credential(pool.id, user.id, credential.id)
            self._emit(Event("factor.removed", pool.id, user.id, details={"factor": credential.kind}))
        if added and await self._credentials.backup_codes_left(pool.id, user.id):
            await self._credentials.put_backup_codes(pool.id, user.id, (), int(self._clock()))
            self._emit(Event("factor.removed", pool.id, user.id, details={"factor": "backup_codes"}))


def _restored(user: User, disputed: Disputed) -> User:
    """With the address that was taken away."""
    if disputed.email is not None:
        user = replace(user, email=disputed.email, email_verified=True)
    if disputed.phone_number is not None:
        user = replace(user, phone_number=disputed.phone_number, phone_number_verified=True)
    return user


def _bereft(user: User, disputed: Disputed) -> User:
    """Without the address that came in its place."""
    if disputed.email is not None:
        user = replace(user, email=None, email_verified=False)
    if disputed.phone_number is not None:
        user = replace(user, phone_number=None, phone_number_verified=False)
    return user
