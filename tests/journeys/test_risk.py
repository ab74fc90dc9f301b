"""Unusual sign-ins: told to the owner, asked for more, or stopped; and the owner's "this wasn't me"."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from authserver.messages.kinds import Kind
from authserver.model.pools import MfaPolicy, RiskPolicy, SessionPolicy
from authserver.protection.places import Places
from tests.journeys.house import (
    ADA,
    BOB,
    CALLBACK,
    CLIENTS,
    PASSWORD,
    POOL,
    Browser,
    House,
    answered,
    client,
    each,
    hidden,
    house,
    pool,
)
from tests.journeys.people import (
    NEW_PASSWORD,
    kinds_to,
    last_to,
    link_of,
    press,
    step_of,
    steps_on,
    tokens_of,
    words_of,
)
from tests.journeys.test_second_factors import after_password, enrolled
from tests.unit.geoip_file import write_geoip

pytestmark = pytest.mark.anyio

ADA_MAIL = "ada@example.com"
HERE, FAR, NEAR = "198.51.100.7", "203.0.113.9", "198.51.100.200"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)


def risky(**changes: Any) -> Any:
    quiet = {"new_device": "ignore", "new_network": "ignore", "impossible_travel": "ignore"}
    more = {k: changes.pop(k) for k in ("mfa", "session") if k in changes}
    return pool(risk=RiskPolicy(**quiet | changes), **more)


async def at_home(at: House) -> Browser:
    """Ada's browser, which has signed her in before."""
    browser = at.browser(address=HERE)
    browser.http.headers["user-agent"] = FIREFOX
    assert "code" in answered(await browser.sign_in())
    await at.mail()
    return browser


async def elsewhere(at: House, address: str = FAR) -> Browser:
    browser = at.browser(address=address)
    browser.http.headers["user-agent"] = CHROME
    return browser


async def once_more(browser: Browser) -> httpx.Response:
    """Who is signed in gives the password again."""
    page = await browser.login_page(prompt="login")
    return await browser.submit(page, step="password", password=PASSWORD)


# ------------------------------------------------------------------------------------------------------------ notify


async def test_a_new_browser_is_told_to_the_owner() -> None:
    async with house(risky(new_device="notify")) as at:
        await at_home(at)
        assert await at.mail() == [], "the very first is nothing unusual"
        browser = await elsewhere(at)
        assert "code" in answered(await browser.sign_in())
        told = await last_to(at, ADA_MAIL, Kind.NEW_DEVICE)
        assert "Chrome" in told.text
        assert FAR in told.text
        assert "/notMe?token=" in told.link
        assert len(await at.mail()) == 1
        assert "code" in answered(await once_more(browser))
        assert len(await at.mail()) == 1, "it is known now"


async def test_the_same_browser_is_nothing_unusual() -> None:
    async with house(risky(new_device="notify")) as at:
        browser = await at_home(at)
        at.time.pass_(30 * 3600)
        assert "code" in answered(await browser.sign_in())
        assert await at.mail() == []


async def test_a_cookie_that_was_taken_along_is_another_browser() -> None:
    async with house(risky(new_device="notify")) as at:
        owner = await at_home(at)
        thief = await elsewhere(at)
        thief.http.cookies.set("test_Pool1-browser", owner.cookie("browser") or "", domain="localhost.local", path="/")
        assert "code" in answered(await thief.sign_in())
        assert await kinds_to(at, ADA_MAIL) == [Kind.NEW_DEVICE]


@each("network", {"another": (FAR, 1), "the same": (HERE, 0)})
async def test_a_new_network_is_told(network: tuple[str, int]) -> None:
    address, mails = network
    async with house(risky(new_network="notify")) as at:
        await at_home(at)
        assert "code" in answered(await (await elsewhere(at, address)).sign_in())
        assert len(await at.mail()) == mails


async def test_nothing_is_told_where_the_pool_ignores_it() -> None:
    async with house(risky()) as at:
        await at_home(at)
        assert "code" in answered(await (await elsewhere(at)).sign_in())
        assert await at.mail() == []


async def test_who_has_no_proven_address_is_not_told_but_gets_in() -> None:
    async with house(risky(new_device="notify")) as at:
        await at.change_user(ADA, email_verified=False, phone_number_verified=False)
        await at_home(at)
        assert "code" in answered(await (await elsewhere(at)).sign_in())
        assert await at.mail() == []


async def test_a_wrong_password_tells_the_owner_nothing() -> None:
    async with house(risky(new_device="notify")) as at:
        await at_home(at)
        assert (await (await elsewhere(at)).sign_in(password="wrong")).status_code == 422
        assert await at.mail() == []


