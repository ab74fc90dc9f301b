"""Sessions and sign-ins as compact JSON.

Several versions of the server may run at once during an upgrade: a reader ignores fields it does not know and takes
the default for those that are missing. What cannot be read at all counts as gone, so that the person signs in again.
"""

import logging
from collections.abc import Mapping
from typing import Any

import orjson

from authserver.model.sessions import Authentication, AuthorizationRequest, Session, SignIn

_log = logging.getLogger(__name__)


def _from_authentication(value: Authentication | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"user_id": value.user_id, "auth_time": value.auth_time, "amr": value.amr, "acr": value.acr}


def _to_authentication(raw: Mapping[str, Any]) -> Authentication:
    return Authentication(user_id=raw["user_id"], auth_time=raw["auth_time"], amr=tuple(raw["amr"]), acr=raw["acr"])


def from_session(session: Session) -> bytes:
    return orjson.dumps(
        {
            "key": session.key,
            "sid": session.sid,
            "pool": session.pool,
            "authentication": _from_authentication(session.authentication),
            "created_at": session.created_at,
            "last_seen": session.last_seen,
            "clients": session.clients,
        }
    )


def to_session(stored: bytes | None) -> Session | None:
    """The session, or None if there is none or it cannot be read."""
    if stored is None:
        return None
    try:
        raw = orjson.loads(stored)
        return Session(
            key=raw["key"],
            sid=raw["sid"],
            pool=raw["pool"],
            authentication=_to_authentication(raw["authentication"]),
            created_at=raw["created_at"],
            last_seen=raw["last_seen"],
            clients=tuple(raw.get("clients", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("a stored session cannot be read: %s", type(error).__name__)
        return None


def _from_request(request: AuthorizationRequest) -> dict[str, Any]:
    return {
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "redirect_uri_sent": request.redirect_uri_sent,
        "scope": request.scope,
        "query": request.query,
        "state": request.state,
        "nonce": request.nonce,
        "code_challenge": request.code_challenge,
        "prompt": request.prompt,
        "max_age": request.max_age,
        "login_hint": request.login_hint,
        "id_token_hint_sub": request.id_token_hint_sub,
        "ui_locales": request.ui_locales,
        "acr_values": request.acr_values,
        "resource": request.resource,
        "claims": {member: tuple(names) for member, names in request.claims.items()},
    }


def _to_request(raw: Mapping[str, Any]) -> AuthorizationRequest:
    return AuthorizationRequest(
        client_id=raw["client_id"],
        redirect_uri=raw["redirect_uri"],
        redirect_uri_sent=raw["redirect_uri_sent"],
        scope=tuple(raw["scope"]),
        query=raw["query"],
        state=raw.get("state"),
        nonce=raw.get("nonce"),
        code_challenge=raw.get("code_challenge"),
        prompt=tuple(raw.get("prompt", ())),
        max_age=raw.get("max_age"),
        login_hint=raw.get("login_hint"),
        id_token_hint_sub=raw.get("id_token_hint_sub"),
        ui_locales=tuple(raw.get("ui_locales", ())),
        acr_values=tuple(raw.get("acr_values", ())),
        resource=tuple(raw.get("resource", ())),
        claims={member: tuple(names) for member, names in raw.get("claims", {}).items()},
    )


def from_sign_in(sign_in: SignIn) -> bytes:
    """The version in digits, a space, and JSON: a script compares the version without parsing the rest."""
    return b"%d " % sign_in.version + orjson.dumps(
        {
            "id": sign_in.id,
            "pool": sign_in.pool,
            "browser": sign_in.browser,
            "request": _from_request(sign_in.request),
            "created_at": sign_in.created_at,
            "expires_at": sign_in.expires_at,
            "status": sign_in.status,
            "identifier": sign_in.identifier,
            "authentication": _from_authentication(sign_in.authentication),
            "account_chosen": sign_in.account_chosen,
            "other_account": sign_in.other_account,
            "consented_by": sign_in.consented_by,
        }
    )


def to_sign_in(stored: bytes | None) -> SignIn | None:
    """The sign-in, or None if there is none or it cannot be read."""
    if stored is None:
        return None
    version, _, text = stored.partition(b" ")
    try:
        raw = orjson.loads(text)
        authentication = raw.get("authentication")
        return SignIn(
            id=raw["id"],
            pool=raw["pool"],
            browser=raw["browser"],
            request=_to_request(raw["request"]),
            created_at=raw["created_at"],
            expires_at=raw["expires_at"],
            version=int(version),
            status=raw.get("status", "open"),
            identifier=raw.get("identifier"),
            authentication=_to_authentication(authentication) if authentication is not None else None,
            account_chosen=raw.get("account_chosen", False),
            other_account=raw.get("other_account", False),
            consented_by=raw.get("consented_by"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("a stored sign-in cannot be read: %s", type(error).__name__)
        return None
