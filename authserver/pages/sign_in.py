"""The sign-in page: one address for every step. What is shown is what `next_step` says (DESIGN 6.3)."""

from typing import TypeGuard
from urllib.parse import urlencode, urlsplit

from authserver.browser import known_browser
from authserver.crypto.secrets import digest
from authserver.errors import Conflict, Invalid, SignInGone, Throttled, WrongCredentials
from authserver.model.sessions import Session
from authserver.model.users import User
from authserver.pages.errors import restart_url
from authserver.pages.frame import Frame, check_form
from authserver.pages.security import form_target
from authserver.pages.views import (
    Account,
    ConsentStep,
    IdentifierStep,
    PasswordStep,
    View,
    scope_groups,
)
from authserver.services import Services
from authserver.signin.passwords import Origin
from authserver.signin.service import Situation
from authserver.signin.steps import AskConsent, EnterPassword, Finish, Identify, Refuse
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect, set_cookie

PATH = "/login"


class SignInPage:
    """GET and POST of `/login?signin=<id>`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """GET: the step that the sign-in needs, or the answer to the client if it needs none."""
        params = request.query()
        if params.get("signin") is None and params.get("client_id") is not None:
            # Cognito's `/login` takes an authorization request.
            return redirect(302, f"{issuer.url}/oauth2/authorize?{urlencode(params.pairs())}")
        session = await _session(services, issuer, request)
        situation = await _look(services, issuer, request, params, session)
        if isinstance(situation.step, Finish | Refuse):
            return redirect(302, await services.sign_ins.conclude(issuer.pool, issuer.url, situation))
        return self._page(services, issuer, request, situation, _view(issuer, situation))

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: take what the person entered, then go on to the next step (303)."""
        params, form = request.query(), await request.form()
        check_form(services, issuer, request, form, params.get("signin") or "")
        session = await _session(services, issuer, request)
        situation = await _look(services, issuer, request, params, session)
        cookies: Headers = []
        try:
            if form.get("step") == "consent" and form.get("decision") == "deny":
                return redirect(303, await services.sign_ins.deny(issuer.url, situation))
            session, cookies = await _take(services, issuer, request, form, situation, session)
            situation = await _look(services, issuer, request, params, session)
            if isinstance(situation.step, Finish | Refuse):
                target = await services.sign_ins.conclude(issuer.pool, issuer.url, situation)
                return redirect(303, target, *cookies)
        except (Conflict, SignInGone):
            return await _overtaken(services, issuer, request, params, session, cookies)
        except (Invalid, WrongCredentials, Throttled) as refusal:
            return await self._again(services, issuer, request, params, session, form, refusal)
        return redirect(303, _address(issuer, params), *cookies)

    async def _again(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        params: Params,
        session: Session | None,
        form: Params,
        refusal: Invalid | WrongCredentials | Throttled,
    ) -> Answer:
        """The same step once more, saying what was wrong."""
        situation = await _look(services, issuer, request, params, session)
        if isinstance(situation.step, Finish | Refuse):  # another tab has signed the person in meanwhile
            return redirect(303, _address(issuer, params))
        view = _view(issuer, situation)
        if isinstance(refusal, Throttled):
            headers: Headers = [(b"retry-after", b"%d" % refusal.retry_after)]
            view = _with_fault(view, "throttled", form, refusal.retry_after)
            return self._page(services, issuer, request, situation, view, status=429, headers=headers)
        fault = "wrong_credentials" if isinstance(refusal, WrongCredentials) else "empty"
        return self._page(services, issuer, request, situation, _with_fault(view, fault, form), status=422)

    def _page(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        situation: Situation,
        view: View,
        *,
        status: int = 200,
        headers: Headers | None = None,
    ) -> Answer:
        asked = situation.sign_in.request
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            status=status,
            path=PATH,
            query={"signin": situation.sign_in.id},
            client=situation.client,
            purpose=situation.sign_in.id,
            ui_locales=asked.ui_locales,
            form_targets=(form_target(asked.redirect_uri),),
            headers=headers,
        )


async def _session(services: Services, issuer: Issuer, request: Request) -> Session | None:
    pool = issuer.pool
    return await services.sessions.find(pool, request.cookie(services.cookie_name(pool.id, "session")))


async def _look(
    services: Services, issuer: Issuer, request: Request, params: Params, session: Session | None
) -> Situation:
    """The sign-in that the address names, as it stands. Raises SignInGone."""
    sign_in_id = params.get("signin")
    if sign_in_id is None or len(sign_in_id) > 64:
        raise SignInGone(detail="no sign-in named")
    browser = known_browser(services, issuer.pool.id, request)
    return await services.sign_ins.look(
        issuer.pool, sign_in_id, digest(browser) if browser is not None else None, session
    )


