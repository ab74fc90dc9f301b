"""What there is to tell people: the kinds of messages, and the one value that carries any of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from authserver.model.credentials import Medium
from authserver.model.pools import FactorKind


class Kind(StrEnum):
    """The kinds. The first group carries a code, the second an account, the third tells the owner what happened."""

    CONFIRM_SIGN_UP = "confirm_sign_up"
    RECOVER_PASSWORD = "recover_password"
    SIGN_IN_CODE = "sign_in_code"
    FACTOR_CODE = "factor_code"
    CHANGE_EMAIL = "change_email"
    CHANGE_PHONE_NUMBER = "change_phone_number"
    VERIFY_ADDRESS = "verify_address"

    INVITATION = "invitation"
    ACCOUNT_EXISTS = "account_exists"
    NO_ACCOUNT = "no_account"

    NEW_DEVICE = "new_device"
    PASSWORD_CHANGED = "password_changed"
    EMAIL_CHANGED = "email_changed"
    PHONE_NUMBER_CHANGED = "phone_number_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    IDENTITY_LINKED = "identity_linked"
    DELETION_PLANNED = "deletion_planned"
    ACCOUNT_LOCKED = "account_locked"
    RESET_REQUIRED = "reset_required"


_BOTH: frozenset[Medium] = frozenset({"email", "sms"})
_CODE = frozenset({"code", "ends_at"})


@dataclass(frozen=True, slots=True)
class Traits:
    """What a kind cannot do without (`needs`, fields of `Message`), what its texts may name (`values`, placeholders
    beside those that every text may have), and what carries it.
    """

    needs: frozenset[str]
    values: frozenset[str] = frozenset()
    media: frozenset[Medium] = _BOTH


TRAITS: Mapping[Kind, Traits] = {
    Kind.CONFIRM_SIGN_UP: Traits(_CODE, frozenset({"time"})),
    Kind.RECOVER_PASSWORD: Traits(_CODE, frozenset({"time", "username"})),
    Kind.SIGN_IN_CODE: Traits(_CODE, frozenset({"time"})),
    Kind.FACTOR_CODE: Traits(_CODE, frozenset({"time"})),
    Kind.CHANGE_EMAIL: Traits(_CODE, frozenset({"time"}), frozenset({"email"})),
    Kind.CHANGE_PHONE_NUMBER: Traits(_CODE, frozenset({"time"}), frozenset({"sms"})),
    Kind.VERIFY_ADDRESS: Traits(_CODE, frozenset({"time"})),
    Kind.INVITATION: Traits(
        frozenset({"username", "password", "link", "ends_at"}), frozenset({"time", "username", "password"})
    ),
    Kind.ACCOUNT_EXISTS: Traits(frozenset({"link"}), frozenset({"username"})),
    Kind.NO_ACCOUNT: Traits(frozenset()),
    Kind.NEW_DEVICE: Traits(frozenset({"when", "link"}), frozenset({"username", "device"})),
    Kind.PASSWORD_CHANGED: Traits(frozenset({"when"}), frozenset({"username"})),
    Kind.EMAIL_CHANGED: Traits(frozenset({"address", "when"}), frozenset({"username", "address"})),
    Kind.PHONE_NUMBER_CHANGED: Traits(frozenset({"address", "when"}), frozenset({"username", "address"})),
    Kind.FACTOR_ADDED: Traits(frozenset({"factor", "when"}), frozenset({"username", "factor"})),
    Kind.FACTOR_REMOVED: Traits(frozenset({"factor", "when"}), frozenset({"username", "factor"})),
    Kind.IDENTITY_LINKED: Traits(frozenset({"provider", "when"}), frozenset({"username", "provider"})),
    Kind.DELETION_PLANNED: Traits(frozenset({"ends_at", "link"}), frozenset({"username", "date"})),
    Kind.ACCOUNT_LOCKED: Traits(frozenset({"when"}), frozenset({"username"})),
    Kind.RESET_REQUIRED: Traits(frozenset({"when", "link"}), frozenset({"username"})),
}

_UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_LINK = re.compile(r"https?://[^\x00-\x20\x7f\"<>\\^`{|}]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person. How it reads, in which words and colours, is found out when it is delivered.

    Attributes:
        kind: what it is about.
        medium: "email" or "sms".
        to: the address or the number in E.164.
        language: the tag (BCP 47) that the person reads; what is not spoken becomes the pool's first language.
        user_id: whom it concerns, for the trail of events and for triggers; None if nobody.
        client_id: the client in whose sign-in it was asked for.
        client_name: that client's name; anybody may have chosen it.
        username: the person's name in the pool; the address stands in for it.
        code: the code, in digits.
        link: where the button leads: an absolute http(s) URL.
        password: a temporary password.
        factor: which factor was added or removed.
        provider: the provider whose login was linked.
        address: the new address, masked (`masking.mask`).
        device: the browser, in words; empty if nobody knows.
        place: where it is, in words, if a place is known.
        network: its IP address.
        when: when it happened.
        zone: the IANA zone in which to write the time.
        ends_at: when the code, the link, the temporary password or the account itself ends. Nothing is delivered after.

    Raises:
        ValueError: a fault of the caller: the kind lacks something, does not go by this medium, or a value is no
            address or link.
    """

    kind: Kind
    medium: Medium
    to: str
    language: str = "en"
    user_id: str | None = None
    client_id: str | None = None
    client_name: str = ""
    username: str = ""
    code: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    factor: FactorKind | None = None
    provider: str = ""
    address: str = ""
    device: str = ""
    place: str = ""
    network: str = ""
    when: int | None = None
    zone: str = "UTC"
    ends_at: int | None = None

    def __post_init__(self) -> None:
        traits = TRAITS[self.kind]
        if self.medium not in traits.media:
            raise ValueError(f"{self.kind} does not go by {self.medium}")
        missing = sorted(name for name in traits.needs if not getattr(self, name))
        if missing:
            raise ValueError(f"{self.kind} needs {', '.join(missing)}")
        # A header, or a line of a text, must not be ended by an address (RFC 5322 2.2).
        if not self.to or _UNFIT.search(self.to):
            raise ValueError("the address holds space or control characters")
        if self.link is not None and _LINK.fullmatch(self.link) is None:
            raise ValueError("the link is no absolute http(s) URL")
