"""Whatever comes back by the browser, or stands in claims: a refusal of ours, or the truth."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.connectors import connector_for
from federation.connectors.calls import error_code, harmless, with_query
from federation.connectors.claims import joined, judged, lacks
from federation.connectors.client_auth import prove
from federation.connectors.returning import code_of
from federation.errors import BadAnswer, FederationError, Misconfigured, NotForUs, ProviderRefused
from federation.model import Callback, Handoff, IdentityProvider
from tests.federation.cases import acme
from tests.federation.host import CALLBACK, NOW, Network, changed, make_host

pytestmark = pytest.mark.anyio

BOUNDED = settings(deadline=None)

HANDOFF = Handoff(
    "the-state", "pool", "Acme", CALLBACK, NOW, memo={"nonce": "n", "code_verifier": "v", "issuer": "https://i"}
)
NAMES = st.sampled_from(["state", "code", "error", "error_description", "iss", "user", "x", "STATE", "code[]"])
VALUES = st.one_of(st.text(max_size=40), st.sampled_from(["the-state", "the-state ", "https://i", "https://i/", "abc"]))


@BOUNDED
@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from(["GET", "POST"]))
def test_a_return_is_believed_only_whole(params: list[tuple[str, str]], method: Any) -> None:
    callback = Callback(method, tuple(params), "", NOW)
    refusal = None
    try:
        code = code_of(callback, HANDOFF, issuer=("https://i",))
    except FederationError as caught:
        refusal = caught
    if refusal is not None:
        assert len(f"{refusal}{refusal.detail}") < 2_000
        assert "\n" not in refusal.detail
        return
    of = [name for name, _ in params]
    assert (method, of.count("state"), of.count("code"), dict(params)["state"]) == ("GET", 1, 1, "the-state")
    assert not [value for name, value in params if name == "error" and value]
    assert {value for name, value in params if name == "iss"} <= {"https://i", ""}
    assert dict(params)["code"] == code


@pytest.mark.parametrize("name", ["code", "state", "iss", "error", "error_description", "user"])
async def test_what_is_repeated_is_refused_even_if_it_is_the_same(name: str) -> None:
    world = acme()
    visit = await world.depart()
    good = await world.travel(visit)
    before = len(world.network.sent)
    with pytest.raises(BadAnswer):
        await world.finish(visit, changed(good, **{name: [good.one(name) or "x"] * 2}))
    assert len(world.network.sent) == before
    assert (await world.finish(visit, changed(good, unknown=["1", "2"]))).subject == "ada-0001"


async def test_tokens_in_the_return_are_never_read() -> None:
    """A code was asked for; whatever else comes, from a hybrid or implicit flow, counts for nothing."""
    world = acme()
    visit = await world.depart()
    good = await world.travel(visit)
    forged = changed(good, id_token="e.y.J", access_token="stolen", refresh_token="x")
    assert (await world.finish(visit, forged)).subject == "ada-0001"
    assert not any(b"stolen" in sent.body for sent in world.network.sent)
    with pytest.raises(BadAnswer):
        await world.finish(visit, changed(good, code=..., id_token="e.y.J"))


async def test_a_departure_that_was_changed_is_refused() -> None:
    world = acme()
    visit = await world.depart()
    good = await world.travel(visit)
    for spoiled, error in (
        ({"nonce": "another"}, NotForUs),
        ({"code_verifier": "another"}, ProviderRefused),
        ({"nonce": ""}, NotForUs),
        ({"code_verifier": ""}, NotForUs),
        ({"issuer": ""}, NotForUs),
    ):
        again = await world.depart()
        callback = await world.travel(again)
        lost = replace(again.handoff, memo={**again.handoff.memo, **spoiled})
        with pytest.raises(error):
            await world.finish(replace(again, handoff=lost), callback)
    assert (await world.finish(visit, good)).subject == "ada-0001"


# ------------------------------------------------------------------------------------------------- pure parts

CLAIM_SETS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["a@x", "b@x"]),
        "email_verified": st.sampled_from([True, False, "true", "false", 1, None]),
        "name": st.text(max_size=3),
    },
)


@BOUNDED
@given(CLAIM_SETS, CLAIM_SETS)
def test_an_address_is_verified_only_by_a_source_that_had_it(
    id_token: dict[str, Any], userinfo: dict[str, Any]
) -> None:
    claims = joined(judged(id_token), judged(userinfo))
    if claims.get("email_verified") is True:
        sources = [(source.get("email"), source.get("email_verified") is True) for source in (id_token, userinfo)]
        assert (claims.get("email"), True) in sources
    assert claims.get("email_verified") in {None, True, False}
    for name in id_token.keys() - {"email_verified"}:
        assert claims[name] == id_token[name]


def test_a_path_that_leads_nowhere_is_lacking() -> None:
    assert not lacks({"address": {"country": "KR"}}, frozenset({"address.country"}))
    assert lacks({"address": {}}, frozenset({"address.country"}))


@BOUNDED
@given(st.text(alphabet="aZ09-_. \u00e4", max_size=120))
def test_a_providers_words_hold_no_long_word(text: str) -> None:
    assert not re.search(r"[A-Za-z0-9_~+/=.\-]{16,}", harmless(text, ("secret",)))
    assert error_code(text) in {"", text}


def test_a_secret_is_taken_out_of_a_providers_words() -> None:
    assert harmless("the code SplxlOBeZQQYbYS6WxSbIA is spent") == ": 'the code ... is spent'"
    assert harmless("no: a b c", ("a b c",)) == ": 'no: ...'"
    assert harmless("", ()) == ""


def test_parameters_join_those_of_the_endpoint() -> None:
    assert with_query("https://a/b", {"x": "1 2", "y": ""}) == "https://a/b?x=1+2"
    assert with_query("https://a/b?c=d", {"x": "&"}) == "https://a/b?c=d&x=%26"


async def test_without_client_id_nothing_is_built() -> None:
    provider = IdentityProvider("Acme", "google")
    with pytest.raises(FederationError):
        connector_for(provider, make_host(Network()))


async def test_a_way_to_prove_the_client_that_needs_more_is_a_mistake_of_the_settings() -> None:
    for method, setting in (("private_key_jwt", "token_endpoint_auth_method"), ("client_secret_post", "client_secret")):
        with pytest.raises(Misconfigured) as refusal:
            await prove(method, "client-1", "", make_host(Network()), NOW)
        assert refusal.value.setting == setting
