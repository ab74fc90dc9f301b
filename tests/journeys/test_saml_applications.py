"""Applications that speak SAML sign their people in at the pool: asked by redirect or POST, begun here, and signed out."""

import base64
import html
import re
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from lxml import etree

from authserver.broker.key_pairs import AS_PROVIDER, KEYS, OwnKeyPairs
from authserver.crypto.secrets import digest
from authserver.errors import SignInGone
from authserver.model.clients import Client
from authserver.model.sessions import AuthorizationRequest
from authserver.signin.handing_over import KIND
from authserver.store import Kept
from tests.federation.saml import standin
from tests.federation.saml.standin import EMAIL, NOW, PERSISTENT, TRANSIENT, Sign, key, sign
from tests.journeys.house import ADA, BOB, CLIENTS, ISSUER, PASSWORD, POOL, error_code, house, pool
from tests.journeys.people import mfa_pool
from tests.journeys.saml_application import (
    ACS,
    ENTITY,
    METADATA,
    OTHER_ACS,
    OUT,
    POST,
    REDIRECT,
    SLO,
    SSO,
    ask,
    authn_request,
    check_signature,
    form_of,
    message_in,
    name_id_policy,
    our_certificates,
    requested_context,
    said,
    sign_in,
    sign_out_request,
    signed,
    status_of,
    unsigned,
    wiki,
)
from tests.journeys.test_duties import TERMS
from tests.journeys.test_second_factors import enrolled

pytestmark = pytest.mark.anyio

CLASS = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
MFA = "https://refeds.org/profile/mfa"


_PAIRS: list[Kept] = []
"""The keys of the identity provider, made once: that takes half a second."""


@asynccontextmanager
async def intranet(*applications: Client):
    """A house whose pool has applications."""
    async with house(clients=(*CLIENTS, *(applications or (wiki(),)))) as at:
        if not _PAIRS:
            await at.services.assertions.keys(POOL)
            _PAIRS.extend([kept] if (kept := await at.stores.identities.kept(POOL, AS_PROVIDER, KEYS)) else [])
        await at.stores.identities.keep(POOL, AS_PROVIDER, KEYS, _PAIRS[0])
        yield at


async def signed_in(browser, message: str | None = None, **checks):
    """Ask, sign in, and read the answer."""
    return await said(browser, await sign_in(browser, await ask(browser, message)), **checks)


# ------------------------------------------------------------------------------------------------ asked by redirect


async def test_a_request_leads_by_the_sign_in_to_an_assertion():
    async with intranet() as at:
        browser = at.browser()
        page = await sign_in(browser, await ask(browser))
        found = await said(browser, page)
        assert form_of(page).fields["RelayState"] == "state-1"
        assert (found.format, found.context) == (PERSISTENT, f"{CLASS}PasswordProtectedTransport")
        assert found.name_id not in {ADA.id, ADA.username}
        assert found.attributes == {
            "email": ["ada@example.com"],
            "name": ["Ada Lovelace"],
            "given_name": ["Ada"],
            "family_name": ["Lovelace"],
            "username": ["Ada"],
            "groups": ["staff", "all"],
        }
        assert "form-action 'self' https://wiki.example" in page.headers["content-security-policy"]
        assert "assertion.issued" in at.kinds()


async def test_whoever_is_signed_in_already_is_not_asked_again_and_has_the_same_name():
    async with intranet() as at:
        browser = at.browser()
        first = await signed_in(browser)
        answer = await ask(browser, authn_request(ident="_ask2"))
        second = await said(browser, await browser.open(answer), asked="_ask2")
        assert (second.name_id, second.session_index) == (first.name_id, first.session_index)


async def test_no_two_applications_know_a_person_by_the_same_name_or_a_session_by_the_same_index():
    other = wiki("forum", entity_id="https://forum.example")
    async with intranet(wiki(), other) as at:
        browser = at.browser()
        here = await signed_in(browser)
        answer = await ask(browser, authn_request(issuer="https://forum.example"))
        there = await said(browser, await browser.open(answer), audience="https://forum.example")
        assert here.name_id != there.name_id
        assert here.session_index != there.session_index


async def test_an_answer_is_fetched_once():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        answer = await ask(browser)
        await said(browser, await browser.open(answer))
        again = await browser.open(answer)
        assert (again.status_code, error_code(again)) == (410, "expired")
        assert f"{SSO}?SAMLRequest=" in again.text, "the way to start over"


async def test_an_answer_is_for_the_browser_and_the_request_it_was_made_for():
    async with intranet() as at:
        browser, thief = at.browser(), at.browser()
        await browser.arrive()
        await thief.arrive(BOB)
        location = (await ask(browser)).headers["location"]
        await ask(thief)  # so that it has a cookie of its own
        assert (await thief.http.get(location)).status_code == 410
        query = parse_qs(urlsplit(location).query)
        other = unsigned(authn_request(ident="_ask2"))
        assert (await browser.http.get(f"{SSO}?{other}&answer={query['answer'][0]}")).status_code == 410
        await said(browser, await browser.http.get(location))


async def test_a_session_that_ended_meanwhile_gives_no_assertion():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        location = (await ask(browser)).headers["location"]
        await browser.submit(await browser.http.get(f"{ISSUER}/logout"))
        assert (await browser.http.get(location)).status_code == 410
        await browser.arrive(BOB)
        assert (await browser.http.get(location)).status_code == 410, "nor does somebody else's"


