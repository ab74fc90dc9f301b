"""What the forms of a sign-in's steps hand in: each goes to the capability that takes it."""

from typing import TypeGuard

from authserver.browser import known_browser
from authserver.crypto.secrets import digest
from authserver.errors import Invalid
from authserver.model.credentials import Medium
from authserver.model.sessions import Session
from authserver.model.users import User
from authserver.pages.enrolling import take_enrolment
from authserver.pages.taken import Taken, taken
from authserver.pages.views import Deleted
from authserver.services import Services
from authserver.signin.moving import Moved
from authserver.signin.origin import Origin
from authserver.signin.situations import Situation
from authserver.signin.step_types import (
    AgreeToTerms,
    AnswerChallenge,
    AskConsent,
    Blocked,
    ChooseMedium,
    CompleteProfile,
    Enrol,
    EnterPassword,
    Finish,
    Identify,
    Invite,
    KeepAccount,
    Leave,
    Recover,
    Refuse,
    UsePasskey,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Params, Request

_LONGEST_AGENT = 512


def origin_of(services: Services, issuer: Issuer, request: Request) -> Origin:
    """Where the request comes from."""
    browser = known_browser(services, issuer.pool.id, request)
    return Origin(
        address=request.address,
        device=digest(browser) if browser is not None else None,
        user_agent=(request.header(b"user-agent") or "")[:_LONGEST_AGENT],
        language=services.language_of(services, issuer, request),
    )


async def take(
    services: Services, issuer: Issuer, request: Request, form: Params, situation: Situation, session: Session | None
) -> Taken:
    """Hand what the form says to the sign-in. A form of a step that is over does nothing: the page goes on from where
    the sign-in is.
    """
    pool, sign_ins, sign_in = issuer.pool, services.sign_ins, situation.sign_in
    origin = origin_of(services, issuer, request)
    moved: Moved | None = None
    match form.get("step"), situation.step:
        case (("change_identifier" | "switch_account"), _):
            await sign_ins.forget_identifier(sign_in)
        case "account", Identify() if shown_to(situation.user, form):
            await sign_ins.choose_account(pool, sign_in, situation.user)
        case "consent", AskConsent() if shown_to(situation.user, form):
            if form.get("decision") == "approve":
                await sign_ins.allow(pool, sign_in, situation.user)
        case "provider", step if not isinstance(step, Finish | Refuse | Blocked):
            await services.arriving.choose(pool, situation, form.get("provider") or "")
        case "identifier", step if not isinstance(step, Refuse):
            # Even where a session would do by now: another tab may have signed in somebody else.
            moved = await _identified(services, issuer, form, situation, origin, session)
        case "password", (Identify() | EnterPassword()):
            moved = await services.proving.password(pool, situation, form.get("password") or "", origin, session)
        case "challenge", AnswerChallenge():
            moved = await services.proving.answer(pool, situation, form.get("answer") or "", origin, session)
        case "passkey", (Identify() | UsePasskey()):
            moved = await services.proving.passkey(
                pool,
                situation,
                form.get("credential") or "",
                origin,
                session,
                remember=form.get("remember") == "true",
            )
        case "code", _:
            moved = await services.proving.code(
                pool, situation, form.get("code") or "", origin, session, remember=form.get("remember") == "true"
            )
        case "method", step if not isinstance(step, Finish | Refuse | Blocked):
            moved = await services.proving.choose(pool, situation, form.get("method") or "", origin, session)
        case "choose_method", Enrol():
            await services.setting_up.enrol_none(situation)
        case "choose_method", Recover():
            await _recover_by_the_other(services, issuer, situation, origin)
        case "choose_method", _:
            moved = await services.proving.choose(pool, situation, "choose", origin, session)
        case "confirm", Enrol():
            return await take_enrolment(services, issuer, form, situation, origin, session)
        case "resend", Enrol(_, chosen) if chosen is not None:
            await services.setting_up.enrol(pool, situation, chosen, origin)
        case "resend", Recover():
            medium = await _sent_by(services, issuer, situation)
            await services.recovering.begin(pool, situation, sign_in.identifier or "", origin, medium)
        case "resend", _:
            await services.proving.resend(pool, situation, origin)
        case "confirm", _:
            moved = await services.proving.confirm(pool, situation, form.get("code") or "", origin, session)
        case "medium", ChooseMedium():
            await services.recovering.begin_by(pool, situation, form.get("medium") or "", origin)
        case "recover_code", Recover():
            moved = await services.recovering.finish(
                pool,
                situation,
                form.get("code") or "",
                form.get("new_password") or "",
                origin,
                services.watch.where(origin),
                session,
            )
        case "new_password", _:
            password = form.get("new_password") or ""
            if not password:
                raise Invalid("Enter a new password.", field="new_password")
            moved = await services.duties.set_password(pool, situation, password, origin, session)
        case "terms", AgreeToTerms() if shown_to(situation.user, form):
            if form.get("decision") == "accept":
                await services.duties.agree(pool, situation)
        case "profile", CompleteProfile() if shown_to(situation.user, form):
            await services.duties.complete(pool, situation, form.values)
        case "closing", KeepAccount(at):
            if form.get("decision") == "keep":
                moved = await services.duties.keep_account(pool, situation, origin, session)
            else:
                await sign_ins.forget_identifier(sign_in)
                return taken(services, issuer, None, session, view=Deleted(at=at))
        case "invitation", Invite():
            if form.get("decision") == "accept":
                await services.setting_up.accept_invitation(pool, situation, origin)
            else:
                await sign_ins.answer_invitation(pool, situation, postponed=form.get("decision") == "later")
        case (("enrol" | "enrol_totp" | "enrol_passkey" | "codes_saved" | "download_codes" | "later"), _):
            return await take_enrolment(services, issuer, form, situation, origin, session)
    return taken(services, issuer, moved, session)


async def _identified(
    services: Services, issuer: Issuer, form: Params, situation: Situation, origin: Origin, session: Session | None
) -> Moved | None:
    """The person says who they are; a password manager may have filled in the password too."""
    pool, sign_ins = issuer.pool, services.sign_ins
    username = form.get("username") or ""
    provider = await services.arriving.home_realm(pool, situation, username)
    sign_in = await sign_ins.identify(situation.sign_in, username, provider)
    situation = await sign_ins.look(pool, sign_in.id, sign_in.browser, session)
    if isinstance(situation.step, Leave):
        return None
    if form.get("password") is not None and isinstance(situation.step, Identify | EnterPassword):
        return await services.proving.password(pool, situation, form.get("password") or "", origin, session)
    if isinstance(situation.step, Finish | Refuse):
        return None
    # The first factor may be a code, which is sent now, or a challenge, which is made.
    return await services.moving.resume(pool, situation.sign_in, origin, session)


async def _recover_by_the_other(services: Services, issuer: Issuer, situation: Situation, origin: Origin) -> None:
    """Send the code the other way."""
    medium: Medium = "email" if await _sent_by(services, issuer, situation) == "sms" else "sms"
    await services.recovering.begin(issuer.pool, situation, situation.sign_in.identifier or "", origin, medium)


async def _sent_by(services: Services, issuer: Issuer, situation: Situation) -> Medium | None:
    """Which way the code went, if it is not over: that is in the code, not in the form."""
    code = situation.sign_in.code
    sent = await services.codes.peek(issuer.pool, code) if code is not None else None
    return sent.medium if sent is not None else None


def shown_to(user: User | None, form: Params) -> TypeGuard[User]:
    """Whether the form speaks of the account that is signed in now: another tab may have changed it meanwhile."""
    return user is not None and form.get("account") == user.id
