"""Fields that a pool's schema gives to forms: which there are, and how a typed text becomes a value."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from authserver.model.pools import AttributeDefinition, Pool
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import LARGEST_WHOLE, LONGEST_VALUE, is_birthdate, is_zone
from authserver.rules.names import text_fault, username_fault

FaultCode = Literal[
    "empty", "invalid", "too_short", "too_long", "too_small", "too_big", "taken", "not_allowed", "domain", "unchanged"
]
Kind = Literal["text", "email", "tel", "number", "date", "datetime", "url", "checkbox"]

_KINDS: Mapping[str, Kind] = {
    "email": "email",
    "phone_number": "tel",
    "birthdate": "date",
    "website": "url",
    "profile": "url",
    "picture": "url",
}
_TYPES: Mapping[str, Kind] = {"string": "text", "number": "number", "boolean": "checkbox", "datetime": "datetime"}

_EARLIEST_ZONE = timedelta(hours=14)
"""Where a new day begins first: what is tomorrow in UTC is today there."""

PROFILE_CLAIMS = ("name", "given_name", "family_name", "nickname", "birthdate", "website", "zoneinfo")
"""Standard claims that people may edit although the pool's schema says nothing of them."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `minimum` and `maximum` bound a number, or the length of a text. `fixed`: it can be read only."""

    name: str
    kind: Kind = "text"
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    fixed: bool = False


def field_of(pool: Pool, name: str, *, required: bool = False, fixed: bool = False) -> Field:
    """The field of an attribute, or of `username`, `email` or `phone_number`."""
    definition = next((d for d in pool.attributes if d.name == name), AttributeDefinition(name))
    kind = _KINDS.get(name) or _TYPES[definition.type]
    return Field(name, kind, required or definition.required, definition.min, definition.max, fixed)


def sign_up_fields(pool: Pool) -> tuple[Field, ...]:
    """What a person fills in to register: names to sign in with, then what the pool requires."""
    names = dict.fromkeys(n for n in pool.sign_in_with if n != "preferred_username")
    names |= dict.fromkeys(pool.sign_up.verify)
    names |= dict.fromkeys(d.name for d in pool.attributes if d.required)
    names |= dict.fromkeys(pool.sign_up.required_attributes)
    if names.keys() & {"email", "phone_number"} and not {"username"} & set(pool.sign_in_with):
        names.pop("username", None)
    needed = {*pool.sign_up.verify, *pool.sign_up.required_attributes, *(d.name for d in pool.attributes if d.required)}
    if not names.keys() & set(pool.sign_in_with):
        names["preferred_username"] = None
    sole = len([n for n in pool.sign_in_with if n in names]) == 1
    return tuple(
        field_of(pool, n, required=n in needed or n == "username" or (sole and n in pool.sign_in_with)) for n in names
    )


def profile_fields(pool: Pool, writable: Iterable[str] | None = None) -> tuple[Field, ...]:
    """What a person may see of the own profile, and change: the schema's attributes and the usual claims.

    `writable` are the names that may be changed here; None is all that the schema lets people edit.
    """
    defined = {d.name: d for d in pool.attributes}
    names = dict.fromkeys((*PROFILE_CLAIMS, *defined))
    allowed = set(names) if writable is None else set(writable)
    fields = []
    for name in names:
        if name in {"email", "phone_number"}:
            continue
        definition = defined.get(name)
        editable = name in allowed and (definition is None or (definition.mutable and definition.self_editable))
        fields.append(field_of(pool, name, fixed=not editable))
    return tuple(fields)


def read_fields(
    fields: Iterable[Field], form: Mapping[str, str], *, now: float | None = None
) -> tuple[dict[str, object], list[tuple[str, FaultCode, str]]]:
    """The values of a form, by name, and what is wrong with it: (name, code, sentence). A field left empty has None.

    `now`, in seconds: nobody was born later.
    """
    latest = (datetime.fromtimestamp(now, UTC) + _EARLIEST_ZONE).date() if now is not None else None
    values: dict[str, object] = {}
    faults: list[tuple[str, FaultCode, str]] = []
    for field in fields:
        if field.fixed:
            continue
        text = form.get(field.name, "").strip()
        if field.kind == "checkbox":
            values[field.name] = text == "true"
            continue
        if not text:
            values[field.name] = None
            if field.required:
                faults.append((field.name, "empty", ""))
            continue
        try:
            values[field.name] = _value(field, text, latest)
        except _Fault as fault:
            faults.append((field.name, fault.code, ""))
    return values, faults


class _Fault(Exception):  # noqa: N818 - a fault of the form, not of ours
    def __init__(self, code: FaultCode) -> None:
        super().__init__(code)
        self.code: FaultCode = code


def _value(field: Field, text: str, latest: date | None) -> object:
    if field.name == "username":
        if username_fault(text) is not None:
            raise _Fault("too_long" if len(text) > 128 else "not_allowed")
        return text
    match field.kind:
        case "email":
            return _normal(normal_email, text)
        case "tel":
            return _normal(normal_phone_number, text)
        case "number":
            return _number(field, text)
        case "date":
            return _text(field, _date(text, latest))
        case "datetime":
            return _datetime(text)
        case "url" if not text.startswith(("https://", "http://")) or " " in text:
            raise _Fault("invalid")
        case _:
            return _text(field, text)


def _date(text: str, latest: date | None) -> str:
    try:
        found = date.fromisoformat(text).isoformat()
    except ValueError:
        found = text
    # Texts of this form stand in the order of time.
    if not is_birthdate(found) or (latest is not None and found > latest.isoformat()):
        raise _Fault("invalid")
    return found


def _normal(normal: object, text: str) -> str:
    if len(text) > 320:
        raise _Fault("too_long")
    try:
        return str(normal(text))  # type: ignore[operator]  # one of the two functions above
    except ValueError:
        raise _Fault("invalid") from None


def _number(field: Field, text: str) -> float:
    if len(text) > 30 or "_" in text:  # the latter is how Python groups digits
        raise _Fault("invalid")
    try:
        number = float(text) if any(c in text for c in ".eE") else int(text)
    except ValueError:
        raise _Fault("invalid") from None
    if not math.isfinite(number) or (isinstance(number, int) and abs(number) > LARGEST_WHOLE):
        raise _Fault("invalid")
    if field.minimum is not None and number < field.minimum:
        raise _Fault("too_small")
    if field.maximum is not None and number > field.maximum:
        raise _Fault("too_big")
    return number


def _datetime(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Fault("invalid") from None
    return text if moment.tzinfo is not None else f"{moment.isoformat()}Z"  # a browser's field has no offset


def _text(field: Field, text: str) -> str:
    longest = int(field.maximum) if field.maximum is not None else LONGEST_VALUE
    if len(text) > longest:
        raise _Fault("too_long")
    if field.minimum is not None and len(text) < field.minimum:
        raise _Fault("too_short")
    if text_fault(text, LONGEST_VALUE) is not None:
        raise _Fault("not_allowed")
    if field.name == "zoneinfo" and not is_zone(text):
        raise _Fault("invalid")
    return text
