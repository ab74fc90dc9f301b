"""What the OpenID Foundation's suite asks of a relying party: each of its modules that applies to a code flow, by name.

Plans: oidcc-client-basic, -config, -dynamic (without registration, which we do not do), -formpost-basic, -refreshtoken,
-rp-initiated-logout, -backchannel-logout, and 3rd-party-initiated login.
"""

from typing import Any

import pytest

from federation.errors import BadAnswer, NotForUs, ProviderRefused
from federation.model import Callback, UpstreamSession
from resource_servers.keys import VerificationKeys
from tests.federation.cases import ACME, acme, with_metadata
from tests.federation.host import Signer, World
from tests.federation.standins.openid import ADA, OpenIdProvider, half_hash
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio


def with_keys(*published: forge.Key, kid: Any = "op-1") -> OpenIdProvider:
    """A provider that publishes these keys, signs with the first, and puts `kid` in its headers."""
    site = OpenIdProvider(ACME)
    site.signing, site.alg = published[0], published[0].alg
    site.published = [key.jwk() for key in published]
    site.header = {"kid": kid}
    return site


async def signs_in(site: OpenIdProvider, **settings: Any) -> bool:
    return (await acme(site=site, **settings).log_in()).subject == "ada-0001"


async def is_refused(site: OpenIdProvider, error: type[Exception] = BadAnswer, **settings: Any) -> str:
    world = acme(site=site, **settings)
    with pytest.raises(error) as refusal:
        await world.log_in()
    assert type(refusal.value) is error
    # Nothing more is asked in the name of somebody who is not believed.
    assert not any(sent.url == ACME.userinfo_endpoint for sent in world.network.sent)
    return str(refusal.value)


# ---------------------------------------------------------------------------------------------------- basic


async def test_happy_path() -> None:
    """oidcc-client-test: code, token, ID token, UserInfo."""
    world = acme()
    identity = await world.log_in()
    assert (identity.subject, identity.issuer) == ("ada-0001", ACME.issuer)
    userinfo = next(sent for sent in world.network.sent if sent.url == ACME.userinfo_endpoint)
    assert userinfo.headers["authorization"].startswith("Bearer ")


async def test_nonce_unless_code_flow() -> None:
    """oidcc-client-test-nonce-invalid, and the nonce missing altogether."""
    site = OpenIdProvider(ACME)
    for nonce in ("another", "", ..., 7):
        site.claims = {"nonce": nonce}
        await is_refused(site, NotForUs)
    site.claims = {}
    assert await signs_in(site)


async def test_nonce_is_sent_and_new_each_time() -> None:
    """oidcc-client-test (nonce in the request)."""
    world = acme()
    one, other = await world.depart(), await world.depart()
    assert len(one.query["nonce"]) >= 43
    assert one.query["nonce"] != other.query["nonce"]


async def test_scope_userinfo_claims() -> None:
    """oidcc-client-test-scope-userinfo-claims: what the scopes bring is taken from UserInfo."""
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    identity = await acme(site=site).log_in()
    assert identity.claims["email"] == ADA["email"]


async def test_invalid_issuer() -> None:
    """oidcc-client-test-invalid-iss."""
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
        await is_refused(site)


async def test_missing_subject() -> None:
    """oidcc-client-test-missing-sub."""
    site = OpenIdProvider(ACME)
    for sub in (..., "", 7, None, ["ada-0001"], " ada", "a" * 256, "a\nb"):
        site.claims = {"sub": sub}
        await is_refused(site)
    site.claims = {"sub": "a" * 255}
    site.said = {"sub": "a" * 255}
    assert (await acme(site=site).log_in()).subject == "a" * 255


async def test_invalid_audience() -> None:
    """oidcc-client-test-invalid-aud."""
    site = OpenIdProvider(ACME)
    for aud in ("another", "client-1 ", "client-", "CLIENT-1", ["another"], [], ..., {"client-1": 1}, None):
        site.claims = {"aud": aud}
        await is_refused(site)
    site.claims = {"aud": ["client-1"]}
    assert await signs_in(site)


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


async def test_missing_issued_at() -> None:
    """oidcc-client-test-missing-iat."""
    site = OpenIdProvider(ACME)
    for iat in (..., "1800000000", 1.8e9, -1, True, forge.NOW + 61):
        site.claims = {"iat": iat}
        await is_refused(site)
    site.claims = {"iat": forge.NOW + 10}
    assert await signs_in(site)


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


async def test_kid_absent_single_jwks() -> None:
    """oidcc-client-test-kid-absent-single-jwks: one key published, none named."""
    assert await signs_in(with_keys(forge.key("RS256", None), kid=...))
    assert await signs_in(with_keys(forge.key("ES256", "op-1"), kid=...))


