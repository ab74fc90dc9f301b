"""Signing in by a SAML provider: there by redirect, back by a POST from another site, and out again."""

import base64
import zlib
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from lxml import etree

from federation.model import IdentityProvider
from tests.federation.saml import standin
from tests.federation.saml.standin import NOW, Say, attribute, metadata, response
from tests.journeys.elsewhere import departure
from tests.journeys.house import CALLBACK, ISSUER, POOL, answered, claims, error_code, house

pytestmark = pytest.mark.anyio

ACS, LOGOUT = f"{ISSUER}/saml2/idpresponse", f"{ISSUER}/saml2/logout"
ENTITY = f"{ISSUER}/saml2/metadata/Corp"
SAYS = Say(
    name_id="carol-1",
    destination=ACS,
    recipient=ACS,
    audiences=(ENTITY,),
    attributes=attribute("urn:oid:0.9.2342.19200300.100.1.3", "carol@corp.example")
    + attribute("groups", "engineering", "everybody"),
)


@asynccontextmanager
async def corp(**changes: Any):
    """A house with a SAML provider."""
    settings = {"metadata": metadata(), **changes.pop("settings", {})}
    async with house() as at:
        assert int(at.time()) == NOW
        fixed = {"attribute_mapping": {"email": "email"}, "settings": settings}
        await at.stores.registry.put_provider(POOL, IdentityProvider("Corp", "saml", **fixed, **changes))
        yield at


def request_of(url: str) -> tuple[Any, str]:
    """The AuthnRequest or LogoutRequest in the address, and its RelayState."""
    query = parse_qs(urlsplit(url).query)
    assert "Signature" in query
    return etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15)), query["RelayState"][0]


async def away(browser, **changes: str):
    """To the provider: the request, and its RelayState."""
    page = await browser.login_page(**changes)
    return request_of(departure(await browser.submit(page, step="provider", provider="Corp")))


def sent(asked: Any, say: Say = SAYS) -> str:
    ident = asked.get("ID")
    said = replace(say, in_response_to=ident, confirmed_in_response_to=ident)
    return base64.b64encode(response(said).encode()).decode()


async def post(browser, message: str, relay_state: str):
    """The provider's page posts to us, from another site: without our cookies."""
    cookies = dict(browser.http.cookies.items())
    kept = list(browser.http.cookies.jar)
    browser.http.cookies.clear()
    form = {"SAMLResponse": message, **({"RelayState": relay_state} if relay_state else {})}
    headers = {"origin": "https://idp.example.org", "sec-fetch-site": "cross-site"}
    answer = await browser.http.post(ACS, data=form, headers=headers)
    assert "set-cookie" not in answer.headers
    for cookie in kept:
        browser.http.cookies.jar.set_cookie(cookie)
    assert dict(browser.http.cookies.items()) == cookies
    return answer


async def back(browser, message: str, relay_state: str):
    answer = await post(browser, message, relay_state)
    assert answer.status_code == 303, answer.text
    return await browser.http.get(answer.headers["location"])


async def signed_in(at, browser, say: Say = SAYS, **changes: str):
    asked, relay_state = await away(browser, **changes)
    return await browser.open(await back(browser, sent(asked, say), relay_state))


async def test_there_and_back_with_both_ways_signed():
    async with corp() as at:
        browser = at.browser()
        asked, relay_state = await away(browser)
        assert asked.get("AssertionConsumerServiceURL") == ACS
        assert asked.get("Destination") == standin.SSO
        answer = await browser.open(await back(browser, sent(asked), relay_state))
        tokens = (await browser.redeem(answered(answer)["code"])).json()
        linked = await at.stores.identities.identity(POOL, "Corp", "carol-1")
        assert linked is not None
        user = await at.stores.directory.user(POOL, linked.user_id)
        assert user is not None
        assert (user.username, user.email, user.email_verified) == ("Corp_carol-1", "carol@corp.example", False)
        assert claims(tokens["id_token"])["sub"] == user.id


async def test_a_response_works_once():
    async with corp() as at:
        browser = at.browser()
        asked, relay_state = await away(browser)
        message = sent(asked)
        first = await post(browser, message, relay_state)
        assert (await post(browser, message, relay_state)).status_code == 410, "it has come already"
        answered(await browser.open(await browser.http.get(first.headers["location"])))
        assert (await post(browser, message, relay_state)).status_code == 410
        assert (await browser.http.get(first.headers["location"])).status_code == 410


