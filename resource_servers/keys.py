"""The public keys of an issuer, read once, ready to verify.

A JWKS (RFC 7517 section 5) goes in; what comes out answers one question: which key verifies a token with this header.
joserfc reads the keys; signatures are checked by `cryptography` directly, with everything that can be prepared
prepared, because this stands in the way of every request to an API.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from resource_servers.encoding import decode_base64url
from resource_servers.errors import InvalidKeySet, InvalidToken, UnknownKey, shown

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""All signature algorithms known here (RFC 7518 section 3.1, RFC 8037, RFC 9864): every one of them asymmetric."""

MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2048
_MAX_RSA_BITS: Final = 8192  # a signature of a larger key costs milliseconds to check
_MAX_HEADERS: Final = 64

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_FITTING: dict[tuple[str, object], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y")

# Ed25519 (RFC 8032): y of the points whose order divides 8. A signature under such a key says nothing.
_ED25519_P = 2**255 - 19
_ED25519_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y = frozenset({0, 1, _ED25519_P - 1, _ED25519_Y8, _ED25519_P - _ED25519_Y8})

Verify = Callable[[bytes, bytes], object]
"""`verify(signature, signing_input)`: returns if it holds, raises InvalidSignature if not."""


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """A protected header that has been read, and the key that verifies what stands under it.

    `typ` is in lower case and without `application/`; None if the header has none.
    """

    alg: str
    typ: str | None
    verify: Verify


class VerificationKeys:
    """The keys of one JWKS. Never changes; a newer JWKS is a new object.

    `headers` remembers protected headers by their exact text, so that the header of the same key, which is the same in
    every token, is read once. Only headers under a verified signature get in, and only so many.
    """

    __slots__ = ("_by_kid", "_candidates", "headers")

    def __init__(self, candidates: list[tuple[str | None, str, Verify]]) -> None:
        self._candidates = candidates
        self._by_kid: dict[str, dict[str, Verify]] = {}
        for kid, alg, verify in candidates:
            if kid is None:
                continue
            of_kid = self._by_kid.setdefault(kid, {})
            if alg in of_kid:
                raise InvalidKeySet(f"two keys for the key ID {shown(kid)} and {alg}")
            of_kid[alg] = verify
        self.headers: dict[bytes, SignedHeader] = {}

    @classmethod
    def parse(cls, jwks: Mapping[str, Any]) -> "VerificationKeys":
        """Read a JWKS.

        Keys for something else are passed over: an unknown `kty`, `crv` or `alg`, a `use` other than `sig`, `key_ops`
        without `verify`. Everything but the key itself (`x5c`, `x5u`, ...) is never looked at.

        Raises InvalidKeySet if a key for signatures is damaged, private or symmetric, RSA of less than 2048 or more than
        8192 bits or with an exponent outside FIPS 186-5, from a generator known to be broken (ROCA), of small order
        (Ed25519), or if two keys answer to the same key ID and algorithm.
        """
        entries = jwks.get("keys")
        if not isinstance(entries, list):
            raise InvalidKeySet("a JWKS is an object with an array of keys (RFC 7517 section 5)")
        if len(entries) > MAX_KEYS:
            raise InvalidKeySet(f"more than {MAX_KEYS} keys")
        return cls([candidate for entry in entries for candidate in _read_key(entry)])

    def __len__(self) -> int:
        """How many pairs of key and algorithm there are."""
        return len(self._candidates)

    def __repr__(self) -> str:
        return f"VerificationKeys({', '.join(shown(kid) for kid in self._by_kid)})"

    def find(self, kid: str | None, alg: str) -> Verify:
        """The key for a header with this `kid` and `alg`.

        Without `kid`, the one key that fits. Raises UnknownKey if there is none (a newer JWKS may have it), and
        InvalidToken if the key is for another algorithm or several keys fit.
        """
        if kid is not None:
            of_kid = self._by_kid.get(kid)
            if of_kid is None:
                raise UnknownKey(kid)
            verify = of_kid.get(alg)
            if verify is None:
                raise InvalidToken(f"the key {shown(kid)} is not for {alg}")
            return verify
        fitting = [verify for _, candidate, verify in self._candidates if candidate == alg]
        if not fitting:
            raise UnknownKey(None)
        if len(fitting) > 1:
            raise InvalidToken("no key ID, and several keys fit")
        return fitting[0]

    def remember(self, text: bytes, header: SignedHeader) -> None:
        """Keep a header whose signature has been verified."""
        if len(self.headers) >= _MAX_HEADERS:
            self.headers.clear()
        self.headers[text] = header


def _read_key(jwk: object) -> list[tuple[str | None, str, Verify]]:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kty"), str):
        raise InvalidKeySet("a key is an object with a kty (RFC 7517 section 4.1)")
    kty, crv = jwk["kty"], jwk.get("crv")
    if kty not in {"RSA", "EC", "OKP", "oct"}:
        return []
    kid = jwk.get("kid")
    if not (kid is None or isinstance(kid, str)):
        raise InvalidKeySet("kid is not a string")
    private = _PRIVATE_MEMBERS & jwk.keys()
    if private:
        raise InvalidKeySet(f"the key {shown(kid)} is not public: it has the member {min(private)}")
    algorithms = _RSA if kty == "RSA" else _FITTING.get((kty, crv), ()) if isinstance(crv, str) else ()
    if "alg" in jwk:
        algorithms = tuple(alg for alg in algorithms if alg == jwk["alg"])
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list):
        raise InvalidKeySet("key_ops is not an array")
    if jwk.get("use", "sig") != "sig" or "verify" not in operations or not algorithms:
        return []
    public = _import(jwk, kid)
    return [(kid, alg, _verifier(public, alg)) for alg in algorithms]


