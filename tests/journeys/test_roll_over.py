"""Providers change their keys and certificates while people sign in: no login fails where old and new overlap, and where
they do not, once more is enough.
"""

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import pytest

from federation.model import IdentityProvider
from federation.ports import Response
from tests.federation.saml.standin import NOW, Sign, key, metadata
from tests.journeys.elsewhere import World, departure, elsewhere, person
from tests.journeys.house import POOL, answered
from tests.journeys.test_saml_sign_in import SAYS, back, request_of, sent
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio

AT_ONCE = 8
ROUNDS = 6
METADATA_URL = "https://idp.example.org/metadata"


async def many(world: World, log_in: Any, turn: Any) -> list[bool]:
    """Logins side by side, in rounds a minute apart; `turn` is told of each round. Returns how each login ended."""
    ended = []
    for number in range(ROUNDS):
        logins = [asyncio.create_task(log_in()) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        await turn(number)
        ended += await asyncio.gather(*logins)
        world.at.time.pass_(60)
    return ended


def signed_in(answer: Any) -> bool:
    """Whether the sign-in is over, and the app has its code; or the page says what went wrong."""
    if answer.status_code == 200 and "refresh" not in answer.headers:
        return False
    return "code" in answered(answer)


# ----------------------------------------------------------------------------------------------------- OpenID keys


async def by_openid(world: World, site: Any) -> bool:
    site.now = int(world.at.time())
    return signed_in(await world.sign_in(world.at.browser()))


async def test_an_openid_provider_changes_its_keys_with_overlap():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        old, new = site.signing, forge.key("RS256", "op-2")

        async def turn(number: int) -> None:
            if number == 1:
                site.published = [old.jwk(), new.jwk()]
            if number == 3:
                site.signing = new
            if number == 5:
                site.published = [new.jwk()]

        assert all(await many(world, lambda: by_openid(world, site), turn))
        asked = sum(sent_.url == site.metadata.jwks_uri for sent_ in world.network.sent)
        assert asked <= 4, "one look for the new key, and those that were due"


async def test_an_openid_provider_changes_its_keys_without_notice():
    async with elsewhere() as world:
        site = await world.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        new = forge.key("RS256", "op-2")

        async def twice() -> bool:
            return await by_openid(world, site) or await by_openid(world, site)

        async def turn(number: int) -> None:
            if number == 2:
                site.signing, site.published = new, [new.jwk()]

        assert all(await many(world, twice, turn))


# ------------------------------------------------------------------------------------------------ SAML certificates


async def saml(world: World) -> None:
    """A SAML provider whose metadata is fetched."""

    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("only the metadata is asked for")

    world.network.serve(nobody, "idp.example.org")
    settings = {"metadata_url": METADATA_URL}
    provider = IdentityProvider("Corp", "saml", settings=settings, attribute_mapping={"email": "email"})
    await world.at.stores.registry.put_provider(POOL, provider)


def publish(world: World, *names: str, valid_for: str = "PT5M") -> None:
    document = metadata([key(name) for name in names], attributes=f' cacheDuration="{valid_for}"')
    world.network.answers[METADATA_URL] = Response(200, document.encode())


async def by_saml(world: World, signs: dict[str, str]) -> bool:
    browser = world.at.browser()
    page = await browser.login_page()
    asked, relay_state = request_of(departure(await browser.submit(page, step="provider", provider="Corp")))
    later = int(world.at.time()) - NOW
    said = replace(
        SAYS,
        how=Sign(key(signs["with"])),
        assertion_id=f"_a{secrets.token_hex(8)}",
        issued=NOW + later,
        confirmed_until=NOW + later + 300,
        not_before=NOW + later - 5,
        not_on_or_after=NOW + later + 300,
        authenticated=NOW + later - 10,
    )
    answer = await back(browser, sent(asked, said), relay_state)
    return signed_in(await browser.open(answer))


async def test_a_saml_provider_changes_its_certificate_with_overlap():
    async with elsewhere() as world:
        await saml(world)
        publish(world, "idp")
        signs = {"with": "idp"}

        async def turn(number: int) -> None:
            if number == 1:
                publish(world, "idp", "next")
            if number == 4:
                signs["with"] = "next"
            if number == 5:
                publish(world, "next")

        assert all(await many(world, lambda: by_saml(world, signs), turn))


async def test_a_saml_provider_changes_its_certificate_without_notice():
    async with elsewhere() as world:
        await saml(world)
        publish(world, "idp", valid_for="PT24H")
        signs = {"with": "idp"}

        async def twice() -> bool:
            return await by_saml(world, signs) or await by_saml(world, signs)

        async def turn(number: int) -> None:
            if number == 3:
                publish(world, "next", valid_for="PT24H")
                signs["with"] = "next"

        assert all(await many(world, twice, turn))
        assert sum(sent_.url == METADATA_URL for sent_ in world.network.sent) <= 3
