"""Attacks on whoever reads a provider's tokens and documents (security reference 4.2, J1 to J15; O18)."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.connectors.discovery import read_metadata
from federation.connectors.id_token import Expected, verify_id_token
from federation.connectors.jws import SharedSecret
from federation.errors import BadAnswer, FederationError, Misconfigured
from resource_servers.errors import UnknownKey
from resource_servers.keys import VerificationKeys
from tests.federation.cases import ACME, acme
from tests.federation.host import NOW
from tests.federation.standins.openid import OpenIdProvider, hmac_token
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio

BOUNDED = settings(deadline=None)

KEY = forge.key("RS256", "op-1")
KEYS = VerificationKeys.parse({"keys": [KEY.jwk()]})
CLAIMS = {"iss": ACME.issuer, "aud": "client-1", "sub": "ada", "iat": NOW, "exp": NOW + 300, "nonce": "n"}
HEADER = {"alg": "RS256", "kid": "op-1"}


def verified(token: str, **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "issuers": lambda claims: (ACME.issuer,),
        "client_id": "client-1",
        "algorithms": frozenset({"RS256"}),
        "now": NOW,
        "nonce": "n",
    }
    keys = changes.pop("keys", KEYS)
    return verify_id_token(token, keys, Expected(**{**known, **changes}))


def signed(header: dict[str, Any] | bytes | None = None, claims: dict[str, Any] | bytes | None = None) -> str:
    head = forge.changed(HEADER, header) if isinstance(header, dict) else header or HEADER
    body = forge.changed(CLAIMS, claims) if isinstance(claims, dict) else claims or CLAIMS
    return forge.compact(head, body, KEY)


def is_refused(token: str, **changes: Any) -> str:
    started = time.process_time()
    with pytest.raises((BadAnswer, UnknownKey)) as refusal:
        verified(token, **changes)
    assert time.process_time() - started < 0.25
    assert len(str(refusal.value)) < 400
    return str(refusal.value)


def test_the_twin_of_every_attack_is_good() -> None:
    assert verified(signed())["sub"] == "ada"


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", None, 7, "RS255", "rs256", "HS256", "ES256"])
def test_no_other_algorithm_is_read(alg: object) -> None:
    """J1."""
    is_refused(signed({"alg": alg}))


def test_the_algorithm_is_pinned_even_where_the_key_would_do() -> None:
    """RFC 8725 3.1: a key that says nothing of its algorithm does for six; a secret for three."""
    open_key = VerificationKeys.parse({"keys": [KEY.jwk(alg=None)]})
    for alg in ("RS256", "PS256", "RS512"):
        token = forge.compact({"alg": alg, "kid": "op-1"}, CLAIMS, KEY, alg)
        assert verified(token, keys=open_key, algorithms={alg})["sub"] == "ada"
        is_refused(token, keys=open_key, algorithms={"RS256", "PS256", "RS512"} - {alg})
    secret = SharedSecret("s" * 64)
    token = hmac_token({"alg": "HS512"}, CLAIMS, b"s" * 64)
    assert verified(token, keys=secret, algorithms={"HS512"})["sub"] == "ada"
    is_refused(token, keys=secret, algorithms={"HS256"})


async def test_a_setting_pins_one_algorithm_of_those_that_the_provider_names() -> None:
    site = OpenIdProvider(ACME)
    site.document = {"id_token_signing_alg_values_supported": ["RS256", "PS256"]}
    site.published = [KEY.jwk(alg=None)]
    site.alg = "PS256"
    assert (await acme(site=site).log_in()).subject == "ada-0001"
    with pytest.raises(BadAnswer, match="RS256 is expected"):
        await acme(site=site, id_token_signed_response_alg="RS256").log_in()


def test_an_empty_signature_is_none() -> None:
    """J1."""
    is_refused(signed().rpartition(".")[0] + ".")


@pytest.mark.parametrize("form", ["pem", "der", "jwk", "empty"])
def test_a_public_key_is_no_secret(form: str) -> None:
    """J2: HS256 with what is published."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = KEY.private.public_key()
    secret = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": forge.json.dumps(KEY.jwk()).encode(),
        "empty": b"",
    }[form]
    token = hmac_token({"alg": "HS256", "kid": "op-1"}, CLAIMS, secret)
    is_refused(token)
    is_refused(token, algorithms=frozenset({"RS256", "HS256"}))  # even if somebody allowed it