def _import(jwk: dict[str, Any], kid: str | None) -> object:
    members = {name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}
    try:
        if jwk["kty"] == "RSA":
            _check_rsa(_number(members["n"]), _number(members["e"]))
        key = JWKRegistry.import_key(members).public_key
        if jwk["kty"] == "OKP":
            _check_ed25519(decode_base64url(members["x"].encode()))
    except InvalidKeySet as unfit:
        raise InvalidKeySet(f"the key {shown(kid)} {unfit}") from None
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as damaged:
        raise InvalidKeySet(f"the key {shown(kid)} is damaged") from damaged
    return key


def _number(text: str) -> int:
    return int.from_bytes(decode_base64url(text.encode()), "big")


def _check_rsa(n: int, e: int) -> None:
    if not _MIN_RSA_BITS <= n.bit_length() <= _MAX_RSA_BITS:
        raise InvalidKeySet(f"has {n.bit_length()} bits, not {_MIN_RSA_BITS} to {_MAX_RSA_BITS}")
    if not 2**16 < e < 2**256 or e % 2 == 0:
        raise InvalidKeySet("has an exponent outside FIPS 186-5 A.1.1")
    if all(pow(n, order, prime) == 1 for prime, order in _roca_orders()):
        raise InvalidKeySet("comes from a broken generator (CVE-2017-15361)")


@cache
def _roca_orders() -> tuple[tuple[int, int], ...]:
    """Small primes, each with the order of 65537 modulo it.

    The broken generator makes primes that are powers of 65537 modulo all of these at once, and so is their product. A
    sound modulus passes for one with a probability of about 2**-27.
    """
    primes = [p for p in range(3, 168, 2) if all(p % q for q in range(3, p, 2))]
    return tuple((p, next(k for k in range(1, p) if pow(65537, k, p) == 1)) for p in primes)


def _check_ed25519(x: bytes) -> None:
    y = int.from_bytes(x, "little") % 2**255  # the top bit is the sign of x
    if y % _ED25519_P in _SMALL_ORDER_Y:
        raise InvalidKeySet("is of small order")


def _verifier(key: object, alg: str) -> Verify:
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa_verifier(key, alg)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _ecdsa_verifier(key, alg)
    assert isinstance(key, ed25519.Ed25519PublicKey)  # noqa: S101 - _FITTING lets nothing else through
    return key.verify


def _rsa_verifier(key: rsa.RSAPublicKey, alg: str) -> Verify:
    digest = _HASHES[alg[2:]]
    # RFC 7518 section 3.5: the salt is as long as the digest.
    scheme: padding.AsymmetricPadding = (
        padding.PKCS1v15() if alg.startswith("RS") else padding.PSS(padding.MGF1(digest), digest.digest_size)
    )
    check = key.verify

    def verify(signature: bytes, signing_input: bytes) -> None:
        check(signature, signing_input, scheme, digest)

    return verify


def _ecdsa_verifier(key: ec.EllipticCurvePublicKey, alg: str) -> Verify:
    scheme = ec.ECDSA(_HASHES[alg[2:]])
    half = (key.curve.key_size + 7) // 8
    size = 2 * half
    check = key.verify

    def verify(signature: bytes, signing_input: bytes) -> None:
        # RFC 7518 section 3.4: r and s, each at full length, never DER.
        if len(signature) != size:
            raise InvalidSignature
        r = int.from_bytes(signature[:half], "big")
        s = int.from_bytes(signature[half:], "big")
        check(encode_dss_signature(r, s), signing_input, scheme)

    return verify
