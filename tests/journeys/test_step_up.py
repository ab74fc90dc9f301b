"""Stronger authentication on request: `acr_values`, the essential `acr` claim, and sessions that prove too little."""

import json
from typing import Any

import pytest

from authserver.model.pools import MfaPolicy, SessionPolicy
from tests.journeys.house import ADA, CALLBACK, CLIENTS, POOL, answered, client, each, hidden, house
from tests.journeys.people import App, mfa_pool, steps_on, tokens_of
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

LOW, SENT, GOOD, BEST = (f"urn:poolgate:acr:{i}" for i in (1, 2, 3, 4))


def essential(*values: str, **more: Any) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(values)} | more}})


WAYS: dict[str, dict[str, str]] = {
    "acr_values": {"acr_values": BEST},
    "one of several": {"acr_values": f"unknown {BEST}"},
    "essential claim": {"claims": essential(BEST)},
    "essential value": {"claims": json.dumps({"id_token": {"acr": {"essential": True, "value": BEST}}})},
}


@each("asked", WAYS)
async def test_a_session_by_password_steps_up(asked: dict[str, str]) -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        before = await tokens_of(browser, await browser.sign_in())
        assert before["id"]["acr"] == LOW
        at.time.pass_(120)
        page = await browser.login_page(**asked)
        assert "password" not in steps_on(page), "what was proven counts"
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        for kind in ("id", "access"):
            assert tokens[kind]["acr"] == BEST
            assert tokens[kind]["amr"] == ["pwd", "otp", "mfa"]
        assert tokens["id"]["auth_time"] == before["id"]["auth_time"], "a step-up does not make it younger"
        assert tokens["id"]["sid"] == before["id"]["sid"], "and it is the same session"
        assert "code" in answered(await browser.authorize(prompt="none", **asked)), "which stays strong"


@each("asked", WAYS)
async def test_a_sign_in_from_the_beginning_asks_for_both(asked: dict[str, str]) -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser, **asked)
        assert browser.cookie("session") is None
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        assert tokens["id"]["acr"] == BEST


@each("asked", WAYS)
async def test_prompt_none_says_that_somebody_has_to_act(asked: dict[str, str]) -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        await enrolled(at, "totp")
        browser = at.browser()
        await browser.sign_in()
        refused = answered(await browser.authorize(prompt="none", **asked))
        assert refused["error"] == "interaction_required"
        assert refused["state"] == "the-state"
        assert "code" in answered(await browser.authorize(prompt="none"))
        assert answered(await at.browser().authorize(prompt="none", **asked))["error"] == "login_required"


@each("asked", WAYS)
async def test_who_has_no_such_factor_is_refused_with_the_registered_error(asked: dict[str, str]) -> None:
    """RFC 9470; OpenID Connect unmet authentication requirements."""
    async with house(mfa_pool("optional", ("totp",))) as at:
        refused = answered(await at.browser().sign_in("bob", **asked))
        assert refused["error"] == "unmet_authentication_requirements"
        assert refused["state"] == "the-state"
        assert refused["iss"].endswith(POOL)
        assert "code" in answered(await at.browser().sign_in("bob"))


async def test_only_after_the_right_password_is_that_told() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        browser = at.browser()
        assert (await browser.sign_in("bob", "wrong", acr_values=BEST)).status_code == 422
        assert (await at.browser().sign_in("nobody", acr_values=BEST)).status_code == 422


@each(
    "values", {"unknown": "phr phrh", "empty": "", "of the lowest level": LOW, "the lowest of several": f"{BEST} {LOW}"}
)
async def test_what_asks_for_nothing_more_asks_nothing(values: str) -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        tokens = await tokens_of(browser := at.browser(), await browser.sign_in("bob", acr_values=values))
        assert tokens["id"]["acr"] == LOW


async def test_a_voluntary_claim_asks_nothing() -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        claims = json.dumps({"id_token": {"acr": {"values": [BEST]}}})
        tokens = await tokens_of(browser := at.browser(), await browser.sign_in("bob", claims=claims))
        assert tokens["id"]["acr"] == LOW


async def test_an_essential_level_that_nobody_reaches_here_is_refused_at_once() -> None:
    async with house() as at:
        refused = answered(await at.browser().authorize(claims=essential("urn:example:unknown")))
        assert refused["error"] == "unmet_authentication_requirements"
        assert "/login?" in (await at.browser().authorize(claims=essential(LOW))).headers["location"]


