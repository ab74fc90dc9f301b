"""The outbox: a message is sealed and written down durably before the request that caused it is answered.

Delivery is the postman's, in the background: a request waits for one commit and never for a mail server. Whoever posted
may die right after; another process finds the parcel.
"""

from collections.abc import Callable

from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Random
from authserver.messages.kinds import Message
from authserver.messages.parcels import parcel_record, to_content
from authserver.model.journal import Parcel
from authserver.model.pools import Pool
from authserver.store.protocols import Journal

LIFETIME = 24 * 3600
"""Seconds for which delivery of a message without an end of its own is tried."""


def _nobody() -> None:
    pass


class Outbox:
    """Where messages are posted.

    Args:
        journal: keeps the parcels.
        sealer: seals their content, which may hold codes.
        clock: seconds.
        random: makes their ids.
        wake: called after each post, so that the postman of this process looks at once. Without it, or in a process
            that has none, the postmen of the serving processes come by within a second.
    """

    def __init__(
        self,
        journal: Journal,
        sealer: Sealer,
        clock: Clock,
        random: Random,
        wake: Callable[[], None] = _nobody,
    ) -> None:
        self._journal = journal
        self._sealer = sealer
        self._clock = clock
        self._random = random
        self._wake = wake

    async def send(self, pool: Pool, message: Message, *, pretended: bool = False) -> str:
        """Post a message; it is durable once this returned. Returns the parcel's id. Raises StoreUnavailable.

        A `pretended` one takes the same way, at the same cost, and is dropped at the door: a request about somebody who
        does not exist must not be answered sooner.
        """
        now = int(self._clock())
        parcel_id = self._random.uuid()
        content = to_content(message, pretended=pretended)
        last = now + LIFETIME if message.ends_at is None else min(now + LIFETIME, message.ends_at)
        parcel = Parcel(
            id=parcel_id,
            pool=pool.id,
            channel=message.medium,
            sealed=self._sealer.seal(content, parcel_record(pool.id, parcel_id)),
            created_at=now,
            due_at=now,
            expires_at=last,
        )
        await self._journal.post(pool.id, parcel)
        self._wake()
        return parcel_id
