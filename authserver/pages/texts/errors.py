"""What error pages say, by code."""

from collections.abc import Mapping
from typing import NamedTuple

from authserver.pages.texts.mark import gettext_noop


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
    "expired/unnamed": ErrorWords(
        gettext_noop("Sign in from the app"),
        gettext_noop("This page is a part of signing in to an app. Open the app you want to use, and sign in there."),
        "person",
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
