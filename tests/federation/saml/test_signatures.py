"""Which signatures count, by which keys (M3, M4)."""

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest

from federation.connectors.saml.metadata import read_metadata
from federation.connectors.saml.signatures import UnknownKey
from federation.errors import BadAnswer, Misconfigured
from tests.federation.saml.desk import connector, refused, sign_in
from tests.federation.saml.standin import (
    DS,
    ENVELOPED,
    EXC,
    IDP,
    MORE,
    NOW,
    XENC,
    Key,
    Say,
    Sign,
    at,
    key,
    metadata,
    response,
)

pytestmark = pytest.mark.anyio
PSS = "http://www.w3.org/2007/05/xmldsig-more#"


def by(**how: object) -> Say:
    return Say(how=replace(Sign(), **how))  # type: ignore[arg-type]


def twice(tag: str) -> Callable[[str], str]:
    """The element is there twice in the signature."""

    def edit(signature: str) -> str:
        start, end = signature.index(f"<ds:{tag}"), signature.index(f"</ds:{tag}>") + len(f"</ds:{tag}>")
        return signature[:end] + signature[start:end] + signature[end:]

    return edit


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(by(uri=""), id="empty reference"),
        pytest.param(by(uri="#_response1"), id="reference to another element"),
        pytest.param(by(uri="https://idp.example.org/evil"), id="reference to elsewhere"),
        pytest.param(by(uri="#xpointer(id('_assertion1'))"), id="reference by xpointer"),
        pytest.param(by(references=2), id="two references"),
        pytest.param(by(edit=twice("SignedInfo")), id="two SignedInfo"),
        pytest.param(by(edit=twice("SignatureValue")), id="two values"),
        pytest.param(by(transforms=(ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116", EXC)), id="XSLT"),
        pytest.param(by(transforms=(ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116", EXC)), id="XPath"),
        pytest.param(by(algorithm=f"{MORE}hmac-sha256"), id="HMAC with the certificate"),
        pytest.param(by(algorithm=f"{DS}rsa-sha1"), id="RSA with SHA-1"),
        pytest.param(by(digest=f"{DS}sha1"), id="SHA-1 digest"),
        pytest.param(by(digest=f"{MORE}md5"), id="MD5 digest"),
        pytest.param(by(transforms=()), id="no transforms"),
        pytest.param(by(transforms=(EXC,)), id="not enveloped"),
        pytest.param(by(c14n=f"{EXC}WithComments"), id="with comments"),
        pytest.param(by(edit=lambda s: s.replace("</ds:Signature>", "<ds:Object/></ds:Signature>")), id="an Object"),
    ],
)
async def test_a_signature_of_another_form_does_not_count(say: Say) -> None:
    """M3: references, transforms, algorithms. It is refused by its form, before any key is tried."""
    assert type(await refused(say)) is BadAnswer
    assert (await sign_in(replace(say, how=Sign()))).subject == "ada"


async def test_an_identifier_that_two_elements_have_names_none() -> None:
    """M3: duplicate ID."""
    say = Say(response_id="_one", assertion_id="_one")
    assert "one identifier" in (await refused(say)).detail
    assert (await sign_in(replace(say, response_id="_other"))).subject == "ada"


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        (f"{MORE}rsa-sha256", "rsa"),
        (f"{MORE}rsa-sha384", "rsa"),
        (f"{MORE}rsa-sha512", "rsa"),
        (f"{PSS}sha256-rsa-MGF1", "rsa"),
        (f"{MORE}ecdsa-sha256", "ec"),
    ],
)
@pytest.mark.parametrize("digest", [f"{XENC}sha256", f"{XENC}sha512"])
async def test_sound_algorithms_count(algorithm: str, kind: str, digest: str) -> None:
    signing = key("idp", kind)
    at_idp = connector(metadata=metadata([signing]))
    say = by(key=signing, algorithm=algorithm, digest=digest)
    assert (await sign_in(say, at_idp)).subject == "ada"
    assert isinstance(await refused(replace(say, edit=lambda r: r.replace(">ada<", ">eve<")), at_idp), UnknownKey)


async def test_prefixes_that_the_provider_wants_kept_are_kept() -> None:
    assert (await sign_in(by(prefixes="xs saml"))).subject == "ada"


def rsa_key_value(of: Key) -> str:
    import base64

    n = of.private.public_key().public_numbers().n
    modulus = base64.b64encode(n.to_bytes(256, "big")).decode()
    return (
        f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue>"
    )


def x509(of: Key) -> str:
    return f"<ds:X509Data><ds:X509Certificate>{of.der64}</ds:X509Certificate></ds:X509Data>"


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(by(key=key("mallory")), id="her certificate in KeyInfo"),
        pytest.param(by(key=key("mallory"), key_info=rsa_key_value(key("mallory"))), id="RSAKeyValue"),
        pytest.param(
            by(key=key("mallory"), key_info=x509(key()) + rsa_key_value(key("mallory"))), id="RSAKeyValue beside ours"
        ),
        pytest.param(by(key=key("clone", cn="idp")), id="a certificate that looks the same"),
        pytest.param(by(key=key("other-idp"), key_info=x509(key())), id="another provider's key"),
        pytest.param(by(key=key("mallory"), key_info=""), id="no KeyInfo"),
    ],
)
async def test_only_a_key_of_the_metadata_signs(say: Say) -> None:
    """M4: what a message says of its key is not looked at."""
    assert isinstance(await refused(say), UnknownKey)
    assert (await sign_in(replace(say, how=replace(say.how, key=key())))).subject == "ada"