async def test_somebody_who_was_disabled_meanwhile_gets_no_assertion():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        location = (await ask(browser)).headers["location"]
        await at.change_user(ADA, state="disabled")
        assert status_of(await browser.http.get(location)) == ("Responder", "AuthnFailed")


@pytest.mark.parametrize(
    ("attributes", "acs"),
    [
        ("", ACS),
        (f' AssertionConsumerServiceURL="{OTHER_ACS}"', OTHER_ACS),
        (' AssertionConsumerServiceIndex="5"', OTHER_ACS),
        (f' AssertionConsumerServiceURL="{ACS}" ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"', ACS),
    ],
)
async def test_the_answer_goes_to_an_address_that_is_set_up(attributes, acs):
    async with intranet() as at:
        browser = at.browser()
        await signed_in(browser, authn_request(attributes=attributes), acs=acs)


REFUSED = {
    "an address that is not set up": {"attributes": ' AssertionConsumerServiceURL="https://evil.example/acs"'},
    "an address that only begins alike": {"attributes": f' AssertionConsumerServiceURL="{ACS}/../evil"'},
    "an index that is not set up": {"attributes": ' AssertionConsumerServiceIndex="7"'},
    "both": {"attributes": f' AssertionConsumerServiceURL="{ACS}" AssertionConsumerServiceIndex="0"'},
    "another binding": {"attributes": ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"'},
    "another destination": {"destination": "https://evil.example/sso"},
    "an old request": {"issued": NOW - 25 * 3600},
    "a request from the future": {"issued": NOW + 600},
    "another version": {"version": "1.1"},
    "an unknown application": {"issuer": "https://evil.example"},
    "a name for another application": {"inner": '<samlp:NameIDPolicy SPNameQualifier="https://evil.example"/>'},
    "a request that is none": {"attributes": ' Bogus="1"'},
}


@pytest.mark.parametrize("how", REFUSED.values(), ids=REFUSED)
async def test_a_request_that_cannot_be_taken_is_shown_and_nothing_is_sent(how):
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        answer = await ask(browser, authn_request(**how))
        assert (answer.status_code, error_code(answer)) in {(400, "invalid_request"), (400, "invalid_client")}
        assert "SAMLResponse" not in answer.text
        assert (await ask(browser)).status_code == 302, "its twin"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SAMLRequest=",
        "SAMLRequest=%ff",
        "SAMLRequest=AAAA",
        "SAMLRequest=" + "A" * 20_000,
        f"{unsigned(authn_request())}&SAMLRequest=x",
        unsigned("<html/>"),
        unsigned('<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>'),
        unsigned(authn_request(), relay="r" * 2000),
        f"{unsigned(authn_request())}&answer=nothing",
    ],
)
async def test_bad_input_at_the_sign_on_address_is_a_page_with_a_sentence(query):
    async with intranet() as at:
        browser = at.browser()
        answer = await browser.http.get(f"{SSO}?{query}")
        assert (answer.status_code, error_code(answer)) in {
            (400, "invalid_request"),
            (400, "invalid_client"),
            (410, "expired"),
        }
        assert "Traceback" not in answer.text


# ------------------------------------------------------------------------------------------------------- signatures


async def test_a_request_that_is_signed_must_be_so_by_the_application():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        forged = await browser.http.get(f"{SSO}?{signed(authn_request(), with_key=key('evil'))}")
        assert forged.status_code == 400
        moved = signed(authn_request()).replace("state-1", "state-2")
        assert (await browser.http.get(f"{SSO}?{moved}")).status_code == 400, "RelayState is signed too"
        elsewhere = signed(authn_request(destination=None))
        assert (await browser.http.get(f"{SSO}?{elsewhere}")).status_code == 400, "signed, it says where it goes"
        answer = await browser.http.get(f"{SSO}?{signed(authn_request())}")
        await said(browser, await browser.open(answer))


async def test_a_signature_of_an_application_whose_key_nobody_told_us_says_nothing():
    async with intranet(wiki(certificates=())) as at:
        browser = at.browser()
        await browser.arrive()
        answer = await browser.http.get(f"{SSO}?{signed(authn_request())}")
        await said(browser, await browser.open(answer))


async def test_requests_must_be_signed_where_that_is_set_up():
    async with intranet(wiki(require_signed_requests=True)) as at:
        browser = at.browser()
        await browser.arrive()
        assert (await ask(browser)).status_code == 400
        stripped = signed(authn_request()).partition("&SigAlg")[0]
        assert (await browser.http.get(f"{SSO}?{stripped}")).status_code == 400
        answer = await browser.http.get(f"{SSO}?{signed(authn_request())}")
        await said(browser, await browser.open(answer))


@pytest.mark.parametrize("how", ["unsigned", "signed", "forged"])
async def test_a_request_by_post_comes_again_by_get(how):
    async with intranet(wiki(require_signed_requests=how != "unsigned")) as at:
        browser = at.browser()
        await browser.arrive()
        message = authn_request()
        if how != "unsigned":
            message = sign(message, "_ask1", Sign(key("wiki" if how == "signed" else "evil")))
        form = {"SAMLRequest": base64.b64encode(message.encode()).decode(), "RelayState": "state-1"}
        answer = await browser.http.post(SSO, data=form, headers={"origin": "https://wiki.example"})
        assert answer.status_code == 303
        answer = await browser.open(answer)
        if how == "forged":
            assert answer.status_code == 400
            return
        page = await browser.open(answer)
        assert form_of(page).fields["RelayState"] == "state-1"
        await said(browser, page)


