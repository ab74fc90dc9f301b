"""Tokens made by hand, byte for byte, with `cryptography` alone: a writer that shares no code with the reader under test.

Everything about a token can be wrong here: the header and the claims may be given as raw bytes, the parts put together in
any way.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from resource_servers.keys import VerificationKeys

NOW = 1_800_000_000
ISSUER = "https://login.example/acme_Pool1"
AUDIENCE = "https://orders.example"
READ = f"{AUDIENCE}/read"
CLAIMS: Mapping[str, Any] = {
    "iss": ISSUER,
    "sub": "8f4e9c1e-6a44-4d2b-9d0f-5f3c0a7a1b22",
    "aud": [AUDIENCE, ISSUER],
    "client_id": "web",
    "scope": f"openid {READ}",
    "exp": NOW + 900,
    "iat": NOW,
    "jti": "grant.token",
    "groups": ["staff"],
    "sid": "session",
}
HEADER: Mapping[str, Any] = {"typ": "at+jwt", "alg": "ES256", "kid": "k1"}

_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Key:
    """A signing key with what its JWK says."""

    alg: str
    kid: str | None
    private: Any

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public JWK; a member given as None is left out."""
        public = self.private.public_key()
        jwk: dict[str, Any] = {"kid": self.kid, "alg": self.alg, "use": "sig"}
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            jwk |= {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        elif isinstance(public, ec.EllipticCurvePublicKey):
            point, size = public.public_numbers(), (public.key_size + 7) // 8
            jwk |= {"kty": "EC", "crv": {256: "P-256", 384: "P-384", 521: "P-521"}[public.key_size]}
            jwk |= {"x": number(point.x, size), "y": number(point.y, size)}
        else:
            jwk |= {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}
        return {name: value for name, value in {**jwk, **members}.items() if value is not None}

    def sign(self, data: bytes, alg: str | None = None) -> bytes:
        alg = alg or self.alg
        if alg in _CURVES:
            r, s = self.rs(data)
            size = (self.private.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        digest = _HASHES[alg[2:]]
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return self.private.sign(data, padding.PKCS1v15() if alg.startswith("RS") else pss, digest)

    def rs(self, data: bytes) -> tuple[int, int]:
        """An ECDSA signature as its two numbers."""
        return decode_dss_signature(self.private.sign(data, ec.ECDSA(_HASHES[self.alg[2:]])))


@cache
def rsa_private(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def key(alg: str = "ES256", kid: str | None = "k1", *, nth: int = 0) -> Key:
    """A key; `nth` gives another one of the same kind and name. All RSA keys are one, for they are slow to make."""
    if alg in _CURVES:
        return Key(alg, kid, ec.generate_private_key(_CURVES[alg]))
    return Key(alg, kid, ed25519.Ed25519PrivateKey.generate() if alg.startswith("Ed") else rsa_private())


def keys(*signing: Key) -> VerificationKeys:
    """The public halves, parsed; those of the usual key by default."""
    return VerificationKeys.parse({"keys": [each.jwk() for each in signing or (key(),)]})


def part(value: Mapping[str, Any] | bytes) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The members with changes; ... as a value removes one."""
    return {name: value for name, value in {**members, **changes}.items() if value is not ...}


def compact(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, signing: Key, alg: str = "") -> str:
    """A JWS in compact form, truly signed, whatever stands in it."""
    signing_input = f"{part(header)}.{part(claims)}"
    return f"{signing_input}.{b64(signing.sign(signing_input.encode(), alg or signing.alg))}"


def token(*, header: Mapping[str, Any] | None = None, signing: Key | None = None, **claims: Any) -> str:
    """A good access token with changes; ... as a value removes a member."""
    signing = signing or key()
    own = {"alg": signing.alg, "kid": ... if signing.kid is None else signing.kid}
    return compact(changed(HEADER, {**own, **(header or {})}), changed(CLAIMS, claims), signing)
