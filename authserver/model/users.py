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
    `custom:` ones, as JSON values. `groups` are ordered by precedence. `accepted_terms_at` is when the person agreed to
    the pool's terms; `delete_after` is when the account goes, if the person asked for that.
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
    accepted_terms_at: int | None = None
    delete_after: int | None = None

    @property
    def can_sign_in(self) -> bool:
        """Whether a proof of identity is enough. An external user proves it at another provider."""
        return self.state in {"confirmed", "external"}

    @property
    def may_begin(self) -> bool:
        """Whether a sign-in may begin with a factor of the pool's own, and lead to what is still to be done: confirming, a
        new password.
        """
        return self.state in {"confirmed", "unconfirmed", "must_change", "reset_required"}

    @property
    def may_go_on(self) -> bool:
        """Whether a sign-in that has begun may lead on. Whoever is disabled may do nothing at all."""
        return self.may_begin or self.state == "external"

    @property
    def locale(self) -> str | None:
        """The language the person chose (OpenID Connect Core 5.1)."""
        locale = self.attributes.get("locale")
        return locale if isinstance(locale, str) and locale else None


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which users are wanted; None wants all.

    `search`: every word of it must begin a word of the username, the email address, the phone number or the name, in
    any case. `email` and `phone_number` match whole. `created_since` is included, `created_until` not.
    """

    search: str | None = None
    state: UserState | None = None
    group: str | None = None
    email: str | None = None
    phone_number: str | None = None
    created_since: int | None = None
    created_until: int | None = None


@dataclass(frozen=True, slots=True)
class PasswordCredential:
    """A stored password: the encoded hash (it names its own parameters), and when it was set.

    `expires_at` is the end of a temporary password.
    """

    user_id: str
    hash: str = field(repr=False)
    set_at: int
    expires_at: int | None = None


def fold(identifier: str) -> str:
    """The canonical form under which sign-in names are unique and looked up. Folding it again changes nothing.

    NFKC with case folding, without surrounding space, so that look-alikes made of compatibility characters are one
    identity (security reference W22). Zero-width and other format characters are dropped.
    """
    if identifier.isascii():
        return identifier.lower().strip()
    folded = _fold_once(identifier)
    # What one step brings to light another may still change: a space behind a zero-width one, an accent that now has
    # its letter beside it.
    while (again := _fold_once(folded)) != folded:
        folded = again
    return folded


def _fold_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()
