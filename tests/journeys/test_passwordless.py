"""Signing in without a password: a code by mail or text message first."""

import asyncio
from typing import Any

import pytest

from authserver.messages.kinds import Kind
from authserver.model.users import User
from tests.journeys.house import ADA, CLIENTS, PASSWORD, POOL, Browser, answered, client, each, hidden, house
from tests.journeys.people import fault_at, kinds_to, mfa_pool, steps_on, tokens_of, words_of
from tests.journeys.test_second_factors import enrolled

pytestmark = pytest.mark.anyio

ADA_MAIL, ADA_PHONE = "ada@example.com", "+821012345678"


def by_mail(**changes: Any) -> Any:
    return mfa_pool("off", (), first_factors=("email_code", "password"), **changes)


async def named(browser: Browser, username: str = "ada", **changes: str | None) -> Any:
    """The page after the name."""
    page = await browser.login_page(**changes)
    page = await browser.open(await browser.submit(page, step="identifier", username=username))
    await browser.house.mail()
    return page


async def test_a_mailed_code_signs_in() -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        assert "code" in steps_on(page)
        assert await kinds_to(at, ADA_MAIL) == [Kind.SIGN_IN_CODE]
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))
        assert tokens["id"]["sub"] == ADA.id
        assert tokens["id"]["amr"] == ["email_otp"]
        assert tokens["id"]["acr"] == "urn:poolgate:acr:2"
        assert ADA_MAIL not in words_of(page), "where it went is not told to whoever types a name"


async def test_a_texted_code_signs_in() -> None:
    async with house(mfa_pool("off", (), first_factors=("sms_code",))) as at:
        browser = at.browser()
        page = await named(browser)
        code = (await at.mail(ADA_PHONE))[-1].code
        assert (await tokens_of(browser, await browser.submit(page, step="code", code=code)))["id"]["amr"] == ["sms"]


async def test_the_password_may_be_chosen_instead() -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        page = await browser.open(await browser.submit(page, step="method", method="password"))
        assert (await browser.submit(page, step="password", password="wrong")).status_code == 422
        assert "code" in answered(await browser.submit(page, step="password", password=PASSWORD))


async def test_the_code_may_be_chosen_instead_of_the_password() -> None:
    async with house(mfa_pool("off", (), first_factors=("password", "email_code"))) as at:
        browser = at.browser()
        page = await named(browser)
        assert "password" in steps_on(page)
        assert await at.mail() == [], "nothing is sent unasked"
        page = await browser.open(await browser.submit(page, step="method", method="email_code"))
        assert "code" in answered(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


async def test_a_password_is_not_taken_where_the_pool_has_none() -> None:
    async with house(mfa_pool("off", (), first_factors=("email_code",))) as at:
        browser = at.browser()
        page = await named(browser)
        csrf = {"csrf": hidden(page)["csrf"]}
        for form in (
            {"step": "password", "password": PASSWORD},
            {"step": "method", "method": "password"},
            {"step": "identifier", "username": "ada", "password": PASSWORD},
        ):
            answer = await browser.http.post(str(page.url), data=csrf | form)
            assert answer.status_code in {303, 422, 429}, form
            assert browser.cookie("session") is None
        page = await browser.http.get(str(page.url))
        assert "password" not in steps_on(page)
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        await browser.submit(page, step="method", method="password")
        answer = await browser.http.post(
            str(page.url), data={"csrf": hidden(page)["csrf"], "step": "password", "password": PASSWORD}
        )
        assert "code" in answered(answer)


@each(
    "code", {"empty": "", "blank": "  ", "letters": "abcdef", "short": "12345", "long": "1234567", "huge": "1" * 5000}
)
async def test_what_is_no_code_costs_no_try(code: str) -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        for _ in range(7):
            page = await browser.submit(page, step="code", code=code)
            assert page.status_code == 422
            assert fault_at(page, "code")
        assert "code" in answered(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


async def test_five_tries() -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        code = await at.last_code(ADA_MAIL)
        for _ in range(5):
            page = await browser.submit(page, step="code", code=f"{(int(code) + 1) % 10**6:06d}")
        assert (await browser.submit(page, step="code", code=code)).status_code == 422
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="resend"))
        assert "code" in answered(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


async def test_a_code_is_good_once_and_for_ten_minutes() -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        code = await at.last_code(ADA_MAIL)
        answers = await asyncio.gather(*(browser.submit(page, step="code", code=code) for _ in range(3)))
        assert sum(1 for a in answers if "code=" in a.headers.get("location", "")) == 1
        late = at.browser()
        page = await named(late)
        code = await at.last_code(ADA_MAIL)
        at.time.pass_(600)
        over = await late.submit(page, step="code", code=code)
        assert over.status_code == 422
        assert 'id="resend"' in over.text


async def test_the_code_of_another_browser_signs_nobody_in() -> None:
    """Or who makes somebody read a code to them could sign in as them, and who sends one could sign them in as oneself."""
    async with house(by_mail()) as at:
        ada, mallory = at.browser(), at.browser()
        page = await named(ada)
        mine = await at.last_code(ADA_MAIL)
        other = await named(mallory)
        theirs = await at.last_code(ADA_MAIL)
        if mine != theirs:
            assert (await mallory.submit(other, step="code", code=mine)).status_code == 422
            assert (await ada.submit(page, step="code", code=theirs)).status_code == 422
        assert "code" in answered(await ada.submit(page, step="code", code=mine))


async def test_a_change_of_the_name_ends_the_code() -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser, "bob")
        code = await at.last_code("bob@example.com")
        page = await browser.open(await browser.submit(page, step="change_identifier"))
        at.time.pass_(30)
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        if code != await at.last_code(ADA_MAIL):
            assert (await browser.submit(page, step="code", code=code)).status_code == 422
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))
        assert tokens["id"]["sub"] == ADA.id


