"""Base64url and JSON, read strictly.

Two readers that understand the same bytes differently are how forged tokens pass (RFC 8725 sections 2.4 and 3.6). So there
is one spelling of everything here: no padding, no foreign characters, no spare bits, no member twice, no number that
is none, no text that is not text.
"""

import json
from binascii import a2b_base64
from typing import Any

MAX_NESTING = 200
"""Arrays and objects inside one another. A text shorter than twice this cannot exceed it, so ordinary tokens are not even
looked at; 255 would reach the limit of other writers (orjson's) in whoever passes the value on, and a thousand Python's own."""

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
"""Whole numbers beyond 64 bits other readers and writers take for other numbers, or for none (RFC 8259 section 6)."""

# `-` and `_` become what the C decoder knows; its own `+`, `/` and `=` become what it refuses.
_FROM_URL_ALPHABET = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING = (b"", b"", b"==", b"=")
# The last character before the padding carries 4 or 2 spare bits, which must be zero, or many texts would mean the same.
_LAST_CHARACTER = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")


def decode_base64url(text: bytes) -> bytes:
    """The bytes that unpadded base64url `text` stands for (RFC 7515 section 2).

    Raises ValueError for padding, white space, any other foreign character, and for spare bits that are not zero.
    """
    rest = len(text) % 4
    if rest and text[-1] not in _LAST_CHARACTER[rest]:
        raise ValueError("not unpadded base64url")
    return a2b_base64(text.translate(_FROM_URL_ALPHABET) + _PADDING[rest], strict_mode=True)


def parse_json_object(data: bytes) -> dict[str, Any]:
    """The JSON object (RFC 8259) in `data`.

    Raises ValueError for anything but one object in UTF-8, for a member that occurs twice at any depth, for NaN and
    infinities, for whole numbers beyond 64 bits, for half a surrogate pair, and for nesting deeper than `MAX_NESTING`.
    """
    text = str(data, "utf-8").strip(" \t\r\n")
    try:
        value, end = _read(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end != len(text):
        raise ValueError("something follows the JSON object")
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    # What follows is rare, and the way past it cheap: every request to an API comes through here.
    if end > 2 * MAX_NESTING and text.count("[") + text.count("{") > MAX_NESTING:
        _check_nesting(value)
    if "\\" in text:
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair has no UTF-8
    return value


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise ValueError("a member occurs twice")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("a number is out of range")
    return value


def _whole(text: str) -> int:
    value = int(text) if len(text) <= 20 else _LARGEST + 1
    if not _SMALLEST <= value <= _LARGEST:
        raise ValueError("a whole number is out of range")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_nesting(value: object) -> None:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)  # type: ignore[attr-defined]  # lists and dicts only, by the line below
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise ValueError("nested too deeply")


_read = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_int=_whole, parse_constant=_no_constant
).raw_decode
