"""Signing out: what a logout request asks for, and whether the person must be asked first.

OpenID Connect RP-Initiated Logout 1.0, and the parameters of Cognito's `/logout`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from authserver.model.clients import Client
from authserver.model.sessions import Session
from authserver.store import Registry
from authserver.tokens.issuer import Issuer
from resource_servers.errors import InvalidToken
from resource_servers.tokens import Audience, verify_jwt

_FOREVER = 10**9
"""Seconds of leeway: an expired ID token is still a good hint (RP-Initiated Logout 1.0, 2)."""


@dataclass(frozen=True, slots=True)
class Hint:
    """An ID token of ours that came back as `id_token_hint`: for which client, user and session it was made."""

    client_id: str
    sub: str
    sid: str | None


async def load(
    registry: Registry, issuer: Issuer, params: Mapping[str, str], now: float
) -> tuple[Client | None, Hint | None]:
    """The client a logout request speaks for, and its hint. A hint that is not ours, or of another client than
    `client_id` says, counts as none, and so does a client that is disabled.
    """
    hint = _hint(params.get("id_token_hint"), issuer, now)
    client_id = params.get("client_id")
    if hint is not None and client_id is not None and hint.client_id != client_id:
        return None, None
    client_id = client_id or (hint.client_id if hint is not None else None)
    client = await registry.client(issuer.pool.id, client_id) if client_id is not None else None
    return client if client is not None and client.enabled else None, hint


def _hint(token: str | None, issuer: Issuer, now: float) -> Hint | None:
    if token is None:
        return None
    try:
        claims = verify_jwt(
            token, issuer.keys, issuer=issuer.url, now=now, audience=Audience.ANY, types=("JWT",), leeway=_FOREVER
        )
    except InvalidToken:
        return None
    client_id, sub, sid = claims.get("aud"), claims.get("sub"), claims.get("sid")
    if not isinstance(client_id, str) or not isinstance(sub, str):
        return None
    return Hint(client_id, sub, sid if isinstance(sid, str) else None)


@dataclass(frozen=True, slots=True)
class LogoutPlan:
    """What to do. `return_to` is a proven URI with its `state`, or None to stay here. `ask`: confirm with the person."""

    ask: bool
    return_to: str | None


def judge(params: Mapping[str, str], client: Client | None, hint: Hint | None, session: Session | None) -> LogoutPlan:
    """What a logout request leads to. Pure.

    Nobody is signed out without being asked unless the request carries an ID token of the very session
    (RP-Initiated Logout 1.0, 6: a link alone must not sign people out). A return URI counts only if it is registered
    for the client that the hint or `client_id` names (3).
    """
    wanted = params.get("post_logout_redirect_uri") or params.get("logout_uri")
    return_to = None
    if wanted is not None and client is not None and client.accepts_post_logout_redirect_uri(wanted):
        state = params.get("state")
        joint = "&" if "?" in wanted else "?"
        return_to = f"{wanted}{joint}{urlencode({'state': state})}" if state is not None else wanted
    # A bad return URI is no reason to do half of what was asked: the person decides what happens.
    bad_uri = wanted is not None and return_to is None
    if session is None:
        return LogoutPlan(ask=bad_uri, return_to=return_to)
    ours = hint is not None and hint.sub == session.authentication.user_id and hint.sid in {None, session.sid}
    return LogoutPlan(ask=not ours or bad_uri, return_to=return_to)
