"""Against another implementation's judgement: pysaml2's own identity provider, and its own client, on our crypto backend.

pysaml2 goes by the clock of the machine, so these tests do too.
"""

import base64
import gc
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, saml, samlp
from saml2.config import IdPConfig, SPConfig
from saml2.sigver import RSACrypto, SignatureError

from federation.connectors.saml.keys import own_keys
from federation.connectors.saml.provider import SamlProvider
from federation.model import Asked, FormPost, Handoff, Redirect
from tests.federation.saml.desk import connector, pairs
from tests.federation.saml.host import MemoryHost
from tests.federation.saml.pysaml2_backend import InProcess
from tests.federation.saml.standin import ACS, IDP, SLO, SP, SSO, Encrypt, Key, encrypted, key, posted

with warnings.catch_warnings():  # of a cipher mode that cryptography has moved; the server itself loads none of this
    warnings.simplefilter("ignore")
    from saml2.client import Saml2Client
    from saml2.server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore")]


def files(folder: Path, name: str, of: Key) -> dict[str, str]:
    """pysaml2 reads keys from files."""
    (folder / f"{name}.key").write_text(of.pair.private_key)
    (folder / f"{name}.crt").write_text(of.pem)
    return {"key_file": str(folder / f"{name}.key"), "cert_file": str(folder / f"{name}.crt")}


def in_process(entity: Any, of: Key) -> None:
    """What has a program do it, does it here (ecosystem reference 3.3)."""
    entity.sec.crypto = InProcess(own_keys([of.pair]))
    entity.sec.sec_backend = RSACrypto(of.private)


@pytest.fixture(autouse=True)
def nothing_is_collected_meanwhile() -> Iterator[None]:
    """pysaml2 hands temporary files on by their names, and the objects that keep them may be collected before they are read;
    what it leaves open is collected here, where nobody takes offence.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saml")


@pytest.fixture
async def server(folder: Path) -> Server:
    """pysaml2's provider, which has read our metadata."""
    endpoints = {
        "single_sign_on_service": [(SSO, BINDING_HTTP_REDIRECT), (SSO, BINDING_HTTP_POST)],
        "single_logout_service": [(SLO, BINDING_HTTP_REDIRECT), (SLO, BINDING_HTTP_POST)],
    }
    ours = (await connector(sign_out=True).metadata()).decode()
    config = IdPConfig().load(
        {
            "entityid": IDP,
            "crypto_backend": "XMLSecurity",
            "metadata": {"inline": [ours]},
            "service": {"idp": {"endpoints": endpoints, "want_authn_requests_signed": True}},
            "allow_unknown_attributes": True,
            **files(folder, "idp", key()),
        }
    )
    made = Server(config=config)
    in_process(made, key())
    return made


@pytest.fixture
def at_idp(server: Server) -> SamlProvider:
    """Our provider, which has read pysaml2's metadata."""
    from saml2.metadata import entity_descriptor

    return connector(metadata=str(entity_descriptor(server.config)), sign_out=True)


async def asked(at: SamlProvider, now: int) -> tuple[Handoff, Redirect | FormPost]:
    begun = await at.begin(Asked("state", ACS, now))
    return Handoff("state", "main", "corp", ACS, now, memo=begun.memo), begun.outgoing


def heard(server: Server, outgoing: Redirect | FormPost) -> Any:
    """The request as pysaml2 understands it, its signature verified."""
    if isinstance(outgoing, Redirect):
        sent = {k: v[0] for k, v in parse_qs(urlsplit(outgoing.url).query).items()}
        parsed = server.parse_authn_request(
            sent["SAMLRequest"],
            BINDING_HTTP_REDIRECT,
            relay_state=sent["RelayState"],
            sigalg=sent["SigAlg"],
            signature=sent["Signature"],
        )
    else:
        parsed = server.parse_authn_request(dict(outgoing.fields)["SAMLRequest"], BINDING_HTTP_POST)
    return parsed.message


def answered(server: Server, request: Any, **how: Any) -> str:
    made = server.create_authn_response(
        {"mail": ["ada@example.com"], "givenName": ["Ada"], "eduPersonAffiliation": ["staff", "member"]},
        in_response_to=request.id,
        destination=request.assertion_consumer_service_url,
        sp_entity_id=request.issuer.text,
        name_id=saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text="ada"),
        authn={"class_ref": saml.AUTHN_PASSWORD_PROTECTED},
        **how,
    )
    return str(made)


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize("signed", [(True, False), (True, True)])
async def test_pysaml2s_provider_signs_somebody_in(server: Server, binding: str, signed: tuple[bool, bool]) -> None:
    from saml2.metadata import entity_descriptor

    now = int(time.time())
    at = connector(metadata=str(entity_descriptor(server.config)), request_binding=binding)
    handoff, outgoing = await asked(at, now)
    request = heard(server, outgoing)
    assert (request.issuer.text, request.assertion_consumer_service_url) == (SP, ACS)
    message = answered(server, request, sign_assertion=signed[0], sign_response=signed[1])
    identity = await at.finish(handoff, posted(message, now=now + 1))
    assert (identity.subject, identity.issuer) == ("ada", IDP)
    assert identity.claims["email"] == "ada@example.com"
    assert identity.claims["eduPersonAffiliation"] == ["staff", "member"]
    assert identity.acr == saml.AUTHN_PASSWORD_PROTECTED