async def test_kid_absent_multiple_jwks() -> None:
    """oidcc-client-test-kid-absent-multiple-jwks: with several keys that fit, none is guessed; of several kinds, one fits."""
    await is_refused(with_keys(forge.key("ES256", "op-1"), forge.key("ES256", "op-2", nth=1), kid=...))
    assert await signs_in(with_keys(forge.key("ES256", "op-1"), forge.key("RS256", "op-2"), kid=...))


async def test_invalid_signature() -> None:
    """oidcc-client-test-invalid-sig-rs256, -es256, -hs256."""
    for alg in ("RS256", "ES256"):
        site = with_keys(forge.key(alg, "op-1"))
        site.forged = lambda head, claims, key=site.signing: spoiled(forge.compact(head, claims, key))
        assert "signature" in await is_refused(site)
    site = OpenIdProvider(ACME)
    site.alg = "HS256"
    site.forged = lambda head, claims: spoiled(hmac_of(head, claims, site.client_secret))
    assert "signature" in await is_refused(site, id_token_signed_response_alg="HS256")
    site.forged = None
    assert await signs_in(site, id_token_signed_response_alg="HS256")


async def test_signature_of_each_algorithm() -> None:
    """oidcc-client-test-idtoken-sig-rs256, -es256, -hs256."""
    for alg in ("RS256", "ES256"):
        assert await signs_in(with_keys(forge.key(alg, "op-1")))


async def test_signature_none() -> None:
    """oidcc-client-test-idtoken-sig-none: unsigned ID tokens are refused, whatever the metadata say."""
    site = OpenIdProvider(ACME)
    site.document = {"id_token_signing_alg_values_supported": ["none", "RS256"]}
    for alg in ("none", "None", "NONE", "nOnE"):
        site.forged = lambda head, claims, alg=alg: f"{forge.part({'alg': alg})}.{forge.part(claims)}."
        await is_refused(site)
    site.document = {"id_token_signing_alg_values_supported": ["none"]}
    await is_refused(site)


async def test_userinfo_bearer_header() -> None:
    """oidcc-client-test-userinfo-bearer-header: the access token goes in the header, never in the URL or a body."""
    world = acme()
    await world.log_in()
    asked = next(sent for sent in world.network.sent if sent.url.startswith(ACME.userinfo_endpoint))
    assert (asked.method, asked.body, asked.url) == ("GET", b"", ACME.userinfo_endpoint)


async def test_userinfo_invalid_subject() -> None:
    """oidcc-client-test-userinfo-invalid-sub."""
    world = acme()
    for sub in ("bob-0002", "ADA-0001", "ada-0001 ", "", ..., 7):
        world.site.said = {"sub": sub}
        with pytest.raises(BadAnswer):
            await world.log_in()
    world.site.said = {}
    assert (await world.log_in()).subject == "ada-0001"


async def test_client_secret_basic() -> None:
    """oidcc-client-test-client-secret-basic: both parts form-encoded (RFC 6749 2.3.1)."""
    world = acme(token_endpoint_auth_method="client_secret_basic")
    assert (await world.log_in()).subject == "ada-0001"


async def test_access_token_hash() -> None:
    """oidcc-client-test-invalid-athash, -missing-athash: optional in the code flow, but never wrong."""
    site = OpenIdProvider(ACME)
    for wrong in (half_hash("another", "RS256"), "", 7, "A" * 22):
        site.claims = {"at_hash": wrong}
        await is_refused(site)
    site.claims = {"at_hash": ...}
    assert await signs_in(site)


async def test_code_hash() -> None:
    """oidcc-client-test-invalid-chash, for a provider that sends one all the same."""
    site = OpenIdProvider(ACME)
    site.claims = {"c_hash": half_hash("another", "RS256")}
    await is_refused(site)


# --------------------------------------------------------------------------------------------------- config


async def test_discovery_openid_config() -> None:
    """oidcc-client-test-discovery-openid-config, -discovery-jwks-uri-keys."""
    world = acme()
    await world.log_in()
    urls = [sent.url for sent in world.network.sent]
    assert urls[0] == f"{ACME.issuer}/.well-known/openid-configuration"
    assert ACME.jwks_uri in urls


async def test_discovery_issuer_mismatch() -> None:
    """oidcc-client-test-discovery-issuer-mismatch."""
    for issuer in (ACME.issuer + "/", "https://evil.example", ..., 7):
        world = acme()
        world.site.document = {"issuer": issuer}
        with pytest.raises(BadAnswer):
            await world.depart()


async def test_signing_key_rotation() -> None:
    """oidcc-client-test-signing-key-rotation, -signing-key-rotation-just-before-signing: an unknown key is asked for once."""
    world = acme()
    await world.log_in()
    newer = forge.key("ES256", "op-2")
    world.site.document = {"id_token_signing_alg_values_supported": ["RS256", "ES256"]}
    world = World(world.provider, world.host, world.network, world.connect, world.site)
    world.host.documents.kept.clear()  # type: ignore[attr-defined]  # ours
    await world.log_in()
    world.now += 60
    world.site.now += 60
    world.site.signing, world.site.alg, world.site.published = newer, "ES256", [newer.jwk()]
    assert (await world.log_in()).subject == "ada-0001"


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


