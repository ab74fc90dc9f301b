"""Refresh tokens of providers: kept, sealed, where a provider is set up so, and used to ask it again."""

from dataclasses import replace

import pytest

from authserver.broker.asking_again import ask_again
from authserver.broker.kept_tokens import KeptTokens
from authserver.errors import NotFound
from federation.errors import ProviderRefused
from tests.journeys.elsewhere import World, asked, elsewhere, person
from tests.journeys.house import ADA, POOL, answered

pytestmark = pytest.mark.anyio


async def signed_in(world: World, browser=None):
    browser = browser or world.at.browser()
    answered(await world.sign_in(browser))
    linked = await world.at.stores.identities.identity(POOL, "Acme", "carol-1")
    assert linked is not None
    return linked


async def again(world: World, user_id: str):
    at = world.at
    issuer, provider = await at.services.issuers.get(POOL), await at.stores.registry.provider(POOL, "Acme")
    tokens = KeptTokens(at.opened.sealer)
    return await ask_again(at.stores.identities, at.services.broker, tokens, issuer, provider, user_id)


async def world_with_carol(world: World, **changes):
    site = await world.add(**changes)
    site.person = person(sub="carol-1", email="carol@acme.example")
    return site


async def test_a_refresh_token_is_not_kept_unless_it_is_set_up():
    async with elsewhere() as world:
        await world_with_carol(world)
        linked = await signed_in(world)
        assert linked.sealed_refresh_token is None
        with pytest.raises(NotFound, match="keep_refresh_token"):
            await again(world, linked.user_id)
        browser = world.at.browser()
        leaving = await browser.submit(await browser.login_page(), step="provider", provider="Acme")
        assert "offline_access" not in asked(leaving)["scope"].split()


async def test_a_refresh_token_is_kept_sealed_and_asks_again():
    async with elsewhere() as world:
        site = await world_with_carol(world, keep_refresh_token=True)
        browser = world.at.browser()
        page = await browser.login_page()
        leaving = await browser.submit(page, step="provider", provider="Acme")
        assert "offline_access" in asked(leaving)["scope"].split()
        linked = await signed_in(world)
        token = KeptTokens(world.at.opened.sealer).open(linked)
        assert token
        assert linked.sealed_refresh_token is not None
        assert token not in linked.sealed_refresh_token
        for grant in site.refreshing.values():
            grant["person"] = person(sub="carol-1", email="caroline@acme.example")
        identity = await again(world, linked.user_id)
        assert identity.email == "caroline@acme.example"
        stored = await world.at.stores.directory.user(POOL, linked.user_id)
        assert stored is not None
        assert stored.email == "carol@acme.example", "nothing is changed by asking"
        assert (await again(world, linked.user_id)).email == "caroline@acme.example", (
            "the token that came after is kept"
        )


async def test_what_was_kept_stays_where_a_later_sign_in_brings_none():
    async with elsewhere() as world:
        site = await world_with_carol(world, keep_refresh_token=True)
        before = await signed_in(world)
        gives = site.tokens

        async def without(grant, *, first):
            return {k: v for k, v in (await gives(grant, first=first)).items() if k != "refresh_token"}

        site.tokens = without
        after = await signed_in(world)
        assert after.sealed_refresh_token == before.sealed_refresh_token
        assert after.sealed_refresh_token is not None
        await world.change(keep_refresh_token=False)
        assert (await signed_in(world)).sealed_refresh_token is None, "switched off, it goes with the next sign-in"


async def test_a_token_that_the_provider_takes_no_longer_is_dropped():
    async with elsewhere() as world:
        site = await world_with_carol(world, keep_refresh_token=True)
        linked = await signed_in(world)
        site.refreshing.clear()
        with pytest.raises(ProviderRefused):
            await again(world, linked.user_id)
        assert (await world.at.stores.identities.identity(POOL, "Acme", "carol-1")).sealed_refresh_token is None
        assert "provider.failed" in world.at.kinds()
        with pytest.raises(NotFound):
            await again(world, linked.user_id)


async def test_a_token_opens_for_its_own_identity_alone():
    async with elsewhere() as world:
        await world_with_carol(world, keep_refresh_token=True)
        linked = await signed_in(world)
        tokens = KeptTokens(world.at.opened.sealer)
        assert tokens.open(linked)
        for stolen in (
            replace(linked, subject="mallory"),
            replace(linked, provider="Other"),
            replace(linked, pool="x_1"),
        ):
            assert tokens.open(stolen) is None
        with pytest.raises(NotFound):
            await again(world, ADA.id)
