"""From the step of a sign-in to the view that shows it."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode, urlsplit

from authserver.accounts.notices import way_to
from authserver.errors import (
    Invalid,
    Refusal,
    Throttled,
    TriggerFailed,
    Vetoed,
    WeakPassword,
    WrongCode,
    WrongCredentials,
)
from authserver.messages.masking import mask
from authserver.model.credentials import SentCode
from authserver.model.users import User
from authserver.pages.faults import challenge_fault, code_fault, identifier_fault, password_step_fault, resend_of
from authserver.pages.fields import field_views, typed
from authserver.pages.new_passwords import new_password
from authserver.pages.views import (
    Account,
    BlockedStep,
    ChallengeStep,
    ClosingStep,
    CodeStep,
    CompleteProfileStep,
    ConfirmAddressStep,
    ConsentStep,
    EnrolChoice,
    IdentifierStep,
    InvitationStep,
    Method,
    MethodKind,
    MethodStep,
    NewPasswordStep,
    PasskeyStep,
    PasswordStep,
    ProveAccountStep,
    Provider,
    RecoverCode,
    RecoverMedium,
    TermsStep,
    View,
    scope_groups,
)
from authserver.signin.challenge_state import Question
from authserver.signin.challenges import MOST_ANSWER
from authserver.signin.moving import SENT
from authserver.signin.recovering import offers_recovery
from authserver.signin.responses import restart_url
from authserver.signin.situations import ACCOUNT, Situation
from authserver.signin.step_types import (
    AgreeToTerms,
    AnswerChallenge,
    AskConsent,
    Blocked,
    ChooseMedium,
    ChooseMethod,
    CompleteProfile,
    ConfirmAddress,
    Enrol,
    EnterCode,
    EnterPassword,
    Identify,
    Invite,
    KeepAccount,
    ProveAccount,
    Recover,
    SetPassword,
    UsePasskey,
)
from authserver.tokens.issuer import Issuer
from authserver.web import Params
from federation.connectors import kind_of, label_of
from federation.model import IdentityProvider

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


def step_view(
    issuer: Issuer,
    situation: Situation,
    *,
    now: int,
    sent: SentCode | None = None,
    passkey_options: str | None = None,
    question: Question | None = None,
    providers: tuple[Provider, ...] = (),
    labels: Mapping[str, str] = _NO_LABELS,
    refusal: Refusal | None = None,
    form: Params | None = None,
) -> View:
    """The view of the step that the sign-in needs, saying what was wrong with what was just sent.

    Args:
        sent: the code under way, where the step waits for one.
        passkey_options: where the step takes a passkey.
        question: what a challenge of the pool's own shows.
        providers: the buttons of a step that has some.
        labels: what people know providers by that the sign-in speaks of, by their names.
        refusal, form: what was refused, and the form that it came with.
    """
    pool, step, asked = issuer.pool, situation.step, situation.sign_in.request
    form = form or Params(())
    retry_after = refusal.retry_after if isinstance(refusal, Throttled) else None
    signin = {"signin": situation.sign_in.id}
    trouble, _, trouble_at = (situation.sign_in.trouble or "").partition(" ")
    trouble_at = labels.get(trouble_at, trouble_at)
    joining = labels.get(situation.sign_in.joining_by or "", "")
    match step:
        case ProveAccount():
            return ProveAccountStep(
                identifier=situation.sign_in.identifier or "",
                joining=joining,
                providers=providers,
                trouble=trouble,
                trouble_at=trouble_at,
            )
        case Identify(known, methods):
            accounts = (account_of(situation.user),) if known is not None and situation.user is not None else ()
            local = bool(methods)
            return IdentifierStep(
                sign_in_with=pool.sign_in_with,
                identifier=(form.get("username") or asked.login_hint or "")[:320],
                accounts=accounts,
                fault=identifier_fault(refusal, form),
                retry_after=retry_after,
                sign_up_url=f"{issuer.url}/signup?{urlencode(signin)}" if pool.sign_up.enabled and local else None,
                passkey_options=passkey_options if local else None,
                providers=providers,
                local=local,
                trouble=trouble,
                trouble_at=trouble_at,
            )
        case EnterPassword(identifier, again, others, _):
            return PasswordStep(
                identifier=identifier,
                fault=password_step_fault(refusal),
                retry_after=retry_after,
                reauthentication=again,
                forgot_password_url=recover_url(issuer, situation),
                others=_methods(others),
                joining=joining,
            )
        case AnswerChallenge(identifier, begun, others):
            shown = question or Question()
            return ChallengeStep(
                question=shown.question,
                image_uri=shown.image,
                secret=shown.secret,
                answer=_answer_again(refusal, form) if begun and not shown.secret else "",
                asked=begun,
                identifier=identifier,
                fault=challenge_fault(refusal, form),
                retry_after=retry_after,
                others=_methods(others),
            )
        case AgreeToTerms(since):
            return TermsStep(
                tos_uri=pool.sign_up.terms_uri,
                policy_uri=pool.sign_up.policy_uri,
                changed=since is not None,
                since=since,
                account=_id_of(situation.user),
            )
        case CompleteProfile(fields):
            return CompleteProfileStep(fields=field_views(fields, refusal, typed(form)), account=_id_of(situation.user))
        case ChooseMethod(identifier, second, methods):
            return MethodStep(
                methods=_methods(methods, situation.user if second else None),
                identifier=identifier,
                second=second,
                fault="throttled" if isinstance(refusal, Throttled) else "unavailable" if refusal else None,
                retry_after=retry_after,
                joining=joining if not second else "",
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
                joining=joining if not second else "",
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
                joining=joining if not second else "",
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
        case ChooseMedium(identifier, media):
            return RecoverMedium(
                identifier=identifier,
                media=media,
                fault="throttled" if isinstance(refusal, Throttled) else None,
                retry_after=retry_after,
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
        restart_url=restart_url(issuer.url, situation.sign_in.request.query)
        if situation.client.client_id != ACCOUNT
        else None,
    )


def account_of(user: User) -> Account:
    """A person as pages show them."""
    name = user.attributes.get("name")
    return Account(name=name if isinstance(name, str) and name else user.username, detail=user.email or "", id=user.id)


def provider_view(provider: IdentityProvider) -> Provider:
    """A provider as pages show it."""
    return Provider(name=provider.name, label=label_of(provider), icon=kind_of(provider.type).icon)


def recover_url(issuer: Issuer, situation: Situation) -> str | None:
    """Where a forgotten password is replaced; None where the pool does not offer it."""
    pool = issuer.pool
    if not offers_recovery(pool):
        return None
    return f"{issuer.url}/forgotPassword?{urlencode({'signin': situation.sign_in.id})}"


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


def _answer_again(refusal: Refusal | None, form: Params) -> str:
    """What was typed, where it was not judged and the question is the same."""
    unjudged = isinstance(refusal, Throttled | TriggerFailed | Invalid)
    return (form.get("answer") or "").strip()[:MOST_ANSWER] if unjudged else ""


def _id_of(user: User | None) -> str:
    return user.id if user is not None else ""


def _names(user: User | None) -> tuple[str, ...]:
    return tuple(n for n in (user.username, user.email or "") if n) if user is not None else ()
