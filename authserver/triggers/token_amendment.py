"""What the answer before tokens are signed means for their claims and scopes. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from authserver.errors import TriggerFailed
from authserver.model.pools import ClaimsProfile
from authserver.triggers.answers import ClaimChanges, GroupOverride, TokenAmendment

Claims = Mapping[str, object]

FIXED = frozenset(
    {
        # Cognito's developer guide, "Pre token generation Lambda trigger"
        "acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub",
        "token_use", "identities", "username", "client_id", "event_id", "device_key", "version",
        # and ours: what revocation and introspection hang on, and what has a place of its own in the answer
        "sid", "scope", "groups", "cnf", "userinfo_claims",
    }
)  # fmt: skip
"""Claims that no trigger changes, with all that begin with `cognito:`. Groups are changed by the group override."""

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749 3.3."""
MOST_CHANGES = 5000


@dataclass(frozen=True, slots=True)
class AmendedTokens:
    """What is to be signed. `passed_over` are names that the trigger may not change, for the log."""

    access: dict[str, object]
    scopes: tuple[str, ...]
    id_token: dict[str, object] | None = None
    passed_over: tuple[str, ...] = ()


def apply_pre_token(
    amendment: TokenAmendment,
    *,
    access: Claims,
    id_token: Claims | None,
    scopes: Sequence[str],
    client_id: str,
    profile: ClaimsProfile,
) -> AmendedTokens:
    """The claims of both tokens as the trigger wants them, as far as it may.

    Args:
        access: the claims of the access token, `scope` included if it has one; it is kept in step with the scopes.
        id_token: the claims of the ID token, if there is one.
        scopes: the scopes granted.

    Raises:
        TriggerFailed: a scope that cannot be written in a token, or too many changes.
    """
    _bounded(amendment)
    passed_over: set[str] = set()
    for scope in amendment.access_token.add_scopes:
        if _SCOPE.fullmatch(scope) is None:
            raise TriggerFailed(detail=f"{scope[:100]!r} cannot be a scope")
    suppressed = set(amendment.access_token.suppress_scopes)
    granted = dict.fromkeys(s for s in (*scopes, *amendment.access_token.add_scopes) if s not in suppressed)
    new_access = _amended(access, amendment.access_token, passed_over, audience=client_id)
    if "scope" in new_access:
        new_access["scope"] = " ".join(granted)
    new_id = _amended(id_token, amendment.id_token, passed_over) if id_token is not None else None
    if amendment.groups is not None:
        _regroup(new_access, amendment.groups, profile, with_roles=False)
        if new_id is not None and profile == "cognito":
            _regroup(new_id, amendment.groups, profile, with_roles=True)
    return AmendedTokens(new_access, tuple(granted), new_id, tuple(sorted(passed_over)))


def _bounded(amendment: TokenAmendment) -> None:
    changes = (amendment.id_token, amendment.access_token)
    count = sum(len(c.add) + len(c.suppress) + len(c.add_scopes) + len(c.suppress_scopes) for c in changes)
    if count > MOST_CHANGES:
        raise TriggerFailed(detail=f"the response changes {count} claims and scopes; {MOST_CHANGES} are the most")


def is_fixed(claim: str) -> bool:
    """Whether no trigger may change the claim."""
    return claim in FIXED or claim.startswith("cognito:")


def _amended(
    claims: Claims, changes: ClaimChanges, passed_over: set[str], *, audience: str | None = None
) -> dict[str, object]:
    """The claims with what may be changed changed; `audience` is the one value that `aud` may be given."""
    amended = dict(claims)
    for name in changes.suppress:
        if is_fixed(name) or name == "aud":
            passed_over.add(name)
        else:
            amended.pop(name, None)
    for name, value in changes.add.items():
        if name == "aud" and audience is not None and value == audience:
            amended[name] = _with_audience(amended.get(name), audience)
        elif is_fixed(name) or name == "aud":
            passed_over.add(name)
        elif name not in changes.suppress:  # what is both added and suppressed is suppressed
            amended[name] = value
    return amended


def _with_audience(present: object, audience: str) -> object:
    """The audiences and the client beside them: what is there must stay, or APIs would no longer take the token."""
    if present is None:
        return audience
    there = list(present) if isinstance(present, list | tuple) else [present]
    return there if audience in there else [*there, audience]


def _regroup(claims: dict[str, object], override: GroupOverride, profile: ClaimsProfile, *, with_roles: bool) -> None:
    name = "cognito:groups" if profile == "cognito" else "groups"
    _put(claims, name, list(override.groups))
    if with_roles:
        _put(claims, "cognito:roles", list(override.roles))
        _put(claims, "cognito:preferred_role", override.preferred_role)


def _put(claims: dict[str, object], name: str, value: object) -> None:
    if value:
        claims[name] = value
    else:
        claims.pop(name, None)
