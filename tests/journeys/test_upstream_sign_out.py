"""Signing out at the provider too, and being signed out because a session ended there (Back-Channel Logout 1.0,
Front-Channel Logout 1.0).
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

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
        again = await browser.http.get(f"{ISSUER}/oauth2/idplogout?state={asked['state']}")
        assert (again.status_code, again.headers["location"]) == (302, f"{ISSUER}/logout")


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


# ------------------------------------------------------------------------------------------------------------- frames

SID = "there-and-nobody-guesses-it-1"


def framed(issuer: str | None = "https://id.acme.example", **changes: str | None) -> str:
    """The address that the provider's page has in its frame."""
    query = {"iss": issuer, "sid": SID, **changes}
    return f"{ISSUER}/oauth2/idplogout/Acme?{urlencode({k: v for k, v in query.items() if v is not None})}"


async def signed_in_framed(world: World, **settings):
    site = await world.add()
    await world.change(settings={"issuer": site.metadata.issuer, "frontchannel_logout": True, **settings})
    site.person = person(sub="carol-1", email="carol@acme.example", sid=SID)
    browser = world.at.browser()
    tokens = (await browser.redeem(answered(await world.sign_in(browser))["code"])).json()
    site.person = {**site.person, "sid": f"{SID}-other"}
    other = world.at.browser()
    kept = (await other.redeem(answered(await world.sign_in(other))["code"])).json()
    return browser, tokens, other, kept


async def test_a_frame_ends_the_session_that_came_of_that_session_without_any_cookie():
    async with elsewhere() as world:
        browser, tokens, other, kept = await signed_in_framed(world)
        answer = await world.at.browser().http.get(framed())
        assert (answer.status_code, answer.content) == (200, b"")
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        assert (await browser.http.get(f"{ISSUER}/account")).status_code == 302
        assert (await other.userinfo(kept["access_token"])).status_code == 200
        assert world.at.events[-1].kind == "session.ended"


async def test_the_answer_to_a_frame_is_the_providers_to_show_and_nobodys_to_keep():
    async with elsewhere() as world:
        await signed_in_framed(world)
        answer = await world.at.browser().http.get(framed())
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["frame-ancestors"] == "https://id.acme.example"
        assert policy["default-src"] == "'none'"
        assert "x-frame-options" not in answer.headers
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers


async def test_a_frame_tells_nobody_whether_there_was_such_a_session():
    async with elsewhere() as world:
        await signed_in_framed(world)
        hit, miss = [
            await world.at.browser().http.get(framed(sid=sid)) for sid in (SID, "a-session-that-there-never-was")
        ]
        varying = {"x-request-id", "date"}
        told = [{k: v for k, v in one.headers.items() if k not in varying} for one in (hit, miss)]
        assert (hit.status_code, hit.content, told[0]) == (miss.status_code, miss.content, told[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"sid": None},
        {"sid": "a-session-that-there-never-was"},
        {"sid": SID[:-1]},
        {"sid": SID.upper()},
        {"issuer": "https://evil.example"},
        {"issuer": None},
    ],
    ids=str,
)
async def test_a_frame_that_somebody_made_up_ends_nothing(changes):
    async with elsewhere() as world:
        browser, tokens, _, _ = await signed_in_framed(world)
        answer = await world.at.browser().http.get(framed(**changes))
        assert answer.status_code in {200, 400}
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        await world.at.browser().http.get(framed())
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


async def test_frames_end_nothing_unless_they_are_set_up():
    async with elsewhere() as world:
        browser, tokens, _, _ = await signed_in_framed(world, frontchannel_logout=False)
        before = len(world.at.events)
        answer = await world.at.browser().http.get(framed())
        assert len(world.at.events) == before, "nobody fills the trail that way"
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200


async def test_a_frame_of_one_provider_ends_no_session_of_another():
    async with elsewhere() as world:
        browser, tokens, _, _ = await signed_in_framed(world)
        other = await world.add("Other")
        await world.change("Other", settings={"issuer": other.metadata.issuer, "frontchannel_logout": True})
        url = framed(issuer=other.metadata.issuer).replace("/Acme?", "/Other?")
        assert (await world.at.browser().http.get(url)).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        nobody = framed().replace("/Acme?", "/Nobody?")
        assert (await world.at.browser().http.get(nobody)).status_code == 400


async def test_looking_ahead_ends_nothing():
    """HEAD is safe (RFC 9110 9.2.1): what checks links sends it."""
    async with elsewhere() as world:
        browser, tokens, _, _ = await signed_in_framed(world)
        assert (await browser.http.head(framed())).status_code == 405
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        assert (await browser.http.get(framed())).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


async def test_ids_of_sessions_are_not_for_trying_out(monkeypatch):
    monkeypatch.setattr("authserver.signin.upstream.FRAMES", 3)
    async with elsewhere() as world:
        browser, tokens, _, _ = await signed_in_framed(world)
        for n in range(3):
            assert (await browser.http.get(framed(sid=f"{n}-guess-number-of-many"))).status_code == 200
        assert (await browser.http.get(framed())).status_code == 429
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        world.at.time.pass_(3601)
        tokens = (await browser.refresh(tokens["refresh_token"])).json()
        assert (await browser.http.get(framed())).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