async def test_a_posted_request_that_cannot_be_read_or_is_too_large_is_refused():
    async with intranet() as at:
        browser = at.browser()
        big = authn_request(inner="".join(f"<x>{i * 7919}</x>" for i in range(9000)))
        for text in ("", "%%%", base64.b64encode(big.encode()).decode()):
            answer = await browser.http.post(SSO, data={"SAMLRequest": text})
            assert (answer.status_code, error_code(answer)) == (400, "invalid_request")
        form = "SAMLRequest=AA&SAMLRequest=AA"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert (await browser.http.post(SSO, content=form, headers=headers)).status_code == 400
        long = {"SAMLRequest": base64.b64encode(authn_request().encode()).decode(), "RelayState": "r" * 2000}
        assert (await browser.http.post(SSO, data=long)).status_code == 400


@pytest.mark.parametrize("what", ["assertion", "response"])
async def test_what_is_signed_is_what_is_set_up(what):
    async with intranet(wiki(sign=what)) as at:
        await signed_in(at.browser(), sign=(what,))


@pytest.mark.parametrize("what", ["both", "assertion", "response"])
async def test_assertions_are_encrypted_for_the_application(what):
    async with intranet(wiki(sign=what, encrypt=True, encryption_certificate=key("wiki").pem)) as at:
        browser = at.browser()
        page = await sign_in(browser, await ask(browser))
        assert b"Lovelace" not in etree.tostring(form_of(page).document)
        await said(browser, page, sealed=True, sign=("response", "assertion") if what == "both" else (what,))


# ------------------------------------------------------------------------------------------------ how it is asked


async def test_force_authn_asks_for_the_password_again():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        at.time.pass_(60)
        answer = await ask(browser, authn_request(attributes=' ForceAuthn="true"', issued=NOW + 60))
        page = await browser.open(answer)
        done = await browser.submit(page, step="password", password=PASSWORD)
        found = await said(browser, await browser.open(done))
        assert found.assertion.find("{*}AuthnStatement").get("AuthnInstant") == standin.at(NOW + 60)


async def test_is_passive_shows_no_page():
    async with intranet() as at:
        browser = at.browser()
        passive = authn_request(attributes=' IsPassive="true"')
        assert status_of(await browser.open(await ask(browser, passive))) == ("Responder", "NoPassive")
        both = authn_request(attributes=' IsPassive="true" ForceAuthn="1"')
        assert status_of(await ask(browser, both)) == ("Responder", "NoPassive")
        await browser.arrive()
        await said(browser, await browser.open(await ask(browser, passive)))
        assert at.kinds().count("assertion.refused") == 2


@pytest.mark.parametrize(
    ("inner", "context"),
    [
        (requested_context(f"{CLASS}Password"), f"{CLASS}Password"),
        (requested_context("urn:unknown", f"{CLASS}unspecified"), f"{CLASS}unspecified"),
        (requested_context(f"{CLASS}Password", comparison="minimum"), f"{CLASS}Password"),
        (requested_context(MFA, comparison="maximum"), f"{CLASS}PasswordProtectedTransport"),
    ],
)
async def test_a_strength_that_a_password_reaches(inner, context):
    async with intranet() as at:
        assert (await signed_in(at.browser(), authn_request(inner=inner))).context == context


@pytest.mark.parametrize(
    "inner", [requested_context("urn:unknown"), requested_context("urn:mace:incommon:iap:silver", comparison="minimum")]
)
async def test_a_strength_that_nobody_knows(inner):
    async with intranet() as at:
        assert status_of(await ask(at.browser(), authn_request(inner=inner))) == ("Responder", "NoAuthnContext")


@pytest.mark.parametrize(
    "inner", [requested_context(MFA), requested_context(f"{CLASS}PasswordProtectedTransport", comparison="better")]
)
async def test_a_strength_for_which_a_second_factor_is_asked(inner):
    async with house(mfa_pool("off", ("totp",)), clients=(*CLIENTS, wiki())) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await sign_in(browser, await ask(browser, authn_request(inner=inner)))
        done = await browser.submit(page, step="code", code=app.code)
        assert (await said(browser, await browser.open(done))).context == MFA


async def test_a_strength_that_this_person_does_not_reach():
    async with house(mfa_pool("optional", ("totp",)), clients=(*CLIENTS, wiki())) as at:
        browser = at.browser()
        page = await sign_in(browser, await ask(browser, authn_request(inner=requested_context(MFA))))
        assert status_of(page) == ("Responder", "NoAuthnContext")


async def test_whom_the_application_expects_is_filled_in():
    async with intranet() as at:
        browser = at.browser()
        subject = f'<saml:Subject><saml:NameID Format="{EMAIL}">ada@example.com</saml:NameID></saml:Subject>'
        page = await browser.open(await ask(browser, authn_request(subject=subject)))
        assert 'value="ada@example.com"' in page.text


# ------------------------------------------------------------------------------------------------- names, attributes


@pytest.mark.parametrize(
    ("how", "policy", "format_", "name"),
    [
        ({"name_id_format": EMAIL}, "", EMAIL, "ada@example.com"),
        ({"name_id_format": EMAIL}, name_id_policy(EMAIL), EMAIL, "ada@example.com"),
        ({"name_id_from": "username"}, "", PERSISTENT, "Ada"),
        (
            {"name_id_format": "urn:example:employee", "name_id_from": "family_name"},
            "",
            "urn:example:employee",
            "Lovelace",
        ),
        ({"name_id_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"}, "", None, "Ada"),
        ({}, name_id_policy("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"), PERSISTENT, None),
        ({"name_id_format": EMAIL}, name_id_policy(TRANSIENT), TRANSIENT, None),
    ],
)
async def test_people_are_named_as_it_is_set_up(how, policy, format_, name):
    async with intranet(wiki(**how)) as at:
        found = await signed_in(at.browser(), authn_request(inner=policy))
        assert format_ is None or found.format == format_
        assert name is None or found.name_id == name


