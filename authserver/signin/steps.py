"""The one dispatcher: which step a sign-in needs next. Pure.

What a person has to do is not a script but a consequence of what is known: who has been proven by what, what the pool,
the client and the request ask for, and in which state the account is. Steps never call steps (DESIGN 6.3).
"""

from authserver.model.clients import POOL
from authserver.model.pools import Pool
from authserver.model.sessions import Authentication, AuthorizationRequest, Proof
from authserver.model.users import User
from authserver.signin.factors.summary import is_multi_factor, level
from authserver.signin.levels import (
    accepts,
    completes,
    device_counts,
    enough_factors,
    first_factors,
    mfa_mode,
    provider_of,
    wanted_level,
)
from authserver.signin.owed import owed
from authserver.signin.step_types import (
    AnswerChallenge,
    AskConsent,
    Blocked,
    ChooseMedium,
    ChooseMethod,
    ConfirmAddress,
    Enrol,
    EnterCode,
    EnterPassword,
    Facts,
    Finish,
    Identify,
    Invite,
    KeepAccount,
    Leave,
    Open,
    ProveAccount,
    Recover,
    Refuse,
    SetPassword,
    Step,
    UsePasskey,
)
from authserver.tokens.claims import covering_scope


def next_step(facts: Facts, now: int) -> Step:
    """The step that the sign-in needs next."""
    sign_in, request = facts.sign_in, facts.sign_in.request
    silent = "none" in request.prompt
    authentication = sign_in.authentication or _from_session(facts, now)
    if authentication is not None and not _strong_enough(facts, authentication):
        if silent:
            return Refuse("interaction_required", "A further factor is needed.")
        return _second_factor(facts, authentication.proofs + sign_in.proofs)
    if authentication is None:
        if silent:
            return Refuse("login_required", "The user is not signed in, or must sign in again.")
        return _prove(facts)
    if request.id_token_hint_sub is not None and request.id_token_hint_sub != authentication.user_id:
        return Refuse("login_required", "The user named by id_token_hint is not the one signed in.")
    duty = owed(facts.pool, facts.client, facts.user, now) if facts.user is not None else None
    if duty is not None:
        return Refuse("interaction_required", "The user has something to add or to agree to.") if silent else duty
    if facts.invitable and sign_in.authentication is not None and not silent:
        if sign_in.enrolling == "passkey":
            return Enrol(("passkey",), "passkey", required=False)
        return Invite()
    step = _consent(facts, authentication)
    if step is None:
        return Finish(authentication)
    if silent:
        return Refuse("consent_required", "The user has not allowed this yet.")
    return step


def needs_factors(facts: Facts, now: int) -> bool:
    """Whether the step depends on the factors that the user has: only then they need be read."""
    sign_in = facts.sign_in
    if sign_in.authentication is None and sign_in.proofs:
        return bool(facts.pool.mfa.factors or wanted_level(facts.pool, sign_in.request) or facts.risk != "ignore")
    authentication = sign_in.authentication or _from_session(facts, now)
    if authentication is None:
        return False
    may_invite = sign_in.authentication is not None and facts.pool.mfa.nudge and _has_passkeys(facts.pool)
    if may_invite and not any(p.method == "passkey" for p in authentication.proofs):
        return True
    if _asks_owners(facts) and not enough_factors(facts.pool, facts.client, authentication.proofs):
        return True
    return not _strong_enough(facts, authentication)


def _asks_owners(facts: Facts) -> bool:
    """Whether a second factor is asked of those who have one."""
    return bool(facts.pool.mfa.factors) and mfa_mode(facts.pool, facts.client) == "optional"


def _has_passkeys(pool: Pool) -> bool:
    return "passkey" in pool.mfa.factors or "passkey" in pool.mfa.first_factors


def _from_session(facts: Facts, now: int) -> Authentication | None:
    """What the session proves, if the request takes it."""
    session, request = facts.session, facts.sign_in.request
    if session is None or "login" in request.prompt or facts.sign_in.other_account:
        return None
    if "select_account" in request.prompt and not facts.sign_in.account_chosen:
        return None
    if facts.sign_in.user_id is not None and facts.sign_in.user_id != session.authentication.user_id:
        return None
    authentication = session.authentication
    if too_old(authentication, request.max_age, now):
        return None
    if request.id_token_hint_sub is not None and request.id_token_hint_sub != authentication.user_id:
        return None
    return authentication if accepts(facts.client, request, authentication.proofs) else None


