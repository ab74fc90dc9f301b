"""Linked logins on the account page: added, unlinked, and never the last way in."""

import pytest

from tests.journeys.elsewhere import World, departure, elsewhere, person
from tests.journeys.house import ADA, BOB, ISSUER, POOL, Browser, answered, hidden, house
from tests.journeys.test_account import follow, visit
from tests.journeys.test_federated_sign_in import user_of, words

pytestmark = pytest.mark.anyio

HERE = "/account/identities"


async def linked(world: World, user=ADA) -> list[str]:
    return [one.provider for one in await world.at.stores.identities.identities(POOL, user.id)]


async def add(world: World, browser: Browser, name: str = "Acme"):
    """Press the button, be there, be back: the page that says what came of it."""
    page = await visit(browser, HERE)
    answer = await world.come_back(browser, await browser.submit(page, step="provider", provider=name))
    assert answer.headers["location"].startswith(f"{ISSUER}{HERE}?notice="), answer.text
    return await browser.http.get(answer.headers["location"])


async def test_a_login_is_linked_by_who_is_signed_in_and_works_from_then_on():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(email="somewhere@else.example")
        browser = world.at.browser()
        await browser.arrive()
        page = await add(world, browser)
        assert "You can now sign in with it" in words(page)
        assert "somewhere@else.example" in words(page)
        assert await linked(world) == ["Acme"]
        assert "identity.linked" in world.at.kinds()
        assert any("linked" in mail.subject for mail in await world.at.mail(ADA.email))
        answered(await world.sign_in(world.at.browser()))


async def test_a_login_that_is_somebody_elses_is_not_linked():
    async with elsewhere() as world:
        await world.add()
        bob, ada = world.at.browser(), world.at.browser()
        await bob.arrive(BOB)
        await add(world, bob)
        await ada.arrive()
        page = await add(world, ada)
        assert "belongs to another account" in words(page)
        assert await linked(world) == []
        assert await linked(world, BOB) == ["Acme"]


async def test_a_second_login_of_one_provider_is_not_linked():
    async with elsewhere() as world:
        site = await world.add()
        browser = world.at.browser()
        await browser.arrive()
        await add(world, browser)
        site.person = person(sub="ada-0002")
        page = await visit(browser, HERE)
        assert 'id="provider-Acme"' not in page.text


async def test_a_link_begun_by_one_person_is_not_finished_by_another_at_the_same_browser():
    """Link CSRF: whoever is signed in when the browser comes back must be who began."""
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        await browser.arrive()
        page = await visit(browser, HERE)
        back = await world.away(await browser.submit(page, step="provider", provider="Acme"))
        await browser.arrive(BOB)
        refused = await browser.http.get(back)
        assert refused.status_code == 410
        assert await linked(world) == await linked(world, BOB) == []


async def test_a_link_is_not_begun_by_another_site():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        await browser.arrive()
        await visit(browser, HERE)
        data = {"step": "provider", "provider": "Acme"}
        assert (await browser.http.post(f"{ISSUER}{HERE}", data=data)).status_code == 403


async def test_a_login_is_unlinked_after_a_question():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        await browser.arrive()
        page = await add(world, browser)
        question = await follow(browser, await browser.submit(page, step="unlink"))
        assert "Unlink Acme?" in words(question)
        assert await linked(world) == ["Acme"]
        done = await follow(browser, await browser.submit(question, step="unlink"))
        assert "notice=identity_unlinked" in str(done.url)
        assert await linked(world) == []
        assert "identity.unlinked" in world.at.kinds()


async def test_the_last_way_in_is_not_unlinked():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        answered(await world.sign_in(browser))
        carol = await user_of(world, subject="carol-1")
        page = await visit(browser, HERE)
        assert "Your only way in" in words(page)
        question = await browser.http.get(f"{ISSUER}{HERE}/unlink?id=Acme")
        done = await follow(browser, await browser.submit(question, step="unlink"))
        assert "notice=last_way_in" in str(done.url)
        assert await linked(world, carol) == ["Acme"]

        # With a password of their own it may go.
        page = await visit(browser, "/account/password")
        answer = await browser.submit(page, step="new_password", new_password="wobbly-teapot-orchard-7")
        assert answer.status_code == 303, words(answer)
        carol = await user_of(world, subject="carol-1")
        assert carol is not None
        assert carol.state == "confirmed"
        question = await browser.http.get(f"{ISSUER}{HERE}/unlink?id=Acme")
        await follow(browser, await browser.submit(question, step="unlink"))
        assert await linked(world, carol) == []


async def test_who_belongs_to_a_providers_domains_gets_no_password_beside_it():
    async with elsewhere() as world:
        site = await world.add(domains=("acme.example",))
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        answered(await world.sign_in(browser))
        assert (await visit(browser, "/account/password")).status_code == 303
        page = await visit(browser)
        form = hidden(page) | {"step": "new_password", "new_password": "wobbly-teapot-orchard-7"}
        await browser.http.post(f"{ISSUER}/account/password", data=form)
        carol = await user_of(world, subject="carol-1")
        assert carol is not None
        assert carol.state == "external"
        assert await world.at.stores.directory.password(POOL, carol.id) is None


async def test_who_belongs_to_a_providers_domains_links_no_other_login_beside_it():
    """Whoever is dismissed there would still come in here."""
    async with elsewhere() as world:
        site = await world.add(domains=("acme.example",))
        await world.add("Other")
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        answered(await world.sign_in(browser))
        page = await visit(browser, HERE)
        assert 'id="provider-Other"' not in page.text
        form = hidden(await visit(browser)) | {"step": "provider", "provider": "Other"}
        answer = await browser.http.post(f"{ISSUER}{HERE}", data=form)
        assert "notice=nothing_changed" in answer.headers["location"]
        await world.change(domains=())
        assert 'id="provider-Other"' in (await visit(browser, HERE)).text


async def test_a_pool_without_providers_has_no_such_section():
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        assert "Linked logins" not in (await visit(browser)).text
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        await browser.arrive()
        assert "Linked logins" in (await visit(browser)).text


async def test_before_linking_the_person_signs_in_once_more_if_that_was_long_ago():
    async with elsewhere() as world:
        await world.add()
        browser = world.at.browser()
        await browser.arrive()
        world.at.time.pass_(3600)
        page = await visit(browser, HERE)
        assert "Confirm it" in words(page) or "once more" in words(page)


async def test_re_authentication_of_an_external_user_goes_by_the_provider():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = world.at.browser()
        answered(await world.sign_in(browser))
        world.at.time.pass_(3600)
        site.now = int(world.at.time())
        page = await visit(browser, HERE)
        answer = await browser.submit(page, step="reauthenticate")
        assert answer.status_code == 303
        away = await browser.http.get(answer.headers["location"])
        assert away.status_code == 200, "by way of a page: the browser comes from a form"
        assert "prompt=login" in departure(away) or "max_age=0" in departure(away)
        back = await browser.open(await world.come_back(browser, away))
        assert back.status_code in {302, 303}
        assert back.headers["location"] == f"{ISSUER}{HERE}"
