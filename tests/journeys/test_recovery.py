"""A forgotten password: a code, a new password, and what ends with the old one (security reference W14)."""

import asyncio
from typing import Any

import httpx
import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import MfaPolicy, PasswordPolicy, RecoveryPolicy
from authserver.model.users import PasswordCredential, User
from tests.journeys.house import (
    ADA,
    BOB,
    CLIENTS,
    PASSWORD,
    POOL,
    Browser,
    House,
    answered,
    client,
    each,
    error_code,
    hidden,
    house,
    pool,
)
from tests.journeys.people import (
    NEW_PASSWORD,
    App,
    fault_at,
    kinds_to,
    last_to,
    link_of,
    mfa_pool,
    set_up_totp,
    step_of,
    tokens_of,
    value_at,
    words_of,
)

pytestmark = pytest.mark.anyio

ADA_MAIL, BOB_MAIL = "ada@example.com", "bob@example.com"


async def asked(browser: Browser, username: str = "ada", page: httpx.Response | None = None) -> httpx.Response:
    """From the first page to the one that waits for the code."""
    if page is None:
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username=username))
        page = await browser.http.get(link_of(page, "forgot-password"))
    page = await browser.open(await browser.submit(page, step="recover", username=username))
    await browser.house.mail()  # delivered before the next one
    return page


async def answer(browser: Browser, page: httpx.Response, code: str, password: str = NEW_PASSWORD) -> httpx.Response:
    return await browser.submit(page, step="recover_code", code=code, new_password=password)


async def recovered(at: House, browser: Browser, username: str = "ada", to: str = ADA_MAIL) -> httpx.Response:
    """All of it: the answer to the code with the new password."""
    page = await asked(browser, username)
    return await answer(browser, page, await at.last_code(to))


async def is_password(at: House, password: str, user: User = ADA) -> bool:
    stored = await at.stores.directory.password(POOL, user.id)
    return await at.opened.passwords.verify(stored.hash, password)


# ---------------------------------------------------------------------------------------------------- the whole way


async def test_from_the_link_on_the_password_page_to_the_tokens() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        assert step_of(page) == "recover_code"
        assert ADA_MAIL not in page.text, "it is not told where the code went"
        mail = await last_to(at, ADA_MAIL, Kind.RECOVER_PASSWORD)
        assert mail.user_id == ADA.id
        tokens = await tokens_of(browser, await answer(browser, page, mail.code))
        assert tokens["id"]["sub"] == ADA.id
        assert tokens["id"]["amr"] == ["email_otp"]
        assert (await at.browser().sign_in(password=PASSWORD)).status_code == 422
        assert "code" in answered(await at.browser().sign_in(password=NEW_PASSWORD))
        assert {"recovery.requested", "password.reset"} <= set(at.kinds())


@each("name", ("ada", "ADA", ADA_MAIL, "ADA@example.com"))
async def test_by_any_name_that_signs_in(name: str) -> None:
    async with house() as at:
        assert "code" in answered(await recovered(at, at.browser(), name))


async def test_by_text_message() -> None:
    async with house(pool(recovery=RecoveryPolicy(by=("sms",)))) as at:
        browser = at.browser()
        page = await asked(browser)
        message = (await at.mail("+821012345678"))[-1]
        assert message.medium == "sms"
        tokens = await tokens_of(browser, await answer(browser, page, message.code))
        assert tokens["id"]["amr"] == ["sms"]


async def test_the_other_way_on_request_and_at_once() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        page = await browser.open(await browser.submit(page, step="choose_method"))
        assert [e.medium for e in await at.mail()] == ["email", "sms"]
        assert "phone" in words_of(page)
        mailed = await last_to(at, ADA_MAIL, Kind.RECOVER_PASSWORD)
        texted = (await at.mail("+821012345678"))[-1]
        if mailed.code != texted.code:
            page = await answer(browser, page, mailed.code)
            assert page.status_code == 422
        assert "code" in answered(await answer(browser, page, texted.code))


async def test_a_code_by_text_message_lives_ten_minutes_and_by_mail_an_hour() -> None:
    """NIST SP 800-63B-4."""
    for by, life in (("sms", 600), ("email", 3600)):
        async with house(pool(recovery=RecoveryPolicy(by=(by,)))) as at:
            browser = at.browser()
            page = await asked(browser)
            code = (await at.mail())[-1].code
            at.time.pass_(min(life, 1790))  # the sign-in itself ends after half an hour
            late = await answer(browser, page, code)
            assert (late.status_code == 422) == (life == 600)
            if life == 600:
                assert fault_at(late, "code")
                assert 'id="resend"' in late.text, "there is a way on"
                page = await browser.open(await browser.submit(late, step="resend"))
                assert "code" in answered(await answer(browser, page, (await at.mail())[-1].code))


