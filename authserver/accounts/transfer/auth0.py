"""Auth0: JSON lines of a user export, of the password hashes that its support hands out, or of its bulk import."""

from collections.abc import Iterator
from typing import BinaryIO

from authserver.accounts.transfer.json_stream import line_entries
from authserver.accounts.transfer.rows import BadRow, Entry, Fault, Row, flag, hashed, moment, read_entries, text
from authserver.crypto.foreign_hashes import ForeignHash
from authserver.crypto.foreign_systems import from_auth0, read_hash

_CLAIMS = ("name", "given_name", "family_name", "nickname", "picture", "locale")


def read_auth0(file: BinaryIO) -> Iterator[Row | Fault]:
    """The users of a file."""
    return read_entries(line_entries(file), _row)


def _row(line: int, entry: Entry) -> Row:
    email, phone_number = text(entry, "email"), text(entry, "phone_number")
    attributes = {name: value for name in _CLAIMS if (value := text(entry, name)) is not None}
    identities = entry.get("identities")
    lost = {
        "app_metadata and user_metadata are left out": entry.get("app_metadata") or entry.get("user_metadata"),
        "a second factor has to be set up again": entry.get("mfa_factors") or entry.get("multifactor"),
        "sign-in through other providers has to be set up again": isinstance(identities, list)
        and any(isinstance(i, dict) and i.get("isSocial") is True for i in identities),
    }
    return Row(
        line=line,
        username=text(entry, "username") or email or phone_number or "",
        email=email,
        email_verified=flag(entry, "email_verified"),
        phone_number=phone_number,
        phone_number_verified=flag(entry, "phone_verified"),
        attributes=attributes,
        state="disabled" if flag(entry, "blocked") else None,
        created_at=moment(entry, "created_at"),
        password=_password(entry),
        notes=tuple(sentence for sentence, there in lost.items() if there),
    )


def _password(entry: Entry) -> ForeignHash | None:
    encoded = text(entry, "passwordHash") or text(entry, "password_hash")
    if encoded is not None:
        return hashed(lambda: read_hash(encoded), "passwordHash")
    custom = entry.get("custom_password_hash")
    if custom is None:
        return None
    if not isinstance(custom, dict):
        raise BadRow("`custom_password_hash` must be an object")
    return hashed(lambda: from_auth0(custom), "custom_password_hash")
