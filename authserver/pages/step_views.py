"""From the step of a sign-in to the view that shows it."""

from typing import Literal
from urllib.parse import urlencode, urlsplit

from authserver.accounts.notices import way_to
from authserver.errors import (
    CodeExpired,
    Invalid,
    Refusal,
    Throttled,
    Vetoed,
    WeakPassword,
    WrongCode,
    WrongCredentials,
)
from authserver.messages.masking import mask
from authserver.model.credentials import SentCode
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.pages.views import (
    Account,
    BlockedStep,
    ClosingStep,
    CodeFault,
    CodeStep,
    ConfirmAddressStep,
    ConsentStep,
    EnrolChoice,
    IdentifierStep,
    InvitationStep,
    Method,
    MethodKind,
    MethodStep,
    NewPassword,
    NewPasswordStep,
    PasskeyStep,
    PasswordFault,
    PasswordRules,
    PasswordStep,
    RecoverCode,
    Resend,
    View,
    scope_groups,
)
from authserver.signin.proving import SENT
from authserver.signin.situations import ACCOUNT, Situation
from authserver.signin.steps import (
    AskConsent,
    Blocked,
    ChooseMethod,
    ConfirmAddress,
    Enrol,
    EnterCode,
    EnterPassword,
    Identify,
    Invite,
    KeepAccount,
    Recover,
    SetPassword,
    UsePasskey,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Params

RESEND_AFTER = 30
"""Seconds before a code may be sent again (`accounts.mail_codes`)."""


def step_view(
    issuer: Issuer,
    situation: Situation,
    *,
    now: int,
    sent: SentCode | None = None,
    passkey_options: str | None = None,
    refusal: Refusal | None = None,
    form: Params | None = None,
) -> View:
    """The view of the step that the sign-in needs, saying what was wrong with what was just sent.

    Args:
        sent: the code under way, where the step waits for one.
        passkey_options: where the step takes a passkey.
        refusal, form: what was refused, and the form that it came with.
    """
    pool, step, asked = issuer.pool, situation.step, situation.sign_in.request
    form = form or Params(())
    retry_after = refusal.retry_after if isinstance(refusal, Throttled) else None
    signin = {"signin": situation.sign_in.id}
    match step:
        case Identify(known):
            accounts = (account_of(situation.user),) if known is not None and situation.user is not None else ()
            return IdentifierStep(
                sign_in_with=pool.sign_in_with,
                identifier=(form.get("username") or asked.login_hint or "")[:320],
                accounts=accounts,
                fault=_identifier_fault(refusal, form),
                retry_after=retry_after,
                sign_up_url=f"{issuer.url}/signup?{urlencode(signin)}" if pool.sign_up.enabled else None,
                passkey_options=passkey_options,
            )
        case EnterPassword(identifier, again, others):
            return PasswordStep(
                identifier=identifier,
                fault=_password_step_fault(refusal),
                retry_after=retry_after,
                reauthentication=again,
                forgot_password_url=recover_url(issuer, situation),
                others=_methods(others),
            )
        case ChooseMethod(identifier, second, methods):
            return MethodStep(
                methods=_methods(methods, situation.user if second else None),
                identifier=identifier,
                second=second,
                fault="throttled" if isinstance(refusal, Throttled) else "unavailable" if refusal else None,
                retry_after=retry_after,
            )
        case UsePasskey(identifier, second, others):
            return PasskeyStep(
                options=passkey_options or "",
                state="none" if isinstance(refusal, WrongCredentials) else "failed" if refusal else "ready",
                begin=situation.sign_in.method == "passkey" and refusal is None,
                identifier=identifier or "",
                second=second,
                others=_methods(others, situation.user if second else None),
                fault="throttled" if isinstance(refusal, Throttled) else None,
                retry_after=retry_after,
            )
        case EnterCode(method, identifier, second, others, remember_days):
            return CodeStep(
                method=method,
                target=mask(sent.target, sent.medium) if sent is not None and second else "",
                identifier=identifier,
                second=second,
                fault=code_fault(refusal),
                tries_left=refusal.tries_left if isinstance(refusal, WrongCode) else None,
                retry_after=retry_after,
                resend=resend_of(sent, now) if method in SENT else None,
                remember_days=remember_days,
                remembered=form.get("remember") == "true",
                others=_methods(others, situation.user if second else None),
            )
        case ConfirmAddress():
            return ConfirmAddressStep(
                medium=sent.medium if sent is not None else "email",
                target=_to_confirm(situation.user, sent),
                purpose="sign_up" if situation.sign_in.method == "confirm" else "sign_in",
                link=True,
                fault=code_fault(refusal),
                tries_left=refusal.tries_left if isinstance(refusal, WrongCode) else None,
                retry_after=retry_after,
                resend=resend_of(sent, now),
            )
        case Recover():
            return RecoverCode(
                identifier=situation.sign_in.identifier or "",
                medium=sent.medium if sent is not None else "email",
                password=new_password(pool, refusal, unlike=(situation.sign_in.identifier or "",)),
                code=form.get("code") or "" if isinstance(refusal, WeakPassword) else "",
                fault=code_fault(refusal),
                tries_left=refusal.tries_left if isinstance(refusal, WrongCode) else None,
                retry_after=retry_after,
                resend=resend_of(sent, now),
                other_medium=len(pool.recovery.by) > 1,
            )
        case SetPassword():
            return NewPasswordStep(
                identifier=situation.sign_in.identifier or "",
                reason="temporary",
                password=new_password(pool, refusal, unlike=_names(situation.user)),
            )
        case KeepAccount(at) if situation.user is not None:
            return ClosingStep(account=account_of(situation.user), at=at)
        case Blocked():
            told = situation.user is not None and way_to(situation.user) is not None
            return BlockedStep(reason="risk", notified=told, recover_url=recover_url(issuer, situation))
        case Enrol(choices):
            return EnrolChoice(
                methods=_methods(choices, situation.user), required=step.required, skip=not step.required
            )
        case Invite():
            return InvitationStep(kind="passkey")
        case AskConsent(_, scope, new) if situation.user is not None:
            before = tuple(s for s in scope if s not in new)
            return ConsentStep(
                account=account_of(situation.user),
                groups=scope_groups(pool, scope, before),
                returns_to=urlsplit(asked.redirect_uri).hostname,
            )
        case _:
            raise AssertionError(f"no page for {step!r}")


def refused_view(issuer: Issuer, situation: Situation, refusal: Vetoed) -> View:
    """A trigger of the pool said no."""
    return BlockedStep(
        reason="refused",
        sentence=refusal.sentence,
        notified=False,
        restart_url=f"{issuer.url}/oauth2/authorize?{situation.sign_in.request.query}"
        if situation.client.client_id != ACCOUNT
        else None,
    )


def account_of(user: User) -> Account:
    """A person as pages show them."""
    name = user.attributes.get("name")
    return Account(name=name if isinstance(name, str) and name else user.username, detail=user.email or "", id=user.id)


def recover_url(issuer: Issuer, situation: Situation) -> str | None:
    """Where a forgotten password is replaced; None where the pool does not offer it."""
    pool = issuer.pool
    if not pool.recovery.enabled or "password" not in pool.mfa.first_factors:
        return None
    return f"{issuer.url}/forgotPassword?{urlencode({'signin': situation.sign_in.id})}"


def new_password(pool: Pool, refusal: Refusal | None, *, unlike: tuple[str, ...] = ()) -> NewPassword:
    """The field for a new password, with the pool's rules and what was wrong with the one that was sent."""
    policy = pool.password_policy
    return NewPassword(
        rules=PasswordRules(
            min_length=policy.min_length,
            max_length=policy.max_length,
            lowercase=policy.require_lowercase,
            uppercase=policy.require_uppercase,
            numbers=policy.require_numbers,
            symbols=policy.require_symbols,
            unlike=unlike,
        ),
        fault=_new_password_fault(refusal),
    )


_RULES: dict[str, PasswordFault] = {
    "min_length": "too_short",
    "max_length": "too_long",
    "lowercase": "missing",
    "uppercase": "missing",
    "numbers": "missing",
    "symbols": "missing",
    "breached": "breached",
    "history": "reused",
}


def _new_password_fault(refusal: Refusal | None) -> PasswordFault | None:
    if isinstance(refusal, WeakPassword):
        return _RULES.get(refusal.rules[0], "weak") if refusal.rules else "weak"
    return "empty" if isinstance(refusal, Invalid) and refusal.field == "new_password" else None


def _identifier_fault(refusal: Refusal | None, form: Params) -> Literal["empty", "throttled", "passkey"] | None:
    match refusal:
        case None:
            return None
        case Throttled():
            return "throttled"
        case _ if form.get("step") == "passkey":
            return "passkey"
        case _:
            return "empty"


def _password_step_fault(refusal: Refusal | None) -> Literal["empty", "wrong_credentials", "throttled"] | None:
    match refusal:
        case None:
            return None
        case Throttled():
            return "throttled"
        case WrongCredentials():
            return "wrong_credentials"
        case _:
            return "empty"


def code_fault(refusal: Refusal | None) -> CodeFault | None:
    """What was wrong with a code, if that is what was refused."""
    match refusal:
        case Throttled():
            return "throttled"
        case WrongCode() | WrongCredentials():
            return "wrong"
        case CodeExpired(reason="too_many"):
            return "too_many"
        case CodeExpired(reason="used"):
            return "used"
        case CodeExpired():
            return "expired"
        case Invalid(field="code"):
            return "empty"
        case _:
            return None


def resend_of(sent: SentCode | None, now: int) -> Resend:
    """When the code may be sent again: at once, if it is over."""
    return Resend(after=max(0, sent.sent_at + RESEND_AFTER - now) if sent is not None else 0)


def _to_confirm(user: User | None, sent: SentCode | None) -> str:
    """The address as the person typed it: what is sent to nobody has only a likeness of it."""
    own = (user.phone_number if sent is not None and sent.medium == "sms" else user.email) if user is not None else None
    return own or (sent.target if sent is not None else "")


def _methods(kinds: tuple[str, ...], user: User | None = None) -> tuple[Method, ...]:
    return tuple(Method(kind=_kind(kind), hint=_hint(kind, user)) for kind in kinds)


def _kind(kind: str) -> MethodKind:
    return kind  # type: ignore[return-value]  # the kinds of factors are those of methods


def _hint(kind: str, user: User | None) -> str:
    if user is not None and kind == "email_code" and user.email is not None:
        return mask(user.email, "email")
    if user is not None and kind == "sms_code" and user.phone_number is not None:
        return mask(user.phone_number, "sms")
    return ""


def _names(user: User | None) -> tuple[str, ...]:
    return tuple(n for n in (user.username, user.email or "") if n) if user is not None else ()
