"""What goes with each purpose of a code: its message, its life, whether a link may stand beside it."""

from collections.abc import Mapping
from dataclasses import dataclass

from authserver.messages.kinds import Kind
from authserver.model.credentials import CodePurpose, Medium, SentCode
from authserver.model.users import User, fold

LONGEST_BY_TEXT = 10 * 60
"""Seconds that a code by text message lives, whatever it is for (NIST SP 800-63B-4)."""


@dataclass(frozen=True, slots=True)
class Use:
    """What goes with a purpose: the message, how long the code lives, whether a link may stand beside it. A link works
    in any browser, so it never signs anybody in: who is sent one could be signed in to a stranger's account.
    """

    kind: Kind
    life: int
    linked: bool


USES: Mapping[CodePurpose, Use] = {
    "confirm": Use(Kind.CONFIRM_SIGN_UP, 24 * 3600, linked=True),
    "recover": Use(Kind.RECOVER_PASSWORD, 3600, linked=True),
    "sign_in": Use(Kind.SIGN_IN_CODE, 10 * 60, linked=False),
    "factor": Use(Kind.FACTOR_CODE, 10 * 60, linked=False),
    "change_email": Use(Kind.CHANGE_EMAIL, 24 * 3600, linked=True),
    "change_phone_number": Use(Kind.CHANGE_PHONE_NUMBER, 24 * 3600, linked=False),
    "verify": Use(Kind.VERIFY_ADDRESS, 24 * 3600, linked=True),
}


def lifetime(purpose: CodePurpose, medium: Medium) -> int:
    """Seconds that a code lives."""
    life = USES[purpose].life
    return min(life, LONGEST_BY_TEXT) if medium == "sms" else life


def still_reaches(sent: SentCode, user: User) -> bool:
    """Whether the address that a code went to is still a verified one of the user: a change of address makes codes
    that went to the old one worthless. For codes that prove a new address this says nothing.
    """
    address = user.email if sent.medium == "email" else user.phone_number
    verified = user.email_verified if sent.medium == "email" else user.phone_number_verified
    return user.id == sent.user_id and verified and address is not None and fold(address) == fold(sent.target)
