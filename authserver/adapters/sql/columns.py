"""The kinds of columns our tables are made of."""

from collections.abc import Sequence

import sqlalchemy as sa

from authserver.store.search import MAX_BYTES

ID_LENGTH = 64
"""Pool ids (at most 55 characters), UUIDs, key ids, and digests and tokens of 256 bits in base64url (43 characters)."""
NAME_LENGTH = 255
"""Client ids, group names and token ids (`<grant id>.<random>`)."""
FOLDED_LENGTH = 512
"""Folded sign-in names: folding can lengthen a name."""
HANDLE_LENGTH = 1400
"""Credential ids of passkeys: 1023 bytes (WebAuthn 5.1.3) in base64url."""


def _bounded(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def key(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    """An id or another short word that is looked up or compared."""
    return sa.Column(name, _bounded(ID_LENGTH), primary_key=primary_key, nullable=nullable)


def long_key(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    """A name that people or other systems choose."""
    return sa.Column(name, _bounded(NAME_LENGTH), primary_key=primary_key, nullable=nullable)


def folded(name: str, *, nullable: bool = True) -> sa.Column[str]:
    """A sign-in name in the form of `model.users.fold`."""
    return sa.Column(name, _bounded(FOLDED_LENGTH), nullable=nullable)


def handle(name: str) -> sa.Column[str]:
    """A passkey's credential id."""
    return sa.Column(name, _bounded(HANDLE_LENGTH), nullable=True)


def words(name: str) -> sa.Column[str]:
    """The words a user is found by, each after a space."""
    return sa.Column(name, _bounded(MAX_BYTES), nullable=True)


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    """Text that is stored and not looked up; lists and documents as JSON."""
    return sa.Column(name, sa.Text(), nullable=nullable)


def binary(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    """Bytes: what is sealed."""
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def flag(name: str) -> sa.Column[bool]:
    """True or false."""
    return sa.Column(name, sa.Boolean(), nullable=False)


def number(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[int]:
    """A number, or a time in whole seconds."""
    return sa.Column(name, sa.BigInteger(), primary_key=primary_key, autoincrement=False, nullable=nullable)


def of_pool() -> sa.Column[str]:
    """The first column of every primary key."""
    return key("pool", primary_key=True)


def belongs_to(parent: sa.Table, *columns: str, to: Sequence[str]) -> sa.ForeignKeyConstraint:
    """A reference whose row goes with its parent."""
    return sa.ForeignKeyConstraint(columns, [parent.c[name] for name in to], ondelete="CASCADE")
