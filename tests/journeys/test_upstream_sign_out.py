"""Signing out at the provider too, and being signed out because a session ended there."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.federation.test_oidc_logout import CLAIMS
from tests.journeys.elsewhere import World, departure, elsewhere, person
from tests.journeys.house import ISSUER, SIGNED_OUT, answered
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio


async def signed_in(world: World, **settings):
    site = await world.add()
    await world.change(settings={"issuer": site.metadata.issuer, **settings})
    site.person = person(sub="carol-1", email="carol@acme.example", sid="there-1")
    browser = world.at.browser()
    tokens = await browser.redeem(answered(await world.sign_in(browser))["code"])
    return site, browser, tokens.json()


def logout_token(site, **claims) -> str:
    known = {**CLAIMS, "iss": site.metadata.issuer, "aud": site.client_id, "sub": "carol-1", "sid": "there-1"}
    return forge.compact({"alg": "RS256", "kid": "op-1"}, forge.changed(known, claims), site.signing)


async def test_signing_out_here_leads_by_the_provider_where_that_is_set_up():
    async with elsewhere() as world:
        site, browser, tokens = await signed_in(world, sign_out=True)
        page = await browser.http.get(f"{ISSUER}/logout?client_id=web&post_logout_redirect_uri={SIGNED_OUT}")
        answer = await browser.submit(page)
        url = departure(answer)
        assert url.startswith(f"{site.metadata.end_session_endpoint}?")
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["id_token_hint"].count(".") == 2
        assert asked["post_logout_redirect_uri"] == f"{ISSUER}/oauth2/idplogout"
        assert browser.cookie("session") is None
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        back = await browser.http.get(f"{ISSUER}/oauth2/idplogout?state={asked['state']}")
        assert (back.status_code, back.headers["location"]) == (302, SIGNED_OUT)
        assert (await browser.http.get(f"{ISSUER}/oauth2/idplogout?state={asked['state']}")).status_code == 410


async def test_elsewhere_the_session_there_is_left_alone():
    async with elsewhere() as world:
        _, browser, _ = await signed_in(world)
        page = await browser.http.get(f"{ISSUER}/logout")
        answer = await browser.submit(page)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ISSUER}/logout")


async def test_a_client_that_signs_its_person_out_leads_by_the_provider_too():
    async with elsewhere() as world:
        site, browser, tokens = await signed_in(world, sign_out=True)
        query = f"id_token_hint={tokens['id_token']}&post_logout_redirect_uri={SIGNED_OUT}"
        answer = await browser.http.get(f"{ISSUER}/oauth2/logout?{query}")
        answer = await browser.open(answer)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(site.metadata.end_session_endpoint)


async def test_a_logout_token_ends_the_sessions_that_came_of_that_session():
    async with elsewhere() as world:
        site, browser, tokens = await signed_in(world)
        site.person = {**site.person, "sid": "there-2"}
        other = world.at.browser()
        kept = (await other.redeem(answered(await world.sign_in(other))["code"])).json()
        form = {"logout_token": logout_token(site)}
        answer = await browser.http.post(f"{ISSUER}/oauth2/idplogout/Acme", data=form)
        assert answer.status_code == 200
        assert "no-store" in answer.headers["cache-control"]
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        assert (await other.userinfo(kept["access_token"])).status_code == 200
        again = await browser.http.post(f"{ISSUER}/oauth2/idplogout/Acme", data=form)
        assert again.status_code == 400, "a logout token works once"


@pytest.mark.parametrize("claims", [{"sid": ...}, {"sub": ...}], ids=["by subject", "by session"])
async def test_a_logout_token_may_name_the_subject_or_the_session_alone(claims):
    async with elsewhere() as world:
        site, browser, tokens = await signed_in(world)
        form = {"logout_token": logout_token(site, **claims)}
        assert (await browser.http.post(f"{ISSUER}/oauth2/idplogout/Acme", data=form)).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


@pytest.mark.parametrize("claims", [{"aud": "another"}, {"iss": "https://evil.example"}, {"nonce": "n"}])
async def test_a_logout_token_that_is_not_for_us_ends_nothing(claims):
    async with elsewhere() as world:
        site, browser, tokens = await signed_in(world)
        form = {"logout_token": logout_token(site, **claims)}
        answer = await browser.http.post(f"{ISSUER}/oauth2/idplogout/Acme", data=form)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
