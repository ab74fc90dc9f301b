"""What carries messages: the seam between the outbox and SMTP servers, gateways, the dev mailbox."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from authserver.messages.kinds import Kind, Message
from authserver.messages.render import Content
from authserver.model.credentials import Medium
from authserver.model.pools import Pool


class TryAgain(Exception):  # noqa: N818 - it says what is to be done
    """It could not be delivered now, and may be later.

    Args:
        detail: why, for the log and the outbox: no address, no content, no secret.
        after: seconds that the other side asked to wait.
    """

    def __init__(self, detail: str, after: float = 0.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.after = after


class Undeliverable(Exception):  # noqa: N818 - as above
    """It cannot be delivered, now or later. `detail` as for TryAgain."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Envelope:
    """One finished message with all that carrying it takes.

    Attributes:
        id: the parcel's, the same at every attempt: what arrives twice can be told by it.
        pool: the pool's id.
        kind: what it is about.
        medium: "email" or "sms".
        to: the address, or the number in E.164.
        subject: None for a text message.
        text: the plain form.
        html: None where there is none.
        from_name: the sender's name.
        from_address: the sender's address.
        reply_to: where answers go.
        language: the language that was asked for.
        user_id: whom it concerns.
        client_id: in whose sign-in it was asked for.
        code: the code in it, for gateways with templates and for the dev mailbox.
        link: the link in it.
        at: when this attempt began, in seconds since the epoch.
    """

    id: str
    pool: str
    kind: Kind
    medium: Medium
    to: str
    subject: str | None
    text: str = field(repr=False)
    html: str | None = field(repr=False)
    from_name: str = ""
    from_address: str = ""
    reply_to: str | None = None
    language: str = "en"
    user_id: str | None = None
    client_id: str | None = None
    code: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)
    at: float = 0.0


class Transport(Protocol):
    """Carries envelopes of one medium."""

    async def deliver(self, envelope: Envelope) -> None:
        """Return once the other side has taken responsibility for it. Raises TryAgain or Undeliverable.

        May be cancelled at any moment, and called again with the same `id`.
        """
        ...


class NoTransport:
    """Stands for a medium that the settings set nothing up for.

    Args:
        setting: the key that is missing, such as "mail.url".
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting

    async def deliver(self, _envelope: Envelope) -> None:
        raise Undeliverable(f"the setting {self._setting} is not given")


class Compose(Protocol):
    """A seam for triggers that write messages (`custom_message`)."""

    async def __call__(self, pool: Pool, message: Message, content: Content) -> Content:
        """What is to be read in place of `content`; the same if the pool has nothing to say to it. It may be asked
        again for the same message. Raises TryAgain, or Undeliverable where the message must not go out.
        """
        ...


Carriers = Callable[[Pool, Medium], Transport | None]
"""A seam for triggers that carry messages themselves (`custom_email_sender`, `custom_sms_sender`): the pool's own
transport for a medium, or None for the server's."""

PoolOf = Callable[[str], Awaitable[Pool | None]]
"""Finds a pool by its id."""
