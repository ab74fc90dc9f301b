"""A login by OpenID Connect: what is asked, and what becomes of two sources of claims."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from federation.connector import HearsSignOut, Refreshes, SignsOut
from federation.errors import BadAnswer, NotForUs
from federation.model import GroupMapping
from tests.federation.cases import ACME, acme, with_metadata
from tests.federation.host import changed
from tests.federation.standins.openid import ADA, OpenIdProvider

pytestmark = pytest.mark.anyio


# ------------------------------------------------------------------------------------------------ the request


async def test_a_login_passes_on_what_is_asked() -> None:
    visit = await acme().depart(
        login_hint="ada@example.com", acr_values=("phr", "phrh"), ui_locales=("ko", "en"), max_age=600
    )
    assert visit.query["login_hint"] == "ada@example.com"
    assert visit.query["acr_values"] == "phr phrh"
    assert visit.query["ui_locales"] == "ko en"
    assert visit.query["max_age"] == "600"
    assert visit.query["scope"] == "openid profile email"
    assert "prompt" not in visit.query


async def test_a_fresh_login_asks_for_a_new_proof() -> None:
    visit = await acme(prompt="select_account").depart(fresh=True)
    assert (visit.query["prompt"], visit.query["max_age"]) == ("login", "0")


async def test_the_prompt_of_the_settings_is_asked_unless_the_login_needs_another() -> None:
    world = acme(prompt="select_account")
    assert (await world.depart()).query["prompt"] == "select_account"
    assert (await world.depart(silent=True)).query["prompt"] == "none"


async def test_the_scope_of_the_pool_always_has_openid() -> None:
    assert (await acme().anew(scope=("groups",)).depart()).query["scope"] == "openid groups"


async def test_an_authorization_endpoint_keeps_its_own_query() -> None:
    site = OpenIdProvider(ACME)
    site.document = {"authorization_endpoint": f"{ACME.authorization_endpoint}?tenant=7"}
    assert (await acme(site=site).depart()).query["tenant"] == "7"


@pytest.mark.parametrize("response_mode", ["query", "form_post"])
async def test_the_browser_comes_back_as_the_settings_ask(response_mode: str) -> None:
    world = acme(response_mode=response_mode)
    visit = await world.depart()
    assert visit.query.get("response_mode") == (response_mode if response_mode == "form_post" else None)
    callback = await world.travel(visit)
    assert callback.method == ("POST" if response_mode == "form_post" else "GET")
    assert (await world.finish(visit, callback)).subject == "ada-0001"


async def test_oidc_has_every_ability() -> None:
    connector = acme().connector
    assert isinstance(connector, Refreshes)
    assert isinstance(connector, SignsOut)
    assert isinstance(connector, HearsSignOut)


# -------------------------------------------------------------------------------------- claims of two sources


def requests_of_a_warm_login(world: Any) -> list[str]:
    return [urlsplit(sent.url).path for sent in world.network.sent]


async def test_userinfo_is_not_asked_if_the_id_token_says_it_all() -> None:
    world = acme()
    await world.log_in()
    world.network.sent.clear()
    await world.log_in()
    assert requests_of_a_warm_login(world) == ["/token", "/userinfo"]
    world = acme()
    world.site.person["phone_number"] = "+44123"
    world.site.person["picture"] = "https://p"
    await world.log_in()
    world.network.sent.clear()
    identity = await world.log_in()
    assert requests_of_a_warm_login(world) == ["/token"]
    assert "userInfo" not in identity.sources
    assert identity.claims["name"] == "Ada Lovelace"


@pytest.mark.parametrize("in_id_token", [frozenset({"email", "email_verified"}), frozenset()])
async def test_userinfo_fills_what_the_id_token_lacks(in_id_token: frozenset[str]) -> None:
    world = acme()
    world.site.in_id_token = in_id_token
    identity = await world.log_in()
    assert identity.claims["name"] == "Ada Lovelace"
    assert identity.email_verified
    assert set(identity.sources) == {"idToken", "userInfo", "tokenResponse"}


async def test_groups_are_asked_of_userinfo_too() -> None:
    world = acme().anew(groups=GroupMapping("groups", {"dev": "developers"}))
    world.site.in_id_token = frozenset(ADA)
    world.site.person["groups"] = ["dev"]
    assert (await world.log_in()).claims["groups"] == ["dev"]


async def test_where_both_speak_the_signed_one_counts() -> None:
    world = acme()
    world.site.said = {"name": "Mallory", "email": "mallory@example.com"}
    identity = await world.log_in()
    assert identity.claims["name"] == "Ada Lovelace"
    assert identity.email == "ada@example.com"


async def test_one_sources_word_does_not_vouch_for_the_others_address() -> None:
    world = acme()
    world.site.claims = {"email_verified": ...}
    world.site.said = {"email": "other@example.com", "email_verified": True}
    assert not (await world.log_in()).email_verified
    world.site.said = {"email": "ada@example.com", "email_verified": True}
    assert (await world.log_in()).email_verified
    world.site.claims = {"email": ..., "email_verified": True}
    world.site.said = {"email": "other@example.com", "email_verified": False}
    identity = await world.log_in()
    assert (identity.email, identity.email_verified) == ("other@example.com", False)


@pytest.mark.parametrize(
    ("said", "claim"),
    [(True, True), (False, False), ("false", False), ("true", None), (1, None), ("True", None), ([True], None)],
)
async def test_only_boolean_true_verifies_an_address(said: object, claim: bool | None) -> None:
    world = acme()
    world.site.person["email_verified"] = said
    identity = await world.log_in()
    assert identity.claims.get("email_verified") is claim
    assert identity.email_verified is (claim is True)


async def test_the_tokens_own_claims_are_not_the_persons() -> None:
    claims = (await acme().log_in()).claims
    assert not {"iss", "aud", "exp", "iat", "nonce", "at_hash"} & claims.keys()


async def test_how_the_person_signed_in_is_told() -> None:
    world = acme()
    world.site.claims = {"acr": "phr", "amr": ["hwk", 7, "pin"], "auth_time": world.now - 5, "sid": "session-9"}
    identity = await world.log_in()
    assert (identity.acr, identity.amr, identity.authenticated_at) == ("phr", ("hwk", "pin"), world.now - 5)
    assert identity.session is not None
    assert identity.session.session == "session-9"
    world.site.claims = {"acr": 7, "amr": "pwd", "sid": 7}
    identity = await world.log_in()
    assert (identity.acr, identity.amr, identity.authenticated_at) == (None, (), None)


# ----------------------------------------------------------------------------------------------- auth_time


@pytest.mark.parametrize(("ago", "good"), [(0, True), (59, True), (300, False)])
async def test_a_fresh_login_must_be_fresh(ago: int, good: bool) -> None:
    world = acme()
    world.site.claims = {"auth_time": world.now - ago}
    if good:
        assert (await world.log_in(fresh=True)).authenticated_at == world.now - ago
    else:
        with pytest.raises(BadAnswer, match="longer ago"):
            await world.log_in(fresh=True)
    assert (await world.log_in()).authenticated_at == world.now - ago


async def test_max_age_needs_a_time() -> None:
    world = acme()
    assert (await world.log_in(max_age=600)).authenticated_at == world.now
    for time in (..., "1800000000", -1, world.now + 3600, True):
        world.site.claims = {"auth_time": time}
        with pytest.raises(BadAnswer):
            await world.log_in(max_age=600)


async def test_time_at_the_provider_does_not_count_against_the_person() -> None:
    world = acme()
    visit = await world.depart(max_age=0)
    callback = await world.travel(visit)
    assert (await world.finish(visit, replace(callback, now=world.now + 240))).subject == "ada-0001"


# --------------------------------------------------------------------------------- the issuer in the return


@pytest.mark.parametrize("promised", [True, False])
async def test_a_promised_issuer_must_come(promised: bool) -> None:
    """RFC 9207 2.4: a missing `iss` is refused if the metadata promise it, and only then."""
    world = acme()
    world.site.document = {"authorization_response_iss_parameter_supported": promised}
    visit = await world.depart()
    good = await world.travel(visit)
    before = len(world.network.sent)
    if promised:
        with pytest.raises(NotForUs):
            await world.finish(visit, good)
        assert len(world.network.sent) == before
    assert (await world.finish(visit, changed(good, iss=ACME.issuer))).subject == "ada-0001"


async def test_two_providers_of_a_pool_do_not_take_each_others_answers() -> None:
    """RFC 9700 4.4: a mix-up by an honest and a dishonest provider."""
    honest, dishonest = acme(), acme(with_metadata(issuer="https://evil.example"))
    visit = await honest.depart()
    callback = changed(await honest.travel(visit), iss="https://evil.example")
    with pytest.raises(NotForUs):
        await honest.finish(visit, callback)
    theirs = replace(visit, handoff=replace(visit.handoff, provider="Evil"))
    with pytest.raises(NotForUs):
        await dishonest.finish(theirs, callback)
    assert dishonest.network.sent == []
