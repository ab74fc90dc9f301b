"""The posted response of a SAML provider, from the value of the form to an identity.

The first byte of an input says what the rest is, the second with which settings it is read:

    v  the value of the form, as it was posted
    d  the document in it
    r  the response, signed for the fuzzer: a provider may say anything
    a  the assertion, signed for the fuzzer, in a response that is as it should be
    e  what was encrypted for us, in a response that is signed as a whole
"""

import base64
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from federation.connectors.saml import KIND
from federation.connectors.saml.provider import SamlProvider
from federation.errors import FederationError
from federation.mapping import map_identity
from federation.model import Callback, ExternalIdentity, Handoff, IdentityProvider
from tests.federation.host import KeyPairs, make_host, work
from tests.federation.saml import test_wrapping as wrapping
from tests.federation.saml.host import ISSUER
from tests.federation.saml.standin import (
    ACS,
    MORE,
    NOW,
    REQUEST,
    SAML,
    SAMLP,
    XENC,
    XENC11,
    Encrypt,
    Key,
    Say,
    Sign,
    around,
    assertion,
    attribute,
    encrypted,
    key,
    metadata,
    response,
    sign,
)
from tests.fuzz.harvest import attempts
from tests.fuzz.target import Always, Answers, Finding, NoInput, Target, nothing_kept, run
from tests.fuzz.trees import xml_mutator

HANDOFF = Handoff("state", "main", "corp", ACS, NOW - 20, memo={"request_id": REQUEST})
SETTINGS: tuple[dict[str, object], ...] = (
    {},
    {"want_assertions_signed": False, "allow_cbc": True},
    {"encrypted": True, "want_assertions_signed": False},
    {"idp_initiated": True, "subject_attribute": "mail"},
)
MODULES = ("test_documents", "test_wrapping", "test_signatures", "test_judging", "test_encryption", "test_sign_in")
_MODES = b"vdrae"
_UNSIGNED = b"vd"


@cache
def fuzzer_key() -> Key:
    """A key that is the same in each run, and quick."""
    private = ec.derive_private_key(20_270_115, ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fuzzer")])
    template = x509.load_pem_x509_certificate(key().pem.encode())
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(private.public_key())
        .serial_number(8)
        .not_valid_before(template.not_valid_before_utc)
        .not_valid_after(template.not_valid_after_utc)
        .sign(private, hashes.SHA256())
    )
    return Key(private, made.public_bytes(serialization.Encoding.PEM).decode())


@cache
def by_fuzzer() -> Sign:
    return Sign(key=fuzzer_key(), algorithm=f"{MORE}ecdsa-sha256", key_info="")


@cache
def connectors() -> tuple[SamlProvider, ...]:
    """One for each of the settings. What one input leaves behind, another must not find: nothing is used up."""
    host = make_host(
        Answers({}),  # type: ignore[arg-type]  # all that is asked of a network
        issuer=ISSUER,
        key_pairs=KeyPairs([key("sp").pair]),
        documents=nothing_kept(),
        once=Always(),
        work=work,
    )
    known = metadata([key(), fuzzer_key()])
    made = [IdentityProvider("corp", "saml", settings={"metadata": known, **more}) for more in SETTINGS]
    return tuple(KIND.build(provider, host) for provider in made)  # type: ignore[misc]  # of this very kind


def value_of(mode: int, rest: bytes) -> str:
    """What is posted. Raises NoInput."""
    if mode == ord("v"):
        return rest.decode("latin-1")
    if mode == ord("r"):
        rest = signed(rest)
    elif mode == ord("a"):
        rest = around(Say(), signed(rest).decode()).encode()
    elif mode == ord("e"):
        whole = around(Say(), encrypted(rest.decode(errors="replace"), Encrypt()))
        rest = signed(whole.encode())
    return base64.b64encode(rest).decode()


def signed(document: bytes) -> bytes:
    """The document with a signature over its root. Raises NoInput if it is none that can be signed."""
    try:
        root = etree.fromstring(document)
        ident = root.get("ID")
        if not ident or "'" in ident:
            raise NoInput
        return sign(etree.tostring(root).decode(), ident, by_fuzzer()).encode()
    except (etree.LxmlError, ValueError) as broken:
        raise NoInput from broken


