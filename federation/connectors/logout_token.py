"""Logout tokens (OpenID Connect Back-Channel Logout 1.0, 2.4 to 2.6): the provider says that a session has ended."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from federation.connectors.id_token import Issuers, check_issuer
from federation.connectors.jws import Keys, check_audience, check_times, signed_claims, subject_of
from federation.errors import BadAnswer

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LONGEST_ID = 255

_TYPES: Collection[str | None] = (None, "jwt", "logout+jwt")


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """What a logout token says. `jti` may be believed once, and until `expires_at` (seconds since the epoch)."""

    subject: str | None
    session: str | None
    issuer: str
    jti: str
    expires_at: int


def verify_logout_token(
    token: str, keys: Keys, *, issuers: Issuers, client_id: str, algorithms: Collection[str], now: int
) -> SessionEnded:
    """Whose session ended, after all checks of 2.6 but the last, which needs a memory. Pure.

    Raises BadAnswer, and UnknownKey if a newer copy of the keys may have the one that is missing.
    """
    what = "the logout token"
    claims, _ = signed_claims(token, keys, algorithms=algorithms, types=_TYPES, what=what)
    check_issuer(claims, issuers, what)
    check_audience(claims, client_id, what)
    check_times(claims, now, what)
    if "nonce" in claims:
        raise BadAnswer("the logout token has a nonce, as an ID token would")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise BadAnswer("the logout token does not say that a session ended (events)")
    jti = _id(claims, "jti")
    subject = subject_of(claims, what) if "sub" in claims else None
    session = _id(claims, "sid") if "sid" in claims else None
    if jti is None or (subject is None and session is None):
        raise BadAnswer("the logout token lacks jti, or both sub and sid")
    return SessionEnded(subject, session, str(claims["iss"]), jti, int(claims["exp"]))


def _id(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        raise BadAnswer(f"the logout token: {name} is no identifier")
    return value
