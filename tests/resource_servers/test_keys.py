"""What may stand in a JWKS, and which key a header finds there (attack J9 and its kin)."""

import json
from contextlib import suppress
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st

from resource_servers.errors import InvalidKeySet, InvalidToken, UnknownKey
from resource_servers.keys import MAX_KEYS, SignedHeader, VerificationKeys
from tests.resource_servers.forge import Key, b64, key, keys, number, rsa_private

DATA = b"header.payload"


def holds(found: VerificationKeys, signing: Key, alg: str | None = None) -> bool:
    alg = alg or signing.alg
    try:
        found.find(signing.kid, alg)(signing.sign(DATA, alg), DATA)
    except InvalidSignature:
        return False
    return True


def parse(*jwks: Any) -> VerificationKeys:
    return VerificationKeys.parse({"keys": list(jwks)})


@pytest.mark.parametrize(
    "alg",
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
)
def test_each_algorithm_verifies_with_its_own_key_only(alg: str) -> None:
    mine = key(alg)
    assert holds(keys(mine), mine)
    if alg.startswith("E"):
        assert not holds(keys(key(alg, nth=1)), mine)
    with pytest.raises(InvalidSignature):
        keys(mine).find("k1", alg)(mine.sign(b"something else"), DATA)


def test_an_rsa_key_without_alg_serves_every_rsa_algorithm() -> None:
    mine = key("RS256")
    found = parse(mine.jwk(alg=None))
    assert len(found) == 6
    assert all(holds(found, mine, alg) for alg in ("RS256", "RS512", "PS256", "PS384"))


def test_an_rsa_key_with_alg_serves_that_one_only() -> None:
    with pytest.raises(InvalidToken, match="not for PS256") as refusal:
        keys(key("RS256")).find("k1", "PS256")
    assert not isinstance(refusal.value, UnknownKey)