async def test_an_address_that_is_given_up_meanwhile_signs_nobody_in() -> None:
    async with house(by_mail()) as at:
        browser = at.browser()
        page = await named(browser)
        code = await at.last_code(ADA_MAIL)
        await at.change_user(ADA, email="countess@example.com")
        assert (await browser.submit(page, step="code", code=code)).status_code == 422
        await at.change_user(ADA, email=ADA_MAIL)
        twin = at.browser()
        page = await named(twin)
        assert "code" in answered(await twin.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


@each(
    "state",
    {"disabled": {"state": "disabled"}, "external": {"state": "external"}, "not proven": {"email_verified": False}},
)
async def test_who_may_not_is_sent_nothing(state: dict[str, Any]) -> None:
    async with house(by_mail()) as at:
        await at.change_user(ADA, **state)
        browser = at.browser()
        page = await named(browser)
        assert await at.mail() == []
        assert (await browser.submit(page, step="code", code="123456")).status_code == 422


async def test_a_second_factor_of_another_kind_is_still_asked_for() -> None:
    setting = mfa_pool("optional", ("totp", "email_code"), first_factors=("email_code", "password"))
    async with house(setting) as at:
        stored = await at.stores.registry.pool(POOL)
        await at.change_pool(mfa=mfa_pool("required", ("totp",)).mfa)
        app = await enrolled(at, "totp")
        await at.change_pool(mfa=stored.mfa)
        browser = at.browser()
        page = await named(browser)
        page = await browser.open(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))
        assert browser.cookie("session") is None
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=app.code))
        assert tokens["id"]["amr"] == ["email_otp", "otp", "mfa"]


async def test_the_same_mailbox_is_not_asked_twice() -> None:
    """And where a client wants two factors, a mailbox alone is not enough."""
    setting = mfa_pool("optional", ("email_code",), first_factors=("email_code", "password"))
    async with house(setting, clients=(*CLIENTS, client("bank", mfa="required"))) as at:
        await at.change_pool(mfa=mfa_pool("required", ("email_code",)).mfa)
        await enrolled(at, "email_code")
        await at.change_pool(mfa=setting.mfa)
        browser = at.browser()
        page = await named(browser)
        assert "code" in answered(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))
        bank = at.browser()
        page = await named(bank, client_id="bank")
        page = await bank.open(await bank.submit(page, step="code", code=await at.last_code(ADA_MAIL)))
        assert "password" in steps_on(page)
        tokens = answered(await bank.submit(page, step="password", password=PASSWORD))
        assert "code" in tokens


async def test_prompt_login_sends_a_code_by_itself() -> None:
    """The name is known, so the first page waits for a code already."""
    async with house(by_mail()) as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="login")
        assert "code" in steps_on(page)
        assert await kinds_to(at, ADA_MAIL) == [Kind.SIGN_IN_CODE]
        page = await browser.http.get(str(page.url))
        assert await kinds_to(at, ADA_MAIL) == [Kind.SIGN_IN_CODE], "and not at each look"
        assert "code" in answered(await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


async def test_where_no_code_may_be_sent_the_page_says_when() -> None:
    async with house(by_mail()) as at:
        for _ in range(5):
            await named(at.browser())
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(prompt="login")
        assert page.status_code == 429
        assert int(page.headers["retry-after"]) > 0
        refused = await browser.submit(page, step="resend")
        assert refused.status_code == 429


async def test_strangers_do_not_hold_up_a_browser_that_is_known() -> None:
    """W11."""
    async with house(by_mail()) as at:
        owner = at.browser()
        page = await named(owner)
        await owner.submit(page, step="code", code=await at.last_code(ADA_MAIL))
        for _ in range(5):
            stranger = at.browser()
            page = await stranger.login_page()
            answer = await stranger.submit(page, step="identifier", username="ada")
            if answer.is_redirect:
                page = await stranger.open(answer)
                for _ in range(5):
                    page = await stranger.submit(page, step="code", code="000000")
        stranger = at.browser()
        page = await stranger.login_page()
        assert (await stranger.submit(page, step="identifier", username="ada")).status_code == 429
        await at.mail()
        page = await owner.login_page(prompt="login")
        assert "code" in answered(await owner.submit(page, step="code", code=await at.last_code(ADA_MAIL)))


async def test_a_name_without_anybody_gets_no_mail() -> None:
    made = User("0b5b6c7d-0000-4000-8000-0d4f5b6c7d8e", POOL, "ida")
    async with house(by_mail()) as at:
        await at.stores.directory.create_user(POOL, made)
        for name in ("nobody", "nobody@example.com", "ida"):
            page = await named(browser := at.browser(), name)
            assert (await browser.submit(page, step="code", code="123456")).status_code == 422
        assert await at.mail() == []
