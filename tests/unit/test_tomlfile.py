"""Lines of TOML keys, durations, secrets by reference, and nearest names."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.tomlfile import BadConfig, format_duration, nearest, parse_duration, read_document, toml
from authserver.tomlfile.lines import key_lines
from authserver.tomlfile.values import LONGEST_DURATION, read_secret

# ---------------------------------------------------------------------------------------------------- values

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WRITABLE = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, width=32) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(WRITABLE)
def test_a_value_that_is_written_is_read_again(value: object) -> None:
    text = toml(value)
    assert "\n" not in text
    assert tomllib.loads(f"value = {text}")["value"] == value


def test_whole_numbers_have_no_point_and_nothing_is_left_out() -> None:
    assert toml({"a b": 2.0, "c": None, "d": [1.5, True]}) == '{ "a b" = 2, d = [1.5, true] }'
    assert (toml({}), toml([])) == ("{}", "[]")
    with pytest.raises(TypeError, match="NoneType"):
        toml([None])


# ---------------------------------------------------------------------------------------------------- lines

NAMES = st.text("abcxyz_-", min_size=1, max_size=4) | st.text('a."\\ #=[]', min_size=1, max_size=4)
SCALARS = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(["true", "1979-05-27 07:32:00", "1979-05-27T07:32:00Z", "3.5e-2", "inf", "0x_f".replace("_", "")]),
    st.text('ab"\\#=[]{},', max_size=6).map(json.dumps),
    st.text('ab"\\#=[]{},', max_size=6).map(lambda t: f"'{t}'"),
    st.text('ab#"\n=[]', max_size=8).map(lambda t: '"""' + t.replace('"', '\\"') + '"""'),
    st.sampled_from(['""""two quotes at the end"""""', "''''one quote'''", '"""\\\n  joined\\""""']),
    st.text('ab#"\n=[]\\', max_size=8).map(lambda t: f"'''{t}'''"),
)
GAPS = st.sampled_from(["", "\n", "  # a = 1\n", "\n\n\t", "# [x]\n\n"])


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["scalar", "scalar", "array", "table"] if depth else ["scalar"]))
    if kind == "array":
        gap = [draw(GAPS) for _ in range(2)]
        items = draw(st.lists(values(depth - 1), max_size=3))
        ends = f"\n{gap[1]}\n" if items and draw(st.booleans()) else ""
        return f"[{gap[0]}" + f",{gap[1]}".join(items) + (f",{ends}" if ends else "") + "]"
    if kind == "table":
        keys = draw(st.lists(NAMES, max_size=3, unique=True))
        return "{" + ", ".join(f"{written(k)} = {draw(values(depth - 1))}" for k in keys) + "}"
    return draw(SCALARS)


def written(key: str) -> str:
    plain = key.isascii() and all(c.isalnum() or c in "_-" for c in key)
    return key if plain else json.dumps(key)


@st.composite
def documents(draw: st.DrawFn) -> str:
    text = ""
    for header in [None, *draw(st.lists(st.sampled_from(["t", "t.u", "[l]", "l.t", "[l.m]", "v"]), max_size=5))]:
        if header is not None:
            inner = header.strip("[]")
            text += f"{draw(GAPS)}\n[[ {inner} ]]\n" if header.startswith("[") else f"\n[{inner}] # here\n"
        for key in draw(st.lists(NAMES.map(lambda n: "k" + n), max_size=3, unique=True)):
            dots = draw(st.sampled_from(["", ".in", " . in.ner"]))
            text += f"{draw(GAPS)}\n{written(key)}{dots} = {draw(values())}\n"
    return text


def paths(data: Any, above: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found: set[tuple[str | int, ...]] = set()
    for key, inner in pairs:
        found |= {(*above, key)} | paths(inner, (*above, key))
    return found


@given(documents())
def test_every_key_that_tomllib_finds_has_its_line(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # the generator sometimes opens a table twice
    lines = key_lines(text)
    assert set(lines) == paths(data)
    rows = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert path[-1] in rows[line - 1] or json.dumps(path[-1])[1:-1] in rows[line - 1]


def test_the_lines_are_the_lines_of_the_keys() -> None:
    text = 'a = 1\n\n[x.y]  # table\nb = [1,\n  2, { c = 3 }]\n[[t]]\nk = """\nb = 1\n"""\n[[t]]\n[t.u]\nd.e = 1\n'
    lines = key_lines(text)
    assert lines["a",] == 1
    assert lines["x", "y"] == 3
    assert lines["x", "y", "b", 2, "c"] == 5
    assert lines["t", 0, "k"] == 7
    assert lines["t", 1] == 10
    assert lines["t", 1, "u", "d", "e"] == 12


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\n[x\n", 2), ("a = 1\na = 2\n", 2), ('a = 1\nb = "x\n', 2)],
)
def test_what_is_not_toml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=rf"bad.toml line {line} is not valid TOML: .") as refused:
        read_document(path, "bad.toml")
    assert refused.value.faults[0].line == line
    path.write_text("a = 1\nb = 2\n")
    assert read_document(path, "bad.toml").data == {"a": 1, "b": 2}


def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"none\.toml cannot be read: No such file"):
        read_document(tmp_path / "none.toml", "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"\n')
    with pytest.raises(BadConfig, match="is not UTF-8 text"):
        read_document(tmp_path / "latin.toml")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(BadConfig, match="nested too deeply"):
        read_document(tmp_path / "deep.toml")


def test_line_ends_of_windows_count_once(tmp_path: Path) -> None:
    (tmp_path / "dos.toml").write_bytes(b"a = 1\r\nb = 2\r\n")
    assert read_document(tmp_path / "dos.toml").lines["b",] == 2


# ---------------------------------------------------------------------------------------------------- durations


@given(st.integers(0, LONGEST_DURATION))
def test_a_duration_survives_writing_and_reading(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
    assert parse_duration(seconds) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("8h", 28800), ("30d", 2592000), ("2w", 1209600), (0, 0)]
)
def test_durations_have_one_unit(text: object, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "15 m", "m", "-1m", "1.5h", "1h30m", "15M", "٣m", True, 1.0, None, -1])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_duration(text)


def test_ten_years_are_the_most() -> None:
    assert parse_duration("3650d") == LONGEST_DURATION
    with pytest.raises(ValueError, match="at most 3650d"):
        parse_duration("3651d")


# ---------------------------------------------------------------------------------------------------- secrets


def test_a_secret_is_text_or_a_reference(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    assert read_secret("in sight", tmp_path, {}).value == "in sight"
    assert read_secret("in sight", tmp_path, {}).plain
    assert read_secret({"env": "KEY"}, tmp_path, {"KEY": "from outside"}).value == "from outside"
    assert not read_secret({"env": "KEY"}, tmp_path, {"KEY": "from outside"}).plain
    assert read_secret({"file": "key"}, tmp_path, {}).value == "from a file"


@pytest.mark.parametrize(
    ("given_value", "says"),
    [
        ({"env": "KEY"}, "KEY, which is not set"),
        ({"file": "none"}, "none, which cannot be read: No such file"),
        ({"file": "binary"}, "which is not UTF-8"),
        ({"file": "huge"}, "too large"),
        ({"file": "empty"}, "is empty"),
        ("", "is empty"),
        ({"env": "A", "file": "b"}, "must be text"),
        ({"path": "b"}, "must be text"),
        (5, "must be text"),
    ],
)
def test_a_secret_that_is_not_there_is_refused(tmp_path: Path, given_value: object, says: str) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_text("x" * 70000)
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ValueError, match=says):
        read_secret(given_value, tmp_path, {})


def test_a_secret_stays_out_of_repr() -> None:
    assert "in sight" not in repr(read_secret("in sight", Path(), {}))


# ---------------------------------------------------------------------------------------------------- names


def test_the_nearest_name_is_the_one_that_was_meant() -> None:
    known = ("base_url", "redis_url", "data_dir")
    assert nearest("base_urll", known) == "base_url"
    assert nearest("BASE_URL", known) == "base_url"
    assert nearest("quite_different", known) is None
