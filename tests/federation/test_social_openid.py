"""Google, Apple, Microsoft, LinkedIn, Kakao and LINE: what each does in its own way."""

from dataclasses import replace
from typing import Any

import pytest

from federation.connectors import apple, google, kakao, kind_of, microsoft
from federation.errors import BadAnswer, Misconfigured, NotForUs, ProviderRefused, WrongAccount
from federation.model import ExternalIdentity
from tests.federation import cases
from tests.federation.cases import world
from tests.federation.host import changed
from tests.federation.standins import vendors
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio

# --------------------------------------------------------------------------------------------------- Google


@pytest.mark.parametrize("iss", ["https://accounts.google.com", "accounts.google.com"])
async def test_google_writes_its_issuer_in_two_ways(iss: str) -> None:
    site = vendors.Google()
    site.claims = {"iss": iss}
    identity = await world("google", site).log_in()
    # However it is spelled, it is one issuer, or the person would be another one.
    assert (identity.subject, identity.issuer) == ("110169484474386276334", "https://accounts.google.com")


@pytest.mark.parametrize(
    "iss", ["http://accounts.google.com", "https://accounts.google.com/", "accounts.google.com.evil.example"]
)
async def test_google_does_not_write_it_in_a_third(iss: str) -> None:
    site = vendors.Google()
    site.claims = {"iss": iss}
    with pytest.raises(BadAnswer):
        await world("google", site).log_in()


@pytest.mark.parametrize(
    ("hosted", "hd", "admitted"),
    [
        ("acme.com", "acme.com", True),
        ("acme.com", "ACME.com", True),
        ("acme.com", "evil.com", False),
        ("acme.com", ..., False),
        ("acme.com", ["acme.com"], False),
        ("*", "any.example", True),
        ("*", ..., False),
        ("*", "", False),
        ("", ..., True),
    ],
)
async def test_a_hosted_domain_is_a_claim_and_not_a_wish(hosted: str, hd: object, admitted: bool) -> None:
    site = vendors.Google()
    site.claims = {"hd": hd}
    login = world("google", site, settings={"hosted_domain": hosted} if hosted else {})
    assert (await login.depart()).query.get("hd", "") == hosted
    if admitted:
        assert (await login.log_in()).subject
    else:
        with pytest.raises(WrongAccount):
            await login.log_in()


@pytest.mark.parametrize("has_id_token", [True, False])
async def test_a_refresh_is_no_way_around_a_hosted_domain(has_id_token: bool) -> None:
    site = vendors.Google()
    site.person["hd"] = "acme.com"
    site.refresh_has_id_token = has_id_token
    login = world("google", site, settings={"hosted_domain": "acme.com"})
    identity = await login.log_in()
    again = await login.connector.refresh(identity.refresh_token, identity.subject, login.now)
    assert again.subject == identity.subject
    site.person["hd"] = "left.example"
    with pytest.raises(WrongAccount):
        await login.connector.refresh(again.refresh_token, identity.subject, login.now)


async def test_a_refresh_at_microsoft_needs_an_id_token_to_name_the_tenant() -> None:
    login = entra("common")
    identity = await login.log_in()
    login.site.refresh_has_id_token = False
    with pytest.raises(BadAnswer):
        await login.connector.refresh(identity.refresh_token, identity.subject, login.now)


async def test_google_asks_for_another_account_where_others_ask_for_a_password() -> None:
    login = world("google", vendors.Google())
    visit = await login.depart(fresh=True)
    assert visit.query["prompt"] == "select_account"
    assert "max_age" not in visit.query
    assert (await login.finish(visit, await login.travel(visit))).authenticated_at is None


async def test_google_gives_refresh_tokens_where_they_are_asked_for() -> None:
    login = world("google", vendors.Google(), settings={"access_type": "offline"})
    assert (await login.depart()).query["access_type"] == "offline"


def somebody(email: str, **claims: Any) -> ExternalIdentity:
    return ExternalIdentity(
        "Google", "https://accounts.google.com", "1", {"email": email, "email_verified": True, **claims}
    )


