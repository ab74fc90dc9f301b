"""A pool's attributes change: what becomes of the values that users have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.accounts.schema_change import SchemaChange, convert, migrated, schema_change
from authserver.model.pools import AttributeDefinition as Definition
from authserver.rules.attributes import value_fault


def change(before: list[Definition], after: list[Definition], **more: dict[str, object]) -> SchemaChange:
    names: dict[str, dict[str, object]] = {"renamed_from": {}, "backfill": {}} | more
    return schema_change(before, after, **names)  # type: ignore[arg-type]  # names of both kinds


LEVEL = Definition("custom:level")


def test_the_same_definitions_change_nothing() -> None:
    assert not change([LEVEL], [LEVEL])
    assert not change([], [LEVEL]), "one more asks for nothing: who has no value is asked at sign-in"
    assert not change([], [Definition("custom:level", required=True)])
    assert not change([Definition("custom:level", min=2)], [LEVEL]), "wider bounds fit whatever fitted before"


def test_a_renamed_attribute_takes_its_values_along() -> None:
    found = change([Definition("custom:old")], [LEVEL], renamed_from={"custom:level": "custom:old"})
    done = migrated(found, {"custom:old": "x", "nickname": "n"})
    assert done.attributes == {"custom:level": "x", "nickname": "n"}
    assert done.renamed == ("custom:old",)
    assert migrated(found, {"nickname": "n"}).attributes == {"nickname": "n"}
    both = migrated(found, {"custom:old": "x", "custom:level": "newer"})
    assert both.attributes == {"custom:level": "newer"}, "what was given under the new name is newer"
    again = change([LEVEL], [LEVEL], renamed_from={"custom:level": "custom:old"})
    assert not again, "it has its name already"


def test_renamed_and_converted_at_once() -> None:
    found = change(
        [Definition("custom:old")], [Definition("custom:level", "number")], renamed_from={"custom:level": "custom:old"}
    )
    assert migrated(found, {"custom:old": "7"}).attributes == {"custom:level": 7}


def test_a_new_attribute_may_be_filled_for_those_who_are_there() -> None:
    found = change([], [LEVEL], backfill={"custom:level": "low"})
    assert migrated(found, {}).attributes == {"custom:level": "low"}
    assert migrated(found, {"custom:level": ""}).filled == ("custom:level",)
    assert migrated(found, {"custom:level": "high"}).attributes == {"custom:level": "high"}
    assert not change([LEVEL], [LEVEL], backfill={"custom:level": "low"}), "only when it is new"


def test_what_is_removed_goes_with_its_values() -> None:
    found = change([LEVEL, Definition("custom:desk")], [LEVEL])
    done = migrated(found, {"custom:desk": "4", "custom:level": "x"})
    assert done.attributes == {"custom:level": "x"}
    assert done.removed == ("custom:desk",)


def test_values_beyond_narrower_bounds_stay_and_are_counted() -> None:
    found = change([LEVEL], [Definition("custom:level", max=3)])
    assert migrated(found, {"custom:level": "four"}).unfit == ("custom:level",)
    assert migrated(found, {"custom:level": "four"}).attributes == {"custom:level": "four"}
    assert migrated(found, {"custom:level": "two"}).unfit == ()
    assert migrated(found, {}).unfit == ()
    assert change([Definition("custom:level", min=1)], [Definition("custom:level", min=2)]).narrowed
    assert change([Definition("custom:level", min=1, max=9)], [Definition("custom:level", min=1, max=8)]).narrowed


CONVERSIONS: list[tuple[object, str, object]] = [
    ("7", "number", 7),
    (" -7.50 ", "number", -7.5),
    ("1e3", "number", 1000.0),
    (True, "number", 1),
    ("2026-01-31T12:00:00Z", "number", 1_769_860_800),
    (7, "string", "7"),
    (7.0, "string", "7"),
    (7.5, "string", "7.5"),
    (True, "string", "true"),
    (False, "string", "false"),
    ("Yes", "boolean", True),
    ("FALSE", "boolean", False),
    (1, "boolean", True),
    (0, "boolean", False),
    ("2026-01-31T12:00:00+09:00", "datetime", "2026-01-31T12:00:00+09:00"),
    (1_769_860_800, "datetime", "2026-01-31T12:00:00Z"),
]


@pytest.mark.parametrize(("value", "kind", "wanted"), CONVERSIONS)
def test_values_are_converted(value: object, kind: str, wanted: object) -> None:
    found = convert(value, Definition("custom:x", kind))  # type: ignore[arg-type]  # a kind
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("seven", "number"), ("", "number"), ("1_000", "number"), ("inf", "number"), ("nan", "number"),
        ("12345678901234567890", "number"), ("9e999", "number"), ("7", "datetime"), ("2026-01-31", "datetime"),
        (10**15, "datetime"), (True, "datetime"), (2, "boolean"), ("maybe", "boolean"), ({"a": "b"}, "string"),
        ({"a": "b"}, "number"), ({"a": "b"}, "boolean"), ({"a": "b"}, "datetime"),
    ],
)  # fmt: skip
def test_what_is_none_of_the_type_is_told_and_stays_unless_it_is_dropped(value: object, kind: str) -> None:
    definition = Definition("custom:x", kind)  # type: ignore[arg-type]  # a kind
    other = Definition("custom:x", "boolean" if kind == "string" else "string")
    found = change([other], [definition])
    done = migrated(found, {"custom:x": value})
    ((attribute, reason),) = [(one.attribute, one.reason) for one in done.unconvertible]
    assert attribute == "custom:x"
    assert str(value) not in reason or not value
    assert done.attributes == {"custom:x": value}
    assert done.unfit == ()
    assert migrated(found, {"custom:x": value}, drop=True).attributes == {}


VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes().map(lambda d: d.isoformat() + "Z"),
    st.sampled_from(["true", "no", "1", "12", "-3.5"]),
)


@given(VALUES, st.sampled_from(["string", "number", "boolean", "datetime"]))
def test_a_second_time_changes_nothing_and_what_was_converted_fits(value: object, kind: str) -> None:
    definition = Definition("custom:x", kind)  # type: ignore[arg-type]  # a kind
    found = SchemaChange(converted={"custom:x": definition})
    once = migrated(found, {"custom:x": value}, drop=True)
    assert migrated(found, once.attributes, drop=True).attributes == once.attributes
    for left in once.attributes.values():
        assert value_fault(definition, left) is None
