"""Requests as the front ends see them: parameters, cookies, headers, bodies; and the cookies we set."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.errors import ProtocolRefusal
from authserver.web import (
    MOST_BODY,
    MOST_FIELDS,
    Gone,
    Message,
    Params,
    Request,
    TooLarge,
    clear_cookie,
    parse_params,
    redirect,
    set_cookie,
)
from tests.journeys.house import each

FORM = (b"content-type", b"application/x-www-form-urlencoded")

pairs = st.lists(st.tuples(st.text(max_size=10), st.text(max_size=10)), max_size=20)


@given(pairs)
def test_parameters_are_read_as_they_were_written(sent: list[tuple[str, str]]) -> None:
    kept = [(k, v) for k, v in sent if k or v]
    read = parse_params(urlencode(kept).encode())
    assert sorted(read.pairs()) == sorted(kept)
    names = [k for k, _ in kept]
    assert read.repeated == {k for k in names if names.count(k) > 1}
    for name in names:
        values = [v for k, v in kept if k == name and v]
        assert read.get(name) == (values[0] if values else None)
        assert read.all(name) == values


@given(st.text(alphabet="ab=&+% 0aFg;", max_size=40))
def test_the_standard_librarys_parser_agrees(text: str) -> None:
    """Ours is by hand for speed alone."""
    try:
        expected = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        with pytest.raises(ProtocolRefusal):
            parse_params(text.encode())
        return
    assert sorted(parse_params(text.encode()).pairs()) == sorted(expected)


@each("text", ("a=\u00e9", "%ff=a", "a=%ff", "a=%c3", "%ed%a0%80=x"))
def test_what_is_not_text_is_an_invalid_request(text: str) -> None:
    with pytest.raises(ProtocolRefusal) as refusal:
        parse_params(text.encode())
    assert refusal.value.code == "invalid_request"


def test_there_are_at_most_a_hundred_parameters() -> None:
    assert len(parse_params(b"&".join([b"a=b"] * MOST_FIELDS)).all("a")) == MOST_FIELDS
    with pytest.raises(ProtocolRefusal):
        parse_params(b"&".join([b"a=b"] * (MOST_FIELDS + 1)))


@each(
    "case",
    {
        "nothing": ("", None, [], set()),
        "empty": ("a=", None, [], set()),
        "name alone": ("a", None, [], set()),
        "empty and given": ("a=&a=x", "x", ["x"], {"a"}),
        "twice": ("a=x&a=y", "x", ["x", "y"], {"a"}),
        "twice empty": ("a=&a=", None, [], {"a"}),
        "another": ("b=x", None, [], set()),
        "value with signs": ("a=x=y", "x=y", ["x=y"], set()),
    },
)
def test_a_parameter_without_a_value_counts_as_left_out(case: tuple[str, str | None, list[str], set[str]]) -> None:
    """RFC 6749 3.1."""
    text, value, values, repeated = case
    params = parse_params(text.encode())
    assert (params.get("a"), params.all("a"), params.repeated) == (value, values, repeated)
    assert Params([]).get("a") is None


def request(
    headers: list[tuple[bytes, bytes]] | None = None, messages: list[Message] | None = None, query: bytes = b""
) -> Request:
    queue = list(messages or [])

    async def receive() -> Message:
        return queue.pop(0) if queue else {"type": "http.disconnect"}

    return Request({"headers": headers or [], "method": "POST", "query_string": query, "client": None}, receive, "id")


@each(
    "case",
    {
        "one": ([b"a=b"], {"a": "b", "c": None}),
        "two": ([b"a=b; c=d"], {"a": "b", "c": "d"}),
        "two headers": ([b"a=b", b"c=d"], {"a": "b", "c": "d"}),
        "the first of a name": ([b"a=b; a=c", b"a=d"], {"a": "b"}),
        "signs within": ([b"a=b=c=="], {"a": "b=c=="}),
        "quoted": ([b'a="b"'], {"a": '"b"'}),
        "no value": ([b"a; c="], {"a": None, "c": ""}),
        "odd bytes": ([b"a=\xff\x00;=x;;"], {"a": "\xff\x00"}),
        "spaces": ([b"  a=b ;c=d  "], {"a": "b", "c": "d"}),
        "none": ([], {"a": None}),
    },
)
def test_cookies(case: tuple[list[bytes], dict[str, str | None]]) -> None:
    sent, read = case
    asked = request([(b"cookie", value) for value in sent])
    assert {name: asked.cookie(name) for name in read} == read


def test_headers_and_address() -> None:
    asked = request([(b"a", b"1"), (b"a", b"2"), (b"b", b"\xe9")])
    assert (asked.header(b"a"), asked.headers(b"a"), asked.header(b"b"), asked.header(b"c")) == (
        "1",
        ["1", "2"],
        "\xe9",
        None,
    )
    assert asked.address == ""
    asked.scope["client"] = ("192.0.2.1", 1)
    assert (asked.address, asked.method) == ("192.0.2.1", "POST")


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.anyio
async def test_a_body_is_read_whole_and_at_most_to_its_limit() -> None:
    assert await request(messages=[piece(b"a", more=True), piece(b"", more=True), piece(b"b")]).body() == b"ab"
    assert await request(messages=[{"type": "http.request"}]).body() == b""
    full = b"x" * MOST_BODY
    assert await request(messages=[piece(full)]).body() == full
    for messages in ([piece(full + b"x")], [piece(full, more=True), piece(b"x", more=True)]):
        with pytest.raises(TooLarge):
            await request(messages=messages).body()
    for messages in ([], [piece(b"a", more=True)]):
        with pytest.raises(Gone):
            await request(messages=messages).body()


@pytest.mark.anyio
@each("length", {"over": "65537", "far over": "9" * 5000, "padded": "0" * 20 + "1"})
async def test_a_length_that_is_too_large_is_refused_before_a_byte_is_read(length: str) -> None:
    with pytest.raises(TooLarge):
        await request([(b"content-length", length.encode())], [piece(b"a")]).body()


@pytest.mark.anyio
@each("length", ("65536", "", "-1", "x", "1e9", "\xb2", "+1"))
async def test_any_other_length_is_the_servers_business(length: str) -> None:
    assert await request([(b"content-length", length.encode("latin-1"))], [piece(b"a")]).body() == b"a"


@pytest.mark.anyio
async def test_a_form_is_in_the_form_encoding() -> None:
    assert (await request([FORM], [piece(b"a=b")]).form()).get("a") == "b"
    for headers in ([], [(b"content-type", b"text/plain")], [FORM, (b"content-encoding", b"gzip")]):
        with pytest.raises(ProtocolRefusal):
            await request(headers, [piece(b"a=b")]).form()


def test_a_query_has_its_limit() -> None:
    assert request(query=b"a=" + b"x" * 32_000).query().get("a") == "x" * 32_000
    with pytest.raises(TooLarge):
        request(query=b"a=" + b"x" * 33_000).query()


def test_cookies_are_as_tight_as_the_origin_allows() -> None:
    assert set_cookie("a", "b", secure=False) == (b"set-cookie", b"a=b; Path=/; HttpOnly; SameSite=Lax")
    assert set_cookie("a", "b", secure=True, max_age=5)[1] == b"a=b; Path=/; HttpOnly; SameSite=Lax; Max-Age=5; Secure"
    assert clear_cookie("a", secure=True)[1] == b"a=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"


def test_a_redirect_is_never_stored_and_never_leaves_ascii() -> None:
    answer = redirect(302, "https://a.example/?x=%C3%A9", (b"x", b"y"))
    assert answer.status == 302
    assert dict(answer.headers) == {
        b"location": b"https://a.example/?x=%C3%A9",
        b"cache-control": b"no-store",
        b"pragma": b"no-cache",
        b"x": b"y",
    }
    with pytest.raises(UnicodeEncodeError):
        redirect(302, "https://a.example/\u00e9")