async def test_a_response_in_another_browser_signs_nobody_in_and_is_not_used_up():
    """A stolen RelayState: the response is good, and the browser is not the one that asked (M9, W16)."""
    async with corp() as at:
        browser, thief = at.browser(), at.browser()
        await thief.login_page()
        asked, relay_state = await away(browser)
        parked = await post(thief, sent(asked), relay_state)
        refused = await thief.http.get(parked.headers["location"])
        assert (refused.status_code, error_code(refused)) == (410, "expired")
        assert thief.cookie("session") is None
        answered(await browser.open(await browser.http.get(parked.headers["location"])))


@pytest.mark.parametrize(
    "wrong",
    [
        {"audiences": ("https://other.example/sp",)},
        {"recipient": f"{ISSUER}/elsewhere"},
        {"destination": f"{ISSUER}/elsewhere"},
        {"issuer": "https://evil.example", "assertion_issuer": "https://evil.example"},
        {"confirmed_until": NOW - 120},
        {"sign": ()},
        {"how": standin.Sign(key=standin.key("evil"))},
        {"recipient": ACS.replace(POOL, "other_Pool2"), "destination": ACS.replace(POOL, "other_Pool2")},
    ],
    ids=["audience", "recipient", "destination", "issuer", "expired", "unsigned", "other key", "other pool"],
)
async def test_a_response_that_is_not_for_this_login_signs_nobody_in(wrong: dict[str, Any]):
    async with corp() as at:
        browser = at.browser()
        page = await signed_in(at, browser, replace(SAYS, **wrong))
        assert page.status_code == 200
        assert "could not be verified" in page.text
        assert browser.cookie("session") is None
        assert await at.stores.identities.identity(POOL, "Corp", "carol-1") is None
        assert [e.details["provider"] for e in at.events if e.kind == "provider.failed"] == ["Corp"]


async def test_a_response_to_another_of_our_requests_is_refused():
    async with corp() as at:
        browser = at.browser()
        first, _ = await away(browser)
        _, relay_state = await away(browser)
        page = await browser.open(await back(browser, sent(first), relay_state))
        assert "could not be verified" in page.text


@pytest.mark.parametrize("off", [{"enabled": False}, None], ids=["disabled", "deleted"])
async def test_a_provider_that_is_gone_meanwhile_signs_nobody_in(off: dict[str, Any] | None):
    """M20."""
    async with corp() as at:
        browser = at.browser()
        asked, relay_state = await away(browser)
        parked = await post(browser, sent(asked), relay_state)
        if off is None:
            await at.stores.registry.delete_provider(POOL, "Corp")
        else:
            stored = await at.stores.registry.provider(POOL, "Corp")
            assert stored is not None
            await at.stores.registry.put_provider(POOL, replace(stored, **off))
        answer = await browser.http.get(parked.headers["location"])
        assert answer.status_code in {302, 404}
        assert browser.cookie("session") is None
        assert await at.stores.identities.identity(POOL, "Corp", "carol-1") is None


async def test_an_oversized_response_is_refused_before_it_is_read():
    async with corp() as at:
        browser = at.browser()
        _, relay_state = await away(browser)
        assert (await post(browser, "A" * 300_000, relay_state)).status_code == 413
        page = await browser.open(await back(browser, "A" * 120_000, relay_state))
        assert "could not be verified" in page.text


async def test_garbage_at_the_address_for_responses_changes_nothing():
    async with corp() as at:
        browser = at.browser()
        for message in ("", "%%%", "PHg+", base64.b64encode(b"<x/>").decode()):
            answer = await post(browser, message, "x" * 43)
            assert answer.status_code == 410
        assert (await browser.http.post(ACS, data={"x": "y"})).status_code == 410
        assert (await browser.http.get(ACS)).status_code == 410


# ------------------------------------------------------------------------------------- begun at the provider

UNASKED = replace(SAYS, in_response_to=None, confirmed_in_response_to=None, issued=NOW)
MESSAGE = base64.b64encode(response(UNASKED).encode()).decode()


async def test_a_sign_in_that_begins_there_is_refused_unless_it_is_allowed():
    async with corp() as at:
        assert (await post(at.browser(), MESSAGE, "")).status_code == 410
        assert await at.stores.identities.identity(POOL, "Corp", "carol-1") is None


