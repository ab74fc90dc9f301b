"""Verify a JWT; validate an access token.

Pure: the keys and the time are arguments, and nothing is fetched. A token is taken apart in one order, from the outside in:
size and form, header, key, signature, and only then the claims, which by then are the issuer's own words. Nothing in the
header leads anywhere but into the given keys: `jku`, `jwk`, `x5u` and `x5c` are never looked at (RFC 8725 section 3.10).
"""

from collections.abc import Collection, Container, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature

from resource_servers.encoding import decode_base64url, parse_json_object
from resource_servers.errors import ExpiredToken, InvalidToken, shown
from resource_servers.keys import ALGORITHMS, SignedHeader, VerificationKeys
from resource_servers.scopes import Requirement, parse_scope

__all__ = [
    "ALGORITHMS",
    "AccessToken",
    "Audience",
    "Profile",
    "VerificationKeys",
    "validate_access_token",
    "verify_jwt",
]

Profile = Literal["standard", "cognito"]
"""Which claims an access token has: RFC 9068, or those of an Amazon Cognito user pool."""

MAX_TOKEN: Final = 16_384
"""Characters. Headers larger than that do not pass common servers either."""

FUTURE_SKEW: Final = 60
"""Seconds that `iat` and `nbf` may lie ahead: the issuer's clock may be that much faster than ours."""

_LATEST = 253_402_300_799  # the last second of the year 9999
_ACCESS_TOKEN_TYPES = frozenset({"at+jwt"})
_COGNITO_TYPES = frozenset({None, "jwt", "at+jwt"})  # Cognito sends no typ; `token_use` tells the kinds apart
_NONE: frozenset[str] = frozenset()
_PAST = ("iat", "nbf")
_parsed = lru_cache(maxsize=256)(parse_scope)  # tokens of one client have the same few texts
_identity = itemgetter("sub", "client_id", "jti", "iat")


class Audience(Enum):
    """What `verify_jwt` takes instead of a name."""

    ANY = "any"
    """Whoever the token is meant for: only for tokens that come back to their issuer, such as an `id_token_hint`."""


class AccessToken(NamedTuple):
    """A validated access token. (A tuple: decisions.md 6.)

    Attributes:
        claims: all claims, read-only.
        scopes: what was granted.
        groups: the groups of the user: `groups`, or `cognito:groups` in the Cognito profile.
    """

    claims: Mapping[str, Any]
    scopes: frozenset[str] = _NONE
    groups: frozenset[str] = _NONE

    def __repr__(self) -> str:
        """Ids only: the claims may hold what belongs in no log."""
        return f"AccessToken({', '.join(f'{name}={shown(self.claims.get(name))}' for name in ('jti', 'client_id', 'sub'))})"

    @property
    def issuer(self) -> str:
        return self.claims["iss"]  # type: ignore[no-any-return]  # checked by validate_access_token, as all below

    @property
    def subject(self) -> str:
        """`sub`: the user, or the client itself where no user is involved."""
        return self.claims["sub"]  # type: ignore[no-any-return]

    @property
    def client_id(self) -> str:
        return self.claims["client_id"]  # type: ignore[no-any-return]

    @property
    def jti(self) -> str:
        """The token's own identifier; with our issuer it begins with that of the grant and a full stop."""
        return self.claims["jti"]  # type: ignore[no-any-return]

    @property
    def sid(self) -> str | None:
        """The user's session at the issuer."""
        return self.claims.get("sid")

    @property
    def issued_at(self) -> int:
        """Seconds since the epoch."""
        return self.claims["iat"]  # type: ignore[no-any-return]

    @property
    def expires_at(self) -> int:
        """Seconds since the epoch: the first second in which the token no longer holds."""
        return self.claims["exp"]  # type: ignore[no-any-return]

    def require(self, *scopes: str, groups: Iterable[str] = ()) -> None:
        """Return if all `scopes` are granted, and the user is in one of `groups` if any are named.

        Raises InsufficientScope, which `asgi.Protect` answers with 403.
        """
        Requirement.of(scopes, groups).check(self)


def verify_jwt(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    now: float,
    audience: str | Collection[str] | Audience | None = None,
    types: Collection[str | None] = ("JWT",),
    algorithms: Collection[str] = ALGORITHMS,
    leeway: int = 0,
) -> dict[str, Any]:
    """The claims of a signed JWT (RFC 7519 section 7.2), checked as RFC 8725 asks.

    Args:
        token: the JWT in compact form.
        keys: the issuer's keys.
        issuer: what `iss` must be, to the letter.
        now: seconds since the epoch.
        audience: our name, or several, one of which must be in `aud`. None: we have no name, so there must be no `aud`
            (RFC 7519 section 4.1.3).
        types: the `typ` values that may stand in the header; None stands for no `typ`. Compared as media types: without
            regard to case and to a leading `application/` (RFC 7515 section 4.1.9).
        algorithms: the `alg` values allowed, out of `ALGORITHMS`.
        leeway: seconds after `exp` in which the token still holds.

    Raises ExpiredToken, UnknownKey, or InvalidToken for everything else.
    """
    kinds = frozenset(None if kind is None else _media_type(kind) for kind in types)
    claims = _signed_claims(token, keys, kinds, algorithms)
    _check_issuer(claims, issuer)
    if audience is None:
        if "aud" in claims:
            raise InvalidToken("it has an aud, and we have no name")
    elif audience is not Audience.ANY:
        _check_audience(claims, audience)
    _check_times(claims, now, leeway)
    return claims


