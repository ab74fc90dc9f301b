"""An application that speaks SAML, for journeys: asks, and reads what it gets with lxml and cryptography alone."""

import base64
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from authserver.model.clients import Client
from federation.saml_idp.model import ServiceProvider
from tests.federation.saml import standin
from tests.federation.saml.standin import DS, NOW, SAML, SAMLP, XENC, XENC11, at, c14n, key
from tests.journeys.house import ISSUER, POOL, Browser

SSO, SLO = f"{ISSUER}/saml2/idp/sso", f"{ISSUER}/saml2/idp/slo"
METADATA = f"{ISSUER}/saml2/idp/metadata"
ENTITY = "https://wiki.example/saml"
ACS, OTHER_ACS, OUT = "https://wiki.example/acs", "https://wiki.example/acs2", "https://wiki.example/slo"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
NS = {"saml": SAML, "samlp": SAMLP, "ds": DS, "xenc": XENC}

CLIENT = Client(
    client_id="wiki",
    pool=POOL,
    client_name="Wiki",
    grant_types=(),
    response_types=(),
    token_endpoint_auth_method="none",
    saml=ServiceProvider(
        ENTITY,
        acs_urls=(ACS, OTHER_ACS),
        acs_indexes={"0": ACS, "5": OTHER_ACS},
        logout_urls={REDIRECT: OUT},
        certificates=(key("wiki").pem,),
    ),
)


def wiki(client_id: str = "wiki", **changes: Any) -> Client:
    """The application, set up in another way."""
    entity_id = changes.pop("entity_id", ENTITY)
    assert CLIENT.saml is not None
    return replace(
        CLIENT,
        client_id=client_id,
        client_name=changes.pop("client_name", client_id.title()),
        mfa=changes.pop("mfa", None),
        identity_providers=changes.pop("identity_providers", None),
        read_attributes=changes.pop("read_attributes", None),
        enabled=changes.pop("enabled", True),
        saml=replace(CLIENT.saml, entity_id=entity_id, **changes),
    )


def authn_request(
    *,
    ident: str = "_ask1",
    issuer: str = ENTITY,
    destination: str | None = SSO,
    issued: int = NOW,
    version: str = "2.0",
    attributes: str = "",
    inner: str = "",
    subject: str = "",
) -> str:
    """A request; `attributes` and `inner` say more, right or wrong."""
    to = f' Destination="{destination}"' if destination is not None else ""
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{ident}" Version="{version}"'
        f' IssueInstant="{at(issued)}"{to}{attributes}><saml:Issuer>{issuer}</saml:Issuer>{subject}{inner}'
        "</samlp:AuthnRequest>"
    )


def name_id_policy(format_: str) -> str:
    return f'<samlp:NameIDPolicy Format="{format_}" AllowCreate="true"/>'


def requested_context(*classes: str, comparison: str = "exact") -> str:
    refs = "".join(f"<saml:AuthnContextClassRef>{c}</saml:AuthnContextClassRef>" for c in classes)
    return f'<samlp:RequestedAuthnContext Comparison="{comparison}">{refs}</samlp:RequestedAuthnContext>'


def unsigned(message: str, relay: str | None = "state-1") -> str:
    """The query of a request that is not signed."""
    from urllib.parse import urlencode

    pairs = {"SAMLRequest": standin.deflated(message), **({"RelayState": relay} if relay is not None else {})}
    return urlencode(pairs)


def signed(message: str, relay: str | None = "state-1", **how: Any) -> str:
    """The query of a request that is signed by the application's key, unless `with_key` says otherwise."""
    return standin.query_of(message, relay=relay, **{"with_key": key("wiki"), **how})


async def ask(browser: Browser, message: str | None = None, **how: Any) -> httpx.Response:
    """The browser comes with a request by redirect."""
    return await browser.http.get(f"{SSO}?{unsigned(message or authn_request(), **how)}")


@dataclass(frozen=True)
class Form:
    """The form with which the browser is sent on."""

    action: str
    fields: Mapping[str, str]

    @property
    def document(self) -> Any:
        return etree.fromstring(base64.b64decode(self.fields["SAMLResponse"]))


def form_of(page: httpx.Response) -> Form:
    """The form of a page that goes on to the application."""
    assert page.status_code == 200, (page.status_code, page.headers.get("location"), page.text)
    found = re.search(r'<form class="form" method="post" action="([^"]+)" data-send>(.*?)</form>', page.text, re.DOTALL)
    assert found is not None, page.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[2]))
    return Form(html.unescape(found[1]), {name: html.unescape(value) for name, value in fields.items()})


async def sign_in(browser: Browser, answer: httpx.Response, **fields: str) -> httpx.Response:
    """From the answer to a request, by name and password, to the page that goes on to the application."""
    page = await browser.open(answer)
    page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
    done = await browser.submit(page, step="password", password="correct-horse-battery", **fields)
    return await browser.open(done)


@dataclass(frozen=True)
class Said:
    """What a response says, once everything about it was checked."""

    name_id: str
    format: str
    session_index: str
    context: str
    attributes: Mapping[str, list[str]] = field(default_factory=dict)
    in_response_to: str | None = None
    assertion: Any = None