async def test_a_sign_in_that_begins_there_asks_the_person_and_leads_to_the_account_page():
    async with corp(settings={"idp_initiated": True}) as at:
        browser = at.browser()
        parked = await post(browser, MESSAGE, "https://evil.example/steal")
        page = await browser.http.get(parked.headers["location"])
        if page.status_code == 302:  # its first cookie
            page = await browser.http.get(page.headers["location"])
        assert "You came here from there" in page.text
        assert browser.cookie("session") is None
        answer = await browser.submit(page)
        assert answer.status_code == 303
        done = await browser.http.get(answer.headers["location"])
        assert done.headers["location"] == f"{ISSUER}/account"
        assert browser.cookie("session") is not None
        other = at.browser()
        again = await post(other, MESSAGE, "")
        page = await other.http.get((await other.http.get(again.headers["location"])).headers["location"])
        answer = await other.submit(page)
        assert "could not be verified" in (await other.http.get(answer.headers["location"])).text, "M9: used once"
        assert other.cookie("session") is None


async def test_it_leads_to_the_home_page_of_the_client_that_the_relay_state_names():
    async with corp(settings={"idp_initiated": True}) as at:
        await at.change_client("web", client_uri="https://shop.example.com/")
        browser = at.browser()
        relay_state = urlencode({"identity_provider": "Corp", "client_id": "web", "redirect_uri": CALLBACK})
        parked = await post(browser, MESSAGE, relay_state)
        page = await browser.http.get(parked.headers["location"])
        page = await browser.http.get(page.headers["location"])
        answer = await browser.submit(page)
        done = await browser.http.get(answer.headers["location"])
        assert departure(done) == "https://shop.example.com/"


async def test_another_site_cannot_agree_in_the_persons_place():
    async with corp(settings={"idp_initiated": True}) as at:
        browser = at.browser()
        await browser.login_page()
        parked = await post(browser, MESSAGE, "")
        forged = await browser.http.post(parked.headers["location"], data={"step": "unsolicited", "csrf": "x"})
        assert forged.status_code == 403
        assert browser.cookie("session") is None


# ------------------------------------------------------------------------------------------- metadata, sign-out


async def test_our_metadata_names_where_the_provider_is_to_answer():
    async with corp() as at:
        answer = await at.browser().http.get(ENTITY)
        assert answer.headers["content-type"] == "application/samlmetadata+xml"
        document = etree.fromstring(answer.content)
        assert document.get("entityID") == ENTITY
        assert [e.get("Location") for e in document.iter("{*}AssertionConsumerService")] == [ACS]
        again = await at.browser().http.get(ENTITY)
        keys = [[e.text for e in etree.fromstring(a.content).iter("{*}X509Certificate")] for a in (answer, again)]
        assert keys[0] == keys[1] != []
        assert (await at.browser().http.get(f"{ISSUER}/saml2/metadata/Nobody")).status_code == 404


async def test_signing_out_here_asks_the_provider_and_comes_back():
    async with corp(settings={"sign_out": True}) as at:
        browser = at.browser()
        answered(await signed_in(at, browser))
        page = await browser.http.get(f"{ISSUER}/logout")
        asked, relay_state = request_of(departure(await browser.submit(page)))
        assert etree.QName(asked).localname == "LogoutRequest"
        message = standin.logout_response(asked.get("ID"), destination=LOGOUT)
        query = standin.query_of(message, "SAMLResponse", relay=relay_state)
        done = await browser.http.get(f"{LOGOUT}?{query}")
        assert (done.status_code, done.headers["location"]) == (302, f"{ISSUER}/logout")


async def test_the_provider_signs_the_person_out_here():
    async with corp(settings={"sign_out": True}) as at:
        browser = at.browser()
        tokens = (await browser.redeem(answered(await signed_in(at, browser))["code"])).json()
        message = standin.logout_request(name_id="carol-1", destination=LOGOUT, sessions=("_session1",))
        query = standin.query_of(message, "SAMLRequest", relay="theirs")
        answer = await browser.http.get(f"{LOGOUT}?{query}")
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(standin.SLO)
        assert "SAMLResponse" in parse_qs(urlsplit(answer.headers["location"]).query)
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        again = await browser.http.get(f"{LOGOUT}?{query}")
        assert again.status_code == 400, "a request works once"


async def test_a_sign_out_that_is_not_the_providers_ends_nothing():
    async with corp(settings={"sign_out": True}) as at:
        browser = at.browser()
        tokens = (await browser.redeem(answered(await signed_in(at, browser))["code"])).json()
        message = standin.logout_request(name_id="carol-1", destination=LOGOUT)
        query = standin.query_of(message, "SAMLRequest", relay="x", with_key=standin.key("evil"))
        assert (await browser.http.get(f"{LOGOUT}?{query}")).status_code == 400
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
