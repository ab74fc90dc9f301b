"""The dispatcher: which step a sign-in needs next, and what a request to sign out leads to. Pure."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.model.clients import Client
from authserver.model.grants import Consent
from authserver.model.sessions import Authentication, AuthorizationRequest, Session, SignIn
from authserver.signin.service import response_uri
from authserver.signin.sign_out import Hint, LogoutPlan, judge
from authserver.signin.steps import (
    AskConsent,
    EnterPassword,
    Facts,
    Finish,
    Identify,
    Refuse,
    asked_scope,
    next_step,
    too_old,
)

NOW = 1_800_000_000
ADA = Authentication("ada", NOW - 100, ("pwd",), "acr")
BOB = Authentication("bob", NOW - 100, ("pwd",), "acr")
SESSION = Session("key", "sid", "pool", ADA, NOW - 100, NOW - 100)
REQUEST = AuthorizationRequest("web", "https://app.example.com/cb", True, ("openid", "email"), "")
SIGN_IN = SignIn("id", "pool", "browser", REQUEST, NOW, NOW + 1800)
CLIENT = Client("web", "pool")
ASKING = replace(CLIENT, require_consent=True)


def facts(
    client: Client = CLIENT, session: Session | None = None, consent: tuple[str, ...] | None = None, **changes: Any
) -> Facts:
    asked = {k: v for k, v in changes.items() if k in AuthorizationRequest.__slots__}
    own = {k: v for k, v in changes.items() if k not in asked}
    sign_in = replace(SIGN_IN, request=replace(REQUEST, **asked), **own)
    allowed = Consent("pool", "ada", "web", consent, NOW) if consent is not None else None
    return Facts(sign_in, client, session, allowed)


SCOPE = REQUEST.scope

TABLE: dict[str, tuple[Facts, object]] = {
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
    "consent not needed": (facts(session=SESSION, consent=()), Finish(ADA)),
    "consent needed": (facts(ASKING, SESSION), AskConsent(ADA, SCOPE, SCOPE)),
    "consent given before": (facts(ASKING, SESSION, ("email", "openid", "x")), Finish(ADA)),
    "consent given for less": (facts(ASKING, SESSION, ("openid",)), AskConsent(ADA, SCOPE, ("email",))),
    "consent given here": (facts(ASKING, SESSION, consented_by="ada"), Finish(ADA)),
    "consent given here by another": (facts(ASKING, SESSION, consented_by="bob"), AskConsent(ADA, SCOPE, SCOPE)),
    "consent needed, silently": (facts(ASKING, SESSION, prompt=("none",)), "consent_required"),
    "prompt=consent": (facts(CLIENT, SESSION, SCOPE, prompt=("consent",)), AskConsent(ADA, SCOPE, ())),
    "prompt=consent, given here": (facts(CLIENT, SESSION, prompt=("consent",), consented_by="ada"), Finish(ADA)),
    "names beyond the scopes": (
        facts(ASKING, SESSION, SCOPE, claims={"userinfo": ("phone_number", "email")}),
        AskConsent(ADA, (*SCOPE, "phone"), ("phone",)),
    ),
}


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE.keys())
def test_the_next_step(case: tuple[Facts, object]) -> None:
    known, expected = case
    step = next_step(known, NOW)
    if isinstance(expected, str):
        assert isinstance(step, Refuse)
        assert step.code == expected
    else:
        assert step == expected


sign_ins = st.builds(
    facts,
    client=st.sampled_from((CLIENT, ASKING)),
    session=st.sampled_from((None, SESSION)),
    consent=st.sampled_from((None, (), ("openid",), SCOPE)),
    prompt=st.sampled_from(((), ("none",), ("login",), ("consent",), ("select_account",), ("login", "select_account"))),
    max_age=st.sampled_from((None, 0, 50, 1000)),
    id_token_hint_sub=st.sampled_from((None, "ada", "bob")),
    identifier=st.sampled_from((None, "ada", "bob")),
    authentication=st.sampled_from((None, ADA, BOB)),
    account_chosen=st.booleans(),
    other_account=st.booleans(),
    consented_by=st.sampled_from((None, "ada", "bob")),
)


@given(sign_ins)
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
