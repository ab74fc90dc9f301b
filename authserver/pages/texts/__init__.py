"""The sentences that are looked up by a code: sign-in names, scopes, methods, faults, errors, what happened; and the keys
of those a pool may replace.

All are in English, the source language; `gettext_noop` marks them for extraction, and templates translate them.
"""

from authserver.pages.texts.account import (
    BAD_NOTICES,
    EVENT_WORDS,
    JUST_NOW,
    NOTICES,
    PLAIN_NOTICES,
    SECTIONS,
    event_words,
)
from authserver.pages.texts.branding import REPLACEABLE, SLOTS
from authserver.pages.texts.errors import ERROR_CODES, ErrorWords, error_words
from authserver.pages.texts.faults import (
    ADVICE,
    ATTRIBUTES,
    BACKUP_CODE_USED,
    CODE_FAULTS,
    PASSWORD_FAULTS,
    STRENGTHS,
    advice,
    field_fault,
)
from authserver.pages.texts.mark import gettext_noop
from authserver.pages.texts.methods import METHODS, MethodWords
from authserver.pages.texts.names import SCOPES, ScopeWords, SignInName, sign_in_name
from authserver.pages.texts.providers import TROUBLES, trouble

__all__ = [
    "ADVICE",
    "ATTRIBUTES",
    "BACKUP_CODE_USED",
    "BAD_NOTICES",
    "CODE_FAULTS",
    "ERROR_CODES",
    "EVENT_WORDS",
    "JUST_NOW",
    "METHODS",
    "NOTICES",
    "PASSWORD_FAULTS",
    "PLAIN_NOTICES",
    "REPLACEABLE",
    "SCOPES",
    "SECTIONS",
    "SLOTS",
    "STRENGTHS",
    "TROUBLES",
    "ErrorWords",
    "MethodWords",
    "ScopeWords",
    "SignInName",
    "advice",
    "error_words",
    "event_words",
    "field_fault",
    "gettext_noop",
    "sign_in_name",
    "trouble",
]
