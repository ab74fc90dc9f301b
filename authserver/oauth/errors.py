"""The one table from refusals to OAuth error responses (RFC 6749 5.2; STYLE 13)."""

import re

from authserver.crypto.sealing import Unsealable
from authserver.errors import (
    Busy,
    CodeExpired,
    Conflict,
    Invalid,
    NotFound,
    ProtocolRefusal,
    Refusal,
    SignInGone,
    StoreUnavailable,
    Throttled,
    TriggerFailed,
    Unexpected,
    Vetoed,
    WrongCode,
    WrongCredentials,
)
from authserver.oauth.client_auth import InvalidClient
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import ANY_ORIGIN, Answer, MethodNotAllowed, Request, TooLarge, json_answer

_FORBIDDEN = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")

WIRE: dict[type[Refusal], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    Conflict: (409, "invalid_request"),
    Invalid: (400, "invalid_request"),
    WrongCredentials: (400, "invalid_grant"),
    WrongCode: (400, "invalid_grant"),
    CodeExpired: (400, "invalid_grant"),
    Vetoed: (403, "access_denied"),
    TriggerFailed: (503, "temporarily_unavailable"),
    Throttled: (429, "slow_down"),
    SignInGone: (400, "invalid_request"),
    Busy: (503, "temporarily_unavailable"),
    StoreUnavailable: (503, "temporarily_unavailable"),
    TooLarge: (413, "invalid_request"),
    MethodNotAllowed: (405, "invalid_request"),
    Unexpected: (500, "server_error"),
    Unsealable: (500, "server_error"),
    Refusal: (400, "invalid_request"),
}


def refuse(_services: Services, _request: Request, _issuer: Issuer | None, refusal: Refusal) -> Answer:
    """The JSON error response, open to every origin like the endpoints it comes from."""
    headers = list(ANY_ORIGIN)
    if isinstance(refusal, ProtocolRefusal):
        status, code = refusal.status, refusal.code
    else:
        status, code = next(WIRE[kind] for kind in type(refusal).__mro__ if kind in WIRE)
    if isinstance(refusal, InvalidClient) and refusal.challenge:
        headers.append((b"www-authenticate", b'Basic realm="poolgate", charset="UTF-8"'))
    retry_after = getattr(refusal, "retry_after", None)
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    sentence = Unexpected.sentence if code == "server_error" else refusal.sentence
    return json_answer(status, {"error": code, "error_description": _ascii(sentence)}, *headers)


def _ascii(sentence: str) -> str:
    return _FORBIDDEN.sub("?", sentence)
