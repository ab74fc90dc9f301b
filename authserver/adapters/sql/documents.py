"""Lists and documents as JSON in a TEXT column.

A document is read leniently, because during a rolling upgrade rows of the next version and of the last one meet the same
code: fields it does not know are left, missing ones take their default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import orjson

from authserver.errors import Invalid

Row = Sequence[Any]
"""The columns of one row, as plain driver values, in the order of the SELECT."""
Values = dict[str, object]
"""A row to write, by column name."""

_T = TypeVar("_T")


def to_json(value: object) -> str:
    """The text to store. Raises Invalid for what JSON in UTF-8 cannot hold (a lone surrogate, a huge integer)."""
    try:
        return orjson.dumps(value, default=dict).decode()
    except orjson.JSONEncodeError as error:
        raise Invalid("A value cannot be stored as JSON.", detail=str(error)) from None


def from_json(document: str) -> Any:
    """What `to_json` stored, tuples as lists and dataclasses as dicts."""
    return orjson.loads(document)


def texts(document: str) -> tuple[str, ...]:
    """A stored list of strings."""
    return tuple(orjson.loads(document)) if document != "[]" else ()


def record(kind: type[_T], document: Mapping[str, Any], **replaced: object) -> _T:
    """A stored dataclass, its lists as tuples, with some fields given instead of read."""
    known = {
        field.name: tuple(value) if isinstance(value := document[field.name], list) else value
        for field in fields(kind)  # type: ignore[arg-type]  # a dataclass
        if field.name in document
    }
    return kind(**{**known, **replaced})
