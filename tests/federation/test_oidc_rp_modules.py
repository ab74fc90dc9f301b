"""What the OpenID Foundation's suite asks of a relying party: a test for each of its modules that a code flow can meet.

The name of the module is the first word of a test's docstring. docs/federation-providers.md has the list of all modules, with
the tests and with the reasons of those that have none; `test_the_list_of_modules_is_whole` compares the two. Plans: basic and
form post (the same modules, by both response modes), config, dynamic, refresh token, 3rd-party-initiated login, RP-initiated,
back-channel and front-channel logout.
"""

import ast
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from federation.connectors.logout_token import EVENT
from federation.errors import BadAnswer, NotForUs, ProviderRefused
from resource_servers.keys import VerificationKeys
from tests.federation.cases import ACME, acme, with_metadata
from tests.federation.host import Signer, World
from tests.federation.standins.openid import ADA, OpenIdProvider, half_hash, hmac_token
from tests.federation.test_oidc_logout import CLAIMS, logout_token, refused, told
from tests.federation.test_oidc_registration import OURS, Applicant
from tests.journeys.elsewhere import World as Elsewhere
from tests.journeys.elsewhere import departure, elsewhere, person
from tests.journeys.house import ISSUER, SIGNED_OUT, answered
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio

DOCUMENT = Path(__file__).parents[2] / "docs/federation-providers.md"


@pytest.fixture(params=["query", "form_post"])
def mode(request: pytest.FixtureRequest) -> str:
    """The plans "basic" and "form post" have the same modules."""
    return str(request.param)


def with_keys(*published: forge.Key, kid: Any = "op-1") -> OpenIdProvider:
    """A provider that publishes these keys, signs with the first, and puts `kid` in its headers."""
    site = OpenIdProvider(ACME)
    site.signing, site.alg = published[0], published[0].alg
    site.published = [key.jwk() for key in published]
    site.header = {"kid": kid}
    return site


async def signs_in(site: OpenIdProvider, mode: str = "query", **settings: Any) -> bool:
    return (await acme(site=site, response_mode=mode, **settings).log_in()).subject == "ada-0001"


async def is_refused(
    site: OpenIdProvider, mode: str = "query", error: type[Exception] = BadAnswer, **settings: Any
) -> str:
    world = acme(site=site, response_mode=mode, **settings)
    with pytest.raises(error) as refusal:
        await world.log_in()
    assert type(refusal.value) is error
    # Nothing more is asked in the name of somebody who is not believed.
    assert not any(sent.url == ACME.userinfo_endpoint for sent in world.network.sent)
    return str(refusal.value)


# ----------------------------------------------------------------------------------------- basic, and form post


async def test_success(mode: str) -> None:
    """oidcc-client-test: code, token, ID token, UserInfo."""
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    world = acme(site=site, response_mode=mode)
    identity = await world.log_in()
    assert (identity.subject, identity.issuer) == ("ada-0001", ACME.issuer)
    assert [sent.url for sent in world.network.sent][-3:] == [
        ACME.token_endpoint,
        ACME.jwks_uri,
        ACME.userinfo_endpoint,
    ]


async def test_invalid_iss(mode: str) -> None:
    """oidcc-client-test-invalid-iss"""
    site = OpenIdProvider(ACME)
    for iss in (
        "https://id.acme.example/",
        "https://ID.acme.example",
        "https://evil.example",
        ...,
        "",
        ["https://id.acme.example"],
    ):
        site.claims = {"iss": iss}
        await is_refused(site, mode)
    site.claims = {}
    assert await signs_in(site, mode)


async def test_missing_sub(mode: str) -> None:
    """oidcc-client-test-missing-sub"""
    site = OpenIdProvider(ACME)
    for sub in (..., "", 7, None, ["ada-0001"], " ada", "a" * 256, "a\nb"):
        site.claims = {"sub": sub}
        await is_refused(site, mode)
    site.claims = {"sub": "a" * 255}
    site.said = {"sub": "a" * 255}
    assert (await acme(site=site, response_mode=mode).log_in()).subject == "a" * 255


