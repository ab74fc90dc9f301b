"""Base64url and JSON have one spelling here."""

import base64
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_servers.encoding import MAX_NESTING, decode_base64url, parse_json_object


@given(st.binary(max_size=200))
def test_what_is_encoded_comes_back(data: bytes) -> None:
    assert decode_base64url(base64.urlsafe_b64encode(data).rstrip(b"=")) == data


@given(st.text(alphabet="ABQgwAE-_+/= \n.!é", max_size=12))
def test_no_two_texts_mean_the_same_bytes(text: str) -> None:
    raw = text.encode()
    try:
        data = decode_base64url(raw)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=") == raw


@pytest.mark.parametrize(
    "text",
    [b"QQ==", b"QQ=", b"QR", b"QUJ", b"Q", b"Q Q", b"QUJD\n", b"+_-_", b"/-__", b"QU.D", b"\xc3\xa9QUI", b"===="],
)
def test_other_spellings_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_base64url(text)


def test_the_plain_spelling_is_read() -> None:
    assert decode_base64url(b"QQ") == b"A"
    assert decode_base64url(b"-_-_") == b"\xfb\xff\xbf"
    assert decode_base64url(b"") == b""


WHOLE = st.integers(-(2**63), 2**64 - 1)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=6), st.booleans())
def test_every_json_object_is_read_as_the_standard_library_reads_it(value: dict[str, object], ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair: Hypothesis makes none, but a future one may
        with pytest.raises(ValueError):
            parse_json_object(data)
    else:
        assert parse_json_object(data) == json.loads(data)


def test_white_space_around_the_object_is_json() -> None:
    assert parse_json_object(b' \r\n\t{"a" : 1.5}\n') == {"a": 1.5}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"a"', id="text"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"{} {}", id="two objects"),
        pytest.param(b"{}x", id="something behind it"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(rb'{"a":"\ud800"}', id="half a surrogate pair"),
        pytest.param(rb'{"\udfff":1}', id="half a surrogate pair in a name"),
        pytest.param(b'{"a":1,"a":1}', id="member twice"),
        pytest.param(rb'{"a":1,"\u0061":2}', id="member twice, once escaped"),
        pytest.param(b'{"a":{"b":1,"b":2}}', id="inner member twice"),
        pytest.param(b'{"a":[{"b":1,"b":2}]}', id="member twice in an array"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param(b'{"a":1e999}', id="float out of range"),
        pytest.param(b'{"a":-1e999}', id="negative float out of range"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="integer of 5000 digits"),
        pytest.param(b'{"a":18446744073709551616}', id="integer of 65 bits"),
        pytest.param(b'{"a":[-9223372036854775809]}', id="negative integer of 65 bits"),
        pytest.param(b'{"a":"\n"}', id="control character"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1,}', id="trailing comma"),
    ],
)
def test_anything_but_one_plain_object_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json_object(data)


def test_escapes_that_are_text_are_read() -> None:
    assert parse_json_object(rb'{"\u0061":"\ud83d\ude00\u0000"}') == {"a": "\U0001f600\0"}


def test_whole_numbers_of_64_bits_are_read() -> None:
    assert parse_json_object(b'{"a":[18446744073709551615,-9223372036854775808,0]}')["a"] == [2**64 - 1, -(2**63), 0]


def test_what_is_read_can_be_written_by_others() -> None:
    """A claim goes on to stores and triggers, and orjson writes no deeper nesting than 254, and no longer number."""
    deepest = parse_json_object(nested(MAX_NESTING, "[", "]", "18446744073709551615"))
    assert orjson.loads(orjson.dumps({"event": {"request": {"sources": {"claims": deepest}}}}))


def nested(depth: int, opening: str, closing: str, inner: str) -> bytes:
    """An object in which, itself counted, `depth` arrays or objects stand inside one another."""
    return ('{"a":' + opening * (depth - 1) + inner + closing * (depth - 1) + "}").encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [MAX_NESTING + 1, 3_000, 200_000])
def test_a_nesting_bomb_is_refused(opening: str, closing: str, depth: int) -> None:
    with pytest.raises(ValueError):
        parse_json_object(nested(depth, opening, closing, "1"))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_the_deepest_nesting_allowed_is_read(opening: str, closing: str) -> None:
    assert parse_json_object(nested(MAX_NESTING, opening, closing, "1"))


def test_many_brackets_side_by_side_are_no_nesting() -> None:
    assert len(parse_json_object(b'{"a":[' + b"[]," * 1000 + b"{}]}")["a"]) == 1001
