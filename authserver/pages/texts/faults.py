"""What is said beside a field that was not filled in as it must be, and how strong a password is."""

from collections.abc import Mapping, Sequence

from authserver.pages.texts.mark import gettext_noop

ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "username": (gettext_noop("Username"), "username"),
    "email": (gettext_noop("Email"), "email"),
    "phone_number": (gettext_noop("Phone number"), "tel"),
    "name": (gettext_noop("Full name"), "name"),
    "given_name": (gettext_noop("First name"), "given-name"),
    "family_name": (gettext_noop("Last name"), "family-name"),
    "middle_name": (gettext_noop("Middle name"), "additional-name"),
    "nickname": (gettext_noop("Nickname"), "nickname"),
    "preferred_username": (gettext_noop("Display name"), "nickname"),
    "profile": (gettext_noop("Profile page"), "off"),
    "picture": (gettext_noop("Picture"), "photo"),
    "website": (gettext_noop("Website"), "url"),
    "gender": (gettext_noop("Gender"), "sex"),
    "birthdate": (gettext_noop("Date of birth"), "bday"),
    "zoneinfo": (gettext_noop("Time zone"), "off"),
    "locale": (gettext_noop("Language"), "language"),
    "address": (gettext_noop("Address"), "street-address"),
}
"""The standard claims' labels, and what browsers call them (HTML 4.10.18.7.1)."""

_INVALID: Mapping[str, str] = {
    "email": gettext_noop("Enter an email address, such as ada@example.com."),
    "tel": gettext_noop("Enter a phone number with its country code, such as +82 10 1234 5678."),
    "number": gettext_noop("Enter a number."),
    "date": gettext_noop("Enter a date."),
    "datetime": gettext_noop("Enter a date and a time."),
    "url": gettext_noop("Enter a web address that begins with https://."),
    "select": gettext_noop("Choose one of these."),
}

_EMPTY: Mapping[str, str] = {
    "checkbox": gettext_noop("Tick this box to continue."),
    "select": gettext_noop("Choose one of these."),
}

_FIELD_FAULTS: Mapping[str, str] = {
    "empty": gettext_noop("Fill in this field."),
    "invalid": gettext_noop("This cannot be used here. Check it."),
    "too_short": gettext_noop("This is too short."),
    "too_long": gettext_noop("This is too long."),
    "too_small": gettext_noop("This is too small."),
    "too_big": gettext_noop("This is too large."),
    "taken": gettext_noop("This username is taken. Try another one."),
    "not_allowed": gettext_noop("It has characters that cannot be used here."),
    "address": gettext_noop("Choose a name that is not an email address or a phone number."),
    "domain": gettext_noop("An address of this domain cannot be used here."),
    "unchanged": gettext_noop("This is the one you have already."),
}

_BOUNDED: Mapping[str, str] = {
    "too_short": gettext_noop("Use at least {n} characters."),
    "too_long": gettext_noop("Use at most {n} characters."),
    "too_small": gettext_noop("Enter {n} or more."),
    "too_big": gettext_noop("Enter {n} or less."),
}


def field_fault(fault: str, kind: str, bound: object = None) -> str:
    """The sentence for a `FieldFault` of a field of this kind; with a bound it has the placeholder `{n}`."""
    if fault == "invalid" and kind in _INVALID:
        return _INVALID[kind]
    if fault == "empty" and kind in _EMPTY:
        return _EMPTY[kind]
    if bound is not None and fault in _BOUNDED:
        return _BOUNDED[fault]
    return _FIELD_FAULTS.get(fault, _FIELD_FAULTS["invalid"])


CODE_FAULTS: Mapping[str, str] = {
    "empty": gettext_noop("Enter the code."),
    "wrong": gettext_noop("This code is not right."),
    "expired": gettext_noop("This code has expired. Ask for a new one."),
    "used": gettext_noop("This code was used before. Wait for the next one."),
    "too_many": gettext_noop("There were too many wrong codes. Ask for a new one."),
}
"""By `CodeFault`."""

BACKUP_CODE_USED = gettext_noop("This backup code was used before. Take another one.")

PASSWORD_FAULTS: Mapping[str, str] = {
    "empty": gettext_noop("Enter a new password."),
    "too_short": gettext_noop("Use at least {n} characters."),
    "too_long": gettext_noop("Use at most {n} characters."),
    "missing": gettext_noop("It does not have everything it needs yet."),
    "breached": gettext_noop("This password is known from a data breach. Choose one you use nowhere else."),
    "weak": gettext_noop("This password is too easy to guess. Make it longer."),
    "own": gettext_noop("It has your username or your email name in it. Leave that out."),
    "reused": gettext_noop("You used this password before. Choose a new one."),
}
"""By `PasswordFault`; "mismatch" is said beside the current password."""

STRENGTHS: Sequence[str] = (
    gettext_noop("Very weak"),
    gettext_noop("Weak"),
    gettext_noop("Fair"),
    gettext_noop("Good"),
    gettext_noop("Strong"),
)
"""By zxcvbn's score."""

ADVICE: Mapping[str, str] = {
    "common": gettext_noop("Many people use this password or one like it."),
    "pattern": gettext_noop("Keys beside each other are easy to guess."),
    "repeat": gettext_noop("Repeats are easy to guess."),
    "sequence": gettext_noop("Rows such as abc or 6543 are easy to guess."),
    "date": gettext_noop("Dates and years are easy to guess."),
    "word": gettext_noop("A single word is easy to guess."),
    "name": gettext_noop("Names are easy to guess."),
    "own": gettext_noop("What is known about you is easy to guess."),
    "trick": gettext_noop("Capitals and swapped letters help little; more words help a lot."),
    "more": gettext_noop("Add a word or two. Unusual ones are best."),
}
"""By the codes of `protection.strength`."""


def advice(codes: Sequence[str]) -> list[str]:
    """The first two pieces of advice in words; a code without words is left out."""
    return [ADVICE[code] for code in dict.fromkeys(codes) if code in ADVICE][:2]
