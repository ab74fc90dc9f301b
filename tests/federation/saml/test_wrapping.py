"""Signature wrapping: a signed element is somewhere in the message, and another one is read (M1, M2, M17)."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from federation.errors import BadAnswer
from tests.federation.saml.desk import refused, sign_in
from tests.federation.saml.standin import (
    ACS,
    DS,
    SAML,
    SAMLP,
    Say,
    Sign,
    around,
    assertion,
    key,
    logout_request,
    logout_response,
    response,
    sign,
)

pytestmark = pytest.mark.anyio
SIGNATURE, ASSERTION = f"{{{DS}}}Signature", f"{{{SAML}}}Assertion"
MODES = {"response": ("response",), "assertion": ("assertion",), "both": ("assertion", "response")}
LAX = {"response": {"want_assertions_signed": False}}


def evil_copy(element: Any, ident: str | None) -> tuple[Any, Any]:
    """A copy that says mallory, without a signature, and the signature of the original."""
    evil = copy.deepcopy(element)
    signature = evil.find(SIGNATURE)
    evil.remove(signature)
    for name in evil.iter(f"{{{SAML}}}NameID"):
        name.text = "mallory"
    for inner in evil.iter(SIGNATURE):
        inner.getparent().remove(inner)
    if ident is not None:
        evil.set("ID", ident)
    return evil, signature


def unsigned_copy(element: Any) -> Any:
    bare = copy.deepcopy(element)
    bare.remove(bare.find(SIGNATURE))
    return bare


def place(root: Any, original: Any, evil: Any) -> Any:
    """The evil element where the original was; the new root."""
    if original is root:
        return evil
    original.getparent().replace(original, evil)
    return root


def wrapped(number: int, document: str, tag: str) -> str:
    """The document as attack XSW1 to XSW8 makes it, against the signed element of that tag."""
    root = etree.fromstring(document.encode())
    original = root if root.tag == tag else root.find(tag)
    evil, signature = evil_copy(original, None if number in {6, 8} else "_evil")
    bare = unsigned_copy(original)
    whole = copy.deepcopy(original)
    if number in {1, 6}:  # the evil element has the signature, and that has the original
        root = place(root, original, evil)
        signature.append(bare)
        evil.insert(1, signature)
    elif number == 2:  # the original stands beside the signature
        root = place(root, original, evil)
        evil.insert(1, signature)
        evil.insert(1, bare)
    elif number == 3:  # the evil element first, the original after it
        if original is root:
            evil.insert(2, whole)
            root = evil
        else:
            original.addprevious(evil)
    elif number == 4:  # the original inside the evil element
        root = place(root, original, evil)
        evil.append(whole)
    elif number == 5:  # the evil element with the signature, the original at the end
        root = place(root, original, evil)
        evil.insert(1, signature)
        root.append(bare)
    elif number == 7:  # in the extensions
        root = place(root, original, evil)
        extensions = etree.SubElement(root, f"{{{SAMLP}}}Extensions")
        extensions.append(whole)
        root.insert(1, extensions)
    else:  # in an Object of the signature
        root = place(root, original, evil)
        holder = etree.SubElement(signature, f"{{{DS}}}Object")
        holder.append(bare)
        evil.insert(1, signature)
    return str(etree.tostring(root).decode())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", range(1, 9))
async def test_a_wrapped_signature_signs_nobody_in(number: int, mode: str) -> None:
    """M1: XSW1 to XSW8 against a signed response, a signed assertion, and both."""
    settings: dict[str, Any] = LAX.get(mode, {})
    genuine = response(Say(sign=MODES[mode]))
    assert (await sign_in(genuine, **settings)).subject == "ada"
    on_response = mode == "response" or (mode == "both" and number <= 2)
    attacked = genuine
    if mode == "both" and not on_response:  # the response's own signature does not survive: leave it away
        root = etree.fromstring(genuine.encode())
        root.remove(root.find(SIGNATURE))
        attacked = etree.tostring(root).decode()
        assert (await sign_in(attacked)).subject == "ada"
    forged = wrapped(number, attacked, f"{{{SAMLP}}}Response" if on_response else ASSERTION)
    assert "mallory" in forged
    assert isinstance(await refused(forged, **settings), BadAnswer)


def without_signature(document: str) -> str:
    root = etree.fromstring(document.encode())
    for signature in list(root.iter(SIGNATURE)):
        signature.getparent().remove(signature)
    return str(etree.tostring(root).decode())


def emptied(document: str) -> str:
    root = etree.fromstring(document.encode())
    for signature in root.iter(SIGNATURE):
        signature[:] = []
    return str(etree.tostring(root).decode())


def emptied_value(document: str) -> str:
    root = etree.fromstring(document.encode())
    for value in root.iter(f"{{{DS}}}SignatureValue"):
        value.text = ""
    return str(etree.tostring(root).decode())


def moved_to_the_response(document: str) -> str:
    root = etree.fromstring(document.encode())
    root.insert(1, root.find(ASSERTION).find(SIGNATURE))
    return str(etree.tostring(root).decode())


def moved_into_the_subject(document: str) -> str:
    root = etree.fromstring(document.encode())
    there = root.find(ASSERTION)
    there.find(f"{{{SAML}}}Subject").append(there.find(SIGNATURE))
    return str(etree.tostring(root).decode())


def moved_to_the_end(document: str) -> str:
    root = etree.fromstring(document.encode())
    there = root.find(ASSERTION)
    there.append(there.find(SIGNATURE))
    return str(etree.tostring(root).decode())


@pytest.mark.parametrize(
    "change",
    [without_signature, emptied, emptied_value, moved_to_the_response, moved_into_the_subject, moved_to_the_end],
)
async def test_a_signature_must_be_there_whole_and_in_its_place(change: Callable[[str], str]) -> None:
    """M2: removed, emptied, moved."""
    genuine = response()
    assert (await sign_in(genuine)).subject == "ada"
    assert isinstance(await refused(change(genuine)), BadAnswer)


async def test_a_signature_over_the_response_does_not_sign_the_assertion_unless_that_is_enough() -> None:
    """M2: the assertion's own signature is asked for by default."""
    genuine = response(Say(sign=("response",)))
    assert "not signed" in (await refused(genuine)).detail
    assert (await sign_in(genuine, want_assertions_signed=False)).subject == "ada"


