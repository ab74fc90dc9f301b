"""Forms and states of a sign-in used where they do not belong: in another tab, for another person, out of order."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from authserver.model.pools import AttributeDefinition, Pool, RecoveryPolicy, SignUpPolicy, Trigger
from authserver.model.users import User
from authserver.signin.factors.unlocking import Unlocking
from tests.journeys.house import (
    ADA,
    BOB,
    ISSUER,
    PASSWORD,
    POOL,
    Browser,
    House,
    answered,
    each,
    hidden,
    house,
    pool,
)
from tests.journeys.people import (
    NEW_PASSWORD,
    App,
    authenticator,
    fault_at,
    link_of,
    look,
    newcomer,
    open_pool,
    options_of,
    register,
    set_up_totp,
    sign_up_page,
    step_of,
    steps_on,
    tokens_of,
    value_at,
    words_of,
)
from tests.journeys.test_custom_challenges import (
    CREATE,
    DEFINE,
    PLAN,
    VERIFY,
    _nothing_planned,  # noqa: F401 - a fixture that every test uses
    after,
    asked,
    give,
    hidden_id,
    own,
)
from tests.journeys.test_duties import TERMS, next_page, stored
from tests.journeys.test_recovery import asked as recovering

pytestmark = pytest.mark.anyio


# --------------------------------------------------------------------------- another person in another tab meanwhile

OWED: dict[str, Any] = {
    "terms": (TERMS, {"decision": "accept"}),
    "profile": (SignUpPolicy(required_attributes=("given_name",)), {"given_name": "Ada"}),
}


@each("owed", OWED)
@each("who", {"another": BOB, "the same": ADA})
async def test_what_one_person_owes_is_not_taken_from_another(owed: Any, who: User) -> None:
    policy, form = owed
    async with house() as at:
        browser = at.browser()
        await at.change_user(ADA, attributes={})
        await browser.arrive(ADA)
        await at.change_pool(sign_up=policy)
        page = await browser.login_page()
        step = steps_on(page)[0]
        await browser.arrive(who)  # another tab
        answer = await browser.submit(page, step=step, **form)
        changed = (await stored(at, who)).updated_at != who.updated_at
        assert changed is (who is ADA)
        assert ("code=" in answer.headers["location"]) is (who is ADA)
        if who is BOB:
            page = await browser.open(answer)
            assert step_of(page) == step, "asked of whoever is signed in now"
            assert "code" in answered(await browser.submit(page, step=step, **form))


@each("who", {"another": BOB, "the same": ADA})
async def test_nor_declined_by_another(who: User) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive(ADA)
        await at.change_pool(sign_up=TERMS)
        page = await browser.login_page()
        await browser.arrive(who)
        answer = await browser.submit(page, step="terms", decision="decline")
        assert ("error=access_denied" in answer.headers["location"]) is (who is ADA)
        assert ("terms.declined" in at.kinds()) is (who is ADA)


async def test_terms_that_there_are_none_of_are_not_agreed_to() -> None:
    """Or whoever sends one field more would never be asked, once there are some."""
    for terms, agreed in (({}, False), ({"terms_uri": "https://acme.example/terms"}, True)):
        async with house(open_pool(sign_up=terms)) as at:
            await newcomer(at, at.browser(), terms="true")
            grace = await at.stores.directory.find_user(POOL, "grace", ("username",))
            assert grace is not None
            assert (grace.accepted_terms_at is not None) is agreed


async def test_an_address_that_is_filled_in_is_not_proven_by_one_that_was_there_before() -> None:
    async with house(pool(sign_up=SignUpPolicy(required_attributes=("phone_number",)))) as at:
        await at.change_user(BOB, phone_number=None, phone_number_verified=True)
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in("bob"))
        assert "code" in answered(await browser.submit(page, step="profile", phone_number="+821098765432"))
        bob = await stored(at, BOB)
        assert (bob.phone_number, bob.phone_number_verified) == ("+821098765432", False)


async def slow(event: dict[str, Any]) -> dict[str, Any]:
    """A pre sign-up trigger that takes its time."""
    for change in CONFIRMING:
        await change()
    return event


CONFIRMING: list[Any] = []


async def test_an_account_that_is_confirmed_while_it_is_corrected_stays() -> None:
    trigger = Trigger("pre_sign_up", callable="tests.journeys.test_sign_in_attacks:slow")
    for meanwhile in (True, False):
        CONFIRMING.clear()
        async with house(replace(open_pool(), triggers=(trigger,))) as at:
            browser = at.browser()
            await browser.open(await register(browser, page := await sign_up_page(browser)))
            grace = await at.stores.directory.find_user(POOL, "grace", ("username",))
            assert grace is not None

            async def confirm(at: House = at, grace: User = grace) -> None:
                await at.change_user(grace, state="confirmed", email_verified=True)

            CONFIRMING.extend([confirm] if meanwhile else [])
            answer = await register(browser, page, email="grace@another.example")
            assert answer.status_code == (422 if meanwhile else 303)
            assert (await at.stores.directory.user(POOL, grace.id) is not None) is meanwhile


# ------------------------------------------------------------------------------------- a recovery, and a code's way


async def test_a_code_is_sent_again_the_way_it_was_sent() -> None:
    ways = {"sms": "+821012345678", "email": "ada@example.com"}
    async with house(pool(recovery=RecoveryPolicy(ask=True))) as at:
        for medium, to in ways.items():
            browser = at.browser()
            page = await browser.open(await browser.submit(await recovering(browser), step="medium", medium=medium))
            at.time.pass_(31)
            before = len(await at.mail())
            await browser.submit(page, step="resend")
            assert [m.to for m in (await at.mail())[before:]] == [to]


async def test_a_question_is_not_shown_to_another_name_after_a_recovery() -> None:
    async with house(own("custom", "password")) as at:
        browser = at.browser()
        await _recovered(at, browser, await asked(browser))
        assert [e["userName"] for e in CREATE] == ["Ada", "bob"]


async def _recovered(at: House, browser: Browser, page: httpx.Response) -> httpx.Response:
    """In the course of a sign-in as ada, bob's password is replaced by the link in his mail."""
    page = await browser.http.get(f"{ISSUER}/forgotPassword?signin={hidden_id(page)}")
    await browser.http.post(str(page.url), data=hidden(page) | {"username": "bob"})
    link = (await at.mail("bob@example.com"))[-1].link
    assert link is not None
    page = await browser.http.get(link, follow_redirects=True)
    done = await browser.submit(page, step="new_password", new_password=NEW_PASSWORD)
    page = await browser.http.get(link_of(done, "continue"))
    assert "code" in answered(await give(browser, page, "0"))
    return page


