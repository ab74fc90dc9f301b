"""What every format is read into, and the reading of single values that came from outside."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import get_args

from authserver.crypto.foreign_hashes import ForeignHash
from authserver.model.users import UserState

STATES: tuple[UserState, ...] = get_args(UserState)

_LATEST = 253_402_300_799  # the end of the year 9999


class BadRow(Exception):  # noqa: N818 - it is the row that is bad
    """An entry cannot become a user; the message says why, as a clause that follows the line's number."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and on which line of the file it begins."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Authenticator:
    """An authenticator app that came along: codes of RFC 6238 with SHA-1, six digits and 30 seconds."""

    seed: bytes = field(repr=False)
    name: str = ""
    created_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry of a file. None stands for what it does not say.

    `password` is the hash that came along. `password_told`: the file says what password there is, even if that is none;
    otherwise people without one have to set one. `notes` are what is lost of the entry, in words.
    """

    line: int
    username: str
    id: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone_number: str | None = None
    phone_number_verified: bool = False
    attributes: Mapping[str, object] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    state: UserState | None = None
    created_at: int | None = None
    updated_at: int | None = None
    accepted_terms_at: int | None = None
    delete_after: int | None = None
    password: ForeignHash | None = field(default=None, repr=False)
    password_told: bool = False
    password_set_at: int | None = None
    password_expires_at: int | None = None
    authenticators: tuple[Authenticator, ...] = ()
    notes: tuple[str, ...] = ()


Entry = Mapping[str, object]
RowOf = Callable[[int, Entry], Row | None]
"""Makes a row of an entry that begins on a line; None for one that is no user. Raises BadRow."""


def read_entries(entries: Iterator[tuple[int, object] | Fault], row_of: RowOf) -> Iterator[Row | Fault]:
    """Rows of JSON entries, with what is wrong in place of those that are none."""
    for item in entries:
        if isinstance(item, Fault):
            yield item
            continue
        line, entry = item
        try:
            if not isinstance(entry, dict):
                raise BadRow("is no JSON object")
            row = row_of(line, entry)
        except BadRow as bad:
            yield Fault(line, str(bad))
        else:
            if row is not None:
                yield row


def text(entry: Entry, name: str) -> str | None:
    """Text; None if it is missing, null or empty."""
    value = entry.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRow(f"`{name}` must be text")
    return value


def flag(entry: Entry, name: str, *, default: bool = False) -> bool:
    value = entry.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BadRow(f"`{name}` must be true or false")
    return value


def seconds(entry: Entry, name: str, *, per_second: int = 1) -> int | None:
    """Whole seconds since the epoch, from a number (or the same as text) that counts so many to the second."""
    value = entry.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value // per_second <= _LATEST:
        raise BadRow(f"`{name}` must be a time in {'milli' if per_second == 1000 else ''}seconds since 1970")
    return value // per_second


def moment(entry: Entry, name: str) -> int | None:
    """Whole seconds since the epoch, from a date and time in ISO 8601; one without an offset is in UTC."""
    value = text(entry, name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        return max(0, int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        raise BadRow(f"`{name}` must be a date and time such as 2026-01-31T12:00:00Z") from None


def hashed(read: Callable[[], ForeignHash], name: str = "password_hash") -> ForeignHash:
    """A password hash. Raises BadRow with the reader's reason, which never holds the hash."""
    try:
        return read()
    except ValueError as error:
        raise BadRow(f"`{name}` {error}") from None


def known_only(entry: Entry, known: frozenset[str]) -> None:
    """Raises BadRow for a key that nobody reads: a slip of the pen would be lost without a word."""
    for name in entry:
        if name not in known:
            raise BadRow(f"`{name[:100]}` is no key that is known here; known are {', '.join(sorted(known))}")
