"""What a SAML provider publishes about itself, alone or among thousands, and what is done by it afterwards.

The first byte of an input says how we come by the document that the rest is:

    m  from its address; one provider in it
    n  from its address, of several the one that is named
    q  from a metadata query service
    s  from its address, signed for the fuzzer by whom we ask to have signed it
    g  given in the settings
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from federation.connectors.saml import KIND
from federation.errors import FederationError
from federation.model import Asked, Callback, IdentityProvider, UpstreamSession
from federation.ports import Response
from resource_servers.fetching import check_url
from tests.federation.host import KeyPairs, make_host, work
from tests.federation.saml import test_metadata as tests
from tests.federation.saml.host import ISSUER
from tests.federation.saml.standin import (
    ACS,
    IDP,
    LOGOUT,
    NOW,
    OTHER_IDP,
    aggregate,
    key,
    metadata,
    posted,
    response,
    sign,
)
from tests.fuzz.saml_response import by_fuzzer, fuzzer_key, signed
from tests.fuzz.target import Always, Answers, Finding, NoInput, Target, nothing_kept, run
from tests.fuzz.trees import xml_mutator

URL = "https://idp.example.org/metadata.xml"
QUERY = "https://mdq.example.org"
_ASKED = Asked("state", ACS, NOW, login_hint="ada@example.com")


def _settings(mode: int, document: bytes) -> tuple[dict[str, Any], bytes]:
    match chr(mode):
        case "n":
            return {"metadata_url": URL, "idp_entity_id": IDP}, document
        case "q":
            return {"mdq_url": QUERY, "idp_entity_id": IDP}, document
        case "s":
            return {"metadata_url": URL, "metadata_certificate": fuzzer_key().pem}, signed(document)
        case "g":
            return {"metadata": document.decode()}, document
        case _:
            return {"metadata_url": URL}, document


def one(data: bytes) -> bool:
    if len(data) < 2:
        return False
    try:
        settings, document = _settings(data[0], data[1:])
    except (NoInput, UnicodeDecodeError):
        return False
    return run(_by(settings, document))


async def _by(settings: dict[str, Any], document: bytes) -> bool:
    said = Response(200, document, {"etag": '"1"'})
    answers = Answers({URL: said, f"{QUERY}/entities/https%3A%2F%2Fidp.example.org%2Fmetadata": said})
    documents = nothing_kept()
    host = make_host(
        answers,  # type: ignore[arg-type]  # all that is asked of a network
        issuer=ISSUER,
        key_pairs=KeyPairs([key("sp").pair]),
        documents=documents,
        once=Always(),
        work=work,
    )
    provider = IdentityProvider("corp", "saml", settings={**settings, "sign_out": True})
    try:
        connector: Any = KIND.build(provider, host)
        begun = await connector.begin(_ASKED)
    except FederationError:
        return False
    try:
        check_url(begun.outgoing.url)
    except ValueError:
        raise Finding(f"people would be sent to {begun.outgoing.url!r}") from None
    session = UpstreamSession("ada", "_session1", {"value": "ada"})
    for step in (
        lambda: connector.sign_out(session, LOGOUT, "state", NOW),
        lambda: connector.recognizes(posted(response())),
        lambda: connector.unsolicited(posted(response()), ACS),
        lambda: connector.signed_out(Callback("GET", (("SAMLRequest", "x"),), "SAMLRequest=x", NOW)),
        lambda: connector.examine(ACS, NOW),
        lambda: connector.tend(NOW + 7 * 3600),
    ):
        try:
            await step()
        except FederationError:
            continue
    # What was kept must be good after a restart too.
    again: Any = KIND.build(provider, host)
    try:
        await again.begin(_ASKED)
    except FederationError as refused:
        raise Finding(f"it was believed once, and not again: {refused}") from None
    return True


@cache
def seeds() -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(_seeds()))


def _seeds() -> Iterator[bytes]:
    whole = (
        metadata(),
        metadata([key(), key("new")], use=None, logout=False),
        metadata(attributes=' validUntil="2099-01-01T00:00:00Z" cacheDuration="PT1H" ID="_metadata1"'),
        metadata(role_attributes=' WantAuthnRequestsSigned="true"', attributes=' ID="_metadata1"'),
        metadata([fuzzer_key()]),
        aggregate(metadata(), metadata(entity_id=OTHER_IDP), attributes=' ID="_all" validUntil="2099-01-01T00:00:00Z"'),
        aggregate(aggregate(metadata()), metadata(entity_id=OTHER_IDP)),
        sign(metadata(attributes=' ID="_metadata1"'), "_metadata1", by_fuzzer()),
    )
    for mode in b"mnqsg":
        for document in whole:
            yield bytes([mode]) + document.encode()
    for name, test in vars(tests).items():
        for mark in getattr(test, "pytestmark", ()) if name.startswith("test_") else ():
            for value in mark.args[1] if mark.name == "parametrize" else ():
                for text in getattr(value, "values", value if isinstance(value, tuple) else (value,)):
                    if isinstance(text, str | bytes) and "<" in str(text):
                        yield b"m" + (text.encode() if isinstance(text, str) else text)


WORDS = (
    b"<md:EntityDescriptor",
    b"<md:IDPSSODescriptor",
    b"<md:KeyDescriptor",
    b"<md:SingleSignOnService",
    b"<md:EntitiesDescriptor",
    b' use="encryption"',
    b' validUntil="2000-01-01T00:00:00Z"',
    b' cacheDuration="PT1S"',
    b' Location="javascript:x"',
    b' ResponseLocation=""',
    b"<!--x-->",
    b"<!DOCTYPE",
    b"&#0;",
)

TARGET = Target("saml_metadata", seeds, one, WORDS, xml_mutator(1))