async def test_the_page_may_be_reached_by_an_authorization_request() -> None:
    async with house() as at:
        browser = at.browser()
        started = await browser.http.get(f"{browser.issuer}/forgotPassword", params=browser.request())
        assert started.status_code == 302
        assert "/oauth2/authorize?" in started.headers["location"]


@each(
    "setting",
    {
        "off": {"recovery": RecoveryPolicy(enabled=False)},
        "no passwords": {"mfa": MfaPolicy(first_factors=("email_code",))},
    },
)
async def test_where_it_is_off_nothing_is_sent(setting: dict[str, Any]) -> None:
    async with house(pool(**setting)) as at:
        browser = at.browser()
        page = await browser.login_page()
        url = str(page.url).replace("/login", "/forgotPassword")
        shown = await browser.http.get(url)
        assert shown.status_code == 200
        assert 'name="username"' not in shown.text
        refused = await browser.http.post(url, data=hidden(page, "identifier") | {"step": "recover", "username": "ada"})
        assert refused.status_code == 422
        assert await at.mail() == []
    async with house() as at:
        assert "code" in answered(await recovered(at, at.browser()))


# --------------------------------------------------------------------------------------------------------- bad input


@each(
    "name",
    {
        "empty": "",
        "blank": "  ",
        "long": "x" * 321,
        "huge": "x" * 20_000,
        "control": "a\x07da",
        "newline": "a\nda",
        "bidi": "a\u202eda",
    },
)
async def test_a_name_must_be_one(name: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.http.get(str(page.url).replace("/login", "/forgotPassword"))
        bad = await browser.submit(page, step="recover", username=name)
        assert bad.status_code == 422
        assert fault_at(bad, "username")
        assert value_at(bad, "username") == name[:320]
        assert await at.mail() == []
        assert step_of(await asked(browser, page=bad)) == "recover_code"


async def test_markup_in_a_name_is_text() -> None:
    async with house() as at:
        page = await asked(at.browser(), "<img src=x onerror=alert(1)>")
        assert page.status_code == 200
        assert "<img src=x" not in page.text


@each(
    "code", {"empty": "", "blank": "  ", "letters": "abcdef", "short": "12345", "long": "1234567", "huge": "1" * 5000}
)
async def test_what_is_no_code_costs_no_try_and_changes_nothing(code: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        for _ in range(7):
            page = await answer(browser, page, code)
            assert page.status_code == 422
            assert fault_at(page, "code")
        assert await is_password(at, PASSWORD)
        assert "code" in answered(await answer(browser, page, await at.last_code(ADA_MAIL)))


@each(
    "password",
    {
        "empty": "",
        "short": "short7",
        "long": "x1y2" * 300,
        "known": "password1",
        "the name": "xx-lovelace-xx",
        "one of before": PASSWORD,
    },
)
async def test_a_bad_password_has_its_sentence_and_the_code_stays_good(password: str) -> None:
    setting = pool(password_policy=PasswordPolicy(history=3), sign_in_with=("username",))
    async with house(setting) as at:
        await at.change_user(ADA, username="lovelace")
        browser = at.browser()
        page = await asked(browser, "lovelace")
        code = await at.last_code(ADA_MAIL)
        for _ in range(6):  # more than a code has tries
            page = await answer(browser, page, code, password)
            assert page.status_code == 422
            assert fault_at(page, "new_password")
            assert not password or password not in page.text
        if password:
            assert value_at(page, "code") in {None, code}
        assert await is_password(at, PASSWORD)
        assert "code" in answered(await answer(browser, page, code))
        assert await is_password(at, NEW_PASSWORD)


async def test_what_only_the_user_s_own_words_forbid_is_found_before_the_code_is_used_up() -> None:
    """The recovery was asked for by the address; the password holds the username."""
    async with house() as at:
        await at.change_user(ADA, username="countess")
        browser = at.browser()
        page = await asked(browser, ADA_MAIL)
        code = await at.last_code(ADA_MAIL)
        bad = await answer(browser, page, code, "the-countess-of-teapots")
        assert bad.status_code == 422
        assert fault_at(bad, "new_password")
        assert "code" in answered(await answer(browser, bad, code))


async def test_a_wrong_code_may_be_tried_five_times() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code = await at.last_code(ADA_MAIL)
        for _ in range(5):
            page = await answer(browser, page, f"{(int(code) + 1) % 10**6:06d}")
            assert page.status_code == 422
        assert (await answer(browser, page, code)).status_code == 422
        assert await is_password(at, PASSWORD)
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="resend"))
        assert "code" in answered(await answer(browser, page, await at.last_code(ADA_MAIL)))


