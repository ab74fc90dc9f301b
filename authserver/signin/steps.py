"""The one dispatcher: which step a sign-in needs next. Pure."""

from dataclasses import dataclass

from authserver.model.clients import Client
from authserver.model.grants import Consent
from authserver.model.sessions import Authentication, AuthorizationRequest, Session, SignIn
from authserver.tokens.claims import covering_scope


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask who it is. `known`: a session whose person may go on with one click."""

    known: Session | None = None


@dataclass(frozen=True, slots=True)
class EnterPassword:
    """Ask for the password of `identifier`. `again`: the person is signed in already and must prove it once more."""

    identifier: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask whether the client may have the scopes; `new` are those not allowed before."""

    authentication: Authentication
    scope: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Everything is proven and allowed: answer the client."""

    authentication: Authentication


@dataclass(frozen=True, slots=True)
class Refuse:
    """The client asked for what cannot be had: answer it with this error (OpenID Connect Core 3.1.2.6)."""

    code: str
    sentence: str


Step = Identify | EnterPassword | AskConsent | Finish | Refuse


@dataclass(frozen=True, slots=True)
class Facts:
    """What the choice rests on. `session` is live and its user may sign in; `consent` is what that user allowed before."""

    sign_in: SignIn
    client: Client
    session: Session | None
    consent: Consent | None


def next_step(facts: Facts, now: int) -> Step:
    """The step that the sign-in needs next."""
    sign_in, request = facts.sign_in, facts.sign_in.request
    silent = "none" in request.prompt
    authentication = sign_in.authentication or _from_session(facts, now)
    if authentication is None:
        if silent:
            return Refuse("login_required", "The user is not signed in, or must sign in again.")
        if sign_in.identifier is None:
            choose = "select_account" in request.prompt and not sign_in.other_account
            return Identify(known=facts.session if choose else None)
        return EnterPassword(sign_in.identifier, again=facts.session is not None and not sign_in.other_account)
    if request.id_token_hint_sub is not None and request.id_token_hint_sub != authentication.user_id:
        return Refuse("login_required", "The user named by id_token_hint is not the one signed in.")
    step = _consent(facts, authentication)
    if step is None:
        return Finish(authentication)
    if silent:
        return Refuse("consent_required", "The user has not allowed this yet.")
    return step


def _from_session(facts: Facts, now: int) -> Authentication | None:
    """What the session proves, if the request takes it."""
    session, request = facts.session, facts.sign_in.request
    if session is None or "login" in request.prompt or facts.sign_in.other_account:
        return None
    if "select_account" in request.prompt and not facts.sign_in.account_chosen:
        return None
    authentication = session.authentication
    if too_old(authentication, request.max_age, now):
        return None
    if request.id_token_hint_sub is not None and request.id_token_hint_sub != authentication.user_id:
        return None
    return authentication


def too_old(authentication: Authentication, max_age: int | None, now: int) -> bool:
    """Whether the authentication is older than `max_age` seconds; 0 always asks again (Core 3.1.2.1)."""
    return max_age is not None and (max_age == 0 or now - authentication.auth_time > max_age)


def _consent(facts: Facts, authentication: Authentication) -> AskConsent | None:
    sign_in, request = facts.sign_in, facts.sign_in.request
    if sign_in.consented_by == authentication.user_id:
        return None
    allowed = facts.consent.scope if facts.consent is not None else ()
    scope = asked_scope(request)
    new = tuple(s for s in scope if s not in allowed)
    if "consent" in request.prompt or (facts.client.require_consent and new):
        return AskConsent(authentication, scope, new)
    return None


def asked_scope(request: AuthorizationRequest) -> tuple[str, ...]:
    """What consent is about: the scopes asked for, and those that cover the claims asked for by name (Core 5.5)."""
    named = (covering_scope(name) for names in request.claims.values() for name in names)
    return tuple(dict.fromkeys((*request.scope, *named)))
