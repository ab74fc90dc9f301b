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
    """The canonical form under which sign-in names are unique and looked up. Folding it again changes nothing.

    NFKC with case folding, without surrounding space, so that look-alikes made of compatibility characters are one
    identity (security reference W22). Zero-width and other format characters are dropped.
    """
    folded = _fold_once(identifier)
    # What one step brings to light another may still change: a space behind a zero-width one, an accent that now has
    # its letter beside it.
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def _fold_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()