# ------------------------------------------------------------------------------------- what a pool's own way proves


async def test_who_cannot_reach_two_factors_sets_none_up_for_nothing() -> None:
    """A challenge of the pool's counts for nothing, so that an app after it is one factor, however many there are."""
    async with house(own(mode="required", factors=("totp",))) as at:
        browser = at.browser()
        refused = await give(browser, await asked(browser), "0")
        assert answered(refused)["error"] == "access_denied"
        assert await at.stores.credentials.credentials(POOL, ADA.id) == []
        assert browser.cookie("session") is None


async def test_a_passkey_is_two_beside_it() -> None:
    async with house(own(mode="required", factors=("totp", "passkey"))) as at:
        browser = at.browser()
        page = await browser.open(await give(browser, await asked(browser), "0"))
        assert 'value="totp"' not in page.text
        page = await browser.open(await browser.submit(page, step="enrol", method="passkey"))
        made = authenticator().create(options_of(page))
        answer = await browser.submit(page, step="enrol_passkey", credential=made, name="Key")
        assert browser.cookie("session") is not None, words_of(answer)


async def test_an_app_is_set_up_where_the_password_can_be_asked_for_after_it() -> None:
    async with house(own("custom", "password", mode="required", factors=("totp",))) as at:
        browser = at.browser()
        page = await browser.open(await give(browser, await asked(browser), "0"))
        _, answer = await set_up_totp(at, browser, page)
        assert browser.cookie("session") is None
        page = await browser.open(answer)
        tokens = await tokens_of(browser, await browser.submit(page, step="password", password=PASSWORD))
        assert tokens["id"]["amr"] == ["otp", "pwd", "mfa"]