async def test_a_transient_name_is_another_one_in_another_session():
    async with intranet(wiki(name_id_format=TRANSIENT)) as at:
        one, other = await signed_in(at.browser()), await signed_in(at.browser())
        assert one.name_id != other.name_id
        assert one.attributes == other.attributes


@pytest.mark.parametrize(
    ("how", "policy", "user"),
    [
        ({}, name_id_policy(EMAIL), {}),
        ({}, name_id_policy("urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"), {}),
        ({"name_id_format": EMAIL}, "", {"email_verified": False}),
        ({"name_id_format": EMAIL}, "", {"email": None}),
        ({"name_id_from": "nickname"}, "", {}),
    ],
    ids=["an address that it may not have", "an unknown format", "an unproven address", "no address", "no value"],
)
async def test_a_name_that_there_is_not(how, policy, user):
    async with intranet(wiki(**how)) as at:
        await at.change_user(ADA, **user)
        browser = at.browser()
        page = await sign_in(browser, await ask(browser, authn_request(inner=policy)))
        assert status_of(page) == ("Requester", "InvalidNameIDPolicy")


async def test_attributes_are_those_that_are_set_up():
    told = {
        "urn:oid:0.9.2342.19200300.100.1.3": "email",
        "memberOf": "groups",
        "phone": "phone_number",
        "id": "sub",
        "login": "preferred_username",
        "nick": "nickname",
        "adult": "custom:adult",
        "age": "custom:age",
    }
    async with intranet(wiki(attributes=told)) as at:
        await at.change_user(ADA, attributes={**ADA.attributes, "custom:adult": True, "custom:age": 36, "nickname": {}})
        found = await signed_in(at.browser())
        assert found.attributes == {
            "urn:oid:0.9.2342.19200300.100.1.3": ["ada@example.com"],
            "memberOf": ["staff", "all"],
            "phone": ["+821012345678"],
            "id": [ADA.id],
            "login": ["Ada"],
            "adult": ["true"],
            "age": ["36"],
        }
        formats = {a.get("Name"): a.get("NameFormat") for a in found.assertion.iter("{*}Attribute")}
        assert formats["memberOf"].endswith(":basic")
        assert formats["urn:oid:0.9.2342.19200300.100.1.3"].endswith(":uri")


async def test_what_nobody_has_proven_is_not_told():
    async with intranet(wiki(attributes={"mail": "email", "phone": "phone_number"})) as at:
        await at.change_user(ADA, email_verified=False, phone_number_verified=False)
        found = await signed_in(at.browser())
        assert found.attributes == {}
        assert found.assertion.find("{*}AttributeStatement") is None


async def test_an_application_sees_the_attributes_that_it_may_read():
    async with intranet(wiki(read_attributes=("name",))) as at:
        found = await signed_in(at.browser())
        assert set(found.attributes) == {"name", "username", "groups"}


# ------------------------------------------------------------------------------------------- as any other client


async def test_the_second_factor_of_the_application_is_asked_for():
    async with house(mfa_pool("optional", ("totp",)), clients=(*CLIENTS, wiki(mfa="required"))) as at:
        app = await enrolled(at, "totp")
        browser = at.browser()
        page = await sign_in(browser, await ask(browser))
        done = await browser.submit(page, step="code", code=app.code)
        assert (await said(browser, await browser.open(done))).context == MFA


@pytest.mark.parametrize("how", ["unknown", "disabled"])
async def test_an_application_that_is_not_there_or_disabled(how):
    async with intranet(wiki(enabled=False) if how == "disabled" else wiki(entity_id="https://else.example")) as at:
        answer = await ask(at.browser())
        assert (answer.status_code, error_code(answer)) == (400, "invalid_client")


async def test_nothing_is_to_be_had_by_oauth_under_its_name():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        assert (await browser.authorize(client_id="wiki")).status_code == 400
        assert (await browser.authorize(client_id="wiki", redirect_uri=ACS)).status_code == 400
        for grant in ("client_credentials", "authorization_code", "refresh_token"):
            answer = await browser.token("wiki", None, grant_type=grant, code="x", refresh_token="x")
            assert answer.status_code in {400, 401}


async def test_who_declines_the_terms_is_denied():
    async with house(pool(sign_up=TERMS), clients=(*CLIENTS, wiki())) as at:
        browser = at.browser()
        page = await sign_in(browser, await ask(browser))
        assert 'value="terms"' in page.text
        done = await browser.submit(page, step="terms", decision="decline")
        assert status_of(await browser.open(done)) == ("Responder", "RequestDenied")


async def test_an_expired_sign_in_starts_the_same_request_again():
    async with intranet() as at:
        browser = at.browser()
        page = await browser.open(await ask(browser))
        at.time.pass_(3600)
        gone = await browser.submit(page, step="identifier", username="ada")
        assert gone.status_code == 410
        found = re.search(r'href="([^"]*/saml2/idp/sso\?[^"]*)"', gone.text)
        assert found is not None
        again = await browser.http.get(html.unescape(found[1]))
        await said(browser, await sign_in(browser, again))


