"""Carries the messages of the outbox: opens the content, renders it, and hands it to a transport."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from authserver.effects import Clock
from authserver.messages.names import one_line
from authserver.messages.parcels import Unreadable, from_content
from authserver.messages.postman import About
from authserver.messages.render import Renderer
from authserver.messages.transport import Carriers, Compose, Envelope, PoolOf, Transport, TryAgain, Undeliverable
from authserver.model.credentials import Medium
from authserver.model.journal import Parcel
from authserver.model.pools import Pool


class MessageCourier:
    """The postman's courier for mail and text messages.

    Args:
        pool_of: finds the pool, as it is now.
        renderer: makes the words.
        transports: what carries each medium.
        sender_of: the address that mails of a pool without one come from.
        clock: seconds.
        compose: a trigger that may rewrite what is read.
        carriers: triggers that carry messages themselves.
    """

    def __init__(
        self,
        pool_of: PoolOf,
        renderer: Renderer,
        transports: Mapping[Medium, Transport],
        sender_of: Callable[[Pool], str],
        clock: Clock,
        *,
        compose: Compose | None = None,
        carriers: Carriers | None = None,
    ) -> None:
        self._pool_of = pool_of
        self._renderer = renderer
        self._transports = transports
        self._sender_of = sender_of
        self._clock = clock
        self._compose = compose
        self._carriers = carriers

    def about(self, _parcel: Parcel, content: bytes) -> About | None:
        """What the events say of it; None for one that is only pretended. Raises Unreadable."""
        message, pretended = from_content(content)
        if pretended:
            return None
        return About(message.user_id, message.client_id, {"message": str(message.kind), "medium": message.medium})

    async def deliver(self, parcel: Parcel, content: bytes) -> None:
        """Raises TryAgain or Undeliverable."""
        try:
            message, pretended = from_content(content)
        except Unreadable as error:
            raise TryAgain(f"another version wrote it: {error}") from None
        pool = await self._pool_of(parcel.pool)
        if pool is None:
            raise Undeliverable("the pool is gone")
        now = self._clock()
        reading = self._renderer.render(pool, message, now)
        if pretended:
            return
        if self._compose is not None:
            reading = await self._compose(pool, message, reading)
            if reading.subject is not None:
                reading = replace(reading, subject=one_line(reading.subject))
        transport = self._carriers(pool, message.medium) if self._carriers is not None else None
        policy = pool.messages
        await (transport or self._transports[message.medium]).deliver(
            Envelope(
                id=parcel.id,
                pool=pool.id,
                kind=message.kind,
                medium=message.medium,
                to=message.to,
                subject=reading.subject,
                text=reading.text,
                html=reading.html,
                from_name=one_line(policy.from_name or pool.name),
                from_address=policy.from_address or self._sender_of(pool),
                reply_to=policy.reply_to,
                language=message.language,
                user_id=message.user_id,
                client_id=message.client_id,
                code=message.code,
                link=message.link,
                at=now,
            )
        )