async def with_app(at: House, setting: Pool) -> App:
    """Ada has an authenticator app, in a pool of these settings."""
    await at.change_pool(mfa=replace(setting.mfa, first_factors=("password",), mode="required"))
    browser = at.browser()
    app, _ = await set_up_totp(at, browser, await browser.open(await browser.sign_in()))
    await at.change_pool(mfa=setting.mfa)
    at.time.pass_(60)
    return app


@each("first", ("custom", "password"))
async def test_a_remembered_device_is_no_second_factor_beside_it_where_two_are_required(first: str) -> None:
    setting = own(first, mode="optional", factors=("totp",))
    setting = replace(setting, session=replace(setting.session, remember_device_days=30))
    other = {"client_id": "other", "redirect_uri": "https://other.example.com/cb"}

    async def begin(browser: Browser, page: httpx.Response) -> httpx.Response:
        form = {"step": "challenge", "answer": "0"} if first == "custom" else {"step": "password", "password": PASSWORD}
        return await browser.submit(page, **form)

    async with house(setting) as at:
        app = await with_app(at, setting)
        browser = at.browser()
        page = await browser.open(await begin(browser, await asked(browser)))
        assert "code" in answered(await browser.submit(page, step="code", code=app.code, remember="true"))
        again = await begin(browser, await browser.login_page(prompt="login"))
        assert "code" in answered(again), "it is remembered"
        await at.change_client("other", mfa="required")
        silent = answered(await browser.authorize(prompt="none", **other), other["redirect_uri"])
        assert ("code" in silent) is (first == "password")
        page = await browser.login_page(prompt="login", **other)
        answer = await begin(browser, page)
        assert answer.headers["location"].startswith(other["redirect_uri"]) is (first == "password")


# ----------------------------------------------------------------------------------------- nothing typed gets lost


async def test_the_name_is_there_still_when_a_sign_in_starts_over() -> None:
    async with house(own()) as at:
        pages = []
        for name in ("adx", "ada"):
            browser = at.browser()
            page = await asked(browser, name)
            for _ in range(3):
                page = await give(browser, page, "wrong")
            assert fault_at(page, "username")
            assert value_at(page, "username") == name
            pages.append(look(page, name))
        assert pages[0] == pages[1]


@each("secret", {"secret": "true", "for all to see": "false"})
async def test_an_answer_that_nobody_judged_is_there_still_unless_it_is_secret(secret: str) -> None:
    PLAN["public"] = {"secret": secret}
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        PLAN["down"] = "verify"
        page = await give(browser, page, '  the "answer"')
        assert page.status_code == 503
        assert value_at(page, "answer") == (None if secret == "true" else 'the "answer"')
        PLAN.pop("down")
        assert value_at(await give(browser, page, "wrong"), "answer") is None, "that is another question"


async def test_a_question_is_shown_to_its_end() -> None:
    PLAN["public"] = {"question": "word " * 198 + "the end"}
    async with house(own()) as at:
        assert "the end" in words_of(await asked(at.browser()))


# ------------------------------------------------------------------------------------------------ counting


async def test_the_last_of_twenty_answers_may_be_the_one() -> None:
    PLAN["define"] = after(20)
    PLAN["always"] = True
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        while "/login" in (done := await give(browser, page, "x")).headers.get("location", "/login"):
            if done.status_code == 429:
                at.time.pass_(int(done.headers["retry-after"]))
            else:
                page = await browser.open(done)
        assert len(VERIFY) == 20
        assert "code" in answered(done)


async def unlock(at: House) -> None:
    setting = await at.stores.registry.pool(POOL)
    assert setting is not None
    stores = at.stores
    await Unlocking(stores.directory, stores.credentials, stores.counters, at.events.append).unlock(setting, ADA)


@each("unlocked", {"and who is unlocked": True, "or not": False})
async def test_an_operator_opens_again_what_guessing_has_closed(unlocked: bool) -> None:
    PLAN["define"] = lambda session: after(1)([r for r in session if r["challengeResult"]])
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        while (done := await give(browser, page, "wrong")).status_code != 429:
            page = done
        if unlocked:
            await unlock(at)
        other = at.browser(address="203.0.113.1")
        assert ((await give(other, await asked(other), "0")).status_code == 303) is unlocked