async def test_invalid_aud(mode: str) -> None:
    """oidcc-client-test-invalid-aud"""
    site = OpenIdProvider(ACME)
    for aud in ("another", "client-1 ", "client-", "CLIENT-1", ["another"], [], {"client-1": 1}, None):
        site.claims = {"aud": aud}
        await is_refused(site, mode)
    site.claims = {"aud": ["client-1"]}
    assert await signs_in(site, mode)


async def test_missing_aud(mode: str) -> None:
    """oidcc-client-test-missing-aud"""
    site = OpenIdProvider(ACME)
    site.claims = {"aud": ...}
    await is_refused(site, mode)
    site.claims = {}
    assert await signs_in(site, mode)


async def test_several_audiences_need_azp() -> None:
    """OpenID Connect Core 3.1.3.7, 4 and 5."""
    site = OpenIdProvider(ACME)
    for azp in (..., "another", 7):
        site.claims = {"aud": ["client-1", "another"], "azp": azp}
        await is_refused(site)
    site.claims = {"aud": "client-1", "azp": "another"}
    await is_refused(site)
    site.claims = {"aud": ["client-1", "another"], "azp": "client-1"}
    assert await signs_in(site)


async def test_missing_iat(mode: str) -> None:
    """oidcc-client-test-missing-iat"""
    site = OpenIdProvider(ACME)
    for iat in (..., "1800000000", 1.8e9, -1, True, forge.NOW + 61):
        site.claims = {"iat": iat}
        await is_refused(site, mode)
    site.claims = {"iat": forge.NOW + 10}
    assert await signs_in(site, mode)


async def test_expiry() -> None:
    """exp: required, and in the future but for a minute of clocks."""
    site = OpenIdProvider(ACME)
    for exp in (..., forge.NOW - 60, "2000000000", 10**20, None):
        site.claims = {"exp": exp}
        await is_refused(site)
    site.claims = {"exp": forge.NOW - 59, "nbf": forge.NOW + 10}
    assert await signs_in(site)
    site.claims = {"nbf": forge.NOW + 61}
    await is_refused(site)


async def test_kid_absent_single_jwks(mode: str) -> None:
    """oidcc-client-test-kid-absent-single-jwks: one key published, none named."""
    assert await signs_in(with_keys(forge.key("RS256", None), kid=...), mode)
    assert await signs_in(with_keys(forge.key("ES256", "op-1"), kid=...), mode)


async def test_kid_absent_multiple_jwks(mode: str) -> None:
    """oidcc-client-test-kid-absent-multiple-jwks: of several keys that fit none is guessed; of several kinds, one fits."""
    await is_refused(with_keys(forge.key("ES256", "op-1"), forge.key("ES256", "op-2", nth=1), kid=...), mode)
    assert await signs_in(with_keys(forge.key("ES256", "op-1"), forge.key("RS256", "op-2"), kid=...), mode)


async def test_idtoken_sig_none(mode: str) -> None:
    """oidcc-client-test-idtoken-sig-none: unsigned ID tokens are refused, whatever the metadata say."""
    site = OpenIdProvider(ACME)
    site.document = {"id_token_signing_alg_values_supported": ["none", "RS256"]}
    for alg in ("none", "None", "NONE", "nOnE"):
        site.forged = lambda head, claims, alg=alg: f"{forge.part({'alg': alg})}.{forge.part(claims)}."
        await is_refused(site, mode)
    site.forged = None
    assert await signs_in(site, mode)
    site.document = {"id_token_signing_alg_values_supported": ["none"]}
    await is_refused(site, mode)


async def test_userinfo_invalid_sub(mode: str) -> None:
    """oidcc-client-test-userinfo-invalid-sub"""
    world = acme(response_mode=mode)
    for sub in ("bob-0002", "ADA-0001", "ada-0001 ", "", ..., 7):
        world.site.said = {"sub": sub}
        with pytest.raises(BadAnswer):
            await world.log_in()
    world.site.said = {}
    assert (await world.log_in()).subject == "ada-0001"


async def test_nonce_invalid(mode: str) -> None:
    """oidcc-client-test-nonce-invalid, and the nonce missing altogether."""
    site = OpenIdProvider(ACME)
    for nonce in ("another", "", ..., 7):
        site.claims = {"nonce": nonce}
        await is_refused(site, mode, NotForUs)
    site.claims = {}
    assert await signs_in(site, mode)


