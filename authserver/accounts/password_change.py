"""New passwords: judged by the pool's rules, stored, and everything ended that the old one opened."""

from collections.abc import Callable
from dataclasses import replace

from authserver.accounts.directory import EndAccess
from authserver.accounts.notices import Notices, Place
from authserver.accounts.passwords import PasswordRules, context_words
from authserver.crypto.passwords import Passwords
from authserver.effects import Clock
from authserver.errors import NotFound, WeakPassword
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import PasswordCredential, User
from authserver.store import Credentials, Directory


class PasswordChanges:
    """Replaces passwords.

    Args:
        end_access: ends every session and grant of a user.
    """

    def __init__(
        self,
        directory: Directory,
        credentials: Credentials,
        passwords: Passwords,
        rules: PasswordRules,
        notices: Notices,
        clock: Clock,
        emit: Emit,
        end_access: EndAccess,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._passwords = passwords
        self._rules = rules
        self._notices = notices
        self._clock = clock
        self._emit = emit
        self._end_access = end_access

    async def judge(self, pool: Pool, user: User | None, password: str, words: tuple[str, ...] = ()) -> None:
        """Raises WeakPassword with every rule that the password breaks, Busy."""
        words = (*words, *context_words(user.username, user.email)) if user is not None else words
        broken = await self._rules.check(pool, user, password, words)
        if broken:
            strength = await self._rules.strength(pool, user, password, words)
            raise WeakPassword(
                tuple(rule.code for rule in broken),
                "\n".join(rule.sentence for rule in broken),
                score=strength.score if strength is not None else None,
                advice=strength.advice if strength is not None else (),
            )

    async def change(
        self, pool: Pool, user: User, password: str, where: Place | None = None, *, event: str = "password.changed"
    ) -> int:
        """Give the user a new password; end every session and grant, and what was known of the browsers: one may be a
        thief's, who knew the old password. The owner is told. Returns when it was set.

        Raises WeakPassword, Busy, NotFound.
        """
        await self.judge(pool, user, password)
        encoded = await self._passwords.hash(password)
        before = await self._directory.password(pool.id, user.id)
        # Later than the one before, so that a proof of the old one cannot pass for a proof of this one.
        set_at = max(int(self._clock()), before.set_at + 1 if before is not None else 0)
        if not await self._directory.set_password(pool.id, PasswordCredential(user.id, encoded, set_at)):
            raise NotFound(detail=f"user {user.id} is gone")
        if before is not None and pool.password_policy.history:
            keep = pool.password_policy.history
            await self._credentials.note_former_password(pool.id, user.id, before.hash, set_at, keep)
        await self._directory.change_user(pool.id, user.id, self._usable_again(set_at))
        await self._directory.clear_password_failures(pool.id, user.id)
        await self._credentials.delete_devices(pool.id, user.id)
        await self._end_access(pool.id, user.id)
        self._emit(Event(event, pool.id, user.id))
        await self._notices.password_changed(pool, user, where)
        return set_at

    @staticmethod
    def _usable_again(now: int) -> Callable[[User], User]:
        def change(user: User) -> User:
            state = "confirmed" if user.state in {"reset_required", "must_change", "external"} else user.state
            return replace(user, state=state, updated_at=now)

        return change
