"""One login as the client sees it: the authorization request, and what came back (OpenID Connect Core 3.1.2). Pure."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from authserver.demo.failures import BadAnswer, ForeignLogin, ServerRefused
from authserver.effects import Random

LIFETIME: Final = 3600
"""Seconds in which a login that was begun may come back."""

OPTIONS: Final = ("prompt", "max_age", "ui_locales", "login_hint", "scope", "acr_values")
"""What `/login` passes on from its own query. The server judges the values; the client only carries them."""

_MOST_OPTION = 1024


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login under way: what must come back with it, and what is needed to redeem it.

    Attributes:
        state: binds the answer to this browser (RFC 6749 10.12).
        nonce: binds the ID token to this login (Core 3.1.2.1).
        verifier: of PKCE (RFC 7636 4.1).
        max_age: seconds; asked for, so the ID token must prove it (Core 3.1.3.7).
        scope: what was asked for.
        began_at: seconds since the epoch.
    """

    state: str
    nonce: str
    verifier: str = field(repr=False)
    max_age: int | None
    scope: str
    began_at: float


def begin(random: Random, now: float, options: Mapping[str, str], scope: str) -> Attempt:
    """A new attempt. `options` may hold another `scope`, and `max_age`."""
    max_age = options.get("max_age", "")
    return Attempt(
        state=random.token(),
        nonce=random.token(),
        verifier=random.token(),
        max_age=int(max_age[:9]) if max_age.isascii() and max_age.isdigit() else None,
        scope=options.get("scope", scope),
        began_at=now,
    )


def login_options(query: Mapping[str, str]) -> dict[str, str]:
    """The parameters of `/login` that go into the authorization request."""
    return {name: query[name][:_MOST_OPTION] for name in OPTIONS if query.get(name)}


def authorization_url(
    endpoint: str, attempt: Attempt, *, client_id: str, redirect_uri: str, options: Mapping[str, str]
) -> str:
    """Where to send the browser (Core 3.1.2.1, RFC 7636 4.3)."""
    challenge = hashlib.sha256(attempt.verifier.encode("ascii")).digest()
    params = {
        **options,
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": attempt.scope,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode("ascii"),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(params)}"


def code_of(query: Mapping[str, str], *, issuer: str, names_issuer: bool) -> str:
    """The code of an authorization response whose `state` has been matched.

    Args:
        query: the parameters of the response.
        issuer: the only one whose answer is taken (RFC 9207 2.4: mix-up).
        names_issuer: whether the server has announced that it always sends `iss`.

    Raises ServerRefused for an error response, BadAnswer for another issuer's or for no answer at all.
    """
    iss = query.get("iss")
    if iss is None and names_issuer:
        raise BadAnswer("The authorization response has no iss, though the server announces one (RFC 9207).")
    if iss is not None and iss != issuer:
        raise BadAnswer(f"The authorization response comes from {iss[:200]}, and was asked of {issuer} (RFC 9207).")
    if error := query.get("error"):
        raise ServerRefused(error[:100], query.get("error_description", "")[:500])
    code = query.get("code")
    if not code:
        raise BadAnswer("The authorization response has neither a code nor an error.")
    return code


def match(attempts: dict[str, Attempt], state: str | None, now: float) -> Attempt:
    """The attempt that `state` belongs to; it is taken out, for an answer counts once.

    Raises ForeignLogin if there is none or it is too old.
    """
    if state is None:
        raise ForeignLogin("The answer has no state.")
    attempt = attempts.pop(state, None)
    if attempt is None:
        raise ForeignLogin("The state is not one that this browser was given.")
    if now > attempt.began_at + LIFETIME:
        raise ForeignLogin("The login took longer than an hour.")
    return attempt
