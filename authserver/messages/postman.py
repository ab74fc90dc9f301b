"""The postman: takes due parcels out of the outbox and sees each through, for as long as the process serves.

At least once: a parcel leaves the outbox after the other side took it. A process that dies between the two, or a store
that fails there, leads to a second delivery of the same parcel, with the same id; nothing leads to none before its time
is over. Each process has a postman; a lease keeps them from taking the same parcel.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.effects import Clock, Random
from authserver.errors import Refusal
from authserver.events import Emit, Event
from authserver.messages.parcels import Unreadable, parcel_record
from authserver.messages.transport import TryAgain, Undeliverable
from authserver.model.journal import Parcel
from authserver.store.protocols import Journal

POLL = 1.0
"""Seconds between two looks when nobody posts."""

TIME_LIMIT = 40.0
"""Seconds for one attempt."""

HOLD = 60
"""Seconds of a lease: an attempt, and writing down how it ended, are over by then."""

AT_ONCE = 20
"""Parcels under way at a time in one process."""

FIRST_PAUSE = 2.0
LONGEST_PAUSE = 15 * 60.0

log = structlog.get_logger("postman")


@dataclass(frozen=True, slots=True)
class About:
    """What events say of a parcel: whom it concerns, and details that hold no content."""

    user_id: str | None = None
    client_id: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


class Courier(Protocol):
    """Delivers the parcels of one channel."""

    def about(self, parcel: Parcel, content: bytes, /) -> About | None:
        """For the events about it; None for none. Raises Unreadable."""
        ...

    async def deliver(self, parcel: Parcel, content: bytes, /) -> None:
        """Raises TryAgain or Undeliverable; anything else counts as TryAgain and is logged as a fault of ours."""
        ...


class Postman:
    """Delivers until `stop`.

    Args:
        journal: where parcels are.
        sealer: opens them.
        couriers: one for each channel ("email", "sms", "webhook").
        clock: seconds.
        random: spreads second tries, so that many parcels do not come back at once.
        emit: told of `message.sent` and `message.failed`.
    """

    def __init__(
        self,
        journal: Journal,
        sealer: Sealer,
        couriers: Mapping[str, Courier],
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._journal = journal
        self._sealer = sealer
        self._couriers = couriers
        self._clock = clock
        self._random = random
        self._emit = emit
        self._woken = asyncio.Event()
        self._stopping = False
        self._more = False
        self._loop: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Something was posted: look at once."""
        self._woken.set()

    async def start(self) -> None:
        self._stopping = False
        self._loop = asyncio.create_task(self._run(), name="postman")

    async def stop(self, grace: float = 5.0) -> None:
        """Take nothing more, wait up to `grace` seconds for what is under way, and leave the rest in the outbox."""
        self._stopping = True
        self.wake()
        if self._loop is not None:
            await asyncio.wait([self._loop], timeout=grace)
            await _cancelled({self._loop})
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=grace)
        await _cancelled(self._under_way)

    async def _run(self) -> None:
        failing = False
        while not self._stopping:
            self._woken.clear()
            try:
                self._more = await self._take()
                failing = False
            except Refusal as refusal:
                if not failing:
                    log.warning("the outbox does not answer", detail=refusal.detail or refusal.sentence)
                failing = True
            except Exception:
                log.exception("the postman failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()

    async def _take(self) -> bool:
        """Take what is due, as far as there are hands. Whether there may be more."""
        free = AT_ONCE - len(self._under_way)
        if free <= 0:
            return True
        parcels = await self._journal.lease(int(self._clock()), hold=HOLD, limit=free)
        for parcel in parcels:
            task = asyncio.create_task(self._see_through(parcel))
            self._under_way.add(task)
            task.add_done_callback(self._done)
        return len(parcels) == free

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the postman failed", exc_info=error)
        if self._more:
            self.wake()

    async def _see_through(self, parcel: Parcel) -> None:
        """One attempt, and writing down how it ended."""
        about: About | None = About(details={"medium": parcel.channel})
        try:
            courier = self._couriers.get(parcel.channel)
            if courier is None:
                raise TryAgain(f"this process delivers no {parcel.channel}")
            content = self._sealer.open(parcel.sealed, parcel_record(parcel.pool, parcel.id))
            about = courier.about(parcel, content)
            if self._clock() >= parcel.expires_at:
                raise Undeliverable(parcel.last_error or "its time was over before it could be tried")
            async with asyncio.timeout(TIME_LIMIT):
                await courier.deliver(parcel, content)
        except Undeliverable as error:
            await self._give_up(parcel, about, error.detail)
        except TryAgain as error:
            await self._later(parcel, about, error.detail, error.after)
        except TimeoutError:
            await self._later(parcel, about, f"it took more than {TIME_LIMIT:g} seconds")
        except (Unsealable, Unreadable) as error:
            await self._later(parcel, about, f"its content cannot be read: {error}")
        except Refusal as refusal:
            await self._later(parcel, about, refusal.detail or refusal.sentence)
        except Exception as error:
            log.exception("a message could not be made", kind=parcel.channel, pool=parcel.pool)
            await self._later(parcel, about, type(error).__name__)
        else:
            await self._settle(lambda: self._journal.delivered(parcel.pool, parcel.id))
            self._tell("message.sent", parcel, about)

    async def _later(self, parcel: Parcel, about: About | None, detail: str, after: float = 0.0) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(parcel.attempts - 1, 30))
        # Between three quarters and five quarters of the pause.
        pause *= 0.75 + int.from_bytes(self._random.bytes(2)) / 0x20000
        due_at = int(self._clock() + max(pause, min(after, LONGEST_PAUSE), 1.0))
        if due_at >= parcel.expires_at:
            await self._give_up(parcel, about, detail)
            return
        log.warning("not delivered yet", kind=parcel.channel, pool=parcel.pool, detail=detail, tries=parcel.attempts)
        await self._settle(lambda: self._journal.postpone(parcel.pool, parcel.id, due_at, detail))

    async def _give_up(self, parcel: Parcel, about: About | None, detail: str) -> None:
        await self._settle(lambda: self._journal.delivered(parcel.pool, parcel.id))
        log.warning("not delivered", kind=parcel.channel, pool=parcel.pool, detail=detail, tries=parcel.attempts)
        self._tell("message.failed", parcel, about, reason=detail)

    async def _settle(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write down how it ended. A store that does not answer is asked again while the lease holds: otherwise what
        has arrived would be delivered again.
        """
        for pause in (0.2, 0.5, 1.0, 2.0, 4.0, 8.0):
            try:
                await write()
                return
            except Refusal:
                await asyncio.sleep(pause)
        log.warning("how a delivery ended could not be written down; it may come twice")

    def _tell(self, kind: str, parcel: Parcel, about: About | None, **details: object) -> None:
        if about is not None:
            self._emit(
                Event(
                    kind,
                    parcel.pool,
                    about.user_id,
                    about.client_id,
                    details={**about.details, "tries": parcel.attempts, **details},
                )
            )


async def _cancelled(tasks: set[asyncio.Task[None]]) -> None:
    """End the tasks and wait until they have."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