async def test_signed_userinfo() -> None:
    """oidcc-client-test-userinfo-signed."""
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    extra = {"iss": ACME.issuer, "aud": site.client_id}
    site.userinfo_jwt = lambda said: forge.compact({"alg": "RS256", "kid": "op-1"}, {**said, **extra}, site.signing)
    assert await signs_in(site, userinfo_signed_response_alg="RS256")


async def test_private_key_jwt() -> None:
    """oidcc-client-test with client_auth_type=private_key_jwt."""
    site = OpenIdProvider(ACME)
    site.auth_methods, site.client_keys = ("private_key_jwt",), VerificationKeys.parse(Signer().jwks())
    assert await signs_in(site, token_endpoint_auth_method="private_key_jwt")


async def test_aggregated_and_distributed_claims_are_not_followed() -> None:
    """oidcc-client-test-aggregated-claims, -distributed-claims: they are kept as they are, and nothing is fetched for them."""
    world = acme()
    world.site.claims = {
        "_claim_names": {"shoe_size": "src1"},
        "_claim_sources": {"src1": {"endpoint": "https://evil.example/", "access_token": "x"}},
    }
    identity = await world.log_in()
    assert "shoe_size" not in identity.claims
    assert not any("evil" in sent.url for sent in world.network.sent)


# ------------------------------------------------------------------------------------------------ form post


async def test_form_post() -> None:
    """oidcc-client-formpost-basic: the same, with the answer in a form."""
    site = OpenIdProvider(ACME)
    assert await signs_in(site, response_mode="form_post")
    site.denies = ("access_denied", "")
    await is_refused_by_the_person(site, response_mode="form_post")
    site.denies = None
    site.claims = {"nonce": "another"}
    await is_refused(site, NotForUs, response_mode="form_post")


async def is_refused_by_the_person(site: OpenIdProvider, **settings: Any) -> None:
    with pytest.raises(ProviderRefused):
        await acme(site=site, **settings).log_in()


# -------------------------------------------------------------------------------------------- refresh token


async def test_refresh_token() -> None:
    """oidcc-client-test-refresh-token: new tokens with an ID token of the same issuer, subject and audience."""
    world = acme()
    identity = await world.log_in()
    again = await world.connector.refresh(identity.refresh_token, identity.subject, world.now)
    assert (again.issuer, again.subject) == (identity.issuer, identity.subject)


@pytest.mark.parametrize(
    "claims", [{"iss": "https://evil.example"}, {"sub": "bob-0002"}, {"aud": "another"}, {"iat": ...}]
)
async def test_refresh_token_invalid(claims: dict[str, Any]) -> None:
    """oidcc-client-test-refresh-token-invalid-issuer, -invalid-sub, and what else an ID token must hold."""
    world = acme()
    identity = await world.log_in()
    world.site.claims = claims
    with pytest.raises(BadAnswer):
        await world.connector.refresh(identity.refresh_token, identity.subject, world.now)


# --------------------------------------------------------------------------------------------------- logout


async def test_rp_initiated_logout() -> None:
    """oidcc-client-test-rp-init-logout: hint, return URL and state."""
    begun = await acme().connector.sign_out(
        UpstreamSession("ada", id_token="e.y.J"), "https://login.example/x", "s", forge.NOW
    )
    assert begun is not None
    for part in ("id_token_hint=e.y.J", "post_logout_redirect_uri=", "state=s"):
        assert part in begun.outgoing.url


# ------------------------------------------------------------------------------------- 3rd-party initiated


async def test_third_party_initiated_login() -> None:
    """oidcc-client-test-3rd-party-init-login: `login_hint` is passed on; an answer that nobody asked for is refused."""
    world = acme()
    visit = await world.depart(login_hint="ada")
    assert visit.query["login_hint"] == "ada"
    unasked = Callback("GET", (("code", "stolen"), ("state", "forged")), "", world.now)
    with pytest.raises(NotForUs):
        await world.finish(visit, unasked)


async def test_a_provider_without_userinfo_signs_in() -> None:
    """UserInfo is optional (OpenID Connect Discovery 3 recommends it)."""
    assert await signs_in(OpenIdProvider(with_metadata(userinfo_endpoint="")))


def spoiled(token: str) -> str:
    """The token with another signature."""
    head, _, signature = token.rpartition(".")
    return (
        f"{head}.{'B' if signature[5] == 'A' else 'A'}{signature[1:]}"
        if signature[0] != "A"
        else f"{head}.B{signature[1:]}"
    )


def hmac_of(head: dict[str, Any], claims: dict[str, Any], secret: str) -> str:
    from tests.federation.standins.openid import hmac_token

    return hmac_token(head, claims, secret.encode())
