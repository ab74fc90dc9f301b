"""What ways of signing in are called, wherever they are listed."""

from collections.abc import Mapping
from typing import NamedTuple

from authserver.pages.texts.mark import gettext_noop


class MethodWords(NamedTuple):
    """A noun, what its button says, what is said of it to who may set it up, and an icon."""

    name: str
    use: str
    about: str
    icon: str


METHODS: Mapping[str, MethodWords] = {
    "password": MethodWords(
        gettext_noop("Password"),
        gettext_noop("Use your password"),
        gettext_noop("Something only you know."),
        "password",
    ),
    "passkey": MethodWords(
        gettext_noop("Passkey"),
        gettext_noop("Use a passkey"),
        gettext_noop("Your fingerprint, face or screen lock. The safest way, and the quickest."),
        "passkey",
    ),
    "totp": MethodWords(
        gettext_noop("Authenticator app"),
        gettext_noop("Use your authenticator app"),
        gettext_noop("An app on your phone shows a new code every 30 seconds, even offline."),
        "app",
    ),
    "email_code": MethodWords(
        gettext_noop("Email code"),
        gettext_noop("Email me a code"),
        gettext_noop("We email you a code each time."),
        "mail",
    ),
    "sms_code": MethodWords(
        gettext_noop("Text message"),
        gettext_noop("Text me a code"),
        gettext_noop("We text you a code each time."),
        "message",
    ),
    "custom": MethodWords(
        gettext_noop("Questions"),
        gettext_noop("Answer a question"),
        gettext_noop("What is asked is up to the service."),
        "shield",
    ),
    "backup_codes": MethodWords(
        gettext_noop("Backup codes"),
        gettext_noop("Use a backup code"),
        gettext_noop("For the day your other ways are out of reach."),
        "list",
    ),
}
"""By `MethodKind`."""
