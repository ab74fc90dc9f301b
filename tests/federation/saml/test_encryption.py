"""Encrypted assertions (M16)."""

import re
import statistics
import time
from dataclasses import replace
from typing import Any

import pytest

from federation.connectors.saml.documents import parse
from federation.connectors.saml.encryption import decrypted
from federation.errors import BadAnswer
from tests.federation.saml.desk import connector, pairs, refused, sign_in
from tests.federation.saml.host import MemoryHost
from tests.federation.saml.standin import (
    DS,
    MORE,
    XENC,
    XENC11,
    Encrypt,
    Say,
    around,
    encrypted,
    key,
    response,
    signed_assertion,
)

pytestmark = pytest.mark.anyio
UNIFORM = "the assertion could not be decrypted with our keys"


@pytest.mark.parametrize("sign", [("assertion",), ("assertion", "response")])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"content": f"{XENC11}aes128-gcm"},
        {"content": f"{XENC11}aes192-gcm"},
        {"beside": True},
        {"transport": f"{XENC11}rsa-oaep", "digest": f"{XENC}sha256", "mgf": f"{XENC11}mgf1sha256"},
        {"digest": f"{XENC}sha512"},
    ],
)
async def test_an_encrypted_assertion_is_opened(how: dict[str, Any], sign: tuple[str, ...]) -> None:
    say = Say(sign=sign, encrypt=Encrypt(**how))
    assert ">ada<" not in response(say)
    assert (await sign_in(say, encrypted=True)).subject == "ada"


async def test_any_of_our_keys_opens() -> None:
    """Our own roll-over: the provider may still encrypt for the key before."""
    both = connector(MemoryHost(pairs("new-sp", "sp")))
    assert (await sign_in(Say(encrypt=Encrypt()), both)).subject == "ada"
    assert (await sign_in(Say(assertion_id="_b", encrypt=Encrypt(to=key("new-sp"))), both)).subject == "ada"
    assert (await refused(Say(encrypt=Encrypt(to=key("older-sp"))), both)).detail == UNIFORM


@pytest.mark.parametrize("settings", [{}, {"want_assertions_signed": False}])
async def test_what_is_encrypted_must_be_signed_too(settings: dict[str, Any]) -> None:
    """M16: unsigned inside."""
    unsigned = Say(sign=(), encrypt=Encrypt())
    assert "not signed" in (await refused(unsigned, **settings)).detail
    assert (await sign_in(replace(unsigned, sign=("assertion",)), **settings)).subject == "ada"


async def test_the_response_may_sign_what_is_encrypted_where_that_is_enough() -> None:
    say = Say(sign=("response",), encrypt=Encrypt())
    assert "not signed" in (await refused(say)).detail
    assert (await sign_in(say, want_assertions_signed=False)).subject == "ada"


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"transport": f"{XENC}rsa-1_5"}, id="RSA 1.5"),
        pytest.param({"content": f"{XENC}tripledes-cbc"}, id="3DES"),
    ],
)
async def test_weak_encryption_is_not_opened(how: dict[str, Any]) -> None:
    """M16: RSA1_5."""
    say = Say(sign=("assertion", "response"), encrypt=Encrypt(**how))
    assert "not allowed" in (await refused(say, allow_cbc=True)).detail
    assert (await sign_in(replace(say, encrypt=Encrypt()), allow_cbc=True)).subject == "ada"


async def test_cbc_is_opened_only_inside_a_signed_response_and_where_it_is_allowed() -> None:
    cbc = Encrypt(content=f"{XENC}aes256-cbc")
    whole = Say(sign=("assertion", "response"), encrypt=cbc)
    assert (await sign_in(whole, allow_cbc=True)).subject == "ada"
    assert "not allowed" in (await refused(whole)).detail
    assert "not allowed" in (await refused(replace(whole, sign=("assertion",)), allow_cbc=True)).detail


async def test_a_plain_assertion_is_refused_where_it_was_to_be_encrypted() -> None:
    assert "not encrypted" in (await refused(Say(), encrypted=True)).detail
    assert (await sign_in(Say(encrypt=Encrypt()), encrypted=True)).subject == "ada"


@pytest.mark.parametrize("first", ["plain", "encrypted"])
async def test_a_plain_assertion_beside_an_encrypted_one_is_refused(first: str) -> None:
    """M16: plain beside encrypted."""
    plain, hidden = signed_assertion(Say()), encrypted(signed_assertion(Say(assertion_id="_b")), Encrypt())
    both = plain + hidden if first == "plain" else hidden + plain
    assert "more than one assertion" in (await refused(around(Say(), both))).detail
    assert (await sign_in(around(Say(), hidden))).subject == "ada"


def flip(at: int) -> Any:
    def edit(sealed: bytes) -> bytes:
        return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]

    return edit


@pytest.mark.parametrize("content", [f"{XENC11}aes256-gcm", f"{XENC}aes256-cbc"])
async def test_tampering_with_a_ciphertext_tells_nothing(content: str) -> None:
    """M16: 2,000 tries end in one and the same answer. (CBC is tried as if it were allowed without a signed response.)"""
    genuine = encrypted(signed_assertion(Say()), Encrypt(content=content))
    element = parse(genuine.encode(), 10**6)
    (value,) = element.findall(f"{{{XENC}}}EncryptedData/{{{XENC}}}CipherData/{{{XENC}}}CipherValue")
    import base64

    ours = [key("sp").private]
    sealed = base64.b64decode(value.text)
    said = set()
    for number in range(1000):
        at = number * len(sealed) // 1000
        value.text = base64.b64encode(
            sealed[:at] + bytes([sealed[at] ^ (1 + number % 255)]) + sealed[at + 1 :]
        ).decode()
        try:
            opened = decrypted(element, ours, allow_cbc=True)
        except BadAnswer as failure:
            said.add(failure.detail)
        else:  # CBC without a signature around it does not notice; the signature inside does
            assert content.endswith("cbc")
            assert opened[0].tag.endswith("}Assertion")
    assert said == {UNIFORM}
    value.text = base64.b64encode(sealed).decode()
    assert decrypted(element, ours, allow_cbc=True)[0].get("ID") == "_assertion1"


