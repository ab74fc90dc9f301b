"""Whatever comes in, the parsers answer with a value or with BadAnswer, and nobody but ada signs in."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.connectors.saml.bindings import check_query, message_of
from federation.connectors.saml.judging import Expected, judge
from federation.connectors.saml.metadata import read_metadata
from federation.connectors.saml.moments import duration, moment, written
from federation.connectors.saml.opening import open_response
from federation.connectors.saml.settings import SamlSettings
from federation.errors import FederationError
from federation.model import Callback
from tests.federation.saml.standin import (
    ACS,
    IDP,
    NOW,
    REQUEST,
    SP,
    Encrypt,
    Say,
    attribute,
    fetched,
    key,
    logout_request,
    metadata,
    query_of,
    response,
)

BOUNDED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SETTINGS, IDP_METADATA = SamlSettings(SP), read_metadata(metadata().encode(), NOW)
GENUINE = [
    response(Say(sign=sign, encrypt=encrypt, attributes=attribute("mail", "ada@example.com"))).encode()
    for sign in (("assertion",), ("assertion", "response"))
    for encrypt in (None, Encrypt())
]
TOKENS = [
    b"<!-- -->",
    b"<?x?>",
    b"<![CDATA[x]]>",
    b"&amp;",
    b"<x/>",
    b"mallory",
    b' ID="_x"',
    b' xmlns:x="urn:x"',
    b"</saml:Subject>",
    b"\x00",
    b"\xff",
    b"]]>",
    b'"',
    b"<",
    b">",
]


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A genuine document with pieces cut out, doubled, moved and put in."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 3))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 400))
        piece = bytes(data[at : at + length])
        how = draw(st.sampled_from(["cut", "double", "move", "put"]))
        if how in {"cut", "move"}:
            del data[at : at + length]
        if how in {"double", "move"}:
            to = draw(st.integers(0, len(data)))
            data[to:to] = piece
        if how == "put":
            data[at:at] = draw(st.sampled_from(TOKENS))
    return bytes(data)


def read(data: bytes) -> Any:
    opened = open_response(data, SETTINGS, IDP_METADATA, [key("sp").private])
    return judge(opened, Expected(IDP, SP, ACS, REQUEST, NOW))


@BOUNDED
@given(damaged(GENUINE))
def test_a_damaged_response_is_refused_or_says_what_was_signed(data: bytes) -> None:
    try:
        statement = read(data)
    except FederationError:
        return
    assert statement.name_id.value == "ada"
    assert [a.values for a in statement.attributes] == [("ada@example.com",)]


@BOUNDED
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_no_response(data: bytes) -> None:
    try:
        read(data)
    except FederationError:
        return
    raise AssertionError("noise signed somebody in")


@BOUNDED
@given(damaged([metadata().encode(), metadata([key(), key("new")], use=None).encode()]))
def test_damaged_metadata_is_refused_or_makes_sense(data: bytes) -> None:
    try:
        idp = read_metadata(data, NOW)
    except FederationError:
        return
    assert idp.entity_id
    assert idp.certificates
    assert all(url.startswith("https://") for url in idp.sign_on.values())


@BOUNDED
@given(st.text(max_size=200), st.sampled_from(["GET", "POST"]))
def test_any_parameter_is_a_message_or_refused(text: str, method: Any) -> None:
    try:
        message_of(Callback(method, (("SAMLResponse", text),), "", NOW), "SAMLResponse")
    except FederationError:
        return


GOOD = query_of(logout_request())


@BOUNDED
@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii", exclude_categories=["Cc"]))
def test_a_changed_query_is_not_signed(at: int, character: str) -> None:
    changed = GOOD[:at] + character + GOOD[at + 1 :]
    try:
        check_query(fetched(changed), [key().pem])
    except FederationError:
        return
    # What is left of the base64 of the signature may be written in more than one way; nothing before it may.
    covered = GOOD.index("&Signature=")
    assert changed[:covered] == GOOD[:covered]


@BOUNDED
@given(st.integers(0, 4_000_000_000))
def test_times_come_back_as_they_were_written(at: int) -> None:
    assert moment(written(at)) == at


@BOUNDED
@given(st.text(max_size=40) | st.from_regex(r"P[0-9YMDTHS.]{0,20}"))
def test_any_text_is_a_duration_or_none(text: str) -> None:
    found = duration(text)
    assert found is None or found >= 0
    try:
        moment(text)
    except FederationError:
        return
