"""People of saml-idp, a SAML provider in JavaScript over Auth0's samlp, come to our app.

It asks for a fork of samlp that no registry has; package.json gives it samlp itself.
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from federation.connectors.saml.metadata import as_pem
from tests import tools
from tests.federation.saml.standin import key
from tests.interop import foreign
from tests.interop.traveller import Page
from tests.interop.upstream import APP, Member, Upstream, upstream

pytestmark = pytest.mark.xdist_group("saml-idp")

CORP, VAULT = "corp_Pool1", "vault_Pool1"
GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"

Join = Callable[[str], Member]


@dataclass(frozen=True)
class World:
    """Ours, and the provider of each pool: one of theirs knows one service."""

    server: Upstream
    providers: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    modules, node = tools.node_modules(), tools.node()
    folder = tmp_path_factory.mktemp("saml-idp")
    pair = key("saml-idp").pair
    (folder / "idp.pem").write_text(pair.private_key)
    (folder / "idp.crt").write_text(pair.certificate)
    providers = {
        pool: f"http://127.0.0.1:{port}" for pool, port in zip((CORP, VAULT), foreign.free_ports(2), strict=True)
    }
    common: dict[str, Any] = {"type": "saml", "groups": {"source": "groups", "names": {"engineers": "staff"}}}
    pools = {
        CORP: {**common, "metadata_url": f"{providers[CORP]}/metadata", "sign_out": True},
        VAULT: {
            **common,
            "metadata_url": f"{providers[VAULT]}/metadata",
            "request_binding": "post",
            "encrypted": True,
            "idp_initiated": True,
        },
    }
    with ExitStack() as running:
        server = running.enter_context(upstream(tmp_path_factory.mktemp("poolgate"), pools))
        for pool, url in providers.items():
            issuer = server.issuer(pool)
            command = [
                *(node, modules / "saml-idp" / "bin" / "run.js", "--host", "127.0.0.1"),
                *("--port", url.rpartition(":")[2], "--cert", folder / "idp.crt", "--key", folder / "idp.pem"),
                *("--issuer", f"urn:saml-idp:{pool}", "--audience", server.entity_id(pool)),
                *("--acsUrl", f"{issuer}/saml2/idpresponse", "--sloUrl", f"{issuer}/saml2/logout"),
                *(encryption(server, pool, folder) if pool == VAULT else ()),
            ]
            running.enter_context(foreign.running(folder, command, f"{url}/metadata"))
        # It would encrypt with AES-CBC, which its own library refuses by now.
        httpx.post(f"{providers[VAULT]}/settings", data={"encryptionAlgorithm": GCM})
        yield World(server, providers)
        server.settle()


def encryption(server: Upstream, pool: str, folder: Path) -> tuple[str | Path, ...]:
    """Its settings for assertions that only we can read."""
    metadata = etree.fromstring(httpx.get(server.entity_id(pool), timeout=60).content)
    pem = as_pem(metadata.findtext(".//{*}KeyDescriptor[@use='encryption']//{*}X509Certificate"))
    public = x509.load_pem_x509_certificate(pem.encode()).public_key()
    (folder / "ours.crt").write_text(pem)
    (folder / "ours.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return ("--encryptAssertion", "--encryptionCert", folder / "ours.crt", "--encryptionPublicKey", folder / "ours.pub")


@pytest.fixture
def join(world: World) -> Iterator[Join]:
    """Makes somebody with a new browser, for the app of a pool."""
    with ExitStack() as leaving:
        yield lambda pool: leaving.enter_context(Member(world.server, pool))


def prove(member: Member, page: Page, name: str = "grace") -> Page:
    """Through the provider's form, where people are whoever they say."""
    assert page.status == 200
    return member.submit(
        page,
        "btn-sign-in",
        userName=f"{name}@corp.example",
        email=f"{name}@corp.example",
        firstName=name.title(),
        lastName="Hopper",
        groups="navy,engineers",
    )


@pytest.mark.parametrize("pool", [CORP, VAULT])
def test_somebody_new_comes_and_comes_again(join: Join, pool: str):
    grace = join(pool)
    first = grace.who(prove(grace, grace.leave()))
    assert (first["email"], first["email_verified"]) == ("grace@corp.example", False)
    assert (first["given_name"], first["family_name"], first["groups"]) == ("Grace", "Hopper", ["staff"])
    elsewhere = join(pool)
    assert elsewhere.who(prove(elsewhere, elsewhere.leave()))["sub"] == first["sub"]
    request, answer = elsewhere.carried[:2]
    assert request.method == ("POST" if pool == VAULT else "GET")
    document = etree.fromstring(base64.b64decode(answer.fields["SAMLResponse"]))
    assert (document.find("{*}EncryptedAssertion") is not None) == (pool == VAULT)


def test_signing_out_of_the_app_ends_the_session_there(join: Join, world: World):
    grace = join(CORP)
    tokens = grace.tokens(prove(grace, grace.leave()))
    assert grace.sign_out(tokens).url == f"{APP}/goodbye"
    assert not grace.is_known(tokens)
    assert "SAMLResponse" in grace.carried[-2].fields
    assert world.server.events("provider.failed") == []


def test_signing_out_there_ends_the_session_and_the_tokens_here(join: Join, world: World):
    grace = join(CORP)
    # It keeps what it waits for in a session whose cookie says nothing of SameSite: with Chromium, it knows nothing of our
    # answer, and ends in an error, though the session is over at both ends.
    grace.sends_silent_cookies = True
    tokens = grace.tokens(prove(grace, grace.leave()))
    page = grace.visit(f"{world.providers[CORP]}/signout")
    assert (page.status, page.text) == (200, "OK")
    assert grace.carried[-1].fields.keys() >= {"SAMLResponse", "RelayState"}
    assert not grace.is_known(tokens)


def test_a_sign_in_that_begins_there_is_refused_by_default(join: Join, world: World):
    member = join(CORP)
    assert prove(member, member.visit(world.providers[CORP])).status == 410


def test_a_sign_in_that_begins_there_goes_on_once_the_person_agrees(join: Join, world: World):
    member = join(VAULT)
    page = prove(member, member.visit(world.providers[VAULT]), "alan")
    assert page.status == 200
    page = member.submit(page, "continue")
    assert page.url.startswith(f"{world.server.issuer(VAULT)}/account")
    assert member.who(member.leave())["email"] == "alan@corp.example"
