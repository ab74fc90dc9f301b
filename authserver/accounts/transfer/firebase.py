"""Firebase: what `firebase auth:export users.json` writes, with the project's password hash parameters."""

from collections.abc import Iterator
from typing import BinaryIO

from authserver.accounts.transfer.json_stream import array_entries
from authserver.accounts.transfer.rows import BadRow, Entry, Fault, Row, flag, hashed, read_entries, seconds, text
from authserver.crypto.foreign_hashes import ForeignHash
from authserver.crypto.foreign_systems import FirebaseProject, from_firebase


def read_firebase(file: BinaryIO, project: FirebaseProject | None) -> Iterator[Row | Fault]:
    """The users of an export."""
    return read_entries(array_entries(file, "users"), lambda line, entry: _row(line, entry, project))


def _row(line: int, entry: Entry, project: FirebaseProject | None) -> Row:
    email, phone_number = text(entry, "email"), text(entry, "phoneNumber")
    named = {"name": text(entry, "displayName"), "picture": text(entry, "photoUrl")}
    lost = {
        "customAttributes": "custom claims are left out",
        "mfaInfo": "a second factor has to be set up again",
        "providerUserInfo": "sign-in through other providers has to be set up again",
    }
    return Row(
        line=line,
        username=email or phone_number or text(entry, "localId") or "",
        email=email,
        email_verified=flag(entry, "emailVerified"),
        phone_number=phone_number,
        phone_number_verified=phone_number is not None,  # Firebase takes a number only once it is proven
        attributes={name: value for name, value in named.items() if value is not None},
        state="disabled" if flag(entry, "disabled") else None,
        created_at=seconds(entry, "createdAt", per_second=1000),
        password=_password(entry, project),
        notes=tuple(sentence for name, sentence in lost.items() if entry.get(name)),
    )


def _password(entry: Entry, project: FirebaseProject | None) -> ForeignHash | None:
    value, salt = text(entry, "passwordHash"), text(entry, "salt")
    if value is None:
        return None
    if project is None:
        raise BadRow("has a password, which needs the project's hash parameters: give them with --firebase-config")
    if salt is None:
        raise BadRow("`salt` is missing beside `passwordHash`")
    return hashed(lambda: from_firebase(project, salt, value), "passwordHash")