def validate_access_token(
    token: str,
    keys: VerificationKeys,
    *,
    issuer: str,
    audience: str | Collection[str] | None,
    now: float,
    leeway: int = 0,
    profile: Profile = "standard",
    client_ids: Container[str] | None = None,
    algorithms: Collection[str] = ALGORITHMS,
) -> AccessToken:
    """Validate an access token as RFC 9068 section 4 says, or one of the Cognito profile.

    The Cognito profile has no `aud` unless the client named a resource: then `token_use` must be `access`, and the
    client must be one of `client_ids`. An `aud` that is there must name us, in both profiles.

    Args:
        token: what stood behind `Bearer`.
        keys: the issuer's keys.
        issuer: what `iss` must be, to the letter.
        audience: the API's identifier, or several; None only for the Cognito profile.
        now: seconds since the epoch.
        leeway: seconds after `exp` in which the token still holds.
        profile: which claims to expect.
        client_ids: the clients whose tokens are accepted; None: those of every client, if `aud` names us.
        algorithms: the `alg` values allowed, out of `ALGORITHMS`.

    Raises ExpiredToken, UnknownKey, or InvalidToken for everything else.
    """
    cognito = profile == "cognito"
    claims = _signed_claims(token, keys, _COGNITO_TYPES if cognito else _ACCESS_TOKEN_TYPES, algorithms)
    _check_issuer(claims, issuer)
    if cognito and claims.get("token_use") != "access":
        raise InvalidToken("token_use is not access")
    if "aud" in claims or not cognito or client_ids is None:
        _check_audience(claims, audience or ())
    _check_times(claims, now, leeway)
    try:
        sub, client_id, jti, _ = _identity(claims)
    except KeyError as missing:
        raise InvalidToken(f"the claim {missing} is missing (RFC 9068 section 2.2)") from None
    sid = claims.get("sid", "")
    if not (type(sub) is type(client_id) is type(jti) is type(sid) is str and sub and client_id and jti):
        raise InvalidToken("sub, client_id, jti or sid is not a text")
    if client_ids is not None and client_id not in client_ids:
        raise InvalidToken(f"the client {shown(client_id)} is not one of ours")
    scope, groups = claims.get("scope"), claims.get("cognito:groups" if cognito else "groups")
    return AccessToken(
        MappingProxyType(claims),
        _NONE if scope is None else _scopes(scope),
        _NONE if groups is None else _groups(groups),
    )


def _signed_claims(
    token: str, keys: VerificationKeys, types: Collection[str | None], algorithms: Collection[str]
) -> dict[str, Any]:
    if len(token) > MAX_TOKEN:
        raise InvalidToken(f"longer than {MAX_TOKEN} characters")
    try:
        signing_input, _, signature = token.encode("ascii").rpartition(b".")
        head, _, payload = signing_input.partition(b".")
        known = keys.headers.get(head)
        header = known or _read_header(head, keys)
        if header.alg not in algorithms:
            raise InvalidToken(f"the algorithm {header.alg} is not allowed here")
        if header.typ not in types:
            raise InvalidToken(f"the type is {shown(header.typ)}")
        header.verify(decode_base64url(signature), signing_input)
        if known is None:
            keys.remember(head, header)
        return parse_json_object(decode_base64url(payload))
    except InvalidSignature:
        raise InvalidToken("the signature does not hold") from None
    except ValueError as damaged:
        raise InvalidToken(f"not a JWT in compact form: {shown(str(damaged))}") from None


def _read_header(head: bytes, keys: VerificationKeys) -> SignedHeader:
    header = parse_json_object(decode_base64url(head))
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise InvalidToken(f"the algorithm is {shown(alg)}")
    if "crit" in header or "b64" in header:
        raise InvalidToken("a header extension that is not understood (RFC 7515 section 4.1.11)")
    if not isinstance(typ, str | None) or not isinstance(kid, str | None):
        raise InvalidToken("typ or kid is not a string")
    return SignedHeader(alg, None if typ is None else _media_type(typ), keys.find(kid, alg))


def _media_type(typ: str) -> str:
    return typ.lower().removeprefix("application/")


def _check_issuer(claims: dict[str, Any], issuer: str) -> None:
    iss = claims.get("iss")
    if type(iss) is not str or iss != issuer:
        raise InvalidToken(f"the issuer is {shown(iss)}")


def _check_audience(claims: dict[str, Any], audience: str | Collection[str]) -> None:
    aud = claims.get("aud")
    names = [aud] if type(aud) is str else aud
    if type(names) is not list:
        raise InvalidToken("aud is missing or neither a text nor an array")
    ours = (audience,) if isinstance(audience, str) else audience
    for name in names:
        if type(name) is str and name in ours:
            return
    raise InvalidToken(f"the audience is {shown(aud)}")


def _check_times(claims: dict[str, Any], now: float, leeway: int) -> None:
    exp = claims.get("exp")
    if type(exp) is not int or not 0 <= exp <= _LATEST:
        raise InvalidToken(f"exp is {shown(exp)}")
    if now >= exp + leeway:
        raise ExpiredToken(f"expired {now - exp:.0f} s ago")
    for name in _PAST:
        if name in claims:
            date = claims[name]
            if type(date) is not int or not 0 <= date <= now + FUTURE_SKEW:
                raise InvalidToken(f"{name} is {shown(date)}, and it is {now:.0f}")


def _scopes(scope: object) -> frozenset[str]:
    if type(scope) is not str:
        raise InvalidToken("scope is not a text")
    try:
        return _parsed(scope)
    except ValueError as damaged:
        raise InvalidToken(str(damaged)) from None


def _groups(groups: object) -> frozenset[str]:
    if type(groups) is not list:
        raise InvalidToken("groups is not an array")
    for group in groups:
        if type(group) is not str:
            raise InvalidToken("a group is not a text")
    return frozenset(groups)