async def test_parallel_guesses_get_five_tries() -> None:
    """W12."""
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code = int(await at.last_code(ADA_MAIL))
        guesses = (f"{(code + i) % 10**6:06d}" for i in range(1, 51))
        await asyncio.gather(*(answer(browser, page, guess) for guess in guesses))
        assert [e.kind for e in at.events].count("code.wrong") == 5
        assert (await answer(browser, page, f"{code:06d}")).status_code == 422
        assert await is_password(at, PASSWORD)


# --------------------------------------------------------------------------------------------------------------- W14


async def test_a_code_is_good_once() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code = await at.last_code(ADA_MAIL)
        assert "code" in answered(await answer(browser, page, code))
        again = await answer(browser, page, code, "another-teapot-orchard")
        assert again.status_code in {303, 410}
        assert await is_password(at, NEW_PASSWORD)


async def test_of_two_answers_at_once_one_counts() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code = await at.last_code(ADA_MAIL)
        words = ("wobbly-teapot-orchard", "quartz-lantern-drift")
        await asyncio.gather(*(answer(browser, page, code, word) for word in words))
        assert [e.kind for e in at.events].count("password.reset") == 1
        assert sum([await is_password(at, word) for word in words]) == 1


@each("order", {"the victim first": ("bob", "ada"), "the attacker first": ("ada", "bob")})
async def test_a_code_is_good_for_its_own_user_alone(order: tuple[str, str]) -> None:
    """Mallory is Bob: the code that he reads opens nothing of Ada's."""
    async with house() as at:
        pages = {name: await asked(at.browser(), name) for name in order}
        mallory = at.browser()
        page = await asked(mallory, order[0])
        page = await mallory.open(await mallory.submit(page, step="change_identifier"))
        page = await mallory.http.get(str(page.url).replace("/login", "/forgotPassword"))
        at.time.pass_(30)
        page = await asked(mallory, order[1], page)
        code = await at.last_code(BOB_MAIL)
        target = "ada"
        if order[1] != target:
            page = await mallory.open(await mallory.submit(page, step="change_identifier"))
            page = await mallory.open(await mallory.submit(page, step="identifier", username="ada"))
            forged = hidden(page, "change_identifier") | {"step": "recover_code"}
            await mallory.http.post(str(page.url), data=forged | {"code": code, "new_password": NEW_PASSWORD})
        else:
            assert (await answer(mallory, page, code)).status_code == 422
        assert await is_password(at, PASSWORD), "Ada's"
        assert await is_password(at, PASSWORD, BOB), "and Bob's: it was asked for in another step"
        assert pages


async def test_a_new_code_ends_the_one_before() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        first = await at.last_code(ADA_MAIL)
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="resend"))
        second = await at.last_code(ADA_MAIL)
        if first != second:
            page = await answer(browser, page, first)
            assert page.status_code == 422
        assert "code" in answered(await answer(browser, page, second))


async def test_a_code_of_another_browser_is_wrong() -> None:
    async with house() as at:
        one, two = at.browser(), at.browser()
        page = await asked(one)
        first = await at.last_code(ADA_MAIL)
        other = await asked(two)
        second = await at.last_code(ADA_MAIL)
        if first != second:
            assert (await answer(two, other, first)).status_code == 422
            assert (await answer(one, page, second)).status_code == 422
        assert "code" in answered(await answer(one, page, first))


async def test_a_code_from_before_the_last_change_of_password_is_over() -> None:
    """Somebody else may still read that mail."""
    async with house() as at:
        old, new = at.browser(), at.browser()
        page = await asked(old)
        code = await at.last_code(ADA_MAIL)
        at.time.pass_(60)
        assert "code" in answered(await recovered(at, new))
        late = await answer(old, page, code, "another-teapot-orchard")
        assert late.status_code == 422
        assert fault_at(late, "code")
        assert await is_password(at, NEW_PASSWORD)


