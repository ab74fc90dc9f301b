"""The sign-out page: asks, signs out, and says so. Also takes Cognito's `client_id` and `logout_uri`."""

from urllib.parse import urlencode

from authserver.browser import browser_cookie, known_browser
from authserver.crypto.secrets import digest
from authserver.errors import ProtocolRefusal
from authserver.events import Event
from authserver.model.sessions import Session
from authserver.pages.frame import Frame, check_form
from authserver.pages.security import form_target
from authserver.pages.sign_in import leaving_headers, leaving_view
from authserver.pages.views import Account, SignedOut, SignOutConfirm
from authserver.services import Services
from authserver.signin import sign_out
from authserver.signin.sign_out import LogoutPlan
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Params, Request, clear_cookie, redirect
from federation.model import Outgoing

PATH = "/logout"
PURPOSE = "sign out"
_KEPT = ("client_id", "post_logout_redirect_uri", "logout_uri", "state", "id_token_hint")


class SignOutPage:
    """GET and POST of `/logout`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

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
        browser = known_browser(services, pool.id, request)
        if session is not None and session.upstream is not None and browser is not None:
            away = await services.upstream.begin(issuer, session, target, digest(browser))
            if away is not None:
                return await self._away(services, issuer, request, session, away, gone)
        return redirect(303, target, gone)

    async def _away(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        session: Session,
        away: Outgoing,
        gone: tuple[bytes, bytes],
    ) -> Answer:
        """By way of the provider that the person came from, whose session ends too."""
        upstream = services.carried.upstream_of(issuer.pool.id, session.upstream)
        view = await leaving_view(services, issuer, upstream.provider if upstream is not None else "", away)
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            form_targets=(form_target(away.url),),
            headers=[*leaving_headers(away), gone],
        )

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
