"""People of our pool come to applications behind @node-saml/node-saml, the SAML library of JavaScript
(programs/node_saml_service.mjs), which wants response and assertion signed.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests import tools
from tests.dev_server import PASSWORD
from tests.federation.saml.standin import key
from tests.interop import foreign
from tests.interop.downstream import Downstream, Member, downstream
from tests.interop.program import PROGRAMS
from tests.interop.traveller import Page

pytestmark = pytest.mark.xdist_group("node-saml-service")

# By redirect, people named by their addresses; by POST and encrypted, with persistent names.
SHOP, VAULT = "shop", "vault"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
CLASS = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
MFA = "https://refeds.org/profile/mfa"

_TABLES = """
[[service_providers]]
client_id = "shop"
metadata_file = "shop.xml"
logout_url = "{base_url}/shop/slo"
idp_initiated = true
relay_states = ["portal"]

[[service_providers]]
client_id = "vault"
metadata_file = "vault.xml"
attributes = {{ "urn:oid:2.5.4.4" = "family_name", id = "sub", memberOf = "groups" }}
"""

Said = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Ours, and the process of the applications."""

    server: Downstream
    base_url: str

    def url(self, name: str, what: str = "", **query: str) -> str:
        return f"{self.base_url}/{name}/{what}{'?' if query else ''}{urlencode(query)}"


Join = Callable[..., Member]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tools.node_modules()
    with ExitStack() as running:
        server = running.enter_context(downstream(tmp_path_factory.mktemp("poolgate")))
        (port,) = foreign.free_ports()
        world = World(server, f"http://127.0.0.1:{port}")
        applications: dict[str, dict[str, Any]] = {
            SHOP: {},
            VAULT: {"identifierFormat": PERSISTENT, "encrypted": True},
        }
        keys = {name: key(f"node-saml {name}").pair for name in applications}
        settings = {
            "port": port,
            "idp": server.entity_id,
            "applications": {
                name: {**options, "privateKey": keys[name].private_key, "certificate": keys[name].certificate}
                for name, options in applications.items()
            },
        }
        command: list[str | Path] = [tools.node(), PROGRAMS / "node_saml_service.mjs", json.dumps(settings)]
        running.enter_context(foreign.running(tmp_path_factory.mktemp("node-saml"), command, world.base_url))
        for name in applications:
            (server.at.folder / f"{name}.xml").write_bytes(
                httpx.get(world.url(name, "metadata"), trust_env=False).content
            )
        server.set_up(_TABLES.format(base_url=world.base_url))
        yield world
        server.settle()


@pytest.fixture
def join(world: World) -> Iterator[Join]:
    """Makes somebody with a new browser, on the way until an address begins with one of those given."""
    with ExitStack() as leaving:
        yield lambda *ends: leaving.enter_context(Member(world.server, *ends))


def said(page: Page) -> Said:
    """What an application says."""
    found: Said = json.loads(page.text)
    return {"status": page.status, **found}


def arrive(member: Member, world: World, name: str, who: str = "ada", **query: str) -> Said:
    """At an application by name and password, and what it knows of them."""
    known = said(member.prove(member.visit(world.url(name, "login", **query)), who))
    assert known.get("nobody") is False, known
    return known


def test_the_application_asks_by_redirect_and_learns_who_it_is(join: Join, world: World):
    ada = join()
    known = arrive(ada, world, SHOP)
    assert (known["nameID"], known["nameIDFormat"], known["issuer"]) == (
        "ada@acme.example",
        EMAIL,
        world.server.entity_id,
    )
    assert known["attributes"] == {
        "email": "ada@acme.example",
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "username": "ada",
        "groups": ["rowers", "staff"],
    }
    assert (known["relayState"], ada.carried[0].method) == ("agrees", "GET")


def test_the_application_asks_by_a_form_and_opens_what_is_encrypted_for_it(join: Join, world: World):
    names = []
    for _ in range(2):
        alan = join()
        known = arrive(alan, world, VAULT, "alan", binding="HTTP-POST")
        assert (known["nameIDFormat"], known["attributes"]["memberOf"]) == (PERSISTENT, "staff")
        assert known["attributes"]["urn:oid:2.5.4.4"] == "Türing & <Söhne>"
        assert [sent.method for sent in alan.carried] == ["POST", "POST"]
        assert b"EncryptedAssertion" in base64.b64decode(alan.carried[-1].fields["SAMLResponse"])
        names.append(known["nameID"])
    assert names[0] == names[1] != known["attributes"]["id"]


