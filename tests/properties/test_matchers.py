"""Comparisons and parsers that strangers feed: redirect URIs, names, forms, refresh tokens."""

import string
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from authserver.effects import SystemRandom
from authserver.errors import ProtocolRefusal
from authserver.model.clients import MAX_URI, matches_redirect_uri, redirect_uri_fault
from authserver.model.users import fold
from authserver.tokens.refresh import RefreshKeys, first_token, parse_token, successor
from authserver.web import MOST_FIELDS, Params, parse_params

LOOPBACK = ("127.0.0.1", "[::1]")

# ------------------------------------------------------------------------------------------------- redirect URIs

hosts = st.sampled_from(["app.example.com", "example.com", "localhost", *LOOPBACK, "127.0.0.2", "127.1", "[::]"])
ports = st.sampled_from(["", ":80", ":443", ":0", ":1", ":8080", ":65535"])
paths = st.sampled_from(["", "/", "/cb", "/cb/", "/cb/..", "/a/b", "/cb;x", "/%63b", "/CB", "//cb", "/cb%00"])
queries = st.sampled_from(["", "?", "?a=1", "?a=1&b=2", "?b=2&a=1", "?url=http://127.0.0.1:1/cb"])
schemes = st.sampled_from(["https://", "http://", "com.example.app:/", "com.example.app://"])
uris = st.builds("".join, st.tuples(schemes, hosts, ports, paths, queries))
registered = st.lists(uris.filter(lambda uri: redirect_uri_fault(uri) is None), min_size=1, max_size=3).map(tuple)

odd = st.sampled_from(
    [
        *[
            ":",
            "/",
            "?",
            "#",
            "@",
            "\\",
            "%",
            "%2f",
            "%23",
            "..",
            ".",
            " ",
            "\t",
            "\n",
            "\r",
            "\0",
            "&",
            ";",
            "*",
            "[",
            "]",
        ],
        *["\u3002", "\uff0e", "\u2100", "\u017f", "\u0661", "\u00ad", "0", "1", "a", "A", "user@", "evil.example"],
    ]
)


