"""A user of a pool, and the credential the user signs in with."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

UserState = Literal["confirmed", "unconfirmed", "reset_required", "must_change", "disabled", "external"]


@dataclass(frozen=True, slots=True)
class User:
    """A person in a pool.

    `id` is the random UUID that becomes `sub`; `username` is what the person chose and is unique within the pool
    without regard to case. `attributes` holds the standard claims (`given_name`, `picture`, ...) and the pool's
    `custom:` ones, as JSON values. `groups` are ordered by precedence.
    """

    id: str
    pool: str
    username: str
    email: str | None = None
    email_verified: bool = False
    phone_number: str | None = None
    phone_number_verified: bool = False
    attributes: Mapping[str, object] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    state: UserState = "confirmed"
    created_at: int = 0
    updated_at: int = 0

    @property
    def can_sign_in(self) -> bool:
        return self.state == "confirmed"


@dataclass(frozen=True, slots=True)
class PasswordCredential:
    """A stored password: the encoded hash (it names its own parameters), and when it was set."""

    user_id: str
    hash: str
    set_at: int


def fold(identifier: str) -> str:
    """The canonical form under which sign-in names are unique and looked up.

    NFKC with case folding, without surrounding space, so that look-alikes made of compatibility characters are one
    identity (security reference W22). Zero-width and other format characters are dropped.
    """
    text = unicodedata.normalize("NFKC", identifier.strip()).casefold()
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
