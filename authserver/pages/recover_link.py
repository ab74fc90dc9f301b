"""The page behind the link that replaces a forgotten password, in whatever browser the mail is read: `/recover?token=`.

A GET shows the form and uses nothing up. Nobody is signed in here: the link proves a mailbox and no more.
"""

from typing import Literal
from urllib.parse import urlencode

from authserver.browser import known_browser
from authserver.crypto.secrets import digest, same
from authserver.errors import CodeExpired, Invalid, NotFound, Refusal
from authserver.model.sessions import SignIn
from authserver.model.users import User
from authserver.pages.errors import account_url
from authserver.pages.frame import Frame, check_form
from authserver.pages.mail_links import link_token, with_cookie
from authserver.pages.new_passwords import new_password
from authserver.pages.sign_in import PATH as LOGIN
from authserver.pages.taking import origin_of
from authserver.pages.views import LinkGone, NewPasswordStep, RecoverDone, View
from authserver.services import Services
from authserver.signin.recovery_code import RECOVER_PAGE
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request, redirect

PATH = f"/{RECOVER_PAGE}"


class RecoverLinkPage:
    """GET and POST of `/recover?token=`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: the field for a new password, or that the link is over."""
        token = link_token(request)
        if (answer := with_cookie(services, issuer, request, PATH, token)) is not None:
            return answer
        return await self._again(services, issuer, request, token, None)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: replaces the password, and says where to sign in with it."""
        token, form = link_token(request), await request.form()
        check_form(services, issuer, request, form, PATH)
        if form.get("step") == "change_identifier":
            return redirect(303, f"{issuer.url}/account")
        where = services.watch.where(origin_of(services, issuer, request))
        try:
            password = form.get("new_password") or ""
            waiting = await services.recovering.finish_by_link(issuer.pool, token, password, where)
        except Invalid as refusal:
            return await self._again(services, issuer, request, token, refusal, 422)
        except (CodeExpired, NotFound) as refusal:
            return self._gone(services, issuer, request, refusal)
        done = RecoverDone(continue_url=_way_on(services, issuer, request, waiting))
        return self._page(services, issuer, request, done)

    async def _again(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        token: str,
        refusal: Refusal | None,
        status: int = 200,
    ) -> Answer:
        user = await services.recovering.of_link(issuer.pool, token)
        if user is None:
            return self._gone(services, issuer, request, None)
        view = _form(issuer, user, refusal)
        return self._page(services, issuer, request, view, token, status=status)

    def _gone(self, services: Services, issuer: Issuer, request: Request, refusal: Refusal | None) -> Answer:
        used = isinstance(refusal, CodeExpired) and refusal.reason == "used"
        reason: Literal["used", "expired"] = "used" if used else "expired"
        view = LinkGone(purpose="recover", reason=reason, restart_url=account_url(issuer))
        return self._page(services, issuer, request, view, status=410)

    def _page(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        view: View,
        token: str | None = None,
        *,
        status: int = 200,
    ) -> Answer:
        query = {"token": token} if token is not None else {}
        return self._frame.page(services, issuer, request, view, status=status, path=PATH, query=query, purpose=PATH)


def _form(issuer: Issuer, user: User, refusal: Refusal | None) -> View:
    unlike = tuple(n for n in (user.username, user.email or "") if n)
    return NewPasswordStep(
        identifier=user.username if user.username != user.id else user.email or "",
        reason="recovery",
        password=new_password(issuer.pool, refusal, unlike=unlike),
    )


def _way_on(services: Services, issuer: Issuer, request: Request, waiting: SignIn | None) -> str | None:
    """Back to the sign-in that waits, if it is this browser's; else to the account page, where there is one."""
    browser = known_browser(services, issuer.pool.id, request)
    if waiting is not None and browser is not None and same(waiting.browser, digest(browser)):
        return f"{issuer.url}{LOGIN}?{urlencode({'signin': waiting.id})}"
    return f"{issuer.url}/account" if issuer.pool.account.enabled else None
