"""Why a request to an API is refused.

Each refusal speaks to three audiences: `code` is the registered error code (RFC 6750 section 3.1) for machines, `sentence`
is the `error_description` for the developer of the client (ASCII, no quotes, no backslash), and `reason` is for the
API's own log and is never sent. Which HTTP status a class becomes is decided in one table, in `asgi`.

    Refused
    +-- MissingToken        no token was sent
    +-- MalformedRequest    the token was sent twice, or not in the form of RFC 6750
    +-- InvalidToken        the token does not hold
    |   +-- ExpiredToken    it held once
    |   +-- UnknownKey      it names a signing key that the issuer does not publish
    |   +-- RevokedToken    its grant or session has ended
    +-- InsufficientScope   the token holds, but does not reach this far
    +-- KeysUnavailable     the issuer's keys cannot be had at the moment: nothing can be said about any token

    InvalidKeySet           not about a request: a JWKS holds something that must not be used
"""

from collections.abc import Iterable


class Refused(Exception):  # noqa: N818 - it is a refusal, not a fault
    """Base of all refusals.

    Args:
        reason: what exactly was wrong, for the log; holds no secret and at most a shortened piece of what was sent.
    """

    code = ""
    sentence = "The request was refused."

    def __init__(self, reason: str = "") -> None:
        self.reason = reason or self.sentence
        super().__init__(self.reason)


class MissingToken(Refused):
    """No access token was sent. The answer carries no error code (RFC 6750 section 3.1)."""

    sentence = "An access token is needed."


class MalformedRequest(Refused):
    code = "invalid_request"
    sentence = "Send one access token, in one Authorization header of the form Bearer and the token."


class InvalidToken(Refused):
    """The token is damaged, forged, of another kind, or meant for someone else. The answer does not say which."""

    code = "invalid_token"
    sentence = "The access token is not valid."


class ExpiredToken(InvalidToken):
    sentence = "The access token has expired."


class RevokedToken(InvalidToken):
    sentence = "The access token has been revoked."


class UnknownKey(InvalidToken):
    """The token names a key that is not in the set. A newer copy of the set may have it.

    Args:
        kid: the key ID of the token's header; None if it has none.
    """

    def __init__(self, kid: str | None) -> None:
        self.kid = kid
        super().__init__(f"no key {shown(kid)} in the set")


class InsufficientScope(Refused):
    """The token holds but lacks a scope or a group.

    Args:
        needed: the scopes that the request needs, all of them; empty if only a group is missing.
        groups: the groups of which the user must be in at least one.
    """

    code = "insufficient_scope"
    sentence = "The access token does not reach this far."

    def __init__(self, needed: Iterable[str], groups: Iterable[str] = ()) -> None:
        self.needed = tuple(sorted(needed))
        self.groups = tuple(sorted(groups))
        wants = [f"scope {name}" for name in self.needed]
        if self.groups:
            wants.append("a group of " + ", ".join(self.groups))
        super().__init__("needs " + " and ".join(wants))


class KeysUnavailable(Refused):
    """The issuer does not answer, or answers with something that cannot be used. Nothing is let through meanwhile.

    Args:
        reason: for the log.
        retry_after: seconds after which a new try makes sense.
    """

    code = "temporarily_unavailable"
    sentence = "Access tokens cannot be checked at the moment."

    def __init__(self, reason: str, *, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class InvalidKeySet(ValueError):  # noqa: N818 - named like its siblings
    """A JWKS is damaged, or holds a key that must not be used: private, weak, or ambiguous."""


def shown(value: object) -> str:
    """A value from outside in a form that is safe in a log line: escaped and at most 80 characters."""
    text = ascii(value[:80] if isinstance(value, str) else value)
    return text if len(text) <= 80 else text[:77] + "..."
