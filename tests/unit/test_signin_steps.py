"""The dispatcher: which step a sign-in needs next, and what a request to sign out leads to. Pure."""

from dataclasses import replace
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authserver.model.clients import Client
from authserver.model.credentials import Credential
from authserver.model.grants import Consent
from authserver.model.pools import (
    ACR_LEVELS,
    AttributeDefinition,
    FactorKind,
    FirstFactor,
    MfaPolicy,
    Pool,
    RecoveryPolicy,
    SessionPolicy,
    SignUpPolicy,
)
from authserver.model.sessions import Authentication, AuthorizationRequest, Proof, Session, SignIn
from authserver.model.users import User
from authserver.rules.fields import Field
from authserver.signin.factors.summary import Summary, is_multi_factor, level, summarize
from authserver.signin.levels import (
    authentication_of,
    mfa_mode,
    supported_levels,
    wanted_level,
)
from authserver.signin.responses import response_uri
from authserver.signin.sign_out import Hint, LogoutPlan, judge
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
from authserver.signin.steps import (
    asked_scope,
    needs_factors,
    next_step,
    too_old,
)

NOW = 1_800_000_000
PASSWORD, TOTP, MAIL, TEXT, BACKUP = (
    Proof("password", NOW - 100, stamp=7),
    Proof("totp", NOW - 90),
    Proof("email_code", NOW - 90),
    Proof("sms_code", NOW - 90),
    Proof("backup_codes", NOW - 90),
)
PASSKEY, TOUCH = Proof("passkey", NOW - 90, verified=True), Proof("passkey", NOW - 90)
DEVICE = Proof("device", NOW - 100)
WORD = Proof("federated", NOW - 100, provider="Acme")
WORD_OF_TWO = replace(WORD, verified=True)


def by(*proofs: Proof, user_id: str = "ada") -> Authentication:
    return Authentication(user_id, NOW - 100, ("x",), "acr", proofs)


ADA, BOB = by(PASSWORD), by(PASSWORD, user_id="bob")
STRONG = by(PASSWORD, TOTP)
SESSION = Session("key", "sid", "pool", ADA, NOW - 100, NOW - 100)
REQUEST = AuthorizationRequest("web", "https://app.example.com/cb", True, ("openid", "email"), "")
SIGN_IN = SignIn("id", "pool", "browser", REQUEST, NOW, NOW + 1800)
CLIENT = Client("web", "pool")
ASKING = replace(CLIENT, require_consent=True)
ONE_PROVIDER = replace(CLIENT, identity_providers=("Acme",))
USER = User("ada", "pool", "Ada", email="ada@example.com", email_verified=True)
EXTERNAL = replace(USER, state="external")

_FACTS = {f for f in Facts.__slots__ if f not in {"pool", "sign_in", "client", "session", "consent"}}
_POOL = {"mfa", "session_policy", "sign_up_policy", "attributes_policy", "recovery_policy"}


def facts(
    client: Client = CLIENT, session: Session | None = None, consent: tuple[str, ...] | None = None, **changes: Any
) -> Facts:
    """Facts of a pool, a request and a sign-in that differ from the plainest as named."""
    asked = {k: v for k, v in changes.items() if k in AuthorizationRequest.__slots__}
    known = {k: v for k, v in changes.items() if k in _FACTS}
    policies = {k.removesuffix("_policy"): v for k, v in changes.items() if k in _POOL}
    own = {k: v for k, v in changes.items() if k not in {*asked, *known, *_POOL}}
    sign_in = replace(SIGN_IN, request=replace(REQUEST, **asked), **own)
    allowed = Consent("pool", "ada", "web", consent, NOW) if consent is not None else None
    return Facts(Pool("pool", "Pool", **policies), sign_in, client, session, allowed, **known)


def proven(*proofs: Proof, **changes: Any) -> Facts:
    """Ada has given these proofs."""
    return facts(**{"user_id": "ada", "proofs": proofs, "identifier": "ada", "user": USER} | changes)


def has(*usable: FactorKind, enrollable: tuple[FactorKind, ...] = (), preferred: FactorKind | None = None) -> Summary:
    return Summary(usable, enrollable, preferred)


def mfa(mode: str = "off", *factors: str, first: tuple[str, ...] = ("password",), nudge: bool = True) -> MfaPolicy:
    return MfaPolicy(mode, factors, first, nudge=nudge)  # type: ignore[arg-type]  # the literals


SCOPE = REQUEST.scope
CLIENT_REQUIRES, CLIENT_OPTIONAL, CLIENT_OFF = (replace(CLIENT, mfa=m) for m in ("required", "optional", "off"))

WHO: dict[str, tuple[Facts, object]] = {
    "a stranger": (facts(), Identify()),
    "a stranger who said a name": (facts(identifier="ada"), EnterPassword("ada")),
    "a stranger, silently": (facts(prompt=("none",)), "login_required"),
    "somebody signed in": (facts(session=SESSION), Finish(ADA)),
    "somebody signed in, silently": (facts(session=SESSION, prompt=("none",)), Finish(ADA)),
    "prompt=login": (facts(session=SESSION, prompt=("login",), identifier="ada"), EnterPassword("ada", again=True)),
    "prompt=login, proven here": (facts(session=SESSION, prompt=("login",), authentication=ADA), Finish(ADA)),
    "prompt=select_account": (facts(session=SESSION, prompt=("select_account",)), Identify(SESSION)),
    "an account chosen": (facts(session=SESSION, prompt=("select_account",), account_chosen=True), Finish(ADA)),
    "another account wanted": (facts(session=SESSION, prompt=("select_account",), other_account=True), Identify()),
    "another account named": (facts(session=SESSION, other_account=True, identifier="bob"), EnterPassword("bob")),
    "another account proven": (facts(session=SESSION, user_id="bob"), Identify()),
    "max_age kept": (facts(session=SESSION, max_age=100), Finish(ADA)),
    "max_age passed": (facts(session=SESSION, max_age=99, identifier="ada"), EnterPassword("ada", again=True)),
    "max_age 0": (facts(session=SESSION, max_age=0, identifier="ada"), EnterPassword("ada", again=True)),
    "max_age 0, proven here": (facts(session=SESSION, max_age=0, authentication=ADA), Finish(ADA)),
    "hinted": (facts(session=SESSION, id_token_hint_sub="ada"), Finish(ADA)),
    "hinted at another": (facts(session=SESSION, id_token_hint_sub="bob"), Identify()),
    "hinted at another, silently": (
        facts(session=SESSION, id_token_hint_sub="bob", prompt=("none",)),
        "login_required",
    ),
    "proven to be another than hinted": (facts(authentication=ADA, id_token_hint_sub="bob"), "login_required"),
}

