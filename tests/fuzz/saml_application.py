"""What an application says to the pool as its SAML identity provider: its metadata, and its requests to sign somebody on.

The first byte of an input says what the rest is, the second ("0" or "1") whether requests must be signed:

    m  the application's metadata
    r  a request, in a redirect           R  the same, signed for the fuzzer
    p  a request, by POST                 P  the same, signed for the fuzzer
    g  the whole query of a redirect
"""

import base64
import zlib
from collections.abc import Iterator
from functools import cache
from urllib.parse import parse_qsl, quote_plus

from federation.connectors.saml.keys import own_keys
from federation.connectors.saml.requests import logout_request
from federation.errors import FederationError
from federation.model import Callback, UpstreamSession
from federation.saml_idp.logout import party_of
from federation.saml_idp.metadata import read_service_provider
from federation.saml_idp.model import ServiceProvider
from federation.saml_idp.requests import as_query, callback_of, issuer_of, query_of, read_authn_request
from resource_servers.fetching import check_url
from tests.federation.saml.host import ISSUER
from tests.federation.saml.standin import MORE, NOW, SAML, SAMLP, at, key, raw_signature, sign
from tests.fuzz.saml_response import by_fuzzer, fuzzer_key, signed
from tests.fuzz.target import Finding, NoInput, Target
from tests.fuzz.trees import xml_mutator

SSO = f"{ISSUER}/saml2/idp/sso"
APP = "https://app.example/saml"
KINDS = b"mrRpPg"
_ALGORITHM = f"{MORE}ecdsa-sha256"
_POST, _REDIRECT = (f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{way}" for way in ("POST", "Redirect"))


@cache
def application(*, strict: bool) -> ServiceProvider:
    return ServiceProvider(
        APP,
        acs_urls=("https://app.example/acs", "https://app.example/acs2"),
        acs_indexes={"1": "https://app.example/acs3"},
        certificates=(key().pem, fuzzer_key().pem),
        require_signed_requests=strict,
    )


def callback(kind: str, rest: bytes) -> Callback:
    """As it reaches the endpoint that judges it: what was posted comes again by GET. Raises NoInput, FederationError."""
    if kind == "g":
        query = rest.decode("latin-1")
    elif kind in "pP":
        document = signed(rest) if kind == "P" else rest
        form = (("SAMLRequest", base64.b64encode(document).decode()), ("RelayState", "state"))
        posted = Callback("POST", form, "", NOW)
        issuer_of(posted)
        query = as_query(posted)
    else:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(rest) + packer.flush()
        query = f"SAMLRequest={quote_plus(base64.b64encode(packed).decode())}&RelayState=state"
        if kind == "R":
            query += f"&SigAlg={quote_plus(_ALGORITHM)}"
            signature = raw_signature(query.encode(), fuzzer_key(), _ALGORITHM)
            query += f"&Signature={quote_plus(base64.b64encode(signature).decode())}"
    came = Callback("GET", tuple(parse_qsl(query, keep_blank_values=True)), query, NOW)
    issuer_of(came)
    return callback_of(query_of(came), NOW)


def one(data: bytes) -> bool:
    if len(data) < 3 or data[0] not in KINDS:
        return False
    kind, strict = chr(data[0]), data[1] % 2 == 1
    try:
        if kind == "m":
            return _set_up(data[2:])
        asked = read_authn_request(callback(kind, data[2:]), application(strict=strict), SSO)
    except (FederationError, NoInput):
        return False
    if asked.acs_url not in {*application(strict=strict).acs_urls, *application(strict=strict).acs_indexes.values()}:
        raise Finding(f"an answer would go to {asked.acs_url!r}")
    if strict and kind in "rpg" and repr(asked) not in genuine():
        raise Finding(f"believed without a signature: {asked!r}")
    return True


def _set_up(document: bytes) -> bool:
    sp = read_service_provider(document, NOW)
    for url in (*sp.acs_urls, *sp.acs_indexes.values(), *sp.logout_urls.values(), *sp.logout_response_urls.values()):
        try:
            check_url(url)
        except ValueError:
            raise Finding(f"people would be sent to {url!r}") from None
    session = UpstreamSession("ada", "_session1", {"value": "ada"})
    logout_request(party_of(f"{ISSUER}/saml2/idp/metadata", sp), session, "_1", own_keys([key("sp").pair])[0], "s", NOW)
    return True


@cache
def genuine() -> frozenset[str]:
    """What the signed seeds ask: nobody without the keys can ask anything else where requests must be signed."""
    found = set()
    for seed in seeds():
        if seed[:1] in {b"r", b"p", b"g"} and seed[1:2] == b"1":
            try:
                asked = read_authn_request(callback(chr(seed[0]), seed[2:]), application(strict=True), SSO)
            except FederationError:
                continue
            found.add(repr(asked))
    return frozenset(found)


def _request(inner: str = "", more: str = "") -> str:
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="_authn1" Version="2.0"'
        f' IssueInstant="{at(NOW)}" Destination="{SSO}"{more}><saml:Issuer>{APP}</saml:Issuer>{inner}</samlp:AuthnRequest>'
    )