# ---------------------------------------------------------------------------------------------------- require_factor


async def test_a_further_factor_is_asked_of_a_new_browser() -> None:
    async with house(risky(new_device="require_factor")) as at:
        home = await at_home(at)
        browser = await elsewhere(at)
        page = await after_password(browser)
        assert "code" in steps_on(page)
        assert browser.cookie("session") is None
        assert await kinds_to(at, ADA_MAIL) == [Kind.FACTOR_CODE]
        wrong = await browser.submit(page, step="code", code="000000")
        assert wrong.status_code == 422 or await at.last_code(ADA_MAIL) == "000000"
        tokens = await tokens_of(browser, await browser.submit(page, step="code", code=await at.last_code(ADA_MAIL)))
        assert tokens["id"]["amr"] == ["pwd", "email_otp", "mfa"]
        assert await kinds_to(at, ADA_MAIL) == [Kind.FACTOR_CODE, Kind.NEW_DEVICE]
        assert "code" in answered(await once_more(browser)), "it is known now"
        assert "code" in answered(await once_more(home)), "and the one at home always was"


async def test_the_factor_is_the_user_s_own_where_there_is_one() -> None:
    async with house(risky(new_device="require_factor", mfa=MfaPolicy(mode="off", factors=("totp",)))) as at:
        app = await enrolled(at, "totp")
        await at_home(at)
        browser = await elsewhere(at)
        page = await after_password(browser)
        assert await at.mail() == []
        assert "code" in answered(await browser.submit(page, step="code", code=app.code))


async def test_a_remembered_device_does_not_stand_in_for_it() -> None:
    """A cookie that was copied brings its "remember me" along."""
    setting = risky(
        new_device="require_factor",
        mfa=MfaPolicy(mode="optional", factors=("totp",)),
        session=SessionPolicy(remember_device_days=30),
    )
    async with house(setting) as at:
        app = await enrolled(at, "totp")
        home = at.browser(address=HERE)
        home.http.headers["user-agent"] = FIREFOX
        page = await after_password(home)
        await home.submit(page, step="code", code=app.code, remember="true")
        at.time.pass_(60)
        assert "code" in answered(await once_more(home))
        thief = await elsewhere(at)
        thief.http.cookies.set("test_Pool1-browser", home.cookie("browser") or "", domain="localhost.local", path="/")
        page = await after_password(thief)
        assert thief.cookie("session") is None
        assert "remember" not in page.text
        assert "code" in steps_on(page)


async def test_who_has_nothing_to_show_but_the_password_stays_out() -> None:
    """Neither a factor nor a proven address: a stranger would look just like this."""
    async with house(risky(new_device="require_factor")) as at:
        await at.change_user(ADA, email_verified=False, phone_number_verified=False)
        home = await at_home(at)
        browser = await elsewhere(at)
        page = await after_password(browser)
        assert 'id="blocked"' in page.text
        assert "told the owner" not in words_of(page)
        assert browser.cookie("session") is None
        assert "code" in answered(await once_more(home))


async def test_nobody_sets_up_a_factor_to_get_by() -> None:
    """The pool has come to require factors since, and Ada has none: whoever has her password alone adds none either."""
    async with house(risky(new_device="require_factor")) as at:
        await at.change_user(ADA, email_verified=False, phone_number_verified=False)
        home = await at_home(at)
        await at.change_pool(mfa=MfaPolicy(mode="required", factors=("totp",)))
        page = await after_password(await elsewhere(at))
        assert 'id="blocked"' in page.text
        page = await home.login_page(prompt="login")
        page = await home.submit(page, step="password", password=PASSWORD)
        assert step_of(await home.open(page)) == "enrol"


async def test_passwordless_people_have_shown_their_mailbox_already() -> None:
    setting = risky(new_device="require_factor", mfa=MfaPolicy(first_factors=("email_code",)))
    async with house(setting) as at:
        for browser in (at.browser(address=HERE), await elsewhere(at)):
            page = await browser.login_page()
            page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
            code = await at.last_code("bob@example.com")
            assert "code" in answered(await browser.submit(page, step="code", code=code))


# ------------------------------------------------------------------------------------------------------------- block


async def test_a_sign_in_is_stopped_and_the_owner_told() -> None:
    async with house(risky(new_device="block")) as at:
        home = await at_home(at)
        browser = await elsewhere(at)
        page = await after_password(browser)
        assert 'id="blocked"' in page.text
        assert browser.cookie("session") is None
        assert "sign_in.blocked" in at.kinds()
        assert await kinds_to(at, ADA_MAIL) == [Kind.NEW_DEVICE]
        assert "told the owner" in words_of(page)
        again = await browser.http.get(str(page.url))
        assert 'id="blocked"' in again.text
        assert len(await at.mail()) == 1, "once"
        assert "code" in answered(await once_more(home))


