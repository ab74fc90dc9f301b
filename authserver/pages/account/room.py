"""A room of the account page: one address with what it shows and what its forms do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from authserver.errors import (
    CodeExpired,
    Conflict,
    Invalid,
    NotFound,
    Refusal,
    Throttled,
    WrongCode,
    WrongCredentials,
)
from authserver.pages.account.visit import Visit, begin_sign_in, enter
from authserver.pages.frame import Frame, check_form
from authserver.pages.security import form_target
from authserver.pages.step_views import account_of
from authserver.pages.views import AccountClosed, Notice, Reauthenticate, View
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect

PURPOSE = "account"
SHOWN_AGAIN = (Invalid, WrongCredentials, WrongCode, CodeExpired, Throttled, Conflict)

Reason = Literal["password", "factor", "address", "delete", "export", "other"]


@dataclass(frozen=True, slots=True)
class To:
    """Go on to another room, with a notice of what was done."""

    path: str
    notice: Notice | None = None
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Away:
    """Show what sends the browser to another site: a form of the page, or its header, leads to `to`."""

    view: View
    to: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


Outcome = To | Away | View | Answer
Show = Callable[[Visit, Refusal | None, Params], Awaitable[View | To]]
"""Makes the room's view: what was refused and the form that it came with are for showing it once more."""
Take = Callable[[Visit, Params], Awaitable[Outcome]]
"""Does what a form says. Raises what `SHOWN_AGAIN` lists."""


class Room:
    """One address of the account page.

    Args:
        path: below the pool.
        show: makes the view.
        take: does what a form says.
        guarded: why a sign-in that is a few minutes old is wanted; None where any session will do.
        kept: parameters of the query that belong to the address.
    """

    def __init__(
        self,
        frame: Frame,
        path: str,
        show: Show,
        take: Take,
        *,
        guarded: Reason | None = None,
        kept: tuple[str, ...] = (),
    ) -> None:
        self._frame = frame
        self._path = path
        self._show = show
        self._take = take
        self._guarded: Reason | None = guarded
        self._kept = kept

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET."""
        if not issuer.pool.account.enabled:
            return self._closed(services, issuer, request)
        visit = await enter(services, issuer, request, self._path)
        if isinstance(visit, Answer):
            return visit
        if self._guarded is not None and not visit.fresh:
            view = Reauthenticate(
                account=account_of(visit.user), reason=self._guarded, cancel_url=visit.url("/account")
            )
            return self._page(visit, view)
        return self._answer(visit, await self._show(visit, None, Params(())))

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST."""
        if not issuer.pool.account.enabled:
            return self._closed(services, issuer, request)
        form = await request.form()
        check_form(services, issuer, request, form, PURPOSE)
        visit = await enter(services, issuer, request, self._path)
        if isinstance(visit, Answer):
            return visit if visit.status != 302 else Answer(303, visit.headers)
        if self._guarded is not None and not visit.fresh:
            # Whatever the form says: it was shown to somebody who had signed in lately, and that was a while ago.
            return await begin_sign_in(
                services, issuer, request, self._path, session=visit.session, prompt=("login",), status=303
            )
        try:
            outcome = await self._take(visit, form)
        except NotFound:
            outcome = To(self._path, "nothing_changed")  # another tab was faster
        except SHOWN_AGAIN as refusal:
            headers: Headers = []
            if isinstance(refusal, Throttled):
                headers = [(b"retry-after", b"%d" % refusal.retry_after)]
            shown = await self._show(visit, refusal, form)
            status = 429 if isinstance(refusal, Throttled) else 422
            return self._answer(visit, shown, status=status, headers=headers)
        return self._answer(visit, outcome)

    def _closed(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        return self._frame.page(services, issuer, request, AccountClosed(), status=404)

    def _answer(self, visit: Visit, outcome: Outcome, *, status: int = 200, headers: Headers | None = None) -> Answer:
        if isinstance(outcome, Answer):
            return outcome
        if isinstance(outcome, To):
            query = dict(outcome.query)
            if outcome.notice is not None:
                query["notice"] = outcome.notice
            return redirect(303, visit.url(outcome.path, **query), *outcome.headers)
        if isinstance(outcome, Away):
            return self._page(visit, outcome.view, headers=list(outcome.headers), targets=(form_target(outcome.to),))
        return self._page(visit, outcome, status=status, headers=headers)

    def _page(
        self,
        visit: Visit,
        view: View,
        *,
        status: int = 200,
        headers: Headers | None = None,
        targets: tuple[str, ...] = (),
    ) -> Answer:
        kept = {name: value for name in self._kept if (value := visit.query.get(name)) is not None}
        return self._frame.page(
            visit.services,
            visit.issuer,
            visit.request,
            view,
            status=status,
            path=self._path,
            query=kept,
            purpose=PURPOSE,
            headers=headers,
            form_targets=targets,
        )
