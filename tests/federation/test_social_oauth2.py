"""Facebook, Amazon, GitHub, Discord, X and Naver: what each does in its own way."""

from dataclasses import replace
from typing import Any

import pytest

from federation.connectors import facebook
from federation.connectors.oauth2 import identifier
from federation.errors import BadAnswer, Misconfigured, ProviderRefused, ProviderUnavailable
from federation.ports import Response
from tests.federation.cases import world
from tests.federation.host import changed, json_response
from tests.federation.standins import social

pytestmark = pytest.mark.anyio

# ------------------------------------------------------------------------------------------------- Facebook


async def test_facebook_takes_commas_and_proof_of_the_secret() -> None:
    login = world("facebook", social.Facebook())
    visit = await login.depart()
    assert visit.query["scope"] == "public_profile,email"
    identity = await login.finish(visit, await login.travel(visit))
    assert identity.claims["picture"] == "https://platform-lookaside.example/ada"
    me = login.network.sent[-1]
    assert "appsecret_proof=" in me.url
    assert login.site.client_secret not in me.url
    token = me.headers["authorization"].removeprefix("Bearer ")
    assert token not in me.url
    assert facebook.proof_of(token, login.site.client_secret) in me.url


async def test_facebook_gets_no_verifier() -> None:
    login = world("facebook", social.Facebook())
    await login.log_in()
    assert not any("code_verifier" in sent.body.decode() for sent in login.network.sent)


async def test_a_facebook_answer_may_be_a_form() -> None:
    login = world("facebook", social.Facebook())
    login.site.old = True
    assert (await login.log_in()).subject == "10206021234567890"


@pytest.mark.parametrize("email", [None, ""])
async def test_somebody_at_facebook_may_have_no_address(email: str | None) -> None:
    login = world("facebook", social.Facebook())
    login.site.person |= {"email": email}
    identity = await login.log_in()
    assert identity.email is None
    assert not identity.email_verified


async def test_facebook_does_not_vouch_for_an_address() -> None:
    login = world("facebook", social.Facebook())
    login.site.person |= {"email_verified": True, "verified": True}
    assert not (await login.log_in()).email_verified


async def test_facebook_comes_back_with_a_code_of_its_own() -> None:
    login = world("facebook", social.Facebook())
    visit = await login.depart()
    good = await login.travel(visit)
    theirs = changed(good, code=..., error_code="1349126", error_message="App Not Set Up")
    with pytest.raises(ProviderRefused) as refusal:
        await login.finish(visit, theirs)
    assert refusal.value.error == "1349126"
    assert "App Not Set Up" in refusal.value.detail


@pytest.mark.parametrize("version", ["v24.0", "v9.0"])
async def test_the_version_of_the_graph_api_is_a_setting(version: str) -> None:
    site = social.Facebook()
    site.version = version
    login = world("facebook", site, settings={"api_version": version})
    assert f"/{version}/dialog/oauth" in (await login.depart()).url
    assert (await login.log_in()).subject


@pytest.mark.parametrize("version", ["24.0", "v24", "v24.0/../x", "v24.0\n"])
async def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        await world("facebook", social.Facebook(), settings={"api_version": version}).depart()
    assert refusal.value.setting == "api_version"


async def test_an_error_of_the_graph_api_is_told_by_its_code() -> None:
    login = world("facebook", social.Facebook())
    login.site.access = Forgetful()
    with pytest.raises(ProviderRefused) as refusal:
        await login.log_in()
    assert refusal.value.error == "OAuthException 100"
    login = world("facebook", social.Facebook())
    me = "https://graph.facebook.com/v23.0/me"
    login.network.answers = {me: json_response({"error": {"message": "x", "type": "OAuthException", "code": 190}})}
    with pytest.raises(ProviderRefused):
        await login.log_in()


class Forgetful(dict[str, Any]):
    """Access tokens that are forgotten at once."""

    def __setitem__(self, key: str, value: Any) -> None:
        return


# --------------------------------------------------------------------------------------------------- GitHub


@pytest.mark.parametrize(
    ("emails", "email", "verified"),
    [
        ([{"email": "a@x.example", "primary": True, "verified": True}], "a@x.example", True),
        ([{"email": "a@x.example", "primary": True, "verified": False}], "a@x.example", False),
        ([{"email": "a@x.example", "primary": True, "verified": "true"}], "a@x.example", False),
        ([{"email": "a@x.example", "primary": False, "verified": True}], None, False),
        ([{"email": "a@x.example", "primary": "yes", "verified": True}], None, False),
        ([{"email": 7, "primary": True, "verified": True}, "x", None], None, False),
        ([], None, False),
    ],
)
async def test_github_vouches_for_the_primary_address_alone(
    emails: list[Any], email: str | None, verified: bool
) -> None:
    login = world("github", social.GitHub())
    login.site.emails = emails
    identity = await login.log_in()
    assert (identity.email, identity.email_verified) == (email, verified)


async def test_github_is_not_asked_for_addresses_that_nobody_maps_or_may_see() -> None:
    login = world("github", social.GitHub()).anew(scope=("read:user",))
    identity = await login.log_in()
    assert identity.email is None
    assert not any(sent.url.endswith("/user/emails") for sent in login.network.sent)


@pytest.mark.parametrize("body", [b"{}", b"[", b"[]x", b'[],"x":[1]', b'"x"'])
async def test_a_list_of_addresses_that_is_none_is_refused(body: bytes) -> None:
    login = world("github", social.GitHub())
    login.network.answers = {"https://api.github.com/user/emails": Response(200, body)}
    with pytest.raises(BadAnswer):
        await login.log_in()
    login.network.answers = {"https://api.github.com/user/emails": Response(200, b"[]")}
    assert (await login.log_in()).email is None


