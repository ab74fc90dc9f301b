"""Accounts that wait for their deletion: kept at the next sign-in, left, or gone when the days are over."""

import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import AccountPolicy
from tests.journeys.house import ADA, CALLBACK, PASSWORD, POOL, House, answered, each, hidden, house, pool
from tests.journeys.people import kinds_to, last_to, link_of, mfa_pool, step_of, steps_on, words_of
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

ADA_MAIL = "ada@example.com"


async def planned(at: House) -> None:
    """Ada asked for the deletion of her account."""
    stored = await at.stores.directory.user(POOL, ADA.id)
    await at.services.closing.plan(await at.stores.registry.pool(POOL), stored)


async def test_every_session_ends_with_the_plan_and_the_owner_is_told() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in()
        tokens = await browser.tokens()
        await planned(at)
        assert "/login?" in (await browser.authorize()).headers["location"]
        assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
        told = await last_to(at, ADA_MAIL, Kind.DELETION_PLANNED)
        assert told.link == f"{browser.issuer}/account"
        assert (await at.stores.directory.user(POOL, ADA.id)).delete_after == int(at.time()) + 14 * 86400


async def test_at_the_next_sign_in_the_account_is_kept() -> None:
    async with house() as at:
        await planned(at)
        browser = at.browser()
        page = await after_password(browser)
        assert step_of(page) == "closing"
        assert browser.cookie("session") is None
        assert "code" in answered(await browser.submit(page, step="closing", decision="keep"))
        assert (await at.stores.directory.user(POOL, ADA.id)).delete_after is None
        assert "user.deletion_cancelled" in at.kinds()
        assert "code" in answered(await at.browser().sign_in())


@each("decision", ("leave", "", "KEEP", "keep "))
async def test_or_it_is_left_to_go(decision: str) -> None:
    async with house() as at:
        await planned(at)
        browser = at.browser()
        page = await after_password(browser)
        page = await browser.submit(page, step="closing", decision=decision)
        assert "stays closed" in words_of(page)
        assert step_of(await browser.http.get(link_of(page, "restart"))) in {"identifier", "account"}
        assert browser.cookie("session") is None
        assert (await at.stores.directory.user(POOL, ADA.id)).delete_after is not None
        assert (await at.browser().sign_in("bob")).headers["location"].startswith(CALLBACK)


TRICKS: dict[str, dict[str, str]] = {
    "nothing": {},
    "the password again": {"step": "password", "password": PASSWORD},
    "consent": {"step": "consent", "decision": "approve", "account": ADA.id},
    "later": {"step": "later"},
    "account": {"step": "account", "account": ADA.id},
    "method": {"step": "method", "method": "password"},
}


@each("trick", TRICKS)
async def test_no_form_signs_in_without_keeping_it(trick: dict[str, str]) -> None:
    async with house() as at:
        await planned(at)
        browser = at.browser()
        page = await after_password(browser)
        answer = await browser.http.post(str(page.url), data={"csrf": hidden(page)["csrf"]} | trick)
        assert not answer.headers.get("location", "").startswith(CALLBACK)
        assert browser.cookie("session") is None
        assert (await at.stores.directory.user(POOL, ADA.id)).delete_after is not None


async def test_nobody_keeps_it_before_everything_is_proven() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        await planned(at)
        browser = at.browser()
        page = await browser.login_page()
        forged = {"csrf": hidden(page)["csrf"], "step": "closing", "decision": "keep"}
        await browser.http.post(str(page.url), data=forged)
        page = await after_password(browser)
        assert "closing" not in steps_on(page)
        await browser.http.post(
            str(page.url), data={"csrf": hidden(page)["csrf"], "step": "closing", "decision": "keep"}
        )
        assert (await at.stores.directory.user(POOL, ADA.id)).delete_after is not None
        page = await browser.open(await browser.submit(page, step="code", code=app.code))
        assert step_of(page) == "closing"


@each("days", {"before": (14 * 86400 - 60, False), "after": (14 * 86400, True)})
async def test_it_goes_when_the_days_are_over(days: tuple[int, bool]) -> None:
    seconds, gone = days
    async with house() as at:
        await planned(at)
        at.time.pass_(seconds)
        assert await at.services.closing.carry_out() == int(gone)
        assert (await at.stores.directory.user(POOL, ADA.id) is None) is gone
        assert (await at.browser().sign_in()).status_code == (422 if gone else 303)
        assert "code" in answered(await at.browser().sign_in("bob"))


async def test_an_account_that_was_kept_does_not_go() -> None:
    async with house() as at:
        await planned(at)
        browser = at.browser()
        page = await after_password(browser)
        await browser.submit(page, step="closing", decision="keep")
        at.time.pass_(15 * 86400)
        assert await at.services.closing.carry_out() == 0
        assert "code" in answered(await at.browser().sign_in())


async def test_one_that_is_gone_meanwhile_cannot_be_kept() -> None:
    async with house() as at:
        await planned(at)
        browser = at.browser()
        at.time.pass_(14 * 86400 - 60)
        page = await after_password(browser)
        at.time.pass_(120)
        await at.services.closing.carry_out()
        answer = await browser.http.post(
            str(page.url), data=hidden(page, "closing") | {"step": "closing", "decision": "keep"}
        )
        assert answer.status_code in {303, 404, 422}
        assert browser.cookie("session") is None


async def test_without_days_of_grace_it_goes_at_once() -> None:
    async with house(pool(account=AccountPolicy(delete_days=0))) as at:
        await planned(at)
        assert await at.stores.directory.user(POOL, ADA.id) is None
        assert Kind.DELETION_PLANNED not in await kinds_to(at, ADA_MAIL)
