"""Setting up a factor in the course of a sign-in: the views, and what their forms hand in."""

from markupsafe import Markup

from authserver.errors import Invalid, Refusal, Throttled, WrongCode, WrongCredentials
from authserver.model.sessions import Session
from authserver.pages.backup_codes import download
from authserver.pages.faults import code_fault, resend_of
from authserver.pages.taken import Taken, taken
from authserver.pages.views import (
    BackupCodes,
    CodeFault,
    ConfirmAddressStep,
    EnrolPasskey,
    EnrolTotp,
    View,
)
from authserver.services import Services
from authserver.signin.enrolling import Shown
from authserver.signin.origin import Origin
from authserver.signin.situations import Situation
from authserver.signin.step_types import (
    Enrol,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Params

MOST_NAME = 64


async def enrol_view(
    services: Services,
    issuer: Issuer,
    situation: Situation,
    *,
    refusal: Refusal | None = None,
    form: Params | None = None,
) -> View:
    """The page of the set-up that is under way."""
    step, user, sign_in = situation.step, situation.user, situation.sign_in
    if not isinstance(step, Enrol) or step.chosen is None or user is None or sign_in.enrolment is None:
        raise AssertionError("no set-up is under way")
    shown = await services.enrolling.shown(issuer.pool, user, step.chosen, sign_in.enrolment)
    return set_up_view(
        step.chosen,
        shown,
        now=int(services.clock()),
        others=len(step.choices) > 1,
        skip=not step.required,
        refusal=refusal,
        form=form,
    )


def set_up_view(
    kind: str,
    shown: Shown,
    *,
    now: int,
    others: bool = False,
    skip: bool = False,
    cancel_url: str | None = None,
    refusal: Refusal | None = None,
    form: Params | None = None,
) -> View:
    """The page that sets up a factor of this kind."""
    name = ((form.get("name") if form is not None else None) or "")[:MOST_NAME]
    retry_after = refusal.retry_after if isinstance(refusal, Throttled) else None
    if shown.totp is not None:
        return EnrolTotp(
            qr=Markup(shown.totp.qr_svg),  # noqa: S704 - drawn by us, with no text but an escaped title
            secret=shown.totp.seed_base32,
            uri=shown.totp.otpauth_uri,
            name=name,
            fault=_totp_fault(refusal, form),
            retry_after=retry_after,
            others=others,
            skip=skip,
            cancel_url=cancel_url,
        )
    if shown.passkey_options is not None:
        return EnrolPasskey(
            options=shown.passkey_options,
            name=name,
            state="failed" if refusal is not None else "ready",
            others=others,
            skip=skip,
            cancel_url=cancel_url,
        )
    sent = shown.sent
    return ConfirmAddressStep(
        medium="email" if kind == "email_code" else "sms",
        target=sent.target if sent is not None else "",
        purpose="enrol",
        fault=code_fault(refusal) if sent is not None else "expired",
        tries_left=refusal.tries_left if isinstance(refusal, WrongCode) else None,
        retry_after=retry_after,
        resend=resend_of(sent, now),
        skip=skip,
        cancel_url=cancel_url,
    )


def _totp_fault(refusal: Refusal | None, form: Params | None) -> CodeFault | None:
    if isinstance(refusal, Invalid):
        return "wrong" if form is not None and form.get("code") else "empty"
    return "wrong" if isinstance(refusal, WrongCredentials) else code_fault(refusal)


async def take_enrolment(
    services: Services, issuer: Issuer, form: Params, situation: Situation, origin: Origin, session: Session | None
) -> Taken:
    """What the forms of a set-up hand in. Raises Invalid, Conflict, WrongCode, CodeExpired, Throttled."""
    setting_up, step = services.setting_up, form.get("step")
    if step == "download_codes":
        return Taken(session, answer=download(form, issuer.pool.name))
    if step == "codes_saved" or not isinstance(situation.step, Enrol):
        return Taken(session)
    if step == "later":
        if not situation.step.required:
            await setting_up.decline_enrolment(situation)
        return Taken(session)
    if step == "enrol":
        await setting_up.enrol(issuer.pool, situation, form.get("method") or "", origin)
        return Taken(session)
    answer = form.get("credential" if step == "enrol_passkey" else "code") or ""
    name = (form.get("name") or "")[:MOST_NAME]  # the page lets nobody type more
    moved, codes = await setting_up.enrolled(issuer.pool, situation, answer, name, origin, session)
    return taken(services, issuer, moved, session, BackupCodes(codes=codes) if codes else None)