CONSENT: dict[str, tuple[Facts, object]] = {
    "not needed": (facts(session=SESSION, consent=()), Finish(ADA)),
    "needed": (facts(ASKING, SESSION), AskConsent(ADA, SCOPE, SCOPE)),
    "given before": (facts(ASKING, SESSION, ("email", "openid", "x")), Finish(ADA)),
    "given for less": (facts(ASKING, SESSION, ("openid",)), AskConsent(ADA, SCOPE, ("email",))),
    "given here": (facts(ASKING, SESSION, consented_by="ada"), Finish(ADA)),
    "given here by another": (facts(ASKING, SESSION, consented_by="bob"), AskConsent(ADA, SCOPE, SCOPE)),
    "needed, silently": (facts(ASKING, SESSION, prompt=("none",)), "consent_required"),
    "prompt=consent": (facts(CLIENT, SESSION, SCOPE, prompt=("consent",)), AskConsent(ADA, SCOPE, ())),
    "prompt=consent, given here": (facts(CLIENT, SESSION, prompt=("consent",), consented_by="ada"), Finish(ADA)),
    "names beyond the scopes": (
        facts(ASKING, SESSION, SCOPE, claims={"userinfo": ("phone_number", "email")}),
        AskConsent(ADA, (*SCOPE, "phone"), ("phone",)),
    ),
}

MAIL_FIRST, PASSKEY_FIRST = mfa(first=("email_code", "password")), mfa(first=("passkey", "password"))
ALL_FIRST = mfa(first=("password", "passkey", "email_code", "sms_code"))

FIRST: dict[str, tuple[Facts, object]] = {
    "what a sign-in may begin with": (facts(mfa=PASSKEY_FIRST), Identify(methods=("passkey", "password"))),
    "the first of them is asked for": (
        facts(mfa=MAIL_FIRST, identifier="ada"),
        EnterCode("email_code", "ada", False, ("password",)),
    ),
    "a text message": (facts(mfa=mfa(first=("sms_code",)), identifier="ada"), EnterCode("sms_code", "ada", False)),
    "a passkey": (facts(mfa=PASSKEY_FIRST, identifier="ada"), UsePasskey("ada", False, ("password",))),
    "a passkey without a name": (facts(mfa=PASSKEY_FIRST, method="passkey"), UsePasskey(None, False, ("password",))),
    "another was chosen": (
        facts(mfa=MAIL_FIRST, identifier="ada", method="password"),
        EnterPassword("ada", others=("email_code",)),
    ),
    "the list was asked for": (
        facts(mfa=ALL_FIRST, identifier="ada", method="choose"),
        ChooseMethod("ada", False, ("password", "passkey", "email_code", "sms_code")),
    ),
    "one was chosen that is none here": (facts(identifier="ada", method="email_code"), EnterPassword("ada")),
    "one was chosen before a name": (
        facts(mfa=MAIL_FIRST, method="password"),
        Identify(methods=("email_code", "password")),
    ),
    "a passkey was chosen where there is none": (facts(method="passkey"), EnterPassword("")),
    "for somebody signed in, a code": (
        facts(session=SESSION, mfa=MAIL_FIRST, identifier="ada", prompt=("login",)),
        EnterCode("email_code", "ada", False, ("password",)),
    ),
    "proofs of who is no more": (facts(user_id="ada", proofs=(PASSWORD,), identifier="ada"), EnterPassword("ada")),
}

CUSTOM_FIRST = mfa(first=("custom", "password"))
CUSTOM = Proof("custom", NOW - 90)

OWN: dict[str, tuple[Facts, object]] = {
    "not begun": (
        facts(mfa=CUSTOM_FIRST, identifier="ada"),
        AnswerChallenge("ada", begun=False, others=("password",)),
    ),
    "a question": (
        facts(mfa=CUSTOM_FIRST, identifier="ada", custom="sealed", custom_asks="answer"),
        AnswerChallenge("ada", others=("password",)),
    ),
    "the password": (
        facts(mfa=CUSTOM_FIRST, identifier="ada", custom="sealed", custom_asks="password"),
        EnterPassword("ada", others=("password",), custom=True),
    ),
    "another way was chosen": (
        facts(mfa=CUSTOM_FIRST, identifier="ada", method="password"),
        EnterPassword("ada", others=("custom",)),
    ),
    "it was chosen": (
        facts(mfa=mfa(first=("password", "custom")), identifier="ada", method="custom"),
        AnswerChallenge("ada", begun=False, others=("password",)),
    ),
    "it is none here": (facts(identifier="ada", method="custom", custom_asks="answer"), EnterPassword("ada")),
    "passed": (proven(CUSTOM, mfa=CUSTOM_FIRST), Open("ada", (CUSTOM,))),
    "passed, and one factor": (
        proven(PASSWORD, CUSTOM, mfa=mfa("required", "totp", first=("custom",)), summary=has("totp")),
        EnterCode("totp", "ada", True),
    ),
    "passed, and unusual": (
        proven(CUSTOM, mfa=CUSTOM_FIRST, risk="require_factor", user=replace(USER, email_verified=False)),
        Blocked(()),
    ),
}

UNCONFIRMED, RESET, TEMPORARY = (replace(USER, state=s) for s in ("unconfirmed", "reset_required", "must_change"))
CLOSING = replace(USER, delete_after=NOW + 5)
OPEN = Open("ada", (PASSWORD,))