async def test_what_pysaml2_does_not_sign_is_refused(server: Server, at_idp: SamlProvider) -> None:
    from federation.errors import BadAnswer

    now = int(time.time())
    handoff, outgoing = await asked(at_idp, now)
    message = answered(server, heard(server, outgoing), sign_assertion=False, sign_response=False)
    with pytest.raises(BadAnswer, match="not signed"):
        await at_idp.finish(handoff, posted(message, now=now))


async def test_a_request_that_was_changed_on_the_way_is_refused_by_pysaml2(server: Server) -> None:
    from saml2.metadata import entity_descriptor

    at = connector(metadata=str(entity_descriptor(server.config)), request_binding="post")
    _, outgoing = await asked(at, int(time.time()))
    assert isinstance(outgoing, FormPost)
    text = base64.b64decode(dict(outgoing.fields)["SAMLRequest"]).decode()
    changed = FormPost(
        SSO, (("SAMLRequest", base64.b64encode(text.replace("AllowCreate", "Allowcreate").encode()).decode()),)
    )
    with pytest.raises(Exception, match=r".*"):
        heard(server, changed)
    assert heard(server, outgoing).id


async def test_pysaml2_ends_a_session_that_we_ask_it_to_end(server: Server, at_idp: SamlProvider) -> None:
    from federation.model import UpstreamSession
    from tests.federation.saml.standin import LOGOUT

    now = int(time.time())
    session = UpstreamSession("ada", "_s", {"value": "ada", "format": saml.NAMEID_FORMAT_PERSISTENT})
    begun = await at_idp.sign_out(session, LOGOUT, "state", now)
    assert begun is not None
    assert isinstance(begun.outgoing, Redirect)
    sent = {k: v[0] for k, v in parse_qs(urlsplit(begun.outgoing.url).query).items()}
    request = server.parse_logout_request(
        sent["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=sent["RelayState"],
        sigalg=sent["SigAlg"],
        signature=sent["Signature"],
    ).message
    assert (request.name_id.text, request.session_index[0].text) == ("ada", "_s")
    answer = str(server.create_logout_response(request, [BINDING_HTTP_POST], sign=True))
    handoff = Handoff("state", "main", "corp", LOGOUT, now, memo=begun.memo)
    await at_idp.sign_out_finished(handoff, posted(answer, now=now + 1))


async def test_pysaml2s_client_reads_what_we_read(server: Server, folder: Path) -> None:
    """One response, two readers: its own client on our backend, and our own judgement."""
    from saml2.metadata import entity_descriptor

    described = str(entity_descriptor(server.config))
    config = SPConfig().load(
        {
            "entityid": SP,
            "crypto_backend": "XMLSecurity",
            "metadata": {"inline": [described]},
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
                    "want_assertions_signed": True,
                    "want_response_signed": False,
                }
            },
            "allow_unknown_attributes": True,
            "encryption_keypairs": [files(folder, "sp", key("sp"))],
            **files(folder, "sp", key("sp")),
        }
    )
    client = Saml2Client(config=config)
    in_process(client, key("sp"))
    client.metadata.security = client.sec
    now = int(time.time())
    at = connector(MemoryHost(pairs()), metadata=described)
    handoff, outgoing = await asked(at, now)
    message = answered(server, heard(server, outgoing), sign_assertion=True, sign_response=False)
    for text in (message, sealed(message)):
        theirs = client.parse_authn_request_response(
            base64.b64encode(text.encode()).decode(), BINDING_HTTP_POST, {handoff.memo["request_id"]: "/"}
        )
        ours = await connector(MemoryHost(pairs()), metadata=described).finish(handoff, posted(text, now=now + 1))
        assert theirs.name_id.text == ours.subject == "ada"
        assert theirs.ava["givenName"] == [ours.claims["given_name"]]
    forged = message.replace(">ada<", ">eve<")
    with pytest.raises(SignatureError):
        client.parse_authn_request_response(
            base64.b64encode(forged.encode()).decode(), BINDING_HTTP_POST, {handoff.memo["request_id"]: "/"}
        )
    del client
    gc.collect()  # it leaves temporary files open, which only counts against it once pytest looks


def sealed(message: str) -> str:
    """The response with its assertion encrypted for us."""
    from lxml import etree

    root = etree.fromstring(message.encode())
    found = root.find("{*}Assertion")
    hidden = etree.fromstring(encrypted(etree.tostring(found).decode(), Encrypt()).encode())
    root.replace(found, hidden)
    return str(etree.tostring(root).decode())


def test_the_backend_refuses_as_pysaml2_expects_it() -> None:
    from saml2.sigver import DecryptError

    backend = InProcess()
    with pytest.raises(SignatureError):
        backend.sign_statement(samlp.AuthnRequest(id="_a"), "x", None, "_a")
    with pytest.raises(SignatureError):
        backend.validate_signature("<a/>", "", "pem", f"{samlp.NAMESPACE}:Response", "_a")
    with pytest.raises(DecryptError):
        backend.decrypt("<a", None)
