"""What the browser brought back (RFC 6749 4.1.2, RFC 9207): judged before anything is sent to the provider."""

import re
from collections.abc import Collection
from hmac import compare_digest
from typing import Literal

from federation.connectors.calls import error_code, harmless
from federation.errors import BadAnswer, Cancelled, NotForUs, ProviderRefused, ProviderUnavailable
from federation.model import Callback, Handoff
from resource_servers.errors import shown

LONGEST_PARAMETER = 8192
"""Characters. The longest authorization codes have about two thousand."""

MOST_PARAMETERS = 50

_CODE = re.compile(r"[\x20-\x7e]+")  # RFC 6749 A.11
_CANCELLED = frozenset(
    {
        "access_denied",
        "user_cancelled_authorize",  # Apple, LinkedIn
        "user_cancelled_login",  # LinkedIn
        "user_denied",
    }
)


def same(given: str, expected: str) -> bool:
    """Whether two texts are the same, in constant time."""
    return compare_digest(given.encode(errors="surrogatepass"), expected.encode(errors="surrogatepass"))


def check_handoff(handoff: Handoff, provider: str, memo: Collection[str]) -> None:
    """Return if the departure was this provider's and has what `memo` names. Raises NotForUs."""
    if handoff.provider != provider:
        raise NotForUs(f"the departure was for {shown(handoff.provider)}")
    for name in memo:
        if not handoff.memo.get(name):
            raise NotForUs(f"the departure has no {name}")


def code_of(
    callback: Callback,
    handoff: Handoff,
    *,
    method: Literal["GET", "POST"] = "GET",
    issuer: Collection[str] = (),
    issuer_required: bool = False,
) -> str:
    """The authorization code.

    Args:
        method: how the browser must come: by POST if `response_mode=form_post` was asked for.
        issuer: what `iss` may be. Where it is empty, the protocol has no `iss`, and the parameter says nothing.
        issuer_required: whether the provider promised `iss` (`authorization_response_iss_parameter_supported`).

    Raises NotForUs for a foreign `state` or `iss`, Cancelled and ProviderRefused for an error of the provider,
    ProviderUnavailable for `temporarily_unavailable`, BadAnswer for everything that is malformed.
    """
    _check_form(callback, method)
    state = callback.one("state")
    if state is None or not same(state, handoff.state):
        raise NotForUs("state is missing" if state is None else "state is another login's")
    _check_issuer(callback.one("iss"), issuer, required=issuer_required)
    # RFC 9207 2.4: only an answer of the right server is looked at, an error included.
    code, error = callback.one("code"), callback.one("error") or callback.one("error_code")
    if error is not None:
        if code is not None:
            raise BadAnswer("an error and a code at once")
        raise _refusal(error, callback)
    if code is None:
        raise BadAnswer("there is neither a code nor an error")
    if not _CODE.fullmatch(code):
        raise BadAnswer("the code has characters that no code has")
    return code


def _check_form(callback: Callback, method: str) -> None:
    if callback.method != method:
        raise BadAnswer(f"the browser came by {callback.method}, not by {method}")
    if len(callback.params) > MOST_PARAMETERS:
        raise BadAnswer(f"more than {MOST_PARAMETERS} parameters")
    for name, value in callback.params:
        if len(name) + len(value) > LONGEST_PARAMETER:
            raise BadAnswer(f"the parameter {shown(name)} has more than {LONGEST_PARAMETER} characters")
    for name in ("state", "code", "error", "error_description", "iss", "user"):
        callback.one(name)


def _check_issuer(iss: str | None, expected: Collection[str], *, required: bool) -> None:
    if not expected:
        return
    if iss is None:
        if required:
            raise NotForUs("iss is missing, and the provider said that it sends it (RFC 9207 2.4)")
        return
    if iss not in expected:
        raise NotForUs(f"iss is {shown(iss)} (RFC 9207 2.4)")


def _refusal(error: str, callback: Callback) -> ProviderRefused | ProviderUnavailable:
    code = error_code(error) or "invalid_error_code"
    said = harmless((callback.one("error_description") or callback.one("error_message") or "")[:400])
    if code in _CANCELLED:
        return Cancelled(code, f"the person turned back at the provider{said}")
    if code == "temporarily_unavailable":
        return ProviderUnavailable(f"the provider sent the browser back with {code}{said}")
    return ProviderRefused(code, f"the provider sent the browser back with {code}{said}")
