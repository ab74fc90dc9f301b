"""A signed JWT of a provider: taken apart from the outside in, and nothing in it believed before the signature holds.

It stands beside `resource_servers.verify_jwt` for what an API never meets: signatures with a client secret, and a signed
UserInfo answer, which has no `exp`. Nothing in the header leads anywhere but into the given keys: `jku`, `jwk`, `x5u` and
`x5c` are never looked at (RFC 8725 3.10).
"""

import hmac
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256, sha384, sha512
from types import MappingProxyType
from typing import Any, Protocol

from federation.connectors.calls import LONGEST_TOKEN
from federation.errors import BadAnswer
from resource_servers.encoding import decode_base64url, parse_json_object
from resource_servers.errors import InvalidToken, UnknownKey, shown

Verify = Callable[[bytes, bytes], object]
"""`verify(signature, signing_input)`: returns if it holds, raises cryptography's InvalidSignature if not."""

HMACS: Mapping[str, Callable[..., Any]] = MappingProxyType({"HS256": sha256, "HS384": sha384, "HS512": sha512})
SHORTEST_SECRET = 32
"""Bytes that a secret must have to sign with (RFC 7518 3.2: as many as HS256's digest)."""

_CLOCKS = 60  # seconds that the provider's clock and ours may differ
_LATEST = 253_402_300_799  # the last second of the year 9999


class Keys(Protocol):
    """Public keys (`resource_servers.VerificationKeys`), or a secret."""

    def find(self, kid: str | None, alg: str) -> Verify:
        """The key for a header. Raises UnknownKey or InvalidToken."""
        ...


class SharedSecret:
    """A client secret as the key of HS256, HS384 and HS512 (OpenID Connect Core 10.1). It answers to no other algorithm."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def find(self, kid: str | None, alg: str) -> Verify:  # noqa: ARG002 - a secret has no kid
        """The secret, for an HMAC. Raises InvalidToken."""
        digest = HMACS.get(alg)
        if digest is None:
            raise InvalidToken("a secret is the key of no such algorithm")

        def verify(signature: bytes, signing_input: bytes) -> None:
            from cryptography.exceptions import InvalidSignature

            if not hmac.compare_digest(hmac.new(self._secret, signing_input, digest).digest(), signature):
                raise InvalidSignature

        return verify


def signed_claims(
    token: str, keys: Keys, *, algorithms: Collection[str], types: Collection[str | None], what: str
) -> tuple[dict[str, Any], str]:
    """The claims under a good signature, and its algorithm.

    Args:
        algorithms: the `alg` values allowed; never "none".
        types: the `typ` values allowed, in lower case and without `application/`; None stands for no `typ`.
        what: the token's name in errors.

    Raises BadAnswer; UnknownKey if a newer copy of the keys may have the one that is missing.
    """
    from cryptography.exceptions import InvalidSignature

    if len(token) > LONGEST_TOKEN:
        raise BadAnswer(f"{what} has more than {LONGEST_TOKEN} characters")
    kid: str | None = None
    try:
        signing_input, _, signature = token.encode("ascii").rpartition(b".")
        head, _, payload = signing_input.partition(b".")
        alg, kid = _header(parse_json_object(decode_base64url(head)), algorithms, types)
        keys.find(kid, alg)(decode_base64url(signature), signing_input)
        return parse_json_object(decode_base64url(payload)), alg
    except InvalidSignature:
        if kid is None and alg not in HMACS:
            raise UnknownKey(None) from None  # a provider without key IDs may have changed its key
        raise BadAnswer(f"{what}: the signature does not hold") from None
    except UnknownKey:
        raise
    except InvalidToken as refused:
        raise BadAnswer(f"{what}: {refused.reason}") from None
    except ValueError as damaged:
        raise BadAnswer(f"{what} is no JWT in compact form: {shown(str(damaged))}") from None


def _header(
    header: Mapping[str, Any], algorithms: Collection[str], types: Collection[str | None]
) -> tuple[str, str | None]:
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in algorithms:
        raise InvalidToken(f"the algorithm is {shown(alg)}, and {' or '.join(sorted(algorithms))} is expected")
    if "crit" in header or "b64" in header:
        raise InvalidToken("a header extension that is not understood (RFC 7515 4.1.11)")
    if not isinstance(kid, str | None) or not isinstance(typ, str | None):
        raise InvalidToken("typ or kid is not a text")
    if (None if typ is None else typ.lower().removeprefix("application/")) not in types:
        raise InvalidToken(f"the type is {shown(typ)}")
    return alg, kid


def check_audience(claims: Mapping[str, Any], client_id: str, what: str) -> None:
    """Return if the token is for us, and if for others too, `azp` says that it was issued to us (OpenID Connect Core
    3.1.3.7, 3 to 5). Raises BadAnswer.
    """
    aud = claims.get("aud")
    names = [aud] if isinstance(aud, str) else aud
    if not isinstance(names, list) or client_id not in names:
        raise BadAnswer(f"{what} is for {shown(aud)}")
    azp = claims.get("azp")
    if azp != client_id and (azp is not None or len(names) > 1):
        raise BadAnswer(f"{what} was issued to {shown(azp)} (azp), not to us alone")


def check_times(claims: Mapping[str, Any], now: int, what: str, *, required: Collection[str] = ("exp", "iat")) -> None:
    """Return if the token holds now, give or take a minute. Raises BadAnswer."""
    for name in ("exp", "iat", "nbf"):
        if name not in claims and name not in required:
            continue
        at = claims.get(name)
        if type(at) is not int or not 0 <= at <= _LATEST:
            raise BadAnswer(f"{what}: {name} is {shown(at)}")
        if name == "exp" and now >= at + _CLOCKS:
            raise BadAnswer(f"{what} expired {now - at} s ago; are both clocks right?")
        if name != "exp" and at > now + _CLOCKS:
            raise BadAnswer(f"{what}: {name} is {at - now} s ahead; are both clocks right?")


def subject_of(claims: Mapping[str, Any], what: str) -> str:
    """`sub`: a text of at most 255 characters (OpenID Connect Core 2). Raises BadAnswer."""
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 0 < len(sub) <= 255 or not sub.isprintable() or sub.strip() != sub:
        raise BadAnswer(f"{what}: sub is missing or is no subject")
    return sub
