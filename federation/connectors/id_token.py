"""ID tokens (OpenID Connect Core 2 and 3.1.3.7): who somebody is, in words that only the issuer can have written."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any

from federation.connectors.jws import Keys, check_audience, check_times, signed_claims, subject_of
from federation.connectors.returning import same
from federation.errors import BadAnswer, NotForUs
from resource_servers.errors import shown

Issuers = Callable[[Mapping[str, Any]], Collection[str]]
"""The values of `iss` that are right for a token with these claims."""

_TYPES: Collection[str | None] = (None, "jwt")
_DIGESTS: Mapping[str, Callable[[bytes], Any]] = {"256": sha256, "384": sha384, "512": sha512}
_CLOCKS = 60


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say.

    Attributes:
        nonce: what was sent; None where no login is under way (a refresh).
        nonce_required: whether a token without any is refused.
        access_token, code: what came with the token, for `at_hash` and `c_hash`; "" if nothing did.
        max_age: seconds that may have passed since the person proved who they are; None asks for nothing.
        begun_at: when the departure was, in seconds since the epoch.
    """

    issuers: Issuers
    client_id: str
    algorithms: Collection[str]
    now: int
    nonce: str | None = None
    nonce_required: bool = True
    access_token: str = ""
    code: str = ""
    max_age: int | None = None
    begun_at: int = 0


def verify_id_token(token: str, keys: Keys, expected: Expected) -> dict[str, Any]:
    """The claims of an ID token. Pure.

    Raises NotForUs if it belongs to another login, BadAnswer for everything else, and UnknownKey if a newer copy of the keys
    may have the one that is missing.
    """
    claims, alg = signed_claims(token, keys, algorithms=expected.algorithms, types=_TYPES, what="the ID token")
    check_issuer(claims, expected.issuers, "the ID token")
    check_audience(claims, expected.client_id, "the ID token")
    check_times(claims, expected.now, "the ID token")
    subject_of(claims, "the ID token")
    _check_nonce(claims, expected)
    _check_hash(claims, "at_hash", expected.access_token, alg)
    _check_hash(claims, "c_hash", expected.code, alg)
    _check_age(claims, expected)
    return claims


def check_issuer(claims: Mapping[str, Any], issuers: Issuers, what: str) -> None:
    """Return if `iss` is right, to the letter. Raises BadAnswer."""
    iss = claims.get("iss")
    if not isinstance(iss, str) or iss not in issuers(claims):
        raise BadAnswer(f"{what} is from {shown(iss)}")


def _check_nonce(claims: Mapping[str, Any], expected: Expected) -> None:
    nonce = claims.get("nonce")
    if expected.nonce is None or (nonce is None and not expected.nonce_required):
        return
    if not isinstance(nonce, str) or not same(nonce, expected.nonce):
        raise NotForUs("the ID token has no nonce" if nonce is None else "the ID token has another login's nonce")


def _check_hash(claims: Mapping[str, Any], name: str, of: str, alg: str) -> None:
    """OpenID Connect Core 3.1.3.6 and 3.3.2.11: the left half of the digest that the algorithm uses; Ed25519's is SHA-512."""
    if name not in claims or not of:
        return
    digest = _DIGESTS["512" if alg in {"EdDSA", "Ed25519"} else alg[2:]](of.encode()).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    given = claims[name]
    if not isinstance(given, str) or not same(given, half):
        raise BadAnswer(f"the ID token belongs to another {'code' if name == 'c_hash' else 'access token'} ({name})")


def _check_age(claims: Mapping[str, Any], expected: Expected) -> None:
    at = claims.get("auth_time")
    if at is not None and (type(at) is not int or not 0 <= at <= expected.now + _CLOCKS):
        raise BadAnswer(f"the ID token: auth_time is {shown(at)}")
    if expected.max_age is None:
        return
    if at is None:
        raise BadAnswer("the ID token does not say when the person signed in, although max_age was asked for")
    if at + expected.max_age + _CLOCKS < expected.begun_at:
        raise BadAnswer("the person signed in at the provider longer ago than was asked for")
