"""Prefix search as a range, which every index serves and in which `%` and `_` mean themselves."""

import sqlalchemy as sa

_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def starts_with(column: sa.Column[str], prefix: str) -> list[sa.ColumnElement[bool]]:
    """The conditions under which the column, compared by code point, starts with the prefix."""
    if not prefix:
        return []
    end = prefix_end(prefix)
    return [column >= prefix] if end is None else [column >= prefix, column < end]


def prefix_end(prefix: str) -> str | None:
    """The first text after all those that start with the prefix; None if there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        following = ord(prefix[at]) + 1
        if following in _SURROGATES:
            following = _SURROGATES.stop
        if following <= _LAST:
            return prefix[:at] + chr(following)
    return None
