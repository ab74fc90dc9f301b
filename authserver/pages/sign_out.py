"""The sign-out page: asks, signs out, and says so. Also takes Cognito's `client_id` and `logout_uri`."""

from urllib.parse import urlencode

from authserver.browser import browser_cookie, known_browser
from authserver.crypto.secrets import digest
from authserver.errors import ProtocolRefusal
from authserver.events import Event
from authserver.pages.frame import Frame, check_form
from authserver.pages.security import form_target
from authserver.pages.signing_out import SigningOutPage
from authserver.pages.views import Account, SignedOut, SignOutConfirm
from authserver.services import Services
from authserver.signin import sign_out
from authserver.signin.sign_out import LogoutPlan
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Params, Request, clear_cookie, redirect

PATH = "/logout"
PURPOSE = "sign out"
_KEPT = ("client_id", "post_logout_redirect_uri", "logout_uri", "state", "id_token_hint")


class SignOutPage:
    """GET and POST of `/logout`."""

    def __init__(self, frame: Frame, signing_out: SigningOutPage) -> None:
        self._frame = frame
        self._signing_out = signing_out

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: ask; without a session there is nothing to ask."""
        params, pool = request.query(), issuer.pool
        session = await services.sessions.find(pool, request.cookie(services.cookie_name(pool.id, "session")))
        plan = await _plan(services, issuer, params)
        if session is None:
            if plan.return_to is not None:
                return redirect(302, plan.return_to)
            return self._page(services, issuer, request, params, SignedOut())
        _, new_cookie = browser_cookie(services, pool.id, request)
        if new_cookie:
            # The form's token is bound to the browser's cookie, so it must have one before the page is made.
            return redirect(302, f"{issuer.url}{PATH}?{urlencode(params.pairs())}", *new_cookie)
        user = await services.stores.directory.user(pool.id, session.authentication.user_id)
        account = Account(name=user.username, detail=user.email or "") if user is not None else None
        # Whoever says no goes back to the client all the same: it has signed them out on its side already.
        view = SignOutConfirm(account=account, cancel_url=plan.return_to)
        return self._page(services, issuer, request, params, view, plan)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: sign out, then go where the request's proven URI leads (303)."""
        params, form = request.query(), await request.form()
        check_form(services, issuer, request, form, PURPOSE)
        pool = issuer.pool
        cookie = services.cookie_name(pool.id, "session")
        session = await services.sessions.find(pool, request.cookie(cookie))
        plan = await _plan(services, issuer, params)
        if session is not None:
            await services.sessions.end(pool, session)
            user_id = session.authentication.user_id
            services.emit(Event("session.ended", pool.id, user_id, params.get("client_id"), request.address))
        target = plan.return_to or f"{issuer.url}{PATH}"
        gone = clear_cookie(cookie, secure=services.secure)
        handle, browser = None, known_browser(services, pool.id, request)
        if session is not None and browser is not None:
            handle = await services.sign_outs.begin(issuer, session, target, digest(browser))
        if handle is not None:
            return await self._signing_out.onward(services, issuer, request, handle, straight=False, cookies=[gone])
        return redirect(303, target, gone)

    def _page(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        params: Params,
        view: SignOutConfirm | SignedOut,
        plan: LogoutPlan | None = None,
    ) -> Answer:
        targets = (form_target(plan.return_to),) if plan is not None and plan.return_to is not None else ()
        query = {name: value for name in _KEPT if (value := params.get(name)) is not None}
        return self._frame.page(
            services, issuer, request, view, path=PATH, query=query, purpose=PURPOSE, form_targets=targets
        )


async def _plan(services: Services, issuer: Issuer, params: Params) -> LogoutPlan:
    """Where the request leads once the person has agreed. Raises ProtocolRefusal if it can be read in two ways."""
    if params.repeated:
        raise ProtocolRefusal("invalid_request", "The request repeats a parameter.")
    client, hint = await sign_out.load(services.registry, issuer, params.values, services.clock())
    return sign_out.judge(params.values, client, hint, None)