@pytest.mark.parametrize(
    ("status", "error"), [(403, ProviderRefused), (404, ProviderRefused), (502, ProviderUnavailable)]
)
async def test_a_list_of_addresses_that_is_kept_back_is_an_error(status: int, error: type[Exception]) -> None:
    login = world("github", social.GitHub())
    login.network.answers = {"https://api.github.com/user/emails": Response(status, b"{}")}
    with pytest.raises(error):
        await login.log_in()


async def test_the_number_is_the_person_and_not_the_name() -> None:
    login = world("github", social.GitHub())
    before = await login.log_in()
    login.site.person |= {"login": "ada-renamed"}
    assert (await login.log_in()).subject == before.subject == "583231"
    login.site.person |= {"id": 99, "login": "ada"}
    assert (await login.log_in()).subject == "99"


async def test_an_enterprise_server_has_its_own_places() -> None:
    site = social.GitHub()
    site.web = site.api = "github.acme.com"
    site.prefix = "/api/v3"
    login = world("github", site, settings={"base_url": "https://github.acme.com/"})
    identity = await login.log_in()
    assert identity.issuer == "https://github.acme.com"
    assert identity.email_verified
    assert all("//github.acme.com/" in sent.url for sent in login.network.sent)


@pytest.mark.parametrize("base_url", ["http://github.acme.com", "github.acme.com", "https://u:p@github.acme.com"])
async def test_an_enterprise_server_is_reached_by_https(base_url: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        await world("github", social.GitHub(), settings={"base_url": base_url}).depart()
    assert refusal.value.setting == "base_url"


async def test_github_errors_come_with_status_200() -> None:
    login = world("github", social.GitHub())
    login.site.client_secret = "another"
    with pytest.raises(ProviderRefused) as refusal:
        await login.log_in()
    assert refusal.value.error == "incorrect_client_credentials"
    assert "look at client_id" in refusal.value.detail


# --------------------------------------------------------------------------------------------------- others


@pytest.mark.parametrize(("said", "verified"), [(True, True), (False, False), ("true", False), (None, False)])
async def test_discord_says_whether_an_address_is_proven(said: object, verified: bool) -> None:
    login = world("discord", social.Discord())
    login.site.person |= {"verified": said}
    assert (await login.log_in()).email_verified is verified


@pytest.mark.parametrize("avatar", [None, "../../x", "../_x", "a b", "", 7])
async def test_discords_picture_is_made_of_a_plain_name(avatar: object) -> None:
    login = world("discord", social.Discord())
    assert str((await login.log_in()).claims["picture"]).endswith(
        "/80351110224678912/8342729096ea3675442027381ff50dfe.png"
    )
    login.site.person |= {"avatar": avatar}
    assert "picture" not in (await login.log_in()).claims


async def test_x_shows_an_address_only_where_it_is_granted() -> None:
    login = world("x", social.X())
    assert (await login.log_in()).email is None
    granted = world("x", social.X(), scope=("tweet.read", "users.read", "users.email"))
    identity = await granted.log_in()
    assert (identity.email, identity.email_verified) == ("ada@example.com", True)


async def test_x_proves_the_client_in_the_header() -> None:
    login = world("x", social.X())
    await login.log_in()
    token = next(sent for sent in login.network.sent if sent.url.endswith("/oauth2/token"))
    assert token.headers["authorization"].startswith("Basic ")
    assert "client_secret" not in token.form


@pytest.mark.parametrize("result", ["024", "", None, 0])
async def test_naver_says_inside_whether_it_went_well(result: object) -> None:
    login = world("naver", social.Naver())
    login.site.result = result
    with pytest.raises(ProviderRefused):
        await login.log_in()
    login.site.result = "00"
    assert (await login.log_in()).subject == "32742776"


async def test_amazon_names_a_person_by_user_id() -> None:
    login = world("amazon", social.Amazon())
    login.site.person |= {"postal_code": "98052"}
    identity = await login.log_in()
    assert identity.subject.startswith("amzn1.account.")
    assert identity.claims["postal_code"] == "98052"
    assert not identity.email_verified


@pytest.mark.parametrize("value", [None, "", 0, -1, True, 1.5, [], {}, " 7", "a\nb", "x" * 256])
def test_what_is_no_identifier_is_nobody(value: object) -> None:
    with pytest.raises(BadAnswer):
        identifier(value)


@pytest.mark.parametrize(("value", "subject"), [(7, "7"), ("amzn1.account.X", "amzn1.account.X"), (2**63, str(2**63))])
def test_an_identifier_is_a_text_or_a_number(value: object, subject: str) -> None:
    assert identifier(value) == subject


@pytest.mark.parametrize("type_", ["facebook", "github"])
async def test_an_examination_says_what_stops_a_login(type_: str) -> None:
    site = {"facebook": social.Facebook, "github": social.GitHub}[type_]()
    login = world(type_, site, secrets={})
    assert any(check.outcome == "error" for check in await login.connector.examine("https://x", 0))
    login = world(type_, site)
    login.network.down = set(site.hosts())
    assert any(
        check.name == "reachable" and check.outcome == "error"
        for check in await login.connector.examine("https://x", 0)
    )


async def test_a_vendors_endpoints_are_https() -> None:
    endpoints = replace(facebook.ENDPOINTS, graph="http://graph.facebook.com")
    login = world("facebook", social.Facebook())
    with pytest.raises(Misconfigured):
        facebook.connector(login.provider, login.host, endpoints)