def _metadata(more: str = "", keys: str | None = None) -> str:
    if keys is None:
        keys = "".join(
            f'<md:KeyDescriptor use="{use}"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>'
            f"<ds:X509Certificate>{key().der64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for use in ("signing", "encryption")
        )
    services = "".join(
        f'<md:AssertionConsumerService Binding="{_POST}" Location="https://app.example/acs{n}" index="{n}"/>'
        for n in (1, 2)
    )
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{APP}">'
        f'<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}"{more}>{keys}'
        f'<md:SingleLogoutService Binding="{_REDIRECT}" Location="https://app.example/slo" '
        'ResponseLocation="https://app.example/slo2"/>'
        "<md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>"
        f"{services}</md:SPSSODescriptor></md:EntityDescriptor>"
    )


@cache
def seeds() -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(_seeds()))


def _seeds() -> Iterator[bytes]:
    yield from (b"m0" + text.encode() for text in (_metadata(), _metadata(keys=""), "<x/>"))
    yield b"m0" + _metadata(' AuthnRequestsSigned="true" WantAssertionsSigned="true"').encode()
    contexts = (
        '<samlp:RequestedAuthnContext Comparison="minimum"><saml:AuthnContextClassRef>x</saml:AuthnContextClassRef>'
        "</samlp:RequestedAuthnContext>"
    )
    subject = '<saml:Subject><saml:NameID>ada@example.com</saml:NameID></saml:Subject><samlp:NameIDPolicy Format="x"/>'
    texts = [
        _request(),
        _request(subject + contexts),
        _request(more=' AssertionConsumerServiceIndex="1" ForceAuthn="true" IsPassive="1"'),
        _request(more=' AssertionConsumerServiceURL="https://app.example/acs2"'),
        _request(more=' AssertionConsumerServiceURL="https://evil.example/acs"'),
        _request(more=' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"'),
    ]
    for text in texts:
        for strict in (b"0", b"1"):
            yield from (bytes([kind]) + strict + text.encode() for kind in b"rRpP")
            yield b"p" + strict + sign(text, "_authn1", by_fuzzer()).encode()
            yield b"g" + strict + callback("R", text.encode()).query.encode()
            yield b"g" + strict + callback("r", text.encode()).query.encode()


WORDS = (
    b"<samlp:AuthnRequest",
    b"<samlp:NameIDPolicy",
    b"<samlp:RequestedAuthnContext",
    b"<samlp:Scoping",
    b"<md:SPSSODescriptor",
    b"<md:AssertionConsumerService",
    b"<md:SingleLogoutService",
    b' isDefault="true"',
    b' AssertionConsumerServiceURL="https://evil.example/"',
    b"SAMLRequest=",
    b"&SigAlg=",
    b"&Signature=",
    b"%26",
    b"%00",
    b"<!DOCTYPE",
)

TARGET = Target("saml_application", seeds, one, WORDS, xml_mutator(2))