@each(
    "change", {"another address": {"email": "countess@example.com"}, "not proven any more": {"email_verified": False}}
)
async def test_a_code_that_went_to_a_former_address_is_over(change: dict[str, Any]) -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code = await at.last_code(ADA_MAIL)
        await at.change_user(ADA, **change)
        assert (await answer(browser, page, code)).status_code == 422
        assert await is_password(at, PASSWORD)
        await at.change_user(ADA, email=ADA_MAIL, email_verified=True)
        assert "code" in answered(await recovered(at, at.browser()))


async def test_who_was_disabled_meanwhile_gets_no_new_password() -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        code = await at.last_code(ADA_MAIL)
        await at.change_user(ADA, state="disabled")
        assert (await answer(browser, page, code)).status_code == 422
        assert await is_password(at, PASSWORD)
        await at.change_user(ADA, state="confirmed")
        assert "code" in answered(await answer(browser, page, code))


async def test_a_second_factor_is_still_asked_for() -> None:
    """And nobody is signed in by the mailbox alone."""
    setting = mfa_pool("optional", ("totp",))
    async with house(setting) as at:
        app = await with_app(at)
        at.time.pass_(60)
        browser = at.browser()
        page = await browser.open(await recovered(at, browser))
        assert browser.cookie("session") is None
        assert 'data-code="digits"' in page.text
        assert (await browser.http.get(str(page.url))).status_code == 200, "there is no way around it"
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        assert set(tokens["id"]["amr"]) == {"email_otp", "otp", "mfa"}


async def with_app(at: House) -> App:
    """Ada has set up an authenticator app."""
    browser = at.browser()
    stored = await at.stores.registry.pool(POOL)
    await at.change_pool(mfa=MfaPolicy(mode="required", factors=stored.mfa.factors))
    page = await browser.open(await browser.sign_in())
    app, done = await set_up_totp(at, browser, page)
    assert done.status_code in {200, 303}
    await at.change_pool(mfa=stored.mfa)
    return app


async def test_the_mailbox_is_not_both_factors() -> None:
    """Where the second factor is the very mailbox that the password was replaced by, the new password is asked for, so
    that two things are proven; and no further factor is set up by the mailbox alone.
    """
    setting = mfa_pool("required", ("email_code", "totp"))
    async with house(setting) as at:
        first = at.browser()
        page = await first.open(await first.sign_in())
        page = await first.open(await first.submit(page, step="enrol", method="email_code"))
        assert "code" in answered(await first.submit(page, step="confirm", code=await at.last_code(ADA_MAIL)))
        browser = at.browser()
        page = await browser.open(await recovered(at, browser))
        assert browser.cookie("session") is None
        assert 'name="password"' in page.text
        assert "enrol" not in page.text
        page = await browser.submit(page, step="password", password=PASSWORD)
        assert page.status_code == 422, "the old one is over"
        tokens = await tokens_of(browser, await browser.submit(page, step="password", password=NEW_PASSWORD))
        assert set(tokens["id"]["amr"]) == {"email_otp", "pwd", "mfa"}


