"""People of our pool come to applications behind mod_auth_mellon, the SAML service provider of Apache, over lasso and xmlsec."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import etree

from tests import tools
from tests.interop import foreign
from tests.interop.downstream import Downstream, Member, downstream
from tests.interop.mellon import Application, Mellon, mellon, metadata

pytestmark = pytest.mark.xdist_group("mellon")

# It looks for the session that a sign-out means by the name alone, and answers 500 (lasso: "Unknown principal on logout")
# if the one it finds is of another browser. So it is with transient names, its default, that people sign out here.
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
MFA = "https://refeds.org/profile/mfa"

WIKI, FORUM, DESK, VAULT = "wiki", "forum", "desk", "vault"
APPLICATIONS = {
    WIKI: Application(),  # by redirect, and encrypted
    FORUM: Application(TRANSIENT, posts=True, more=f"MellonAuthnContextClassRef {PASSWORD}"),
    DESK: Application(PERSISTENT),
    VAULT: Application(PERSISTENT, more=f"MellonAuthnContextClassRef {MFA}"),
}
_TABLES = """
[[service_providers]]
client_id = "forum"
metadata_file = "forum.xml"
idp_initiated = true
relay_states = ["{forum}", "{forum}?from=portal"]
attributes = {{ mail = "email", "urn:oid:2.5.4.4" = "family_name", memberOf = "groups" }}

[[service_providers]]
client_id = "desk"
metadata_file = "desk.xml"

