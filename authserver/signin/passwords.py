"""The password factor: one try, counted before it is judged, and the same for names that do not exist (DESIGN 6.3)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from authserver.crypto.passwords import Passwords
from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import Throttled, WrongCredentials
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.signin.origin import Origin
from authserver.store import Counters, Credentials, Directory

FREE_TRIES = 10
"""Tries that are judged before anybody has to wait: the last of them starts the first pause (security reference S10)."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15 * 60.0
MEMORY = 24 * 3600
CLOSED_AFTER = 100
ADDRESS_LIMIT = 100
ADDRESS_WINDOW = 10 * 60

NOBODY = "-"
"""Stands for the id of a user that does not exist, so that the same questions are asked of the stores."""


PreAuthentication = Callable[[Pool, User | None, str | None], Awaitable[None]]
"""Asks the pool's trigger before a first factor is judged; the user is None for a name that nobody has. May raise
Vetoed, TriggerFailed.
"""

Migrate = Callable[[Pool, str, str, str | None], Awaitable[User | None]]
"""Asks other systems for a user that is still there: pool, name, password, client_id. The user it returns is stored, and
the password is judged by what is stored. May raise Vetoed, TriggerFailed.
"""

Closed = Callable[[Pool, User], Awaitable[None]]
"""Told when password sign-in is closed after too many failures."""


def sign_in_name(user: User, pool: Pool) -> str | None:
    """A name under which the person can sign in to the pool: the first of the kinds it takes that the person has."""
    preferred = user.attributes.get("preferred_username")
    names: dict[str, object] = {
        "username": user.username,
        "email": user.email if user.email_verified else None,
        "phone_number": user.phone_number if user.phone_number_verified else None,
        "preferred_username": preferred,
    }
    return next((name for kind in pool.sign_in_with if isinstance(name := names.get(kind), str) and name), None)


@dataclass(frozen=True, slots=True)
class Right:
    """Who gave the right password, and when that password had been set: it must still be the same when a session opens."""

    user: User
    stamp: int


class PasswordFactor:
    """Judges passwords, with limits over all paths that take one."""

    def __init__(
        self,
        directory: Directory,
        credentials: Credentials,
        counters: Counters,
        passwords: Passwords,
        clock: Clock,
        emit: Emit,
        *,
        per_address: int = ADDRESS_LIMIT,
        pre_authentication: PreAuthentication | None = None,
        migrate: Migrate | None = None,
        closed: Closed | None = None,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._counters = counters
        self._passwords = passwords
        self._clock = clock
        self._emit = emit
        self._per_address = per_address
        self._pre_authentication = pre_authentication
        self._migrate = migrate
        self._closed = closed

    async def prove(
        self,
        pool: Pool,
        identifier: str,
        password: str,
        origin: Origin,
        client_id: str | None,
        *,
        announced: bool = False,
    ) -> Right:
        """The user, if the password is right. `announced`: the pool's trigger knows of this authentication already.
        Raises WrongCredentials, Throttled, Busy, Vetoed, TriggerFailed.

        A known device (a browser that signed this user in before) is counted apart, so that a stranger who guesses
        cannot lock the owner out (security reference W11).
        """
        directory, pool_id = self._directory, pool.id
        user = await directory.find_user(pool_id, identifier, pool.sign_in_with)
        user_id = user.id if user is not None else NOBODY
        known = await self._credentials.device(pool_id, user_id, origin.device or NOBODY) is not None
        account = user_id if user is not None else "unknown " + digest(fold(identifier))
        key = f"password {account} {origin.device if known else ''}"
        await self._admit(pool, key, origin, user, client_id)

        if self._pre_authentication is not None and not announced:
            await self._pre_authentication(pool, user, client_id)
        if user is None and self._migrate is not None:
            user = await self._migrate(pool, identifier, password, client_id)
            user_id = user.id if user is not None else NOBODY

        # Counted before it is judged, so that parallel tries, here and at other factors, cannot slip through. A known
        # device is not counted: its owner's mistakes must not close the account to others, nor theirs to it.
        failures = 0 if known else await directory.count_password_failure(pool_id, user_id)
        credential = await directory.password(pool_id, user_id)
        over = credential is not None and credential.expires_at is not None and credential.expires_at <= self._clock()
        credential = None if over else credential  # a temporary password whose time is over is a wrong one
        open_to_sign_in = user is not None and user.may_begin and failures <= CLOSED_AFTER
        usable = credential if open_to_sign_in and len(password) <= pool.password_policy.max_length else None
        right = await self._passwords.verify(usable.hash if usable is not None else None, password)
        if user is None or usable is None or not right:
            if failures == CLOSED_AFTER and user is not None:
                await self._close(pool, user, origin, client_id)
            reason = "temporary password is over" if over else _reason(user, failures, right=right)
            self._report("sign_in.failed", pool, user, origin, client_id, reason=reason)
            raise WrongCredentials

        await asyncio.gather(
            self._counters.clear_guesses(pool_id, key), self._counters.give_back(pool_id, f"address {origin.network}")
        )
        if failures == 1:  # nothing but this try itself; other factors' tries are forgotten when the session opens
            await directory.clear_password_failures(pool_id, user_id)
        if self._passwords.needs_rehash(usable.hash):
            fresh = replace(usable, hash=await self._passwords.hash(password))
            await directory.set_password(pool_id, fresh, replaces=usable.hash)
        return Right(user, usable.set_at)

    async def _close(self, pool: Pool, user: User, origin: Origin, client_id: str | None) -> None:
        self._emit(Event("password.locked", pool.id, user.id, client_id, origin.address))
        if self._closed is not None:
            await self._closed(pool, user)

    async def _admit(self, pool: Pool, key: str, origin: Origin, user: User | None, client_id: str | None) -> None:
        now = self._clock()
        address = f"address {origin.network}"
        admission = await self._counters.admit_within(
            pool.id, address, now=now, limit=self._per_address, window=ADDRESS_WINDOW
        )
        if admission.allowed:
            admission = await self._counters.admit_guess(
                pool.id, key, now=now, free=FREE_TRIES - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE, memory=MEMORY
            )
            if not admission.allowed:
                await self._counters.give_back(pool.id, address)  # nothing was tried
        if not admission.allowed:
            self._report("sign_in.throttled", pool, user, origin, client_id, tries=admission.count)
            raise Throttled(admission.retry_after)

    def _report(
        self, kind: str, pool: Pool, user: User | None, origin: Origin, client_id: str | None, **details: object
    ) -> None:
        self._emit(Event(kind, pool.id, user.id if user else None, client_id, origin.address, details))


def _reason(user: User | None, failures: int, *, right: bool) -> str:
    """For the log alone."""
    if user is None:
        return "unknown name"
    if not user.may_begin:
        return f"user is {user.state}"
    return "closed after too many failures" if failures > CLOSED_AFTER and not right else "wrong password"
