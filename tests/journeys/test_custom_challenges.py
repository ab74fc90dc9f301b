"""A pool's own sign-in: its triggers define, create and verify challenges, and the hosted pages show them."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from authserver.model.pools import MfaPolicy, Pool, Trigger, TriggerPoint
from authserver.signin.origin import Origin
from authserver.triggers.veto import TriggerVeto
from tests.journeys.house import (
    ADA,
    BOB,
    PASSWORD,
    POOL,
    Browser,
    answered,
    each,
    error_code,
    hidden,
    house,
    pool,
)
from tests.journeys.people import fault_at, look, set_up_totp, step_of, steps_on, tokens_of, words_of

pytestmark = pytest.mark.anyio

DEFINE: list[dict[str, Any]] = []
CREATE: list[dict[str, Any]] = []
VERIFY: list[dict[str, Any]] = []
ANNOUNCED: list[dict[str, Any]] = []
PLAN: dict[str, Any] = {}
"""How the triggers below behave in a test: `define` makes the response of a session, the others override."""


def after(wanted: int) -> Any:
    """Tokens after so many right answers, failure with the third wrong one in a row."""

    def define(session: list[dict[str, Any]]) -> dict[str, Any]:
        results = [r["challengeResult"] for r in session]
        if results[-3:] == [False] * 3:
            return {"failAuthentication": True}
        return {"issueTokens": True} if sum(results) >= wanted else {"challengeName": "CUSTOM_CHALLENGE"}

    return define


def define(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    DEFINE.append(event)
    if PLAN.get("down") == "define":
        raise RuntimeError("out of order")
    event["response"] = PLAN.get("define", after(1))(event["request"]["session"])
    return event


def create(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    CREATE.append(event)
    if PLAN.get("down") == "create":
        raise RuntimeError("out of order")
    n = len(event["request"]["session"])
    event["response"] = {
        "publicChallengeParameters": {"question": f"What is {n} and {n}?", **PLAN.get("public", {})},
        "privateChallengeParameters": {"answer": str(n + n), **PLAN.get("private", {})},
        "challengeMetadata": PLAN.get("metadata", f"sum-{n}"),
    }
    return event


def verify(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    VERIFY.append(event)
    if PLAN.get("down") == "verify":
        raise RuntimeError("out of order")
    request = event["request"]
    right = request["challengeAnswer"] == request["privateChallengeParameters"]["answer"]
    event["response"] = {"answerCorrect": PLAN.get("always", right)}
    return event


@pytest.fixture(autouse=True)
def _nothing_planned() -> None:
    PLAN.clear()
    for seen in (DEFINE, CREATE, VERIFY, ANNOUNCED):
        seen.clear()


def points(*names: TriggerPoint) -> tuple[Trigger, ...]:
    functions = {
        "define_auth_challenge": "define",
        "create_auth_challenge": "create",
        "verify_auth_challenge_response": "verify",
    }
    return tuple(Trigger(n, callable=f"tests.journeys.test_custom_challenges:{functions[n]}") for n in names)


ALL = points("define_auth_challenge", "create_auth_challenge", "verify_auth_challenge_response")


def own(*first: str, **changes: Any) -> Pool:
    """A pool that begins by custom challenges, or by what is named."""
    mode, factors = changes.pop("mode", "off"), changes.pop("factors", ())
    policy = MfaPolicy(mode=mode, factors=factors, first_factors=first or ("custom",), nudge=False)  # type: ignore[arg-type]  # the literals
    return replace(pool(**changes), mfa=policy, triggers=ALL)


async def asked(browser: Browser, username: str = "ada", **changes: str | None) -> httpx.Response:
    """The page after the name."""
    page = await browser.login_page(**changes)
    return await browser.open(await browser.submit(page, step="identifier", username=username))


async def give(browser: Browser, page: httpx.Response, answer: str) -> httpx.Response:
    return await browser.submit(page, step="challenge", answer=answer)


# ---------------------------------------------------------------------------------------------------- the whole way


def announced(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    ANNOUNCED.append(event)
    if PLAN.get("refuse"):
        raise TriggerVeto("Not on Sundays.")
    return event


async def test_the_sign_in_is_announced_once_before_the_first_question() -> None:
    announcing = Trigger("pre_authentication", callable="tests.journeys.test_custom_challenges:announced")
    async with house(replace(own(), triggers=(*ALL, announcing))) as at:
        PLAN["refuse"] = True
        browser = at.browser()
        page = await browser.login_page()
        refused = await browser.submit(page, step="identifier", username="ada")
        if refused.status_code == 303:
            refused = await browser.open(refused)
        assert refused.status_code == 403
        assert "Not on Sundays." in refused.text
        assert CREATE == []
        PLAN.clear()
        ANNOUNCED.clear()
        PLAN["define"] = lambda session: (
            {"issueTokens": True}
            if len(session) == 2
            else {"challengeName": ("PASSWORD_VERIFIER", "CUSTOM_CHALLENGE")[len(session)]}
        )
        browser = at.browser()
        page = await asked(browser)
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        assert "code" in answered(await give(browser, page, "2"))
        assert [event["userName"] for event in ANNOUNCED] == ["Ada"]


async def test_from_the_name_by_a_question_to_the_tokens() -> None:
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        assert step_of(page) == "change_identifier"
        assert "challenge" in steps_on(page)
        assert "What is 0 and 0?" in words_of(page)
        answer = await give(browser, page, "0")
        tokens = await tokens_of(browser, answer)
        assert tokens["id"]["sub"] == ADA.id
        assert tokens["id"]["acr"] == "urn:poolgate:acr:1"
        assert "mfa" not in tokens["id"].get("amr", ())
        assert [e["request"]["session"] for e in DEFINE] == [
            [],
            [{"challengeName": "CUSTOM_CHALLENGE", "challengeResult": True, "challengeMetadata": "sum-0"}],
        ]
        assert VERIFY[0]["request"]["challengeAnswer"] == "0"
        assert {e["userName"] for e in (*DEFINE, *CREATE, *VERIFY)} == {"Ada"}
        assert {e["callerContext"]["clientId"] for e in (*DEFINE, *CREATE, *VERIFY)} == {"web"}
        assert "sign_in.succeeded" in at.kinds()


async def test_several_rounds_and_a_wrong_answer_among_them() -> None:
    PLAN["define"] = after(2)
    async with house(own()) as at:
        browser = at.browser()
        page = await browser.open(await give(browser, await asked(browser), "0"))
        assert "What is 1 and 1?" in words_of(page)
        page = await give(browser, page, "3")
        assert page.status_code == 422
        assert fault_at(page, "answer")
        assert "What is 2 and 2?" in words_of(page), "another question"
        assert browser.cookie("session") is None
        assert "code" in answered(await give(browser, page, "4"))
        assert [r["challengeResult"] for r in DEFINE[-1]["request"]["session"]] == [True, False, True]


async def test_what_a_challenge_may_show() -> None:
    PLAN["public"] = {"question": "Read <b>this</b>", "image": "https://cdn.example.com/q.png", "secret": "true"}
    async with house(own()) as at:
        page = await asked(at.browser())
        assert "Read &lt;b&gt;this&lt;/b&gt;" in page.text
        assert 'src="https://cdn.example.com/q.png"' in page.text
        assert "https://cdn.example.com" in page.headers["content-security-policy"]
        assert 'id="answer" name="answer" type="password"' in page.text
    PLAN["public"] = {"image": "javascript:alert(1)", "secret": "yes"}
    async with house(own()) as at:
        page = await asked(at.browser())
        assert "javascript:" not in page.text
        assert 'id="answer" name="answer" type="text"' in page.text


async def test_the_private_parameters_reach_the_trigger_and_nobody_else() -> None:
    PLAN["private"] = {"note": "a-private-word"}
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        assert "a-private-word" not in page.text
        sign_in = await at.stores.sessions.sign_in(POOL, hidden_id(page))
        assert sign_in is not None
        assert "a-private-word" not in str(sign_in)
        assert sign_in.custom is not None
        await give(browser, page, "1")
        assert VERIFY[0]["request"]["privateChallengeParameters"]["note"] == "a-private-word"
        assert "a-private-word" not in str(at.events) + str(at.logs)


def hidden_id(page: httpx.Response) -> str:
    return str(page.url.params["signin"])


async def test_chosen_among_other_ways_and_left_again() -> None:
    async with house(own("password", "custom")) as at:
        browser = at.browser()
        page = await asked(browser)
        assert DEFINE == []
        page = await browser.open(await browser.submit(page, step="method", method="custom"))
        assert "What is 0 and 0?" in words_of(page)
        back = await browser.open(await browser.submit(page, step="method", method="password"))
        assert 'id="password"' in back.text
        late = await give(browser, page, "0")
        assert late.status_code == 303, "that question is over"
        assert VERIFY == []
        page = await browser.open(await browser.submit(back, step="method", method="custom"))
        assert "code" in answered(await give(browser, page, "0"))


async def test_a_second_factor_comes_after_it() -> None:
    async with house(own("password", "custom", mode="optional", factors=("totp",))) as at:
        await at.change_pool(mfa=replace(own("password").mfa, mode="required", factors=("totp",)))
        first = at.browser()
        app, _ = await set_up_totp(at, first, await first.open(await first.sign_in()))
        await at.change_pool(mfa=own("password", "custom", mode="optional", factors=("totp",)).mfa)
        at.time.pass_(60)
        browser = at.browser()
        page = await browser.open(await browser.submit(await asked(browser), step="method", method="custom"))
        page = await browser.open(await give(browser, page, "0"))
        assert browser.cookie("session") is None
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        assert tokens["id"]["amr"] == ["otp"]


async def test_signing_in_again_begins_it_again() -> None:
    async with house(own()) as at:
        browser = at.browser()
        await give(browser, await asked(browser), "0")
        page = await browser.login_page(prompt="login")
        assert "What is 0 and 0?" in words_of(page)
        assert "code" in answered(await give(browser, page, "0"))


# ---------------------------------------------------------------------------------------------- with the password


def password_first(session: list[dict[str, Any]]) -> dict[str, Any]:
    """As Cognito's examples do for SRP: the password, then a question."""
    names = [r["challengeName"] for r in session]
    if not names:
        return {"challengeName": "SRP_A"}
    if names == ["SRP_A"]:
        return {"challengeName": "PASSWORD_VERIFIER"}
    if not all(r["challengeResult"] for r in session):
        return {"failAuthentication": True}
    return {"challengeName": "CUSTOM_CHALLENGE"} if len(names) == 2 else {"issueTokens": True}