def test_a_secret_is_the_key_of_hmacs_alone() -> None:
    """J2, the other way round."""
    secret = SharedSecret("s" * 32)
    assert verified(hmac_token({"alg": "HS256"}, CLAIMS, b"s" * 32), keys=secret, algorithms={"HS256"})["sub"] == "ada"
    is_refused(hmac_token({"alg": "HS256"}, CLAIMS, b"x" * 32), keys=secret, algorithms={"HS256"})
    is_refused(signed(), keys=secret, algorithms={"RS256"})


@pytest.mark.parametrize(
    "kid", ["' OR 1=1 --", "../../dev/null", "https://evil.example/jwks", "\0", "k" * 10_000, "op-0"]
)
def test_a_key_id_leads_nowhere(kid: str) -> None:
    """J3."""
    is_refused(signed({"kid": kid}))


@pytest.mark.parametrize("kid", [{}, [], 7, True])
def test_a_key_id_is_a_text(kid: object) -> None:
    """J3."""
    is_refused(signed({"kid": kid}))


@pytest.mark.parametrize("member", ["jku", "x5u", "x5c", "jwk"])
async def test_keys_in_a_header_are_not_looked_at(member: str) -> None:
    """J4: the attacker's key does not count, our own does, and nothing is fetched."""
    mallory = forge.key("ES256", "op-1", nth=7)
    value = {
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x5u",
        "x5c": ["AAAA"],
        "jwk": mallory.jwk(),
    }[member]
    assert verified(signed({member: value}))["sub"] == "ada"
    is_refused(
        forge.compact({"alg": "ES256", "kid": "op-1", member: value}, CLAIMS, mallory), algorithms={"ES256", "RS256"}
    )
    world = acme()
    world.site.header = {member: value}
    await world.log_in()
    assert not any("evil" in sent.url for sent in world.network.sent)


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": False}, {"crit": "x"}]
)
def test_extensions_that_must_be_understood_are_not(header: dict[str, Any]) -> None:
    """J5."""
    is_refused(signed(header))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token.replace(".", ".."),
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace(".", ".\n", 1),
        lambda token: '{"payload":"' + token.split(".")[1] + '","signatures":[]}',
        lambda token: token.split(".")[0],
        lambda token: "",
        lambda token: token.replace("e", "é", 1),
        lambda token: "....",
    ],
)
def test_only_the_compact_form_is_read(spoil: Any) -> None:
    """J6."""
    is_refused(spoil(signed()))


@pytest.mark.parametrize("r", [0, 1])
def test_signatures_of_nothing_do_not_hold(r: int) -> None:
    """J8: r = s = 0, DER form, another length."""
    key = forge.key("ES256", "op-1")
    keys = VerificationKeys.parse({"keys": [key.jwk()]})
    head = f"{forge.part({'alg': 'ES256', 'kid': 'op-1'})}.{forge.part(CLAIMS)}"
    good = f"{head}.{forge.b64(key.sign(head.encode()))}"
    assert verified(good, keys=keys, algorithms={"ES256"})["sub"] == "ada"
    for signature in (r.to_bytes(32, "big") * 2, b"", bytes(63), key.sign(head.encode()) + b"\0"):
        is_refused(f"{head}.{forge.b64(signature)}", keys=keys, algorithms={"ES256"})


@pytest.mark.parametrize(
    "jwk",
    [
        {**KEY.jwk(), "e": "AQ"},
        {**KEY.jwk(), "n": forge.number(2**1023 + 1)},
        {**KEY.jwk(), "d": "AQAB"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "op-1"},
        {"kty": "OKP", "crv": "Ed25519", "x": forge.b64(bytes(32)), "kid": "op-1"},
    ],
    ids=["e=1", "1024 bits", "private", "symmetric", "small order"],
)
async def test_a_set_with_a_key_that_must_not_be_used_is_not_used(jwk: dict[str, Any]) -> None:
    """J9."""
    world = acme()
    good = world.site.published
    world.site.published = [*good, {**jwk, "kid": "bad"}]
    with pytest.raises(FederationError):
        await world.log_in()
    assert not any(name.startswith("jwks") for name in world.host.documents.kept)  # type: ignore[attr-defined]  # ours
    world.site.published = good
    world.now += 10
    assert (await world.log_in()).subject == "ada-0001"


