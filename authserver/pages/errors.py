"""The one table from refusals to error pages (DESIGN 4: statuses and `data-code`; STYLE 13)."""

from authserver.crypto.sealing import Unsealable
from authserver.errors import (
    Busy,
    CodeExpired,
    Conflict,
    Invalid,
    NotFound,
    ProtocolRefusal,
    Refusal,
    SignInGone,
    StoreUnavailable,
    Throttled,
    TriggerFailed,
    Unexpected,
    Vetoed,
    WrongCode,
    WrongCredentials,
)
from authserver.pages.views import ErrorPage
from authserver.signin import responses
from authserver.tokens.issuer import Issuer
from authserver.web import MethodNotAllowed, TooLarge


class Forged(Refusal):
    """A form did not come from the page we made for this browser."""

    code = "csrf"
    sentence = "The form did not come from this browser's page."


WIRE: dict[type[Refusal], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    Conflict: (409, "invalid_request"),
    Invalid: (422, "invalid_request"),
    WrongCredentials: (422, "access_denied"),
    WrongCode: (422, "access_denied"),
    CodeExpired: (422, "expired"),
    Vetoed: (403, "access_denied"),
    TriggerFailed: (503, "unavailable"),
    Throttled: (429, "throttled"),
    SignInGone: (410, "expired"),
    Busy: (503, "unavailable"),
    StoreUnavailable: (503, "unavailable"),
    TooLarge: (413, "too_large"),
    MethodNotAllowed: (405, "invalid_request"),
    Forged: (403, "csrf"),
    Unexpected: (500, "internal"),
    Unsealable: (500, "internal"),
    Refusal: (400, "invalid_request"),
}


def error_view(refusal: Refusal, issuer: Issuer | None, here: str | None = None) -> tuple[int, ErrorPage, int | None]:
    """Status, page, and the seconds of Retry-After if there are any. `here` is the address that can be opened again."""
    if isinstance(refusal, ProtocolRefusal):
        return 400, ErrorPage(code=refusal.code, details=(("error_description", refusal.sentence),)), None
    status, code = next(WIRE[kind] for kind in type(refusal).__mro__ if kind in WIRE)
    retry_after: int | None = getattr(refusal, "retry_after", None)
    if not isinstance(refusal, SignInGone):
        again = here if retry_after is not None else None
        return status, ErrorPage(code=code, retry_after=retry_after, again_url=again), retry_after
    restart = restart_url(refusal, issuer) if issuer is not None else None
    page = ErrorPage(
        code=code,
        reason=refusal.reason if refusal.reason != "expired" else None,
        restart_url=restart,
        account_url=account_url(issuer) if issuer is not None and restart is None else None,
    )
    return status, page, None


def account_url(issuer: Issuer) -> str | None:
    """The account page, if the pool has one."""
    return f"{issuer.url}/account" if issuer.pool.account.enabled else None


def restart_url(gone: SignInGone, issuer: Issuer) -> str | None:
    """Where the same request starts again, if it is still known: at the client's request, or at our own page."""
    if gone.restart is None:
        return None
    return responses.restart_url(issuer.url, gone.restart)
