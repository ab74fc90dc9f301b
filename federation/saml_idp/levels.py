"""The strength of a sign-in as SAML speaks of it: AuthnContextClassRef to the pool's levels of authentication, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.saml_idp.requests import AuthnRequest

_CLASS = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
PASSWORD_TRANSPORT = f"{_CLASS}PasswordProtectedTransport"
UNSPECIFIED_CONTEXT = f"{_CLASS}unspecified"
MFA = "https://refeds.org/profile/mfa"

_ONE, _TWO = 1, 3
_LEVELS = {
    UNSPECIFIED_CONTEXT: _ONE,
    f"{_CLASS}Password": _ONE,
    PASSWORD_TRANSPORT: _ONE,
    "https://refeds.org/profile/sfa": _ONE,
    MFA: _TWO,
    "http://schemas.microsoft.com/claims/multipleauthn": _TWO,
}
"""The classes that we understand to the level of authentication that they ask for; the third is two factors. Those that name a
method are not among them, but for the password, which most applications ask for without thinking.
"""


def level_of(context: str, names: Sequence[str]) -> int:
    """The level that a class asks for, by the pool's own `names` of the levels or by what is generally known; 0 for what
    we do not understand.
    """
    return names.index(context) + 1 if context in names else _LEVELS.get(context, 0)


def wanted_level(request: AuthnRequest, names: Sequence[str]) -> int | None:
    """The least level that the request would take (Core 3.3.2.2.1); 0 if it asks for none, None if we know none of what
    it asks for, or nothing is above it.
    """
    if not request.contexts:
        return 0
    known = [level for context in request.contexts if (level := level_of(context, names))]
    if not known:
        return None
    match request.comparison:
        case "better":
            above = max(known) + 1
            return above if above <= len(names) else None
        case "maximum":
            return 1
        case _:
            return min(known)


@dataclass(frozen=True, slots=True)
class Reached:
    """What a sign-in amounts to: its level in the pool, whether that was by two factors, and whether a password was one."""

    level: int
    two_factors: bool
    by_password: bool


def reaches(request: AuthnRequest, reached: Reached, names: Sequence[str]) -> bool:
    """Whether a sign-in is what the request asks for. A passkey alone may be of the pool's third level, and is one factor."""
    wanted = wanted_level(request, names)
    if wanted is None or reached.level < wanted:
        return False
    return wanted < _TWO or reached.two_factors or any(context in names for context in request.contexts)


def context_of(request: AuthnRequest, reached: Reached, names: Sequence[str]) -> str:
    """What we say of a sign-in: the strongest of what was asked for that it reaches, else what it is."""
    found = [
        (known, context)
        for context in request.contexts
        if 0 < (known := level_of(context, names)) <= reached.level
        and (context in names or known < _TWO or reached.two_factors)
    ]
    if found and request.comparison in {"exact", "minimum"}:
        return max(found, key=lambda pair: pair[0])[1]
    if reached.two_factors:
        return MFA
    return PASSWORD_TRANSPORT if reached.by_password else UNSPECIFIED_CONTEXT
