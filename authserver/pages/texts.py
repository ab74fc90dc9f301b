"""The sentences that are looked up by a code: sign-in names, scopes, errors; and the keys of those a pool may replace.

All are in English, the source language; `gettext_noop` marks them for extraction, and templates translate them.
"""

from collections.abc import Mapping
from typing import NamedTuple


def gettext_noop(message: str) -> str:
    """Mark `message` for extraction without translating it here."""
    return message


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


class ErrorWords(NamedTuple):
    """A heading, a sentence on what happened and what to do, and an icon."""

    heading: str
    sentence: str
    icon: str


_BAD_REQUEST = ErrorWords(
    gettext_noop("This request is not valid"),
    gettext_noop("The app that sent you here made a mistake in its request. Go back to the app and try again."),
    "warning",
)
_UNKNOWN_APP = ErrorWords(
    gettext_noop("We do not know this app"),
    gettext_noop("The app that sent you here is not registered with us, or it has been turned off."),
    "warning",
)
_INTERNAL = ErrorWords(
    gettext_noop("Something went wrong"),
    gettext_noop("A fault on our side stopped your request. Your account is fine. Try again in a moment."),
    "warning",
)
_UNAVAILABLE = ErrorWords(
    gettext_noop("We will be right back"),
    gettext_noop("The service does not answer at the moment. Your account is fine."),
    "clock",
)
_MORE_TO_DO = ErrorWords(
    gettext_noop("One more step is needed"),
    gettext_noop("The app expected you to be signed in already. Go back to the app and sign in there."),
    "person",
)
_TOO_MUCH_ACCESS = ErrorWords(
    gettext_noop("This app asked for too much"),
    gettext_noop("The app asked for access that does not exist or that it may not have."),
    "lock",
)
_EXPIRED = ErrorWords(
    gettext_noop("This sign-in has expired"),
    gettext_noop("It was open for too long, so we ended it to keep your account safe."),
    "clock",
)

_ERRORS: Mapping[str, ErrorWords] = {
    **dict.fromkeys(
        (
            "invalid_request",
            "invalid_request_object",
            "invalid_request_uri",
            "request_not_supported",
            "request_uri_not_supported",
            "registration_not_supported",
            "unsupported_response_type",
            "unsupported_grant_type",
            "invalid_grant",
            "invalid_redirect_uri",
            "invalid_client_metadata",
        ),
        _BAD_REQUEST,
    ),
    "invalid_client": _UNKNOWN_APP,
    "unauthorized_client": ErrorWords(
        gettext_noop("This app may not do that"),
        gettext_noop("The app that sent you here is not allowed to sign people in this way."),
        "lock",
    ),
    "invalid_scope": _TOO_MUCH_ACCESS,
    "invalid_target": _TOO_MUCH_ACCESS,
    "insufficient_scope": _TOO_MUCH_ACCESS,
    "access_denied": ErrorWords(
        gettext_noop("Access was not given"),
        gettext_noop("The app did not get access to your account. Nothing has been shared with it."),
        "lock",
    ),
    **dict.fromkeys(
        ("login_required", "interaction_required", "consent_required", "account_selection_required"), _MORE_TO_DO
    ),
    **dict.fromkeys(
        ("unmet_authentication_requirements", "insufficient_user_authentication"),
        ErrorWords(
            gettext_noop("A stronger sign-in is needed"),
            gettext_noop("The app asks for a way of signing in that is not set up for your account."),
            "lock",
        ),
    ),
    "server_error": _INTERNAL,
    "internal": _INTERNAL,
    "temporarily_unavailable": _UNAVAILABLE,
    "unavailable": _UNAVAILABLE,
    "expired": _EXPIRED,
    "expired_token": _EXPIRED,
    "expired/foreign": ErrorWords(
        gettext_noop("This sign-in began elsewhere"),
        gettext_noop("For your safety, a sign-in can be finished only in the browser it was started in."),
        "lock",
    ),
    "expired/finished": ErrorWords(
        gettext_noop("This sign-in is already complete"),
        gettext_noop("It cannot be used twice. If you still need to sign in, start again."),
        "check",
    ),
    **dict.fromkeys(
        ("throttled", "slow_down"),
        ErrorWords(
            gettext_noop("Too many attempts"),
            gettext_noop("To protect accounts, we take a short break after many attempts in a row."),
            "clock",
        ),
    ),
    "csrf": ErrorWords(
        gettext_noop("We could not verify this form"),
        gettext_noop("It may have been open for too long, or your browser blocks cookies. Go back and try again."),
        "lock",
    ),
    "too_large": ErrorWords(
        gettext_noop("That is more than we can take"),
        gettext_noop("The form held more data than we accept. Go back and send less."),
        "warning",
    ),
    "not_found": ErrorWords(
        gettext_noop("Page not found"),
        gettext_noop("The address may be mistyped, or the page no longer exists."),
        "search",
    ),
}

ERROR_CODES = tuple(code for code in _ERRORS if "/" not in code)
"""Every code that has words of its own; any other code is shown in the words of `internal`."""


def error_words(code: str, reason: str | None = None) -> ErrorWords:
    """The words for an error code, and within "expired" for the reason."""
    return _ERRORS.get(f"{code}/{reason}") or _ERRORS.get(code, _INTERNAL)


REPLACEABLE: Mapping[str, str] = {
    "sign_in.heading": gettext_noop("Sign in to {name}"),
    "sign_in.intro": gettext_noop("Use your {pool} account."),
    "sign_in.continue": gettext_noop("Continue"),
    "sign_in.sign_up": gettext_noop("Create an account"),
    "password.heading": gettext_noop("Enter your password"),
    "password.forgot": gettext_noop("Forgot your password?"),
    "reauthentication.heading": gettext_noop("Confirm it\u2019s you"),
    "reauthentication.intro": gettext_noop("For your security, enter your password again."),
    "consent.heading": gettext_noop("{client} would like access to your account"),
    "consent.approve": gettext_noop("Allow"),
    "consent.deny": gettext_noop("Don\u2019t allow"),
    "sign_out.heading": gettext_noop("Sign out of {pool}?"),
    "signed_out.heading": gettext_noop("You are signed out"),
}
"""The key of each text that a pool may replace (`Branding.texts`), and the text it stands for."""

SLOTS = frozenset({"sign_in.note", "password.note", "consent.note", "footer.note"})
"""Keys of places that are empty until a pool writes something there."""
