"""A SAML identity provider for tests. It says and signs whatever it is told to, right or wrong.

Signatures and encryption are written out with lxml and cryptography alone, so that what verifies ours is another's work.
"""

import base64
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote_plus

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from lxml import etree

from federation.model import Callback
from federation.ports import KeyPair
from tests.federation.saml.host import ISSUER

NOW = 1_800_000_000
IDP = "https://idp.example.org/metadata"
OTHER_IDP = "https://other.example.net/metadata"
SSO, SLO = "https://idp.example.org/sso", "https://idp.example.org/slo"
SP = f"{ISSUER}/saml2/metadata/corp"
ACS, LOGOUT = f"{ISSUER}/saml2/idpresponse", f"{ISSUER}/saml2/logout"
REQUEST = "_request1"

SAML, SAMLP = "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol"
DS, XENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"


@dataclass(frozen=True)
class Key:
    """A private key and its certificate, PEM."""

    private: Any
    pem: str

    @property
    def der64(self) -> str:
        return "".join(self.pem.strip().splitlines()[1:-1])

    @property
    def pair(self) -> KeyPair:
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return KeyPair(self.private.private_bytes(serialization.Encoding.PEM, form, none).decode(), self.pem)


@cache
def key(name: str = "idp", kind: str = "rsa", *, bits: int = 2048, ends: int = NOW + 10**8, cn: str = "") -> Key:
    """One key for each set of arguments, made at its first use."""
    private: Any
    if kind == "rsa":
        private = rsa.generate_private_key(65537, bits)
    else:
        private = ec.generate_private_key(ec.SECP224R1() if kind == "ec224" else ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn or name)])
    until = datetime.fromtimestamp(ends, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(until - timedelta(days=4000))
        .not_valid_after(until)
        .sign(private, hashes.SHA256())
    )
    return Key(private, made.public_bytes(serialization.Encoding.PEM).decode())


def at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------------------------------------------- signatures


@dataclass(frozen=True)
class Sign:
    """How a signature is made; every part can be made wrong."""

    key: Key = field(default_factory=key)
    algorithm: str = f"{MORE}rsa-sha256"
    digest: str = f"{XENC}sha256"
    c14n: str = EXC
    transforms: tuple[str, ...] = (ENVELOPED, EXC)
    uri: str | None = None
    key_info: str | None = None
    prefixes: str = ""
    plain: bool = False  # the namespace of signatures is the default one, as ADFS and Entra ID write it
    references: int = 1
    edit: Callable[[str], str] = lambda signature: signature  # of the finished Signature


_DIGESTS: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    f"{DS}sha1": hashes.SHA1,
    f"{MORE}md5": hashes.MD5,
    f"{XENC}sha256": hashes.SHA256,
    f"{MORE}sha384": hashes.SHA384,
    f"{XENC}sha512": hashes.SHA512,
}


def _hash(name: str) -> Any:
    return getattr(hashes, name.upper())()