async def test_whatever_key_info_says_the_metadata_decides() -> None:
    assert (await sign_in(by(key_info=x509(key("mallory"))))).subject == "ada"
    assert (await sign_in(by(key_info=rsa_key_value(key("mallory"))))).subject == "ada"
    assert (await sign_in(by(key_info=""))).subject == "ada"


async def test_any_of_several_keys_may_sign() -> None:
    """Roll-over: old and new are published together."""
    both = connector(metadata=metadata([key("old"), key("new"), key("ec", "ec")]))
    assert (await sign_in(by(key=key("old")), both)).subject == "ada"
    assert (await sign_in(replace(by(key=key("new")), assertion_id="_b"), both)).subject == "ada"
    elliptic = replace(by(key=key("ec", "ec"), algorithm=f"{MORE}ecdsa-sha256"), assertion_id="_c")
    assert (await sign_in(elliptic, both)).subject == "ada"


async def test_a_key_that_is_only_for_encryption_signs_nothing() -> None:
    with pytest.raises(Misconfigured, match="no key that may sign"):
        await sign_in(Say(), metadata=metadata([key()], use="encryption"))
    assert (await sign_in(Say(), metadata=metadata([key()], use="signing"))).subject == "ada"


async def test_a_short_key_signs_nothing() -> None:
    short = key("short", bits=1024)
    at_idp = connector(metadata=metadata([short, key()]))
    assert isinstance(await refused(by(key=short), at_idp), UnknownKey)
    assert (await sign_in(Say(), at_idp)).subject == "ada"


async def test_a_short_curve_signs_nothing() -> None:
    assert read_metadata(metadata([key("short", "ec224"), key()]).encode(), NOW).weak == 1
    assert read_metadata(metadata([key("ec", "ec"), key()]).encode(), NOW).weak == 0


@pytest.mark.parametrize(
    ("of", "into"),
    [
        ("06072a8648ce3d0201", "06072b8648ce3d0201"),  # a kind of key
        ("06082a8648ce3d030107", "06082a8648ce3d030177"),  # a curve
        ("a003020102", "a003020107"),  # a version
    ],
)
async def test_a_certificate_of_a_kind_that_nobody_knows_is_left_out(of: str, into: str) -> None:
    """Beside others it must not end the reading: found by fuzzing, cryptography raises more than ValueError there."""
    other = key("ec", "ec")
    der = base64.b64decode(other.der64).hex()
    assert of in der
    strange = base64.b64encode(bytes.fromhex(der.replace(of, into))).decode()
    text = metadata([other, key()]).replace(other.der64, strange)
    assert strange in text
    assert read_metadata(text.encode(), NOW).weak == 1
    assert (await sign_in(at=connector(metadata=text))).subject == "ada"


async def test_an_expired_certificate_still_signs_and_is_warned_of() -> None:
    old = key("expired", ends=1_799_000_000)
    at_idp = connector(metadata=metadata([old]))
    assert (await sign_in(by(key=old), at_idp)).subject == "ada"
    (check,) = [c for c in await at_idp.examine("", 1_800_000_000) if c.name == "the provider's certificate"]
    assert (check.outcome, check.found) == ("warning", f"has expired at {at(1_799_000_000)}")


async def test_an_issuer_without_metadata_has_no_keys() -> None:
    other = response(Say(issuer="https://mallory.example/", assertion_issuer="https://mallory.example/"))
    assert isinstance(await refused(other), BadAnswer)
    assert (await sign_in(response())).issuer == IDP
