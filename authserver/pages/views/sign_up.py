"""Creating an account."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.parts import FieldView, NewPassword, Provider, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpForm:
    """Fields by their names (`username`, `email`, `phone_number`, `given_name`, ...), `new_password`, `terms`; form
    `sign_up`; `provider`. After it: `ConfirmAddressStep(purpose="sign_up")`, whether the address had an account or not.

    Attributes:
        fields: in the order of the form, sign-in names first.
        password: None where people sign up without one.
        terms: None where there is nothing to agree to.
        allowed_domains: of email addresses; none is said to allow all.
        fault: "refused" comes with `sentence`, a trigger's own; "throttled" with `retry_after`.
        invited: the account was made by an administrator, and is completed here.
    """

    template: ClassVar[str] = "sign_up.html"

    fields: tuple[FieldView, ...]
    password: NewPassword | None = None
    terms: Terms | None = None
    allowed_domains: tuple[str, ...] = ()
    fault: Literal["refused", "throttled"] | None = None
    sentence: str = ""
    retry_after: int | None = None
    sign_in_url: str | None = None
    invited: bool = False
    providers: tuple[Provider, ...] = ()

    @property
    def images(self) -> tuple[str | None, ...]:
        """What the page's policy must let it load."""
        return tuple(provider.logo_uri for provider in self.providers)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpClosed:
    """People cannot register themselves: "off", or by invitation alone."""

    template: ClassVar[str] = "sign_up_closed.html"

    reason: Literal["off", "invitation"] = "off"
    sign_in_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpDone:
    """The account is ready, or `waiting` for an administrator."""

    template: ClassVar[str] = "sign_up_done.html"

    continue_url: str | None = None
    waiting: bool = False
