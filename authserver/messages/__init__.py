"""Messages: what is said to people by mail and text message, in which words, and how it is seen to arrive.

Owns the kinds of messages, their words in every language, their look, and the outbox with its postman. Knows transports
by a protocol alone; knows no pages, no HTTP and no SQL. Whoever wants somebody told something makes a `Message` and
gives it to the `Outbox`.
"""

from authserver.messages.courier import MessageCourier
from authserver.messages.kinds import Kind, Message
from authserver.messages.languages import Catalogues
from authserver.messages.masking import mask
from authserver.messages.outbox import Outbox
from authserver.messages.policy import KEYS, check_messages
from authserver.messages.postman import About, Courier, Postman
from authserver.messages.render import Content, Renderer
from authserver.messages.transport import (
    Carriers,
    Compose,
    Envelope,
    NoTransport,
    Transport,
    TryAgain,
    Undeliverable,
)

__all__ = [
    "KEYS",
    "About",
    "Carriers",
    "Catalogues",
    "Compose",
    "Content",
    "Courier",
    "Envelope",
    "Kind",
    "Message",
    "MessageCourier",
    "NoTransport",
    "Outbox",
    "Postman",
    "Renderer",
    "Transport",
    "TryAgain",
    "Undeliverable",
    "check_messages",
    "mask",
]
