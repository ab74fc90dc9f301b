"""From what was refused to what a page says of it."""

from typing import Literal

from authserver.errors import (
    CodeExpired,
    Invalid,
    Refusal,
    Throttled,
    TriggerFailed,
    WrongCode,
    WrongCredentials,
)
from authserver.model.credentials import SentCode
from authserver.pages.views import CodeFault, Resend
from authserver.web import Params

RESEND_AFTER = 30
"""Seconds before a code may be sent again (`accounts.mail_codes`)."""


def identifier_fault(
    refusal: Refusal | None, form: Params
) -> Literal["empty", "throttled", "passkey", "wrong_credentials"] | None:
    match refusal:
        case None:
            return None
        case Throttled():
            return "throttled"
        case _ if form.get("step") == "passkey":
            return "passkey"
        case WrongCredentials():
            return "wrong_credentials"
        case _:
            return "empty"


def challenge_fault(
    refusal: Refusal | None, form: Params
) -> Literal["empty", "wrong", "throttled", "unavailable"] | None:
    match refusal:
        case None:
            return None
        case Throttled():
            return "throttled"
        case TriggerFailed():
            return "unavailable"
        case Invalid() if not (form.get("answer") or "").strip():
            return "empty"
        case _:
            return "wrong"


def password_step_fault(refusal: Refusal | None) -> Literal["empty", "wrong_credentials", "throttled"] | None:
    match refusal:
        case None:
            return None
        case Throttled():
            return "throttled"
        case WrongCredentials():
            return "wrong_credentials"
        case _:
            return "empty"


def code_fault(refusal: Refusal | None) -> CodeFault | None:
    """What was wrong with a code, if that is what was refused."""
    match refusal:
        case Throttled():
            return "throttled"
        case WrongCode() | WrongCredentials():
            return "wrong"
        case CodeExpired(reason="too_many"):
            return "too_many"
        case CodeExpired(reason="used"):
            return "used"
        case CodeExpired():
            return "expired"
        case Invalid(field="code"):
            return "empty"
        case _:
            return None


def resend_of(sent: SentCode | None, now: int) -> Resend:
    """When the code may be sent again: at once, if it is over."""
    return Resend(after=max(0, sent.sent_at + RESEND_AFTER - now) if sent is not None else 0)
