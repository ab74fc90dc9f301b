"""Becoming a client of a provider by asking it (Dynamic Client Registration 1.0, RFC 7591), and ceasing to be one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from federation.connectors import connector_for
from federation.connectors.registration import (
    MOST_ANSWERED,
    Addresses,
    Registered,
    client_metadata,
    offer_of,
    register,
    unregister,
)
from federation.errors import BadAnswer, FederationError, Misconfigured, ProviderRefused, ProviderUnavailable
from federation.model import IdentityProvider
from federation.ports import Response
from resource_servers.keys import VerificationKeys
from tests.federation.cases import ACME
from tests.federation.host import CALLBACK, NOW, POOL_ISSUER, Network, Signer, World, json_response, make_host
from tests.federation.standins.registering import RegisteringProvider

pytestmark = pytest.mark.anyio

OURS = Addresses(
    redirect=CALLBACK,
    signed_out=f"{POOL_ISSUER}/oauth2/idplogout",
    logout=f"{POOL_ISSUER}/oauth2/idplogout/Acme",
    start=f"{POOL_ISSUER}/oauth2/idplogin/Acme",
    keys=f"{POOL_ISSUER}/oauth2/idpjwks/Acme",
)
TOKEN = "leave-to-register-0123456789abcdef"


class Applicant:
    """A provider that was just written down, and the site of the provider itself."""

    def __init__(self, **settings: Any) -> None:
        self.site = RegisteringProvider(ACME)
        self.network = Network()
        self.network.serve(self.site.app(), *self.site.hosts())
        self.provider = IdentityProvider("Acme", "oidc", settings={"issuer": ACME.issuer, **settings})

    async def applies(self, token: str = "") -> Registered:
        offer = await offer_of(self.network, ACME.issuer)
        asked = client_metadata(self.provider, offer, OURS, "Example pool")
        return await register(self.network, self.provider, offer, asked, NOW, token)

    async def asks(self) -> dict[str, Any]:
        """What it asked for."""
        await self.applies()
        return self.site.asked[-1]

    async def is_refused(self, error: type[FederationError] = BadAnswer, token: str = "") -> str:
        with pytest.raises(error) as refusal:
            await self.applies(token)
        assert type(refusal.value) is error
        return refusal.value.detail

    def world(self, made: Registered) -> World:
        """A login with what was agreed."""
        settings = {**self.provider.settings, **made.settings}
        provider = replace(self.provider, client_id=made.client_id, settings=settings)
        host = make_host(self.network, made.secrets)
        return World(provider, host, self.network, connector_for, self.site)


# ---------------------------------------------------------------------------------------------- what is asked for


async def test_who_registers_can_sign_people_in_at_once() -> None:
    applicant = Applicant()
    made = await applicant.applies()
    assert made.client_id == applicant.site.client_id
    assert (await applicant.world(made).log_in()).subject == "ada-0001"


async def test_what_is_asked_for_is_what_we_are() -> None:
    assert await Applicant().asks() == {
        "client_name": "Example pool",
        "application_type": "web",
        "redirect_uris": [CALLBACK],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "RS256",
        "post_logout_redirect_uris": [f"{POOL_ISSUER}/oauth2/idplogout"],
        "backchannel_logout_uri": f"{POOL_ISSUER}/oauth2/idplogout/Acme",
        "backchannel_logout_session_required": True,
        "initiate_login_uri": f"{POOL_ISSUER}/oauth2/idplogin/Acme",
    }


async def test_what_the_provider_does_not_have_is_not_asked_for() -> None:
    applicant = Applicant()
    applicant.site.document |= {
        "backchannel_logout_supported": ...,
        "end_session_endpoint": ...,
        "grant_types_supported": ["authorization_code"],
    }
    applicant.provider = replace(applicant.provider, keep_refresh_token=True)
    asked = await applicant.asks()
    assert not {"backchannel_logout_uri", "post_logout_redirect_uris"} & asked.keys()
    assert asked["grant_types"] == ["authorization_code"]
    applicant.site.document["grant_types_supported"] = ...
    assert (await applicant.asks())["grant_types"] == ["authorization_code", "refresh_token"]


async def test_refresh_tokens_are_asked_for_where_they_are_wanted() -> None:
    applicant = Applicant()
    applicant.provider = replace(applicant.provider, scope=("openid", "offline_access"))
    asked = await applicant.asks()
    assert asked["grant_types"] == ["authorization_code", "refresh_token"]
    assert asked["scope"] == "openid offline_access"


async def test_a_notice_in_a_frame_is_asked_for_where_it_is_set_up() -> None:
    applicant = Applicant(frontchannel_logout=True)
    asked = await applicant.asks()
    assert asked["frontchannel_logout_uri"] == OURS.logout
    assert asked["frontchannel_logout_session_required"] is True
    applicant.site.document["frontchannel_logout_supported"] = False
    assert "frontchannel_logout_uri" not in await applicant.asks()


@pytest.mark.parametrize(
    ("takes", "method"),
    [
        (..., "client_secret_basic"),
        (["client_secret_basic", "private_key_jwt"], "client_secret_basic"),
        (["private_key_jwt", "client_secret_post", "none"], "client_secret_post"),
        (["private_key_jwt", "none"], "private_key_jwt"),
    ],
)
async def test_the_secret_is_chosen_before_our_keys_and_never_nothing(takes: Any, method: str) -> None:
    applicant = Applicant()
    applicant.site.document["token_endpoint_auth_methods_supported"] = takes
    assert (await applicant.asks())["token_endpoint_auth_method"] == method


async def test_our_keys_prove_us_where_the_settings_say_so() -> None:
    applicant = Applicant(token_endpoint_auth_method="private_key_jwt")
    site = applicant.site
    site.document["token_endpoint_auth_signing_alg_values_supported"] = ["PS256", "ES256"]
    made = await applicant.applies()
    assert site.asked[-1]["jwks_uri"] == OURS.keys
    assert (made.settings["token_endpoint_auth_signing_alg"], "client_secret" in made.secrets) == ("ES256", False)
    site.auth_methods, site.client_keys = ("private_key_jwt",), VerificationKeys.parse(Signer().jwks())
    assert (await applicant.world(made).log_in()).subject == "ada-0001"


async def test_encryption_is_asked_for_with_the_address_of_our_keys() -> None:
    asked = await Applicant(id_token_encrypted_response_alg="RSA-OAEP-256", userinfo_signed_response_alg="ES256").asks()
    assert asked["id_token_encrypted_response_enc"] == "A128CBC-HS256"
    assert (asked["userinfo_signed_response_alg"], asked["jwks_uri"]) == ("ES256", OURS.keys)


@pytest.mark.parametrize(
    ("settings", "document", "setting"),
    [
        (
            {"token_endpoint_auth_method": "private_key_jwt"},
            {"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
            "token_endpoint_auth_method",
        ),
        ({}, {"token_endpoint_auth_methods_supported": ["tls_client_auth", "none"]}, "token_endpoint_auth_method"),
        (
            {"id_token_signed_response_alg": "EdDSA"},
            {"id_token_signing_alg_values_supported": ["RS256"]},
            "id_token_signed_response_alg",
        ),
        ({}, {"id_token_signing_alg_values_supported": ["none", "HS256"]}, "id_token_signed_response_alg"),
    ],
)
async def test_what_the_provider_cannot_do_is_said_before_anything_is_sent(
    settings: dict[str, Any], document: dict[str, Any], setting: str
) -> None:
    applicant = Applicant(**settings)
    applicant.site.document |= document
    with pytest.raises(Misconfigured) as refusal:
        await applicant.applies()
    assert refusal.value.setting == setting
    assert applicant.site.asked == []


async def test_a_provider_that_takes_nobody_by_itself_is_told_apart() -> None:
    applicant = Applicant()
    for endpoint in (..., "", 7):
        applicant.site.document["registration_endpoint"] = endpoint
        assert "registers nobody" in await applicant.is_refused()


@pytest.mark.parametrize("endpoint", ["http://id.acme.example/register", "http://127.0.0.1/register", "ftp://x/y"])
async def test_nothing_is_sent_to_an_endpoint_that_is_not_https(endpoint: str) -> None:
    applicant = Applicant()
    applicant.site.document["registration_endpoint"] = endpoint
    assert "unfit" in await applicant.is_refused(token=TOKEN)
    assert [sent.method for sent in applicant.network.sent] == ["GET"]


async def test_the_document_of_another_issuer_is_none() -> None:
    applicant = Applicant()
    applicant.site.document["issuer"] = "https://evil.example"
    assert "evil.example" in await applicant.is_refused()
    assert applicant.site.asked == []


# ------------------------------------------------------------------------------------------------ leave, and refusals


async def test_an_initial_access_token_is_shown_to_the_registration_endpoint_alone() -> None:
    applicant = Applicant()
    applicant.site.leave = TOKEN
    assert (await applicant.applies(TOKEN)).client_id
    told = [sent.url for sent in applicant.network.sent if TOKEN in str(sent)]
    assert told == [applicant.site.registration_endpoint]


async def test_who_needs_leave_is_told_so() -> None:
    applicant = Applicant()
    applicant.site.leave = TOKEN
    assert "is needed" in await applicant.is_refused(ProviderRefused)
    said = await applicant.is_refused(ProviderRefused, "another-token-0123456789")
    assert "is not taken" in said
    assert "another-token" not in said
    assert "spaces" in await applicant.is_refused(Misconfigured, "two words")
    assert len(applicant.site.asked) == 0


async def test_a_refusal_comes_with_the_providers_code_and_words() -> None:
    applicant = Applicant()
    applicant.site.refuses = (400, "invalid_redirect_uri", f"not this token_endpoint_auth_method, {TOKEN}")
    with pytest.raises(ProviderRefused) as refusal:
        await applicant.applies(TOKEN)
    assert refusal.value.error == "invalid_redirect_uri"
    assert "not this token_endpoint_auth_method" in refusal.value.detail
    assert TOKEN not in refusal.value.detail


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(500), ProviderUnavailable),
        (Response(429), ProviderUnavailable),
        (Response(302, b"", {"location": "https://evil.example"}), BadAnswer),
        (Response(403, b"<html>"), ProviderRefused),
        (Response(201, b"<html>"), BadAnswer),
        (Response(201, b"[]"), BadAnswer),
    ],
    ids=str,
)
async def test_what_is_no_registration_is_none(response: Response, error: type[FederationError]) -> None:
    applicant = Applicant()
    applicant.network.answers[applicant.site.registration_endpoint] = response
    await applicant.is_refused(error, TOKEN)
    assert not any("evil" in sent.url for sent in applicant.network.sent)


async def test_an_answer_without_end_is_not_read_to_it() -> None:
    applicant = Applicant()
    applicant.site.answers_registration = {"client_name": "x" * MOST_ANSWERED}
    await applicant.is_refused(ProviderUnavailable)
    applicant.site.answers_registration = {"client_name": "x" * 1000}
    assert await applicant.applies()


# --------------------------------------------------------------------------------------------- what came of it


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uris": ["https://evil.example/"]},
        {"redirect_uris": [CALLBACK, "https://evil.example/"]},
        {"redirect_uris": []},
        {"redirect_uris": CALLBACK},
        {"redirect_uris": [7]},
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": ["client_secret_basic"]},
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
        {"response_types": ["id_token"]},
        {"response_types": "code"},
        {"grant_types": ["implicit"]},
        {"scope": "profile"},
        {"backchannel_logout_uri": "https://evil.example/"},
        {"post_logout_redirect_uris": ["https://evil.example/"]},
        {"initiate_login_uri": "https://evil.example/"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
        {"userinfo_encrypted_response_alg": ["RSA-OAEP"]},
        {"require_pushed_authorization_requests": True},
        {"require_signed_request_object": True},
        {"dpop_bound_access_tokens": True},
        {"client_id": ...},
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": "a\x1b[2Jb"},
        {"client_id": "x" * 5000},
        {"client_secret": ...},
        {"client_secret": ""},
        {"client_secret": "a\nb"},
        {"client_secret_expires_at": NOW},
        {"client_secret_expires_at": "tomorrow"},
        {"client_secret_expires_at": True},
    ],
    ids=str,
)
async def test_what_makes_logins_worse_or_impossible_is_refused_and_taken_back(changed: dict[str, Any]) -> None:
    applicant = Applicant()
    applicant.provider = replace(applicant.provider, scope=("openid", "profile"))
    applicant.site.answers_registration = changed
    assert "taken back" in await applicant.is_refused()
    assert applicant.site.registrations == {}
    applicant.site.answers_registration = {}
    assert (await applicant.applies()).client_id


@pytest.mark.parametrize(
    ("changed", "setting", "note"),
    [
        ({"token_endpoint_auth_method": "client_secret_post"}, ("token_endpoint_auth_method", "client_secret_post"), 1),
        ({"id_token_signed_response_alg": "ES256"}, ("id_token_signed_response_alg", "ES256"), 1),
        ({"grant_types": ["refresh_token", "authorization_code"]}, None, 1),
        ({"client_name": "Another"}, None, 1),
        ({"backchannel_logout_session_required": False}, None, 1),
        ({"application_type": ...}, None, 1),
        ({"redirect_uris": ...}, None, 1),
        ({"client_secret_expires_at": NOW + 86400}, ("client_secret_expires_at", NOW + 86400), 1),
        ({"scope": "openid"}, None, 0),
        ({"request_object_signing_alg": "none", "require_auth_time": False}, None, 0),
    ],
    ids=str,
)
async def test_what_makes_no_login_worse_is_taken_and_said(
    changed: dict[str, Any], setting: tuple[str, object] | None, note: int
) -> None:
    applicant = Applicant()
    applicant.site.answers_registration = changed
    made = await applicant.applies()
    assert len(made.notes) == note
    if setting is not None:
        assert made.settings[setting[0]] == setting[1]


@pytest.mark.parametrize(
    ("name", "set_to", "changed"),
    [
        ("token_endpoint_auth_method", "client_secret_basic", "client_secret_post"),
        ("id_token_signed_response_alg", "ES256", "RS256"),
    ],
)
async def test_what_the_settings_insist_on_is_not_changed_by_the_provider(name: str, set_to: str, changed: str) -> None:
    applicant = Applicant(**{name: set_to})
    applicant.site.answers_registration = {name: changed}
    assert name in await applicant.is_refused()
    applicant.site.answers_registration = {}
    assert (await applicant.applies()).settings[name] == set_to


async def test_hmac_needs_a_secret_that_is_long_enough() -> None:
    applicant = Applicant(id_token_signed_response_alg="HS256")
    applicant.site.document["id_token_signing_alg_values_supported"] = ["RS256", "HS256"]
    applicant.site.answers_registration = {"client_secret": "s" * 31}
    assert "too few" in await applicant.is_refused()
    applicant.site.answers_registration = {"client_secret": "s" * 32}
    assert (await applicant.applies()).secrets["client_secret"] == "s" * 32


async def test_what_the_provider_wrote_cannot_command_a_terminal() -> None:
    applicant = Applicant()
    applicant.site.answers_registration = {"client_name": "\x1b]0;owned\x07\x9b2J"}
    made = await applicant.applies()
    printed = json.dumps(made.metadata, ensure_ascii=False) + "".join(made.notes) + str(made.metadata["client_name"])
    assert "\x1b" not in printed
    assert "\x9b" not in printed


async def test_secrets_are_not_among_what_is_shown() -> None:
    made = await Applicant().applies()
    for secret in made.secrets.values():
        assert secret not in repr(made)
        assert secret not in json.dumps(made.metadata)
    assert set(made.secrets) == {"client_secret", "registration_access_token"}


# --------------------------------------------------------------------------------------------------------- its end


async def test_a_registration_is_ended_with_its_own_token() -> None:
    applicant = Applicant()
    first, second = await applicant.applies(), await applicant.applies()
    uri = str(first.settings["registration_client_uri"])
    with pytest.raises(ProviderRefused):
        await unregister(applicant.network, uri, second.secrets["registration_access_token"])
    assert len(applicant.site.registrations) == 2
    await unregister(applicant.network, uri, first.secrets["registration_access_token"])
    assert list(applicant.site.registrations) == [second.client_id]


@pytest.mark.parametrize(
    ("manages", "error"), [("badly", ProviderUnavailable), ("never", ProviderRefused)], ids=["badly", "never"]
)
async def test_a_provider_that_ends_no_registration_says_so(manages: str, error: type[FederationError]) -> None:
    applicant = Applicant()
    made = await applicant.applies()
    applicant.site.manages = manages
    token = made.secrets["registration_access_token"]
    with pytest.raises(error) as refusal:
        await unregister(applicant.network, str(made.settings["registration_client_uri"]), token)
    assert token not in str(refusal.value)


@pytest.mark.parametrize("manages", [False, "badly"], ids=["not at all", "badly"])
async def test_what_will_not_do_and_cannot_be_taken_back_is_named(manages: bool | str) -> None:
    applicant = Applicant()
    applicant.site.manages = manages
    applicant.site.answers_registration = {"redirect_uris": ["https://evil.example/"]}
    assert "'client-1' is registered there now" in await applicant.is_refused()


@pytest.mark.parametrize(
    "changed",
    [
        {"registration_client_uri": ...},
        {"registration_access_token": ...},
        {"registration_client_uri": "http://id.acme.example/register/1"},
        {"registration_client_uri": "http://127.0.0.1/"},
        {"registration_access_token": "two words"},
        {"registration_access_token": 7},
    ],
    ids=str,
)
async def test_access_to_a_registration_that_could_not_be_used_is_not_kept(changed: dict[str, Any]) -> None:
    applicant = Applicant()
    applicant.site.answers_registration = changed
    made = await applicant.applies()
    assert "registration_client_uri" not in made.settings
    assert "registration_access_token" not in made.secrets
    assert any("there alone" in note for note in made.notes)


async def test_an_end_that_redirects_is_not_followed() -> None:
    applicant = Applicant()
    made = await applicant.applies()
    uri = str(made.settings["registration_client_uri"])
    applicant.network.answers[uri] = Response(307, b"", {"location": "https://evil.example/"})
    with pytest.raises(BadAnswer):
        await unregister(applicant.network, uri, made.secrets["registration_access_token"])
    assert not any("evil" in sent.url for sent in applicant.network.sent)
    applicant.network.answers[uri] = json_response({"error": "invalid_token"}, 401)
    with pytest.raises(ProviderRefused):
        await unregister(applicant.network, uri, made.secrets["registration_access_token"])