# ------------------------------------------------------------------------------------------------- begun here


def start(**params: str) -> str:
    return f"{ISSUER}/saml2/idp/start?{urlencode({'client_id': 'wiki', **params})}"


async def test_a_sign_on_that_begins_here():
    async with intranet(wiki(idp_initiated=True, relay_states=("/home", "/inbox"))) as at:
        browser = at.browser()
        page = await sign_in(browser, await browser.http.get(start()))
        assert form_of(page).fields["RelayState"] == "/home"
        await said(browser, page, asked=None)
        page = await browser.open(await browser.http.get(start(RelayState="/inbox")))
        assert form_of(page).fields["RelayState"] == "/inbox"


@pytest.mark.parametrize(
    ("changes", "params"),
    [
        ({"idp_initiated": False}, {}),
        ({}, {"RelayState": "https://evil.example"}),
        ({}, {"client_id": "web"}),
        ({}, {"client_id": "nobody"}),
        ({"enabled": False}, {}),
    ],
)
async def test_a_sign_on_that_may_not_begin_here(changes, params):
    async with intranet(wiki(**{"idp_initiated": True, **changes})) as at:
        browser = at.browser()
        await browser.arrive()
        assert (await browser.http.get(start(**params))).status_code == 400
        assert (await browser.http.get(start() + "&client_id=wiki")).status_code == 400, "repeated"


async def test_without_relay_states_none_is_sent():
    async with intranet(wiki(idp_initiated=True)) as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.open(await browser.http.get(start()))
        assert "RelayState" not in form_of(page).fields


# ------------------------------------------------------------------------------------------------- our metadata


async def test_the_metadata_says_who_and_where_we_are():
    async with intranet() as at:
        answer = await at.browser().http.get(METADATA)
        root = etree.fromstring(answer.content)
        assert root.get("entityID") == METADATA
        where = {
            (e.tag.rpartition("}")[2], e.get("Location"))
            for e in root.iter("{*}SingleSignOnService", "{*}SingleLogoutService")
        }
        assert where == {("SingleSignOnService", SSO), ("SingleLogoutService", SLO)}


# --------------------------------------------------------------------------------------------------- signing out


def hop_of(page) -> str:
    """Where a page of a sign-out leads."""
    assert page.status_code == 200, page.text
    assert 'id="signing-out"' in page.text
    return page.headers["refresh"].removeprefix("0;url=")


def answer_to(url: str, *, with_key: str = "wiki", status: str = "Success", issuer: str = ENTITY) -> str:
    """The application's answer to the request in the address."""
    asked = message_in(url)
    message = standin.logout_response(asked.get("ID"), issuer=issuer, destination=SLO, status=status)
    relay = parse_qs(urlsplit(url).query)["RelayState"][0]
    return f"{SLO}?{standin.query_of(message, 'SAMLResponse', relay=relay, with_key=key(with_key))}"


async def test_signing_out_here_tells_the_application():
    async with intranet() as at:
        browser = at.browser()
        found = await signed_in(browser)
        page = await browser.http.get(
            f"{ISSUER}/logout?client_id=web&post_logout_redirect_uri=https://app.example.com/signed-out"
        )
        url = hop_of(await browser.submit(page))
        assert url.startswith(f"{OUT}?SAMLRequest=")
        assert browser.cookie("session") is None
        asked = message_in(url)
        assert asked.findtext("{*}NameID") == found.name_id
        assert asked.findtext("{*}SessionIndex") == found.session_index
        done = await browser.http.get(answer_to(url))
        assert (done.status_code, done.headers["location"]) == (302, "https://app.example.com/signed-out")
        assert (await browser.http.get(answer_to(url))).status_code == 410, "the round is over"
        assert "application.not_signed_out" not in at.kinds()


@pytest.mark.parametrize("how", [{"with_key": "evil"}, {"status": "Responder"}])
async def test_an_application_that_does_not_agree_does_not_stop_the_round(how):
    other = wiki("forum", entity_id="https://forum.example", logout_urls={POST: "https://forum.example/slo"})
    async with intranet(wiki(), other) as at:
        browser = at.browser()
        await signed_in(browser)
        answer = await ask(browser, authn_request(issuer="https://forum.example"))
        await said(browser, await browser.open(answer), audience="https://forum.example")
        url = hop_of(await browser.submit(await browser.http.get(f"{ISSUER}/logout")))
        page = await browser.http.get(answer_to(url, **how))
        form = form_of(page)
        assert form.action == "https://forum.example/slo"
        assert "application.not_signed_out" in at.kinds()
        message = standin.logout_response(
            etree.fromstring(base64.b64decode(form.fields["SAMLRequest"])).get("ID"),
            issuer="https://forum.example",
            destination=SLO,
        )
        posted = {
            "SAMLResponse": base64.b64encode(sign(message, "_answer1", Sign(key("wiki"))).encode()).decode(),
            "RelayState": form.fields["RelayState"],
        }
        done = await browser.open(await browser.http.post(SLO, data=posted))
        assert (done.status_code, done.headers["location"]) == (302, f"{ISSUER}/logout")


