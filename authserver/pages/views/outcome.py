"""Where a page's story ends: signed out, or an error."""

from dataclasses import dataclass
from typing import ClassVar

from authserver.pages.views.parts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOutConfirm:
    """Really sign out? Form `sign_out`. `cancel_url` is where the way back leads; without it there is none."""

    template: ClassVar[str] = "sign_out.html"

    account: Account | None = None
    cancel_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """Done. `return_url` leads to `return_name`, or just on if that is empty."""

    template: ClassVar[str] = "signed_out.html"

    return_url: str | None = None
    return_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPage:
    """What went wrong, in words, and a way on.

    Attributes:
        code: an OAuth error code or one of ours (DESIGN 4); the page's `data-code`.
        reason: with "expired": "foreign" (another browser's), "finished", or "unnamed" (the address names no sign-in)
            instead of the plain end of time.
        retry_after: seconds, for "throttled" and "unavailable".
        restart_url: starts the same request again.
        again_url: shows the same page again, where waiting may help.
        account_url: leads to the account page, where nothing else is known to lead to.
        back_url: leads back to the client.
        details: (name, value) pairs for developers, folded away; only what may be shown to anybody.
    """

    template: ClassVar[str] = "error.html"

    code: str
    reason: str | None = None
    retry_after: int | None = None
    restart_url: str | None = None
    again_url: str | None = None
    account_url: str | None = None
    back_url: str | None = None
    details: tuple[tuple[str, str], ...] = ()
