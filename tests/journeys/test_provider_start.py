"""A sign-in that begins at an OpenID provider (OpenID Connect Core 4): it sends the browser here, and we send it back."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.journeys.elsewhere import World, asked, departure, elsewhere, person
from tests.journeys.house import ISSUER, POOL, Browser, client, each

pytestmark = pytest.mark.anyio

ACME = "https://id.acme.example"


def began(name: str = "Acme", **changes: str | None) -> str:
    query = {"iss": ACME, **changes}
    return f"{ISSUER}/oauth2/idplogin/{name}?{urlencode({k: v for k, v in query.items() if v is not None})}"


async def there(world: World, **settings):
    site = await world.add()
    await world.change(settings={"issuer": site.metadata.issuer, **settings})
    site.person = person(sub="carol-1", email="carol@acme.example")
    return site


async def on(browser: Browser, answer: httpx.Response) -> httpx.Response:
    """As far as it goes without leaving us."""
    while answer.status_code in {302, 303} and answer.headers["location"].startswith(ISSUER):
        answer = await browser.http.get(answer.headers["location"])
    return answer


async def test_who_begins_at_the_provider_arrives_at_the_account_page():
    """oidcc-client-test-3rd-party-init-login, from the address that is registered as `initiate_login_uri`."""
    async with elsewhere() as world:
        site = await there(world)
        browser = world.at.browser()
        away = await on(browser, await browser.http.get(began(login_hint="carol@acme.example")))
        assert departure(away).startswith(site.metadata.authorization_endpoint)
        assert asked(away)["login_hint"] == "carol@acme.example"
        answer = await on(browser, await world.come_back(browser, away))
        assert (answer.status_code, str(answer.url)) == (200, f"{ISSUER}/account")
        assert "Acme_carol-1" in answer.text


async def test_it_is_a_login_of_our_own_that_is_begun_there():
    """Nothing that the address says is taken for an answer: state, nonce and challenge are made here each time."""
    async with elsewhere() as world:
        await there(world)
        browser = world.at.browser()
        one = asked(await on(browser, await browser.http.get(began(state="theirs", code="stolen"))))
        other = asked(await on(browser, await browser.http.get(began())))
        assert one["state"] not in {"theirs", other["state"]}
        assert one["nonce"] != other["nonce"]
        forged = await browser.http.get(f"{ISSUER}/oauth2/idpresponse/Acme?code=stolen&state=theirs")
        assert forged.status_code == 410


async def test_a_form_begins_it_too():
    """Core 4: by GET and by POST. A form of another site's brings no cookies, so it goes on by GET."""
    async with elsewhere() as world:
        site = await there(world)
        browser = world.at.browser()
        form = {"iss": ACME, "login_hint": "carol@acme.example"}
        answer = await browser.http.post(f"{ISSUER}/oauth2/idplogin/Acme", data=form)
        assert answer.status_code == 303
        away = await on(browser, answer)
        assert departure(away).startswith(site.metadata.authorization_endpoint)
        assert asked(away)["login_hint"] == "carol@acme.example"


async def test_an_app_of_the_pool_may_be_where_it_leads_and_nothing_else():
    async with elsewhere() as world:
        await there(world)
        await world.at.stores.registry.put_client(POOL, client("shop", client_uri="https://shop.example/"))
        for named, target in (
            ({"client_id": "shop"}, "https://shop.example/"),
            ({"client_id": "nobody"}, f"{ISSUER}/account"),
            ({"client_id": "https://evil.example/"}, f"{ISSUER}/account"),
            ({"client_id": "web"}, f"{ISSUER}/account"),
            ({"target_link_uri": "https://evil.example/"}, f"{ISSUER}/account"),
        ):
            browser = world.at.browser()
            away = await on(browser, await browser.http.get(began(**named)))
            answer = await on(browser, await world.come_back(browser, away))
            assert answer.headers.get("refresh", f"0;url={answer.url}") == f"0;url={target}", named


async def test_who_is_signed_in_by_that_provider_goes_straight_on():
    async with elsewhere() as world:
        await there(world)
        browser = world.at.browser()
        away = await on(browser, await browser.http.get(began()))
        await on(browser, await world.come_back(browser, away))
        again = await on(browser, await browser.http.get(began()))
        assert (again.status_code, str(again.url)) == (200, f"{ISSUER}/account")


@pytest.mark.parametrize(
    "changes", [{"iss": None}, {"iss": "https://evil.example"}, {"iss": f"{ACME}/"}, {"iss": ACME.upper()}], ids=str
)
async def test_an_issuer_that_is_not_this_providers_begins_nothing(changes):
    async with elsewhere() as world:
        await there(world)
        browser = world.at.browser()
        assert (await browser.http.get(began(**changes))).status_code == 400
        assert world.network.sent == []
        assert (await browser.http.get(began())).status_code == 302


async def test_a_parameter_that_is_repeated_can_be_read_in_two_ways():
    async with elsewhere() as world:
        await there(world)
        browser = world.at.browser()
        assert (await browser.http.get(f"{began()}&iss=https://evil.example")).status_code == 400
        assert (await browser.http.get(began())).status_code == 302


@each("changes", {"switched off": {"enabled": False}, "of another kind": {"type": "google", "settings": {}}})
async def test_a_provider_from_which_nothing_begins_is_not_found(changes):
    async with elsewhere() as world:
        await there(world)
        browser = world.at.browser()
        assert (await browser.http.get(began())).status_code == 302
        await world.change(**changes)
        assert (await browser.http.get(began())).status_code == 404
        assert (await browser.http.get(began("Nobody"))).status_code == 404


@each("hint", {"too long": "x" * 400, "with a line's end": "carol\nBcc: x", "none": ""})
async def test_a_hint_that_is_no_name_is_left_out(hint):
    async with elsewhere() as world:
        await there(world)
        browser = world.at.browser()
        away = await on(browser, await browser.http.get(began(login_hint=hint)))
        assert "login_hint" not in asked(away)