async def test_an_application_ends_the_session_and_the_others_hear_of_it():
    other = wiki("forum", entity_id="https://forum.example", logout_urls={REDIRECT: "https://forum.example/slo"})
    async with intranet(wiki(), other) as at:
        browser = at.browser()
        found = await signed_in(browser)
        answer = await ask(browser, authn_request(issuer="https://forum.example"))
        await said(browser, await browser.open(answer), audience="https://forum.example")
        page = await browser.http.get(f"{SLO}?{signed(sign_out_request(found), relay='bye')}")
        url = hop_of(page)
        assert url.startswith("https://forum.example/slo?")
        assert browser.cookie("session") is None
        last = hop_of(await browser.http.get(answer_to(url, issuer="https://forum.example")))
        assert last.startswith(f"{OUT}?SAMLResponse=")
        response = message_in(last, "SAMLResponse")
        codes = [c.get("Value").rpartition(":")[2] for c in response.iter("{*}StatusCode")]
        assert (response.get("InResponseTo"), codes) == ("_logout1", ["Success"])
        assert parse_qs(urlsplit(last).query)["RelayState"] == ["bye"]
        assert at.kinds().count("session.ended") == 1


async def test_an_application_ends_a_session_by_post_without_our_cookies():
    async with intranet(wiki(logout_urls={POST: OUT}, logout_response_urls={POST: f"{OUT}/done"})) as at:
        browser = at.browser()
        found = await signed_in(browser)
        message = sign(sign_out_request(found), "_logout1", Sign(key("wiki")))
        stranger = at.browser()
        form = {"SAMLRequest": base64.b64encode(message.encode()).decode()}
        page = await stranger.open(await stranger.http.post(SLO, data=form))
        assert form_of(page).action == f"{OUT}/done"
        assert "/login?" in (await ask(browser)).headers["location"], "the session is over"


BAD_SIGN_OUTS = {
    "unsigned": lambda found: unsigned(sign_out_request(found)),
    "by another key": lambda found: signed(sign_out_request(found), with_key=key("evil")),
    "sent to another address": lambda found: signed(sign_out_request(found, destination="https://evil.example")),
    "expired": lambda found: signed(sign_out_request(found, until=NOW - 600)),
    "old": lambda found: signed(sign_out_request(found, issued=NOW - 3600)),
    "of nobody we know": lambda found: signed(sign_out_request(found, issuer="https://evil.example")),
    "named by another provider": lambda found: signed(
        sign_out_request(found, name_attributes=' NameQualifier="https://evil.example"')
    ),
}


@pytest.mark.parametrize("how", BAD_SIGN_OUTS.values(), ids=BAD_SIGN_OUTS)
async def test_a_sign_out_that_cannot_be_taken_ends_nothing(how):
    async with intranet() as at:
        browser = at.browser()
        found = await signed_in(browser)
        assert (await browser.http.get(f"{SLO}?{how(found)}")).status_code == 400
        assert "session.ended" not in at.kinds()
        good = signed(sign_out_request(found))
        assert hop_of(await browser.http.get(f"{SLO}?{good}")).startswith(OUT)
        assert "session.ended" in at.kinds()
        assert (await browser.http.get(f"{SLO}?{good}")).status_code == 400, "and once"


@pytest.mark.parametrize("changes", [{"name_id": "somebody"}, {"sessions": ("_another",)}])
async def test_a_sign_out_of_somebody_else_ends_nothing_and_says_so(changes):
    async with intranet() as at:
        browser = at.browser()
        found = await signed_in(browser)
        page = await browser.http.get(f"{SLO}?{signed(sign_out_request(found, **changes))}")
        response = message_in(hop_of(page), "SAMLResponse")
        assert [c.get("Value").rpartition(":")[2] for c in response.iter("{*}StatusCode")] == [
            "Success",
            "PartialLogout",
        ]
        assert "session.ended" not in at.kinds()


async def test_an_application_cannot_end_a_session_by_the_index_of_another_one():
    other = wiki("forum", entity_id="https://forum.example", certificates=(key("forum").pem,))
    async with intranet(wiki(), other) as at:
        browser = at.browser()
        found = await signed_in(browser)
        message = sign_out_request(found, issuer="https://forum.example")
        await browser.http.get(f"{SLO}?{signed(message, with_key=key('forum'))}")
        assert "session.ended" not in at.kinds()


async def test_a_sign_out_without_an_index_ends_the_session_of_this_browser():
    async with intranet() as at:
        browser, elsewhere = at.browser(), at.browser()
        found = await signed_in(browser)
        await signed_in(elsewhere)
        page = await browser.http.get(f"{SLO}?{signed(sign_out_request(found, sessions=()))}")
        assert hop_of(page).startswith(OUT)
        assert browser.cookie("session") is None
        assert at.kinds().count("session.ended") == 1


async def test_a_second_sign_out_is_answered_as_well():
    async with intranet() as at:
        browser = at.browser()
        found = await signed_in(browser)
        await browser.submit(await browser.http.get(f"{ISSUER}/logout"))
        page = await browser.http.get(f"{SLO}?{signed(sign_out_request(found))}")
        response = message_in(hop_of(page), "SAMLResponse")
        assert [c.get("Value").rpartition(":")[2] for c in response.iter("{*}StatusCode")] == ["Success"]


async def test_an_application_without_an_address_for_sign_outs_is_passed_by():
    async with intranet(wiki(logout_urls={})) as at:
        browser = at.browser()
        found = await signed_in(browser)
        page = await browser.http.get(f"{SLO}?{signed(sign_out_request(found))}")
        assert (page.status_code, page.headers["location"]) == (302, f"{ISSUER}/logout")
        await signed_in(browser)
        done = await browser.submit(await browser.http.get(f"{ISSUER}/logout"))
        assert (done.status_code, done.headers["location"]) == (303, f"{ISSUER}/logout")