[[service_providers]]
client_id = "vault"
metadata_file = "vault.xml"
"""

Join = Callable[..., Member]


@dataclass(frozen=True)
class World:
    """Ours, and the Apache of the applications."""

    server: Downstream
    sp: Mellon

    def faults(self) -> list[str]:
        """What mellon complains of."""
        return [line for line in self.sp.process.output.splitlines() if "[auth_mellon:" in line]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tools.mellon()
    (port,) = foreign.free_ports()
    folder = tmp_path_factory.mktemp("poolgate")
    for name, application in APPLICATIONS.items():
        if name != WIKI:
            (folder / f"{name}.xml").write_text(metadata(port, name, application))
    with ExitStack() as running:
        tables = _TABLES.format(forum=f"http://127.0.0.1:{port}/forum/")
        server = running.enter_context(downstream(folder, tables))
        sp = running.enter_context(mellon(port, APPLICATIONS, server.metadata()))
        (folder / "wiki.xml").write_bytes(sp.metadata(WIKI))
        server.run("client", "create", WIKI, "--saml-metadata", str(folder / "wiki.xml"))
        yield World(server, sp)
        server.settle()


@pytest.fixture
def join(world: World) -> Iterator[Join]:
    """Makes somebody with a new browser, on the way until an address begins with one of those given."""
    with ExitStack() as leaving:
        yield lambda *ends: leaving.enter_context(Member(world.server, *ends))


def response(member: Member) -> Any:
    """What the browser carried last to an application."""
    sent = next(sent for sent in reversed(member.carried) if "SAMLResponse" in sent.fields)
    return etree.fromstring(base64.b64decode(sent.fields["SAMLResponse"]))


def arrive(member: Member, world: World, name: str, who: str = "ada") -> dict[str, str]:
    """At an application by name and password, and what it knows of them."""
    return dict(world.sp.who(member.prove(member.visit(world.sp.url(name)), who), name))


def test_the_application_asks_by_redirect_and_learns_who_it_is_from_an_encrypted_assertion(join: Join, world: World):
    alan = join()
    known = arrive(alan, world, WIKI, "alan")
    assert (known["username"], known["name"]) == ("alan", "Alan Türing")
    assert known["family_name"] == "Türing &amp; &lt;Söhne&gt;", "mellon hands on the XML"
    assert "email" not in known, "nobody has proven it"
    request, _ = alan.carried
    assert (request.method, "Signature" in parse_qs(urlsplit(request.url).query)) == ("GET", True)
    assert response(alan).find("{*}EncryptedAssertion") is not None
    assert response(alan).find("{*}Assertion") is None


def test_the_application_asks_by_a_form_and_has_the_attributes_that_are_set_up_for_it(join: Join, world: World):
    ada = join()
    known = arrive(ada, world, FORUM)
    assert {name: value for name, value in known.items() if name not in {"NAME_ID", "ASSERTION_ID"}} == {
        "mail": "ada@acme.example",
        "urn:oid:2.5.4.4": "Lovelace",
        "memberOf": "rowers;staff",
    }
    request, _ = ada.carried
    assert (request.method, response(ada).find("{*}Assertion") is not None) == ("POST", True)


def test_whoever_is_signed_in_is_not_asked_again_whichever_way_the_request_comes(join: Join, world: World):
    ada = join()
    arrive(ada, world, WIKI)
    assert world.sp.who(ada.visit(world.sp.url(FORUM)), FORUM)["mail"] == "ada@acme.example"


def test_a_persistent_name_stays_and_a_transient_one_does_not(join: Join, world: World):
    names: dict[str, list[str]] = {DESK: [], WIKI: []}
    for _ in range(2):
        ada = join()
        names[DESK].append(arrive(ada, world, DESK)["NAME_ID"])
        names[WIKI].append(world.sp.who(ada.visit(world.sp.url(WIKI)), WIKI)["NAME_ID"])
    assert len(set(names[DESK])) == 1
    assert len({*names[WIKI], *names[DESK]}) == 3


def test_a_request_without_its_signature_is_refused(join: Join, world: World):
    ada = join()
    ada.visit(world.sp.url(WIKI))
    unsigned, _, signature = ada.carried[-1].url.partition("&SigAlg=")
    page = ada.visit(unsigned)
    assert signature
    assert (page.status, page.error) == (400, "invalid_request")


def test_an_altered_answer_is_refused_there(join: Join, world: World):
    """It would have accepted anything: this proves that its checks were on."""
    acs = f"{world.sp.base_url}/forum/mellon/postResponse"
    ada = join(acs)
    ada.prove(ada.visit(world.sp.url(FORUM)), "ada")
    fields = ada.carried[-1].fields
    altered = base64.b64decode(fields["SAMLResponse"]).replace(b"Lovelace", b"Byron")
    answer = httpx.post(acs, data={**fields, "SAMLResponse": base64.b64encode(altered).decode()}, trust_env=False)
    assert answer.status_code == 400
    assert "Failed to verify signature" in world.faults()[-1]


def at_two(join: Join, world: World) -> Member:
    """Ada, at two applications."""
    ada = join()
    arrive(ada, world, WIKI)
    world.sp.who(ada.visit(world.sp.url(FORUM)), FORUM)
    return ada


def is_out(ada: Member, world: World) -> bool:
    """Whether both ask who she is."""
    return all(ada.is_asked(ada.visit(world.sp.url(name))) for name in (WIKI, FORUM))


def test_a_sign_out_that_begins_there_ends_every_session(join: Join, world: World):
    ada = at_two(join, world)
    complaints = world.faults()
    assert ada.visit(world.sp.logout_url(WIKI)).url == world.sp.goodbye
    assert world.faults() == complaints
    assert is_out(ada, world)


def test_a_sign_out_that_begins_here_ends_the_sessions_there_and_of_this_browser_alone(join: Join, world: World):
    ada, elsewhere = at_two(join, world), join()
    arrive(elsewhere, world, WIKI)
    complaints = world.faults()
    page = ada.sign_out()
    assert (page.status, page.url) == (200, f"{world.server.issuer}/logout")
    assert world.faults() == complaints
    assert world.server.events("application.not_signed_out") == []
    assert is_out(ada, world)
    assert "email" in world.sp.who(elsewhere.visit(world.sp.url(WIKI)), WIKI)


def test_a_sign_on_begins_here(join: Join, world: World):
    ada = join()
    page = ada.prove(ada.visit(world.server.start_url(FORUM)), "ada")
    assert world.sp.who(page, FORUM)["mail"] == "ada@acme.example"
    page = ada.visit(world.server.start_url(FORUM, RelayState=f"{world.sp.url(FORUM)}?from=portal"))
    assert (page.status, page.url) == (200, f"{world.sp.url(FORUM)}?from=portal")
    assert ada.visit(world.server.start_url(WIKI)).error == "invalid_request", "it is not set up for that"


def test_a_passive_request_shows_no_page(join: Join, world: World):
    ada = join()
    page = ada.visit(world.sp.passive_url(WIKI))
    assert (page.status, page.url) == (401, f"{world.sp.base_url}/wiki/mellon/postResponse")
    assert "status:NoPassive" in world.faults()[-1]
    arrive(ada, world, FORUM)
    assert "email" in world.sp.who(ada.visit(world.sp.passive_url(WIKI)), WIKI)


def test_a_sign_in_that_is_not_strong_enough_is_refused_there(join: Join, world: World):
    ada = join()
    page = ada.prove(ada.visit(world.sp.url(VAULT)), "ada")
    assert (page.status, page.url) == (401, f"{world.sp.base_url}/vault/mellon/postResponse")
    assert "status:NoAuthnContext" in world.faults()[-1]
    (refused,) = [e for e in world.server.events("assertion.refused") if e["client_id"] == VAULT]
    assert refused["status"] == "NoAuthnContext"