ACCOUNT: dict[str, tuple[Facts, object]] = {
    "nothing is missing": (proven(PASSWORD), OPEN),
    "unconfirmed": (proven(PASSWORD, user=UNCONFIRMED), ConfirmAddress()),
    "unconfirmed, where factors are required": (
        proven(PASSWORD, user=UNCONFIRMED, mfa=mfa("required", "totp"), summary=has(enrollable=("totp",))),
        ConfirmAddress(),
    ),
    "unconfirmed, and more is asked for than anybody new has": (
        proven(PASSWORD, user=UNCONFIRMED, acr_values=(ACR_LEVELS[3],), summary=has()),
        ConfirmAddress(),
    ),
    "a reset is demanded": (proven(PASSWORD, user=RESET), Recover(demanded=True)),
    "a reset is demanded, before any other factor": (
        proven(PASSWORD, user=RESET, mfa=mfa("required", "totp"), summary=has("totp")),
        Recover(demanded=True),
    ),
    "a temporary password": (proven(PASSWORD, user=TEMPORARY), SetPassword()),
    "a temporary password, after the second factor": (
        proven(PASSWORD, user=TEMPORARY, mfa=mfa("optional", "totp"), summary=has("totp")),
        EnterCode("totp", "ada", True),
    ),
    "to be deleted": (proven(PASSWORD, user=CLOSING), KeepAccount(NOW + 5)),
    "disabled": (proven(PASSWORD, user=replace(USER, state="disabled")), Identify()),
    "of another provider, by a password": (proven(PASSWORD, user=EXTERNAL), Identify()),
    "of another provider, by its word": (proven(WORD, user=EXTERNAL), Open("ada", (WORD,))),
    "of another provider, by its word and more": (
        proven(WORD, user=EXTERNAL, mfa=mfa("required", "totp"), summary=has("totp")),
        EnterCode("totp", "ada", True),
    ),
    "of another provider, whose word is worth two": (
        proven(WORD_OF_TWO, user=EXTERNAL, mfa=mfa("required", "totp"), summary=has("totp")),
        Open("ada", (WORD_OF_TWO,)),
    ),
    "on to another provider": (facts(provider="Acme"), Leave("Acme")),
    "on to another provider, though signed in": (facts(provider="Acme", session=SESSION), Finish(ADA)),
    "the client takes one provider alone": (facts(ONE_PROVIDER), Identify(methods=())),
    "the client takes one provider alone, not the pool's session": (
        facts(ONE_PROVIDER, session=SESSION),
        Identify(methods=()),
    ),
    "the client takes one provider alone, and its session": (
        facts(ONE_PROVIDER, session=replace(SESSION, authentication=by(WORD))),
        Finish(by(WORD)),
    ),
    "the request names a provider, and the session is another's": (
        facts(session=SESSION, identity_provider="Acme", provider="Acme"),
        Leave("Acme"),
    ),
    "an identity waits for an account with a password": (
        facts(identifier="ada", joining_user="ada", joining=USER),
        EnterPassword("ada"),
    ),
    "an identity waits for an account without one": (
        facts(identifier="ada", joining_user="ada", joining=EXTERNAL),
        ProveAccount("ada"),
    ),
    "just registered without a password": (
        facts(user_id="ada", method="confirm", code="c", user=UNCONFIRMED, identifier="a", mfa=MAIL_FIRST),
        ConfirmAddress(),
    ),
    "registered, and gone since": (facts(method="confirm", code="c", identifier="a"), ConfirmAddress()),
    "registered, and confirmed elsewhere since": (
        facts(user_id="ada", method="confirm", code="c", user=USER, identifier="a", mfa=MAIL_FIRST),
        EnterCode("email_code", "a", False, ("password",)),
    ),
    "a forgotten password": (facts(method="recover", code="c", identifier="ada"), Recover()),
    "a forgotten password, where people choose": (
        facts(method="recover", identifier="ada", recovery_policy=RecoveryPolicy(ask=True)),
        ChooseMedium("ada", ("email", "sms")),
    ),
    "a forgotten password, where there is nothing to choose": (
        facts(method="recover", identifier="ada", recovery_policy=RecoveryPolicy(by=("sms",), ask=True)),
        EnterPassword("ada"),
    ),
    "a forgotten password, chosen": (
        facts(method="recover", code="c", identifier="ada", recovery_policy=RecoveryPolicy(ask=True)),
        Recover(),
    ),
    "a forgotten password of nobody": (
        facts(method="recover", recovery_policy=RecoveryPolicy(ask=True)),
        Identify(),
    ),
    "a forgotten password before its code was sent": (facts(method="recover", identifier="ada"), EnterPassword("ada")),
    "a forgotten password whose code came back": (proven(MAIL, method="recover", code="c"), Open("ada", (MAIL,))),
}

REMEMBER = SessionPolicy(remember_device_days=30)
OPTIONAL, REQUIRED = mfa("optional", "totp", "email_code"), mfa("required", "totp", "email_code")