def test_a_signature_with_another_salt_length_is_refused() -> None:
    """RFC 7518 section 3.5: the salt is as long as the digest."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA256()
    verify = keys(key("PS256")).find("k1", "PS256")
    for salt, good in ((32, True), (20, False), (0, False)):
        signature = rsa_private().sign(DATA, padding.PSS(padding.MGF1(digest), salt), digest)
        if good:
            verify(signature, DATA)
        else:
            with pytest.raises(InvalidSignature):
                verify(signature, DATA)


def test_the_same_key_id_may_serve_two_algorithms() -> None:
    found = keys(key("ES256"), key("RS256"))
    assert holds(found, key("ES256"))
    assert holds(found, key("RS256"))


def test_a_key_id_that_two_keys_share_is_refused() -> None:
    with pytest.raises(InvalidKeySet, match="two keys"):
        keys(key("ES256"), key("ES256", nth=1))
    assert len(keys(key("ES256"), key("ES256", "k2"))) == 2


def test_without_a_key_id_the_one_key_that_fits_is_taken() -> None:
    named, nameless = key("ES256"), key("RS256", None)
    found = keys(named, nameless)
    assert found.find(None, "ES256") is found.find("k1", "ES256")
    assert holds(found, nameless)


def test_without_a_key_id_two_keys_that_fit_are_one_too_many() -> None:
    found = keys(key("ES256"), key("ES256", "k2"))
    with pytest.raises(InvalidToken, match="several keys") as refusal:
        found.find(None, "ES256")
    assert not isinstance(refusal.value, UnknownKey)  # a newer set would not help
    with pytest.raises(UnknownKey) as unknown:
        found.find(None, "ES384")
    assert unknown.value.kid is None


@pytest.mark.parametrize(
    "kid", ["k2", "K1", "k1 ", "", "k1\0", "' OR 1=1 --", "../../etc/passwd", "https://evil.example/jwks", "k" * 10_240]
)
def test_a_key_id_that_is_not_in_the_set_finds_nothing(kid: str) -> None:
    with pytest.raises(UnknownKey) as refusal:
        keys().find(kid, "ES256")
    assert refusal.value.kid == kid
    assert len(refusal.value.reason) < 150
    assert refusal.value.reason.isprintable()
    assert holds(keys(), key())


def test_keys_for_other_purposes_are_passed_over() -> None:
    good = key()
    found = parse(
        {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA"},
        {"kty": "OKP", "crv": "X25519", "x": b64(b"\7" * 32), "kid": "x"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "kid": "coin"},
        {"kty": "EC", "crv": 7, "kid": "seven"},
        {"kty": "EC", "kid": "no curve"},
        {"kty": "oct", "kid": "empty"},
        key("ES256", "enc").jwk(use="enc"),
        key("ES256", "ops").jwk(key_ops=["deriveKey"]),
        key("ES256", "alg").jwk(alg="ECDH-ES"),
        key("RS256", "oaep").jwk(alg="RSA-OAEP"),
        key("ES256", "cross").jwk(alg="RS256"),
        good.jwk(key_ops=["verify"], x5u="https://evil.example", x5c=["rubbish"], x5t=7),
    )
    assert repr(found) == "VerificationKeys('k1')"
    assert holds(found, good)


def test_an_issuer_may_publish_no_key_at_all() -> None:
    assert len(parse()) == 0
    with pytest.raises(UnknownKey):
        parse().find("k1", "ES256")


def test_a_key_without_use_and_alg_is_taken_for_what_it_is() -> None:
    assert holds(parse(key().jwk(use=None, alg=None)), key())


# ------------------------------------------------------------------------------------------------ J9


def rsa_jwk(n: int, e: int = 65537) -> dict[str, Any]:
    return {"kty": "RSA", "kid": "k1", "n": number(n), "e": number(e)}


def good_n() -> int:
    return rsa_private().public_key().public_numbers().n


def roca_n() -> int:
    """A modulus that looks like one of the broken generator: a power of 65537 modulo all small primes."""
    product = 1
    for p in range(2, 168):
        if all(p % q for q in range(2, p)):
            product *= p
    n = pow(65537, 12345, product)
    return n + product * ((1 << 2047) // product + 1)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth"])
def test_a_private_key_is_refused(member: str) -> None:
    with pytest.raises(InvalidKeySet, match="not public"):
        parse(rsa_jwk(good_n()) | {member: "AQAB"})
    assert len(parse(rsa_jwk(good_n()))) == 6


def test_a_symmetric_key_is_refused() -> None:
    with pytest.raises(InvalidKeySet, match="not public"):
        parse({"kty": "oct", "kid": "k1", "k": b64(b"secret")})


@pytest.mark.parametrize(
    ("n", "e", "why"),
    [
        pytest.param((1 << 1023) + 1, 65537, "1024 bits", id="1024 bits"),
        pytest.param((1 << 2046) + 1, 65537, "2047 bits", id="2047 bits"),
        pytest.param((1 << 8192) + 1, 65537, "8193 bits", id="8193 bits"),
        pytest.param(None, 1, "exponent", id="e is 1"),
        pytest.param(None, 3, "exponent", id="e is 3"),
        pytest.param(None, 65536, "exponent", id="e is even and too small"),
        pytest.param(None, 65538, "exponent", id="e is even"),
        pytest.param(None, (1 << 256) + 1, "exponent", id="e is huge"),
    ],
)
def test_a_weak_rsa_key_is_refused(n: int | None, e: int, why: str) -> None:
    with pytest.raises(InvalidKeySet, match=why):
        parse(rsa_jwk(n or good_n(), e))
    assert len(parse(rsa_jwk(good_n(), 65537))) == 6


def test_a_modulus_of_the_broken_generator_is_refused() -> None:
    with pytest.raises(InvalidKeySet, match="broken generator"):
        parse(rsa_jwk(roca_n()))
    assert len(parse(rsa_jwk(roca_n() + 2))) == 6


ED25519_P = 2**255 - 19


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize(
    "y",
    [
        pytest.param(0, id="order 4"),
        pytest.param(1, id="order 1"),
        pytest.param(ED25519_P - 1, id="order 2"),
        pytest.param(ED25519_P, id="order 4, another spelling"),
        pytest.param(ED25519_P + 1, id="order 1, another spelling"),
        pytest.param(0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826, id="order 8"),
        pytest.param(0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7, id="order 8, the other"),
    ],
)
def test_an_ed25519_key_of_small_order_is_refused(y: int, sign: int) -> None:
    with pytest.raises(InvalidKeySet, match="small order"):
        parse({"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": b64((y | sign).to_bytes(32, "little"))})
    assert len(keys(key("Ed25519"))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"x": "AAAA"},
        {"y": None},
        {"x": 7},
        {"x": ["AQAB"]},
        {"x": "é"},
        {"x": key("ES256", nth=5).jwk()["x"]},
        {"x": b64(b"\xff" * 32)},
    ],
    ids=["short", "missing", "number", "array", "not ASCII", "not on the curve", "out of the field"],
)
def test_a_damaged_key_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeySet, match="damaged"):
        parse(key().jwk(**changes))


@pytest.mark.parametrize("changes", [{"n": None}, {"n": 7}, {"e": "AQ=="}, {"e": None}, {"n": "A"}])
def test_a_damaged_rsa_key_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeySet, match="damaged"):
        parse(key("RS256").jwk(**changes))


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("key", "kty"),
        ({}, "kty"),
        ({"kty": ["EC"]}, "kty"),
        ({"kty": "EC", "kid": 1}, "kid is not"),
        ({"kty": "EC", "crv": "P-256", "key_ops": "verify"}, "key_ops"),
    ],
)
def test_what_is_no_key_is_refused(entry: Any, why: str) -> None:
    with pytest.raises(InvalidKeySet, match=why):
        parse(entry)


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": {}}, {"keys": "k"}])
def test_what_is_no_key_set_is_refused(jwks: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeySet, match="array of keys"):
        VerificationKeys.parse(jwks)


def test_a_set_has_a_bounded_number_of_keys() -> None:
    other = {"kty": "AKP"}
    parse(*[other] * MAX_KEYS)
    with pytest.raises(InvalidKeySet, match="more than"):
        parse(*[other] * (MAX_KEYS + 1))


MEMBERS = st.sampled_from(["kty", "crv", "alg", "use", "kid", "key_ops", "x", "y", "n", "e", "d", "k"])
VALUES = (
    st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "ES256", "sig", "AQAB", b64(b"\1" * 32)])
    | st.text(max_size=50)
    | st.integers()
    | st.none()
    | st.lists(st.text(max_size=5), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)


@given(st.dictionaries(MEMBERS, VALUES), st.sampled_from(["ES256", "Ed25519"]))
def test_any_jwk_is_read_or_refused(changes: dict[str, Any], alg: str) -> None:
    """Whatever JSON says: no other exception than InvalidKeySet."""
    jwk = json.loads(json.dumps(key(alg).jwk() | changes))
    with suppress(InvalidKeySet):
        parse(jwk)


def test_the_memory_of_headers_is_bounded() -> None:
    found = keys()
    verify = found.find("k1", "ES256")
    for n in range(1000):
        found.remember(b"%d" % n, SignedHeader("ES256", None, verify))
    assert len(found.headers) <= 64
    assert b"999" in found.headers
