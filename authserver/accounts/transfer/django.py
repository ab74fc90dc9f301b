"""Django: what `manage.py dumpdata auth.user --natural-foreign` writes; a user model of one's own with the same fields too."""

from collections.abc import Iterator
from typing import BinaryIO

from authserver.accounts.transfer.json_stream import array_entries
from authserver.accounts.transfer.rows import BadRow, Entry, Fault, Row, flag, hashed, moment, read_entries, text
from authserver.crypto.foreign_hashes import ForeignHash
from authserver.crypto.foreign_systems import read_hash

_UNUSABLE = "!"  # begins the password of a user who cannot sign in with one


def read_django(file: BinaryIO) -> Iterator[Row | Fault]:
    """The users among the objects of a dump."""
    return read_entries(array_entries(file), _row)


def _row(line: int, entry: Entry) -> Row | None:
    fields = entry.get("fields")
    if not isinstance(fields, dict) or not isinstance(entry.get("model"), str):
        raise BadRow("is no object of a dump: it has no `model` and `fields`")
    if "password" not in fields:
        return None  # a group, a permission, ...
    email = text(fields, "email")
    notes: list[str] = []
    if fields.get("is_superuser") is True or fields.get("is_staff") is True:
        notes.append("being staff or superuser is left out: use groups")
    named = {"given_name": text(fields, "first_name"), "family_name": text(fields, "last_name")}
    return Row(
        line=line,
        username=text(fields, "username") or email or "",
        email=email,
        attributes={name: value for name, value in named.items() if value is not None},
        groups=_groups(fields, notes),
        state=None if flag(fields, "is_active", default=True) else "disabled",
        created_at=moment(fields, "date_joined"),
        password=_password(fields),
        notes=tuple(notes),
    )


def _groups(fields: Entry, notes: list[str]) -> tuple[str, ...]:
    value = fields.get("groups")
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRow("`groups` must be a list")
    names = [item[0] for item in value if isinstance(item, list) and len(item) == 1 and isinstance(item[0], str)]
    if len(names) != len(value):
        notes.append("groups that are numbers are left out: dump with --natural-foreign")
    return tuple(names)


def _password(fields: Entry) -> ForeignHash | None:
    encoded = text(fields, "password")
    if encoded is None or encoded.startswith(_UNUSABLE):
        return None
    return hashed(lambda: read_hash(encoded), "password")