async def _overtaken(
    services: Services, issuer: Issuer, request: Request, params: Params, session: Session | None, cookies: Headers
) -> Answer:
    """The same form came twice at once, as by a double click, and the other one was faster: on to where that has led.

    Had it finished the sign-in, the browser has dropped the answer nevertheless, and the client waits for one. So its
    request starts again, with what was proven here.
    """
    try:
        await _look(services, issuer, request, params, session)
    except SignInGone as gone:
        restart = restart_url(gone, issuer)
        if gone.reason != "finished" or restart is None:
            raise
        return redirect(303, restart, *cookies)
    return redirect(303, _address(issuer, params), *cookies)


def _address(issuer: Issuer, params: Params) -> str:
    query = {name: value for name in ("signin", "lang") if (value := params.get(name)) is not None}
    return f"{issuer.url}{PATH}?{urlencode(query)}"


async def _take(
    services: Services, issuer: Issuer, request: Request, form: Params, situation: Situation, session: Session | None
) -> tuple[Session | None, Headers]:
    """Hand what the form says to the sign-in. Returns the session, and the cookie of a new one."""
    sign_ins, sign_in, step = services.sign_ins, situation.sign_in, form.get("step")
    if step in {"change_identifier", "switch_account"}:
        await sign_ins.forget_identifier(sign_in)
    elif step == "account" and isinstance(situation.step, Identify) and _shown(situation.user, form):
        await sign_ins.choose_account(issuer.pool, sign_in, situation.user)
    elif step == "consent" and isinstance(situation.step, AskConsent) and _shown(situation.user, form):
        if form.get("decision") == "approve":
            await sign_ins.allow(issuer.pool, sign_in, situation.user)
    elif step == "identifier" and not isinstance(situation.step, Refuse):
        # Even where a session would do by now: another tab may have signed in somebody else.
        sign_in = await sign_ins.identify(sign_in, form.get("username") or "")
        if form.get("password") is not None:
            situation = await sign_ins.look(issuer.pool, sign_in.id, sign_in.browser, session)
            return await _prove(services, issuer, request, form, situation, session)
    elif step == "password":
        return await _prove(services, issuer, request, form, situation, session)
    return session, []


async def _prove(
    services: Services, issuer: Issuer, request: Request, form: Params, situation: Situation, session: Session | None
) -> tuple[Session | None, Headers]:
    """Hand the password to the sign-in, if it needs one."""
    if not isinstance(situation.step, Identify | EnterPassword):
        return session, []
    origin = Origin(request.address, situation.sign_in.browser)
    _, opened, secret = await services.sign_ins.enter_password(
        issuer.pool, situation.sign_in, form.get("password") or "", origin, session
    )
    name = services.cookie_name(issuer.pool.id, "session")
    return opened, [set_cookie(name, secret, secure=services.secure)]


def _shown(user: User | None, form: Params) -> TypeGuard[User]:
    """Whether the form speaks of the account that is signed in now: another tab may have changed it meanwhile."""
    return user is not None and form.get("account") == user.id


def _view(issuer: Issuer, situation: Situation) -> View:
    step, asked = situation.step, situation.sign_in.request
    match step:
        case Identify(known):
            accounts = (_account(situation.user),) if known is not None and situation.user is not None else ()
            return IdentifierStep(
                sign_in_with=issuer.pool.sign_in_with, identifier=asked.login_hint or "", accounts=accounts
            )
        case EnterPassword(identifier, again):
            return PasswordStep(identifier=identifier, reauthentication=again)
        case AskConsent(_, scope, new) if situation.user is not None:
            before = tuple(s for s in scope if s not in new)
            return ConsentStep(
                account=_account(situation.user),
                groups=scope_groups(issuer.pool, scope, before),
                returns_to=urlsplit(asked.redirect_uri).hostname,
            )
        case _:
            raise AssertionError(f"no page for {step!r}")


def _account(user: User) -> Account:
    name = user.attributes.get("name")
    return Account(name=name if isinstance(name, str) and name else user.username, detail=user.email or "", id=user.id)


def _with_fault(view: View, fault: str, form: Params, retry_after: int | None = None) -> View:
    match view:
        case IdentifierStep():
            return IdentifierStep(
                sign_in_with=view.sign_in_with,
                identifier=(form.get("username") or "")[:320],
                accounts=view.accounts,
                fault="throttled" if fault == "throttled" else "empty",
                retry_after=retry_after,
            )
        case PasswordStep():
            return PasswordStep(
                identifier=view.identifier,
                fault=fault,  # type: ignore[arg-type]  # one of the three literals above
                retry_after=retry_after,
                reauthentication=view.reauthentication,
            )
        case _:
            return view