async def test_the_triggers_may_ask_for_the_password_first() -> None:
    PLAN["define"] = password_first
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        assert 'id="password"' in page.text
        page = await browser.submit(page, step="password", password="wrong")
        assert page.status_code == 422
        assert fault_at(page, "password") == "Incorrect username or password."
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        assert browser.cookie("session") is None
        assert "What is 2 and 2?" in words_of(page)
        tokens = await tokens_of(browser, await give(browser, page, "4"))
        assert tokens["id"]["amr"] == ["pwd"]
        assert [r["challengeName"] for r in DEFINE[-1]["request"]["session"]] == [
            "SRP_A",
            "PASSWORD_VERIFIER",
            "CUSTOM_CHALLENGE",
        ]
        assert PASSWORD not in str(DEFINE + CREATE + VERIFY)


async def test_a_password_that_was_replaced_meanwhile_is_worth_nothing() -> None:
    PLAN["define"] = password_first
    async with house(own()) as at:
        for replaced in (True, False):
            browser = at.browser()
            page = await browser.open(await browser.submit(await asked(browser), step="password", password=PASSWORD))
            if replaced:
                stored = await at.stores.directory.password(POOL, ADA.id)
                assert stored is not None
                await at.stores.directory.set_password(POOL, replace(stored, set_at=stored.set_at + 1))
            answer = await give(browser, page, "4")
            assert (answer.status_code == 422) is replaced
            assert (browser.cookie("session") is None) is replaced


