"""Our own format: JSON lines, one user a line, as `poolgate user export` writes them.

`password` is null for a user without one, or `{"hash", "set_at", "expires_at"}`. A line that was written by hand may say
`password_hash` instead. A line without either leaves it to the person to set a password.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from authserver.accounts.transfer.json_stream import line_entries
from authserver.accounts.transfer.rows import (
    STATES,
    BadRow,
    Entry,
    Fault,
    Row,
    flag,
    hashed,
    known_only,
    read_entries,
    seconds,
    text,
)
from authserver.crypto.foreign_systems import read_hash
from authserver.model.users import PasswordCredential, User, UserState

_KEYS = frozenset(
    {
        "id",
        "username",
        "email",
        "email_verified",
        "phone_number",
        "phone_number_verified",
        "attributes",
        "groups",
        "state",
        "created_at",
        "updated_at",
        "accepted_terms_at",
        "delete_after",
        "password",
        "password_hash",
    }
)
_PASSWORD_KEYS = frozenset({"hash", "set_at", "expires_at"})


def read_lines(file: BinaryIO) -> Iterator[Row | Fault]:
    """The users of a file."""
    return read_entries(line_entries(file), row_of)


def row_of(line: int, entry: Entry) -> Row:
    """Raises BadRow."""
    known_only(entry, _KEYS)
    attributes = entry.get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise BadRow("`attributes` must be an object")
    password = _password(entry)
    return Row(
        line=line,
        username=text(entry, "username") or "",
        id=text(entry, "id"),
        email=text(entry, "email"),
        email_verified=flag(entry, "email_verified"),
        phone_number=text(entry, "phone_number"),
        phone_number_verified=flag(entry, "phone_number_verified"),
        attributes=attributes or {},
        groups=_groups(entry),
        state=_state(entry),
        created_at=seconds(entry, "created_at"),
        updated_at=seconds(entry, "updated_at"),
        accepted_terms_at=seconds(entry, "accepted_terms_at"),
        delete_after=seconds(entry, "delete_after"),
        **password,
    )


def _groups(entry: Entry) -> tuple[str, ...]:
    value = entry.get("groups")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadRow("`groups` must be a list of names")
    return tuple(value)


def _state(entry: Entry) -> UserState | None:
    value = text(entry, "state")
    if value is None:
        return None
    found = next((state for state in STATES if state == value), None)
    if found is None:
        raise BadRow(f"`state` must be one of {', '.join(STATES)}")
    return found


def _password(entry: Entry) -> dict[str, Any]:
    if "password" not in entry:
        encoded = text(entry, "password_hash")
        return {"password": hashed(lambda: read_hash(encoded)) if encoded is not None else None}
    if "password_hash" in entry:
        raise BadRow("`password` and `password_hash` stand beside each other: give one of them")
    value = entry["password"]
    if value is None:
        return {"password_told": True}
    if isinstance(value, str):
        raise BadRow("`password` must be an object with a hash: passwords themselves are not taken")
    if not isinstance(value, dict):
        raise BadRow("`password` must be an object with a hash")
    known_only(value, _PASSWORD_KEYS)
    given = text(value, "hash")
    if given is None:
        raise BadRow("`password` must be an object with a hash")
    return {
        "password": hashed(lambda: read_hash(given)),
        "password_told": True,
        "password_set_at": seconds(value, "set_at"),
        "password_expires_at": seconds(value, "expires_at"),
    }


def entry_of(user: User, password: PasswordCredential | None, *, with_hashes: bool) -> dict[str, object]:
    """What is written of a user: everything that `row_of` reads, and nothing that is None."""
    entry: dict[str, object] = {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "phone_number": user.phone_number,
        "phone_number_verified": user.phone_number_verified,
        "attributes": dict(user.attributes) or None,
        "groups": list(user.groups) or None,
        "state": user.state,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "accepted_terms_at": user.accepted_terms_at,
        "delete_after": user.delete_after,
    }
    entry = {name: value for name, value in entry.items() if value is not None and value is not False}
    if with_hashes:
        entry["password"] = None
        if password is not None:
            held = {"hash": password.hash, "set_at": password.set_at, "expires_at": password.expires_at}
            entry["password"] = {name: value for name, value in held.items() if value is not None}
    return entry
