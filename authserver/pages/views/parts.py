"""Values that several views are made of."""

from dataclasses import dataclass, field
from typing import Literal

MethodKind = Literal["password", "passkey", "totp", "email_code", "sms_code", "backup_codes", "custom"]

CodeFault = Literal["empty", "wrong", "expired", "used", "too_many", "throttled"]
"""`wrong` may go with `tries_left`; `too_many`: this code is dead, ask for another; `throttled` goes with
`retry_after`; `used` is a backup or TOTP code that was taken before."""

PasswordFault = Literal["empty", "too_short", "too_long", "missing", "breached", "weak", "own", "reused", "mismatch"]
"""`missing`: kinds of characters that the policy requires; `reused`: one of the last ones; `weak`: too easy to guess;
`own`: it holds a name of the person;
`mismatch`: the current password, asked for beside the new one, is wrong."""

PasskeyState = Literal["ready", "waiting", "cancelled", "failed", "none", "exists", "unsupported"]
"""`none`: the passkey that was used is not (or no longer) known here; `exists`: this device has one already."""

FieldKind = Literal["text", "email", "tel", "number", "date", "datetime", "url", "checkbox", "select"]

FieldFault = Literal[
    "empty",
    "invalid",
    "too_short",
    "too_long",
    "too_small",
    "too_big",
    "taken",
    "not_allowed",
    "address",
    "domain",
    "unchanged",
]
"""`invalid`: not of the field's kind; `taken`: another account's user name (addresses are never told to be taken);
`not_allowed`: characters that may not be in it; `address`: a username that looks like an address or a phone number;
`domain`: an address outside of the allowed domains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person as pages show them. `id` is what comes back in the field `account` of a chip's form."""

    name: str
    detail: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to prove who one is. `hint` is the masked target ("a•••@example.com") or the name of a key, if any.

    `available` False: among the factors that may be added it is listed without a button; we say that an address is
    missing, or what `hint` says.
    """

    kind: MethodKind
    hint: str = ""
    available: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider's button: id `provider-<name>`, form `provider` with the field `provider`. Its mark is the image
    of `logo_uri`, or the drawing called `icon`, or a globe.
    """

    name: str
    label: str
    logo_uri: str | None = None
    icon: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field of a form that a pool's schema makes: sign-up, profile, what is missing.

    Attributes:
        name: of the form field and of its element id, in which any other character than a letter, a digit, `_` or `-`
            becomes `-`: "email" has the id `email`, "custom:department" has `custom-department`.
        label: as the pool calls it; "" takes our words for a standard claim, else the name itself.
        kind: "checkbox" sends "true" or nothing; "date" sends YYYY-MM-DD; "datetime" YYYY-MM-DDTHH:MM.
        value: what it holds already; "true" ticks a checkbox.
        fault: our words for what is wrong with the value; `sentence` is shown instead, if given.
        minimum, maximum: bounds of a number or date, or of the length of a text.
        options: value and label of each choice of a "select"; the first may be ("", "").
        fixed: it can be read and not be changed, and is not sent.
    """

    name: str
    kind: FieldKind = "text"
    label: str = ""
    required: bool = False
    value: str = ""
    fault: FieldFault | None = None
    sentence: str = ""
    hint: str = ""
    minimum: float | str | None = None
    maximum: float | str | None = None
    options: tuple[tuple[str, str], ...] = ()
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How hard a password is to guess: `score` 0 (at once) to 4; `advice` are the codes of `protection.strength`."""

    score: int
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """What a new password must be, for the hints beside its field. `unlike` are texts it should not contain."""

    min_length: int = 8
    max_length: int = 1024
    lowercase: bool = False
    uppercase: bool = False
    numbers: bool = False
    symbols: bool = False
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """The field `new_password` (also its id): its rules, and what was wrong with the one that was sent."""

    rules: PasswordRules = field(default_factory=PasswordRules)
    fault: PasswordFault | None = None
    strength: Strength | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """Sending a code again: form `resend`. `after` seconds from now (0: at once); `done` if it was just sent again."""

    after: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What people agree to: the checkbox `terms` (sends "true"). Without any link there is nothing to agree to."""

    tos_uri: str | None = None
    policy_uri: str | None = None
    accepted: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser in words. `kind` chooses the drawing; `name` is like "Chrome on Windows", "" if it is not known."""

    name: str = ""
    kind: Literal["desktop", "phone", "tablet", "app"] = "desktop"
    place: str = ""
    address: str = ""