@each(
    "levels",
    {
        "a mailed code beside the password is three": (GOOD, "email_code", ["pwd", "email_otp", "mfa"]),
        "a text message too": (GOOD, "sms_code", ["pwd", "sms", "mfa"]),
        "an app is four, and does for three": (GOOD, "totp", ["pwd", "otp", "mfa"]),
    },
)
async def test_the_factors_that_reach_a_level(levels: tuple[str, str, list[str]]) -> None:
    wanted, kind, amr = levels
    async with house(mfa_pool("optional", (kind,))) as at:
        app = await enrolled(at, kind)
        browser = at.browser()
        page = await after_password(browser, acr_values=wanted)
        code = app.code if app is not None else (await at.mail())[-1].code
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=code or ""))
        assert tokens["id"]["amr"] == amr


async def test_only_factors_that_reach_the_level_are_offered() -> None:
    async with house(mfa_pool("optional", ("totp", "email_code"))) as at:
        app = await enrolled(at, "totp", "email_code")
        browser = at.browser()
        page = await after_password(browser, acr_values=BEST)
        assert 'value="email_code"' not in page.text
        forged = await browser.http.post(
            str(page.url), data={"csrf": hidden(page)["csrf"], "step": "method", "method": "email_code"}
        )
        assert forged.status_code == 303
        page = await browser.open(forged)
        assert 'value="email_code"' not in page.text
        assert await at.mail() == []
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_a_remembered_device_does_not_step_up() -> None:
    async with house(mfa_pool("optional", ("totp",), session=SessionPolicy(remember_device_days=30))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        assert "code" in answered(await browser.submit(page, step="code", code=app.code, remember="true"))
        at.time.pass_(30 * 3600)
        tokens = await tokens_of(browser, await browser.sign_in())
        assert tokens["id"]["acr"] == LOW
        assert "code" in steps_on(await browser.login_page(acr_values=BEST))
        again = at.browser()
        again.http.cookies = browser.http.cookies
        assert answered(await again.authorize(prompt="none", acr_values=BEST))["error"] == "interaction_required"


async def test_another_person_cannot_step_up_a_session() -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        mallory = await enrolled(at, "totp", username="bob")
        await enrolled(at, "totp")
        browser = at.browser()
        await browser.sign_in()
        page = await browser.login_page(acr_values=BEST)
        assert (await browser.submit(page, step="code", code=mallory.code)).status_code == 422
        assert answered(await browser.authorize(prompt="none", acr_values=BEST))["error"] == "interaction_required"


async def test_a_session_that_ends_during_the_step_up_takes_its_proof_along() -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        await browser.sign_in()
        page = await browser.login_page(acr_values=BEST)
        for session in await at.stores.sessions.sessions_of_user(POOL, ADA.id):
            await at.stores.sessions.delete_session(POOL, session.key)
        answer = await browser.submit(page, step="code", code=app.code)
        assert not answer.headers.get("location", "").startswith(CALLBACK), "an app alone is nobody's sign-in"
        assert answered(await browser.authorize(prompt="none"))["error"] == "login_required"


async def test_max_age_and_a_level_ask_for_both_again() -> None:
    async with house(mfa_pool("off", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser, acr_values=BEST)
        await browser.submit(page, step="code", code=app.code)
        at.time.pass_(600)
        page = await browser.login_page(acr_values=BEST, max_age="60")
        assert "password" in steps_on(page)
        assert "code" in answered(await browser.authorize(acr_values=BEST, max_age="700"))


async def test_a_client_that_requires_factors_steps_a_session_up() -> None:
    async with house(mfa_pool("off", ("totp",)), clients=(*CLIENTS, client("bank", mfa="required"))) as at:
        app: App | None = await enrolled(at, "totp")
        assert app is not None
        browser = at.browser()
        await browser.sign_in()
        assert answered(await browser.authorize(client_id="bank", prompt="none"))["error"] == "interaction_required"
        page = await browser.login_page(client_id="bank")
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_who_has_none_sets_one_up_for_it_in_the_session() -> None:
    async with house(mfa_pool("off", ("totp",)), clients=(*CLIENTS, client("bank", mfa="required"))) as at:
        browser = at.browser()
        await browser.sign_in("bob")
        page = await browser.login_page(client_id="bank")
        assert steps_on(page)[0] == "enrol"
        page = await browser.open(await browser.submit(page, step="enrol", method="totp"))
        app = App.of(at, page)
        answer = await browser.submit(page, step="enrol_totp", code=app.code)
        assert "code" in answered(answer)


async def test_levels_are_those_of_the_pool_s_own_names() -> None:
    levels = ("a", "b", "c", "d")
    async with house(mfa_pool("off", ("totp",), acr_levels=levels)) as at:
        stored = await at.stores.registry.pool(POOL)
        app = await enrolled(at, "totp")
        await at.change_pool(mfa=MfaPolicy(mode="off", factors=("totp",), acr_levels=stored.mfa.acr_levels))
        browser = at.browser()
        page = await after_password(browser, acr_values="d")
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        assert tokens["id"]["acr"] == "d"
        assert "code" in answered(await at.browser().sign_in("bob", acr_values=BEST)), "not a name of this pool"
