"""An administrator tries a provider that nobody may use yet: the checks, a login, what came of it, and what to do."""

from dataclasses import replace
from urllib.parse import urlencode

import pytest

from tests.journeys.elsewhere import World, departure, elsewhere, person
from tests.journeys.house import ADA, ISSUER, POOL, error_code, hidden
from tests.journeys.test_saml_sign_in import SAYS, back, corp, request_of, sent

pytestmark = pytest.mark.anyio


async def trial(at, name: str = "Acme") -> str:
    """The address that the command prints."""
    provider = await at.stores.registry.provider(POOL, name)
    assert provider is not None
    ticket = await at.services.trials.invite(POOL, provider)
    return f"{ISSUER}/providerTrial?{urlencode({'ticket': ticket})}"


async def opened(browser, url: str):
    """The page, after the redirect that gives a new browser its cookie."""
    answer = await browser.http.get(url)
    return await browser.open(answer) if answer.status_code == 302 else answer


async def logged_in(world: World, browser, url: str):
    """The page once somebody has logged in at the provider."""
    page = await opened(browser, url)
    answer = await world.come_back(browser, await browser.submit(page, step="trial"))
    assert answer.headers["location"] == url
    return await browser.open(answer)


async def test_a_disabled_provider_is_tried_and_what_would_come_of_it_is_shown():
    async with elsewhere() as world:
        site = await world.add(enabled=False)
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        url = await trial(world.at)
        page = await opened(browser, url)
        for words in ("Not in use yet", "https://id.acme.example", "Sign in there"):
            assert words in page.text
        done = await logged_in(world, browser, url)
        for words in ("The login works", "carol-1", "makes a new user", "carol@acme.example", "idToken"):
            assert words in done.text
        assert browser.cookie("session") is None
        assert await world.at.stores.directory.find_user(POOL, "carol@acme.example", ("email",)) is None
        assert "identity.linked" not in world.at.kinds()


async def test_an_address_of_an_account_here_is_told():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="ada-1", email=ADA.email)
        done = await logged_in(world, world.at.browser(), await trial(world.at))
        assert "is asked to prove the account" in done.text
        assert "In use" in done.text


async def test_what_went_wrong_there_is_told_with_what_to_do_and_it_is_tried_again():
    async with elsewhere() as world:
        site = await world.add()
        secret, site.client_secret = site.client_secret, "another"
        browser, url = world.at.browser(), await trial(world.at)
        failed = await logged_in(world, browser, url)
        assert "The login does not work yet" in failed.text
        assert "client_secret" in failed.text
        site.client_secret = secret
        done = await logged_in(world, browser, url)
        assert "The login works" in done.text


async def test_a_provider_that_does_not_answer_is_told_at_once():
    async with elsewhere() as world:
        await world.add()
        world.network.down.add("id.acme.example")
        browser = world.at.browser()
        page = await opened(browser, await trial(world.at))
        assert page.status_code == 200
        answer = await browser.submit(page, step="trial")
        assert "The login does not work yet" in answer.text
        assert "outbound.allow" in answer.text


async def test_a_saml_provider_is_tried_too():
    async with corp(settings={}) as at:
        await at.stores.registry.put_provider(
            POOL, replace(await at.stores.registry.provider(POOL, "Corp"), enabled=False)
        )
        browser = at.browser()
        url = await trial(at, "Corp")
        asked, relay_state = request_of(departure(await browser.submit(await opened(browser, url), step="trial")))
        answer = await back(browser, sent(asked, SAYS), relay_state)
        page = await browser.open(answer)
        assert "The login works" in page.text
        assert "samlResponse" in page.text
        assert "carol@corp.example" in page.text


async def test_what_a_provider_says_is_text_on_the_page():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="<script>alert(1)</script>", name="</textarea><img src=x>")
        done = await logged_in(world, world.at.browser(), await trial(world.at))
        assert "<script>alert" not in done.text
        assert "<img src=x>" not in done.text
        assert "&lt;script&gt;" in done.text


@pytest.mark.parametrize("query", ["", "ticket=", "ticket=nothing", f"ticket={'x' * 300}"])
async def test_without_a_ticket_there_is_no_trial(query):
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        answer = await browser.http.get(f"{ISSUER}/providerTrial?{query}")
        assert (answer.status_code, error_code(answer)) == (410, "expired")


async def test_a_ticket_ends_after_minutes_and_with_its_provider():
    async with elsewhere() as world:
        await world.add()
        browser, url = world.at.browser(), await trial(world.at)
        page = await opened(browser, url)
        assert (await browser.http.post(url, data={"step": "trial"})).status_code == 403, "a forged form"
        await world.at.stores.registry.delete_provider(POOL, "Acme")
        assert (await browser.http.get(url)).status_code == 410
        await world.add()
        assert (await browser.http.get(url)).status_code == 200
        world.at.time.pass_(3600)
        gone = await browser.http.post(url, data=hidden(page, "trial"))
        assert gone.status_code == 410