async def test_a_password_alone_opens_nothing_where_it_is_no_way_in() -> None:
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        answer = await browser.http.post(
            str(page.url), data={"csrf": hidden(page)["csrf"], "step": "password", "password": PASSWORD}
        )
        assert answer.status_code == 303
        assert browser.cookie("session") is None
        first = await browser.login_page()
        form = {"csrf": hidden(first)["csrf"], "username": "ada", "password": PASSWORD}
        for step in ("password", "identifier"):
            await browser.http.post(str(first.url), data=form | {"step": step})
            assert browser.cookie("session") is None


# --------------------------------------------------------------------------------------------------------- failing


async def test_failing_has_the_words_of_a_wrong_password_and_starts_over() -> None:
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        for _ in range(2):
            page = await give(browser, page, "wrong")
        page = await give(browser, page, "wrong")
        assert page.status_code == 422
        assert fault_at(page, "username") == "Incorrect username or password."
        assert browser.cookie("session") is None
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        assert "What is 0 and 0?" in words_of(page)
        assert DEFINE[-1]["request"]["session"] == []
        assert "code" in answered(await give(browser, page, "0"))


@each("answer", {"empty": "", "blank": "  ", "huge": "x" * 3000})
async def test_what_is_no_answer_costs_nothing(answer: str) -> None:
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        for _ in range(15):
            page = await give(browser, page, answer)
            assert page.status_code == 422
            assert fault_at(page, "answer")
        assert VERIFY == []
        assert "code" in answered(await give(browser, page, "0"))


