"""Digests, comparison, tags, derived keys, sealing, and prepared signers."""

import hashlib
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from authserver.crypto.sealing import Sealer, Unsealable
from authserver.crypto.secrets import b64url, b64url_decode, derive, digest, mac, same
from authserver.crypto.signing import Signer, generate, public
from authserver.effects import SystemRandom
from authserver.errors import Invalid
from tests.journeys.house import each

RANDOM = SystemRandom()


@given(st.binary(max_size=100))
def test_base64url_goes_there_and_back(data: bytes) -> None:
    text = b64url(data)
    assert b64url_decode(text) == data
    assert "=" not in text
    assert text.isascii()


@each("text", ("A", "AB", "AA==", "A A=", "AA+A", "AA/A", "AAA\n", "\u00e9\u00e9\u00e9\u00e9", "AAB"))
def test_only_the_one_spelling_is_base64url(text: str) -> None:
    with pytest.raises(ValueError):
        b64url_decode(text)


def test_a_digest_is_sha_256() -> None:
    """FIPS 180-4, its example for `abc`."""
    assert b64url_decode(digest("abc")).hex() == hashlib.sha256(b"abc").hexdigest()
    assert hashlib.sha256(b"abc").hexdigest().startswith("ba7816bf8f01cfea")


@each(
    "pair",
    {
        "equal": ("a\u00e9", "a\u00e9", True),
        "other": ("a", "b", False),
        "longer": ("a", "aa", False),
        "empty": ("", "", True),
    },
)
def test_comparison(pair: tuple[str, str, bool]) -> None:
    a, b, equal = pair
    assert same(a, b) is equal


def test_a_tag_depends_on_key_and_message() -> None:
    tags = {mac(key, message) for key in (b"k" * 32, b"l" * 32) for message in (b"", b"a", b"b")}
    assert len(tags) == 6
    assert {len(tag) for tag in tags} == {32}
    assert mac(b"k" * 32, b"a") == mac(b"k" * 32, b"a")


def test_every_purpose_has_a_key_of_its_own() -> None:
    keys = {derive(master, purpose) for master in (b"a" * 32, b"b" * 32) for purpose in ("x", "y", "x ")}
    assert len(keys) == 6
    assert {len(key) for key in keys} == {32}


# ---------------------------------------------------------------------------------------------------- sealing


def test_what_is_sealed_opens_for_its_record_alone() -> None:
    sealer = Sealer(b"m" * 32, RANDOM)
    sealed = sealer.seal(b"secret", "table/1/column")
    assert b"secret" not in sealed
    assert sealer.open(sealed, "table/1/column") == b"secret"
    assert sealer.seal(b"secret", "table/1/column") != sealed
    with pytest.raises(Unsealable):
        sealer.open(sealed, "table/2/column")


@each("place", {"key id": 0, "nonce": 10, "text": 22, "tag": -1})
def test_one_changed_bit_does_not_open(place: int) -> None:
    sealer = Sealer(b"m" * 32, RANDOM)
    sealed = bytearray(sealer.seal(b"secret", "r"))
    sealed[place] ^= 1
    with pytest.raises(Unsealable):
        sealer.open(bytes(sealed), "r")


@each("length", {"nothing": 0, "key id alone": 8, "no text": 20, "short tag": 35})
def test_a_record_cut_short_does_not_open(length: int) -> None:
    sealer = Sealer(b"m" * 32, RANDOM)
    sealed = sealer.seal(b"secret", "r")
    with pytest.raises(Unsealable):
        sealer.open(sealed[:length], "r")


def test_an_old_master_key_opens_and_does_not_seal() -> None:
    old, new = Sealer(b"a" * 32, RANDOM), Sealer(b"b" * 32, RANDOM, old=(b"a" * 32,))
    sealed = old.seal(b"secret", "r")
    assert new.open(sealed, "r") == b"secret"
    with pytest.raises(Unsealable):
        old.open(new.seal(b"secret", "r"), "r")
    assert old.key_id != new.key_id == Sealer(b"b" * 32, RANDOM).key_id


# ---------------------------------------------------------------------------------------------------- signing


@pytest.fixture(scope="module")
def keys() -> dict[str, dict[str, str]]:
    return {alg: generate(alg) for alg in ("ES256", "RS256")}


@each("alg", ("ES256", "RS256"))
def test_a_signature_verifies_with_the_public_half(keys: dict[str, dict[str, str]], alg: str) -> None:
    """Judged by a library that is not ours."""
    private = keys[alg]
    shown = public(private)
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(shown)
    assert (shown["alg"], shown["use"]) == (alg, "sig")
    signer = Signer(private)
    for typ in ("JWT", "at+jwt", "JWT"):
        token = signer.sign(typ, {"sub": "\u00e9", "amr": ("pwd",)})
        assert jwt.get_unverified_header(token) == {"alg": alg, "typ": typ, "kid": private["kid"]}
        assert jwt.decode(token, jwt.PyJWK(shown), [alg]) == {"sub": "\u00e9", "amr": ["pwd"]}


def test_a_kid_is_the_keys_thumbprint(keys: dict[str, dict[str, str]]) -> None:
    """RFC 7638."""
    bare = {k: v for k, v in keys["ES256"].items() if k in {"kty", "crv", "x", "y"}}
    assert keys["ES256"]["kid"] == ECKey.import_key(bare).thumbprint()


def test_a_signature_is_of_fixed_length(keys: dict[str, dict[str, str]]) -> None:
    """RFC 7518 3.4: 64 bytes, whatever the numbers in them."""
    signer = Signer(keys["ES256"])
    lengths = {len(b64url_decode(signer.sign("JWT", {"n": n}).rpartition(".")[2])) for n in range(600)}
    assert lengths == {64}


def test_a_weak_or_unknown_key_signs_nothing(keys: dict[str, dict[str, str]]) -> None:
    with pytest.raises(Invalid):
        generate("HS256")
    with pytest.raises(Invalid):
        Signer({**keys["ES256"], "alg": "HS256"})
    curve: Any = ECKey.generate_key("P-384", private=True).as_dict(private=True)
    with pytest.raises(Invalid):
        Signer({**curve, "kid": "x", "alg": "ES256"})
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the weak key is the point
    for unfit in (small, small.public_key(), "x"):
        with pytest.raises(Invalid):
            Signer._rs256(unfit)
