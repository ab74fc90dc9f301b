"""Client authentication as it arrives: which method, which client, which secret (RFC 6749 2.3.1).

What is read here is judged by Authlib in `engine`. A request that uses two methods at once is refused here
(RFC 6749 2.3).
"""

import base64
from dataclasses import dataclass
from urllib.parse import unquote_plus

from authserver.errors import ProtocolRefusal
from authserver.web import Params, Request

METHODS = ("client_secret_basic", "client_secret_post", "none")
"""The registered names of the methods this server takes."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the client presented. `method` is the registered name of the way it did."""

    method: str
    client_id: str
    secret: str | None


class InvalidClient(ProtocolRefusal):
    """Client authentication failed: one text for every reason (RFC 6749 5.2)."""

    def __init__(self, *, challenge: bool = False, detail: str | None = None) -> None:
        super().__init__("invalid_client", "Client authentication failed.", status=401, detail=detail)
        self.challenge = challenge


def presented_credentials(request: Request, form: Params) -> Credentials:
    """The client's credentials. Raises InvalidClient if there are none that can be read, ProtocolRefusal if too many."""
    authorizations = request.headers(b"authorization")
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if not authorizations:
        if client_id is None:
            raise InvalidClient(detail="no client credentials")
        return Credentials("none" if secret is None else "client_secret_post", client_id, secret)
    if len(authorizations) > 1 or secret is not None:
        raise ProtocolRefusal("invalid_request", "Authenticate the client in one way only.")
    credentials = _basic(authorizations[0])
    if client_id is not None and client_id != credentials.client_id:
        raise ProtocolRefusal("invalid_request", "The client_id in the body is not the one that authenticates.")
    return credentials


def _basic(authorization: str) -> Credentials:
    """HTTP Basic with form-encoded parts (RFC 6749 2.3.1, RFC 7617)."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient(challenge=True, detail="authorization scheme is not Basic")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, found, secret = text.partition(":")
        if "%" in text or "+" in text:
            client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise InvalidClient(challenge=True, detail="unreadable Basic credentials") from None
    if not found or not client_id or not secret:
        raise InvalidClient(challenge=True, detail="empty Basic credentials")
    return Credentials("client_secret_basic", client_id, secret)
