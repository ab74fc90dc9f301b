"""Pages behind the links in messages. A GET shows a button and consumes nothing: mail scanners follow links too."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from authserver.pages.views.parts import Browser

LinkPurpose = Literal["confirm", "verify", "change_email", "change_phone_number", "recover", "sign_in", "not_me"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfirm:
    """One press to go. Form `link` (button `continue`). `target` is the address that is proven, as far as it may be
    shown.
    """

    template: ClassVar[str] = "link.html"

    purpose: LinkPurpose
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDone:
    """It worked. `elsewhere`: the sign-in waits in another tab or browser, where it goes on; else `continue_url`."""

    template: ClassVar[str] = "link_done.html"

    purpose: LinkPurpose
    continue_url: str | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkGone:
    """The link is spent: "used", if that is known. `restart_url` leads to the account page."""

    template: ClassVar[str] = "link_gone.html"

    purpose: LinkPurpose
    reason: Literal["used", "expired"] = "expired"
    restart_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMe:
    """The notice said something happened; the owner says "this wasn't me". Form `not_me` (button `continue`): ends all sessions, and the password must be set anew.

    `event`: the kind of event the notice was about (`sign_in.succeeded`, `password.changed`, ...), at `at` seconds.
    """

    template: ClassVar[str] = "not_me.html"

    event: str = "sign_in.succeeded"
    at: int = 0
    browser: Browser | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeDone:
    """The account is safe: everybody is signed out. `recover_url` leads to a new password."""

    template: ClassVar[str] = "not_me_done.html"

    recover_url: str | None = None
