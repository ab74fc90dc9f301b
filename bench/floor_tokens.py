"""The floors' tokens: the same claims and signatures as ours, put together with the least Python.

Not a library: nothing here checks what a server would have to check. See README.md for what a floor is.
"""

import binascii
import hashlib
import hmac
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

ACCESS_TTL, ID_TTL, REFRESH_TTL = 900, 3600, 30 * 86400

Claims = dict[str, Any]

_URLSAFE = bytes.maketrans(b"+/", b"-_")
_SHA256, _PKCS1 = hashes.SHA256(), padding.PKCS1v15()
_ECDSA = ec.ECDSA(_SHA256)


def b64(data: bytes) -> bytes:
    """Unpadded base64url."""
    return binascii.b2a_base64(data, newline=False).translate(_URLSAFE).rstrip(b"=")


def unb64(data: bytes) -> bytes:
    return binascii.a2b_base64(data.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(data) % 4))


def digest(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest()).decode()


def same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())


def chance(size: int) -> str:
    return b64(os.urandom(size)).decode()


class Signing:
    """One key of each algorithm; `kid` as long as ours, which is a thumbprint."""

    def __init__(self) -> None:
        self._rsa = rsa.generate_private_key(65537, 2048)
        self._ec = ec.generate_private_key(ec.SECP256R1())
        self._verify = self._ec.public_key().verify
        self._heads = {
            (alg, typ): b64(orjson.dumps({"alg": alg, "typ": typ, "kid": "k" * 43})) + b"."
            for alg in ("ES256", "RS256")
            for typ in ("at+jwt", "JWT")
        }

    def sign(self, alg: str, typ: str, claims: Mapping[str, Any]) -> str:
        message = self._heads[alg, typ] + b64(orjson.dumps(claims))
        if alg == "RS256":
            signature = self._rsa.sign(message, _PKCS1, _SHA256)
        else:
            r, s = utils.decode_dss_signature(self._ec.sign(message, _ECDSA))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return (message + b"." + b64(signature)).decode()

    def verified(self, token: bytes) -> Claims:
        """The claims of an ES256 token of ours. Raises InvalidSignature."""
        message, _, encoded = token.rpartition(b".")
        signature = unb64(encoded)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        self._verify(utils.encode_dss_signature(r, s), message, _ECDSA)
        claims: Claims = orjson.loads(unb64(message.partition(b".")[2]))
        return claims


def machine_claims(issuer: str, api: str, client_id: str, scope: str, grant: str) -> Claims:
    now = int(time.time())
    return {
        "iss": issuer,
        "sub": client_id,
        "aud": [api],
        "client_id": client_id,
        "scope": scope,
        "exp": now + ACCESS_TTL,
        "iat": now,
        "jti": f"{grant}.{chance(12)}",
    }


def access_claims(issuer: str, api: str, grant: Claims, groups: list[str], now: int) -> Claims:
    return {
        "iss": issuer,
        "sub": grant["user_id"],
        "aud": [api, issuer],
        "client_id": grant["client_id"],
        "scope": grant["scope"],
        "exp": now + ACCESS_TTL,
        "iat": now,
        "jti": f"{grant['id']}.{chance(12)}",
        "auth_time": grant["auth_time"],
        "acr": grant["acr"],
        "amr": grant["amr"],
        "groups": groups,
        "sid": grant["sid"],
    }


def id_claims(issuer: str, grant: Claims, access: str, person: Claims, now: int, nonce: str | None) -> Claims:
    claims = {
        "iss": issuer,
        "sub": grant["user_id"],
        "aud": grant["client_id"],
        "exp": now + ID_TTL,
        "iat": now,
        "auth_time": grant["auth_time"],
        "acr": grant["acr"],
        "amr": grant["amr"],
        "azp": grant["client_id"],
        "sid": grant["sid"],
        "at_hash": b64(hashlib.sha256(access.encode()).digest()[:16]).decode(),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    claims |= person
    return claims


def grant_of(row: Sequence[Any]) -> Claims:
    """The grant of a row that `floor_stores` read."""
    ident, client_id, user_id, sid, scope, auth_time, acr, amr = row[:8]
    return {
        "id": ident,
        "client_id": client_id,
        "user_id": user_id,
        "sid": sid,
        "scope": " ".join(orjson.loads(scope)),
        "auth_time": auth_time,
        "acr": acr,
        "amr": orjson.loads(amr),
    }


def person_of(row: Sequence[Any]) -> Claims:
    """What the scopes `profile` and `email` say of a user (OpenID Connect Core 5.4)."""
    username, email, email_verified, attributes, updated_at = row
    return {
        **orjson.loads(attributes),
        "preferred_username": username,
        "updated_at": updated_at,
        "email": email,
        "email_verified": bool(email_verified),
    }
