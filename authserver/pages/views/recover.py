"""A forgotten password. Every page has the same words whether there is such an account or not."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.parts import CodeFault, NewPassword, Resend


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverAsk:
    """Whose password? Field `username`; form `recover`."""

    template: ClassVar[str] = "recover.html"

    sign_in_with: tuple[str, ...] = ("username", "email")
    identifier: str = ""
    fault: Literal["empty", "throttled"] | None = None
    retry_after: int | None = None
    sign_in_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverMedium:
    """Where should the code go? Form `medium` with the field `medium` ("email" or "sms"); `change_identifier`.

    No targets are named: that would tell that the account exists.
    """

    template: ClassVar[str] = "recover_medium.html"

    identifier: str
    media: tuple[Literal["email", "sms"], ...] = ("email", "sms")
    fault: Literal["throttled"] | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverCode:
    """A code was sent, if there is such an account. Fields `code`, `new_password`; forms `recover_code`, `resend`,
    `change_identifier`, `choose_method` (with `other_medium`: send it the other way).

    `code` is kept where only the password was wrong. `password` None asks for the code alone, and `NewPasswordStep(reason="recovery")` follows.
    """

    template: ClassVar[str] = "recover_code.html"

    identifier: str
    medium: Literal["email", "sms"]
    password: NewPassword | None
    code: str = ""
    fault: CodeFault | None = None
    tries_left: int | None = None
    retry_after: int | None = None
    resend: Resend | None = None
    other_medium: bool = False
    digits: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverDone:
    """The new password is set, and `signed_out`: all sessions have ended. `continue_url` leads to the sign-in."""

    template: ClassVar[str] = "recover_done.html"

    continue_url: str | None = None
    signed_out: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverClosed:
    """This pool does not let people recover on their own."""

    template: ClassVar[str] = "recover_closed.html"

    sign_in_url: str | None = None