async def test_a_trigger_that_lets_anybody_in_by_a_name_is_not_believed() -> None:
    PLAN["define"] = lambda _session: {"issueTokens": True}
    async with house(own()) as at:
        page = await at.browser().login_page()
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.submit(page, step="identifier", username="ada")
        assert page.status_code == 422
        assert browser.cookie("session") is None
        PLAN["define"] = after(1)
        browser = at.browser()
        assert "code" in answered(await give(browser, await asked(browser), "0"))


async def test_there_are_twenty_rounds_at_most() -> None:
    PLAN["define"] = lambda _session: {"challengeName": "CUSTOM_CHALLENGE"}
    PLAN["always"] = True
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        while (done := await give(browser, page, "x")).status_code != 422:
            if done.status_code == 429:
                at.time.pass_(int(done.headers["retry-after"]))
            else:
                page = await browser.open(done)
        assert len(VERIFY) == 20
        assert fault_at(done, "username")
        assert browser.cookie("session") is None


async def test_asking_for_a_challenge_that_there_is_none_of_is_a_fault_of_the_trigger() -> None:
    PLAN["define"] = lambda _session: {"challengeName": "SMS_MFA"}
    async with house(own()) as at:
        browser = at.browser()
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert page.status_code == 503
        PLAN["define"] = lambda _session: {"challengeName": "SRP_A"}
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert page.status_code == 422, "that again and again"


@each(
    "large",
    {
        "question": {"public": {"question": "x" * 1001}},
        "image": {"public": {"image": "data:image/png;base64," + "A" * 70_000}},
        "private": {"private": {"x": "y" * 20_000}},
        "metadata": {"metadata": "x" * 2049},
    },
)
async def test_what_is_kept_of_a_challenge_has_bounds(large: dict[str, Any]) -> None:
    async with house(own()) as at:
        PLAN.update(large)
        browser = at.browser()
        assert (await browser.submit(await browser.login_page(), step="identifier", username="ada")).status_code == 503
        PLAN.clear()
        assert "code" in answered(await give(browser, await asked(browser), "0"))


# --------------------------------------------------------------------------------------------- triggers out of order


@each("which", ("verify", "define", "create"))
async def test_a_trigger_out_of_order_loses_nothing(which: str) -> None:
    PLAN["define"] = after(2)
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        PLAN["down"] = which
        shown = await give(browser, page, "0")
        assert shown.status_code == 503
        assert "retry-after" in shown.headers
        assert "out of order" not in shown.text
        assert "does not answer" in words_of(shown)
        assert "What is 0 and 0?" in words_of(shown), "the same question"
        PLAN.pop("down")
        page = await browser.open(await give(browser, shown, "0"))
        assert "code" in answered(await give(browser, page, "2"))
        assert [r["challengeResult"] for r in DEFINE[-1]["request"]["session"]] == [True, True]


@each("which", ("define", "create"))
async def test_or_before_the_first_question(which: str) -> None:
    async with house(own("custom", "password")) as at:
        browser = at.browser()
        PLAN["down"] = which
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert page.status_code == 503
        assert 'id="answer"' not in page.text
        assert "method" in steps_on(page), "another way is offered"
        PLAN.clear()
        page = await browser.open(await browser.submit(page, step="challenge"))
        assert "code" in answered(await give(browser, page, "0"))


