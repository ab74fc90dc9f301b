"""Limits on guessing, for every factor and over all of them.

Every try is counted before it is judged: per network address, per account and factor, and in a row per account. The
first two live in Redis and pass; the last one is in SQL, so that it survives Redis and holds on all nodes together
(security reference S10, S11, W10 to W12).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import CodeExpired, Throttled
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.signin.origin import Origin
from authserver.store import Admission, Counters, Credentials, Directory

FREE_TRIES = 10
"""Tries that are judged before anybody has to wait: the last of them starts the first pause (security reference S10)."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15 * 60.0
MEMORY = 24 * 3600
CLOSED_AFTER = 100
ADDRESS_LIMIT = 100
ADDRESS_WINDOW = 10 * 60
DAY = 24 * 3600

NOBODY = "-"
"""Stands for the id of a user that does not exist, so that the same questions are asked of the stores."""

Closed = Callable[[Pool, User], Awaitable[None]]
"""Told when an account is closed to unknown devices after too many failures."""


@dataclass(frozen=True, slots=True)
class Try:
    """A try that may be judged. It stays counted as a wrong one until `Guessing.right` is told otherwise.

    `in_a_row` is how many there were over all factors, with this one; 0 where they are not summed. `about` is the id of
    the user it turned out to be about, for the log.
    """

    pool: str
    factor: str
    user: User | None
    origin: Origin
    client_id: str | None
    known: bool
    key: str
    address_key: str
    day_key: str | None
    in_a_row: int = 0
    about: str | None = None


