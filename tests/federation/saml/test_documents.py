"""What XML can do to a reader: split texts, differing parsers, entities, size (M5 to M8)."""

import base64
import resource
import time
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from federation.connectors.saml.bindings import field_of, message_of
from federation.connectors.saml.documents import parse
from federation.errors import BadAnswer
from federation.model import Callback
from tests.federation.saml.desk import connector, refused, sign_in
from tests.federation.saml.standin import (
    IDP,
    NOW,
    SP,
    Say,
    Sign,
    attribute,
    deflated,
    posted,
    response,
)

pytestmark = pytest.mark.anyio
ADMIN = Say(name_id="admin@example.com.evil.example")


def into(text: str, what: str, at: int) -> Callable[[str], str]:
    """Something inserted into a text of the message."""
    return lambda message: message.replace(text, text[:at] + what + text[at:], 1)


COMMENT, REMARK = "<!-- -->", "<?x y?>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", into("admin@example.com.evil.example", COMMENT, 17), id="comment in NameID"),
        pytest.param("", into("admin@example.com.evil.example", REMARK, 17), id="instruction in NameID"),
        pytest.param("admin@example.com<!-- -->.evil.example", None, id="signed comment in NameID"),
        pytest.param("admin@example.com<?x y?>.evil.example", None, id="signed instruction in NameID"),
        pytest.param("", into("boss", COMMENT, 2), id="comment in an attribute"),
        pytest.param("", into("boss", REMARK, 2), id="instruction in an attribute"),
        pytest.param("", into(IDP, COMMENT, 8), id="comment in Issuer"),
        pytest.param("", into(SP, COMMENT, 8), id="comment in Audience"),
        pytest.param(
            "", lambda m: m.replace("<ds:DigestValue>", f"<ds:DigestValue>{COMMENT}"), id="comment in a digest"
        ),
        pytest.param("", lambda m: m.replace("<ds:DigestValue>", f"<ds:DigestValue>abc{COMMENT}"), id="and a prefix"),
    ],
)
async def test_remarks_in_a_text_never_leave_a_prefix_of_it(before: str, after: Callable[[str], str] | None) -> None:
    """M5: the whole text or none."""
    say = replace(ADMIN, attributes=attribute("role", "boss"))
    genuine = await sign_in(say)
    assert (genuine.subject, genuine.claims) == ("admin@example.com.evil.example", {"role": "boss"})
    attacked = replace(say, name_id=before or say.name_id, edit=after or (lambda m: m))
    assert isinstance(await refused(attacked), BadAnswer)


async def test_a_cdata_section_is_the_text_that_it_holds() -> None:
    """M5: CDATA."""
    split = replace(ADMIN, edit=into("admin@example.com.evil.example", "<![CDATA[]]>", 17))
    assert (await sign_in(split)).subject == "admin@example.com.evil.example"
    whole = replace(ADMIN, edit=lambda m: m.replace(str(ADMIN.name_id), f"<![CDATA[{ADMIN.name_id}]]>"))
    assert (await sign_in(whole)).subject == "admin@example.com.evil.example"


PLAIN = response()


def declared(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{PLAIN}'


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(f"<!DOCTYPE Response>{PLAIN}", id="DOCTYPE"),
        pytest.param(f"<!DOCTYPE Response []>{PLAIN}", id="empty DTD"),
        pytest.param(f'<?xml version="1.0"?>\n<!DOCTYPE Response SYSTEM "x.dtd">{PLAIN}', id="DTD elsewhere"),
        pytest.param(PLAIN.replace("saml:NameID ", 'saml:NameID xmlns:saml="urn:evil" '), id="a namespace redefined"),
        pytest.param(
            PLAIN.replace('<saml:Assertion xmlns:saml="', '<saml:Assertion xmlns:saml="x'), id="another namespace"
        ),
        pytest.param(
            PLAIN.replace(' ID="_assertion1"', ' xmlns:e="urn:e" e:ID="_assertion1" ID="_assertion2"'),
            id="namespaced ID",
        ),
        pytest.param(PLAIN.replace(' ID="_assertion1"', ' xml:id="_assertion1"'), id="xml:id"),
        pytest.param(PLAIN.replace(' ID="_assertion1"', ' Id="_assertion1"'), id="Id for ID"),
        pytest.param(PLAIN.replace(' ID="_assertion1"', ' Id="_x" ID="_assertion1"'), id="Id beside ID"),
        pytest.param(PLAIN.replace(' ID="_assertion1"', ' ID="_assertion1" ID="_evil"'), id="ID twice"),
        pytest.param(
            PLAIN.replace("<samlp:Response ", '<samlp:Response xmlns:e="relative/uri" '), id="relative namespace"
        ),
        pytest.param(declared("utf-16").encode("utf-16"), id="UTF-16"),
        pytest.param(declared("utf-7"), id="UTF-7"),
        pytest.param(declared("iso-8859-1"), id="Latin 1"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN.encode(), id="byte order mark"),
        pytest.param(PLAIN.encode().replace(b"ada", b"\xe9da"), id="not UTF-8"),
        pytest.param(PLAIN.replace("ada", "a\0da"), id="NUL"),
        pytest.param(PLAIN + "<x/>", id="two roots"),
        pytest.param("", id="nothing"),
    ],
)
async def test_what_two_parsers_might_read_differently_is_refused(message: str | bytes) -> None:
    """M6: parser differentials."""
    assert isinstance(await refused(message), BadAnswer)
    assert (await sign_in(declared("UTF-8"))).subject == "ada"