def test_an_altered_answer_is_refused_and_so_is_one_that_was_taken_before(join: Join, world: World):
    """It would have accepted anything: this proves that its checks were on."""
    acs = world.url(SHOP, "acs")
    ada = join(acs)
    ada.prove(ada.visit(world.url(SHOP, "login")), "ada")
    answer = ada.carried[-1]
    text = base64.b64decode(answer.fields["SAMLResponse"]).replace(b"Lovelace", b"Byron")
    altered = {**answer.fields, "SAMLResponse": base64.b64encode(text).decode()}
    got = [httpx.post(acs, data=fields, trust_env=False) for fields in (altered, answer.fields)]
    assert [reply.status_code for reply in got] == [400, 400]
    assert "signature" in got[0].json()["refused"]
    assert got[1].json() == {"refused": "InResponseTo is not valid"}, "it forgets its request whatever comes of it"


def test_who_they_are_must_be_proven_again_where_that_is_asked(join: Join, world: World):
    ada = join()
    first = arrive(ada, world, SHOP)
    assert said(ada.visit(world.url(VAULT, "login")))["authenticated"] == first["authenticated"]
    page = ada.visit(world.url(SHOP, "login", force="yes"))
    assert ada.is_asked(page)
    again = said(ada.submit(page, "continue", password=PASSWORD))
    assert (again["nameID"], again["nobody"]) == (first["nameID"], False)


def test_a_passive_request_shows_no_page(join: Join, world: World):
    ada = join()
    page = ada.visit(world.url(SHOP, "login", passive="yes"))
    assert (page.url, said(page)) == (world.url(SHOP, "acs"), {"status": 200, "nobody": True})
    arrive(ada, world, VAULT)
    assert said(ada.visit(world.url(SHOP, "login", passive="yes")))["nameID"] == "ada@acme.example"


@pytest.mark.parametrize("context", [f"{CLASS}PasswordProtectedTransport", f"{CLASS}Password"])
def test_the_strength_that_is_asked_for_is_what_the_answer_says(join: Join, world: World, context: str):
    assert arrive(join(), world, SHOP, context=context)["context"] == context


def test_a_sign_in_that_is_not_strong_enough_is_refused_there(join: Join, world: World):
    ada = join()
    page = ada.prove(ada.visit(world.url(SHOP, "login", context=MFA)), "ada")
    assert said(page) == {"status": 400, "refused": "SAML provider returned Responder error: NoAuthnContext"}


def test_nobody_is_named_by_an_address_that_is_not_proven(join: Join, world: World):
    alan = join()
    page = alan.prove(alan.visit(world.url(SHOP, "login")), "alan")
    assert said(page) == {"status": 400, "refused": "SAML provider returned Requester error: InvalidNameIDPolicy"}


def test_a_sign_on_begins_here(join: Join, world: World):
    ada = join()
    known = said(ada.prove(ada.visit(world.server.start_url(SHOP)), "ada"))
    assert (known["nameID"], known["relayState"]) == ("ada@acme.example", "portal")
    assert "inResponseTo" not in known
    assert ada.visit(world.server.start_url(VAULT)).error == "invalid_request", "it is not set up for that"


def is_out(ada: Member, world: World) -> bool:
    """Nobody at either application, and nobody here."""
    assert all(said(ada.visit(world.url(name)))["nobody"] for name in (SHOP, VAULT))
    return ada.is_asked(ada.visit(world.url(VAULT, "login")))


@pytest.mark.parametrize(("first", "then"), [(SHOP, VAULT), (VAULT, SHOP)])
def test_a_sign_out_that_begins_there_ends_every_session(join: Join, world: World, first: str, then: str):
    ada = join()
    arrive(ada, world, first)
    assert said(ada.visit(world.url(then, "login")))["nobody"] is False
    begun = len(ada.carried)
    page = ada.visit(world.url(first, "logout"))
    assert said(page) == {"status": 200, "loggedOut": True, "statuses": ["Success"], "relayState": "bye"}
    # To the one whose metadata have an address for that: the vault by POST, the shop by redirect.
    told, answered = ("POST", "GET") if then == VAULT else ("GET", "POST")
    assert [sent.method for sent in ada.carried[begun:]] == ["GET", told, "GET", answered]
    assert is_out(ada, world)


def test_a_sign_out_that_begins_here_ends_the_sessions_there_and_of_this_browser_alone(join: Join, world: World):
    both = ada, elsewhere = join(), join()
    for member in both:
        arrive(member, world, SHOP)
        member.visit(world.url(VAULT, "login"))
    page = ada.sign_out()
    assert (page.status, page.url) == (200, f"{world.server.issuer}/logout")
    assert is_out(ada, world)
    assert not any(said(elsewhere.visit(world.url(name)))["nobody"] for name in (SHOP, VAULT))


def test_an_application_that_does_not_sign_out_is_told_of_and_remembered(join: Join, world: World):
    ada = join()
    arrive(ada, world, VAULT, agrees="no")
    ada.visit(world.url(SHOP, "login"))
    page = ada.visit(world.url(SHOP, "logout"))
    assert said(page)["statuses"] == ["Success", "PartialLogout"]
    (event,) = world.server.events("application.not_signed_out")
    assert (event["client_id"], event["error"]) == (VAULT, "provider_refused")