async def test_reloading_the_page_tries_again() -> None:
    async with house(own()) as at:
        browser = at.browser()
        PLAN["down"] = "define"
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert (await browser.http.get(str(page.url))).status_code == 503
        PLAN.clear()
        assert "What is 0 and 0?" in words_of(await browser.http.get(str(page.url)))


async def test_where_a_trigger_is_missing_nobody_gets_in() -> None:
    async with house(replace(own(), triggers=points("define_auth_challenge"))) as at:
        browser = at.browser()
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert page.status_code == 503
        await at.change_pool(triggers=ALL)
        assert "code" in answered(await give(browser, await asked(browser), "0"))


# --------------------------------------------------------------------------------------------------- unknown names


async def test_a_name_that_nobody_has_looks_the_same_and_ends_nowhere() -> None:
    PLAN["always"] = True
    async with house(own()) as at:
        stranger, owner = at.browser(), at.browser()
        there, here = await asked(stranger, "adx"), await asked(owner, "ada")
        assert look(there, "adx") == look(here, "ada")
        assert CREATE[0]["request"]["userNotFound"] is True
        assert CREATE[0]["request"]["userAttributes"] == {}
        assert CREATE[0]["userName"] == "adx"
        assert CREATE[1]["request"]["userNotFound"] is False
        refused = await give(stranger, there, "0")
        assert DEFINE[-1]["request"]["session"][0]["challengeResult"] is True, "the trigger would have issued tokens"
        assert refused.status_code == 422
        assert fault_at(refused, "username") == "Incorrect username or password."
        assert stranger.cookie("session") is None
        assert "code" in answered(await give(owner, here, "0"))


@each("state", ("disabled", "external"))
async def test_who_may_not_sign_in_counts_as_nobody(state: str) -> None:
    async with house(own()) as at:
        await at.change_user(BOB, state=state)
        browser = at.browser()
        page = await asked(browser, "bob")
        assert CREATE[-1]["request"]["userNotFound"] is True
        assert (await give(browser, page, "0")).status_code == 422
        await at.change_user(BOB, state="confirmed")
        browser = at.browser()
        assert "code" in answered(await give(browser, await asked(browser, "bob"), "0"))


async def test_wrong_answers_for_unknown_and_known_names_look_the_same() -> None:
    async with house(own()) as at:
        pages = {name: (browser := at.browser(), await asked(browser, name)) for name in ("adx", "ada")}
        looks = {name: look(await give(b, page, "wrong"), name) for name, (b, page) in pages.items()}
        assert looks["adx"] == looks["ada"]


# -------------------------------------------------------------------------------------------------------- replaying


async def test_a_state_of_another_sign_in_is_worth_nothing() -> None:
    PLAN["define"] = after(2)
    async with house(own()) as at:
        mallory, owner = at.browser(), at.browser()
        done = await owner.open(await give(owner, await asked(owner), "0"))
        begun = await asked(mallory)
        theirs = await at.stores.sessions.sign_in(POOL, hidden_id(done))
        mine = await at.stores.sessions.sign_in(POOL, hidden_id(begun))
        assert theirs is not None
        assert mine is not None
        moved = replace(mine, custom=theirs.custom, version=mine.version + 1)
        assert await at.stores.sessions.replace_sign_in(POOL, moved, 1800)
        refused = await give(mallory, begun, "2")
        assert refused.status_code == 422
        assert fault_at(refused, "username")
        assert mallory.cookie("session") is None
        assert "code" in answered(await give(owner, done, "2")), "in its own sign-in it is"


async def test_a_name_that_became_another_s_meanwhile_starts_over() -> None:
    async with house(own(sign_in_with=("username", "email"))) as at:
        browser = at.browser()
        page = await asked(browser, "shared@example.com")
        await at.change_user(ADA, email="shared@example.com")
        assert (await give(browser, page, "0")).status_code == 422
        assert VERIFY == []
        page = await asked(browser, "shared@example.com")
        assert "code" in answered(await give(browser, page, "0"))


async def test_of_two_answers_at_once_one_counts() -> None:
    PLAN["define"] = after(9)
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        await asyncio.gather(*(give(browser, page, "0") for _ in range(4)))
        sign_in = await at.stores.sessions.sign_in(POOL, hidden_id(page))
        assert sign_in is not None
        state = at.services.challenge_states.of(own(), sign_in)
        assert state is not None
        assert len(state.results) == 1


