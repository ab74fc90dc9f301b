"""Scopes are words that are the same or are not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_servers.errors import InsufficientScope
from resource_servers.scopes import (
    Requirement,
    custom_scope,
    format_scope,
    has_scope,
    is_scope_token,
    parse_scope,
    split_custom_scope,
)
from resource_servers.tokens import AccessToken

SCOPE_CHARACTERS = "".join(chr(c) for c in [0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)])
WORDS = st.text(alphabet=SCOPE_CHARACTERS, min_size=1, max_size=12)


def grammar_allows(text: str) -> bool:
    """RFC 6749 section 3.3, letter by letter, written a second time."""
    words = text.split(" ")
    return all(word and all(c == "!" or "#" <= c <= "[" or "]" <= c <= "~" for c in word) for word in words)


@given(st.text(alphabet=st.sampled_from('ab/:.!" \\\t\n\x7fé~ ')) | st.text(max_size=20))
def test_the_grammar_decides_what_is_a_scope(text: str) -> None:
    if text == "" or grammar_allows(text):
        assert parse_scope(text) == frozenset(text.split(" ") if text else ())
    else:
        with pytest.raises(ValueError):
            parse_scope(text)


@given(st.text(max_size=8))
def test_a_scope_token_is_a_scope_without_spaces(text: str) -> None:
    assert is_scope_token(text) == (grammar_allows(text) and " " not in text)


@given(st.frozensets(WORDS, max_size=6))
def test_scopes_survive_being_written_and_read(scopes: frozenset[str]) -> None:
    assert parse_scope(format_scope(scopes)) == scopes


def test_scopes_are_written_sorted_and_once() -> None:
    assert format_scope(["b", "a", "b"]) == "a b"
    with pytest.raises(ValueError, match="not a scope"):
        format_scope(["a b"])


@given(st.text(alphabet=SCOPE_CHARACTERS, min_size=1, max_size=20), WORDS.filter(lambda name: "/" not in name))
def test_the_last_slash_parts_identifier_and_name(identifier: str, name: str) -> None:
    assert split_custom_scope(custom_scope(identifier, name)) == (identifier, name)


@pytest.mark.parametrize("scope", ["openid", "/read", "https://orders.example/", "/", ""])
def test_other_scopes_are_not_custom(scope: str) -> None:
    assert split_custom_scope(scope) is None


@pytest.mark.parametrize(
    ("identifier", "name"),
    [("https://a", "b/c"), ("https://a", ""), ("", "read"), ("https://a b", "read"), ("a", 'r"')],
)
def test_what_makes_no_custom_scope_is_refused(identifier: str, name: str) -> None:
    with pytest.raises(ValueError, match="custom scope"):
        custom_scope(identifier, name)


@pytest.mark.parametrize("other", ["https://a/rea", "https://a/read/", "HTTPS://a/read", "https://a", "read", "*", ""])
def test_only_the_very_same_scope_is_granted(other: str) -> None:
    granted = AccessToken({}, frozenset({"https://a/read"}))
    assert has_scope(granted.scopes, "https://a/read")
    assert not has_scope(granted.scopes, other)


def test_scopes_are_looked_up_in_a_token_too() -> None:
    class Grant:
        scopes = frozenset({"a"})
        groups: frozenset[str] = frozenset()

    assert has_scope(Grant(), "a")
    assert not has_scope(Grant(), "b")
    assert has_scope(AccessToken({}, frozenset({"a"})), "a")
    assert not has_scope(AccessToken({}, frozenset({"a"})), "b")


def test_a_piece_of_a_text_is_not_a_scope() -> None:
    with pytest.raises(TypeError, match="parse the scope"):
        has_scope("openid profile", "open")


def test_all_scopes_are_needed_and_one_of_the_groups() -> None:
    needed = Requirement.of(["a", "b"], ["staff", "boss"])
    needed.check(AccessToken({}, frozenset("abc"), frozenset({"boss"})))
    with pytest.raises(InsufficientScope) as missing:
        needed.check(AccessToken({}, frozenset("a"), frozenset({"boss"})))
    assert missing.value.needed == ("a", "b")
    with pytest.raises(InsufficientScope) as outside:
        needed.check(AccessToken({}, frozenset("ab"), frozenset({"Boss"})))
    assert outside.value.needed == ()
    assert outside.value.groups == ("boss", "staff")
    assert re.search("boss, staff", outside.value.reason)


def test_nothing_needed_is_met_by_anyone() -> None:
    Requirement.of().check(AccessToken({}))


@pytest.mark.parametrize(("scopes", "groups"), [("read", ()), ((), "staff"), (["a b"], ()), ([""], ())])
def test_a_requirement_that_cannot_be_meant_is_refused(scopes: object, groups: object) -> None:
    with pytest.raises(ValueError):
        Requirement.of(scopes, groups)  # type: ignore[arg-type]  # the mistake itself