async def test_scope_userinfo_claims(mode: str) -> None:
    """oidcc-client-test-scope-userinfo-claims: what the scopes bring is taken from UserInfo."""
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    world = acme(site=site, response_mode=mode)
    assert set((await world.depart()).query["scope"].split()) == {"openid", "profile", "email"}
    assert (await world.log_in()).claims["email"] == ADA["email"]


async def test_client_secret_basic(mode: str) -> None:
    """oidcc-client-test-client-secret-basic: both parts form-encoded (RFC 6749 2.3.1)."""
    site = OpenIdProvider(ACME)
    site.auth_methods = ("client_secret_basic",)
    world = acme(site=site, response_mode=mode)
    assert (await world.log_in()).subject == "ada-0001"
    asked = next(sent for sent in world.network.sent if sent.url == ACME.token_endpoint)
    assert asked.headers["authorization"].startswith("Basic ")
    assert "client_secret" not in asked.form


async def test_form_post_error() -> None:
    """oidcc-client-test-form-post-error: `login_required` comes in a form, in answer to prompt=none and max_age=0."""
    site = OpenIdProvider(ACME)
    world = acme(site=site, response_mode="form_post")
    visit = await world.depart(silent=True, fresh=True)
    assert [visit.query[name] for name in ("response_mode", "prompt", "max_age")] == ["form_post", "none", "0"]
    site.denies = ("login_required", "")
    callback = await world.travel(visit)
    assert callback.method == "POST"
    with pytest.raises(ProviderRefused) as refusal:
        await world.finish(visit, callback)
    assert refusal.value.error == "login_required"
    site.denies = None
    assert await signs_in(site, "form_post")


# ------------------------------------------------------------------------------------------------- comprehensive


async def test_idtoken_sig_rs256() -> None:
    """oidcc-client-test-idtoken-sig-rs256, and the others that are in use."""
    for alg in ("RS256", "ES256"):
        assert await signs_in(with_keys(forge.key(alg, "op-1")))


async def test_invalid_sig_rs256() -> None:
    """oidcc-client-test-invalid-sig-rs256"""
    await is_refused_with_another_signature("RS256")


async def test_invalid_sig_es256() -> None:
    """oidcc-client-test-invalid-sig-es256"""
    await is_refused_with_another_signature("ES256")


async def is_refused_with_another_signature(alg: str) -> None:
    site = with_keys(forge.key(alg, "op-1"))
    site.forged = lambda head, claims: spoiled(forge.compact(head, claims, site.signing))
    assert "signature" in await is_refused(site)
    site.forged = None
    assert await signs_in(site)


async def test_invalid_sig_hs256() -> None:
    """oidcc-client-test-invalid-sig-hs256"""
    site = OpenIdProvider(ACME)
    site.alg = "HS256"
    site.forged = lambda head, claims: spoiled(hmac_token(head, claims, site.client_secret.encode()))
    assert "signature" in await is_refused(site, id_token_signed_response_alg="HS256")
    site.forged = None
    assert await signs_in(site, id_token_signed_response_alg="HS256")


async def test_userinfo_bearer_header() -> None:
    """oidcc-client-test-userinfo-bearer-header: the access token goes in the header, never in the URL or a body."""
    world = acme()
    await world.log_in()
    asked = next(sent for sent in world.network.sent if sent.url.startswith(ACME.userinfo_endpoint))
    assert (asked.method, asked.body, asked.url) == ("GET", b"", ACME.userinfo_endpoint)
    assert asked.headers["authorization"].startswith("Bearer ")


async def test_nonce_unless_code_flow() -> None:
    """oidcc-client-test-nonce-unless-code-flow: it is sent in the code flow as well, and is new each time."""
    world = acme()
    one, other = await world.depart(), await world.depart()
    assert len(one.query["nonce"]) >= 43
    assert one.query["nonce"] != other.query["nonce"]


async def test_invalid_athash() -> None:
    """oidcc-client-test-invalid-athash: optional in the code flow, but never wrong."""
    site = OpenIdProvider(ACME)
    for wrong in (half_hash("another", "RS256"), "", 7, "A" * 22):
        site.claims = {"at_hash": wrong}
        await is_refused(site)
    site.claims = {"at_hash": ...}
    assert await signs_in(site)


