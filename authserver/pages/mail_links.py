"""Pages behind the links in messages. A GET shows a button; the POST of that button uses the link up."""

import re
from typing import Literal

from authserver.browser import browser_cookie
from authserver.errors import CodeExpired, Conflict, NotFound, Refusal
from authserver.pages.errors import account_url
from authserver.pages.frame import Frame, check_form
from authserver.pages.views import LinkConfirm, LinkDone, LinkGone, NotMe, NotMeDone, SignUpDone, View
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request, redirect

CONFIRM = "/confirm"
NOT_ME = "/notMe"
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)


class ConfirmLinkPage:
    """GET and POST of `/confirm?token=`: an address is proven, in whatever browser the mail was opened."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: a button, or that the link is over."""
        token = link_token(request)
        if (answer := with_cookie(services, issuer, request, CONFIRM, token)) is not None:
            return answer
        sent = await services.codes.peek_link(issuer.pool, token)
        view: View = LinkGone(purpose="confirm", restart_url=account_url(issuer))
        if sent is not None:
            view = LinkConfirm(purpose="confirm" if sent.purpose == "confirm" else "verify", target=sent.target)
        return self._page(services, issuer, request, view, token, status=200 if sent is not None else 410)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: uses the link up. Where a sign-in waits, it goes on in its own tab."""
        token = link_token(request)
        check_form(services, issuer, request, await request.form(), CONFIRM)
        try:
            sent = await services.codes.spend_link(issuer.pool, token, purpose="confirm")
            user = await services.stores.directory.user(issuer.pool.id, sent.user_id or "")
            if user is None:
                raise NotFound(detail="the user of a link is gone")
            await services.confirmations.confirmed(issuer.pool, user, sent, None)
        except (CodeExpired, NotFound, Conflict) as refusal:
            used = isinstance(refusal, CodeExpired) and refusal.reason == "used"
            reason: Literal["used", "expired"] = "used" if used else "expired"
            gone = LinkGone(purpose="confirm", reason=reason, restart_url=account_url(issuer))
            return self._page(services, issuer, request, gone, token, status=410)
        if await services.sign_ins.waits(issuer.pool, sent.binding):
            return self._page(services, issuer, request, LinkDone(purpose="confirm", elsewhere=True), token)
        view = SignUpDone(continue_url=account_url(issuer))
        return self._page(services, issuer, request, view, token)

    def _page(
        self, services: Services, issuer: Issuer, request: Request, view: View, token: str, status: int = 200
    ) -> Answer:
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            status=status,
            path=CONFIRM,
            query={"token": token} if status == 200 else {},
            purpose=CONFIRM,
        )


class NotMePage:
    """GET and POST of `/notMe?token=`: the owner says that it was somebody else."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: a button, or that the link is over."""
        token = link_token(request)
        if (answer := with_cookie(services, issuer, request, NOT_ME, token)) is not None:
            return answer
        known = await services.notices.objection(issuer.pool, token)
        gone: View = LinkGone(purpose="not_me", restart_url=account_url(issuer))
        view = NotMe(event=known.event, at=known.at or 0) if known is not None else gone
        return self._page(services, issuer, request, view, token, status=200 if known is not None else 410)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: ends everything that is open, and has the password replaced."""
        token = link_token(request)
        check_form(services, issuer, request, await request.form(), NOT_ME)
        try:
            await services.objections.object(issuer.pool, token)
        except Refusal as refusal:
            if not isinstance(refusal, CodeExpired | NotFound):
                raise
            gone = LinkGone(purpose="not_me", reason="used", restart_url=account_url(issuer))
            return self._page(services, issuer, request, gone, token, status=410)
        view = NotMeDone(recover_url=account_url(issuer))
        return self._page(services, issuer, request, view, token)

    def _page(
        self, services: Services, issuer: Issuer, request: Request, view: View, token: str, status: int = 200
    ) -> Answer:
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            status=status,
            path=NOT_ME,
            query={"token": token} if status == 200 else {},
            purpose=NOT_ME,
        )


def link_token(request: Request) -> str:
    """The token; "" if it is not even of the form of one, so that it can stand in our own addresses."""
    token = request.query().get("token") or ""
    return token if _TOKEN.fullmatch(token) else ""


def with_cookie(services: Services, issuer: Issuer, request: Request, path: str, token: str) -> Answer | None:
    """The form's token is bound to the browser's cookie, so it must have one before the page is made."""
    _, new_cookie = browser_cookie(services, issuer.pool.id, request)
    return redirect(302, f"{issuer.url}{path}?token={token}", *new_cookie) if new_cookie else None
