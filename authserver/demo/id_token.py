"""The checks of an ID token that a client must make (OpenID Connect Core 3.1.3.7 and 12.2). Pure."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from resource_servers.encoding import decode_base64url, parse_json_object
from resource_servers.errors import InvalidToken, shown
from resource_servers.tokens import VerificationKeys, verify_jwt

AUTH_TIME_SKEW: Final = 60
"""Seconds that the server's clock may be behind ours when `max_age` is checked."""

_HASHES: Mapping[str, Callable[[bytes], Any]] = {
    "256": hashlib.sha256,
    "384": hashlib.sha384,
    "512": hashlib.sha512,
}


def validate_id_token(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    client_id: str,
    access_token: str,
    nonce: str,
    now: float,
    algorithms: Collection[str],
    max_age: int | None = None,
) -> dict[str, Any]:
    """The claims of the ID token of a login.

    Signature, `iss`, `aud` and the times are judged by `verify_jwt`. `at_hash` is demanded, though optional in the code
    flow: our server always sends it.

    Raises UnknownKey if the JWKS lacks the key, InvalidToken for every other flaw.
    """
    claims = _own_token(token, keys, issuer, client_id, access_token, now, algorithms)
    if not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
        raise InvalidToken("the nonce is not the one that was sent")
    if max_age is not None:
        auth_time = claims.get("auth_time")
        if type(auth_time) is not int or now > auth_time + max_age + AUTH_TIME_SKEW:
            raise InvalidToken(f"auth_time is {shown(auth_time)}, and max_age was {max_age}")
    return claims


def validate_refreshed_id_token(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    client_id: str,
    access_token: str,
    earlier: Mapping[str, Any],
    now: float,
    algorithms: Collection[str],
) -> dict[str, Any]:
    """The claims of an ID token that came with a refresh (Core 12.2): the same person, the same login.

    Args:
        earlier: the claims of the login's first ID token.

    Raises UnknownKey if the JWKS lacks the key, InvalidToken for every other flaw.
    """
    claims = _own_token(token, keys, issuer, client_id, access_token, now, algorithms)
    if claims["sub"] != earlier["sub"]:
        raise InvalidToken("the refreshed ID token is about somebody else")
    for name in ("auth_time", "nonce"):
        if name in claims and claims[name] != earlier.get(name):
            raise InvalidToken(f"the refreshed ID token has another {name}")
    return claims


def _own_token(
    token: str,
    keys: VerificationKeys,
    issuer: str,
    client_id: str,
    access_token: str,
    now: float,
    algorithms: Collection[str],
) -> dict[str, Any]:
    claims = verify_jwt(
        token, keys, issuer=issuer, audience=client_id, now=now, types=("JWT", None), algorithms=algorithms
    )
    if claims["aud"] not in (client_id, [client_id]):
        raise InvalidToken("the audience has others beside us (Core 3.1.3.7, 3)")
    if claims.get("azp", client_id) != client_id:
        raise InvalidToken("azp names another client")
    if type(claims.get("iat")) is not int:
        raise InvalidToken("iat is missing")
    _text(claims, "sub")
    alg = parse_json_object(decode_base64url(token.partition(".")[0].encode()))["alg"]
    if not hmac.compare_digest(_text(claims, "at_hash").encode(), _half_hash(access_token, alg).encode()):
        raise InvalidToken("at_hash is not that of the access token")
    return claims


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if type(value) is not str or not value:
        raise InvalidToken(f"{name} is missing")
    return value


def _half_hash(access_token: str, alg: str) -> str:
    """The left half of the hash that `alg` signs with (Core 3.1.3.6); Ed25519 uses SHA-512 inside."""
    digest = _HASHES.get(alg[-3:], hashlib.sha512)(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode("ascii")
