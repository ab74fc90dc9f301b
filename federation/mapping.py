"""From what a provider says to attributes of the pool. Pure; what an attribute may hold is the host's to judge."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from federation.model import ExternalIdentity, IdentityProvider

LONGEST_VALUE = 2048
"""Characters of a mapped value, as in Cognito."""

MOST_GROUPS = 200
"""Of a person, as the provider names them; what comes after is not looked at."""

_INDEX = re.compile(r"\d{1,4}", re.ASCII)
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a pool takes from an identity.

    Attributes:
        values: by attribute, as texts, numbers and booleans; only what the provider sent.
        cleared: attributes whose source came empty: the provider says that there is none.
        missing: attributes whose source did not come: what is known stays.
        faults: (attribute, what is wrong with the value): those are left as they are.
        groups: of the pool; None where nothing is said of groups.
        unknown_groups: what the provider named and the pool maps to nothing.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    faults: tuple[tuple[str, str], ...] = ()
    groups: frozenset[str] | None = None
    unknown_groups: tuple[str, ...] = ()


def map_identity(provider: IdentityProvider, mapping: Mapping[str, str], identity: ExternalIdentity) -> Mapped:
    """The attributes that the mapping takes from an identity.

    Args:
        mapping: attribute of the pool to the path of its value: `provider.attribute_mapping` over the kind's own.

    `email_verified` is not mapped like others: it is true only for the very address for which the provider vouches, or one
    of the provider's own domains where the pool trusts it there. No mapping makes it true by a text.
    """
    values: dict[str, object] = {}
    cleared, missing, faults = set(), set(), []
    for attribute, path in mapping.items():
        if attribute in {"email_verified", "phone_number_verified"}:
            continue
        found = find(identity.claims, path)
        if found is _MISSING:
            missing.add(attribute)
            continue
        value = plain(found)
        if value is None or value == "":
            cleared.add(attribute)
        elif isinstance(value, str) and len(value) > LONGEST_VALUE:
            faults.append((attribute, f"has {len(value)} characters; {LONGEST_VALUE} may be kept"))
        else:
            values[attribute] = value
    if isinstance(values.get("email"), str):
        values["email_verified"] = _vouched(provider, mapping, identity, str(values["email"]))
    if "phone_number" in values:
        said = find(identity.claims, mapping.get("phone_number_verified", "phone_number_verified"))
        values["phone_number_verified"] = said is True
    groups, unknown = _groups(provider, identity)
    return Mapped(values, frozenset(cleared), frozenset(missing), tuple(faults), groups, unknown)


def find(claims: Mapping[str, object], path: str) -> object:
    """The value at a path; a marker of its own (`is_missing`) if there is none.

    A claim of exactly this name wins, so that names with dots and slashes work as they are. Otherwise the path goes down
    by dots, through objects by name and through arrays by number: `address.country`, `emails.0.value`.
    """
    if path in claims:
        return claims[path]
    at: object = claims
    for step in path.split("."):
        if isinstance(at, Mapping):
            at = at.get(step, _MISSING)
        elif isinstance(at, Sequence) and not isinstance(at, str) and _INDEX.fullmatch(step):
            at = at[int(step)] if int(step) < len(at) else _MISSING
        else:
            return _MISSING
    return at


def is_missing(found: object) -> bool:
    """Whether `find` found nothing."""
    return found is _MISSING


def plain(value: object) -> str | int | float | bool | None:
    """A value as an attribute can hold it. Several become one text as in Cognito: `[a,b]`, each percent-encoded; one in an
    array stands for itself. An object is none, and neither is an empty array.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Sequence):
        parts = [p for p in map(plain, value) if p is not None and p != ""]
        if len(parts) < 2:
            return parts[0] if parts else None
        return f"[{','.join(quote(_text(p), safe='') for p in parts)}]"
    return None


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _vouched(provider: IdentityProvider, mapping: Mapping[str, str], identity: ExternalIdentity, email: str) -> bool:
    """Whether the address counts as verified. What the provider vouches for is its `email`, so a mapping that takes the
    address from elsewhere has nothing to lean on but the domain.
    """
    if identity.email_verified and mapping.get("email") == "email" and email == identity.email:
        return True
    said = identity.claims.get("email_verified")
    return provider.trust_email and said is not False and domain_of(email) in provider.domains


def domain_of(email: str) -> str:
    """The part behind the last @, in lower case; "" for what is no address."""
    local, at, domain = email.rpartition("@")
    return domain.lower() if at and local and "@" not in local else ""


def _groups(provider: IdentityProvider, identity: ExternalIdentity) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    mapped = provider.groups
    if mapped is None:
        return None, ()
    found = find(identity.claims, mapped.source)
    if found is _MISSING or found is None:
        return frozenset() if mapped.managed else None, ()
    given = [found] if isinstance(found, str) else found
    names = [n for n in given if isinstance(n, str)][:MOST_GROUPS] if isinstance(given, Sequence) else []
    known = frozenset(mapped.names[n] for n in names if n in mapped.names)
    return known, tuple(n for n in names if n not in mapped.names)