async def test_an_application_that_was_removed_meanwhile_is_passed_by():
    async with intranet() as at:
        browser = at.browser()
        found = await signed_in(browser)
        page = await browser.http.get(f"{ISSUER}/logout")
        await at.stores.registry.delete_client(POOL, "wiki")
        done = await browser.submit(page)
        assert (done.status_code, done.headers["location"]) == (303, f"{ISSUER}/logout")
        assert found.name_id


async def test_a_client_that_signs_its_person_out_goes_by_the_applications():
    async with intranet() as at:
        browser = at.browser()
        await signed_in(browser)
        tokens = await browser.tokens()
        answer = await browser.http.get(f"{ISSUER}/oauth2/logout?id_token_hint={tokens['id_token']}")
        answer = await browser.open(answer)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, OUT)


@pytest.mark.parametrize("query", ["", "round=", "round=nothing", f"round={'x' * 200}"])
async def test_a_round_that_there_is_not(query):
    async with intranet() as at:
        answer = await at.browser().http.get(f"{ISSUER}/logout/onward?{query}")
        assert (answer.status_code, error_code(answer)) == (410, "expired")


@pytest.mark.parametrize(
    "query", ["", "SAMLRequest=x&SAMLResponse=x", "SAMLRequest=x&SAMLRequest=y", "SAMLRequest=AAAA"]
)
async def test_bad_input_at_the_sign_out_address_is_a_page_with_a_sentence(query):
    async with intranet() as at:
        answer = await at.browser().http.get(f"{SLO}?{query}")
        assert (answer.status_code, error_code(answer)) == (400, "invalid_request")


async def test_an_answer_to_no_request_of_ours_leads_nowhere():
    async with intranet() as at:
        message = standin.logout_response("_nothing", issuer=ENTITY, destination=SLO)
        query = standin.query_of(message, "SAMLResponse", relay="nothing", with_key=key("wiki"))
        assert (await at.browser().http.get(f"{SLO}?{query}")).status_code == 410


async def test_a_changed_address_is_the_name_from_then_on():
    async with intranet(wiki(name_id_format=EMAIL)) as at:
        browser = at.browser()
        await signed_in(browser)
        await at.change_user(ADA, email="countess@example.com")
        found = await said(browser, await browser.open(await ask(browser)))
        assert found.name_id == "countess@example.com"
        page = await browser.http.get(f"{SLO}?{signed(sign_out_request(found))}")
        assert hop_of(page).startswith(OUT)
        assert "session.ended" in at.kinds()


async def test_a_session_that_ends_while_the_answer_is_made_gives_none():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        issuer = await at.services.issuers.get(POOL)
        (session,) = await at.services.sessions.of_user(issuer.pool, ADA.id)
        request = AuthorizationRequest(
            "wiki", SSO, redirect_uri_sent=True, scope=(), query="/saml2/idp/sso?SAMLRequest=x"
        )
        situation = await at.services.sign_ins.start(issuer.pool, request, "browser", session)
        await at.services.sessions.end(issuer.pool, session)
        with pytest.raises(SignInGone):
            await at.services.sign_ins.conclude(issuer.pool, issuer.url, situation, kept=False)


async def test_an_answer_of_another_version_of_the_server_is_none():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        location = (await ask(browser)).headers["location"]
        stored = b'{"client_id":"wiki","request":"x","browser":"y","yet":"unknown"}'
        await at.stores.one_time.put(POOL, KIND, digest("other"), stored, 60)
        query = urlsplit(location).query.partition("&answer=")[0]
        assert (await browser.http.get(f"{SSO}?{query}&answer=other")).status_code == 410
        await said(browser, await browser.http.get(location))


async def test_our_own_key_is_changed_while_people_sign_in():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        pairs = OwnKeyPairs(at.services.broker._ground, POOL, AS_PROVIDER)
        (old,) = await our_certificates(browser)
        await pairs.add()
        at.time.pass_(61)
        assert [c.serial_number for c in await our_certificates(browser)][:1] == [old.serial_number]
        assert len(await our_certificates(browser)) == 2
        await pairs.use()
        at.time.pass_(61)
        new, still = await our_certificates(browser)
        assert still.serial_number == old.serial_number
        page = await browser.open(await ask(browser, authn_request(issued=int(at.time()))))
        check_signature(form_of(page).document, new)
        await pairs.drop()
        at.time.pass_(61)
        assert [c.serial_number for c in await our_certificates(browser)] == [new.serial_number]


# ------------------------------------------------------------------------------------------- what strangers may try


def bomb() -> str:
    """A namespace with a long name, and thousands of elements in it: the schema copies the name for each."""
    inner = f'<samlp:Extensions xmlns:a="u:{"y" * 40_000}">{"<a:x/>" * 8000}</samlp:Extensions>'
    return authn_request(inner=inner)


def crowd() -> str:
    """An element with thousands of attributes, each compared with each."""
    names = " ".join(f'a{n}="x"' for n in range(5000))
    return authn_request(inner=f'<samlp:Extensions><a:x xmlns:a="u:a" {names}/></samlp:Extensions>')


@pytest.mark.parametrize(("message", "why"), [(bomb(), "endless name"), (crowd(), "too many attributes")])
async def test_what_costs_much_to_read_is_refused_before_it_is_read(message, why):
    async with intranet() as at:
        answer = await ask(at.browser(), message)
        assert (answer.status_code, why in answer.text) == (400, True)


