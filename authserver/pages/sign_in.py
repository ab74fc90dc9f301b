"""The sign-in page: one address for every step. What is shown is what `next_step` says (DESIGN 6.3)."""

from collections.abc import Sequence
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
from authserver.pages.step_views import provider_view, refused_view, step_view
from authserver.pages.taken import session_cookie
from authserver.pages.taking import origin_of, shown_to, take
from authserver.pages.views import LeavingStep, OnwardStep, Provider, View
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
    Leave,
    Open,
    ProveAccount,
    Recover,
    Refuse,
    UsePasskey,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Headers, Params, Request, redirect
from federation.connectors import label_of
from federation.model import FormPost, IdentityProvider, Outgoing, Redirect

PATH = "/login"

BY = "by"
"""A parameter of the address: the browser was sent there in answer to a form, ours or that of a provider elsewhere. What it is
redirected to from there must be named in the policy of the page that the form was on (CSP 3, 6.4.1), which knew nothing of
it; so a page of ours comes between.
"""

SHOWN_AGAIN = (Invalid, WrongCredentials, WrongCode, CodeExpired, Throttled)
"""Refusals after which the same step is shown once more."""


class SignInPage:
    """GET and POST of `/login?signin=<id>`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    @property
    def frame(self) -> Frame:
        """What draws the page."""
        return self._frame

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
            elsewhere = target.startswith(("https://", "http://")) and not target.startswith(f"{services.base_url}/")
            if params.get(BY) is not None and elsewhere:
                return self._onward(services, issuer, request, situation, target, cookies)
            return redirect(302, target, *cookies)
        if isinstance(situation.step, Leave):
            straight, here = params.get(BY) is None, address(issuer, params)
            return await self._leave(services, issuer, request, situation, situation.step, here, straight=straight)
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
            if isinstance(situation.step, Leave):
                here = address(issuer, params)
                return await self._leave(services, issuer, request, situation, situation.step, here, straight=False)
        except (Conflict, SignInGone):
            return await _overtaken(services, issuer, request, params, session, cookies)
        except Vetoed as veto:
            return self.page(services, issuer, request, situation, refused_view(issuer, situation, veto), status=403)
        except (*SHOWN_AGAIN, TriggerFailed) as refusal:
            return await self._again(services, issuer, request, params, session, _with_name(form, situation), refusal)
        return redirect(303, address(issuer, params), *cookies)

    async def _leave(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        situation: Situation,
        step: Leave,
        here: str,
        *,
        straight: bool,
    ) -> Answer:
        """Send the browser to the provider: `straight`, or by way of a page (see `BY`)."""
        outgoing = await services.arriving.leave(issuer, situation, step, situation.sign_in.browser)
        if outgoing is None:
            return redirect(302 if straight else 303, here)
        if straight and isinstance(outgoing, Redirect):
            return redirect(302, outgoing.url)
        view = await leaving_view(services, issuer, step.provider, outgoing)
        return self.page(services, issuer, request, situation, view, headers=leaving_headers(outgoing), to=outgoing.url)

    def _onward(
        self,
        services: Services,
        issuer: Issuer,
        request: Request,
        situation: Situation,
        target: str,
        cookies: Headers,
    ) -> Answer:
        """On to the client by way of a page (see `BY`)."""
        refresh = (b"refresh", f"0;url={target}".encode("ascii"))
        return self.page(services, issuer, request, situation, OnwardStep(url=target), headers=[*cookies, refresh])

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
        providers: Sequence[IdentityProvider] = ()
        if isinstance(step, Identify):
            providers = await services.choices.offered(pool.id, situation.client)
        elif isinstance(step, ProveAccount):
            providers = await services.arriving.providers_of(pool, situation, step.user_id)
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
            providers=tuple(provider_view(provider) for provider in providers),
            labels=await _labels(services, situation),
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
        to: str | None = None,
    ) -> Answer:
        """The page of a sign-in that shows a view. `to`: where a form of it goes, if that is another site."""
        asked = situation.sign_in.request
        targets = (form_target(asked.redirect_uri), *((form_target(to),) if to is not None else ()))
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
            form_targets=targets,
            headers=headers,
        )


async def _labels(services: Services, situation: Situation) -> dict[str, str]:
    """What people know the providers by that the sign-in speaks of."""
    sign_in = situation.sign_in
    names = {sign_in.joining_by, (sign_in.trouble or "").partition(" ")[2]} - {None, ""}
    found = [await services.registry.provider(sign_in.pool, name) for name in names if name]
    return {provider.name: label_of(provider) for provider in found if provider is not None}


async def leaving_view(services: Services, issuer: Issuer, name: str, outgoing: Outgoing) -> View:
    """The page that is shown on the way to a provider."""
    provider = await services.registry.provider(issuer.pool.id, name)
    shown = provider_view(provider) if provider is not None else Provider(name=name, label=name)
    fields = outgoing.fields if isinstance(outgoing, FormPost) else ()
    return LeavingStep(provider=shown, url=outgoing.url, fields=fields)


def leaving_headers(outgoing: Outgoing) -> Headers:
    """What lets the browser go on by itself, without scripts."""
    return [(b"refresh", f"0;url={outgoing.url}".encode("ascii"))] if isinstance(outgoing, Redirect) else []


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