SECOND: dict[str, tuple[Facts, object]] = {
    "off": (proven(PASSWORD, mfa=mfa("off", "totp"), summary=has("totp")), OPEN),
    "optional, of who has one": (proven(PASSWORD, mfa=OPTIONAL, summary=has("totp")), EnterCode("totp", "ada", True)),
    "optional, of who has none": (proven(PASSWORD, mfa=OPTIONAL, summary=has(enrollable=("totp",))), OPEN),
    "optional, of who has backup codes alone": (proven(PASSWORD, mfa=OPTIONAL, summary=has("backup_codes")), OPEN),
    "required, of who has one": (proven(PASSWORD, mfa=REQUIRED, summary=has("totp")), EnterCode("totp", "ada", True)),
    "required, of who has none": (
        proven(PASSWORD, mfa=REQUIRED, summary=has(enrollable=("totp", "email_code"))),
        Enrol(("totp", "email_code")),
    ),
    "required, one is being set up": (
        proven(PASSWORD, mfa=REQUIRED, summary=has(enrollable=("totp", "email_code")), enrolling="totp"),
        Enrol(("totp", "email_code"), "totp"),
    ),
    "required, one is being set up that is none": (
        proven(PASSWORD, mfa=REQUIRED, summary=has(enrollable=("totp",)), enrolling="passkey"),
        Enrol(("totp",)),
    ),
    "required, backup codes are no way to begin": (
        proven(PASSWORD, mfa=REQUIRED, summary=has("backup_codes", enrollable=("backup_codes",))),
        "access_denied",
    ),
    "required, and nothing can be set up": (proven(PASSWORD, mfa=REQUIRED, summary=has()), "access_denied"),
    "required, and nobody looked": (proven(PASSWORD, mfa=REQUIRED), "access_denied"),
    "given": (proven(PASSWORD, TOTP, mfa=REQUIRED, summary=has("totp")), Open("ada", (PASSWORD, TOTP))),
    "a passkey that made sure": (proven(PASSKEY, mfa=REQUIRED, summary=has("totp")), Open("ada", (PASSKEY,))),
    "a passkey that did not": (
        proven(TOUCH, mfa=OPTIONAL, summary=has("passkey", "email_code")),
        EnterCode("email_code", "ada", True),
    ),
    "the one used last": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp", "email_code", preferred="email_code")),
        EnterCode("email_code", "ada", True, ("totp",)),
    ),
    "another was chosen": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp", "email_code", preferred="totp"), method="email_code"),
        EnterCode("email_code", "ada", True, ("totp",)),
    ),
    "one was chosen that is not the user's": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp"), method="sms_code"),
        EnterCode("totp", "ada", True),
    ),
    "backup codes were chosen": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp", "backup_codes"), method="backup_codes"),
        EnterCode("backup_codes", "ada", True, ("totp",)),
    ),
    "the list was asked for": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp", "email_code"), method="choose"),
        ChooseMethod("ada", True, ("totp", "email_code")),
    ),
    "a passkey": (proven(PASSWORD, mfa=mfa("optional", "passkey"), summary=has("passkey")), UsePasskey("ada", True)),
    "without a name, the username stands for it": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp"), identifier=None),
        EnterCode("totp", "Ada", True),
    ),
    "silently, the session is not enough": (
        facts(CLIENT_REQUIRES, SESSION, prompt=("none",), mfa=OPTIONAL, user=USER, summary=has("totp")),
        "interaction_required",
    ),
    "the mailbox is not two": (proven(MAIL, mfa=OPTIONAL, summary=has("email_code")), Open("ada", (MAIL,))),
    "the mailbox is not two, where two are required": (
        proven(MAIL, mfa=REQUIRED, summary=has("email_code", enrollable=("totp",))),
        EnterPassword("ada"),
    ),
    "the mailbox is not two, where there are no passwords": (
        proven(
            MAIL,
            mfa=mfa("required", "email_code", "totp", first=("passkey",)),
            summary=has("email_code", enrollable=("totp",)),
        ),
        Enrol(("totp",)),
    ),
    "mailbox and phone are one kind": (
        proven(MAIL, TEXT, mfa=REQUIRED, summary=has("email_code", "sms_code")),
        EnterPassword("ada"),
    ),
    "offered to be remembered": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("totp"), session_policy=REMEMBER),
        EnterCode("totp", "ada", True, remember_days=30),
    ),
    "a passkey, offered to be remembered": (
        proven(PASSWORD, mfa=mfa("optional", "passkey"), summary=has("passkey"), session_policy=REMEMBER),
        UsePasskey("ada", True, remember_days=30),
    ),
    "remembered": (
        proven(PASSWORD, mfa=REQUIRED, summary=has("totp"), remembered=True),
        Open("ada", (PASSWORD, replace(DEVICE, at=NOW - 100))),
    ),
    "remembered, but given all the same": (
        proven(PASSWORD, TOTP, mfa=REQUIRED, summary=has("totp"), remembered=True),
        Open("ada", (PASSWORD, TOTP)),
    ),
    "the client requires more than the pool": (
        proven(PASSWORD, client=CLIENT_REQUIRES, mfa=mfa("off", "totp"), summary=has(enrollable=("totp",))),
        Enrol(("totp",)),
    ),
    "the client asks less than an optional pool": (
        proven(PASSWORD, client=CLIENT_OFF, mfa=OPTIONAL, summary=has("totp")),
        OPEN,
    ),
    "the client cannot ask less than a strict pool": (
        proven(PASSWORD, client=CLIENT_OFF, mfa=REQUIRED, summary=has("totp")),
        EnterCode("totp", "ada", True),
    ),
}

WEAK = replace(SESSION, authentication=ADA)
SURE = replace(SESSION, authentication=STRONG)
KNOWN = replace(SESSION, authentication=by(PASSWORD, DEVICE))

STEP_UP: dict[str, tuple[Facts, object]] = {
    "a session that is strong enough": (facts(CLIENT_REQUIRES, SURE, mfa=OPTIONAL, user=USER), Finish(STRONG)),
    "a remembered device is enough for the mode": (
        facts(CLIENT_REQUIRES, KNOWN, mfa=OPTIONAL, user=USER),
        Finish(KNOWN.authentication),
    ),
    "a session of a lesser client": (
        facts(CLIENT_REQUIRES, WEAK, mfa=OPTIONAL, user=USER, summary=has("totp")),
        EnterCode("totp", "Ada", True),
    ),
    "a session that passed the factor by": (
        facts(CLIENT, WEAK, mfa=OPTIONAL, user=USER, summary=has("totp"), passed_by=True),
        EnterCode("totp", "Ada", True),
    ),
    "a session from before the factor": (
        facts(CLIENT, WEAK, mfa=OPTIONAL, user=USER, summary=has("totp")),
        Finish(ADA),
    ),
    "a session that passed by what was given": (
        facts(
            CLIENT,
            replace(SESSION, authentication=by(MAIL)),
            mfa=OPTIONAL,
            user=USER,
            summary=has("email_code"),
            passed_by=True,
        ),
        Finish(by(MAIL)),
    ),
    "what was given since counts with it": (
        facts(CLIENT_REQUIRES, WEAK, mfa=OPTIONAL, user=USER, summary=has("totp"), user_id="ada", proofs=(TOTP,)),
        Open("ada", (PASSWORD, TOTP)),
    ),
    "a level": (
        facts(CLIENT, WEAK, mfa=OPTIONAL, user=USER, summary=has("totp"), acr_values=(ACR_LEVELS[3],)),
        EnterCode("totp", "Ada", True),
    ),
    "a level that is reached": (facts(CLIENT, SURE, user=USER, acr_values=(ACR_LEVELS[3],)), Finish(STRONG)),
    "the least of the levels": (facts(CLIENT, WEAK, user=USER, acr_values=(ACR_LEVELS[3], ACR_LEVELS[0])), Finish(ADA)),
    "a level that nobody knows": (facts(CLIENT, WEAK, user=USER, acr_values=("gold",)), Finish(ADA)),
    "only what reaches the level": (
        proven(
            PASSWORD, mfa=OPTIONAL, summary=has("totp", "email_code"), acr_values=(ACR_LEVELS[3],), method="email_code"
        ),
        EnterCode("totp", "ada", True),
    ),
    "nothing reaches the level": (
        proven(PASSWORD, mfa=OPTIONAL, summary=has("email_code"), acr_values=(ACR_LEVELS[3],)),
        "unmet_authentication_requirements",
    ),
    "a level, and the device is not remembered for it": (
        proven(
            PASSWORD,
            mfa=OPTIONAL,
            summary=has("totp"),
            acr_values=(ACR_LEVELS[3],),
            remembered=True,
            session_policy=REMEMBER,
        ),
        EnterCode("totp", "ada", True),
    ),
    "a session whose user is no more": (facts(CLIENT_REQUIRES, WEAK), Identify()),
}

