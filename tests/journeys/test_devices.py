"""Remembered devices: the second factor is skipped where its owner asked for that, and nowhere else (W13)."""

from typing import Any

import httpx
import pytest

from authserver.model.pools import MfaPolicy, SessionPolicy
from tests.journeys.house import ADA, BOB, CLIENTS, PASSWORD, POOL, Browser, House, answered, client, each, house
from tests.journeys.people import NEW_PASSWORD, App, mfa_pool, steps_on, tokens_of
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

DAYS = 30


def remembering(mode: str = "optional", **changes: Any) -> Any:
    session = SessionPolicy(remember_device_days=DAYS, idle=8 * 3600, absolute=24 * 3600)
    return mfa_pool(mode, ("totp",), session=session, **changes)


async def remembered(at: House, *, remember: str = "true", username: str = "ada") -> tuple[Browser, App]:
    """A browser in which the second factor was given, and the box ticked; a day passes."""
    app = await enrolled(at, "totp", username=username)
    assert app is not None
    browser = at.browser()
    page = await after_password(browser, username)
    assert 'name="remember"' in page.text
    assert "code" in answered(await browser.submit(page, step="code", code=app.code, remember=remember))
    at.time.pass_(30 * 3600)
    return browser, app


async def asked_again(browser: Browser, username: str = "ada") -> bool:
    """Whether the second factor is asked for after the password."""
    answer = await browser.sign_in(username)
    return "/login?" in answer.headers["location"]


async def test_a_remembered_device_is_not_asked_again() -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        tokens = await tokens_of(browser, await browser.sign_in())
        assert tokens["id"]["amr"] == ["pwd"], "and does not pass for a factor that was given"
        assert tokens["id"]["acr"] == "urn:poolgate:acr:1"
        assert "device.remembered" in at.kinds()


@each("remember", {"not ticked": "", "ticked otherwise": "yes", "ticked by number": "1", "in capitals": "TRUE"})
async def test_a_device_that_did_not_ask_is_asked_again(remember: str) -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at, remember=remember)
        assert await asked_again(browser)


@each("days", {"a minute before": (-60, False), "a minute after": (60, True)})
async def test_it_is_remembered_for_so_many_days(days: tuple[int, bool]) -> None:
    seconds, asked = days
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        at.time.pass_(DAYS * 86400 - 30 * 3600 + seconds)
        assert await asked_again(browser) is asked


async def test_it_is_remembered_in_that_browser_alone() -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        assert await asked_again(at.browser())
        assert not await asked_again(browser)


async def test_it_is_remembered_for_that_user_alone() -> None:
    """W13: Bob's "remember me" in a shared browser is worth nothing to whoever knows Ada's password."""
    async with house(remembering()) as at:
        await enrolled(at, "totp")
        browser, _ = await remembered(at, username="bob")
        assert await asked_again(browser, "ada")
        twin = at.browser()
        twin.http.cookies = browser.http.cookies
        assert not await asked_again(twin, "bob")


async def test_a_made_up_cookie_is_no_device() -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        known = browser.cookie("browser") or ""
        forged = at.browser()
        device = (await at.stores.credentials.devices(POOL, ADA.id))[0].id
        for value in (device, known[:-1], known[:-1] + ("A" if known[-1] != "A" else "B"), known.lower(), ADA.id):
            forged.http.cookies.clear()
            forged.set_cookie("test_Pool1-browser", value)
            assert await asked_again(forged), value
        forged.http.cookies.clear()
        forged.set_cookie("test_Pool1-browser", known)
        assert not await asked_again(forged), "the cookie is what is remembered"


async def test_where_the_pool_does_not_offer_it_the_form_cannot_ask_for_it() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        assert 'name="remember"' not in page.text
        await browser.submit(page, step="code", code=app.code, remember="true")
        at.time.pass_(30 * 3600)
        assert await asked_again(browser)


async def test_a_wrong_code_remembers_nothing() -> None:
    async with house(remembering()) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await after_password(browser)
        wrong = await browser.submit(page, step="code", code="x", remember="true")
        assert wrong.status_code == 422
        assert 'name="remember" type="checkbox" value="true" checked' in wrong.text, "the tick is kept"
        assert await at.stores.credentials.devices(POOL, ADA.id) == []
        await browser.submit(wrong, step="code", code=app.code, remember="")
        at.time.pass_(30 * 3600)
        assert await asked_again(browser)


async def test_required_factors_are_fulfilled_by_it_too() -> None:
    async with house(remembering("required"), clients=(*CLIENTS, client("bank", mfa="required"))) as at:
        browser, _ = await remembered(at)
        assert not await asked_again(browser)
        assert "code" in answered(await browser.authorize(client_id="bank", prompt="none"))


async def test_a_new_password_forgets_it() -> None:
    async with house(remembering()) as at:
        browser, app = await remembered(at)
        stored = await at.stores.directory.user(POOL, ADA.id)
        pool = await at.stores.registry.pool(POOL)
        await at.services.password_changes.change(pool, stored, NEW_PASSWORD)
        page = await browser.open(await browser.sign_in(password=NEW_PASSWORD))
        assert "code" in steps_on(page)
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_when_the_pool_offers_it_no_more_it_is_asked_again() -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        await at.change_pool(session=SessionPolicy(remember_device_days=0))
        assert await asked_again(browser)


async def test_signing_out_does_not_forget_it() -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        await browser.sign_in()
        await browser.http.get(f"{browser.issuer}/logout")
        browser.http.cookies.delete("test_Pool1-session")
        assert not await asked_again(browser)


async def test_an_operator_who_takes_the_factor_away_and_back_is_not_in_its_way() -> None:
    async with house(remembering()) as at:
        browser, _ = await remembered(at)
        stored = await at.stores.registry.pool(POOL)
        await at.change_pool(mfa=MfaPolicy())
        assert not await asked_again(browser)
        browser.http.cookies.delete("test_Pool1-session")
        await at.change_pool(mfa=stored.mfa)
        assert not await asked_again(browser)


async def test_how_often_a_device_is_written_down() -> None:
    """Once an hour at most, if nothing else changed."""
    async with house(remembering()) as at:
        browser = at.browser()
        await browser.sign_in("bob")
        [first] = await at.stores.credentials.devices(POOL, BOB.id)
        for seconds, seen in ((60, first.last_seen), (3600, first.last_seen + 3660)):
            at.time.pass_(seconds)
            page: httpx.Response = await browser.login_page(prompt="login")
            await browser.submit(page, step="password", password=PASSWORD)
            [device] = await at.stores.credentials.devices(POOL, BOB.id)
            assert device.last_seen == seen
            assert device.first_seen == first.first_seen
