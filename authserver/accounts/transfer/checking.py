"""What a row becomes: a user that fits the pool, or everything that keeps it from being one. Pure."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

from authserver.accounts.directory import ordered_groups, posing_fault
from authserver.accounts.transfer.rows import Fault, Row
from authserver.crypto.foreign_hashes import needs_extra
from authserver.model.pools import Pool
from authserver.model.users import PasswordCredential, User, UserState, fold
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import attribute_faults, missing_attributes
from authserver.rules.names import username_fault

MADE_ID = "the id is no UUID, and a new one takes its place"
STALE = "was never confirmed, and is older than sign_up.unconfirmed_days: it will be deleted within minutes"
STUCK = "has neither a password nor a proven address: an operator must set a password"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LONGEST_FOLDED = 512  # what the stores hold of a sign-in name
_SORTED_AT_ONCE = 100_000
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Checked:
    """A user to create, and what was lost on the way there."""

    row: Row
    user: User
    password: PasswordCredential | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


def check_row(pool: Pool, row: Row, now: int, new_id: Callable[[], str]) -> Checked | list[Fault]:
    """The user of a row, or all that is wrong with it.

    A user without a password has to set one (`reset_required`), unless the file says what password and state there are.
    An id that is a UUID stays, for it is the `sub` that applications know the person by.
    """
    email, email_fault = _normal(normal_email, row.email)
    phone_number, phone_number_fault = _normal(normal_phone_number, row.phone_number)
    wrong = [
        *((("email", email_fault),) if email_fault is not None else ()),
        *((("phone_number", phone_number_fault),) if phone_number_fault is not None else ()),
        *_faults(pool, row),
    ]
    if wrong:
        return [Fault(row.line, f"`{name}` {sentence}") for name, sentence in wrong]
    notes = row.notes
    user_id = row.id
    if user_id is None or _UUID.fullmatch(user_id) is None:
        notes = notes if user_id is None else (*notes, MADE_ID)
        user_id = new_id()
    created_at = row.created_at if row.created_at is not None else now
    user = User(
        id=user_id,
        pool=pool.id,
        username=row.username,
        email=email,
        email_verified=email is not None and row.email_verified,
        phone_number=phone_number,
        phone_number_verified=phone_number is not None and row.phone_number_verified,
        attributes=dict(row.attributes),
        groups=ordered_groups(pool, row.groups),
        state=_state(row),
        created_at=created_at,
        updated_at=row.updated_at if row.updated_at is not None else created_at,
        accepted_terms_at=row.accepted_terms_at,
        delete_after=row.delete_after,
    )
    password: PasswordCredential | None = None
    if row.password is not None:
        set_at = row.password_set_at if row.password_set_at is not None else now
        password = PasswordCredential(user.id, row.password.text(), set_at, row.password_expires_at)
    elif not row.password_told and not user.email_verified and not user.phone_number_verified:
        notes = (*notes, STUCK)
    days = pool.sign_up.unconfirmed_days
    if days and user.state == "unconfirmed" and user.created_at < now - days * 86400:
        notes = (*notes, STALE)
    return Checked(row, user, password, notes)


def _normal(normal: Callable[[str], str], given: str | None) -> tuple[str | None, str | None]:
    """The normal form, or why there is none."""
    try:
        return (normal(given) if given is not None else None), None
    except ValueError as error:
        return None, str(error)


def _state(row: Row) -> UserState:
    if row.password is not None or row.password_told:
        return row.state or "confirmed"
    return row.state if row.state in {"disabled", "external", "unconfirmed"} else "reset_required"


def _faults(pool: Pool, row: Row) -> Iterator[tuple[str, str]]:
    """Each with its field."""
    for name, value in _texts(row):
        if _SURROGATE.search(value):
            yield name, "holds what is not UTF-8"
            return  # it must not get any further
    fault = username_fault(row.username) or posing_fault(pool, row.username, row.email, row.phone_number)
    if fault is None and len(fold(row.username)) > _LONGEST_FOLDED:
        fault = "is too long"
    if fault is not None:
        yield "username", fault
    known = {group.name for group in pool.groups}
    for group in row.groups:
        if group not in known:
            yield "groups", f"`{group[:100]}` is no group of the pool: add it to the pool first"
    yield from attribute_faults(pool, row.attributes)
    preferred = row.attributes.get("preferred_username")
    if isinstance(preferred, str) and len(fold(preferred)) > _LONGEST_FOLDED:
        yield "preferred_username", "is too long"
    own = {"email": row.email, "phone_number": row.phone_number}
    for name in missing_attributes(pool, {**row.attributes, **own}):
        yield name, "is required by the pool"
    if row.password is not None and (extra := needs_extra(row.password)) is not None:
        yield "password", f"needs a library that is not installed: pip install 'poolgate[{extra}]'"


def _texts(row: Row) -> Iterator[tuple[str, str]]:
    """Every text of the row, with its field."""
    given: Mapping[str, object] = {
        "id": row.id,
        "username": row.username,
        "email": row.email,
        "phone_number": row.phone_number,
        "groups": row.groups,
        **row.attributes,
    }
    for name, value in given.items():
        for text in _inner(value):
            yield name, text
        yield from ((name, text) for text in _inner(name))


def _inner(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _inner(key)
            yield from _inner(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from _inner(item)


class Names:
    """Finds names that two rows of a file share, in twelve bytes a name."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[array[int], array[int]]] = {
            kind: (array("Q"), array("I")) for kind in ("username", "email", "phone_number", "id")
        }

    def add(self, checked: Checked) -> None:
        """Note the names that are unique in a pool."""
        user, line = checked.user, checked.row.line
        self._note("username", fold(user.username), line)
        if user.email is not None and user.email_verified:
            self._note("email", fold(user.email), line)
        if user.phone_number is not None and user.phone_number_verified:
            self._note("phone_number", user.phone_number, line)
        if checked.row.id is not None:
            self._note("id", user.id, line)

    def _note(self, kind: str, value: str, line: int) -> None:
        digests, lines = self._kinds[kind]
        digests.append(int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "big"))
        lines.append(line)

    def shared(self) -> Iterator[Fault]:
        """A fault for each row that has a name of one before it."""
        for kind, (digests, lines) in self._kinds.items():
            parts = 1 + len(digests) // _SORTED_AT_ONCE
            for part in range(parts):
                order = [at for at, digest in enumerate(digests) if digest % parts == part]
                order.sort(key=digests.__getitem__)  # stable: by line within a name
                for before, here in pairwise(order):
                    if digests[before] == digests[here]:
                        yield Fault(lines[here], f"`{kind}` is also that of line {lines[before]}")