async def test_without_any_signature_no_setting_helps() -> None:
    unsigned = Say(sign=())
    assert "not signed" in (await refused(unsigned, want_assertions_signed=False)).detail
    assert (await sign_in(replace(unsigned, sign=("response",)), want_assertions_signed=False)).subject == "ada"


async def test_a_broken_signature_of_the_response_is_not_made_good_by_the_assertion() -> None:
    both = Say(sign=("assertion", "response"))
    assert (await sign_in(both)).subject == "ada"
    foreign = replace(both, response_how=Sign(key=key("mallory")))
    assert "no key" in (await refused(foreign)).detail


EVIL = assertion(Say(assertion_id="_evil", name_id="mallory"))
GOOD = sign(assertion(Say()), "_assertion1", Sign())
ADVICE = f"<saml:Advice>{EVIL}</saml:Advice>"


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(around(Say(), EVIL + GOOD), id="unsigned first"),
        pytest.param(around(Say(), GOOD + EVIL), id="unsigned last"),
        pytest.param(around(Say(), GOOD.replace("</saml:Conditions>", f"</saml:Conditions>{ADVICE}")), id="in Advice"),
        pytest.param(
            around(Say(), GOOD).replace("<samlp:Status>", f"<samlp:Extensions>{EVIL}</samlp:Extensions><samlp:Status>"),
            id="in Extensions",
        ),
        pytest.param(
            around(Say(), GOOD.replace("</ds:Signature>", f"<ds:Object>{EVIL}</ds:Object></ds:Signature>")),
            id="in Object",
        ),
        pytest.param(
            around(Say(), sign(assertion(Say(assertion_id="_second")), "_second", Sign()) + GOOD), id="both signed"
        ),
    ],
)
async def test_there_is_one_assertion_and_no_other_anywhere(forged: str) -> None:
    """M17: two in either order; in Advice, Extensions, Object."""
    assert isinstance(await refused(forged), BadAnswer)
    assert (await sign_in(around(Say(), GOOD))).subject == "ada"


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        sign(logout_response("_request1", destination=ACS), "_answer1", Sign()),
        sign(logout_request(destination=ACS), "_logout1", Sign()),
    ],
)
async def test_another_message_is_no_response_however_well_it_is_signed(message: str) -> None:
    assert "no SAML response" in (await refused(message)).detail
    assert (await sign_in(around(Say(), GOOD))).subject == "ada"