FORMS: dict[str, dict[str, str]] = {
    "password": {"step": "password", "password": PASSWORD},
    "method": {"step": "method", "method": "email_code"},
    "other method": {"step": "choose_method"},
    "code": {"step": "code", "code": "123456"},
    "resend": {"step": "resend"},
    "confirm": {"step": "confirm", "code": "123456"},
    "enrol": {"step": "enrol", "method": "totp"},
    "consent": {"step": "consent", "decision": "approve", "account": ADA.id},
    "nothing": {},
}


@each("form", FORMS)
async def test_no_form_leads_on(form: dict[str, str]) -> None:
    async with house(risky(new_device="block")) as at:
        await at_home(at)
        browser = await elsewhere(at)
        page = await browser.login_page()
        csrf = {"csrf": hidden(page)["csrf"]}  # the same on all pages of a sign-in
        await browser.submit(page, step="identifier", username="ada", password=PASSWORD)
        assert 'id="blocked"' in (await browser.http.get(str(page.url))).text
        answer = await browser.http.post(str(page.url), data=csrf | form)
        assert answer.status_code in {303, 422}
        assert not answer.headers.get("location", "").startswith(CALLBACK)
        assert browser.cookie("session") is None
        assert len(await at.mail()) == 1


async def test_the_owner_comes_in_by_recovery() -> None:
    async with house(risky(new_device="block")) as at:
        await at_home(at)
        browser = await elsewhere(at)
        page = await after_password(browser)
        page = await browser.http.get(link_of(page, "forgot-password"))
        page = await browser.open(await browser.submit(page, step="recover", username="ada"))
        code = await at.last_code(ADA_MAIL)
        done = await browser.submit(page, step="recover_code", code=code, new_password=NEW_PASSWORD)
        assert "code" in answered(done)


# ------------------------------------------------------------------------------------------------------------ travel


@each(
    "journey",
    {
        "across the world within the hour": (FAR, 3600, True),
        "across the world within two days": (FAR, 2 * 86400, False),
        "round the corner at once": (NEAR, 60, False),
    },
)
async def test_impossible_travel(tmp_path: Path, journey: tuple[str, int, bool]) -> None:
    address, seconds, impossible = journey
    cities = {
        "198.51.100.0/25": {"location": {"latitude": 37.57, "longitude": 126.98, "accuracy_radius": 20}, "country": {"iso_code": "KR"}},
        "198.51.100.128/25": {"location": {"latitude": 37.45, "longitude": 126.70, "accuracy_radius": 20}, "country": {"iso_code": "KR"}},
        "203.0.113.0/24": {"location": {"latitude": 40.71, "longitude": -74.0, "accuracy_radius": 20}, "country": {"iso_code": "US"}},
    }  # fmt: skip
    async with house(risky(impossible_travel="block")) as at:
        at.services.watch._places = Places(write_geoip(tmp_path / "places.mmdb", cities), pytest.fail)
        await at_home(at)
        at.time.pass_(seconds)
        answer = await (await elsewhere(at, address)).sign_in()
        assert answer.headers["location"].startswith(CALLBACK) is not impossible
        assert ("sign_in.blocked" in at.kinds()) is impossible


# ---------------------------------------------------------------------------------------------------- "this wasn't me"


async def told(at: House) -> tuple[Browser, dict[str, Any], str]:
    """A thief has signed in as Ada and has tokens; Ada has the link."""
    await at_home(at)
    thief = await elsewhere(at)
    tokens = await tokens_of(thief, await thief.sign_in())
    return thief, tokens, (await last_to(at, ADA_MAIL, Kind.NEW_DEVICE)).link or ""


async def test_looking_at_the_link_does_nothing() -> None:
    """Mail scanners open links."""
    async with house(risky(new_device="notify")) as at:
        thief, tokens, link = await told(at)
        for _ in range(3):
            scanner = at.browser(address="192.0.2.99")
            page = await scanner.http.get(link, follow_redirects=True)
            assert page.status_code == 200
            assert (await scanner.http.head(link)).status_code in {200, 302}
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "confirmed"
        assert (await thief.userinfo(tokens["access_token"])).status_code == 200
        assert (await press(at.browser(), link)).status_code == 200, "and it still works"