async def test_a_forged_form_answers_nothing() -> None:
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        refused = await browser.http.post(str(page.url), data={"step": "challenge", "answer": "0", "csrf": "x" * 43})
        assert error_code(refused) == "csrf"
        assert VERIFY == []


# ---------------------------------------------------------------------------------------------------------- guessing


async def test_guesses_are_limited_over_sign_ins_and_answers_that_are_known_buy_none() -> None:
    """A first question that anybody can answer, and a second that is worth guessing at."""
    PLAN["define"] = after(99)
    async with house(own()) as at:
        judged = 0
        for _ in range(6):
            browser = at.browser(address="203.0.113.66")
            page = await asked(browser)
            for answer in ("0", "wrong", "wrong"):
                done = await give(browser, page, answer)
                if done.status_code == 429:
                    assert "retry-after" in done.headers
                    assert "What is" in words_of(done)
                    break
                judged += 1
                page = done if done.status_code == 422 else await browser.open(done)
        assert judged == len(VERIFY) == 10
        at.time.pass_(3600)
        owner = at.browser()
        PLAN["define"] = after(1)
        assert "code" in answered(await give(owner, await asked(owner), "0"))


async def test_a_hundred_in_a_row_close_it_to_unknown_browsers_as_if_there_was_nobody() -> None:
    async with house(own()) as at:
        known = at.browser()
        assert "code" in answered(await give(known, await asked(known), "0"))
        for _ in range(100):
            await at.stores.directory.count_password_failure(POOL, ADA.id)
        browser = at.browser()
        refused = await give(browser, await asked(browser), "0")
        assert refused.status_code == 422
        assert VERIFY[-1]["request"]["userNotFound"] is True
        assert browser.cookie("session") is None
        page = await asked(browser)
        PLAN["down"] = "verify"
        assert (await give(browser, page, "0")).status_code == 503
        PLAN.pop("down")
        page = await known.login_page(prompt="login")
        assert "code" in answered(await give(known, page, "0")), "whom the owner uses is not closed"


async def test_a_right_sign_in_forgets_the_tries_before() -> None:
    async with house(own()) as at:
        for _ in range(12):
            browser = at.browser()
            page = await give(browser, await asked(browser), "wrong")
            assert "code" in answered(await give(browser, page, "2"))
            at.time.pass_(600)


async def test_challenges_are_begun_so_often_in_an_hour() -> None:
    """Each may send a message, at the operator's cost."""
    async with house(own("custom", "password")) as at:
        for _ in range(20):
            await asked(at.browser())
        browser = at.browser()
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert page.status_code == 429
        assert len(CREATE) == 20
        assert "method" in steps_on(page)
        await asked(at.browser(), "bob")
        assert len(CREATE) == 21
        at.time.pass_(3601)
        assert "What is" in words_of(await asked(at.browser()))


async def test_the_user_comes_over_from_another_system_by_the_password() -> None:
    PLAN["define"] = password_first
    other = Trigger("user_migration", callable="tests.journeys.test_trigger_journeys:other_system")
    async with house(replace(own(), triggers=(*ALL, other))) as at:
        browser = at.browser()
        page = await asked(browser, "carol")
        word = "password-of-the-old-system"
        page = await browser.open(await browser.submit(page, step="password", password=word))
        assert 'id="password"' in page.text, "from the beginning, now that there is a user"
        page = await browser.open(await browser.submit(page, step="password", password=word))
        assert "code" in answered(await give(browser, page, "4"))


async def test_no_password_is_no_password() -> None:
    PLAN["define"] = password_first
    async with house(own()) as at:
        browser = at.browser()
        page = await browser.submit(await asked(browser), step="password", password="")
        assert page.status_code == 422
        assert fault_at(page, "password")


async def test_an_answer_at_another_step_changes_nothing() -> None:
    async with house(own("password", "custom")) as at:
        browser = at.browser()
        page = await asked(browser)
        setting = await at.stores.registry.pool(POOL)
        assert setting is not None
        device = None
        sign_in = await at.stores.sessions.sign_in(POOL, hidden_id(page))
        assert sign_in is not None
        situation = await at.services.sign_ins.look(setting, sign_in.id, sign_in.browser, None)
        here = Origin("198.51.100.7", device)
        moved = await at.services.proving.answer(setting, situation, "0", here, None)
        assert moved.situation == situation
