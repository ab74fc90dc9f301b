"""What a change of a pool's attributes does to the values that its users have. Pure.

A value that the new definition takes as it is stays, so that doing the same again changes nothing: a migration that was
broken off is run again from its beginning.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from authserver.model.pools import AttributeDefinition
from authserver.rules.attributes import is_datetime, value_fault

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """From one set of definitions to another, as far as values are concerned.

    `renamed` has the new name by the old one; `converted` the new definitions of attributes whose type is another;
    `narrowed` those whose bounds are others; `backfill` the values for users who have none of an attribute that is new;
    `removed` the names that go with their values. All names but those of `renamed` and `removed` are the new ones.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    converted: Mapping[str, AttributeDefinition] = field(default_factory=dict)
    narrowed: Mapping[str, AttributeDefinition] = field(default_factory=dict)
    backfill: Mapping[str, object] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether values of users have to be looked at."""
        return bool(self.renamed or self.converted or self.narrowed or self.backfill or self.removed)


NO_CHANGE = SchemaChange()


@dataclass(frozen=True, slots=True)
class Unconvertible:
    """A value that is none of the attribute's new type: of which attribute, and why."""

    attribute: str
    reason: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """The values of one user after the change. What cannot be converted is still in them, unless it was to be dropped.

    `unfit` are attributes whose values do not fit the new bounds; they are kept.
    """

    attributes: Mapping[str, object]
    renamed: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unconvertible: tuple[Unconvertible, ...] = ()
    unfit: tuple[str, ...] = ()


def schema_change(
    before: Iterable[AttributeDefinition],
    after: Iterable[AttributeDefinition],
    *,
    renamed_from: Mapping[str, str],
    backfill: Mapping[str, object],
) -> SchemaChange:
    """What has to happen to values.

    Args:
        renamed_from: old names by new ones, as a file has them; what is done already is no change any more.
        backfill: values for users that are there when an attribute is added, by its name.
    """
    old, new = {d.name: d for d in before}, {d.name: d for d in after}
    renamed = {was: name for name, was in renamed_from.items() if was in old and was not in new and name in new}
    known = {name: old[was] for was, name in renamed.items()} | {n: d for n, d in old.items() if n in new}
    converted = {n: new[n] for n, was in known.items() if was.type != new[n].type}
    return SchemaChange(
        renamed=renamed,
        converted=converted,
        narrowed={n: new[n] for n, was in known.items() if n in converted or _is_narrower(was, new[n])},
        backfill={n: value for n, value in backfill.items() if n in new and n not in known},
        removed=frozenset(n for n in old if n not in new and n not in renamed),
    )


def _is_narrower(was: AttributeDefinition, now: AttributeDefinition) -> bool:
    return (now.min is not None and (was.min is None or was.min < now.min)) or (
        now.max is not None and (was.max is None or was.max > now.max)
    )


def migrated(change: SchemaChange, attributes: Mapping[str, object], *, drop: bool = False) -> Migrated:
    """The values of one user after the change. With `drop` values that cannot be converted go."""
    values = dict(attributes)
    renamed = tuple(was for was in change.renamed if was in values)
    for was in renamed:
        values.setdefault(change.renamed[was], values[was])  # a value under the new name is newer
        del values[was]
    removed = tuple(name for name in change.removed if values.pop(name, None) is not None)
    converted: list[str] = []
    failed: list[Unconvertible] = []
    for name, definition in change.converted.items():
        if name not in values:
            continue
        try:
            value = convert(values[name], definition)
        except ValueError as error:
            failed.append(Unconvertible(name, str(error)))
            if drop:
                del values[name]
            continue
        if value is not values[name]:
            converted.append(name)
            values[name] = value
    filled = tuple(name for name in change.backfill if values.get(name) in (None, ""))
    values |= {name: change.backfill[name] for name in filled}
    stuck = {one.attribute for one in failed}
    return Migrated(
        attributes=values,
        renamed=renamed,
        converted=tuple(converted),
        filled=filled,
        removed=removed,
        unconvertible=tuple(failed),
        unfit=tuple(
            name
            for name, definition in change.narrowed.items()
            if name in values and name not in stuck and value_fault(definition, values[name]) is not None
        ),
    )


def convert(value: object, definition: AttributeDefinition) -> object:
    """The value as one of the definition's type; the same object if it is one already. Bounds are not looked at.

    Raises ValueError with a reason that does not hold the value.
    """
    if value_fault(replace(definition, min=None, max=None), value) is None:
        return value
    match definition.type:
        case "string":
            return _to_text(value)
        case "number":
            return _to_number(value)
        case "boolean":
            return _to_truth(value)
        case "datetime":
            return _to_datetime(value)


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    raise ValueError("is no text, number or truth value")


def _to_number(value: object) -> int | float:
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        raise ValueError("is no number")  # noqa: TRY004 - the one way of saying that it cannot be converted
    text = value.strip()
    if is_datetime(text):
        return int(datetime.fromisoformat(text).timestamp())
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("is no number")
    number = int(text) if text.lstrip("+-").isdecimal() else float(text)
    if value_fault(AttributeDefinition("", "number"), number) is not None:
        raise ValueError("is no number that can be kept")
    return number


def _to_truth(value: object) -> bool:
    text = _to_text(value).strip().lower() if not isinstance(value, str) else value.strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("is neither true nor false")


def _to_datetime(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
        except (ValueError, OverflowError, OSError):
            raise ValueError("is no time in seconds since 1970") from None
    raise ValueError("is no date and time with its offset")
