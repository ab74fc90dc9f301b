"""A message as the content of a parcel: JSON, sealed under the parcel's name.

Several versions of the server may run at once during an upgrade: a reader ignores members it does not know. What it
cannot read at all is tried again, since another version may be able to.
"""

from dataclasses import asdict, fields
from typing import Any

import orjson

from authserver.messages.kinds import Kind, Message

_FIELDS = frozenset(field.name for field in fields(Message))


class Unreadable(ValueError):  # noqa: N818 - it describes the content
    """The content is not one that this version knows."""


def parcel_record(pool: str, parcel_id: str) -> str:
    """The name under which a parcel's content is sealed."""
    return f"parcels/{pool}/{parcel_id}/content"


def to_content(message: Message, *, pretended: bool) -> bytes:
    """`pretended`: it goes all the way to the door and stops there, because nobody is to get it."""
    return orjson.dumps({"pretended": pretended, "message": asdict(message)})


def from_content(content: bytes) -> tuple[Message, bool]:
    """The message, and whether it is only pretended. Raises Unreadable."""
    try:
        raw: dict[str, Any] = orjson.loads(content)
        members = {name: value for name, value in raw["message"].items() if name in _FIELDS}
        return Message(**members | {"kind": Kind(members["kind"])}), bool(raw["pretended"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(type(error).__name__) from None