class Guessing:
    """Counts tries and refuses those beyond the limits.

    A known device (a browser that completed a sign-in of this user before) is counted apart and never closed, so that a
    stranger who guesses cannot lock the owner out (W11). This rests on devices being remembered only once a sign-in is
    complete: one that knows the password alone must not become known by it.

    Args:
        per_address: wrong tries from one network address within ten minutes.
        closed: tells the owner.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        credentials: Credentials,
        counters: Counters,
        clock: Clock,
        emit: Emit,
        per_address: int = ADDRESS_LIMIT,
        closed: Closed | None = None,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._counters = counters
        self._clock = clock
        self._emit = emit
        self._per_address = per_address
        self._closed = closed

    async def admit(
        self,
        pool: Pool,
        factor: str,
        user: User | None,
        origin: Origin,
        *,
        name: str = "",
        client_id: str | None = None,
        a_day: int | None = None,
    ) -> Try:
        """Count a try at the factor of the user (None: nobody has the `name` that was given), before it is judged.

        Args:
            a_day: how many wrong ones the account may have within a day, for secrets short enough to be hit by chance.

        Raises:
            Throttled: the address, or the account, has to wait.
            CodeExpired: a hundred in a row were wrong, and the device is not known: no try helps before the account is
                recovered (reason "too_many").
        """
        user_id = user.id if user is not None else NOBODY
        known = await self._knows(pool, user_id, origin)
        account = user_id if user is not None else "unknown " + digest(fold(name))
        key = f"{factor} {account} {origin.device if known else ''}"
        attempt = Try(
            pool=pool.id,
            factor=factor,
            user=user,
            origin=origin,
            client_id=client_id,
            known=known,
            key=key,
            address_key=f"address {origin.network}",
            day_key=f"day {key}" if a_day is not None else None,
        )
        await self._wait_turn(attempt, a_day)
        if known:  # its owner's mistakes must not close the account to others, nor theirs to it
            return attempt
        in_a_row = await self._directory.count_password_failure(pool.id, user_id)
        if in_a_row > CLOSED_AFTER:
            self._report(attempt, "closed after too many failures")
            raise CodeExpired("too_many", detail="closed after too many failures")
        return replace(attempt, in_a_row=in_a_row)

    async def admit_signature(
        self, pool: Pool, factor: str, origin: Origin, *, user: User | None = None, client_id: str | None = None
    ) -> Try:
        """Count a try at what no guess can hit (a signature): by address alone. Whoever knows which account, or which
        passkey, to fail at must not be able to make its owner wait. Raises Throttled.
        """
        attempt = Try(
            pool=pool.id,
            factor=factor,
            user=user,
            origin=origin,
            client_id=client_id,
            known=False,
            key="",
            address_key=f"address {origin.network}",
            day_key=None,
        )
        await self._within(attempt, attempt.address_key, self._per_address, ADDRESS_WINDOW)
        return attempt

    async def right(self, attempt: Try) -> None:
        """It was right: forget the tries at this factor, but not what went wrong at others. See `forget`."""
        done = [self._take_back(attempt)]
        if attempt.key:
            done.append(self._counters.clear_guesses(attempt.pool, attempt.key))
        if attempt.user is not None and attempt.in_a_row == 1:  # nothing but this try itself
            done.append(self._directory.clear_password_failures(attempt.pool, attempt.user.id))
        await asyncio.gather(*done)
        self._emit(self._event("factor.succeeded", attempt, {}))

    async def spare(self, attempt: Try) -> None:
        """It was right, but one of several answers that prove the person together; or nobody judged it. The address does
        not pay for it. What the account may still try stays as counted, until all of them are right.
        """
        await self._take_back(attempt)

    async def wrong(self, pool: Pool, attempt: Try, reason: str) -> None:
        """It was wrong: tell the log why, and the owner if it was the last one. The refusal is the factor's own."""
        self._report(attempt, reason)
        if attempt.in_a_row == CLOSED_AFTER and attempt.user is not None:
            self._emit(Event("password.locked", pool.id, attempt.user.id, attempt.client_id, attempt.origin.address))
            if self._closed is not None:
                await self._closed(pool, attempt.user)

    async def forget(self, pool: Pool, user_id: str) -> None:
        """Begin the sum over all factors anew: the sign-in is complete, or the account was recovered.

        Not after one right factor of several, or whoever knows the password could guess codes without end.
        """
        if await self._directory.password_failures(pool.id, user_id):
            await self._directory.clear_password_failures(pool.id, user_id)

    async def _knows(self, pool: Pool, user_id: str, origin: Origin) -> bool:
        return await self._credentials.device(pool.id, user_id, origin.device or NOBODY) is not None

    async def _wait_turn(self, attempt: Try, a_day: int | None) -> None:
        now = self._clock()
        await self._within(attempt, attempt.address_key, self._per_address, ADDRESS_WINDOW)
        try:
            if attempt.day_key is not None and a_day is not None:
                await self._within(attempt, attempt.day_key, a_day, DAY)
        except Throttled:
            await self._counters.give_back(attempt.pool, attempt.address_key)  # nothing was tried
            raise
        admission = await self._counters.admit_guess(
            attempt.pool,
            attempt.key,
            now=now,
            free=FREE_TRIES - 1,
            first=FIRST_PAUSE,
            longest=LONGEST_PAUSE,
            memory=MEMORY,
        )
        if not admission.allowed:
            await self._take_back(attempt)
            raise self._throttled(attempt, admission)

    async def _within(self, attempt: Try, key: str, limit: int, window: int) -> None:
        admission = await self._counters.admit_within(attempt.pool, key, now=self._clock(), limit=limit, window=window)
        if not admission.allowed:
            raise self._throttled(attempt, admission)

    async def _take_back(self, attempt: Try) -> None:
        await self._counters.give_back(attempt.pool, attempt.address_key)
        if attempt.day_key is not None:
            await self._counters.give_back(attempt.pool, attempt.day_key)

    def _throttled(self, attempt: Try, admission: Admission) -> Throttled:
        self._emit(self._event("factor.throttled", attempt, {"tries": admission.count}))
        return Throttled(admission.retry_after)

    def _report(self, attempt: Try, reason: str) -> None:
        self._emit(self._event("factor.failed", attempt, {"reason": reason}))

    @staticmethod
    def _event(kind: str, attempt: Try, details: dict[str, object]) -> Event:
        user_id = attempt.user.id if attempt.user is not None else attempt.about
        details = {"factor": attempt.factor, **details}
        return Event(kind, attempt.pool, user_id, attempt.client_id, attempt.origin.address, details)