async def test_everything_that_the_old_password_opened_ends() -> None:
    setting = pool(session=pool().session)
    async with house(setting) as at:
        thief = at.browser()
        await thief.sign_in()
        tokens = await thief.tokens()
        assert await at.stores.credentials.devices(POOL, ADA.id)
        other = at.browser()
        await other.sign_in("bob")
        twin = await other.tokens()
        await recovered(at, at.browser())
        assert "/login?" in (await thief.authorize()).headers["location"], "the session"
        assert (await thief.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
        assert (await thief.userinfo(tokens["access_token"])).status_code == 401
        known = [d.id for d in await at.stores.credentials.devices(POOL, ADA.id)]
        assert len(known) == 1, "only the browser that has just come in is known"
        assert (await other.userinfo(twin["access_token"])).status_code == 200, "Bob is not touched"
        assert (await other.refresh(twin["refresh_token"])).status_code == 200


async def test_the_owner_is_told() -> None:
    async with house() as at:
        await recovered(at, at.browser())
        told = await last_to(at, ADA_MAIL, Kind.PASSWORD_CHANGED)
        assert told.code is None
        assert "/notMe?token=" in told.link
        assert Kind.PASSWORD_CHANGED not in await kinds_to(at, BOB_MAIL)


async def test_the_second_factors_stay() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        await with_app(at)
        await recovered(at, at.browser())
        assert [c.kind for c in await at.stores.credentials.credentials(POOL, ADA.id)] == ["totp"]


async def test_another_branch_of_the_flow_does_not_lead_around_the_code() -> None:
    """CVE-2026-18963: what one branch noted must not stand for the mailed code."""
    async with house() as at:
        browser = at.browser()
        page = await asked(browser)
        csrf = {"csrf": hidden(page)["csrf"]}
        for form in (
            {"step": "new_password", "new_password": NEW_PASSWORD},
            {"step": "recover_code", "new_password": NEW_PASSWORD},
            {"step": "confirm", "code": "123456", "new_password": NEW_PASSWORD},
            {"step": "code", "code": "123456"},
            {"step": "method", "method": "recover"},
            {"step": "method", "method": "confirm"},
            {"step": "closing", "decision": "keep"},
            {"step": "enrol", "method": "totp"},
            {},
        ):
            answered_ = await browser.http.post(str(page.url), data=csrf | form)
            assert answered_.status_code in {303, 422}, form
            assert browser.cookie("session") is None
            assert await is_password(at, PASSWORD)
        twin = at.browser()
        assert "code" in answered(await recovered(at, twin))


async def test_a_forged_form_asks_for_nothing() -> None:
    """W1."""
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.http.get(str(page.url).replace("/login", "/forgotPassword"))
        refused = await browser.http.post(str(page.url), data={"step": "recover", "username": "ada", "csrf": "x" * 43})
        assert error_code(refused) == "csrf"
        assert await at.mail() == []
        assert step_of(await asked(browser, page=page)) == "recover_code"


# ---------------------------------------------------------------------------------------------------- no lock-out


async def exhausted(at: House, *, codes: bool = True) -> None:
    """A stranger asks for as many codes as there are, and tries wrong ones."""
    for _ in range(5):
        browser = at.browser(address="203.0.113.66")
        page = await asked(browser)
        for _ in range(5 if codes else 0):
            page = await answer(browser, page, "000000")


async def test_whoever_asks_for_codes_does_not_keep_the_owner_from_signing_in() -> None:
    """W11."""
    async with house() as at:
        await exhausted(at)
        assert "code" in answered(await at.browser().sign_in())


async def test_nor_from_the_second_factor() -> None:
    async with house(mfa_pool("optional", ("email_code",))) as at:
        browser = at.browser()
        await at.change_pool(mfa=MfaPolicy(mode="required", factors=("email_code",)))
        page = await browser.open(await browser.sign_in())
        if step_of(page) == "enrol":
            page = await browser.open(await browser.submit(page, step="enrol", method="email_code"))
        await browser.submit(page, step="confirm", code=await at.last_code(ADA_MAIL))
        await exhausted(at)
        owner = at.browser()
        page = await owner.open(await owner.sign_in())
        assert "code" in answered(await owner.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


async def test_nor_from_recovering_in_a_browser_that_is_known() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in()
        await exhausted(at)
        stranger = at.browser()
        page = await stranger.login_page()
        page = await stranger.http.get(str(page.url).replace("/login", "/forgotPassword"))
        assert (await stranger.submit(page, step="recover", username="ada")).status_code == 429
        page = await browser.login_page(prompt="login")
        page = await browser.http.get(link_of(page, "forgot-password"))
        page = await asked(browser, page=page)
        assert "code" in answered(await answer(browser, page, await at.last_code(ADA_MAIL)))


async def test_a_closed_account_opens_by_recovery() -> None:
    """W10: after a hundred wrong passwords there is a way back."""
    async with house() as at:
        for _ in range(100):
            await at.stores.directory.count_password_failure(POOL, ADA.id)
        assert (await at.browser().sign_in()).status_code == 422
        assert "code" in answered(await recovered(at, at.browser()))
        assert "code" in answered(await at.browser().sign_in(password=NEW_PASSWORD))


async def test_who_never_had_a_password_gets_one() -> None:
    made = User("0b5b6c7d-0000-4000-8000-0d4f5b6c7d8e", POOL, "ida", email="ida@example.com", email_verified=True)
    async with house() as at:
        await at.stores.directory.create_user(POOL, made)
        assert "code" in answered(await recovered(at, at.browser(), "ida", "ida@example.com"))
        assert "code" in answered(await at.browser().sign_in("ida", NEW_PASSWORD))


# ------------------------------------------------------------------------------------------------- a reset demanded


async def test_a_reset_that_the_operator_demands_comes_after_the_password() -> None:
    async with house() as at:
        await at.change_user(ADA, state="reset_required")
        browser = at.browser()
        assert (await browser.sign_in(password="wrong")).status_code == 422
        page = await browser.open(await browser.sign_in())
        assert step_of(page) == "recover_code"
        assert browser.cookie("session") is None
        assert await kinds_to(at, ADA_MAIL) == [Kind.RECOVER_PASSWORD], "the code is sent unasked"
        tokens = await tokens_of(browser, await answer(browser, page, await at.last_code(ADA_MAIL)))
        assert tokens["id"]["sub"] == ADA.id
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "confirmed"
        assert "code" in answered(await at.browser().sign_in(password=NEW_PASSWORD))


async def test_it_can_be_sent_again_and_the_other_way() -> None:
    async with house() as at:
        await at.change_user(ADA, state="reset_required")
        browser = at.browser()
        page = await browser.open(await browser.sign_in())
        await at.mail()
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="resend"))
        assert step_of(page) == "recover_code"
        await at.mail()
        page = await browser.open(await browser.submit(page, step="choose_method"))
        assert [e.medium for e in await at.mail()] == ["email", "email", "sms"]
        assert "code" in answered(await answer(browser, page, (await at.mail())[-1].code))


