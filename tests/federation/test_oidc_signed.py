"""Signed and encrypted: ID tokens and UserInfo."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from federation.errors import BadAnswer, Misconfigured, ProviderRefused
from federation.ports import Response
from resource_servers.encoding import decode_base64url, parse_json_object
from tests.federation.cases import ACME, acme
from tests.federation.host import NOW, KeyPairs, json_response, key_pair
from tests.federation.standins.openid import OpenIdProvider
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
)
async def test_every_common_signature_is_read(alg: str) -> None:
    site = OpenIdProvider(ACME)
    site.alg, site.signing = alg, forge.key(alg, "op-1")
    site.published = [site.signing.jwk()]
    assert (await acme(site=site).log_in()).subject == "ada-0001"
    assert (await acme(site=site, id_token_signed_response_alg=alg).log_in()).subject == "ada-0001"


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_a_secret_signs_only_where_the_settings_say_so(alg: str) -> None:
    site = OpenIdProvider(ACME)
    site.alg = alg
    assert (await acme(site=site, id_token_signed_response_alg=alg).log_in()).subject == "ada-0001"
    with pytest.raises(BadAnswer):
        await acme(site=site).log_in()


async def test_a_short_secret_signs_nothing() -> None:
    for secret in ("", "short"):
        with pytest.raises(Misconfigured) as refusal:
            await acme(secrets={"client_secret": secret}, id_token_signed_response_alg="HS256").depart()
        assert refusal.value.setting == "client_secret"


def encrypting(
    site: OpenIdProvider, alg: str, enc: str, kind: str, *, pair: Any = "", zip_: bool = False, **more: str
) -> None:
    """ID tokens of the site are signed, then encrypted for us. `more` is in the outer header."""
    from joserfc import jwe
    from joserfc.jwk import ECKey, RSAKey

    key = (RSAKey if kind == "RSA" else ECKey).import_key(pair or key_pair(kind).private_key)
    registry = jwe.JWERegistry(algorithms=[alg, enc, "DEF", "RSA1_5", "dir"], strict_check_header=False)

    def made(header: dict[str, Any], claims: dict[str, Any]) -> str:
        inner = forge.compact(header, claims, site.signing, site.alg)
        outer = {"alg": alg, "enc": enc, "cty": "JWT", **({"zip": "DEF"} if zip_ else {}), **more}
        return jwe.encrypt_compact(outer, inner, key, registry=registry)

    site.forged = made


@pytest.mark.parametrize(
    ("alg", "enc", "kind"),
    [
        ("RSA-OAEP", "A128CBC-HS256", "RSA"),
        ("RSA-OAEP-256", "A256GCM", "RSA"),
        ("ECDH-ES", "A128GCM", "EC"),
        ("ECDH-ES+A128KW", "A256CBC-HS512", "EC"),
        ("ECDH-ES+A192KW", "A192GCM", "EC"),
        ("ECDH-ES+A256KW", "A192CBC-HS384", "EC"),
    ],
)
async def test_an_encrypted_id_token_is_read(alg: str, enc: str, kind: str) -> None:
    site = OpenIdProvider(ACME)
    encrypting(site, alg, enc, kind)
    world = acme(site=site, id_token_encrypted_response_alg=alg, id_token_encrypted_response_enc=enc)
    assert (await world.log_in()).subject == "ada-0001"


@pytest.mark.parametrize(("alg", "kind"), [("RSA-OAEP-256", "RSA"), ("ECDH-ES", "EC"), ("ECDH-ES+A256KW", "EC")])
async def test_the_provider_encrypts_for_the_keys_that_we_show(alg: str, kind: str) -> None:
    site = OpenIdProvider(ACME)
    world = acme(site=site, id_token_encrypted_response_alg=alg)
    (shown,) = await world.connector.encryption_keys()
    assert {"d", "p", "q"}.isdisjoint(shown)
    assert (shown["kty"], shown["use"], shown["alg"]) == (kind, "enc", alg)
    encrypting(site, alg, "A128CBC-HS256", kind, pair=shown, kid=shown["kid"])
    assert (await world.log_in()).subject == "ada-0001"
    assert await acme().connector.encryption_keys() == []


async def test_copies_of_claims_in_the_header_of_an_encrypted_token_are_passed_over() -> None:
    """RFC 7519 5.3, RFC 7516 4: node-oidc-provider sends `iss` and `aud`."""
    site = OpenIdProvider(ACME)
    encrypting(site, "RSA-OAEP", "A128CBC-HS256", "RSA", iss=ACME.issuer, aud="client-1", x_unknown="yes")
    world = acme(site=site, id_token_encrypted_response_alg="RSA-OAEP")
    assert (await world.log_in()).subject == "ada-0001"


async def test_the_hint_of_a_sign_out_is_what_was_inside_an_encrypted_token() -> None:
    """OpenID Connect Core 3.1.2.1: the provider itself cannot read what it encrypted for us."""
    site = OpenIdProvider(ACME)
    encrypting(site, "RSA-OAEP", "A128CBC-HS256", "RSA")
    world = acme(site=site, id_token_encrypted_response_alg="RSA-OAEP", sign_out=True)
    session = (await world.log_in()).session
    assert session is not None
    begun = await world.connector.sign_out(session, "https://login.example/back", "state", NOW)
    (hint,) = parse_qs(urlsplit(begun.outgoing.url).query)["id_token_hint"]
    assert hint.count(".") == 2
    assert parse_json_object(decode_base64url(hint.split(".")[1].encode()))["sub"] == "ada-0001"


async def test_an_encrypted_token_needs_the_setting_and_the_setting_an_encrypted_token() -> None:
    site = OpenIdProvider(ACME)
    with pytest.raises(BadAnswer, match="not encrypted"):
        await acme(site=site, id_token_encrypted_response_alg="RSA-OAEP").log_in()
    encrypting(site, "RSA-OAEP", "A128CBC-HS256", "RSA")
    with pytest.raises(BadAnswer, match="id_token_encrypted_response_alg"):
        await acme(site=site).log_in()
    assert (await acme(site=site, id_token_encrypted_response_alg="RSA-OAEP").log_in()).subject == "ada-0001"


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    ("alg", "enc", "zip_"),
    [("RSA1_5", "A128CBC-HS256", False), ("RSA-OAEP", "A256GCM", False), ("RSA-OAEP", "A128CBC-HS256", True)],
)
async def test_encryption_other_than_set_up_is_refused(alg: str, enc: str, zip_: bool) -> None:
    """J7: RSA1_5, another content cipher, compression."""
    site = OpenIdProvider(ACME)
    encrypting(site, alg, enc, "RSA", zip_=zip_)
    with pytest.raises(BadAnswer, match="not encrypted with"):
        await acme(site=site, id_token_encrypted_response_alg="RSA-OAEP").log_in()


async def test_a_token_for_an_older_key_of_ours_is_read_and_for_a_foreign_one_not() -> None:
    site = OpenIdProvider(ACME)
    encrypting(site, "ECDH-ES", "A128GCM", "EC")
    settings = {"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A128GCM"}
    world = acme(site=site, **settings)
    newer = key_pair.__wrapped__("EC")
    world.host = replace(world.host, key_pairs=KeyPairs([newer, key_pair("EC")]))
    assert (await world.log_in()).subject == "ada-0001"
    world = acme(site=site, **settings)
    world.host = replace(world.host, key_pairs=KeyPairs([newer]))
    with pytest.raises(BadAnswer, match="cannot be decrypted"):
        await world.log_in()
    world = acme(site=site, **settings)
    world.host = replace(world.host, key_pairs=KeyPairs([key_pair("RSA")]))
    with pytest.raises(Misconfigured):
        await world.log_in()


async def test_an_unsigned_object_inside_an_encrypted_token_is_refused() -> None:
    """J7: plain JSON inside."""
    from joserfc import jwe
    from joserfc.jwk import ECKey

    site = OpenIdProvider(ACME)
    key = ECKey.import_key(key_pair("EC").private_key)
    registry = jwe.JWERegistry(algorithms=["ECDH-ES", "A128GCM"])
    site.forged = lambda header, claims: jwe.encrypt_compact(
        {"alg": "ECDH-ES", "enc": "A128GCM"}, forge.json.dumps(claims), key, registry=registry
    )
    world = acme(site=site, id_token_encrypted_response_alg="ECDH-ES", id_token_encrypted_response_enc="A128GCM")
    with pytest.raises(BadAnswer):
        await world.log_in()


async def test_signed_userinfo_is_verified() -> None:
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    good = {"iss": ACME.issuer, "aud": site.client_id}
    header = {"alg": "RS256", "kid": "op-1"}
    site.userinfo_jwt = lambda said: forge.compact(header, {**said, **good}, site.signing)
    for settings in ({}, {"userinfo_signed_response_alg": "RS256"}):
        assert (await acme(site=site, **settings).log_in()).claims["name"] == "Ada Lovelace"
    for spoiled in ({"iss": "https://evil.example"}, {"aud": "other"}, {"sub": "other"}, {"exp": 1}):
        site.userinfo_jwt = lambda said, spoiled=spoiled: forge.compact(
            header, {**said, **good, **spoiled}, site.signing
        )
        with pytest.raises(BadAnswer):
            await acme(site=site).log_in()
    site.userinfo_jwt = lambda said: forge.compact(
        header, {**said, **good}, forge.Key("ES256", "op-1", forge.key().private), "ES256"
    )
    with pytest.raises(BadAnswer):
        await acme(site=site).log_in()


async def test_signed_userinfo_is_read_beside_encrypted_id_tokens() -> None:
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    encrypting(site, "RSA-OAEP", "A128CBC-HS256", "RSA")
    good = {"iss": ACME.issuer, "aud": site.client_id}
    site.userinfo_jwt = lambda said: forge.compact({"alg": "RS256", "kid": "op-1"}, {**said, **good}, site.signing)
    settings = {"id_token_encrypted_response_alg": "RSA-OAEP"}
    assert (await acme(site=site, **settings).log_in()).claims["name"] == "Ada Lovelace"
    site.userinfo_jwt = lambda said: site.forged({"alg": "RS256", "kid": "op-1"}, {**said, **good})  # type: ignore[misc]
    assert (await acme(site=site, **settings).log_in()).claims["name"] == "Ada Lovelace"
    site.userinfo_jwt = lambda said: "\u00e4"
    with pytest.raises(BadAnswer):
        await acme(site=site, **settings).log_in()


async def test_a_damaged_encrypted_token_is_refused() -> None:
    site = OpenIdProvider(ACME)
    for token in (
        "a.b.c.d.e",
        "e30.e30.e30.e30.e30",
        "....",
        f"{forge.part({'alg': 'RSA-OAEP', 'enc': 'A128CBC-HS256'})}.AA.AA.AA.AA",
    ):
        site.forged = lambda head, claims, token=token: token
        with pytest.raises(BadAnswer):
            await acme(site=site, id_token_encrypted_response_alg="RSA-OAEP").log_in()


async def test_a_token_answer_without_id_token_is_refused() -> None:
    world = acme()
    for id_token in (..., "", None, 7, "a b"):
        world.site.answers = {"id_token": id_token}
        with pytest.raises(BadAnswer):
            await world.log_in()
    for refresh_token in (7, "a b", ["x"]):
        world.site.answers = {"refresh_token": refresh_token}
        with pytest.raises(BadAnswer):
            await world.log_in()
    world.site.answers = {"refresh_token": ""}
    assert (await world.log_in()).refresh_token is None


async def test_an_error_that_is_the_secret_is_not_told() -> None:
    world = acme(secrets={"client_secret": "plainsecret"})
    world.network.answers = {ACME.token_endpoint: json_response({"error": "plainsecret"}, 400)}
    visit = await world.depart()
    with pytest.raises(ProviderRefused) as refusal:
        await world.finish(visit, await world.travel(visit))
    assert "plainsecret" not in f"{refusal.value}{refusal.value.error}{refusal.value.detail}"


async def test_a_redirect_uri_that_is_not_registered_is_told_how_to_be() -> None:
    world = acme()
    world.network.answers = {ACME.token_endpoint: json_response({"error": "redirect_uri_mismatch"}, 400)}
    visit = await world.depart()
    with pytest.raises(ProviderRefused, match="register the redirect URI"):
        await world.finish(visit, await world.travel(visit))


async def test_an_error_may_be_a_number() -> None:
    world = acme()
    world.network.answers = {ACME.token_endpoint: json_response({"error": 17}, 400)}
    visit = await world.depart()
    with pytest.raises(ProviderRefused) as refusal:
        await world.finish(visit, await world.travel(visit))
    assert refusal.value.error == "17"


async def test_userinfo_that_is_to_be_signed_must_be() -> None:
    site = OpenIdProvider(ACME)
    site.in_id_token = frozenset()
    with pytest.raises(BadAnswer):
        await acme(site=site, userinfo_signed_response_alg="RS256").log_in()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response(401, b"{}"), ProviderRefused),
        (Response(302, b"", {"location": "https://evil.example"}), BadAnswer),
        (Response(200, b"[]"), BadAnswer),
        (json_response({"name": "Ada"}), BadAnswer),
        (json_response({"sub": ["ada-0001"]}), BadAnswer),
    ],
)
async def test_userinfo_that_is_none_is_refused(answer: Response, error: type[Exception]) -> None:
    world = acme()
    world.site.in_id_token = frozenset()
    visit = await world.depart()
    callback = await world.travel(visit)
    world.network.answers = {ACME.userinfo_endpoint: answer}
    with pytest.raises(error):
        await world.finish(visit, callback)