def too_old(authentication: Authentication, max_age: int | None, now: int) -> bool:
    """Whether the authentication is older than `max_age` seconds; 0 always asks again (Core 3.1.2.1)."""
    return max_age is not None and (max_age == 0 or now - authentication.auth_time > max_age)


# ------------------------------------------------------------------------------------------------ who is it


def _prove(facts: Facts) -> Step:
    """Nobody is signed in, or not well enough for a first factor to be spared."""
    sign_in, request = facts.sign_in, facts.sign_in.request
    registering = sign_in.method == "confirm" and not sign_in.proofs
    if registering and (facts.user is None or facts.user.state == "unconfirmed"):
        return ConfirmAddress()  # of an account without a password, or of one that is no more
    if sign_in.method == "recover" and not sign_in.proofs:
        if sign_in.code is not None:
            return Recover()
        if facts.pool.recovery.asks_medium and sign_in.identifier is not None:
            return ChooseMedium(sign_in.identifier, facts.pool.recovery.by)
    # What a client does not take counts for nothing by itself: a password that was replaced on the way, for one.
    taken = facts.client.signs_in_by(provider_of(sign_in.proofs) or POOL)
    if sign_in.user_id is not None and sign_in.proofs and facts.user is not None and taken:
        return _second_factor(facts, sign_in.proofs)
    if sign_in.provider is not None:
        return Leave(sign_in.provider)
    if facts.joining is not None and not facts.joining.may_begin:
        return ProveAccount(facts.joining.id)
    methods = first_factors(facts.pool, facts.client)
    if not methods or (sign_in.identifier is None and sign_in.method != "passkey"):
        choose = "select_account" in request.prompt and not sign_in.other_account
        return Identify(known=facts.session if choose else None, methods=methods)
    return _first_factor(facts, methods)


def _first_factor(facts: Facts, methods: tuple[str, ...]) -> Step:
    """The factor that was chosen, or the first of those offered. The same for a name that nobody has."""
    sign_in = facts.sign_in
    identifier = sign_in.identifier or ""
    method = sign_in.method if sign_in.method in {*methods, "choose"} else methods[0]
    others = tuple(m for m in methods if m != method)
    match method:
        case "choose":
            return ChooseMethod(identifier, second=False, methods=methods)
        case "passkey":
            return UsePasskey(sign_in.identifier, second=False, others=others)
        case "email_code" | "sms_code":
            return EnterCode(method, identifier, second=False, others=others)
        case "custom":
            if sign_in.custom_asks == "password":
                return EnterPassword(identifier, others=others, custom=True)
            return AnswerChallenge(identifier, begun=sign_in.custom_asks is not None, others=others)
        case _:
            again = facts.session is not None and not sign_in.other_account
            return EnterPassword(identifier, again=again, others=others)


# -------------------------------------------------------------------------------------- what else is needed


def _strong_enough(facts: Facts, authentication: Authentication) -> bool:
    """Whether what was proven is what the client asks for, and what it is due by the pool."""
    wanted = wanted_level(facts.pool, facts.sign_in.request)
    if wanted and level(authentication.proofs) < wanted:
        return False
    # A session may have been opened for a client that asks less.
    if enough_factors(facts.pool, facts.client, authentication.proofs):
        return True
    if _asks_owners(facts):
        return not (facts.passed_by and _usable(facts, authentication.proofs))
    return mfa_mode(facts.pool, facts.client) != "required"


def _second_factor(facts: Facts, proofs: tuple[Proof, ...]) -> Step:
    """The user is known by at least one factor: what more is needed before the session opens."""
    user = facts.user
    if user is None:
        return Identify(methods=first_factors(facts.pool, facts.client))
    if facts.risk == "block":
        return Blocked(facts.sign_in.risks)
    if user.state == "unconfirmed":
        # Before anything else is asked: whether an address has an account already must not show in what comes next.
        return ConfirmAddress()
    if user.state == "reset_required":
        return Recover(demanded=True)
    usable = _usable(facts, proofs)
    if (step := _wanted(facts, proofs, usable)) is not None:
        return step
    mode = mfa_mode(facts.pool, facts.client)
    risky = facts.risk == "require_factor"
    remembered = facts.remembered and not risky and device_counts(facts.pool, facts.client, proofs)
    satisfied = is_multi_factor(proofs) or remembered
    if not satisfied and usable and (mode != "off" or risky):
        return _ask(facts, usable, remember=not risky)
    if not satisfied and risky and {p.method for p in proofs} <= {"password", "custom"}:
        # Who has nothing to show but a password may well have stolen it; what a pool's own challenge proves is unknown.
        return Blocked(facts.sign_in.risks)
    if not satisfied and mode == "required":
        return _set_up(facts, proofs)
    if facts.remembered and not is_multi_factor(proofs):
        proofs = (*proofs, Proof("device", proofs[-1].at))
    return _account(facts, user, proofs)


