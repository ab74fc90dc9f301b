"""What a provider publishes: found by its issuer, kept, and served on while the provider does not answer."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from federation.connectors.published import FRESH_FOR, KEYS_STALE_FOR, STALE_FOR
from federation.errors import BadAnswer, Misconfigured, ProviderUnavailable
from federation.ports import Response
from tests.federation.cases import ACME, acme
from tests.federation.host import CALLBACK, NOW, Documents, World, json_response
from tests.federation.standins.openid import OpenIdProvider
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio

WELL_KNOWN = f"{ACME.issuer}/.well-known/openid-configuration"
NAMED = {name: getattr(ACME, name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}


def asked_for(world: World, url: str) -> int:
    return sum(sent.url == url for sent in world.network.sent)


def restarted(world: World) -> World:
    """Another process with the same stores."""
    return World(world.provider, world.host, world.network, world.connect, world.site, now=world.now)


def later(world: World, seconds: int) -> None:
    world.now += seconds
    world.site.now += seconds


# --------------------------------------------------------------------------------------------- the metadata


async def test_metadata_are_asked_for_once_an_hour() -> None:
    world = acme()
    for _ in range(3):
        await world.log_in()
    later(world, FRESH_FOR - 1)
    await world.depart()
    assert asked_for(world, WELL_KNOWN) == 1
    later(world, 1)
    await world.depart()
    assert asked_for(world, WELL_KNOWN) == 2


async def test_logins_at_once_ask_once() -> None:
    world = acme()
    await asyncio.gather(*(world.depart() for _ in range(20)))
    assert asked_for(world, WELL_KNOWN) == 1


async def test_a_restart_asks_for_nothing() -> None:
    world = acme()
    await world.log_in()
    world = restarted(world)
    await world.depart()
    assert asked_for(world, WELL_KNOWN) == 1


async def test_the_last_good_copy_serves_while_the_provider_is_away() -> None:
    world = acme()
    await world.log_in()
    world.network.down = {"id.acme.example"}
    later(world, FRESH_FOR + 1)
    assert (await world.depart()).url
    assert (await restarted(world).depart()).url
    later(world, STALE_FOR)
    with pytest.raises(ProviderUnavailable):
        await world.depart()
    with pytest.raises(ProviderUnavailable):
        await restarted(world).depart()


async def test_a_broken_document_does_not_replace_a_good_one() -> None:
    world = acme()
    await world.log_in()
    for broken in (
        {"token_endpoint": "http://evil.example"},
        {"issuer": "https://evil.example"},
        {"token_endpoint": ...},
    ):
        later(world, FRESH_FOR + 1)
        world.site.document = broken
        assert (await world.log_in()).subject == "ada-0001"
    later(world, FRESH_FOR + 1)
    world.site.document = {"authorization_endpoint": "https://id.acme.example/new"}
    assert (await world.depart()).url.startswith("https://id.acme.example/new")


async def test_a_provider_that_is_away_is_left_alone_for_a_while() -> None:
    world = acme()
    world.network.down = {"id.acme.example"}
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await world.depart()
    assert asked_for(world, WELL_KNOWN) == 1
    world.network.down = set()
    later(world, 5)
    assert (await world.depart()).url


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(404, b""), BadAnswer),
        (Response(301, b"", {"location": "https://evil.example"}), BadAnswer),
        (Response(503, b""), ProviderUnavailable),
        (Response(200, b"<html>"), BadAnswer),
        (Response(200, b"[]"), BadAnswer),
        (json_response({"issuer": ACME.issuer}), BadAnswer),
        (json_response({"issuer": ACME.issuer, "authorization_endpoint": ACME.authorization_endpoint}), BadAnswer),
    ],
)
async def test_a_document_that_is_none_is_refused(answer: Response, error: type[Exception]) -> None:
    world = acme()
    world.network.answers = {WELL_KNOWN: answer}
    with pytest.raises(error):
        await world.depart()
    assert world.host.documents.kept == {}  # type: ignore[attr-defined]  # ours


async def test_a_copy_of_another_issuer_is_not_used() -> None:
    world = acme()
    await world.log_in()
    documents: Documents = world.host.documents  # type: ignore[assignment]  # ours
    documents.kept["openid-configuration"] = replace(
        documents.kept["openid-configuration"], body=b'{"issuer":"https://b"}'
    )
    assert (await restarted(world).log_in()).subject == "ada-0001"
    assert asked_for(world, WELL_KNOWN) == 2


async def test_lists_that_are_none_say_nothing() -> None:
    world = acme()
    world.site.document = {
        "code_challenge_methods_supported": "S256",
        "token_endpoint_auth_methods_supported": [7, None],
    }
    assert (await world.depart()).url


# ------------------------------------------------------------------------------------------------- the keys


async def test_keys_are_asked_for_once_in_five_minutes() -> None:
    world = acme()
    for _ in range(3):
        await world.log_in()
    assert asked_for(world, ACME.jwks_uri) == 1
    later(world, 301)
    await world.log_in()
    assert asked_for(world, ACME.jwks_uri) == 2


async def test_kept_keys_serve_for_an_hour_while_the_provider_is_away() -> None:
    world = acme()
    await world.log_in()
    world = restarted(world)
    world.network.answers = {}
    token = await world.depart()
    callback = await world.travel(token)
    jwks = {"down": False}

    class Flaky:
        async def request(self, method: str, url: str, **options: Any) -> Response:
            if jwks["down"] and url == ACME.jwks_uri:
                raise ProviderUnavailable("no answer")
            return await world.network.request(method, url, **options)

    jwks["down"] = True
    world.host = replace(world.host, http=Flaky())
    world._connector = None
    assert (await world.finish(token, callback)).subject == "ada-0001"
    world = restarted(world)
    later(world, KEYS_STALE_FOR)
    with pytest.raises(ProviderUnavailable):
        await world.log_in()


# ---------------------------------------------------------------------------------------- endpoints by hand


async def test_endpoints_by_hand_need_no_document() -> None:
    site = OpenIdProvider(ACME)
    world = acme(site=site, **NAMED, userinfo_endpoint=ACME.userinfo_endpoint)
    assert (await world.log_in()).claims["name"] == "Ada Lovelace"
    assert asked_for(world, WELL_KNOWN) == 0


async def test_where_nobody_names_an_algorithm_it_is_rs256() -> None:
    """OpenID Connect Dynamic Client Registration 2: the default of `id_token_signed_response_alg`."""
    site = OpenIdProvider(ACME)
    assert (await acme(site=site, **NAMED).log_in()).subject == "ada-0001"
    site.alg, site.signing = "ES256", forge.key("ES256", "op-1")
    site.published = [site.signing.jwk()]
    with pytest.raises(BadAnswer, match="RS256 is expected"):
        await acme(site=site, **NAMED).log_in()
    assert (await acme(site=site, **NAMED, id_token_signed_response_alg="ES256").log_in()).subject == "ada-0001"


async def test_userinfo_may_be_named_beside_the_document() -> None:
    site = OpenIdProvider(ACME)
    site.document = {"userinfo_endpoint": ...}
    site.in_id_token = frozenset()
    assert "name" not in (await acme(site=site).log_in()).claims
    identity = await acme(site=site, userinfo_endpoint=ACME.userinfo_endpoint).log_in()
    assert identity.claims["name"] == "Ada Lovelace"


@pytest.mark.parametrize("missing", sorted(NAMED))
async def test_half_of_the_endpoints_by_hand_are_not_enough(missing: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        await acme(**{name: url for name, url in NAMED.items() if name != missing}).depart()
    assert refusal.value.setting == missing


async def test_a_shared_secret_needs_no_keys() -> None:
    site = OpenIdProvider(ACME)
    site.alg = "HS256"
    named = {name: url for name, url in NAMED.items() if name != "jwks_uri"}
    assert (await acme(site=site, **named, id_token_signed_response_alg="HS256").log_in()).subject == "ada-0001"


async def test_an_issuer_is_needed() -> None:
    for issuer in ("", "not a url"):
        with pytest.raises(Misconfigured) as refusal:
            await acme().anew(settings={"issuer": issuer}).depart()
        assert refusal.value.setting == "issuer"


async def test_without_published_keys_nobody_signs_in() -> None:
    site = OpenIdProvider(ACME)
    site.document = {"jwks_uri": ...}
    with pytest.raises(BadAnswer, match="jwks_uri"):
        await acme(site=site).log_in()


async def test_a_provider_set_up_anew_does_not_take_an_old_departure() -> None:
    world = acme()
    visit = await world.depart()
    callback = await world.travel(visit)
    other = acme(replace(ACME, issuer="https://new.example"), **NAMED)
    with pytest.raises(BadAnswer, match="set up anew"):
        await other.finish(visit, callback)


# ------------------------------------------------------------------------------------------ the examination


async def examined(world: World) -> dict[str, tuple[str, str]]:
    checks = await world.connector.examine(CALLBACK, NOW)
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: (check.outcome, check.found) for check in checks}


async def test_an_examination_of_a_good_provider_finds_it_good() -> None:
    found = await examined(acme())
    assert {outcome for outcome, _ in found.values()} == {"ok"}
    assert found["redirect_uri"][1] == CALLBACK
    assert found["pkce"][1] == "S256"
    assert found["client_authentication"][1] == "client_secret_basic"
    assert {"metadata", "endpoints", "id_token_algorithms", "keys", "issuer_in_answers", "settings"} <= set(found)


@pytest.mark.parametrize(
    ("document", "settings", "name", "outcome"),
    [
        ({"issuer": "https://evil.example"}, {}, "metadata", "error"),
        ({"token_endpoint": "http://a.example"}, {}, "metadata", "error"),
        ({"code_challenge_methods_supported": ["plain"]}, {}, "pkce", "warning"),
        ({"code_challenge_methods_supported": ...}, {}, "pkce", "warning"),
        ({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}, {}, "client_authentication", "error"),
        ({}, {"token_endpoint_auth_method": "none"}, "client_authentication", "warning"),
        ({}, {"token_endpoint_auth_method": "private_key_jwt"}, "client_authentication", "ok"),
        (
            {"token_endpoint_auth_signing_alg_values_supported": ["EdDSA"]},
            {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"},
            "client_authentication",
            "error",
        ),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, {}, "id_token_algorithms", "error"),
        ({}, {"id_token_signed_response_alg": "ES256"}, "id_token_algorithms", "error"),
        ({"jwks_uri": "https://id.acme.example/none"}, {}, "keys", "error"),
        ({"response_modes_supported": ["query"]}, {"response_mode": "form_post"}, "response_mode", "error"),
        ({"authorization_response_iss_parameter_supported": True}, {}, "issuer_in_answers", "ok"),
    ],
)
async def test_an_examination_finds_what_is_wrong(
    document: dict[str, Any], settings: dict[str, Any], name: str, outcome: str
) -> None:
    world = acme(**settings)
    world.site.document = document
    assert (await examined(world))[name][0] == outcome


async def test_half_of_the_encryption_settings_are_not_enough() -> None:
    with pytest.raises(Misconfigured) as refusal:
        await acme(id_token_encrypted_response_enc="A128GCM").depart()
    assert refusal.value.setting == "id_token_encrypted_response_alg"


async def test_an_examination_of_a_provider_that_is_away_ends() -> None:
    world = acme()
    world.network.down = {"id.acme.example"}
    assert (await examined(world))["metadata"][0] == "error"


async def test_an_examination_warns_of_plain_http_and_wants_keys() -> None:
    metadata = replace(
        ACME,
        issuer="http://localhost:9000",
        **{name: f"http://localhost:9000/{name}" for name in (*NAMED, "userinfo_endpoint", "end_session_endpoint")},
    )
    site = OpenIdProvider(metadata)
    site.published = []
    found = await examined(acme(metadata, site=site))
    assert (found["endpoints"][0], found["keys"][0]) == ("warning", "error")
    checks = await acme().connector.examine("http://login.example/callback", NOW)
    assert checks[0].outcome == "error"
