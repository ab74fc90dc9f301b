"""Tokens as people read them: decoded, in order, with the times in words. Nothing here is a check."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from authserver.demo.times import moment, relative
from resource_servers.encoding import decode_base64url, parse_json_object

_TIMES = frozenset({"exp", "iat", "nbf", "auth_time", "updated_at"})
_MEANINGS = {
    "iss": "who issued it",
    "sub": "whom it is about",
    "aud": "for whom it is",
    "exp": "when it ends",
    "iat": "when it was issued",
    "nbf": "when it begins",
    "auth_time": "when you signed in",
    "nonce": "ties it to this login",
    "acr": "sign-in strength",
    "amr": "how you proved yourself",
    "azp": "the client it was made for",
    "client_id": "the client it was made for",
    "scope": "how far it reaches",
    "groups": "your groups",
    "sid": "your session there",
    "jti": "its own identifier",
    "at_hash": "ties it to the access token",
    "alg": "signed with",
    "kid": "which key signed it",
    "typ": "what kind of token",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a header or of the claims.

    Attributes:
        name: as in the token.
        meaning: in plain words; empty for names that explain themselves.
        value: as text; a list or an object as JSON.
        note: the moment in words, for a time.
    """

    name: str
    meaning: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token for the page.

    Attributes:
        raw: the token itself.
        header: of the JWT; empty for an opaque token.
        claims: likewise.
        expires_at: seconds since the epoch, if it says so.
        expired: whether it has ended.
        ends: `in 14 min 58 s`; empty if it does not say.
    """

    raw: str = field(repr=False)
    header: tuple[Member, ...] = ()
    claims: tuple[Member, ...] = ()
    expires_at: int | None = None
    expired: bool = False
    ends: str = ""


def view_token(token: str, now: float) -> TokenView:
    """The token, taken apart if it is a JWT in compact form."""
    try:
        head, payload, _signature = token.split(".")
        header = parse_json_object(decode_base64url(head.encode()))
        claims = parse_json_object(decode_base64url(payload.encode()))
    except ValueError:
        return TokenView(token)
    exp = claims.get("exp")
    ends = exp if type(exp) is int else None
    return TokenView(
        token,
        header=_members(header, now),
        claims=_members(claims, now),
        expires_at=ends,
        expired=ends is not None and now >= ends,
        ends="" if ends is None else relative(ends, now),
    )


def _members(values: Mapping[str, object], now: float) -> tuple[Member, ...]:
    return tuple(_member(name, value, now) for name, value in values.items())


def _member(name: str, value: object, now: float) -> Member:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=None)
    note = ""
    if name in _TIMES and isinstance(value, int | float) and moment(value):
        note = f"{moment(value)}, {relative(value, now)}"
    return Member(name, _MEANINGS.get(name, ""), text, note)