@each("names", {"known, then unknown": ("ada", "adda"), "unknown, then known": ("adda", "ada")})
async def test_a_name_that_is_corrected_needs_no_pause(names: tuple[str, str]) -> None:
    async with house() as at:
        browser = at.browser()
        page = await asked(browser, names[0])
        form = await browser.open(await browser.submit(page, step="change_identifier"))
        form = await browser.open(await browser.submit(form, step="identifier", username=names[1]))
        form = await browser.http.get(link_of(form, "forgot-password"))
        corrected = await browser.submit(form, step="recover", username=names[1])
        assert corrected.status_code == 303
        form = await browser.http.get(str(form.url))
        assert (await browser.submit(form, step="recover", username=names[1])).status_code == 429


async def test_a_second_factor_is_asked_for_once_and_after_it() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await with_app(at)
        await at.change_user(ADA, state="reset_required")
        at.time.pass_(60)
        browser = at.browser()
        page = await browser.open(await browser.sign_in())
        assert step_of(page) == "recover_code"
        page = await browser.open(await answer(browser, page, await at.last_code(ADA_MAIL)))
        assert browser.cookie("session") is None
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_a_reset_that_is_demanded_in_the_middle_of_a_sign_in_sends_its_code_too() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        await with_app(at)
        at.time.pass_(60)
        browser = at.browser()
        page = await browser.open(await browser.sign_in())
        await at.change_user(ADA, state="reset_required")
        page = await browser.http.get(str(page.url))
        assert step_of(page) == "recover_code"
        assert (await kinds_to(at, ADA_MAIL))[-1] == Kind.RECOVER_PASSWORD
        page = await answer(browser, page, await at.last_code(ADA_MAIL))
        assert page.status_code == 303
        assert await is_password(at, NEW_PASSWORD)


async def test_an_address_that_nobody_proved_leaves_it_to_the_operator() -> None:
    async with house() as at:
        await at.change_user(ADA, state="reset_required", email_verified=False, phone_number_verified=False)
        browser = at.browser()
        page = await browser.open(await browser.sign_in())
        assert step_of(page) == "recover_code"
        assert await at.mail() == []
        assert (await answer(browser, page, "123456")).status_code == 422


async def test_a_session_does_not_outlive_the_demand() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in()
        await at.change_user(ADA, state="reset_required")
        assert "/login?" in (await browser.authorize()).headers["location"]
        await at.change_user(ADA, state="confirmed")
        assert "code" in answered(await browser.authorize())


async def test_clients_that_ask_for_factors_get_them_after_a_recovery() -> None:
    strict = client("strict", mfa="required")
    async with house(mfa_pool("optional", ("totp",)), clients=(*CLIENTS, strict)) as at:
        browser = at.browser()
        page = await browser.login_page(client_id="strict")
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        page = await browser.http.get(link_of(page, "forgot-password"))
        page = await asked(browser, page=page)
        page = await browser.open(await answer(browser, page, await at.last_code(ADA_MAIL)))
        assert step_of(page) == "enrol"
        assert browser.cookie("session") is None


async def test_a_temporary_password_that_is_over_is_replaced_by_recovery() -> None:
    async with house() as at:
        stored = await at.stores.directory.password(POOL, ADA.id)
        over = PasswordCredential(ADA.id, stored.hash, 0, expires_at=int(at.time()) - 1)
        await at.stores.directory.set_password(POOL, over)
        await at.change_user(ADA, state="must_change")
        assert (await at.browser().sign_in()).status_code == 422
        assert "code" in answered(await recovered(at, at.browser()))
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "confirmed"