@pytest.mark.parametrize(
    ("identity", "domains"),
    [
        (somebody("ada@gmail.com"), {"gmail.com"}),
        (somebody("ada@googlemail.com"), {"googlemail.com"}),
        (somebody("ada@acme.com", hd="acme.com"), {"acme.com"}),
        (somebody("ada@acme.com", hd="Other.com"), {"other.com"}),
        (somebody("ada@acme.com"), set()),
        (somebody("ada@acme.com", hd=7), set()),
        (somebody(""), set()),
    ],
)
def test_google_speaks_for_gmail_and_for_a_workspaces_own_domain(identity: ExternalIdentity, domains: set[str]) -> None:
    assert set(google.speaks_for(identity)) == domains


# ---------------------------------------------------------------------------------------------------- Apple


async def test_apple_tells_a_name_once() -> None:
    login = cases.apple()
    first, second = await login.log_in(), await login.log_in()
    assert (first.claims["name"], first.claims["given_name"], first.claims["family_name"]) == (
        "Ada Lovelace",
        "Ada",
        "Lovelace",
    )
    assert "name" not in second.claims
    assert first.subject == second.subject


async def test_nothing_but_the_name_is_taken_from_the_browser() -> None:
    login = cases.apple()
    assert (await login.log_in()).email == "x7k2p9@privaterelay.appleid.com"
    login.site.claims = {"email": ..., "email_verified": ...}
    login.site.user = {"email": "victim@example.com", "sub": "x", "email_verified": True}
    assert (await login.log_in()).email is None


@pytest.mark.parametrize("user", ["[]", "{", "x", '{"name":1}x', '{"name":{"firstName":"a"},"name":{}}'])
async def test_a_name_that_is_no_object_is_refused(user: str) -> None:
    login = cases.apple()
    login.site.user = user
    with pytest.raises(BadAnswer):
        await login.log_in()


@pytest.mark.parametrize(
    "name", ["Ada", None, 7, ["Ada"], {"firstName": 7, "lastName": "x" * 300}, {"firstName": "a\u202eb\n"}]
)
async def test_a_name_that_is_no_name_is_left_out(name: object) -> None:
    login = cases.apple()
    login.site.user = {"name": name}
    assert "name" not in (await login.log_in()).claims


@pytest.mark.parametrize(
    ("said", "verified"), [("true", True), (True, True), ("false", False), (False, False), ("TRUE", False), (1, False)]
)
async def test_apple_may_write_a_boolean_as_a_text(said: object, verified: bool) -> None:
    login = cases.apple()
    login.site.claims = {"email_verified": said}
    identity = await login.log_in()
    assert identity.email_verified is verified
    assert not isinstance(identity.claims.get("email_verified"), str)


@pytest.mark.parametrize(("said", "flag"), [("true", True), (True, True), ("false", False), (..., None)])
async def test_a_relay_address_is_marked(said: object, flag: bool | None) -> None:
    login = cases.apple()
    login.site.claims = {"is_private_email": said}
    assert (await login.log_in()).claims.get("is_private_email") is flag


async def test_apple_has_had_two_issuers_and_no_third() -> None:
    for iss in ("https://appleid.apple.com", "https://account.apple.com"):
        login = cases.apple()
        login.site.claims = {"iss": iss}
        assert (await login.log_in()).subject
    login = cases.apple()
    login.site.claims = {"iss": "https://apple.com"}
    with pytest.raises(BadAnswer):
        await login.log_in()


async def test_apples_client_secret_is_made_and_kept_until_shortly_before_its_end() -> None:
    login = cases.apple()
    for seconds, made in ((0, 1), (apple.SECRET_TTL - apple.RENEWED_BEFORE - 1, 1), (1, 2), (apple.SECRET_TTL * 3, 3)):
        login.now += seconds
        login.site.now += seconds
        await login.log_in()
        assert len(set(login.site.secrets)) == made
    login.now -= apple.SECRET_TTL * 4  # a clock that was put back
    login.site.now = login.now
    assert await login.log_in()


async def test_without_name_and_address_apple_comes_back_by_get() -> None:
    login = cases.apple().anew(scope=("openid",))
    visit = await login.depart()
    assert "response_mode" not in visit.query