async def test_an_attribute_that_comes_twice_never_passes_for_one_value() -> None:
    """M6: attribute pollution."""
    twice = Say(attributes=attribute("employee", "1") + attribute("employee", "2"))
    assert (await sign_in(twice)).claims["employee"] == ["1", "2"]
    assert "exactly one" in (await refused(twice, subject_attribute="employee")).detail
    once = Say(attributes=attribute("employee", "1"))
    assert (await sign_in(once, subject_attribute="employee")).subject == "1"


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
BOMBS = {
    "external entity": f'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>{PLAIN.replace("ada", "&e;")}',
    "parameter entity": f'<!DOCTYPE r [<!ENTITY % e SYSTEM "http://127.0.0.1:9/x"> %e;]>{PLAIN}',
    "billion laughs": f'<!DOCTYPE r [<!ENTITY l0 "ha">{LAUGHS}]>{PLAIN.replace("ada", "&l9;")}',
    "quadratic": f'<!DOCTYPE r [<!ENTITY e "{"a" * 20_000}">]>{PLAIN.replace("ada", "&e;" * 5_000)}',
    "undeclared entity": PLAIN.replace("ada", "&e;"),
    "XInclude": PLAIN.replace(
        "ada", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    ),
    "depth": "<a>" * 10_000 + "</a>" * 10_000,
    "5 MB": PLAIN.replace("ada", "a" * 5_000_000),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_costs_little_and_fetches_nothing(name: str) -> None:
    """M7: entities, XInclude, depth, size; in 200 ms and 20 MB."""
    at_idp = connector()
    await sign_in(at=at_idp)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert isinstance(await refused(BOMBS[name], at_idp), BadAnswer)
    took, grown = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000 + len(BOMBS[name]) // 100, f"{grown} KB"
    assert took < 0.2 + (0.3 if len(BOMBS[name]) > 10**6 else 0), f"{took} s"


async def test_a_message_may_have_100_000_characters() -> None:
    room = 100_000 - len(response(Say(attributes=attribute("fill", "x"))).encode())
    assert (await sign_in(Say(attributes=attribute("fill", "x" * (room + 1))))).subject == "ada"
    assert "100001 bytes" in (await refused(Say(attributes=attribute("fill", "x" * (room + 2))))).detail


def test_a_deflate_bomb_is_not_unpacked() -> None:
    """M8: 50 MB in 50 KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(b"<" * 50_000_000) + packer.flush()).decode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadAnswer, match="too large"):
        message_of(Callback("GET", (("SAMLRequest", packed),), "", NOW), "SAMLRequest")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


PACKED = base64.b64decode(deflated(PLAIN))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(base64.b64encode(PACKED[:-3]).decode(), id="cut off"),
        pytest.param(base64.b64encode(PACKED + b"more").decode(), id="more behind it"),
        pytest.param("*" + base64.b64encode(PACKED).decode(), id="no base64"),
        pytest.param(base64.b64encode(PLAIN.encode()).decode(), id="not packed"),
        pytest.param(deflated("x" * 100_001), id="too large"),
        pytest.param("", id="nothing"),
        pytest.param("A" * 150_001, id="too much"),
    ],
)
def test_a_packed_message_is_whole(sent: str) -> None:
    """M8: cut off, more behind it, no base64, no DEFLATE."""
    with pytest.raises(BadAnswer):
        message_of(Callback("GET", (("SAMLRequest", sent),), "", NOW), "SAMLRequest")
    for good in (PLAIN, "x" * 100_000):
        callback = Callback("GET", (("SAMLRequest", deflated(good)),), "", NOW)
        assert message_of(callback, "SAMLRequest") == good.encode()


@pytest.mark.parametrize("fields", [(), ("SAMLRequest", "SAMLResponse")])
def test_there_is_one_message(fields: tuple[str, ...]) -> None:
    with pytest.raises(BadAnswer):
        field_of(Callback("POST", tuple((f, "x") for f in fields), "", NOW))
    assert field_of(Callback("POST", (("SAMLResponse", "x"),), "", NOW)) == "SAMLResponse"


async def test_thousands_of_bad_messages_leave_no_memory_behind() -> None:
    """M8: native memory."""
    from federation.connectors.saml.metadata import read_metadata
    from federation.connectors.saml.opening import open_response
    from federation.connectors.saml.settings import SamlSettings
    from tests.federation.saml.standin import key, metadata

    idp, settings = read_metadata(metadata().encode(), NOW), SamlSettings(SP)
    bad = [
        response(Say(how=Sign(key=key("mallory")))).encode(),
        PLAIN.encode()[:-20],
        PLAIN.replace("ada", "eve").encode(),
        PLAIN.replace("<saml:Subject>", "<saml:Evil/><saml:Subject>").encode(),
    ]

    def many(times: int) -> int:
        for number in range(times):
            with pytest.raises(BadAnswer):
                open_response(bad[number % len(bad)], settings, idp, ())
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    settled = many(200)
    assert many(1200) - settled < 4_000


def test_a_document_is_refused_before_it_is_parsed_if_it_is_too_large() -> None:
    assert parse(b"<a/>", 4).tag == "a"
    with pytest.raises(BadAnswer, match="5 bytes; 4"):
        parse(b"<aa/>", 4)


async def test_a_response_comes_by_post() -> None:
    message = Callback("GET", (("SAMLResponse", deflated(PLAIN)), ("RelayState", "state")), "", NOW)
    assert "by POST" in (await refused(message)).detail
    assert (await sign_in(posted(PLAIN))).subject == "ada"