NO_MAIL = replace(USER, email_verified=False)
PHONE = replace(NO_MAIL, phone_number="+15550100200", phone_number_verified=True)

RISK: dict[str, tuple[Facts, object]] = {
    "nothing": (proven(PASSWORD, risk="notify", summary=has()), OPEN),
    "stopped": (proven(PASSWORD, risk="block", risks=("new_device",)), Blocked(("new_device",))),
    "the own factor": (
        proven(PASSWORD, risk="require_factor", mfa=mfa("off", "totp"), summary=has("totp")),
        EnterCode("totp", "ada", True),
    ),
    "a code to the mailbox": (
        proven(PASSWORD, risk="require_factor", summary=has()),
        EnterCode("email_code", "ada", True),
    ),
    "a code to the phone": (
        proven(PASSWORD, user=PHONE, risk="require_factor", summary=has()),
        EnterCode("sms_code", "ada", True),
    ),
    "nothing is offered to be remembered": (
        proven(PASSWORD, risk="require_factor", mfa=OPTIONAL, summary=has("totp"), session_policy=REMEMBER),
        EnterCode("totp", "ada", True),
    ),
    "a remembered device does not do": (
        proven(PASSWORD, risk="require_factor", mfa=OPTIONAL, summary=has("totp"), remembered=True),
        EnterCode("totp", "ada", True),
    ),
    "given": (proven(PASSWORD, MAIL, risk="require_factor", summary=has()), Open("ada", (PASSWORD, MAIL))),
    "nothing to show but the password": (
        proven(PASSWORD, user=NO_MAIL, risk="require_factor", risks=("new_network",), summary=has()),
        Blocked(("new_network",)),
    ),
    "nothing to show, and nothing is set up for it": (
        proven(PASSWORD, user=NO_MAIL, risk="require_factor", mfa=REQUIRED, summary=has(enrollable=("totp",))),
        Blocked(()),
    ),
    "the mailbox was shown already": (proven(MAIL, risk="require_factor", summary=has()), Open("ada", (MAIL,))),
    "without any look at the factors": (
        proven(PASSWORD, user=NO_MAIL, risk="require_factor"),
        Blocked(()),
    ),
}

NUDGING = mfa("off", first=("password", "passkey"))

INVITED: dict[str, tuple[Facts, object]] = {
    "after a sign-in": (facts(session=SESSION, authentication=ADA, invitable=True, user=USER, mfa=NUDGING), Invite()),
    "not by a session": (facts(session=SESSION, invitable=True, user=USER, mfa=NUDGING), Finish(ADA)),
    "taken": (
        facts(session=SESSION, authentication=ADA, invitable=True, user=USER, mfa=NUDGING, enrolling="passkey"),
        Enrol(("passkey",), "passkey", required=False),
    ),
    "not silently": (
        facts(session=SESSION, authentication=ADA, invitable=True, user=USER, mfa=NUDGING, prompt=("none",)),
        Finish(ADA),
    ),
    "before consent": (
        facts(ASKING, SESSION, authentication=ADA, invitable=True, user=USER, mfa=NUDGING),
        Invite(),
    ),
}

TERMS, RENEWED, LATER = (
    SignUpPolicy(terms_uri="https://a.example/t", terms_required=required, terms_changed=changed)
    for required, changed in ((True, None), (True, NOW - 10), (True, NOW + 1))
)
AGREED = replace(USER, accepted_terms_at=NOW - 50)
NAMED = SignUpPolicy(required_attributes=("given_name",))
DESK = AttributeDefinition("custom:desk", "number", required=True)


def in_(**changes: Any) -> Facts:
    """Ada has a session."""
    return facts(**{"session": SESSION, "user": USER} | changes)


def fields_of(*names: str, **changes: Any) -> CompleteProfile:
    return CompleteProfile(tuple(Field(name, required=True, **changes) for name in names))


