"""Messages through triggers: other words for one (`custom_message`), or somebody else to carry it (custom senders).

Satisfies the seams `Compose` and `Carriers` of `messages.transport`.
"""

import html
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from authserver.errors import TriggerFailed, Vetoed
from authserver.messages.kinds import Kind, Message
from authserver.messages.render import Content
from authserver.messages.transport import Envelope, PoolOf, Transport, TryAgain, Undeliverable
from authserver.model.credentials import Medium
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.triggers import Triggers
from authserver.triggers.message_points import CustomMessage, CustomSender
from authserver.triggers.message_texts import apply_custom_message
from authserver.triggers.user_attributes import attributes_of

UserOf = Callable[[str, str], Awaitable[User | None]]
"""Finds a user by pool and id (`Directory.user`)."""

Occasion = Literal[
    "SignUp", "AdminCreateUser", "ForgotPassword", "UpdateUserAttribute", "VerifyUserAttribute", "Authentication"
]

_OCCASIONS: Mapping[Kind, Occasion] = {
    Kind.CONFIRM_SIGN_UP: "SignUp",
    Kind.INVITATION: "AdminCreateUser",
    Kind.RECOVER_PASSWORD: "ForgotPassword",
    Kind.CHANGE_EMAIL: "UpdateUserAttribute",
    Kind.CHANGE_PHONE_NUMBER: "UpdateUserAttribute",
    Kind.VERIFY_ADDRESS: "VerifyUserAttribute",
    Kind.SIGN_IN_CODE: "Authentication",
    Kind.FACTOR_CODE: "Authentication",
}
"""The messages that Cognito knows. All others are notices of ours: no trigger is asked about them."""

_TAG = re.compile(r"<(?:style|script|head)\b.*?</(?:style|script|head)>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<(?:br|/p|/div|/h[1-6]|/li|/tr)\b[^>]*>", re.IGNORECASE)


class TriggerMessages:
    """The triggers of messages, for all pools.

    Args:
        transports: what carries messages that no custom sender is asked to carry.
    """

    def __init__(
        self, triggers: Triggers, pool_of: PoolOf, user_of: UserOf, transports: Mapping[Medium, Transport]
    ) -> None:
        self._triggers = triggers
        self._pool_of = pool_of
        self._user_of = user_of
        self._transports = transports

    async def compose(self, pool: Pool, message: Message, content: Content) -> Content:
        """`messages.transport.Compose`. Raises TryAgain, Undeliverable."""
        occasion = _OCCASIONS.get(message.kind)
        if occasion is None or pool.trigger("custom_message") is None:
            return content
        user = await self._user(pool.id, message.user_id)
        username = message.username or (user.username if user is not None else message.to)
        request = CustomMessage(occasion, _attributes(user, message.medium, message.to))
        try:
            texts = await self._triggers.call(
                pool, request, username=username, user_id=message.user_id, client_id=message.client_id
            )
            if texts is None:
                return content
            filled = apply_custom_message(texts, code=message.code or message.password, username=username)
        except Vetoed as veto:
            raise Undeliverable(f"the trigger refuses: {veto.sentence}") from None
        except TriggerFailed as failed:
            raise TryAgain(failed.detail or failed.sentence) from None
        if message.medium == "sms":
            return Content(None, filled.sms or content.text, None)
        text = _plain(filled.email_html) if filled.email_html else content.text
        return Content(filled.subject or content.subject, text, filled.email_html or content.html)

    def carrier(self, pool: Pool, medium: Medium) -> Transport | None:
        """`messages.transport.Carriers`."""
        point = "custom_email_sender" if medium == "email" else "custom_sms_sender"
        has_one = any(trigger.point == point for trigger in pool.triggers)
        return _Sender(self, self._transports[medium]) if has_one else None

    async def send(self, envelope: Envelope, otherwise: Transport) -> None:
        """Have the custom sender carry the envelope. Raises TryAgain, Undeliverable."""
        occasion = _OCCASIONS.get(envelope.kind)
        pool = await self._pool_of(envelope.pool)
        if occasion is None or envelope.code is None or pool is None:  # nothing that Cognito would hand to a sender
            await otherwise.deliver(envelope)
            return
        user = await self._user(pool.id, envelope.user_id)
        attributes = _attributes(user, envelope.medium, envelope.to)
        request = CustomSender(envelope.medium, occasion, attributes, envelope.code)
        try:
            answer = await self._triggers.call(
                pool,
                request,
                username=user.username if user is not None else envelope.to,
                user_id=envelope.user_id,
                client_id=envelope.client_id,
            )
        except Vetoed as veto:
            raise Undeliverable(f"the trigger refuses: {veto.sentence}") from None
        except TriggerFailed as failed:
            raise TryAgain(failed.detail or failed.sentence) from None
        if answer is None:  # taken out of the pool a moment ago
            await otherwise.deliver(envelope)

    async def _user(self, pool: str, user_id: str | None) -> User | None:
        return await self._user_of(pool, user_id) if user_id is not None else None


class _Sender:
    """A pool's custom sender as a transport."""

    def __init__(self, messages: TriggerMessages, otherwise: Transport) -> None:
        self._messages = messages
        self._otherwise = otherwise

    async def deliver(self, envelope: Envelope) -> None:
        await self._messages.send(envelope, self._otherwise)


def _attributes(user: User | None, medium: Medium, to: str) -> dict[str, str]:
    """The user's attributes, with the address the message goes to: that of a change under way is not the user's yet."""
    attributes = attributes_of(user) if user is not None else {}
    return attributes | {"email" if medium == "email" else "phone_number": to}


def _plain(markup: str) -> str:
    """HTML as plain text, for readers that show no HTML."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", markup)))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