def _set_up(facts: Facts, proofs: tuple[Proof, ...]) -> Step:
    """A second factor is required, and there is none to ask for."""
    own = facts.summary.usable if facts.summary is not None else ()
    given = {p.method for p in proofs}
    if given & set(own) and "password" not in given and "password" in facts.pool.mfa.first_factors:
        # The mailbox by which a password was replaced is the second factor itself. Nobody gets another one by it.
        return EnterPassword(_identifier(facts))
    enrollable = facts.summary.enrollable if facts.summary is not None else ()
    choices = tuple(k for k in enrollable if k != "backup_codes" and completes(facts.pool, proofs, k))
    if not choices:
        return Refuse("access_denied", "A second factor is required, and none can be set up.")
    chosen = facts.sign_in.enrolling
    return Enrol(choices, chosen if chosen in choices else None)


def _identifier(facts: Facts) -> str:
    """What to call the person by: the name that was typed, if one was."""
    return facts.sign_in.identifier or (facts.user.username if facts.user is not None else "")


def _usable(facts: Facts, proofs: tuple[Proof, ...]) -> tuple[str, ...]:
    """The factors that the person can give now and has not given; a mailbox is not two factors."""
    given = {p.method for p in proofs}
    own_factors = facts.summary.usable if facts.summary is not None else ()
    usable: tuple[str, ...] = tuple(m for m in own_factors if m not in given)
    if not usable and facts.risk == "require_factor" and facts.user is not None:
        # Nothing is set up, but a code to a verified address tells the owner from a stranger.
        own = [("email_code", facts.user.email_verified), ("sms_code", facts.user.phone_number_verified)]
        usable = tuple(m for m, verified in own if verified and m not in given)[:1]
    return () if set(usable) <= {"backup_codes"} else usable


def _wanted(facts: Facts, proofs: tuple[Proof, ...], usable: tuple[str, ...]) -> Step | None:
    """What `acr_values` asks for beyond what is proven; None if nothing (RFC 9470)."""
    wanted = wanted_level(facts.pool, facts.sign_in.request)
    if not wanted or level(proofs) >= wanted:
        return None
    now = proofs[-1].at
    enough = tuple(m for m in usable if level((*proofs, Proof(m, now, verified=True))) >= wanted)  # type: ignore[arg-type]  # methods
    if enough:
        return _ask(facts, enough, remember=False)
    return Refuse("unmet_authentication_requirements", "The user cannot sign in as strongly as acr_values asks.")


def _ask(facts: Facts, usable: tuple[str, ...], *, remember: bool) -> Step:
    sign_in, summary = facts.sign_in, facts.summary
    identifier = _identifier(facts)
    if sign_in.method == "choose":
        return ChooseMethod(identifier, second=True, methods=usable)
    preferred = summary.preferred if summary is not None and summary.preferred in usable else usable[0]
    method = sign_in.method if sign_in.method in usable else preferred
    others = tuple(m for m in usable if m != method)
    days = facts.pool.session.remember_device_days if remember else 0
    if method == "passkey":
        return UsePasskey(identifier, second=True, others=others, remember_days=days)
    return EnterCode(method, identifier, second=True, others=others, remember_days=days)  # type: ignore[arg-type]  # the methods of a summary


def _account(facts: Facts, user: User, proofs: tuple[Proof, ...]) -> Step:
    """Every factor is given: what the account itself still needs."""
    if user.state == "must_change":
        return SetPassword()
    if user.delete_after is not None:
        return KeepAccount(user.delete_after)
    if not user.can_sign_in or (user.state == "external" and provider_of(proofs) is None):
        return Identify(methods=first_factors(facts.pool, facts.client))
    return Open(user.id, proofs)


# ------------------------------------------------------------------------------------------- what is allowed


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
