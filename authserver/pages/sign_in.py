"""The sign-in page: one address for every step. What is shown is what `next_step` says (DESIGN 6.3)."""

from urllib.parse import urlencode

from authserver.browser import known_browser
from authserver.crypto.secrets import digest
from authserver.errors import (
    CodeExpired,
    Conflict,
    Invalid,
    Refusal,
    SignInGone,
    Throttled,
    TriggerFailed,
    Vetoed,
    WrongCode,
    WrongCredentials,
)
from authserver.model.credentials import SentCode
from authserver.model.sessions import Session
from authserver.pages.enrolling import enrol_view
from authserver.pages.errors import restart_url
from authserver.pages.frame import Frame, check_form
from authserver.pages.security import form_target
from authserver.pages.step_views import refused_view, step_view
from authserver.pages.taken import session_cookie
from authserver.pages.taking import origin_of, shown_to, take
from authserver.pages.views import View
from authserver.services import Services
from authserver.signin.challenge_state import Question
from authserver.signin.moving import SENT, Moved
from authserver.signin.situations import ACCOUNT, Situation
from authserver.signin.step_types import (
    AgreeToTerms,
    AnswerChallenge,
    ConfirmAddress,
    Enrol,
    EnterCode,
    Finish,
    Identify,
    Open,
    Recover,
    Refuse,
    UsePasskey,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect

PATH = "/login"
SHOWN_AGAIN = (Invalid, WrongCredentials, WrongCode, CodeExpired, Throttled)
"""Refusals after which the same step is shown once more."""


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
        session = await current_session(services, issuer, request)
        situation = await look(services, issuer, request, params, session)
        cookies: Headers = []
        try:
            moved = await _brought_up(services, issuer, request, situation, session)
        except (Throttled, TriggerFailed, WrongCredentials) as refusal:
            return await self._again(
                services, issuer, request, params, session, _with_name(Params(()), situation), refusal
            )
        except Vetoed as veto:
            return self.page(services, issuer, request, situation, refused_view(issuer, situation, veto), status=403)
        except Conflict:
            return redirect(302, address(issuer, params))
        if moved is not None:
            situation, cookies = moved.situation, session_cookie(services, issuer, moved)
        if isinstance(situation.step, Finish | Refuse):
            target = await services.sign_ins.conclude(issuer.pool, issuer.url, situation)
            return redirect(302, target, *cookies)
        view = await self.view(services, issuer, situation)
        return self.page(services, issuer, request, situation, view, headers=cookies)

    async def submit(self, services: Services, issuer: Issuer, request: Request) -> Answer:
        """POST: take what the person entered, then go on to the next step (303)."""
        params, form = request.query(), await request.form()
        check_form(services, issuer, request, form, params.get("signin") or "")
        session = await current_session(services, issuer, request)
        situation = await look(services, issuer, request, params, session)
        cookies: Headers = []
        try:
            if form.get("step") == "consent" and form.get("decision") == "deny":
                return redirect(303, await services.sign_ins.deny(issuer.url, situation))
            if form.get("step") == "terms" and form.get("decision") == "decline":
                return await _declined(services, issuer, situation, form, address(issuer, params))
            became = await take(services, issuer, request, form, situation, session)
            if became.view is not None:
                return self.page(services, issuer, request, situation, became.view, headers=became.cookies)
            if became.answer is not None:
                return became.answer
            session, cookies = became.session, became.cookies
            situation = await look(services, issuer, request, params, session)
            if isinstance(situation.step, Finish | Refuse):
                target = await services.sign_ins.conclude(issuer.pool, issuer.url, situation)
                return redirect(303, target, *cookies)
        except (Conflict, SignInGone):
            return await _overtaken(services, issuer, request, params, session, cookies)
        except Vetoed as veto:
            return self.page(services, issuer, request, situation, refused_view(issuer, situation, veto), status=403)
        except (*SHOWN_AGAIN, TriggerFailed) as refusal:
            return await self._again(services, issuer, request, params, session, _with_name(form, situation), refusal)
        return redirect(303, address(issuer, params), *cookies)

    async def _again(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        params: Params,
        session: Session | None,
        form: Params,
        refusal: Refusal,
    ) -> Answer:
        """The same step once more, saying what was wrong."""
        situation = await look(services, issuer, request, params, session)
        if isinstance(refusal, TriggerFailed) and not isinstance(situation.step, AnswerChallenge):
            raise refusal
        if isinstance(situation.step, Finish | Refuse | Open):  # another tab has signed the person in meanwhile
            return redirect(303, address(issuer, params))
        view = await self.view(services, issuer, situation, refusal=refusal, form=form)
        status = _status(refusal)
        return self.page(services, issuer, request, situation, view, status=status, headers=_retry_after(refusal))

    async def view(
        self,
        services: Services,
        issuer: Issuer,
        situation: Situation,
        *,
        refusal: Refusal | None = None,
        form: Params | None = None,
    ) -> View:
        """The view of the step, with what has to be read for it."""
        step, pool = situation.step, issuer.pool
        if isinstance(step, Enrol) and step.chosen is not None:
            return await enrol_view(services, issuer, situation, refusal=refusal, form=form)
        sent: SentCode | None = None
        if situation.sign_in.code is not None and (
            isinstance(step, ConfirmAddress | Recover) or (isinstance(step, EnterCode) and step.method in SENT)
        ):
            sent = await services.codes.peek(pool, situation.sign_in.code)
        options: str | None = None
        if isinstance(step, UsePasskey) or (isinstance(step, Identify) and "passkey" in pool.mfa.first_factors):
            options = await services.proving.passkey_options(pool, situation)
        question: Question | None = None
        if isinstance(step, AnswerChallenge) and step.begun:
            question = services.challenge_states.shown(pool, situation.sign_in)
        return step_view(
            issuer,
            situation,
            question=question,
            now=int(services.clock()),
            sent=sent,
            passkey_options=options,
            refusal=refusal,
            form=form,
        )

    def page(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        situation: Situation,
        view: View,
        *,
        status: int = 200,
        path: str = PATH,
        headers: Headers | None = None,
    ) -> Answer:
        """The page of a sign-in that shows a view."""
        asked = situation.sign_in.request
        return self._frame.page(
            services,
            issuer,
            request,
            view,
            status=status,
            path=path,
            query={"signin": situation.sign_in.id},
            client=situation.client if situation.client.client_id != ACCOUNT else None,
            purpose=situation.sign_in.id,
            ui_locales=asked.ui_locales,
            form_targets=(form_target(asked.redirect_uri),),
            headers=headers,
        )


async def current_session(services: Services, issuer: Issuer, request: Request) -> Session | None:
    """The browser's session with the pool."""
    pool = issuer.pool
    return await services.sessions.find(pool, request.cookie(services.cookie_name(pool.id, "session")))


async def look(
    services: Services, issuer: Issuer, request: Request, params: Params, session: Session | None
) -> Situation:
    """The sign-in that the address names, as it stands. Raises SignInGone."""
    sign_in_id = params.get("signin")
    if sign_in_id is None or len(sign_in_id) > 64:
        raise SignInGone("unnamed", detail="no sign-in named")
    browser = known_browser(services, issuer.pool.id, request)
    return await services.sign_ins.look(
        issuer.pool, sign_in_id, digest(browser) if browser is not None else None, session
    )


def address(issuer: Issuer, params: Params, path: str = PATH) -> str:
    """The address of the sign-in that the parameters name."""
    query = {name: value for name in ("signin", "lang") if (value := params.get(name)) is not None}
    return f"{issuer.url}{path}?{urlencode(query)}"


async def _brought_up(
    services: Services, issuer: Issuer, request: Request, situation: Situation, session: Session | None
) -> Moved | None:
    """What has come about since the last form: a proof from elsewhere, as by a link in a mail; or a code has to be sent
    that no form asked for. Raises Throttled, Conflict.
    """
    step, sign_in, pool = situation.step, situation.sign_in, issuer.pool
    unbegun = isinstance(step, AnswerChallenge) and not step.begun
    if isinstance(step, Open) or unbegun or (isinstance(step, Recover) and step.demanded):
        return await services.moving.resume(pool, sign_in, origin_of(services, issuer, request), session)
    if isinstance(step, EnterCode) and step.method in SENT and sign_in.method != step.method:
        return await services.proving.choose(
            pool, situation, step.method, origin_of(services, issuer, request), session
        )
    return None


def _with_name(form: Params, before: Situation) -> Params:
    """The form with the name that was typed at an earlier step, for a sign-in that had to start over."""
    name = before.sign_in.identifier
    return form if name is None or form.get("username") is not None else Params((*form.pairs(), ("username", name)))


def _retry_after(refusal: Refusal) -> Headers:
    return [(b"retry-after", b"%d" % refusal.retry_after)] if isinstance(refusal, Throttled | TriggerFailed) else []


def _status(refusal: Refusal) -> int:
    return 429 if isinstance(refusal, Throttled) else 503 if isinstance(refusal, TriggerFailed) else 422


async def _declined(services: Services, issuer: Issuer, situation: Situation, form: Params, here: str) -> Answer:
    """The person does not agree to the terms, if that is what was asked. Raises Conflict, ProtocolRefusal."""
    if not (isinstance(situation.step, AgreeToTerms) and shown_to(situation.user, form)):
        return redirect(303, here)
    return redirect(303, await services.duties.decline(issuer.url, situation))


async def _overtaken(
    services: Services, issuer: Issuer, request: Request, params: Params, session: Session | None, cookies: Headers
) -> Answer:
    """The same form came twice at once, as by a double click, and the other one was faster: on to where that has led.

    Had it finished the sign-in, the browser has dropped the answer nevertheless, and the client waits for one. So its
    request starts again, with what was proven here.
    """
    try:
        await look(services, issuer, request, params, session)
    except SignInGone as gone:
        restart = restart_url(gone, issuer)
        if gone.reason != "finished" or restart is None:
            raise
        return redirect(303, restart, *cookies)
    return redirect(303, address(issuer, params), *cookies)