async def test_a_large_request_is_not_packed_for_its_way():
    async with intranet() as at:
        large = base64.b64encode(b"ab" * 20_000).decode()
        answer = await at.browser().http.post(SSO, data={"SAMLRequest": large})
        assert (answer.status_code, "too large" in answer.text) == (400, True)
        padding = "".join(f"{n * 7919 % 10007:x}" for n in range(6000))
        inner = f'<samlp:Extensions><a:x xmlns:a="u:a">{padding}</a:x></samlp:Extensions>'
        long = unsigned(authn_request(inner=inner))
        answer = await at.browser().http.get(f"{SSO}?{long}")
        assert (answer.status_code, "too large" in answer.text) == (400, True)


async def test_refusals_for_nobody_are_signed_in_bounded_number():
    async with intranet() as at:
        passive = authn_request(attributes=' IsPassive="true"')
        both = authn_request(attributes=' IsPassive="true" ForceAuthn="true"')
        statuses = [(await ask(at.browser(), both if n % 2 else passive)).status_code for n in range(302)]
        assert statuses[-2:] == [429, 429]
        assert (await ask(at.browser(address="203.0.113.9"), both)).status_code == 200


async def test_a_crowd_that_comes_first_has_one_key_made():
    async with house(clients=(*CLIENTS, wiki())) as at:
        import asyncio

        made = await asyncio.gather(*(at.services.assertions.keys(POOL) for _ in range(10)))
        assert len({pair.certificate for (pair,) in made}) == 1


async def test_a_round_is_its_own_browsers():
    """Whoever is told the secret, as every application is, would learn who the person is elsewhere."""
    other = wiki("forum", entity_id="https://forum.example", logout_urls={REDIRECT: "https://forum.example/slo"})
    async with intranet(wiki(), other) as at:
        browser, thief = at.browser(), at.browser()
        await signed_in(browser)
        answer = await ask(browser, authn_request(issuer="https://forum.example"))
        await said(browser, await browser.open(answer), audience="https://forum.example")
        url = hop_of(await browser.submit(await browser.http.get(f"{ISSUER}/logout")))
        handle = parse_qs(urlsplit(url).query)["RelayState"][0]
        await ask(thief)  # so that it has a cookie of its own
        for stranger in (thief, at.browser()):
            assert (await stranger.http.get(f"{ISSUER}/logout/onward?round={handle}")).status_code == 410
        assert hop_of(await browser.http.get(answer_to(url))).startswith("https://forum.example/slo?"), (
            "nothing was used up"
        )


@pytest.mark.parametrize("by_post", [False, True])
async def test_an_application_alone_ends_a_session_and_learns_nothing_of_others(by_post):
    other = wiki("forum", entity_id="https://forum.example", logout_urls={REDIRECT: "https://forum.example/slo"})
    async with intranet(wiki(), other) as at:
        browser, server = at.browser(), at.browser(address="203.0.113.9")
        found = await signed_in(browser)
        answer = await ask(browser, authn_request(issuer="https://forum.example"))
        await said(browser, await browser.open(answer), audience="https://forum.example")
        if by_post:
            message = sign(sign_out_request(found), "_logout1", Sign(key("wiki")))
            posted = await server.http.post(SLO, data={"SAMLRequest": base64.b64encode(message.encode()).decode()})
            assert (await server.http.get(posted.headers["location"])).status_code == 410
            assert hop_of(await browser.http.get(posted.headers["location"])).startswith("https://forum.example/slo?")
        else:
            page = await server.http.get(f"{SLO}?{signed(sign_out_request(found))}")
            response = message_in(hop_of(page), "SAMLResponse")
            codes = [c.get("Value").rpartition(":")[2] for c in response.iter("{*}StatusCode")]
            assert codes == ["Success", "PartialLogout"]
        assert "session.ended" in at.kinds()


async def test_whoever_is_asked_about_is_who_is_told_of():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()

        def about(name: str) -> str:
            return authn_request(subject=f"<saml:Subject><saml:NameID>{name}</saml:NameID></saml:Subject>")

        assert status_of(await browser.open(await ask(browser, about("bob@example.com")))) == (
            "Responder",
            "UnknownPrincipal",
        )
        for name in ("ada@example.com", "Ada", ADA.id):
            await said(browser, await browser.open(await ask(browser, about(name))))
        nobody = authn_request(subject="<saml:Subject><saml:BaseID/></saml:Subject>")
        assert (await ask(browser, nobody)).status_code == 400


async def test_flags_are_read_as_the_schema_reads_them():
    async with intranet() as at:
        browser = at.browser()
        await browser.arrive()
        answer = await ask(browser, authn_request(attributes=' ForceAuthn=" true "'))
        assert "/login?" in answer.headers["location"]


async def test_a_context_that_is_no_class_is_not_claimed():
    inner = "<samlp:RequestedAuthnContext><saml:AuthnContextDeclRef>urn:x</saml:AuthnContextDeclRef></samlp:RequestedAuthnContext>"
    async with intranet() as at:
        assert status_of(await ask(at.browser(), authn_request(inner=inner))) == ("Responder", "NoAuthnContext")


async def test_what_no_document_may_hold_is_left_out():
    async with intranet(wiki(attributes={"name": "name"})) as at:
        await at.change_user(ADA, attributes={"name": "A\x0cd\ufffea"})
        assert (await signed_in(at.browser())).attributes == {"name": ["Ada"]}