def raw_signature(octets: bytes, key: Key, algorithm: str) -> bytes:
    _, _, name = algorithm.rpartition("#")
    if name.startswith("hmac-"):
        from cryptography.hazmat.primitives.hmac import HMAC

        mac = HMAC(key.pem.encode(), _hash(name.removeprefix("hmac-")))
        mac.update(octets)
        return mac.finalize()
    if name.startswith("ecdsa-"):
        r, s = utils.decode_dss_signature(key.private.sign(octets, ec.ECDSA(_hash(name.removeprefix("ecdsa-")))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if name.endswith("-rsa-MGF1"):
        hash_ = _hash(name.partition("-")[0])
        return bytes(key.private.sign(octets, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_))
    return bytes(key.private.sign(octets, padding.PKCS1v15(), _hash(name.removeprefix("rsa-"))))


def c14n(element: Any, algorithm: str = EXC, prefixes: str = "") -> bytes:
    canonical: bytes = etree.tostring(
        element,
        method="c14n",
        exclusive=algorithm.startswith(EXC),
        with_comments=algorithm.endswith("WithComments"),
        inclusive_ns_prefixes=prefixes.split() or None,
    )
    return canonical


def signature_over(canonical: bytes, ident: str, how: Sign) -> str:
    """A ds:Signature as text, over these bytes."""
    hasher = hashes.Hash(_DIGESTS[how.digest]())
    hasher.update(canonical)
    digest = base64.b64encode(hasher.finalize()).decode()
    inclusive = f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{how.prefixes}"/>' if how.prefixes else ""
    transforms = "".join(
        f'<ds:Transform Algorithm="{t}">{inclusive if t == EXC else ""}</ds:Transform>' for t in how.transforms
    )
    uri = f"#{ident}" if how.uri is None else how.uri
    reference = (
        f'<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{how.digest}"/><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>'
    )
    info = (
        f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{how.c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{how.algorithm}"/>{reference * how.references}</ds:SignedInfo>'
    )
    if how.plain:
        info = unprefixed(info, "ds")
    octets = c14n(etree.fromstring(info), how.c14n)
    value = base64.b64encode(raw_signature(octets, how.key, how.algorithm)).decode()
    key_info = how.key_info
    if key_info is None:
        key_info = f"<ds:X509Data><ds:X509Certificate>{how.key.der64}</ds:X509Certificate></ds:X509Data>"
    key_info = f"<ds:KeyInfo>{key_info}</ds:KeyInfo>" if key_info else ""
    rest = f"<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}"
    whole = f'<ds:Signature xmlns:ds="{DS}">{{}}{rest}</ds:Signature>'
    return how.edit((unprefixed(whole, "ds") if how.plain else whole).format(info))


def unprefixed(text: str, prefix: str) -> str:
    """The same with a default namespace."""
    return text.replace(f"xmlns:{prefix}=", "xmlns=").replace(f"<{prefix}:", "<").replace(f"</{prefix}:", "</")


def sign(document: str, ident: str, how: Sign) -> str:
    """The document with a signature after the Issuer of the element of that ID."""
    root = etree.fromstring(document.encode())
    (element,) = root.xpath("//*[@ID=$ident]", ident=ident)
    signature = signature_over(c14n(element, prefixes=how.prefixes), ident, how)
    place = element.find("{*}Issuer")
    element.insert(element.index(place) + 1 if place is not None else 0, etree.fromstring(signature))
    return str(etree.tostring(root).decode())


# ------------------------------------------------------------------------------------------------------ messages


@dataclass(frozen=True)
class Say:
    """What a response says; None leaves a part out."""

    response_id: str = "_response1"
    assertion_id: str = "_assertion1"
    issuer: str | None = IDP
    assertion_issuer: str | None = IDP
    destination: str | None = ACS
    in_response_to: str | None = REQUEST
    issued: int = NOW
    status: str = f'<samlp:StatusCode Value="{STATUS}Success"/>'
    # the assertion
    name_id: str | None = "ada"
    name_format: str | None = PERSISTENT
    name_attributes: str = ""
    method: str = BEARER
    recipient: str | None = ACS
    confirmed_in_response_to: str | None = REQUEST
    confirmed_until: int | None = NOW + 300
    confirmed_from: int | None = None
    confirmations: str | None = None
    not_before: int | None = NOW - 5
    not_on_or_after: int | None = NOW + 300
    audiences: tuple[str, ...] | None = (SP,)
    conditions: str | None = None
    authenticated: int | None = NOW - 10
    session_end: int | None = None
    session_index: str | None = "_session1"
    context: str = PASSWORD
    attributes: str = ""
    advice: str = ""
    # how it is sent
    sign: tuple[str, ...] = ("assertion",)
    how: Sign = field(default_factory=Sign)
    response_how: Sign | None = None
    encrypt: "Encrypt | None" = None
    edit_assertion: Callable[[str], str] = lambda text: text  # before it is signed
    edit_signed: Callable[[str], str] = lambda text: text  # the assertion, after it is signed
    edit_response: Callable[[str], str] = lambda text: text  # before the response is signed
    edit: Callable[[str], str] = lambda text: text  # at last


def attribute(name: str, *values: str, friendly: str = "", type_: str = "xs:string") -> str:
    inner = "".join(f'<saml:AttributeValue xsi:type="{type_}">{v}</saml:AttributeValue>' for v in values)
    friendly = f' FriendlyName="{friendly}"' if friendly else ""
    return f'<saml:Attribute Name="{name}"{friendly}>{inner}</saml:Attribute>'


def _maybe(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'


def _time(name: str, value: int | None) -> str:
    return "" if value is None else f' {name}="{at(value)}"'


def assertion(say: Say) -> str:
    """The assertion, unsigned."""
    confirmations = say.confirmations
    if confirmations is None:
        data = (
            _time("NotOnOrAfter", say.confirmed_until)
            + _time("NotBefore", say.confirmed_from)
            + _maybe("Recipient", say.recipient)
            + _maybe("InResponseTo", say.confirmed_in_response_to)
        )
        confirmations = (
            f'<saml:SubjectConfirmation Method="{say.method}"><saml:SubjectConfirmationData{data}/>'
            "</saml:SubjectConfirmation>"
        )
    name = ""
    if say.name_id is not None:
        name = f"<saml:NameID{_maybe('Format', say.name_format)}{say.name_attributes}>{say.name_id}</saml:NameID>"
    conditions = say.conditions
    if conditions is None:
        audiences = ""
        if say.audiences is not None:
            inner = "".join(f"<saml:Audience>{a}</saml:Audience>" for a in say.audiences)
            audiences = f"<saml:AudienceRestriction>{inner}</saml:AudienceRestriction>"
        times = _time("NotBefore", say.not_before) + _time("NotOnOrAfter", say.not_on_or_after)
        conditions = f"<saml:Conditions{times}>{audiences}</saml:Conditions>"
    authn = ""
    if say.authenticated is not None:
        authn = (
            f"<saml:AuthnStatement{_time('AuthnInstant', say.authenticated)}{_maybe('SessionIndex', say.session_index)}"
            f"{_time('SessionNotOnOrAfter', say.session_end)}><saml:AuthnContext><saml:AuthnContextClassRef>"
            f"{say.context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        )
    statement = f"<saml:AttributeStatement>{say.attributes}</saml:AttributeStatement>" if say.attributes else ""
    issuer = "" if say.assertion_issuer is None else f"<saml:Issuer>{say.assertion_issuer}</saml:Issuer>"
    return say.edit_assertion(
        f'<saml:Assertion xmlns:saml="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' ID="{say.assertion_id}" Version="2.0" IssueInstant="{at(say.issued)}">{issuer}'
        f"<saml:Subject>{name}{confirmations}</saml:Subject>{conditions}{say.advice}{authn}{statement}</saml:Assertion>"
    )


def around(say: Say, inner: str) -> str:
    """The response with this inside, unsigned."""
    issuer = "" if say.issuer is None else f'<saml:Issuer xmlns:saml="{SAML}">{say.issuer}</saml:Issuer>'
    return say.edit_response(
        f'<samlp:Response xmlns:samlp="{SAMLP}" ID="{say.response_id}" Version="2.0" IssueInstant="{at(say.issued)}"'
        f"{_maybe('Destination', say.destination)}{_maybe('InResponseTo', say.in_response_to)}>{issuer}"
        f"<samlp:Status>{say.status}</samlp:Status>{inner}</samlp:Response>"
    )


def signed_assertion(say: Say) -> str:
    inner = assertion(say)
    if "assertion" in say.sign:
        inner = sign(inner, say.assertion_id, say.how)
    return say.edit_signed(inner)


def response(say: Say | None = None) -> str:
    """The response as text."""
    say = say or Say()
    inner = signed_assertion(say)
    if say.encrypt is not None:
        inner = encrypted(inner, say.encrypt)
    whole = around(say, inner)
    if "response" in say.sign:
        whole = sign(whole, say.response_id, say.response_how or say.how)
    return say.edit(whole)


# ---------------------------------------------------------------------------------------------------- encryption


@dataclass(frozen=True)
class Encrypt:
    """How an assertion is encrypted."""

    to: Key = field(default_factory=lambda: key("sp"))
    content: str = f"{XENC11}aes256-gcm"
    transport: str = f"{XENC}rsa-oaep-mgf1p"
    digest: str = f"{DS}sha1"
    mgf: str = ""
    beside: bool = False
    edit: Callable[[bytes], bytes] = lambda sealed: sealed  # of the ciphertext


def encrypted(text: str, how: Encrypt) -> str:
    """A saml:EncryptedAssertion."""
    size = 32 if "256" in how.content else 24 if "192" in how.content else 16
    secret = os.urandom(size)
    plain = text.encode()
    if how.content.endswith("gcm"):
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(secret).encrypt(nonce, plain, None)
    else:
        fill = 16 - len(plain) % 16
        start = os.urandom(16)
        encryptor = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
        sealed = start + encryptor.update(plain + bytes(fill - 1) + bytes([fill])) + encryptor.finalize()
    public = how.to.private.public_key()
    if how.transport.endswith("rsa-1_5"):
        wrapped = public.encrypt(secret, padding.PKCS1v15())
    else:
        mask: Any = _hash(how.mgf.rpartition("mgf1")[2]) if how.mgf else _hash("sha1")
        wrapped = public.encrypt(secret, padding.OAEP(padding.MGF1(mask), _DIGESTS[how.digest](), None))
    mgf = f'<xenc11:MGF xmlns:xenc11="{XENC11}" Algorithm="{how.mgf}"/>' if how.mgf else ""
    digest = f'<ds:DigestMethod xmlns:ds="{DS}" Algorithm="{how.digest}"/>'
    if how.transport.endswith("rsa-1_5"):
        digest = ""
    encrypted_key = (
        f'<xenc:EncryptedKey xmlns:xenc="{XENC}"><xenc:EncryptionMethod Algorithm="{how.transport}">{digest}{mgf}'
        f"</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{base64.b64encode(wrapped).decode()}"
        "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
    )
    inside = "" if how.beside else f'<ds:KeyInfo xmlns:ds="{DS}">{encrypted_key}</ds:KeyInfo>'
    value = base64.b64encode(how.edit(sealed)).decode()
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}"><xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}Element">'
        f'<xenc:EncryptionMethod Algorithm="{how.content}"/>{inside}<xenc:CipherData><xenc:CipherValue>{value}'
        f"</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{encrypted_key if how.beside else ''}"
        "</saml:EncryptedAssertion>"
    )


# ------------------------------------------------------------------------------------------------------ metadata


def metadata(
    keys: Sequence[Key] = (),
    *,
    entity_id: str = IDP,
    use: str | None = "signing",
    attributes: str = "",
    role_attributes: str = "",
    logout: bool = True,
    sso: str = SSO,
    more: str = "",
) -> str:
    use_ = _maybe("use", use)
    descriptors = "".join(
        f'<md:KeyDescriptor{use_}><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{k.der64}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for k in (keys or [key()])
    )
    bindings = [f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{b}" for b in ("Redirect", "POST")]
    slo = "".join(f'<md:SingleLogoutService Binding="{b}" Location="{SLO}"/>' for b in bindings) if logout else ""
    ssos = "".join(f'<md:SingleSignOnService Binding="{b}" Location="{sso}"/>' for b in bindings)
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"{attributes}>{more}'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"{role_attributes}>{descriptors}{slo}{ssos}'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def aggregate(*entities: str, attributes: str = "") -> str:
    return (
        f'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"{attributes}>{"".join(entities)}'
        "</md:EntitiesDescriptor>"
    )


# ---------------------------------------------------------------------------------------------------- single logout


def logout_request(
    *,
    ident: str = "_logout1",
    issuer: str = IDP,
    destination: str | None = LOGOUT,
    issued: int = NOW,
    until: int | None = NOW + 300,
    name_id: str = "ada",
    name_format: str = PERSISTENT,
    name_attributes: str = "",
    sessions: tuple[str, ...] = ("_session1",),
) -> str:
    indexes = "".join(f"<samlp:SessionIndex>{s}</samlp:SessionIndex>" for s in sessions)
    return (
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{ident}" Version="2.0"'
        f' IssueInstant="{at(issued)}"{_maybe("Destination", destination)}{_time("NotOnOrAfter", until)}>'
        f"<saml:Issuer>{issuer}</saml:Issuer>"
        f'<saml:NameID Format="{name_format}"{name_attributes}>{name_id}</saml:NameID>{indexes}</samlp:LogoutRequest>'
    )


def logout_response(
    in_response_to: str, *, issuer: str = IDP, destination: str = LOGOUT, issued: int = NOW, status: str = "Success"
) -> str:
    return (
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_answer1" Version="2.0"'
        f' IssueInstant="{at(issued)}" Destination="{destination}" InResponseTo="{in_response_to}">'
        f'<saml:Issuer>{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{STATUS}{status}"/></samlp:Status>'
        "</samlp:LogoutResponse>"
    )


# ------------------------------------------------------------------------------------------------------- bindings


def posted(
    message: str | bytes, field_: str = "SAMLResponse", *, relay: str | None = "state", now: int = NOW
) -> Callback:
    """The message as a browser posts it."""
    octets = message.encode() if isinstance(message, str) else message
    fields = [(field_, base64.b64encode(octets).decode()), *([("RelayState", relay)] if relay is not None else [])]
    return Callback("POST", tuple(fields), "", now)


def deflated(message: str | bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    octets = message.encode() if isinstance(message, str) else message
    return base64.b64encode(packer.compress(octets) + packer.flush()).decode()


def query_of(
    message: str | bytes,
    field_: str = "SAMLRequest",
    *,
    relay: str | None = "relay",
    with_key: Key | None = None,
    algorithm: str = f"{MORE}rsa-sha256",
    order: tuple[str, ...] = (),
) -> str:
    """A signed query; `order` signs the parameters in another order than SAML does."""
    values = {field_: deflated(message)}
    if relay is not None:
        values["RelayState"] = relay
    values["SigAlg"] = algorithm
    pairs = [f"{name}={quote_plus(values[name])}" for name in order or values]
    octets = "&".join(pairs)
    raw = raw_signature(octets.encode(), with_key or key(), algorithm)
    return f"{octets}&Signature={quote_plus(base64.b64encode(raw).decode())}"


def fetched(query: str, *, now: int = NOW) -> Callback:
    """The query as a browser brings it."""
    from urllib.parse import parse_qsl

    return Callback("GET", tuple(parse_qsl(query, keep_blank_values=True)), query, now)
