"""What sign-in names and built-in scopes are called."""

from collections.abc import Mapping
from typing import NamedTuple

from authserver.pages.texts.mark import gettext_noop


class SignInName(NamedTuple):
    """What the identifier field is called, what to say when it is empty, and which keyboard suits it."""

    label: str
    prompt: str
    inputmode: str


_SIGN_IN_NAMES: Mapping[frozenset[str], SignInName] = {
    frozenset({"username"}): SignInName(gettext_noop("Username"), gettext_noop("Enter your username."), "text"),
    frozenset({"email"}): SignInName(gettext_noop("Email"), gettext_noop("Enter your email."), "email"),
    frozenset({"phone_number"}): SignInName(
        gettext_noop("Phone number"), gettext_noop("Enter your phone number."), "tel"
    ),
    frozenset({"username", "email"}): SignInName(
        gettext_noop("Username or email"), gettext_noop("Enter your username or email."), "email"
    ),
    frozenset({"username", "phone_number"}): SignInName(
        gettext_noop("Username or phone number"), gettext_noop("Enter your username or phone number."), "text"
    ),
    frozenset({"email", "phone_number"}): SignInName(
        gettext_noop("Email or phone number"), gettext_noop("Enter your email or phone number."), "email"
    ),
    frozenset({"username", "email", "phone_number"}): SignInName(
        gettext_noop("Username, email or phone number"),
        gettext_noop("Enter your username, email or phone number."),
        "email",
    ),
}


def sign_in_name(sign_in_with: tuple[str, ...]) -> SignInName:
    """The words for a pool's kinds of sign-in name. A preferred username is, to the person, a username."""
    kinds = frozenset("username" if kind == "preferred_username" else kind for kind in sign_in_with)
    return _SIGN_IN_NAMES.get(kinds, _SIGN_IN_NAMES[frozenset({"username"})])


class ScopeWords(NamedTuple):
    """A built-in scope in words, and the icon that goes with it."""

    sentence: str
    icon: str


SCOPES: Mapping[str, ScopeWords] = {
    "openid": ScopeWords(gettext_noop("Confirm who you are"), "fingerprint"),
    "profile": ScopeWords(gettext_noop("See your name and profile"), "person"),
    "email": ScopeWords(gettext_noop("See your email address"), "mail"),
    "phone": ScopeWords(gettext_noop("See your phone number"), "phone"),
    "address": ScopeWords(gettext_noop("See your postal address"), "pin"),
    "offline_access": ScopeWords(gettext_noop("Keep this access while you are away"), "clock"),
}