async def test_a_wrong_key_and_a_wrong_text_take_the_same_time() -> None:
    """M16: who forges learns nothing from the clock either."""
    import base64

    good = encrypted(signed_assertion(Say()), Encrypt())
    wrong_text = parse(encrypted(signed_assertion(Say()), Encrypt(edit=flip(40))).encode(), 10**6)
    wrong_key = parse(good.encode(), 10**6)
    (sealed,) = wrong_key.iterfind(f".//{{{XENC}}}EncryptedKey/{{{XENC}}}CipherData/{{{XENC}}}CipherValue")
    sealed.text = base64.b64encode(flip(100)(base64.b64decode(sealed.text))).decode()
    ours = [key("sp").private]

    def took(element: Any) -> float:
        began = time.thread_time()
        with pytest.raises(BadAnswer, match=UNIFORM):
            decrypted(element, ours, allow_cbc=False)
        return time.thread_time() - began

    times = [(took(wrong_text), took(wrong_key)) for _ in range(150)]
    text, wrapped = (statistics.median(t[i] for t in times) for i in (0, 1))
    assert abs(text - wrapped) < 0.15 * max(text, wrapped)


@pytest.mark.parametrize(
    "inner",
    [
        "<x/>",
        "text",
        "",
        signed_assertion(Say()) * 2,
        "</opened><opened>",
        "text" + signed_assertion(Say()),
        signed_assertion(Say()) + "text",
        "<!DOCTYPE a>" + signed_assertion(Say()),
        signed_assertion(Say()).replace(">ada<", "><!-- -->ada<"),
    ],
)
async def test_what_is_inside_is_one_assertion(inner: str) -> None:
    assert (await refused(around(Say(), encrypted(inner, Encrypt())))).detail == UNIFORM


async def test_an_assertion_may_lean_on_namespaces_around_it() -> None:
    leaning = signed_assertion(Say()).replace(' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"', "", 1)
    assert (await sign_in(around(Say(), encrypted(leaning, Encrypt())))).subject == "ada"


KEY = re.compile(r"<xenc:EncryptedKey.*</xenc:EncryptedKey>", re.DOTALL)
GOOD = response(Say(encrypt=Encrypt()))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda r: KEY.sub("", r), id="no key"),
        pytest.param(lambda r: KEY.sub(lambda m: m[0] * 5, r), id="five keys"),
        pytest.param(lambda r: r.replace("<xenc:CipherValue>", "<xenc:CipherValue>!"), id="no base64"),
        pytest.param(lambda r: re.sub(r"(?s)(.*CipherValue>)[^<]{9,}<", r"\1QUJD<", r), id="a short text"),
        pytest.param(
            lambda r: r.replace(f'{DS}sha1"/>', f'{DS}sha1"/><xenc:OAEPparams>!</xenc:OAEPparams>'), id="label"
        ),
    ],
)
async def test_what_brings_no_usable_key_is_refused(edit: Any) -> None:
    assert isinstance(await refused(edit(GOOD)), BadAnswer)
    assert (await sign_in(GOOD)).subject == "ada"


@pytest.mark.parametrize("length", [0, 16, 31, 33])
async def test_a_short_or_ragged_cbc_text_is_refused_like_any_other(length: int) -> None:
    cbc = Encrypt(content=f"{XENC}aes256-cbc", edit=lambda sealed: sealed[:length])
    say = Say(sign=("assertion", "response"), encrypt=cbc)
    assert (await refused(say, allow_cbc=True)).detail == UNIFORM


async def test_an_elliptic_key_of_ours_opens_nothing() -> None:
    at_idp = connector(MemoryHost([key("sp-ec", "ec").pair]))
    assert "we have none to open it" in (await refused(GOOD, at_idp)).detail
    with_rsa = connector(MemoryHost([key("sp-ec", "ec").pair, key("sp").pair]))
    assert (await sign_in(GOOD, with_rsa)).subject == "ada"


async def test_a_hash_that_is_not_known_opens_nothing() -> None:
    """M16: MD5 in OAEP."""
    say = Say(encrypt=Encrypt(), edit=lambda r: r.replace(f'{DS}sha1"', f'{MORE}md5"'))
    assert "not allowed" in (await refused(say)).detail
    assert (await sign_in(Say(encrypt=Encrypt()))).subject == "ada"


async def test_encrypted_parts_inside_are_refused() -> None:
    hidden = encrypted("x", Encrypt()).replace("EncryptedAssertion", "EncryptedID")
    assert "encrypted parts" in (await refused(Say(edit_assertion=lambda a: _in_place_of_the_name(a, hidden)))).detail
    same = "<saml:NameID>ada</saml:NameID>"
    assert (await sign_in(Say(edit_assertion=lambda a: _in_place_of_the_name(a, same)))).subject == "ada"


def _in_place_of_the_name(text: str, other: str) -> str:
    before, _, after = text.partition("<saml:NameID")
    return before + other + after.partition("</saml:NameID>")[2]