async def test_invalid_chash() -> None:
    """oidcc-client-test-invalid-chash, for a provider that sends one all the same."""
    site = OpenIdProvider(ACME)
    site.claims = {"c_hash": half_hash("another", "RS256")}
    await is_refused(site)
    site.claims = {}
    assert await signs_in(site)


async def test_aggregated_claims() -> None:
    """oidcc-client-test-aggregated-claims: the login is good; what another issuer says of the person is not believed."""
    world = acme()
    theirs = {"_claim_names": {"phone_number": "src1"}, "_claim_sources": {"src1": {"JWT": "e30.e30.e30"}}}
    world.site.claims = world.site.said = theirs
    identity = await world.log_in()
    assert identity.subject == "ada-0001"
    assert "phone_number" not in identity.claims


async def test_distributed_claims_are_not_followed() -> None:
    """No address that comes with a login is asked, or whoever signs in there could have us ask anything (SSRF)."""
    world = acme()
    world.site.claims = {
        "_claim_names": {"credit_score": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://evil.example/", "access_token": "x"}},
    }
    identity = await world.log_in()
    assert "credit_score" not in identity.claims
    assert not any("evil" in sent.url for sent in world.network.sent)


# --------------------------------------------------------------------------------------------------- config


async def test_discovery_openid_config() -> None:
    """oidcc-client-test-discovery-openid-config"""
    world = acme()
    visit = await world.depart()
    assert [sent.url for sent in world.network.sent] == [f"{ACME.issuer}/.well-known/openid-configuration"]
    assert visit.url.startswith(ACME.authorization_endpoint)


async def test_discovery_jwks_uri_keys() -> None:
    """oidcc-client-test-discovery-jwks-uri-keys: the keys are where the document says, and nowhere else."""
    site = OpenIdProvider(with_metadata(jwks_uri=f"{ACME.issuer}/of/this/run/keys"))
    world = acme(site=site)
    await world.log_in()
    assert site.metadata.jwks_uri in [sent.url for sent in world.network.sent]
    assert not any(sent.url == ACME.jwks_uri for sent in world.network.sent)


async def test_discovery_issuer_mismatch() -> None:
    """oidcc-client-test-discovery-issuer-mismatch"""
    for issuer in (ACME.issuer + "/", "https://evil.example", ..., 7):
        world = acme()
        world.site.document = {"issuer": issuer}
        with pytest.raises(BadAnswer):
            await world.depart()
        world.site.document = {}
        world.now += 10
        assert await world.depart()


async def test_signing_key_rotation() -> None:
    """oidcc-client-test-signing-key-rotation: a new key, half a minute after the last look at the earliest."""
    world = acme()
    await world.log_in()
    world.now += 31
    world.site.now += 31
    newer = forge.key("RS256", "op-2", nth=1)
    world.site.signing, world.site.published = newer, [newer.jwk()]
    assert (await world.log_in()).subject == "ada-0001"


async def test_signing_key_rotation_just_before_signing() -> None:
    """oidcc-client-test-signing-key-rotation-just-before-signing: between the departure and the token."""
    world = acme()
    visit = await world.depart()
    callback = await world.travel(visit)
    newer = forge.key("RS256", "op-2", nth=1)
    world.site.signing, world.site.published = newer, [newer.jwk()]
    assert (await world.finish(visit, callback)).subject == "ada-0001"


async def test_keys_that_are_gone_count_no_more() -> None:
    """J15: a key removed upstream is refused when the copy has aged."""
    world = acme()
    await world.log_in()
    world.site.published = [forge.key("ES256", "op-9").jwk()]
    world.now += 301
    world.site.now += 301
    with pytest.raises(BadAnswer):
        await world.log_in()


async def test_a_storm_of_unknown_keys_is_one_request() -> None:
    """J15: at most one more fetch in 30 seconds."""
    world = acme()
    await world.log_in()
    world.now += 40
    world.site.now += 40
    world.site.header = {"kid": "unknown"}
    before = sum(sent.url == ACME.jwks_uri for sent in world.network.sent)
    for _ in range(5):
        with pytest.raises(BadAnswer):
            await world.log_in()
    assert sum(sent.url == ACME.jwks_uri for sent in world.network.sent) - before <= 1


# -------------------------------------------------------------------------------------------------- dynamic


async def test_dynamic_registration() -> None:
    """oidcc-client-test-dynamic-registration: and who has registered signs people in (test_oidc_registration.py)."""
    applicant = Applicant()
    made = await applicant.applies()
    assert applicant.site.asked[0]["redirect_uris"] == [OURS.redirect]
    assert (await applicant.world(made).log_in()).subject == "ada-0001"


async def test_userinfo_signed() -> None:
    """oidcc-client-test-userinfo-signed: as it was registered, and a plain answer is none."""
    applicant = Applicant(userinfo_signed_response_alg="RS256")
    world, site = applicant.world(await applicant.applies()), applicant.site
    assert site.asked[0]["userinfo_signed_response_alg"] == "RS256"
    site.in_id_token = frozenset()
    with pytest.raises(BadAnswer):
        await world.log_in()
    extra = {"iss": ACME.issuer, "aud": site.client_id}
    site.userinfo_jwt = lambda said: forge.compact({"alg": "RS256", "kid": "op-1"}, {**said, **extra}, site.signing)
    assert (await world.log_in()).claims["email"] == ADA["email"]


async def test_private_key_jwt() -> None:
    """The variant client_auth_type=private_key_jwt."""
    site = OpenIdProvider(ACME)
    site.auth_methods, site.client_keys = ("private_key_jwt",), VerificationKeys.parse(Signer().jwks())
    assert await signs_in(site, token_endpoint_auth_method="private_key_jwt")


# -------------------------------------------------------------------------------------------- refresh token


async def test_refresh_token() -> None:
    """oidcc-client-test-refresh-token: the new access token is good for UserInfo."""
    world = acme()
    world.site.in_id_token = frozenset()
    identity = await world.log_in()
    before = len(world.network.sent)
    again = await world.connector.refresh(identity.refresh_token, identity.subject, world.now)
    assert (again.issuer, again.subject) == (identity.issuer, identity.subject)
    tokens = [sent.headers.get("authorization") for sent in world.network.sent if sent.url == ACME.userinfo_endpoint]
    assert len(set(tokens)) == 2
    assert world.network.sent[before].form["grant_type"] == "refresh_token"


async def test_refresh_token_invalid_issuer() -> None:
    """oidcc-client-test-refresh-token-invalid-issuer"""
    await is_refused_in_a_refresh({"iss": "https://evil.example"})


async def test_refresh_token_invalid_sub() -> None:
    """oidcc-client-test-refresh-token-invalid-sub"""
    await is_refused_in_a_refresh({"sub": "bob-0002"})


@pytest.mark.parametrize("claims", [{"aud": "another"}, {"iat": ...}, {"exp": forge.NOW - 60}], ids=str)
async def test_what_else_a_refreshed_id_token_must_hold(claims: dict[str, Any]) -> None:
    """OpenID Connect Core 12.2."""
    await is_refused_in_a_refresh(claims)


async def is_refused_in_a_refresh(claims: dict[str, Any]) -> None:
    world = acme()
    identity = await world.log_in()
    world.site.claims = claims
    before = len(world.network.sent)
    with pytest.raises(BadAnswer):
        await world.connector.refresh(identity.refresh_token, identity.subject, world.now)
    assert not any(sent.url == ACME.userinfo_endpoint for sent in world.network.sent[before:])
    world.site.claims = {}
    identity = await world.log_in()
    assert await world.connector.refresh(identity.refresh_token, identity.subject, world.now)


# ------------------------------------------------------------------------------------- 3rd-party initiated


async def test_3rd_party_init_login() -> None:
    """oidcc-client-test-3rd-party-init-login: from `initiate_login_uri` to the provider (more in test_provider_start.py)."""
    async with elsewhere() as at:
        site = await at.add()
        site.person = person(sub="carol-1", email="carol@acme.example")
        browser = at.at.browser()
        started = f"{ISSUER}/oauth2/idplogin/Acme?{urlencode({'iss': site.metadata.issuer})}"
        away = await browser.open(await browser.http.get(started))
        assert departure(away).startswith(site.metadata.authorization_endpoint)
        page = await browser.open(await at.come_back(browser, away))
        assert page.headers["location"] == f"{ISSUER}/account"


# ------------------------------------------------------------------------------------------ RP-initiated logout


async def leaves(at: Elsewhere, **settings: Any) -> tuple[Any, Any, dict[str, str]]:
    """Somebody who came by the provider signs out here, and is on the way to its end-session endpoint."""
    site = await at.add()
    await at.change(settings={"issuer": site.metadata.issuer, "sign_out": True, **settings})
    site.person = person(sub="carol-1", email="carol@acme.example", sid="a-session-of-carols-1")
    browser = at.at.browser()
    tokens = (await browser.redeem(answered(await at.sign_in(browser))["code"])).json()
    query = urlencode({"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT})
    answer = await browser.open(await browser.http.get(f"{ISSUER}/oauth2/logout?{query}"))
    there = urlsplit(answer.headers["location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == site.metadata.end_session_endpoint
    return site, browser, dict(parse_qsl(there.query))


async def test_rp_init_logout() -> None:
    """oidcc-client-test-rp-init-logout: hint, return address and state; back, the person is where it was to end."""
    async with elsewhere() as at:
        _, browser, asked = await leaves(at)
        assert asked["id_token_hint"].count(".") == 2
        back = await browser.http.get(f"{asked['post_logout_redirect_uri']}?{urlencode({'state': asked['state']})}")
        assert (back.status_code, back.headers["location"]) == (302, SIGNED_OUT)


async def test_rp_init_logout_other_state() -> None:
    """oidcc-client-test-rp-init-logout-other-state: it leads to no app, and the person is told that they are signed out."""
    async with elsewhere() as at:
        _, browser, asked = await leaves(at)
        await is_told_alone(browser, f"{asked['post_logout_redirect_uri']}?state=another")
        back = await browser.http.get(f"{asked['post_logout_redirect_uri']}?{urlencode({'state': asked['state']})}")
        assert back.headers["location"] == SIGNED_OUT


async def test_rp_init_logout_no_state() -> None:
    """oidcc-client-test-rp-init-logout-no-state: the same."""
    async with elsewhere() as at:
        _, browser, asked = await leaves(at)
        await is_told_alone(browser, asked["post_logout_redirect_uri"])


async def is_told_alone(browser: Any, url: str) -> None:
    back = await browser.http.get(url)
    assert (back.status_code, back.headers["location"]) == (302, f"{ISSUER}/logout")
    page = await browser.open(back)
    assert page.status_code == 200
    assert "signed out" in page.text


# ------------------------------------------------------------------------------------------ back-channel logout


async def test_rp_backchannel_rpinitlogout() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout: while the person signs out there, who is signed out here already."""
    async with elsewhere() as at:
        site, browser, asked = await leaves(at)
        token = logout_token(
            site, iss=site.metadata.issuer, aud=site.client_id, sub="carol-1", sid="a-session-of-carols-1"
        )
        answer = await at.at.browser().http.post(f"{ISSUER}/oauth2/idplogout/Acme", data={"logout_token": token})
        assert (answer.status_code, "no-store" in answer.headers["cache-control"]) == (200, True)
        back = await browser.http.get(f"{asked['post_logout_redirect_uri']}?{urlencode({'state': asked['state']})}")
        assert back.headers["location"] == SIGNED_OUT


async def is_no_logout_token(token: str, world: World) -> None:
    """It is refused, which the page answers with 400 (test_upstream_sign_out.py), and a good one is taken after it."""
    await refused(token, world)
    assert (await told(world, logout_token(world.site))).session == CLAIMS["sid"]


async def test_rp_backchannel_rpinitlogout_alg_none() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-alg-none"""
    await is_no_logout_token(f"{forge.part({'alg': 'none'})}.{forge.part(CLAIMS)}.", acme())


async def test_rp_backchannel_rpinitlogout_no_event() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-no-event"""
    world = acme()
    await is_no_logout_token(logout_token(world.site, events=...), world)


async def test_rp_backchannel_rpinitlogout_wrong_event() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event"""
    world = acme()
    await is_no_logout_token(logout_token(world.site, events={f"{EVENT}-not": {}}), world)


async def test_rp_backchannel_rpinitlogout_with_nonce() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce"""
    world = acme()
    await is_no_logout_token(logout_token(world.site, nonce="n"), world)


async def test_rp_backchannel_rpinitlogout_wrong_alg() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg: with a key of the provider's own, but not as was agreed; what
    is agreed is `id_token_signed_response_alg`, which --register writes down.
    """
    other = forge.key("ES256", "op-2")
    for world in (acme(id_token_signed_response_alg="RS256"), await registered()):
        world.site.document["id_token_signing_alg_values_supported"] = ["RS256", "ES256"]
        world.site.published.append(other.jwk())
        claims = {**CLAIMS, "aud": world.site.client_id}
        await refused(forge.compact({"alg": "ES256", "kid": "op-2"}, claims, other), world)
        good = logout_token(world.site, aud=world.site.client_id)
        assert (await told(world, good)).session == CLAIMS["sid"]


async def registered() -> World:
    applicant = Applicant()
    return applicant.world(await applicant.applies())


async def test_rp_backchannel_rpinitlogout_wrong_aud() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud"""
    world = acme()
    await is_no_logout_token(logout_token(world.site, aud="another"), world)


async def test_rp_backchannel_rpinitlogout_wrong_iss() -> None:
    """oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss"""
    world = acme()
    await is_no_logout_token(logout_token(world.site, iss="https://evil.example"), world)


# ----------------------------------------------------------------------------------------- front-channel logout


async def test_rp_frontchannel_rpinitlogout() -> None:
    """oidcc-client-test-rp-frontchannel-rpinitlogout: the frame in the page that the person signs out on, and back."""
    async with elsewhere() as at:
        site, browser, asked = await leaves(at, frontchannel_logout=True)
        query = urlencode({"iss": site.metadata.issuer, "sid": "a-session-of-carols-1"})
        framed = await at.at.browser().http.get(f"{ISSUER}/oauth2/idplogout/Acme?{query}")
        assert (framed.status_code, framed.content) == (200, b"")
        back = await browser.http.get(f"{asked['post_logout_redirect_uri']}?{urlencode({'state': asked['state']})}")
        assert back.headers["location"] == SIGNED_OUT


async def test_rp_frontchannel_opinitlogout() -> None:
    """oidcc-client-test-rp-frontchannel-opinitlogout: the person signs out there alone, and is signed out here."""
    async with elsewhere() as at:
        site = await at.add()
        await at.change(settings={"issuer": site.metadata.issuer, "frontchannel_logout": True})
        site.person = person(sub="carol-1", email="carol@acme.example", sid="a-session-of-carols-1")
        browser = at.at.browser()
        tokens = (await browser.redeem(answered(await at.sign_in(browser))["code"])).json()
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        query = urlencode({"iss": site.metadata.issuer, "sid": "a-session-of-carols-1"})
        await at.at.browser().http.get(f"{ISSUER}/oauth2/idplogout/Acme?{query}")
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


# ---------------------------------------------------------------------------------------------------- the list


def test_the_list_of_modules_is_whole() -> None:
    """Each test that names a module is in docs/federation-providers.md, and each test that stands there is here."""
    _, _, rest = DOCUMENT.read_text().partition("## Relying-party modules\n")
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+) \|$", rest, re.MULTILINE))
    by_name = {name: test.group(1) for name, cell in listed.items() if (test := re.match(r"`(test_\w+)`", cell))}
    tests = [each for each in ast.parse(Path(__file__).read_text()).body if isinstance(each, ast.AsyncFunctionDef)]
    here = {
        found.group(1): each.name
        for each in tests
        if (found := re.match(r"(oidcc-client-test(?:-[a-z0-9-]+)?)", ast.get_docstring(each) or ""))
    }
    assert by_name == here
    assert all(len(cell.strip()) > 20 for name, cell in listed.items() if name not in by_name), "a reason is needed"
    assert len(listed) == 57, "as many as there were in August 2026"


async def test_a_provider_without_userinfo_signs_in() -> None:
    """UserInfo is optional (OpenID Connect Discovery 3 recommends it)."""
    assert await signs_in(OpenIdProvider(with_metadata(userinfo_endpoint="")))


def spoiled(token: str) -> str:
    """The token with another signature."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'C' if signature[0] == 'B' else 'B'}{signature[1:]}"
