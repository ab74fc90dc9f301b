"""Attributes of users: which names there are, and which values fit a pool's definition."""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from zoneinfo import available_timezones

from authserver.model.pools import AttributeDefinition, Pool
from authserver.rules.names import text_fault

TEXT_CLAIMS = (
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
)
"""The standard claims that are text (OpenID Connect Core 5.1)."""

OWN_FIELDS = ("email", "phone_number")
"""Standard claims that a user holds outside `attributes`. A definition may still require them."""

LONGEST_VALUE = 2048

LARGEST_WHOLE = 2**53
"""Of whole numbers, what every reader of JSON takes for the same one (RFC 8259 6)."""

_CUSTOM_NAME = re.compile(r"custom:[A-Za-z0-9_.-]{1,20}", re.ASCII)
_BIRTHDATE = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})-(?P<day>[0-9]{2}))?", re.ASCII)
_LEAP_YEAR = 2000
"""Stands in for a year that is left out, so that people may be born on 29 February."""
_ADDRESS = frozenset({"formatted", "street_address", "locality", "region", "postal_code", "country"})


def attribute_name_fault(name: str) -> str | None:
    if name in {*TEXT_CLAIMS, *OWN_FIELDS, "address"} or _CUSTOM_NAME.fullmatch(name):
        return None
    return "must be a standard claim (OpenID Connect Core 5.1), or custom: with 1 to 20 letters, digits, _ . or -"


def attribute_faults(pool: Pool, attributes: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with a user's attributes, by name. Required ones are `missing_attributes`."""
    definitions = {d.name: d for d in pool.attributes}
    faults: list[tuple[str, str]] = []
    for name, value in attributes.items():
        definition = definitions.get(name)
        if definition is None and name in TEXT_CLAIMS:
            definition = AttributeDefinition(name)
        if name in OWN_FIELDS:
            faults.append((name, "is a key of its own beside the attributes"))
        elif definition is None and name != "address":
            faults.append((name, "is no standard claim, and the pool does not define it"))
        elif (found := _address_fault(value) if definition is None else value_fault(definition, value)) is not None:
            faults.append((name, found))
    return faults


def missing_attributes(pool: Pool, present: Mapping[str, object]) -> list[str]:
    """The names of required attributes without a value. `present` holds the own fields of the user too."""
    return [d.name for d in pool.attributes if d.required and present.get(d.name) in (None, "")]


def _address_fault(value: object) -> str | None:
    if not isinstance(value, Mapping) or not all(k in _ADDRESS and isinstance(v, str) for k, v in value.items()):
        return f"must be a table of text with the keys {', '.join(sorted(_ADDRESS))} (OpenID Connect Core 5.1.1)"
    return None


def value_fault(definition: AttributeDefinition, value: object) -> str | None:
    """Why the value does not fit the definition, in words; None if it does."""
    if definition.type == "boolean":
        return None if isinstance(value, bool) else "must be true or false"
    if definition.type == "number":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "must be a number"
        if abs(value) > LARGEST_WHOLE if isinstance(value, int) else not math.isfinite(value):
            return "is too large for a number"
        return _bounds_fault(definition, value, "must be")
    if not isinstance(value, str):
        return "must be text"
    if definition.type == "datetime":
        return None if is_datetime(value) else "must be a date and time with its offset, such as 2026-01-31T12:00:00Z"
    if definition.name == "birthdate" and not is_birthdate(value):
        return "must be a date such as 1990-04-01, 0000-04-01 without the year, or the year alone (OpenID Connect Core 5.1)"
    if definition.name == "zoneinfo" and not is_zone(value):
        return "must be a name of the IANA time zone database, such as Europe/London"
    return text_fault(value, LONGEST_VALUE) or _bounds_fault(definition, len(value), "must have a length of")


def _bounds_fault(definition: AttributeDefinition, size: float, what: str) -> str | None:
    if definition.min is not None and size < definition.min:
        return f"{what} at least {definition.min:g}"
    if definition.max is not None and size > definition.max:
        return f"{what} at most {definition.max:g}"
    return None


def is_datetime(value: str) -> bool:
    """Whether it is a date and time with its offset (RFC 3339)."""
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def is_birthdate(value: str) -> bool:
    """Whether it is a date that there is: YYYY-MM-DD, 0000-MM-DD where the year is left out, or YYYY (OpenID Connect Core
    5.1).
    """
    matched = _BIRTHDATE.fullmatch(value)
    if matched is None:
        return False
    year, month, day = int(matched["year"]), matched["month"], matched["day"]
    if month is None:
        return year > 0
    try:
        date(year or _LEAP_YEAR, int(month), int(day))
    except ValueError:
        return False
    return True


def is_zone(value: str) -> bool:
    """Whether it is a name of the IANA time zone database. A machine without the database takes any."""
    zones = _zones()
    return value in zones or not zones


@cache
def _zones() -> frozenset[str]:
    # Read when the first zone is judged: it goes over hundreds of files.
    return frozenset(available_timezones())