async def our_certificates(browser: Browser) -> list[x509.Certificate]:
    """The keys in the metadata."""
    answer = await browser.http.get(METADATA)
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    texts = etree.fromstring(answer.content).iterfind(f".//{{{DS}}}X509Certificate")
    return [x509.load_der_x509_certificate(base64.b64decode(t.text)) for t in texts]


def check_signature(element: Any, certificate: x509.Certificate) -> None:
    """The element carries an enveloped signature over itself by this key (XML Signature, by hand)."""
    signature = element.find(f"{{{DS}}}Signature")
    assert signature is not None, "not signed"
    info = signature.find(f"{{{DS}}}SignedInfo")
    reference = info.find(f"{{{DS}}}Reference")
    assert reference.get("URI") == f"#{element.get('ID')}"
    octets, value = c14n(info), base64.b64decode(signature.findtext(f"{{{DS}}}SignatureValue"))
    certificate.public_key().verify(value, octets, padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr, call-arg, arg-type]
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    copy.remove(copy.find(f"{{{DS}}}Signature"))
    hasher = hashes.Hash(hashes.SHA256())
    hasher.update(c14n(copy))
    assert base64.b64encode(hasher.finalize()).decode() == reference.findtext(f"{{{DS}}}DigestValue")


def decrypted(response: Any) -> Any:
    """The assertion, opened with the application's key."""
    sealed = response.find(f"{{{SAML}}}EncryptedAssertion/{{{XENC}}}EncryptedData")
    assert sealed.find(f"{{{XENC}}}EncryptionMethod").get("Algorithm") == f"{XENC11}aes256-gcm"
    values = [base64.b64decode(e.text) for e in sealed.iter(f"{{{XENC}}}CipherValue")]
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - as every library does
    secret = key("wiki").private.decrypt(values[0], oaep)
    return etree.fromstring(AESGCM(secret).decrypt(values[1][:12], values[1][12:], None))


async def said(
    browser: Browser,
    page: httpx.Response,
    *,
    acs: str = ACS,
    audience: str = ENTITY,
    asked: str | None = "_ask1",
    sealed: bool = False,
    sign: tuple[str, ...] = ("response", "assertion"),
) -> Said:
    """What the form brings to the application, everything checked that Profiles 4.1.4.3 says."""
    form, (certificate,) = form_of(page), await our_certificates(browser)
    response = form.document
    assert (form.action, response.get("Destination"), response.get("InResponseTo")) == (acs, acs, asked)
    assert response.findtext(f"{{{SAML}}}Issuer") == METADATA
    code = response.find(f"{{{SAMLP}}}Status/{{{SAMLP}}}StatusCode")
    assert code.get("Value") == "urn:oasis:names:tc:SAML:2.0:status:Success", status_of(page)
    assertion = decrypted(response) if sealed else response.find(f"{{{SAML}}}Assertion")
    for name, element in (("response", response), ("assertion", assertion)):
        if name in sign:
            check_signature(element, certificate)
        else:
            assert element.find(f"{{{DS}}}Signature") is None
    return read(assertion, browser, acs=acs, audience=audience, asked=asked)


def read(assertion: Any, browser: Browser, *, acs: str, audience: str, asked: str | None) -> Said:
    now = int(browser.house.time())
    data = assertion.find(".//saml:SubjectConfirmationData", NS)
    conditions = assertion.find("saml:Conditions", NS)
    assert (data.get("Recipient"), data.get("InResponseTo")) == (acs, asked)
    assert conditions.get("NotBefore") <= at(now) < conditions.get("NotOnOrAfter") <= at(now + 300)
    assert at(now) < data.get("NotOnOrAfter") <= at(now + 300)
    assert [a.text for a in conditions.iterfind("saml:AudienceRestriction/saml:Audience", NS)] == [audience]
    name, statement = assertion.find("saml:Subject/saml:NameID", NS), assertion.find("saml:AuthnStatement", NS)
    assert (name.get("NameQualifier"), name.get("SPNameQualifier")) == (METADATA, audience)
    return Said(
        name.text,
        name.get("Format"),
        statement.get("SessionIndex"),
        statement.findtext(".//saml:AuthnContextClassRef", namespaces=NS),
        {
            a.get("Name"): [v.text for v in a.iterfind("saml:AttributeValue", NS)]
            for a in assertion.iterfind("saml:AttributeStatement/saml:Attribute", NS)
        },
        asked,
        assertion,
    )


def status_of(page: httpx.Response) -> tuple[str, ...]:
    """The codes of a response that brings no assertion, without their common beginning."""
    response = form_of(page).document
    assert response.find(f"{{{SAML}}}Assertion") is None
    assert response.find(f"{{{DS}}}Signature") is not None
    return tuple(c.get("Value").rpartition(":")[2] for c in response.iter(f"{{{SAMLP}}}StatusCode"))


def sign_out_request(said: Said, **changes: Any) -> str:
    """The application's own wish to end the session."""
    fixed = {
        "issuer": ENTITY,
        "destination": SLO,
        "name_id": said.name_id,
        "name_format": said.format,
        "sessions": (said.session_index,),
    }
    return standin.logout_request(**{**fixed, **changes})


def message_in(url: str, name: str = "SAMLRequest") -> Any:
    """The message in an address."""
    import zlib

    return etree.fromstring(zlib.decompress(base64.b64decode(parse_qs(urlsplit(url).query)[name][0]), -15))
