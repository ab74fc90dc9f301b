"""Sessions and sign-ins as compact JSON.

Several versions of the server may run at once during an upgrade: a reader ignores fields it does not know and takes
the default for those that are missing. What cannot be read at all counts as gone, so that the person signs in again.
"""

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import orjson

from authserver.model.sessions import Authentication, AuthorizationRequest, Proof, Session, SignIn

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (Authentication, AuthorizationRequest, Proof, Session, SignIn)
}


def _record(kind: type[_T], raw: Mapping[str, Any], **replaced: Any) -> _T:
    """A stored dataclass, its lists as tuples, with some fields given instead of read."""
    known = {
        name: tuple(value) if isinstance(value := raw[name], list) else value for name in _NAMES[kind] if name in raw
    }
    return kind(**{**known, **replaced})


def _proofs(raw: Mapping[str, Any]) -> tuple[Proof, ...]:
    return tuple(_record(Proof, proof) for proof in raw.get("proofs", ()))


def _authentication(raw: Mapping[str, Any] | None) -> Authentication | None:
    return _record(Authentication, raw, proofs=_proofs(raw)) if raw is not None else None


def _request(raw: Mapping[str, Any]) -> AuthorizationRequest:
    claims = {member: tuple(names) for member, names in raw.get("claims", {}).items()}
    return _record(AuthorizationRequest, raw, claims=claims)


def from_session(session: Session) -> bytes:
    return orjson.dumps(session, default=dict)


def to_session(stored: bytes | None) -> Session | None:
    """The session, or None if there is none or it cannot be read."""
    if stored is None:
        return None
    try:
        raw = orjson.loads(stored)
        return _record(Session, raw, authentication=_authentication(raw["authentication"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("a stored session cannot be read: %s", type(error).__name__)
        return None


def from_sign_in(sign_in: SignIn) -> bytes:
    """The version in digits, a space, and JSON: a script compares the version without parsing the rest."""
    return b"%d " % sign_in.version + orjson.dumps(sign_in, default=dict)


def to_sign_in(stored: bytes | None) -> SignIn | None:
    """The sign-in, or None if there is none or it cannot be read."""
    if stored is None:
        return None
    version, _, text = stored.partition(b" ")
    try:
        raw = orjson.loads(text)
        return _record(
            SignIn,
            raw,
            version=int(version),
            request=_request(raw["request"]),
            authentication=_authentication(raw.get("authentication")),
            proofs=_proofs(raw),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("a stored sign-in cannot be read: %s", type(error).__name__)
        return None