async def test_the_button_ends_everything_and_demands_a_new_password() -> None:
    async with house(risky(new_device="notify")) as at:
        thief, tokens, link = await told(at)
        other = at.browser()
        await other.sign_in("bob")
        done = await press(at.browser(), link)
        assert done.status_code == 200
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "reset_required"
        assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == []
        assert await at.stores.credentials.devices(POOL, ADA.id) == []
        assert (await thief.userinfo(tokens["access_token"])).status_code == 401
        assert (await thief.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
        assert "/login?" in (await thief.authorize()).headers["location"]
        page = await after_password(thief)
        assert step_of(page) == "recover_code", "the password alone leads no further"
        assert "code" in answered(await other.authorize()), "Bob is not touched"
        await at.mail()  # delivered before the next one
        owner = at.browser()
        page = await after_password(owner)
        code = await at.last_code(ADA_MAIL)
        new = await owner.submit(page, step="recover_code", code=code, new_password=NEW_PASSWORD)
        assert "code" in answered(new)


async def test_the_link_works_once() -> None:
    async with house(risky(new_device="notify")) as at:
        _, _, link = await told(at)
        browser = at.browser()
        page = await browser.http.get(link, follow_redirects=True)
        assert (await browser.http.post(str(page.url), data=hidden(page))).status_code == 200
        await at.change_user(ADA, state="confirmed")
        again = await browser.http.post(str(page.url), data=hidden(page))
        assert again.status_code == 410
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "confirmed"
        assert (await browser.http.get(link)).status_code == 410


@each("days", {"in time": (7 * 86400 - 60, 200), "too late": (7 * 86400 + 1, 410)})
async def test_the_link_works_for_a_week(days: tuple[int, int]) -> None:
    seconds, status = days
    async with house(risky(new_device="notify")) as at:
        _, _, link = await told(at)
        at.time.pass_(seconds)
        assert (await at.browser().http.get(link, follow_redirects=True)).status_code == status


@each(
    "change",
    {
        "cut": lambda t: t[:-1],
        "longer": lambda t: t + "x",
        "other": lambda t: "A" * len(t),
        "empty": lambda t: "",
        "huge": lambda t: t * 100,
        "markup": lambda t: "<script>alert(1)</script>",
        "header": lambda t: "x%0d%0aSet-Cookie:a=b",
    },
)
async def test_a_link_that_is_not_whole_is_nothing(change: Any) -> None:
    async with house(risky(new_device="notify")) as at:
        _, _, link = await told(at)
        base, _, token = link.partition("token=")
        browser = at.browser()
        page = await browser.http.get(f"{base}token={change(token)}", follow_redirects=True)
        assert page.status_code == 410
        assert "<script>alert" not in page.text
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "confirmed"
        assert (await press(at.browser(), link)).status_code == 200


async def test_a_forged_press_does_nothing() -> None:
    """W1: another site cannot press the button with a link that it got hold of."""
    async with house(risky(new_device="notify")) as at:
        _, _, link = await told(at)
        browser = at.browser()
        page = await browser.http.get(link, follow_redirects=True)
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            refused = await browser.http.post(str(page.url), data=hidden(page), headers=headers)
            assert refused.status_code == 403
        assert (await browser.http.post(str(page.url), data={"csrf": "x" * 43})).status_code == 403
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "confirmed"
        assert (await browser.http.post(str(page.url), data=hidden(page))).status_code == 200


async def test_the_link_of_one_pool_is_nothing_in_another() -> None:
    async with house(risky(new_device="notify"), pool("other_Pool2")) as at:
        _, _, link = await told(at)
        foreign = link.replace(POOL, "other_Pool2")
        page = await at.browser(pool_id="other_Pool2").http.get(foreign, follow_redirects=True)
        assert page.status_code == 410


async def test_a_user_who_is_gone_cannot_object() -> None:
    async with house(risky(new_device="notify")) as at:
        _, _, link = await told(at)
        await at.stores.directory.delete_user(POOL, ADA.id)
        assert (await press(at.browser(), link)).status_code == 410


async def test_the_referrer_of_the_page_keeps_the_token() -> None:
    async with house(risky(new_device="notify")) as at:
        _, _, link = await told(at)
        page = await at.browser().http.get(link, follow_redirects=True)
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"


async def test_risks_do_not_stand_in_the_way_of_another_client_s_session() -> None:
    """They are looked at when something is proven, not at each request."""
    async with house(risky(new_device="block"), clients=(*CLIENTS, client("bank"))) as at:
        home = await at_home(at)
        assert "code" in answered(await home.authorize(client_id="bank"))
        assert BOB.id not in {d.user_id for d in await at.stores.credentials.devices(POOL, ADA.id)}