def believed(data: bytes) -> ExternalIdentity | None:
    """Who comes in by an input; None if nobody does. Lets everything through that is not our own refusal."""
    mode, which = data[0], data[1] % len(SETTINGS)
    try:
        posted = value_of(mode, data[2:])
    except NoInput:
        return None
    connector = connectors()[which]
    callback = Callback("POST", (("SAMLResponse", posted), ("RelayState", "state")), "", NOW)
    try:
        if SETTINGS[which].get("idp_initiated"):
            return run(connector.unsolicited(callback, ACS))[0]
        return run(connector.finish(HANDOFF, callback))
    except FederationError:
        return None


def one(data: bytes) -> bool:
    if len(data) < 3 or data[0] not in _MODES:
        return False
    who = believed(data)
    if who is None:
        return False
    if not who.subject.strip():
        raise Finding("somebody without a name signed in")
    if data[0] in _UNSIGNED and repr(who) not in genuine():
        raise Finding(f"signed in without a signature: {who!r}")
    map_identity(IdentityProvider("corp", "saml"), KIND.mapping, who)
    return True


@cache
def genuine() -> frozenset[str]:
    """Whom the seeds sign in, in whatever form: nobody else can be, without the keys."""
    found = (believed(seed) for seed in seeds() if seed[0] in _UNSIGNED)
    return frozenset(repr(who) for who in found if who is not None)


@cache
def seeds() -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(_seeds()))


def _seeds() -> Iterator[bytes]:
    free = {"in_response_to": None, "confirmed_in_response_to": None}
    mail = attribute("urn:oid:0.9.2342.19200300.100.1.3", "ada@example.com", friendly="mail")
    many = mail + attribute("groups", "staff", "club") + attribute("uid", "ada") + attribute("nil")
    for which, (signs, hidden) in product(
        range(len(SETTINGS)), product((("assertion",), ("response",), ("assertion", "response")), (None, Encrypt()))
    ):
        free_here = free if SETTINGS[which].get("idp_initiated") else {}
        document = response(Say(attributes=many, sign=signs, encrypt=hidden, **free_here)).encode()
        yield b"d%d" % which + document
        yield b"v%d" % which + base64.b64encode(document)
    for content in (f"{XENC}aes128-cbc", f"{XENC}aes256-cbc", f"{XENC11}aes128-gcm"):
        hidden = Encrypt(content=content)
        yield b"d1" + response(Say(attributes=many, sign=("assertion", "response"), encrypt=hidden)).encode()
    for module in MODULES:
        for attempt in attempts(module):
            document = attempt.encode() if isinstance(attempt, str) else attempt
            for which in (0, 1):
                yield b"d%d" % which + document
    for mode, tag in product(wrapping.MODES.values(), (f"{{{SAMLP}}}Response", f"{{{SAML}}}Assertion")):
        for number in range(1, 9):
            whole = response(Say(sign=mode))
            signed_element = etree.fromstring(whole.encode())
            element = signed_element if signed_element.tag == tag else signed_element.find(tag)
            if element.find("{http://www.w3.org/2000/09/xmldsig#}Signature") is not None:
                yield b"d1" + wrapping.wrapped(number, whole, tag).encode()
    for which in range(len(SETTINGS)):
        say = Say(attributes=many, **(free if SETTINGS[which].get("idp_initiated") else {}))
        inner = assertion(say)
        yield b"a%d" % which + inner.encode()
        yield b"r%d" % which + around(say, sign(inner, say.assertion_id, by_fuzzer())).encode()
        yield b"r%d" % which + around(replace(say, status='<samlp:StatusCode Value="x"/>'), "").encode()
        yield b"e%d" % which + inner.encode()
        yield b"e%d" % which + sign(inner, say.assertion_id, by_fuzzer()).encode()


WORDS = (
    b"<saml:Assertion",
    b"<ds:Signature",
    b"<saml:EncryptedAssertion",
    b"<saml:NameID",
    b"<saml:Attribute",
    b"<!--x-->",
    b"<?x y?>",
    b"<![CDATA[",
    b"<!DOCTYPE",
    b"&#0;",
    b"&#x202e;",
    b' ID="_assertion1"',
    b' xmlns="urn:x"',
    b' xsi:nil="true"',
    b"NotOnOrAfter=",
    b"\xef\xbb\xbf",
    b'encoding="utf-16"',
)

TARGET = Target("saml_response", seeds, one, WORDS, xml_mutator(2))