OWED: dict[str, tuple[Facts, object]] = {
    "never agreed": (in_(sign_up_policy=TERMS), AgreeToTerms()),
    "never agreed, and nobody asks": (in_(sign_up_policy=replace(TERMS, terms_required=False)), Finish(ADA)),
    "never agreed, just signed in": (in_(sign_up_policy=TERMS, authentication=ADA), AgreeToTerms()),
    "never agreed, silently": (in_(sign_up_policy=TERMS, prompt=("none",)), "interaction_required"),
    "agreed": (in_(sign_up_policy=TERMS, user=AGREED), Finish(ADA)),
    "agreed, silently": (in_(sign_up_policy=TERMS, user=AGREED, prompt=("none",)), Finish(ADA)),
    "agreed to others": (in_(sign_up_policy=RENEWED, user=AGREED), AgreeToTerms(since=NOW - 10)),
    "agreed since they changed": (
        in_(sign_up_policy=RENEWED, user=replace(USER, accepted_terms_at=NOW - 10)),
        Finish(ADA),
    ),
    "agreed before they will change": (in_(sign_up_policy=LATER, user=AGREED), Finish(ADA)),
    "terms before the profile": (
        in_(sign_up_policy=replace(TERMS, required_attributes=("given_name",))),
        AgreeToTerms(),
    ),
    "the profile before consent": (in_(client=ASKING, sign_up_policy=NAMED), fields_of("given_name")),
    "the profile before an invitation": (
        in_(authentication=ADA, invitable=True, mfa=NUDGING, sign_up_policy=NAMED),
        fields_of("given_name"),
    ),
    "the profile, silently": (in_(sign_up_policy=NAMED, prompt=("none",)), "interaction_required"),
    "a value": (in_(sign_up_policy=NAMED, user=replace(USER, attributes={"given_name": "Ada"})), Finish(ADA)),
    "an empty value": (
        in_(sign_up_policy=NAMED, user=replace(USER, attributes={"given_name": ""})),
        fields_of("given_name"),
    ),
    "by the schema": (in_(attributes_policy=(DESK,)), fields_of("custom:desk", kind="number")),
    "by the schema, a false": (
        in_(attributes_policy=(replace(DESK, type="boolean"),), user=replace(USER, attributes={"custom:desk": False})),
        Finish(ADA),
    ),
    "by the schema, but for operators": (in_(attributes_policy=(replace(DESK, self_editable=False),)), Finish(ADA)),
    "what the client may not write": (
        in_(client=replace(CLIENT, write_attributes=("name",)), sign_up_policy=NAMED),
        Finish(ADA),
    ),
    "what the client may write": (
        in_(client=replace(CLIENT, write_attributes=("given_name",)), sign_up_policy=NAMED),
        fields_of("given_name"),
    ),
    "an address": (
        in_(sign_up_policy=SignUpPolicy(required_attributes=("email", "phone_number"))),
        fields_of("phone_number", kind="tel"),
    ),
    "not before the factors": (
        proven(PASSWORD, sign_up_policy=TERMS, mfa=OPTIONAL, summary=has("totp")),
        EnterCode("totp", "ada", True),
    ),
}

TABLE = {
    f"{name}: {case}": found
    for name, table in {
        "who": WHO,
        "consent": CONSENT,
        "first": FIRST,
        "account": ACCOUNT,
        "second": SECOND,
        "step-up": STEP_UP,
        "risk": RISK,
        "invitation": INVITED,
        "custom": OWN,
        "owed": OWED,
    }.items()
    for case, found in table.items()
}


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE.keys())
def test_the_next_step(case: tuple[Facts, object]) -> None:
    known, expected = case
    step = next_step(known, NOW)
    if isinstance(expected, str):
        assert isinstance(step, Refuse)
        assert step.code == expected
        assert step.sentence.isascii()
    else:
        assert step == expected


NEEDS: dict[str, tuple[Facts, bool]] = {
    "a stranger": (facts(mfa=REQUIRED), False),
    "a session, where there are none": (facts(session=SESSION), False),
    "a session, where they are optional": (facts(session=SESSION, mfa=OPTIONAL), True),
    "a strong session, where they are optional": (facts(session=SURE, mfa=OPTIONAL), False),
    "a remembered session, where they are optional": (facts(session=KNOWN, mfa=OPTIONAL), False),
    "a session, where they are required": (facts(session=SESSION, mfa=REQUIRED), True),
    "a strong session, where they are required": (facts(session=SURE, mfa=REQUIRED), False),
    "a session, for a client that asks none": (facts(CLIENT_OFF, SESSION, mfa=OPTIONAL), False),
    "a session, for a level": (facts(session=SESSION, acr_values=(ACR_LEVELS[2],)), True),
    "a proof, where there are none": (proven(PASSWORD), False),
    "a proof, where there are some": (proven(PASSWORD, mfa=mfa("off", "totp")), True),
    "a proof, for a level": (proven(PASSWORD, acr_values=(ACR_LEVELS[0],)), True),
    "a proof that looks unusual": (proven(PASSWORD, risk="notify"), True),
    "just signed in, where passkeys may be added": (facts(session=SESSION, authentication=ADA, mfa=NUDGING), True),
    "just signed in, where they may be second": (
        facts(session=SESSION, authentication=ADA, mfa=mfa("off", "passkey")),
        True,
    ),
    "just signed in by one": (facts(session=SESSION, authentication=by(PASSKEY), mfa=NUDGING), False),
    "just signed in, where nobody is nudged": (
        facts(session=SESSION, authentication=ADA, mfa=mfa("off", first=("password", "passkey"), nudge=False)),
        False,
    ),
    "just signed in, where there are no passkeys": (facts(session=SESSION, authentication=ADA), False),
}


@pytest.mark.parametrize("case", NEEDS.values(), ids=NEEDS.keys())
def test_factors_are_read_only_where_something_hangs_on_them(case: tuple[Facts, bool]) -> None:
    known, expected = case
    assert needs_factors(known, NOW) is expected


@pytest.mark.parametrize(
    ("pool", "client", "mode"),
    [
        ("off", None, "off"),
        ("off", "required", "required"),
        ("optional", "off", "off"),
        ("optional", "required", "required"),
        ("required", "off", "required"),
        ("required", "optional", "required"),
        ("required", None, "required"),
    ],
)
def test_the_mode_is_the_client_s_word_over_the_pool_s_floor(pool: Any, client: Any, mode: str) -> None:
    assert mfa_mode(Pool("p", "p", mfa=MfaPolicy(mode=pool)), replace(CLIENT, mfa=client)) == mode


LEVELS: dict[str, tuple[MfaPolicy, int]] = {
    "a password alone": (mfa(), 1),
    "a mailed code": (mfa(first=("email_code",)), 2),
    "a texted code beside the password": (mfa(first=("password", "sms_code")), 2),
    "a passkey": (mfa(first=("passkey",)), 3),
    "a password and a mailed code": (mfa("optional", "email_code"), 3),
    "the pool's own challenge": (mfa(first=("custom",)), 1),
    "the pool's own challenge and an app": (mfa("optional", "totp", first=("custom",)), 2),
    "the pool's own challenge and a passkey": (mfa("optional", "passkey", first=("custom",)), 3),
    "a password and an app": (mfa("required", "totp", "email_code"), 4),
    "a password and a passkey": (mfa("optional", "passkey"), 4),
    "off, but clients may ask": (mfa("off", "totp"), 4),
    "backup codes alone": (mfa("optional", "backup_codes"), 1),
}