@pytest.mark.parametrize("missing", ["team_id", "key_id"])
async def test_apple_needs_to_know_the_team_and_the_key(missing: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        await cases.apple().anew(settings={missing: ""}).depart()
    assert refusal.value.setting == missing


@pytest.mark.parametrize("key", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
async def test_a_key_that_cannot_sign_is_found_before_anything_is_sent(key: str) -> None:
    login = cases.apple().anew(secrets={"private_key": key})
    with pytest.raises(Misconfigured) as refusal:
        await login.depart()
    assert refusal.value.setting == "private_key"
    assert login.network.sent == []
    assert not key or key not in str(refusal.value)


async def test_a_key_of_another_curve_is_refused() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = forge.key("ES384").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(Misconfigured):
        await cases.apple().anew(secrets={"private_key": other}).depart()


def test_apple_speaks_for_its_own_domains() -> None:
    assert "icloud.com" in apple.speaks_for(somebody("a@icloud.com"))
    assert kind_of("apple").posts_back


# ------------------------------------------------------------------------------------------------ Microsoft

OTHER = "99999999-2222-3333-4444-555555555555"


def entra(tenant: str, tid: Any = vendors.TENANT, **settings: Any) -> Any:
    site = vendors.Microsoft(tenant)
    site.person["tid"] = tid
    return world("microsoft", site, settings={"tenant": tenant, **settings})


@pytest.mark.parametrize(
    ("tenant", "tid", "settings"),
    [
        ("common", vendors.TENANT, {}),
        ("common", microsoft.CONSUMERS, {}),
        ("organizations", vendors.TENANT, {}),
        ("consumers", microsoft.CONSUMERS, {}),
        (vendors.TENANT, vendors.TENANT, {}),
        ("common", vendors.TENANT, {"tenants": [vendors.TENANT.upper()]}),
    ],
)
async def test_an_account_of_an_admitted_tenant_signs_in(tenant: str, tid: str, settings: dict[str, Any]) -> None:
    identity = await entra(tenant, tid, **settings).log_in()
    assert identity.issuer == f"https://login.microsoftonline.com/{tid}/v2.0"
    assert identity.claims["tid"] == tid


@pytest.mark.parametrize(
    ("tenant", "tid", "settings"),
    [
        ("organizations", microsoft.CONSUMERS, {}),
        ("consumers", vendors.TENANT, {}),
        (vendors.TENANT, OTHER, {}),
        ("common", vendors.TENANT, {"tenants": [OTHER]}),
    ],
)
async def test_an_account_of_another_tenant_does_not(tenant: str, tid: str, settings: dict[str, Any]) -> None:
    with pytest.raises(WrongAccount):
        await entra(tenant, tid, **settings).log_in()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
        {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"},
        {"iss": "https://login.microsoftonline.com/common/v2.0", "tid": "common"},
        {"tid": ...},
        {"tid": "../evil"},
        {"tid": 7},
    ],
)
async def test_issuer_and_tenant_must_agree(claims: dict[str, Any]) -> None:
    login = entra("common")
    login.site.claims = claims
    with pytest.raises(BadAnswer):
        await login.log_in()


@pytest.mark.parametrize(
    ("claims", "verified"),
    [
        ({"email_verified": True}, False),
        ({}, False),
        ({"xms_edov": True}, True),
        ({"xms_edov": 1}, True),
        ({"xms_edov": "1"}, True),
        ({"xms_edov": False, "email_verified": True}, False),
        ({"xms_edov": "yes"}, False),
    ],
)
async def test_whoever_runs_a_tenant_writes_the_address(claims: dict[str, Any], verified: bool) -> None:
    """nOAuth: an address counts only if the owner of its domain was proven."""
    login = entra("common")
    login.site.claims = claims
    login.site.said = {"email_verified": True}
    assert (await login.log_in()).email_verified is verified


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"tenant": "acme.onmicrosoft.com"}, "tenant"),
        ({"tenant": "../x"}, "tenant"),
        ({"tenant": vendors.TENANT, "tenants": [OTHER]}, "tenants"),
        ({"tenants": ["acme.com"]}, "tenants"),
    ],
)
async def test_tenants_are_named_by_their_ids(settings: dict[str, Any], setting: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        await world("microsoft", vendors.Microsoft(), settings=settings).depart()
    assert refusal.value.setting == setting


# ------------------------------------------------------------------------------- LinkedIn, Kakao, and LINE


async def test_linkedin_gets_no_verifier_and_gives_no_nonce() -> None:
    login = world("linkedin", vendors.LinkedIn())
    assert (await login.log_in()).email_verified
    assert not any("code_verifier" in sent.body.decode() for sent in login.network.sent)
    login.site.claims = {}
    assert (await login.log_in()).subject
    login.site.claims = {"nonce": "another"}
    with pytest.raises(NotForUs):
        await login.log_in()


@pytest.mark.parametrize("iss", ["https://www.linkedin.com", "https://www.linkedin.com/oauth"])
async def test_linkedin_has_had_two_issuers(iss: str) -> None:
    login = world("linkedin", vendors.LinkedIn())
    login.site.claims = {"nonce": ..., "iss": iss}
    assert (await login.log_in()).subject


@pytest.mark.parametrize(
    ("flags", "verified"),
    [
        ({"is_email_valid": True, "is_email_verified": True}, True),
        ({"is_email_valid": False, "is_email_verified": True}, False),
        ({"is_email_valid": True, "is_email_verified": False}, False),
        ({"is_email_valid": "true", "is_email_verified": True}, False),
        ({"is_email_verified": True}, False),
        ({}, False),
    ],
)
async def test_kakao_vouches_for_an_address_by_two_flags(flags: dict[str, Any], verified: bool) -> None:
    login = world("kakao", vendors.Kakao())
    login.site.flags = flags
    assert (await login.log_in()).email_verified is verified


async def test_kakao_without_a_secret_signs_in() -> None:
    login = world("kakao", vendors.Kakao(), secrets={})
    assert (await login.log_in()).subject == "1376016924"


def test_kakao_without_an_address_says_nothing_of_one() -> None:
    assert kakao.read_userinfo({"id": 7, "kakao_account": {"is_email_verified": True}}) == {"sub": "7"}
    with pytest.raises(BadAnswer):
        kakao.read_userinfo({"id": True})


async def test_line_signs_with_the_channel_secret_alone() -> None:
    login = world("line", vendors.Line())
    identity = await login.log_in()
    assert identity.amr == ("linesso",)
    login.site.alg, login.site.header = "ES256", {}
    login.site.signing = forge.key("ES256", "op-1")
    login.site.published = [login.site.signing.jwk()]
    with pytest.raises(BadAnswer):
        await login.log_in()


async def test_line_needs_the_whole_channel_secret() -> None:
    with pytest.raises(Misconfigured) as refusal:
        await world("line", vendors.Line(), secrets={"client_secret": "short"}).depart()
    assert refusal.value.setting == "client_secret"


def test_kakao_speaks_for_its_own_mail() -> None:
    assert kakao.speaks_for(somebody("a@kakao.com")) == ("kakao.com",)


# --------------------------------------------------------------------------------------------- all together


@pytest.mark.parametrize("type_", ["google", "linkedin", "microsoft"])
async def test_an_examination_says_that_the_secret_is_missing(type_: str) -> None:
    login = cases.BY_TYPE[type_].make().anew(secrets={"client_secret": ""})
    checks = await login.connector.examine("https://login.example/x", login.now)
    assert next(check.name for check in checks if check.outcome == "error") == "settings"


@pytest.mark.parametrize("type_", ["google", "linkedin", "kakao", "microsoft"])
async def test_their_tokens_are_verified_like_any_others(type_: str) -> None:
    for claims in ({"aud": "another"}, {"exp": 1}, {"sub": ...}):
        login = cases.BY_TYPE[type_].make()
        login.site.claims = {**login.site.claims, **claims}
        with pytest.raises(BadAnswer):
            await login.log_in()


@pytest.mark.parametrize("type_", ["apple", "linkedin"])
async def test_what_cannot_be_asked_silently_is_not_asked(type_: str) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        await cases.BY_TYPE[type_].make().depart(silent=True)
    assert refusal.value.error == "login_required"


async def test_endpoints_can_be_stood_in_for() -> None:
    here = replace(google.ENDPOINTS, authorization_endpoint="https://stand-in.example/auth")
    login = world("google", vendors.Google())
    login.connect = lambda provider, host: google.connector(provider, host, here)
    assert (await login.depart()).url.startswith("https://stand-in.example/auth?")


async def test_a_return_from_apple_by_get_is_refused() -> None:
    login = cases.apple()
    visit = await login.depart()
    callback = await login.travel(visit)
    with pytest.raises(BadAnswer):
        await login.finish(visit, replace(callback, method="GET"))
    with pytest.raises(BadAnswer):
        await login.finish(visit, changed(callback, user=["{}", "{}"]))
    assert (await login.finish(visit, callback)).subject
