"""@node-saml/node-saml, the SAML library of JavaScript, verifies what our service provider sends (programs/node_saml.mjs).

The provider that it is sent to is nowhere: its part is played by the stand-in of tests/federation/saml.
"""

import base64
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import etree

from federation.connectors.saml.metadata import as_pem
from tests.federation.saml import standin
from tests.interop.program import Program
from tests.interop.traveller import Sent
from tests.interop.upstream import Member, Upstream, upstream

pytestmark = pytest.mark.xdist_group("node-saml")

REDIRECT, POST = "redirect_Pool1", "post_Pool1"
IDP = "https://idp.example.org/"
ASKED = "_asked-by-the-provider"

Verdict = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """What we sent, as node-saml is given it."""

    binding: str
    field: str
    sent: Sent

    @property
    def text(self) -> bytes:
        octets = base64.b64decode(self.values[self.field])
        return zlib.decompress(octets, -15) if self.binding == "redirect" else octets

    @property
    def values(self) -> dict[str, str]:
        return self.sent.fields or {k: v for k, (v,) in parse_qs(urlsplit(self.sent.url).query).items()}

    @property
    def id(self) -> str:
        return str(etree.fromstring(self.text).get("ID"))

    def given(self, **more: str) -> dict[str, str]:
        query = urlsplit(self.sent.url).query
        return {
            "binding": self.binding,
            "field": self.field,
            **({"query": query} if self.binding == "redirect" else {"value": self.values[self.field]}),
            **more,
        }

    def altered(self) -> "Message":
        """The same with one letter changed, and sent as carefully."""
        text = self.text.replace(b'Version="2.0"', b'Version="2.1"')
        octets = standin.deflated(text) if self.binding == "redirect" else base64.b64encode(text).decode()
        values = {**self.values, self.field: octets}
        if self.binding == "redirect":
            url, _, _ = self.sent.url.partition("?")
            return replace(self, sent=Sent(f"{url}?{httpx.QueryParams(values)}", "GET"))
        return replace(self, sent=Sent(self.sent.url, "POST", values))


def last(member: Member, binding: str, field: str) -> Message:
    """What the browser carried last."""
    sent = member.carried[-1]
    assert sent.url.startswith(IDP), sent
    assert sent.method == ("GET" if binding == "redirect" else "POST")
    message = Message(binding, field, sent)
    assert field in message.values
    return message


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    settings = {"type": "saml", "sign_out": True, "attribute_mapping": {}}
    posting = standin.metadata().replace("<md:SingleLogoutService", "<md:Gone", 1)
    both, post_only = standin.metadata(), posting
    by_redirect = {**settings, "metadata": both, "name_id_format": "persistent"}
    pools = {REDIRECT: by_redirect, POST: {**by_redirect, "metadata": post_only, "request_binding": "post"}}
    with upstream(tmp_path_factory.mktemp("poolgate"), pools) as running:
        yield running
        running.settle()


def messages(server: Upstream, pool: str) -> dict[str, Message]:
    """All that we send while somebody signs in, signs out, signs in again, and is signed out by the provider."""
    binding = "redirect" if pool == REDIRECT else "post"
    acs, logout = f"{server.issuer(pool)}/saml2/idpresponse", f"{server.issuer(pool)}/saml2/logout"
    found: dict[str, Message] = {}
    with Member(server, pool, IDP) as ada:

        def sign_in() -> dict[str, Any]:
            ada.leave()
            found["AuthnRequest"] = request = last(ada, binding, "SAMLRequest")
            now = int(time.time())
            said = standin.Say(
                assertion_id=f"_assertion{len(ada.carried)}",
                destination=acs,
                recipient=acs,
                audiences=(server.entity_id(pool),),
                in_response_to=request.id,
                confirmed_in_response_to=request.id,
                issued=now,
                not_before=now - 5,
                not_on_or_after=now + 300,
                confirmed_until=now + 300,
                authenticated=now,
            )
            answer = base64.b64encode(standin.response(said).encode()).decode()
            fields = {"SAMLResponse": answer, "RelayState": request.values["RelayState"]}
            return ada.tokens(ada.post(acs, fields, come_from=IDP))

        ada.sign_out(sign_in())
        found["LogoutRequest"] = last(ada, binding, "SAMLRequest")
        sign_in()
        now = int(time.time())
        asked = standin.logout_request(ident=ASKED, destination=logout, issued=now, until=now + 300)
        if binding == "redirect":
            ada.visit(f"{logout}?{standin.query_of(asked)}")
        else:
            signed = standin.sign(asked, ASKED, standin.Sign())
            fields = {"SAMLRequest": base64.b64encode(signed.encode()).decode(), "RelayState": "relay"}
            ada.post(logout, fields, come_from=IDP)
        found["LogoutResponse"] = last(ada, binding, "SAMLResponse")
    return found


@pytest.fixture(scope="module", params=[REDIRECT, POST])
def judged(request: pytest.FixtureRequest, server: Upstream) -> tuple[str, dict[str, Verdict]]:
    """The pool, and what node-saml says of each message and of a copy with a letter changed."""
    pool = str(request.param)
    program = Program.here()
    metadata = etree.fromstring(httpx.get(server.entity_id(pool), timeout=60).content)
    certificate = as_pem(metadata.findtext(".//{*}KeyDescriptor[@use='signing']//{*}X509Certificate"))
    sent = messages(server, pool)
    given: dict[str, Any] = {}
    for name, message in sent.items():
        more = {"answers": ASKED} if name == "LogoutResponse" else {}
        given[name] = message.given(**more)
        given[f"altered {name}"] = message.altered().given(**more)
    settings = {"certificate": certificate, "entityId": server.entity_id(pool), "messages": given}
    return pool, program.run("node_saml", settings)


def test_our_request_to_sign_somebody_in_is_signed(judged: tuple[str, dict[str, Verdict]], server: Upstream):
    pool, verdicts = judged
    request = verdicts["AuthnRequest"]["accepted"]
    assert request is not None, verdicts
    assert request["issuer"] == server.entity_id(pool)
    assert request["AssertionConsumerServiceURL"] == f"{server.issuer(pool)}/saml2/idpresponse"
    assert request["Destination"] == standin.SSO


def test_our_request_to_sign_somebody_out_names_the_person_and_the_session(judged: tuple[str, dict[str, Verdict]]):
    _, verdicts = judged
    request = verdicts["LogoutRequest"]["accepted"]
    assert request is not None, verdicts
    assert request["loggedOut"] is True
    profile = request["profile"]
    assert (profile["nameID"], profile["nameIDFormat"], profile["sessionIndex"]) == (
        "ada",
        standin.PERSISTENT,
        "_session1",
    )


def test_our_answer_to_a_sign_out_there_is_one_to_its_request(judged: tuple[str, dict[str, Verdict]]):
    _, verdicts = judged
    answer = verdicts["LogoutResponse"]["accepted"]
    assert answer is not None, verdicts
    assert (answer["loggedOut"], answer["InResponseTo"]) == (True, ASKED)


def test_the_verifier_checks_what_it_should(judged: tuple[str, dict[str, Verdict]]):
    """It would have accepted anything: this proves that its checks were on."""
    _, verdicts = judged
    for name in ("AuthnRequest", "LogoutRequest", "LogoutResponse"):
        assert "signature" in verdicts[f"altered {name}"]["refused"], verdicts
