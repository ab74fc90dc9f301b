"""The JOSE attacks J1 to J8 and J10 to J14. Each has a valid twin: the same token without the one thing that is wrong."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from resource_servers.errors import ExpiredToken, InvalidToken, UnknownKey
from resource_servers.tokens import MAX_TOKEN, AccessToken, validate_access_token
from tests.resource_servers.forge import (
    AUDIENCE,
    CLAIMS,
    HEADER,
    ISSUER,
    NOW,
    b64,
    changed,
    compact,
    key,
    keys,
    part,
    token,
)

P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
JSON_CLAIMS = json.dumps(CLAIMS).encode()


def validate(jwt: str, **changes: Any) -> AccessToken:
    arguments: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "now": NOW, **changes}
    return validate_access_token(jwt, arguments.pop("keys", None) or keys(), **arguments)


def refused(jwt: str, **changes: Any) -> InvalidToken:
    with pytest.raises(InvalidToken) as refusal:
        validate(jwt, **changes)
    assert refusal.value.sentence.isascii()
    assert '"' not in refusal.value.sentence
    assert len(refusal.value.reason) < 300
    assert refusal.value.reason.isprintable()
    return refusal.value


def accepted(jwt: str, **changes: Any) -> bool:
    return validate(jwt, **changes).subject == CLAIMS["sub"]


# ------------------------------------------------------------------------------------------------ J1


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", "es256", " ES256", None, ..., 7, ["ES256"], {}])
@pytest.mark.parametrize("signature", ["", "good"])
def test_j1_no_other_algorithm_than_a_signature(alg: Any, signature: str) -> None:
    signing_input = f"{part(changed(HEADER, {'alg': alg}))}.{part(CLAIMS)}"
    refused(f"{signing_input}.{b64(key().sign(signing_input.encode())) if signature else ''}")
    assert accepted(token())


def test_j1_an_empty_signature_is_none() -> None:
    for alg in ("ES256", "RS256", "PS256", "EdDSA", "ES512"):
        signing = key(alg)
        good = token(signing=signing)
        assert accepted(good, keys=keys(signing))
        refused(good.rpartition(".")[0] + ".", keys=keys(signing))
        refused(good.rpartition(".")[0], keys=keys(signing))


def test_j1_what_the_caller_does_not_allow_is_refused() -> None:
    assert accepted(token(), algorithms={"ES256"})
    assert "not allowed" in refused(token(), algorithms={"RS256"}).reason
    published = keys()
    assert accepted(token(), keys=published)  # the header is in memory now, and still not allowed
    assert "not allowed" in refused(token(), algorithms={"RS256"}, keys=published).reason


# ------------------------------------------------------------------------------------------------ J2


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("signing_alg", ["RS256", "ES256"])
@pytest.mark.parametrize("form", ["PEM", "DER", "JWK", "raw", "empty"])
def test_j2_a_public_key_is_no_shared_secret(alg: str, signing_alg: str, form: str) -> None:
    signing = key(signing_alg)
    public = signing.private.public_key()
    secret = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(signing.jwk()).encode(),
        "raw": base64.urlsafe_b64decode(str(signing.jwk().get("n") or signing.jwk()["x"]) + "=="),
        "empty": b"",
    }[form]
    signing_input = f"{part(changed(HEADER, {'alg': alg}))}.{part(CLAIMS)}".encode()
    mac = hmac.new(secret, signing_input, getattr(hashlib, f"sha{alg[2:]}")).digest()
    assert "algorithm" in refused(f"{signing_input.decode()}.{b64(mac)}", keys=keys(signing)).reason
    assert accepted(token(signing=signing), keys=keys(signing))


# ------------------------------------------------------------------------------------------------ J3


@pytest.mark.parametrize(
    "kid",
    ["k2", "' OR ''='", "../../../dev/null", "/dev/null", "https://evil.example/k", "k1\0", "\x1b[2J", "k" * 10_240],
)
def test_j3_a_foreign_key_id_finds_no_key(kid: str) -> None:
    forged = key(nth=1)
    refusal = refused(token(signing=forged, header={"kid": kid}))
    assert isinstance(refusal, UnknownKey)
    assert accepted(token())


@pytest.mark.parametrize("kid", [7, {}, [], True, {"k1": 1}, ["k1"]])
def test_j3_a_key_id_is_a_text(kid: Any) -> None:
    assert "kid" in refused(token(header={"kid": kid})).reason


def test_j3_a_retired_key_verifies_nothing() -> None:
    old, new = key("ES256", "old"), key("ES256", "new")
    assert accepted(token(signing=old), keys=keys(new, old))
    assert isinstance(refused(token(signing=old), keys=keys(new)), UnknownKey)


def test_j3_a_key_of_the_same_name_is_another_key() -> None:
    forged = token(signing=key(nth=1))
    assert "signature" in refused(forged).reason
    assert accepted(forged, keys=keys(key(nth=1)))


def test_j3_a_token_without_key_id_needs_the_one_key_that_fits() -> None:
    nameless = token(header={"kid": ...})
    assert accepted(nameless)
    assert accepted(nameless, keys=keys(key(), key("RS256", "r")))
    assert "several" in refused(nameless, keys=keys(key(), key("ES256", "k2"))).reason


def test_j3_a_token_for_a_key_of_another_algorithm_is_refused() -> None:
    signing = key("RS256")
    cross = compact({**HEADER, "alg": "PS256"}, CLAIMS, signing, "PS256")
    assert "not for PS256" in refused(cross, keys=keys(signing)).reason
    assert accepted(compact({**HEADER, "alg": "RS256"}, CLAIMS, signing), keys=keys(signing))


# ------------------------------------------------------------------------------------------------ J4


@pytest.mark.parametrize("pointer", ["jku", "x5u", "x5c", "jwk", "x5t", "x5t#S256"])
def test_j4_the_header_brings_no_key_of_its_own(pointer: str) -> None:
    forger = key(nth=1)
    value: Any = {
        "jwk": forger.jwk(),
        "x5c": [base64.b64encode(b"certificate").decode()],
    }.get(pointer, "https://evil.example/keys")
    assert "signature" in refused(token(signing=forger, header={pointer: value})).reason
    assert isinstance(refused(token(signing=forger, header={pointer: value, "kid": "evil"})), UnknownKey)
    assert accepted(token(header={pointer: value}))  # under a good signature it is merely ignored


# ------------------------------------------------------------------------------------------------ J5


@pytest.mark.parametrize(
    "extension",
    [
        {"crit": ["exp2"], "exp2": 1},
        {"crit": []},
        {"crit": ["exp"]},
        {"crit": "exp"},
        {"crit": None},
        {"crit": ["b64"], "b64": True},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"b64": True},
        {"crit": ["alg"]},
    ],
    ids=json.dumps,
)
def test_j5_extensions_that_must_be_understood_are_not(extension: dict[str, Any]) -> None:
    assert "extension" in refused(token(header=extension)).reason
    assert accepted(token(header={"cty": "JSON", "unknown": 1}))


def test_j5_an_unencoded_payload_is_refused() -> None:
    head = part({**HEADER, "b64": False, "crit": ["b64"]})
    signing_input = head.encode() + b"." + JSON_CLAIMS
    refused(f"{head}.{JSON_CLAIMS.decode()}.{b64(key().sign(signing_input))}")


# ------------------------------------------------------------------------------------------------ J6


def test_j6_only_the_compact_form_is_read() -> None:
    good = token()
    head, payload, signature = good.split(".")
    flat = {"protected": head, "payload": payload, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": head, "signature": signature}]}
    for other in (
        json.dumps(flat),
        json.dumps(general),
        json.dumps({"payload": payload, "signatures": []}),
        "{" + good + "}",
        f"[{good!r}]",
        f'"{good}"',
    ):
        refused(other)
    assert accepted(good)


@pytest.mark.parametrize(
    "spelling",
    [
        "{h}=.{p}.{s}",
        "{h}.{p}=.{s}",
        "{h}.{p}.{s}==",
        "{h}.{p}.{s}=",
        " {h}.{p}.{s}",
        "{h}.{p}.{s} ",
        "{h}.{p}.{s}\n",
        "{h} .{p}.{s}",
        "{h}.\t{p}.{s}",
        ".{h}.{p}.{s}",
        "{h}.{p}.{s}.",
        "{h}..{p}.{s}",
        "{h}.{p}..{s}",
        "{h}.{p}.{s}.{s}",
        "{h}.{p}.{p}.{s}",
        "{h}.{p}.{s}.x.y",
        "..",
        "...",
        ".{p}.{s}",
        "{h}..{s}",
        "{h}.{p}",
        "{h}",
        "",
        "Bearer {h}.{p}.{s}",
        "{h}.{p}.{s}\0",
        "{h}.{p}.{s}é",
        "{h}.{p}.{s}\ud800",
    ],
)
def test_j6_no_padding_no_white_space_no_other_dots(spelling: str) -> None:
    head, payload, signature = token().split(".")
    refused(spelling.format(h=head, p=payload, s=signature))
    assert accepted(f"{head}.{payload}.{signature}")


def test_j6_the_last_character_of_a_signature_cannot_be_changed() -> None:
    """86 characters carry 516 bits, a signature 512: four spare bits, which must be zero."""
    good = token()
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        if last != good[-1]:
            refused(good[:-1] + last)
    assert accepted(good)


def test_j6_the_standard_alphabet_is_another_one() -> None:
    signing = key("RS256")
    n = 0
    while "-" not in (good := token(signing=signing, jti=f"jti {n}")).rpartition(".")[2]:
        n += 1
    head, _, signature = good.rpartition(".")
    assert accepted(good, keys=keys(signing))
    refused(f"{head}.{signature.replace('-', '+')}", keys=keys(signing))


# ------------------------------------------------------------------------------------------------ J7


def test_j7_an_encrypted_token_is_not_even_opened() -> None:
    """RSA1_5, a count of 2**31 and a compression bomb all end at the same door: `alg` signs nothing."""
    for header in (
        {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31, "p2s": "AAAA"},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "ECDH-ES", "enc": "A256GCM", "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
    ):
        for parts in (
            f"{part(header)}....",
            f"{part(header)}.AAAA.AAAA.AAAA.AAAA",
            f"{part(header)}.{part(CLAIMS)}.AAAA",
        ):
            assert "algorithm" in refused(parts).reason


# ------------------------------------------------------------------------------------------------ J8


def ecdsa(signature: bytes) -> str:
    return f"{part(HEADER)}.{part(CLAIMS)}.{b64(signature)}"


def test_j8_only_r_and_s_in_range_and_at_full_length() -> None:
    r, s = key().rs(f"{part(HEADER)}.{part(CLAIMS)}".encode())

    def full(r: int, s: int, size: int = 32) -> bytes:
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    assert accepted(ecdsa(full(r, s)))
    for attack in (
        full(0, 0),
        full(0, s),
        full(r, 0),
        full(P256_N, s),
        full(r, P256_N),
        full(P256_N, P256_N),
        full(1, 1),
        full(2**256 - 1, 2**256 - 1),
        full(s, r),
        full(r, s, 33),
        r.to_bytes(32, "big") + s.to_bytes(33, "big"),
        full(r, s, 66),
        full(r, s)[:-1],
        full(r, s)[1:],
        full(r, s) + b"\0",
        b"\0" + full(r, s),
        encode_dss_signature(r, s),
        r.to_bytes(32, "big"),
        b"\0",
    ):
        assert "signature" in refused(ecdsa(attack)).reason


@pytest.mark.parametrize(("r", "s"), [(0, 0), (0, 1), (P256_N, P256_N), (P256_N, 0), (0, P256_N)])
def test_j8_numbers_that_fit_every_message_fit_none(r: int, s: int) -> None:
    """CVE-2022-21449."""
    refused(ecdsa(r.to_bytes(32, "big") + s.to_bytes(32, "big")))


def test_j8_a_signature_of_another_curve_is_refused() -> None:
    """Both ways: a P-384 signature under ES256, and a P-256 key under ES384."""
    p384 = key("ES384")
    refused(compact(HEADER, CLAIMS, p384))
    assert "not for ES384" in refused(compact({**HEADER, "alg": "ES384"}, CLAIMS, p384)).reason
    assert accepted(compact({**HEADER, "alg": "ES384"}, CLAIMS, p384), keys=keys(p384))


def test_j8_an_rsa_signature_has_the_length_of_its_key() -> None:
    signing = key("RS256")
    good = token(signing=signing)
    head, _, signature = good.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert accepted(f"{head}.{b64(raw)}", keys=keys(signing))
    for attack in (raw[:-1], raw + b"\0", b"\0" + raw, b"\0" * 256, b"\0" * 255 + b"\1", b"\xff" * 256):
        refused(f"{head}.{b64(attack)}", keys=keys(signing))


# ------------------------------------------------------------------------------------------------ J10


def members(value: dict[str, Any], *more: str) -> bytes:
    """The object with more members, written as they are."""
    return (json.dumps(value)[:-1] + "".join(f", {member}" for member in more) + "}").encode()


@pytest.mark.parametrize(
    "more",
    [
        '"exp": 9999999999',
        rf'"\u0065xp": {NOW + 900}',
        '"sub": "someone else"',
        f'"iss": "{ISSUER}"',
        '"a": {"b": 1, "b": 2}',
    ],
)
def test_j10_a_claim_that_stands_there_twice_is_refused(more: str) -> None:
    assert "twice" in refused(compact(HEADER, members(dict(CLAIMS), more), key())).reason
    assert accepted(compact(HEADER, members(dict(CLAIMS), '"other": 1', '"a": {"b": 1, "c": {"b": 2}}'), key()))


@pytest.mark.parametrize(
    "more", ['"alg": "ES256"', '"alg": "none"', r'"\u0061lg": "none"', '"kid": "k1"', '"typ": "JWT"']
)
def test_j10_a_header_member_that_stands_there_twice_is_refused(more: str) -> None:
    assert "twice" in refused(compact(members(dict(HEADER), more), CLAIMS, key())).reason
    assert accepted(compact(members(dict(HEADER), '"other": 1'), CLAIMS, key()))


def test_j10_escapes_are_read_as_what_they_mean() -> None:
    assert accepted(compact(rb'{"\u0061lg":"ES256","kid":"\u006b1","typ":"at+jwt"}', CLAIMS, key()))
    refused(compact(rb'{"alg":"n\u006fne","kid":"k1","typ":"at+jwt"}', CLAIMS, key()))


@pytest.mark.parametrize("bomb", ["[" * 5_000 + "]" * 5_000, '{"a":' * 1_500 + "1" + "}" * 1_500, "[" * 10_000])
def test_j10_a_nesting_bomb_is_refused(bomb: str) -> None:
    refused(compact(HEADER, members(dict(CLAIMS), f'"x": {bomb}'), key()))
    refused(compact(members(dict(HEADER), f'"x": {bomb}'), CLAIMS, key()))
    assert accepted(compact(HEADER, members(dict(CLAIMS), '"x": ' + "[" * 20 + "]" * 20), key()))


@pytest.mark.parametrize(
    "exp",
    [
        f'"{NOW + 900}"',
        f"{NOW + 900}.0",
        f"{NOW + 900}.5",
        "1.8e9",
        "true",
        "null",
        "-1",
        f"-{NOW}",
        "[]",
        f"[{NOW + 900}]",
        "{}",
        "1e400",
        "9" * 30,
        "9" * 5_000,
        "253402300800",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "01800000900",
    ],
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_j10_a_date_is_a_whole_number_of_seconds(name: str, exp: str) -> None:
    claims = {**CLAIMS, "nbf": NOW}
    good = claims.pop(name)
    written = json.dumps(claims)[:-1] + f', "{name}": '
    refused(compact(HEADER, f"{written}{exp}}}".encode(), key()))
    assert accepted(compact(HEADER, f"{written}{good}}}".encode(), key()))


@pytest.mark.parametrize("claims", [b"[]", b'"claims"', b"1", b"null", b"", b"\xff", b"{}{}", JSON_CLAIMS + b"x"])
def test_j10_the_claims_are_one_json_object(claims: bytes) -> None:
    refused(compact(HEADER, claims, key()))
    assert accepted(compact(HEADER, b" " + JSON_CLAIMS + b"\r\n", key()))


# ------------------------------------------------------------------------------------------------ J11


@pytest.mark.parametrize(
    "big",
    [
        pytest.param("A" * 65_536, id="64 KB"),
        pytest.param("A" * 1_048_576, id="1 MB"),
        pytest.param("." * 1_048_576, id="1 MB of dots"),
        pytest.param(part({**HEADER, "x": "x" * 100_000}) + ".e30.AAAA", id="header of 100 KB"),
        pytest.param("{" * 1_048_576, id="1 MB of braces"),
        pytest.param(("é" * 10_000) + "." * 7_000, id="not ASCII"),
    ],
)
def test_j11_a_huge_token_costs_nothing(big: str) -> None:
    published = keys()
    before = time.process_time()
    refused(big, keys=published)
    assert time.process_time() - before < 0.05


def test_j11_the_cap_is_on_the_whole_token() -> None:
    room = (MAX_TOKEN - len(token(x=""))) * 3 // 4
    assert accepted(token(x="x" * (room - 8)))
    assert "longer" in refused(token(x="x" * (room + 8))).reason


def test_j11_what_fits_costs_little() -> None:
    for costly in ("." * MAX_TOKEN, b64(b"[" * 12_000) + "..", f"{part(HEADER)}.{b64(b'[' * 11_000)}.{b64(b'x' * 64)}"):
        before = time.process_time()
        refused(costly)
        assert time.process_time() - before < 0.05


# ------------------------------------------------------------------------------------------------ J12


@pytest.mark.parametrize(
    "typ",
    [
        "JWT",
        "jwt",
        "logout+jwt",
        "dpop+jwt",
        "client-authentication+jwt",
        "oauth-authz-req+jwt",
        "at+jws",
        "at",
        "at+jwt ",
        "text/at+jwt",
        "application/application/at+jwt",
        "",
        ...,
        None,
        7,
        ["at+jwt"],
    ],
)
def test_j12_a_token_of_another_kind_is_refused(typ: Any) -> None:
    assert "typ" in refused(token(header={"typ": typ})).reason


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "at+JWT", "Application/AT+JWT"])
def test_j12_a_media_type_has_no_case(typ: str) -> None:
    assert accepted(token(header={"typ": typ}))


def test_j12_a_remembered_header_is_still_of_its_kind() -> None:
    from resource_servers.tokens import Audience, verify_jwt

    published = keys()
    id_token = token(header={"typ": "JWT"})
    verify_jwt(id_token, published, issuer=ISSUER, audience=Audience.ANY, now=NOW)
    assert len(published.headers) == 1
    assert "type" in refused(id_token, keys=published).reason


# ------------------------------------------------------------------------------------------------ J13


@pytest.mark.parametrize(
    "aud",
    [
        "https://orders.example/",
        "https://orders.exampl",
        "https://orders.example.evil.example",
        "HTTPS://orders.example",
        "https://Orders.example",
        " https://orders.example",
        "https://orders.example https://other.example",
        "",
        [],
        ["https://other.example"],
        [["https://orders.example"]],
        [{"https://orders.example": 1}],
        {"https://orders.example": 1},
        {"0": "https://orders.example"},
        [7],
        7,
        True,
        None,
        ...,
    ],
)
def test_j13_the_audience_is_ours_to_the_letter(aud: Any) -> None:
    assert "aud" in refused(token(aud=aud)).reason


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["https://other.example", AUDIENCE], [7, AUDIENCE]])
def test_j13_one_of_several_audiences_may_be_ours(aud: Any) -> None:
    assert accepted(token(aud=aud))


def test_j13_we_may_have_several_names() -> None:
    assert accepted(token(aud=["b"]), audience=["a", "b"])
    assert accepted(token(aud="b"), audience={"a", "b"})
    refused(token(aud="ab"), audience=["a", "b"])
    refused(token(aud="a"), audience="ab")
    refused(token(aud=[["a"]]), audience={"a", "b"})


@pytest.mark.parametrize(
    "iss",
    [ISSUER + "/", ISSUER[:-1], ISSUER.upper(), "https://evil.example", "", [ISSUER], {"iss": ISSUER}, None, 7, ...],
)
def test_j13_the_issuer_is_the_one_expected_to_the_letter(iss: Any) -> None:
    assert "issuer" in refused(token(iss=iss)).reason
    assert accepted(token())


# ------------------------------------------------------------------------------------------------ J14


def test_j14_a_token_holds_until_the_second_of_its_expiry() -> None:
    assert accepted(token(exp=NOW + 1))
    assert accepted(token(exp=NOW + 1), now=NOW + 0.999)
    for exp in (NOW, NOW - 1, NOW - 61, 0):
        assert isinstance(refused(token(exp=exp)), ExpiredToken)


def test_j14_no_leeway_reaches_back_before_the_epoch() -> None:
    assert accepted(token(exp=0), leeway=2 * NOW)
    assert not isinstance(refused(token(exp=-1), leeway=2 * NOW), ExpiredToken)


def test_j14_leeway_is_given_only_when_asked_for() -> None:
    assert accepted(token(exp=NOW - 29), leeway=30)
    assert isinstance(refused(token(exp=NOW - 30), leeway=30), ExpiredToken)


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_j14_the_future_is_a_minute_away_at_most(name: str) -> None:
    for ahead, good in ((10, True), (60, True), (61, False), (86_400, False), (10**9, False)):
        if good:
            assert accepted(token(**{name: NOW + ahead}))
        else:
            assert name in refused(token(**{name: NOW + ahead})).reason