@pytest.mark.parametrize("case", LEVELS.values(), ids=LEVELS.keys())
def test_the_levels_that_a_pool_announces(case: tuple[MfaPolicy, int]) -> None:
    policy, highest = case
    assert supported_levels(Pool("p", "p", mfa=policy)) == ACR_LEVELS[:highest]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [((), 0), (("x",), 0), ((ACR_LEVELS[3],), 4), ((ACR_LEVELS[3], ACR_LEVELS[1]), 2), (("x", ACR_LEVELS[2]), 3)],
)
def test_the_level_that_is_wanted_is_the_least_of_those_that_would_do(values: tuple[str, ...], wanted: int) -> None:
    assert wanted_level(Pool("p", "p"), replace(REQUEST, acr_values=values)) == wanted


def test_an_authentication_is_as_old_as_its_first_factor() -> None:
    made = authentication_of(Pool("p", "p"), "ada", (PASSWORD, TOTP), ("pwd", "otp", "mfa"))
    assert made == Authentication("ada", NOW - 100, ("pwd", "otp", "mfa"), ACR_LEVELS[3], (PASSWORD, TOTP))


# ------------------------------------------------------------------------------------------------- whatever happens

FACTORS: tuple[FactorKind, ...] = get_args(FactorKind)
FIRSTS: tuple[FirstFactor, ...] = get_args(FirstFactor)
GIVEN = (PASSWORD, TOTP, MAIL, TEXT, BACKUP, PASSKEY, TOUCH)


patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Each example is made of many small draws, which take their time on a busy machine."""


@st.composite
def situations(draw: st.DrawFn) -> Facts:
    """Facts that go together as `situations` reads them: the summary is what the policy makes of the credentials."""
    policy = MfaPolicy(
        mode=draw(st.sampled_from(("off", "optional", "required"))),
        factors=tuple(sorted(draw(st.sets(st.sampled_from(FACTORS))))),
        first_factors=tuple(sorted(draw(st.sets(st.sampled_from(FIRSTS), min_size=1)))),
        nudge=draw(st.booleans()),
    )
    pool = Pool("pool", "Pool", mfa=policy, session=draw(st.sampled_from((SessionPolicy(), REMEMBER))))
    user = replace(
        USER,
        email_verified=draw(st.booleans()),
        phone_number="+15550100200",
        phone_number_verified=draw(st.booleans()),
        state=draw(st.sampled_from(("confirmed", "confirmed", "unconfirmed", "must_change", "reset_required"))),
        delete_after=draw(st.sampled_from((None, None, NOW + 1))),
    )
    kinds = draw(st.sets(st.sampled_from(("totp", "passkey", "email_code", "sms_code"))))
    credentials = [Credential(k, "pool", "ada", k) for k in sorted(kinds)]
    summary = summarize(pool, user, credentials, draw(st.sampled_from((0, 3))))
    given_here = tuple(draw(st.lists(st.sampled_from(GIVEN), unique_by=lambda p: p.method, max_size=3)))
    session = draw(st.sampled_from((None, SESSION, SURE, KNOWN)))
    confirmed = user.state == "confirmed"
    sign_in = replace(
        SIGN_IN,
        request=replace(
            REQUEST,
            prompt=draw(st.sampled_from(((), (), ("none",), ("login",)))),
            acr_values=draw(st.sampled_from(((), (), (ACR_LEVELS[2],), (ACR_LEVELS[3],)))),
        ),
        identifier=draw(st.sampled_from((None, "ada"))),
        user_id="ada" if given_here else None,
        proofs=given_here,
        method=draw(st.sampled_from((None, "choose", *FACTORS, *FIRSTS))),
        enrolling=draw(st.sampled_from((None, "totp", "passkey"))),
        risks=("new_device",),
    )
    client = replace(CLIENT, mfa=draw(st.sampled_from((None, "off", "optional", "required"))))
    return Facts(
        pool,
        sign_in,
        client,
        session if confirmed else None,
        None,
        user if given_here or (session is not None and confirmed) else None,
        summary,
        remembered=bool(given_here) and draw(st.booleans()) and pool.session.remember_device_days > 0,
        passed_by=draw(st.booleans()),
        risk=draw(st.sampled_from(("ignore", "notify", "require_factor", "block"))),
    )


@patient
@given(situations())
def test_nobody_gets_in_with_less_than_is_due(known: Facts) -> None:
    step, sign_in = next_step(known, NOW), known.sign_in
    if isinstance(step, Open | Finish):
        proofs = step.proofs if isinstance(step, Open) else step.authentication.proofs
        assert proofs
        assert level(proofs) >= wanted_level(known.pool, sign_in.request)
        if mfa_mode(known.pool, known.client) == "required":
            assert is_multi_factor(proofs) or known.remembered or DEVICE in proofs
    if isinstance(step, Open):
        assert known.user is not None
        assert known.user.can_sign_in
        assert known.user.delete_after is None
        assert known.risk != "block"
        own = set(known.summary.usable if known.summary is not None else ()) - {"backup_codes"}
        if mfa_mode(known.pool, known.client) != "off" and own - {p.method for p in proofs}:
            assert is_multi_factor(proofs) or known.remembered, "who has a factor is asked for it"
        if known.risk == "require_factor" and {p.method for p in proofs} <= {"password", "device"}:
            raise AssertionError("a password alone is not enough")
    if isinstance(step, Enrol) and step.required:
        assert (
            not set(known.summary.usable if known.summary is not None else ())
            - {"backup_codes"}
            - {p.method for p in sign_in.proofs}
            or known.sign_in.authentication is not None
        ), "nobody adds a factor instead of giving one"
    if "none" in sign_in.request.prompt and not sign_in.proofs:
        assert isinstance(step, Finish | Refuse)


@patient
@given(situations())
def test_each_step_can_be_taken(known: Facts) -> None:
    """What a step asks for leads on: no step offers itself again once it is done."""
    step = next_step(known, NOW)
    done: tuple[Proof, ...] = ()
    match step:
        case EnterPassword():
            done = (PASSWORD,)
        case EnterCode(method):
            done = (Proof(method, NOW - 80),)
        case UsePasskey(second=second):
            done = (Proof("passkey", NOW - 80, verified=not second),)
        case Enrol(chosen=chosen) if chosen is not None and step.required:
            done = (Proof(chosen, NOW - 80, verified=True),)  # type: ignore[arg-type]  # a kind that can be set up
    if not done:
        return
    same = known.sign_in.user_id == "ada" and known.user is not None
    before = known.sign_in.proofs if same else ()
    moved = replace(
        known.sign_in, user_id="ada", proofs=(*before, *done), method=None, enrolling=None, identifier="ada"
    )
    user = known.user or USER
    after = next_step(replace(known, sign_in=moved, user=user, risk="ignore"), NOW)
    assert after != step


@given(
    st.builds(
        facts,
        client=st.sampled_from((CLIENT, ASKING)),
        session=st.sampled_from((None, SESSION)),
        consent=st.sampled_from((None, (), ("openid",), SCOPE)),
        prompt=st.sampled_from(
            ((), ("none",), ("login",), ("consent",), ("select_account",), ("login", "select_account"))
        ),
        max_age=st.sampled_from((None, 0, 50, 1000)),
        id_token_hint_sub=st.sampled_from((None, "ada", "bob")),
        identifier=st.sampled_from((None, "ada", "bob")),
        authentication=st.sampled_from((None, ADA, BOB)),
        account_chosen=st.booleans(),
        other_account=st.booleans(),
        consented_by=st.sampled_from((None, "ada", "bob")),
    )
)
def test_no_combination_answers_the_client_without_what_it_asked_for(known: Facts) -> None:
    step = next_step(known, NOW)
    asked, sign_in = known.sign_in.request, known.sign_in
    if "none" in asked.prompt:
        assert isinstance(step, Finish | Refuse)
    if isinstance(step, Finish):
        assert asked.id_token_hint_sub in {None, step.authentication.user_id}
        if sign_in.authentication is None:
            assert known.session is not None
            assert "login" not in asked.prompt
            assert not sign_in.other_account
            assert asked.max_age is None or asked.max_age >= 100
        if sign_in.consented_by != step.authentication.user_id:
            assert "consent" not in asked.prompt
            assert not known.client.require_consent or set(asked.scope) <= set(
                known.consent.scope if known.consent else ()
            )
    if isinstance(step, EnterPassword):
        assert step.identifier == sign_in.identifier


def test_every_step_there_is_was_seen() -> None:
    """The table above reaches each of them."""
    seen = {type(next_step(known, NOW)) for known, _ in TABLE.values()}
    assert seen == set(get_args(Step))


@pytest.mark.parametrize(("max_age", "age", "old"), [(None, 10**9, False), (0, 0, True), (1, 1, False), (1, 2, True)])
def test_how_old_is_too_old(max_age: int | None, age: int, old: bool) -> None:
    assert too_old(replace(ADA, auth_time=NOW - age), max_age, NOW) is old


def test_what_consent_is_about() -> None:
    named = {"id_token": ("nickname", "sub_x"), "userinfo": ("phone_number", "email", "custom:department")}
    assert asked_scope(replace(REQUEST, claims=named)) == ("openid", "email", "profile", "phone")


@given(
    state=st.one_of(st.none(), st.text()),
    members=st.dictionaries(st.sampled_from(("code", "error", "error_description")), st.text(), min_size=1),
    uri=st.sampled_from(("https://a.example/cb", "https://a.example/cb?x=1&y=2", "com.example.app:/cb")),
)
def test_an_authorization_response_says_exactly_what_was_meant(
    state: str | None, members: dict[str, str], uri: str
) -> None:
    """RFC 6749 4.1.2, RFC 9207 2: nothing in a member can become another one."""
    made = response_uri(replace(REQUEST, redirect_uri=uri, state=state), "https://issuer.example/p", **members)
    assert made.isascii()
    assert made.startswith(uri)
    said = parse_qs(urlsplit(made).query, keep_blank_values=True, strict_parsing=True)
    before = parse_qs(urlsplit(uri).query)
    expected = members | {"iss": "https://issuer.example/p"} | ({} if state is None else {"state": state})
    assert said == before | {k: [v] for k, v in expected.items()}


# ---------------------------------------------------------------------------------------------------- signing out

OUT = "https://app.example.com/out"
WEB = replace(CLIENT, post_logout_redirect_uris=(OUT, f"{OUT}?x=1"))
MINE = Hint("web", "ada", "sid")
GO, STAY, ASK = (
    LogoutPlan(ask=False, return_to=OUT),
    LogoutPlan(ask=False, return_to=None),
    LogoutPlan(ask=True, return_to=None),
)

LEAVING: dict[str, tuple[dict[str, str], Client | None, Hint | None, Session | None, LogoutPlan]] = {
    "nothing, signed out": ({}, None, None, None, STAY),
    "nothing": ({}, None, None, SESSION, ASK),
    "own hint": ({}, WEB, MINE, SESSION, STAY),
    "own hint and address": ({"post_logout_redirect_uri": OUT}, WEB, MINE, SESSION, GO),
    "Cognito's name for it": ({"logout_uri": OUT}, WEB, MINE, SESSION, GO),
    "hint without a session id": ({"logout_uri": OUT}, WEB, replace(MINE, sid=None), SESSION, GO),
    "hint of another session": ({"logout_uri": OUT}, WEB, replace(MINE, sid="x"), SESSION, replace(GO, ask=True)),
    "hint of another person": ({"logout_uri": OUT}, WEB, replace(MINE, sub="bob"), SESSION, replace(GO, ask=True)),
    "no hint": ({"logout_uri": OUT}, WEB, None, SESSION, replace(GO, ask=True)),
    "no hint, signed out": ({"logout_uri": OUT}, WEB, None, None, GO),
    "unknown address": ({"logout_uri": f"{OUT}/x"}, WEB, MINE, SESSION, ASK),
    "unknown address, signed out": ({"logout_uri": f"{OUT}/x"}, WEB, MINE, None, ASK),
    "address of no client": ({"logout_uri": OUT}, None, MINE, SESSION, ASK),
    "state": ({"logout_uri": OUT, "state": "a&b"}, WEB, MINE, SESSION, LogoutPlan(ask=False, return_to=f"{OUT}?state=a%26b")),
    "state behind a query": (
        {"logout_uri": f"{OUT}?x=1", "state": "s"}, WEB, MINE, SESSION, LogoutPlan(ask=False, return_to=f"{OUT}?x=1&state=s"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LEAVING.values(), ids=LEAVING.keys())
def test_what_a_request_to_sign_out_leads_to(case: Any) -> None:
    params, client, hint, session, expected = case
    assert judge(params, client, hint, session) == expected
