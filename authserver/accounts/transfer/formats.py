"""Which format a file has, and its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from authserver.accounts.transfer.auth0 import read_auth0
from authserver.accounts.transfer.csv_file import read_csv
from authserver.accounts.transfer.django import read_django
from authserver.accounts.transfer.firebase import read_firebase
from authserver.accounts.transfer.json_stream import Broken, Document
from authserver.accounts.transfer.keycloak import read_keycloak
from authserver.accounts.transfer.own_lines import read_lines
from authserver.accounts.transfer.rows import Fault, Row
from authserver.crypto.foreign_systems import FirebaseProject
from authserver.errors import Invalid
from authserver.model.pools import Pool

Format = Literal["csv", "jsonl", "keycloak", "firebase", "auth0", "django"]

FORMATS: tuple[Format, ...] = get_args(Format)

_AUTH0_KEYS = frozenset({"user_id", "passwordHash", "custom_password_hash", "_id", "identities"})


@dataclass(frozen=True, slots=True)
class UserFile:
    """A file of users: where it is, its format, and what reading it takes."""

    path: Path
    format: Format
    pool: Pool
    firebase: FirebaseProject | None = field(default=None, repr=False)

    def rows(self) -> Iterator[Row | Fault]:
        """The rows from the beginning, each time this is called. Raises OSError, Invalid."""
        with self.path.open("rb") as file:
            yield from self._read(file)

    def _read(self, file: BinaryIO) -> Iterator[Row | Fault]:
        match self.format:
            case "csv":
                return read_csv(file, self.pool)
            case "jsonl":
                return read_lines(file)
            case "keycloak":
                return read_keycloak(file, frozenset(a.name for a in self.pool.attributes))
            case "firebase":
                return read_firebase(file, self.firebase)
            case "auth0":
                return read_auth0(file)
            case "django":
                return read_django(file)


def detect(path: Path) -> Format:
    """The format that a file's beginning shows. Raises OSError, Invalid."""
    with path.open("rb") as file:
        first = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        file.seek(0)
        if first == b"[":
            return "django"
        if first != b"{":
            return "csv"
        try:
            return _of_object(Document(file))
        except Broken as broken:
            raise Invalid(f"{path}: line {broken.fault.line} {broken.fault.sentence}") from None


def _of_object(document: Document) -> Format:
    """An object with a list of users is a whole document; else it is the first of many lines."""
    keys: set[str] = set()
    for key, _ in document.members():
        keys.add(key)
        if key == "users":
            _, first = next(document.array(), (0, None))
            return "firebase" if isinstance(first, dict) and "localId" in first else "keycloak"
    return "auth0" if keys & _AUTH0_KEYS else "jsonl"
