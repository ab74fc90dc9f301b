"""Fields of forms: which the schema gives, and how a typed text becomes a value or a fault."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authserver.model.pools import AttributeDefinition, Pool, SignUpPolicy
from authserver.rules.attributes import LONGEST_VALUE, attribute_faults
from authserver.rules.fields import Field, field_of, profile_fields, read_fields, sign_up_fields
from authserver.rules.names import username_fault

TYPED = (
    AttributeDefinition("custom:text", min=2, max=5),
    AttributeDefinition("custom:free"),
    AttributeDefinition("custom:number", "number", min=-1, max=10),
    AttributeDefinition("custom:flag", "boolean"),
    AttributeDefinition("custom:moment", "datetime"),
    AttributeDefinition("custom:fixed", mutable=False),
    AttributeDefinition("custom:theirs", self_editable=False),
    AttributeDefinition("nickname", required=True),
)
POOL = Pool("t_Pool1", "Test", attributes=TYPED)


def names(fields: tuple[Field, ...]) -> dict[str, bool]:
    """The fields in their order, and whether each is required."""
    return {f.name: f.required for f in fields}


SCHEMAS: dict[str, tuple[dict[str, Any], dict[str, bool]]] = {
    "by default": ({}, {"username": True, "email": True}),
    "addresses alone": ({"sign_in_with": ("email",)}, {"email": True}),
    "phone numbers alone": (
        {"sign_in_with": ("phone_number",), "sign_up": SignUpPolicy(verify=("phone_number",))},
        {"phone_number": True},
    ),
    "either address": (
        {"sign_in_with": ("email", "phone_number"), "sign_up": SignUpPolicy(verify=())},
        {"email": False, "phone_number": False},
    ),
    "a username alone": (
        {"sign_in_with": ("username",), "sign_up": SignUpPolicy(verify=())},
        {"username": True},
    ),
    "a username, and an address to prove": ({"sign_in_with": ("username",)}, {"username": True, "email": True}),
    "both addresses to prove": (
        {"sign_up": SignUpPolicy(verify=("phone_number", "email"))},
        {"username": True, "email": True, "phone_number": True},
    ),
    "what the pool requires": ({"attributes": TYPED}, {"username": True, "email": True, "nickname": True}),
    "what sign-up requires": (
        {"sign_up": SignUpPolicy(required_attributes=("given_name", "custom:text")), "attributes": TYPED},
        {"username": True, "email": True, "nickname": True, "given_name": True, "custom:text": True},
    ),
    "the preferred name as a further one": (
        {"sign_in_with": ("username", "preferred_username")},
        {"username": True, "email": True},
    ),
    "the preferred name alone": (
        {"sign_in_with": ("preferred_username",), "sign_up": SignUpPolicy(verify=())},
        {"preferred_username": True},
    ),
}


@pytest.mark.parametrize("case", SCHEMAS.values(), ids=SCHEMAS.keys())
def test_the_form_asks_for_names_and_for_what_is_required(case: tuple[dict[str, Any], dict[str, bool]]) -> None:
    changes, expected = case
    asked = names(sign_up_fields(Pool("t_Pool1", "Test", **changes)))
    assert asked == expected
    assert list(asked) == list(expected)


def test_a_profile_shows_what_can_be_changed_and_what_cannot() -> None:
    fields = {f.name: f for f in profile_fields(POOL)}
    assert {"name", "given_name", "birthdate", "custom:text"} <= fields.keys()
    assert not {"email", "phone_number"} & fields.keys()
    assert {n for n, f in fields.items() if f.fixed} == {"custom:fixed", "custom:theirs"}
    assert fields["nickname"].required
    narrow = {f.name: f.fixed for f in profile_fields(POOL, ("custom:text",))}
    assert [n for n, fixed in narrow.items() if not fixed] == ["custom:text"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email", "email"),
        ("phone_number", "tel"),
        ("birthdate", "date"),
        ("website", "url"),
        ("picture", "url"),
        ("given_name", "text"),
        ("custom:number", "number"),
        ("custom:flag", "checkbox"),
        ("custom:moment", "datetime"),
        ("custom:text", "text"),
    ],
)
def test_the_kind_of_a_field_follows_its_name_and_type(name: str, kind: str) -> None:
    assert field_of(POOL, name).kind == kind


READ: dict[str, tuple[str, str, object]] = {
    "text": ("custom:text", " abc ", "abc"),
    "text of the least length": ("custom:text", "ab", "ab"),
    "text of one less": ("custom:text", "a", "too_short"),
    "text of the greatest length": ("custom:text", "abcde", "abcde"),
    "text of one more": ("custom:text", "abcdef", "too_long"),
    "text without an end": ("custom:free", "x" * (LONGEST_VALUE + 1), "too_long"),
    "text as long as may be": ("custom:free", "x" * LONGEST_VALUE, "x" * LONGEST_VALUE),
    "markup": ("custom:free", "<b>&amp;</b>", "<b>&amp;</b>"),
    "a control character": ("custom:free", "a\x00b", "not_allowed"),
    "a line break": ("custom:free", "a\nb", "not_allowed"),
    "a turned text": ("custom:free", "a\u202eb", "not_allowed"),
    "hangul": ("custom:free", "에이다", "에이다"),
    "nothing": ("custom:free", "", None),
    "blanks": ("custom:free", " \u3000\t", None),
    "nothing where something is required": ("nickname", " ", "empty"),
    "a whole number": ("custom:number", "7", 7),
    "a negative number": ("custom:number", "-1", -1),
    "a broken number": ("custom:number", "0.5", 0.5),
    "a number with an exponent": ("custom:number", "1e0", 1.0),
    "full-width digits": ("custom:number", "\uff17", 7),
    "too small a number": ("custom:number", "-2", "too_small"),
    "too big a number": ("custom:number", "10.5", "too_big"),
    "infinity": ("custom:number", "1e400", "invalid"),
    "no number": ("custom:number", "nan", "invalid"),
    "words": ("custom:number", "seven", "invalid"),
    "hexadecimal": ("custom:number", "0x7", "invalid"),
    "grouped digits": ("custom:number", "1_0", "invalid"),
    "a number of many digits": ("custom:number", "0" * 31, "invalid"),
    "ticked": ("custom:flag", "true", True),
    "not ticked": ("custom:flag", "", False),
    "ticked by another word": ("custom:flag", "on", False),
    "a moment with its offset": ("custom:moment", "2026-01-31T12:00:00+09:00", "2026-01-31T12:00:00+09:00"),
    "a moment of a browser's field": ("custom:moment", "2026-01-31T12:00", "2026-01-31T12:00:00Z"),
    "no moment": ("custom:moment", "tomorrow", "invalid"),
    "a date": ("birthdate", "1906-12-09", "1906-12-09"),
    "a compact date": ("birthdate", "19061209", "1906-12-09"),
    "no date": ("birthdate", "1906-02-30", "invalid"),
    "a date without its year": ("birthdate", "0000-02-29", "0000-02-29"),
    "a year": ("birthdate", "1906", "1906"),
    "no year": ("birthdate", "0000", "invalid"),
    "no day without a year": ("birthdate", "0000-02-30", "invalid"),
    "a date and more": ("birthdate", "1906-12-09T00:00", "invalid"),
    "a time zone": ("zoneinfo", "Asia/Seoul", "Asia/Seoul"),
    "no time zone": ("zoneinfo", "Asia/Soul", "invalid"),
    "a time zone's path": ("zoneinfo", "../Asia/Seoul", "invalid"),
    "an address": ("email", "Grace@EXAMPLE.com", "Grace@example.com"),
    "no address": ("email", "grace", "invalid"),
    "too long an address": ("email", "g" * 321, "too_long"),
    "a number to call": ("phone_number", "+1 555 010 0200", "+15550100200"),
    "no number to call": ("phone_number", "555", "invalid"),
    "a page": ("website", "https://example.com/~grace", "https://example.com/~grace"),
    "no page": ("website", "javascript:alert(1)", "invalid"),
    "a page with a space": ("website", "https://example.com/a b", "invalid"),
    "a page with a control character": ("website", "https://example.com/\x07", "not_allowed"),
    "a username": ("username", "grace", "grace"),
    "a username that is too long": ("username", "g" * 129, "too_long"),
    "a username that cannot be seen": ("username", "\u200d", "not_allowed"),
}


@pytest.mark.parametrize("case", READ.values(), ids=READ.keys())
def test_what_becomes_of_a_typed_text(case: tuple[str, str, object]) -> None:
    name, typed, expected = case
    values, faults = read_fields([field_of(POOL, name)], {name: typed})
    codes = {"empty", "invalid", "too_short", "too_long", "too_small", "too_big", "not_allowed"}
    if isinstance(expected, str) and expected in codes:
        assert [(n, c) for n, c, _ in faults] == [(name, expected)]
        assert values.get(name) is None
    else:
        assert faults == []
        assert values == {name: expected}


@pytest.mark.parametrize(
    ("typed", "fits"),
    [("2026-11-22", True), ("2026-11-23", True), ("2026-11-24", False), ("2026", True), ("2027", False)],
)
def test_nobody_is_born_tomorrow(typed: str, fits: bool) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()  # and it is the 23rd already on Kiritimati
    _, faults = read_fields([field_of(POOL, "birthdate")], {"birthdate": typed}, now=now)
    assert faults == ([] if fits else [("birthdate", "invalid", "")])


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("birthdate", "1990-04-01", "2030-13-45"),
        ("birthdate", "0000-04-01", "00-04-01"),
        ("birthdate", "1990", "19900401"),
        ("zoneinfo", "UTC", "utc+1"),
    ],
)
def test_the_schema_takes_what_the_form_takes(name: str, good: str, bad: str) -> None:
    assert attribute_faults(POOL, {name: good}) == []
    assert [field for field, _ in attribute_faults(POOL, {name: bad})] == [name]


def test_a_field_that_is_missing_is_empty() -> None:
    values, faults = read_fields([field_of(POOL, n) for n in ("nickname", "custom:flag", "custom:free")], {})
    assert values == {"nickname": None, "custom:flag": False, "custom:free": None}
    assert [(n, c) for n, c, _ in faults] == [("nickname", "empty")]


def test_what_is_fixed_or_not_asked_for_is_not_read() -> None:
    fields = [field_of(POOL, "custom:free", fixed=True), field_of(POOL, "custom:text")]
    form = {"custom:free": "mine", "custom:text": "abc", "groups": "staff"}
    assert read_fields(fields, form) == ({"custom:text": "abc"}, [])


@given(
    st.sampled_from(
        [*TYPED, *(AttributeDefinition(n) for n in ("name", "website", "birthdate", "zoneinfo", "locale"))]
    ),
    st.one_of(st.text(), st.from_regex(r"[0-9eE+\-.:TZ/ ]{0,40}"), st.from_regex(r"https?://.{0,20}")),
)
@example(AttributeDefinition("custom:moment", "datetime"), "2026-01-31T12:00:00+00:00:01")
@example(AttributeDefinition("custom:moment", "datetime"), "2026-W05-6")
@example(AttributeDefinition("custom:number", "number"), "9" * 30)
@example(AttributeDefinition("birthdate", min=12, max=12), "1990-04-01")
@example(AttributeDefinition("website"), "https://x\u2028y")
def test_whatever_is_typed_is_refused_or_fits_the_schema(definition: AttributeDefinition, typed: str) -> None:
    """The form and the schema agree on every value, so that nothing can be stored that could not be read again."""
    pool = Pool("t_Pool1", "Test", attributes=(definition,))
    values, faults = read_fields([field_of(pool, definition.name)], {definition.name: typed})
    kept = {k: v for k, v in values.items() if v is not None}
    if not faults:
        assert attribute_faults(pool, kept) == []
    else:
        assert kept == {}


@given(st.text(max_size=200))
def test_whatever_is_typed_as_a_username_is_refused_or_is_one(typed: str) -> None:
    values, faults = read_fields([field_of(POOL, "username", required=True)], {"username": typed})
    assert bool(faults) != bool(values.get("username"))
    if not faults:
        assert username_fault(str(values["username"])) is None