@each("unlocked", {"and who is unlocked": True, "or not": False})
async def test_and_lets_challenges_begin_again(unlocked: bool) -> None:
    async with house(own()) as at:
        for _ in range(20):
            await asked(at.browser())
        if unlocked:
            await unlock(at)
        browser = at.browser()
        page = await browser.submit(await browser.login_page(), step="identifier", username="ada")
        assert (page.status_code == 303) is unlocked


async def test_tries_over_the_limit_look_the_same_for_names_that_nobody_has() -> None:
    PLAN["define"] = lambda _session: {"challengeName": "CUSTOM_CHALLENGE"}
    async with house(own()) as at:
        looks: dict[str, list[Any]] = {"ada": [], "adx": []}
        for n, (name, seen) in enumerate(looks.items()):
            browser = at.browser(address=f"203.0.113.{n}")
            page = await asked(browser, name)
            for _ in range(12):
                page = await give(browser, page, "wrong")
                seen.append(look(page, name))
        assert looks["ada"] == looks["adx"]
        assert looks["ada"][-1][0] == 429
        calls = [
            [e["userName"] for e in seen].count(name) for seen in (DEFINE, CREATE, VERIFY) for name in ("Ada", "adx")
        ]
        assert calls[::2] == calls[1::2], "and the triggers are asked as often"


# ------------------------------------------------------------------------------------------------ looking changes nothing


@each("where", ("challenge", "terms", "profile"))
async def test_looking_at_a_page_changes_nothing(where: str) -> None:
    async with house(own()) as at:
        browser = at.browser()
        page = await asked(browser)
        if where != "challenge":
            await at.change_user(ADA, attributes={})
            await at.change_pool(sign_up=OWED[where][0])
            page = await next_page(browser, await give(browser, page, "0"))
        assert where in steps_on(page)

        async def state() -> Any:
            calls = [len(seen) for seen in (DEFINE, CREATE, VERIFY)]
            return calls, await at.stores.sessions.sign_in(POOL, hidden_id(page)), await stored(at), len(at.events)

        before = await state()
        for _ in range(3):
            for path in ("login", "forgotPassword", "signup"):
                await browser.http.get(f"{ISSUER}/{path}?signin={hidden_id(page)}")
            await browser.http.head(str(page.url))
            assert (await at.browser().http.get(str(page.url))).status_code == 410, "it is this browser's alone"
        assert await state() == before


@each("defined", {"as text": True, "not at all": False})
async def test_nobody_is_held_up_by_what_no_field_can_take(defined: bool) -> None:
    attributes = (AttributeDefinition("address"),) if defined else ()
    async with house(pool(sign_up=SignUpPolicy(required_attributes=("address",)), attributes=attributes)) as at:
        browser = at.browser()
        answer = await browser.sign_in()
        if defined:
            page = await next_page(browser, answer)
            answer = await browser.submit(page, step="profile", address="1 Main Street")
        assert "code" in answered(answer)


@each("newer", {"in the same sign-in": True, "never": False})
async def test_the_link_of_a_code_that_was_sent_again_is_over(newer: bool) -> None:
    async with house() as at:
        browser = at.browser()
        page = await recovering(browser)
        link = (await at.mail("ada@example.com"))[-1].link
        assert link is not None
        if newer:
            at.time.pass_(31)
            await browser.submit(page, step="resend")
        form = await at.browser().http.get(link, follow_redirects=True)
        assert form.status_code == (410 if newer else 200)


async def test_no_is_an_answer_too() -> None:
    """A required yes or no is given by an empty box: a browser must not ask for the tick."""
    wanted = AttributeDefinition("custom:news", "boolean", required=True)
    async with house(pool(attributes=(wanted,))) as at:
        browser = at.browser()
        page = await next_page(browser, await browser.sign_in())
        box = re.search(r'<input[^>]*name="custom:news"[^>]*>', page.text)
        assert box is not None
        assert "required" not in box[0]
        assert "code" in answered(await browser.submit(page, step="profile"))
        assert (await stored(at)).attributes["custom:news"] is False