@st.composite
def mutated(draw: st.DrawFn, uri: str) -> str:
    """The URI after a few changes that an attacker would try."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(uri)))
        match draw(st.sampled_from(["insert", "delete", "replace", "port", "case", "swap"])):
            case "insert":
                uri = uri[:at] + draw(odd) + uri[at:]
            case "delete":
                uri = uri[:at] + uri[at + 1 :]
            case "replace":
                uri = uri[:at] + draw(odd) + uri[at + 1 :]
            case "port":
                for host in LOOPBACK:
                    uri = uri.replace(host, f"{host}:{draw(st.integers(0, 99999))}", 1)
            case "case":
                uri = uri[:at] + uri[at:].swapcase()
            case _:
                uri = uri[at:] + uri[:at]
    return uri


def parts_but_port(uri: str) -> tuple[object, ...]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.username, parts.password, parts.path, parts.query, parts.fragment


@given(st.data(), registered)
def test_a_redirect_uri_that_matches_differs_in_nothing_but_the_port_of_a_loopback_address(
    data: st.DataObject, known: tuple[str, ...]
) -> None:
    uri = data.draw(st.sampled_from(known).flatmap(mutated) | uris | st.text(max_size=40))
    if not matches_redirect_uri(uri, known):
        return
    assert len(uri) <= MAX_URI
    assert uri.isascii()
    assert uri.isprintable()
    alike = [one for one in known if parts_but_port(one) == parts_but_port(uri)]
    assert alike, (uri, known)
    if uri not in known:
        parts = urlsplit(uri)
        assert (parts.scheme, parts.hostname) in {("http", "127.0.0.1"), ("http", "::1")}
        # Nothing of it is left over beside the port: put together again without it, they are the same text.
        assert without_port(uri) in {without_port(one) for one in alike}


def without_port(uri: str) -> str:
    parts = urlsplit(uri)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return uri.replace(f"://{host}:{parts.port}", f"://{host}", 1) if parts.port is not None else uri


@given(registered)
def test_what_is_registered_matches(known: tuple[str, ...]) -> None:
    assert all(matches_redirect_uri(uri, known) for uri in known)


@given(st.sampled_from(LOOPBACK), ports, paths, queries, st.integers(0, 65535))
def test_a_loopback_address_matches_with_any_port(host: str, port: str, path: str, query: str, other: int) -> None:
    """RFC 8252 7.3."""
    known = f"http://{host}{port}{path}{query}"
    assume(redirect_uri_fault(known) is None)
    for presented in (f"http://{host}:{other}{path}{query}", f"http://{host}{path}{query}"):
        assert matches_redirect_uri(presented, (known,))
    secure = known.replace("http:", "https:", 1)
    assert matches_redirect_uri(f"https://{host}:{other}{path}{query}", (secure,)) == (port == f":{other}")


# ------------------------------------------------------------------------------------------------- names

names = st.text(max_size=12) | st.text(
    st.sampled_from(
        [*"aA\u0130\u0131\u017f\u1e9e\u00df\ufb03\uff21\u2126\u0345\u03b9\u00ad\u200b\u200d\ufeff \u3000\u00a0"]
    ),
    max_size=6,
)


@given(names)
@example("\u200b a")
@example("\u3000\u00ada")
@example("a\u200d\u0301")
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(names)
def test_folding_looks_through_case_width_and_invisible_characters(name: str) -> None:
    assert fold(name.upper()) == fold(name.upper().lower()) == fold(f" {name.upper()}\u200b ")


# ------------------------------------------------------------------------------------------------- forms

form_texts = st.text(
    st.sampled_from([*"abc=&+%;?#/2026fFc3AEe8\u00e9\u0000 \n"]) | st.characters(max_codepoint=0x2FFF), max_size=40
)


@given(form_texts.map(str.encode) | st.binary(max_size=40))
@example(b"a=%E2%82")
@example(b"%zz=%")
@example(b"a=1&&a=2&=&b")
def test_forms_are_read_as_the_standard_library_reads_them(text: bytes) -> None:
    try:
        expected = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        with pytest.raises(ProtocolRefusal) as refused:
            parse_params(text)
        assert refused.value.code == "invalid_request"
        return
    found = parse_params(text)
    assert sorted(found.pairs()) == sorted(expected)
    for name in {name for name, _ in expected}:
        values = [value for key, value in expected if key == name]
        assert found.all(name) == [value for value in values if value]
        assert found.get(name) == next((value for value in values if value), None)
    assert parse_params(urlencode(found.pairs()).encode()).pairs() == found.pairs()


@given(st.integers(0, 3 * MOST_FIELDS))
def test_forms_have_a_limited_number_of_fields(count: int) -> None:
    text = "&".join(f"f{n}=1" for n in range(count)).encode()
    if count > MOST_FIELDS:
        with pytest.raises(ProtocolRefusal):
            parse_params(text)
    else:
        assert len(parse_params(text).pairs()) == count


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "1", "2"])), max_size=8))
def test_parameters_know_what_was_repeated_and_take_an_empty_one_for_left_out(pairs: list[tuple[str, str]]) -> None:
    """RFC 6749 3.1."""
    found = Params(pairs)
    sent = [name for name, _ in pairs]
    assert found.repeated == {name for name in sent if sent.count(name) > 1}
    assert set(found.values) == {name for name, value in pairs if value}
    assert sorted(found.pairs()) == sorted(pairs)
    for name in "abc":
        assert (found.get(name) is None) == (not found.all(name))


# ------------------------------------------------------------------------------------------------- refresh tokens

KEYS = RefreshKeys.of_pool(b"0123456789abcdef0123456789abcdef", "test_Pool1")
ALPHABET = string.ascii_letters + string.digits + "-_"
tokens = st.builds(lambda: first_token(KEYS, SystemRandom()))
raw = st.text(st.sampled_from(ALPHABET) | st.sampled_from([*"+/=. \n\0\u00e9\u0661\uff21"]), max_size=4)


@given(st.data(), st.integers(0, 4))
def test_any_other_text_than_the_token_is_refused(data: st.DataObject, rotations: int) -> None:
    token = first_token(KEYS, SystemRandom())
    for _ in range(rotations):
        token = successor(KEYS, token)
    text = token.text
    parsed = parse_token(KEYS, text)
    assert parsed is not None
    assert (parsed.text, parsed.family_id, parsed.digest) == (text, token.family_id, token.digest)
    at, end = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))
    changed = data.draw(
        st.sampled_from(
            [
                *[text[:at] + text[at + 1 :], text[:at] + text[end:], text.swapcase(), text[at:] + text[:at], text * 2],
                *[quote(text) + "=", f" {text}", f"{text}\n", text.encode().hex(), text[::-1]],
            ]
        )
        | raw.map(lambda piece: text[:at] + piece + text[at:])
        | raw.map(lambda piece: text[:at] + piece + text[at + len(piece) :])
        | st.text(max_size=90)
    )
    assume(changed != text)
    assert parse_token(KEYS, changed) is None


@given(st.integers(1, 6))
def test_a_token_has_one_successor_in_its_family(rotations: int) -> None:
    token = first_token(KEYS, SystemRandom())
    seen = {token.text}
    for _ in range(rotations):
        following = successor(KEYS, token)
        assert following == successor(KEYS, token)
        assert following.family_id == token.family_id
        assert following.text not in seen
        assert parse_token(KEYS, following.text) == following
        seen.add(following.text)
        token = following


@given(st.text(st.sampled_from(ALPHABET), min_size=1, max_size=20))
def test_a_token_of_another_pool_is_refused_and_followed_otherwise(other: str) -> None:
    token = first_token(KEYS, SystemRandom())
    keys = RefreshKeys.of_pool(b"0123456789abcdef0123456789abcdef", f"{other}_Pool2")
    assert parse_token(keys, token.text) is None
    assert successor(keys, token).text != successor(KEYS, token).text
