"""Temporary passwords: good for some days, and for one sign-in, which replaces them."""

import asyncio
from dataclasses import replace

import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import PasswordPolicy
from tests.journeys.house import ADA, CALLBACK, PASSWORD, POOL, House, answered, each, hidden, house, pool
from tests.journeys.people import NEW_PASSWORD, fault_at, kinds_to, mfa_pool, step_of, steps_on, tokens_of
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

ADA_MAIL = "ada@example.com"


async def temporary(at: House, *, days: int = 7) -> None:
    """An operator gave Ada a temporary password."""
    stored = await at.stores.directory.password(POOL, ADA.id)
    assert stored is not None
    over = int(at.time()) + days * 86400
    await at.stores.directory.set_password(POOL, replace(stored, expires_at=over))
    await at.change_user(ADA, state="must_change")


async def test_it_is_replaced_at_the_first_sign_in() -> None:
    async with house() as at:
        await temporary(at)
        browser = at.browser()
        page = await after_password(browser)
        assert "new_password" in steps_on(page)
        assert browser.cookie("session") is None
        done = await browser.submit(page, step="new_password", new_password=NEW_PASSWORD)
        tokens = await tokens_of(browser, done)
        assert tokens["id"]["amr"] == ["pwd"]
        user = await at.stores.directory.user(POOL, ADA.id)
        assert user.state == "confirmed"
        kept = await at.stores.directory.password(POOL, ADA.id)
        assert kept.expires_at is None
        assert Kind.PASSWORD_CHANGED in await kinds_to(at, ADA_MAIL)
        assert (await at.browser().sign_in(password=PASSWORD)).status_code == 422
        assert "code" in answered(await at.browser().sign_in(password=NEW_PASSWORD))


@each("days", {"a minute before": (-60, True), "a minute after": (60, False)})
async def test_it_is_good_for_so_many_days(days: tuple[int, bool]) -> None:
    seconds, good = days
    async with house() as at:
        await temporary(at)
        at.time.pass_(7 * 86400 + seconds)
        answer = await at.browser().sign_in()
        assert (answer.status_code == 303) is good


async def test_one_that_is_over_looks_like_a_wrong_one() -> None:
    async with house() as at:
        await temporary(at)
        at.time.pass_(8 * 86400)
        over = await at.browser().sign_in()
        wrong = await at.browser().sign_in(password="wrong")
        assert fault_at(over, "password") == fault_at(wrong, "password")


async def test_one_that_ends_between_password_and_change_opens_nothing() -> None:
    async with house() as at:
        await temporary(at)
        at.time.pass_(7 * 86400 - 10)
        browser = at.browser()
        page = await after_password(browser)
        at.time.pass_(60)
        done = await browser.submit(page, step="new_password", new_password=NEW_PASSWORD)
        assert "code" in answered(done), "it was right when it was given"


@each(
    "password",
    {
        "empty": "",
        "short": "short7",
        "long": "x1y2" * 300,
        "known": "password1",
        "the name": "xx-lovelace-xx",
        "the temporary one": PASSWORD,
    },
)
async def test_a_bad_password_has_its_sentence_and_loses_nothing(password: str) -> None:
    async with house(pool(password_policy=PasswordPolicy(history=1))) as at:
        await at.change_user(ADA, username="lovelace")
        await temporary(at)
        browser = at.browser()
        page = await after_password(browser, "lovelace")
        for _ in range(3):
            page = await browser.submit(page, step="new_password", new_password=password)
            assert page.status_code == 422
            assert fault_at(page, "new_password")
            assert not password or password not in page.text
            assert browser.cookie("session") is None
        assert "code" in answered(await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))


TRICKS: dict[str, dict[str, str]] = {
    "nothing": {},
    "the password again": {"step": "password", "password": PASSWORD},
    "consent": {"step": "consent", "decision": "approve", "account": ADA.id},
    "later": {"step": "later"},
    "a code": {"step": "code", "code": "123456"},
    "confirm": {"step": "confirm", "code": "123456"},
    "recover": {"step": "recover_code", "code": "123456", "new_password": NEW_PASSWORD},
    "keep": {"step": "closing", "decision": "keep"},
}


@each("trick", TRICKS)
async def test_no_form_leads_around_it(trick: dict[str, str]) -> None:
    async with house() as at:
        await temporary(at)
        browser = at.browser()
        page = await after_password(browser)
        csrf = {"csrf": hidden(page)["csrf"]}
        answer = await browser.http.post(str(page.url), data=csrf | trick)
        assert not answer.headers.get("location", "").startswith(CALLBACK)
        assert browser.cookie("session") is None
        page = await browser.http.get(str(page.url))
        assert "code" in answered(await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))


async def test_nobody_sets_a_password_at_another_step() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        forged = {"csrf": hidden(page)["csrf"], "step": "new_password", "new_password": NEW_PASSWORD}
        await browser.http.post(str(page.url), data=forged)
        assert (await at.browser().sign_in(password=NEW_PASSWORD)).status_code == 422
        assert "code" in answered(await at.browser().sign_in())


async def test_a_second_factor_comes_before_it() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        await temporary(at)
        browser = at.browser()
        page = await after_password(browser)
        assert "new_password" not in steps_on(page)
        page = await browser.open(await browser.submit(page, step="code", code=app.code))
        assert "new_password" in steps_on(page)
        tokens = await tokens_of(browser, await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))
        assert tokens["id"]["amr"] == ["pwd", "otp", "mfa"]


async def test_a_deletion_that_is_planned_is_asked_about_after_it() -> None:
    """The new password is kept in mind over the next step."""
    async with house() as at:
        await temporary(at)
        await at.change_user(ADA, delete_after=int(at.time()) + 86400)
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.open(await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))
        assert step_of(page) == "closing"
        assert "code" in answered(await browser.submit(page, step="closing", decision="keep"))


async def test_who_is_disabled_meanwhile_stays_out() -> None:
    async with house() as at:
        await temporary(at)
        browser = at.browser()
        page = await after_password(browser)
        await at.change_user(ADA, state="disabled")
        await browser.http.post(
            str(page.url), data=hidden(page, "new_password") | {"step": "new_password", "new_password": NEW_PASSWORD}
        )
        assert browser.cookie("session") is None
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "disabled"
        await at.change_user(ADA, state="confirmed")
        assert "code" in answered(await at.browser().sign_in())


async def test_of_two_new_passwords_at_once_one_opens() -> None:
    async with house() as at:
        await temporary(at)
        browser = at.browser()
        page = await after_password(browser)
        words = (NEW_PASSWORD, "quartz-lantern-drift")
        await asyncio.gather(*(browser.submit(page, step="new_password", new_password=w) for w in words))
        opened = [(await at.browser().sign_in(password=w)).status_code for w in words]
        assert sorted(opened) == [303, 422]