@pytest.mark.parametrize(
    "claims",
    [
        b'{"sub":"ada","sub":"bob"}',
        b'{"sub":"ada","\\u0073ub":"bob"}',
        b"[" * 5_000 + b"]" * 5_000,
        b'{"exp":1e999}',
        b'{"exp":NaN}',
        b"\xff\xfe",
        b"null",
        b"",
    ],
)
def test_claims_are_read_strictly(claims: bytes) -> None:
    """J10."""
    is_refused(signed(None, claims or b" "))


@pytest.mark.parametrize("size", [64 * 1024, 1024 * 1024])
def test_huge_tokens_are_not_read(size: int) -> None:
    """J11."""
    is_refused("e" * size)
    is_refused(signed(None, {"x": "x" * size}))
    is_refused(signed({"x": "x" * size}))


@pytest.mark.parametrize(
    "typ", ["at+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt", "oauth-authz-req+jwt", 7]
)
def test_another_kind_of_token_is_no_id_token(typ: object) -> None:
    """J12."""
    is_refused(signed({"typ": typ}))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/JWT", ...])
def test_an_id_token_may_say_that_it_is_a_jwt(typ: object) -> None:
    assert verified(signed({"typ": typ}))["sub"] == "ada"


@BOUNDED
@given(st.binary(max_size=200), st.integers(0, 2))
def test_no_damage_to_a_token_is_believed(damage: bytes, where: int) -> None:
    parts = signed().split(".")
    if forge.b64(damage) == parts[where]:
        return
    parts[where] = forge.b64(damage)
    with pytest.raises((BadAnswer, UnknownKey)):
        verified(".".join(parts))


@BOUNDED
@given(st.text(max_size=300))
def test_any_text_as_a_token_is_refused(text: str) -> None:
    with pytest.raises((BadAnswer, UnknownKey)):
        verified(text)


# ------------------------------------------------------------------------------------------ endpoints (O18)

BAD_URLS = [
    "http://id.acme.example/token",
    "http://169.254.169.254/latest/meta-data",
    "http://localhost/token",
    "http://[::1]/token",
    "file:///etc/passwd",
    "gopher://id.acme.example",
    "javascript:alert(1)",
    "https://user:pw@id.acme.example/token",
    "https://id.acme.example/token#x",
    "https://",
    "//id.acme.example/token",
    "/token",
    "https://id.acme.example/a b",
    "https://ex\u00e4mple.example/",
    7,
    ["https://id.acme.example/token"],
]


@pytest.mark.parametrize("url", BAD_URLS, ids=str)
@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint"]
)
async def test_metadata_lead_to_https_alone(name: str, url: object) -> None:
    world = acme()
    world.site.document = {name: url}
    with pytest.raises(BadAnswer):
        await world.depart()
    assert len(world.network.sent) == 1


@pytest.mark.parametrize("url", [url for url in BAD_URLS if isinstance(url, str)])
@pytest.mark.parametrize(
    "name", ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
async def test_settings_lead_to_https_alone(name: str, url: str) -> None:
    named = {key: getattr(ACME, key) for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    assert (await acme(**named).depart()).url
    if name == "issuer" and ("localhost" in url or "::1" in url):
        return  # an issuer on this machine is a developer's
    world = acme().anew(settings={**named, name: url})
    with pytest.raises(Misconfigured) as refusal:
        await world.depart()
    assert refusal.value.setting == name
    assert world.network.sent == []


def test_only_an_issuer_on_this_machine_may_have_endpoints_here() -> None:
    document = {
        "issuer": "http://localhost:8080",
        "authorization_endpoint": "http://localhost:8080/a",
        "token_endpoint": "http://127.0.0.1:8080/t",
    }
    assert read_metadata(document, "http://localhost:8080").token_endpoint == "http://127.0.0.1:8080/t"
    with pytest.raises(BadAnswer):
        read_metadata({**document, "issuer": "https://id.example"}, "https://id.example")


async def test_a_site_that_lies_in_every_way_at_once_signs_nobody_in() -> None:
    site = OpenIdProvider(ACME)
    site.claims = {"iss": "https://evil.example", "aud": "x", "nonce": "x"}
    site.said = {"sub": "x"}
    with pytest.raises(BadAnswer):
        await acme(site=site).log_in()
