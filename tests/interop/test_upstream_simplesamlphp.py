"""People of SimpleSAMLphp, a SAML provider in PHP, come to our app: every message is judged by its makers' code and ours."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from lxml import etree

from tests.interop.simplesamlphp import REFUSED, SimpleSamlPhp, password, simplesamlphp
from tests.interop.traveller import Page
from tests.interop.upstream import APP, PROVIDER, Member, Upstream, upstream

pytestmark = pytest.mark.xdist_group("simplesamlphp")

CORP, VAULT, ROLL = "corp_Pool1", "vault_Pool1", "roll_Pool1"

Join = Callable[[str], Member]


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    with simplesamlphp(tmp_path_factory.mktemp("simplesamlphp")) as provider:
        yield provider


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, corp: SimpleSamlPhp) -> Iterator[Upstream]:
    """Ours, whose pools know the provider and are known to it."""
    common: dict[str, Any] = {"type": "saml", "metadata_url": corp.metadata_url}
    persistent = {**common, "name_id_format": "persistent"}
    pools = {
        CORP: {
            **persistent,
            "sign_out": True,
            "groups": {"source": "groups", "names": {"engineers": "staff"}},
        },
        # It encrypts with AES-128-CBC whatever our metadata asks for, and signs the response around it.
        VAULT: {
            **common,
            "request_binding": "post",
            "encrypted": True,
            "allow_cbc": True,
            "name_id_format": "transient",
            "subject_attribute": "uid",
            "idp_initiated": True,
        },
        # It publishes that it wants signed requests, which counts for more.
        ROLL: {**persistent, "sign_requests": False},
    }
    with upstream(tmp_path_factory.mktemp("poolgate"), pools) as running:
        for pool in pools:
            document = httpx.get(running.entity_id(pool), timeout=60).content
            corp.introduce(pool, document, **({"assertion.encryption": True} if pool == VAULT else {}))
        yield running
        running.settle()


@pytest.fixture
def join(server: Upstream) -> Iterator[Join]:
    """Makes somebody with a new browser, for the app of a pool."""
    with ExitStack() as leaving:
        yield lambda pool: leaving.enter_context(Member(server, pool))


def prove(member: Member, page: Page, name: str) -> Page:
    """Through the provider's form."""
    assert "loginuserpass" in page.url, f"{page.url} {page.status}:\n{page.text}"
    return member.submit(page, username=name, password=password(name))


def response(member: Member) -> Any:
    """What the browser carried last from the provider to us."""
    sent = next(sent for sent in reversed(member.carried) if "SAMLResponse" in sent.fields)
    return etree.fromstring(base64.b64decode(sent.fields["SAMLResponse"]))


def test_somebody_new_comes_by_a_signed_request_and_comes_again(join: Join):
    grace = join(CORP)
    first = grace.who(prove(grace, grace.leave(), "grace"))
    assert (first["email"], first["email_verified"]) == ("grace@corp.example", False)
    assert (first["given_name"], first["family_name"], first["groups"]) == ("Grace", "Hopper", ["staff"])
    # With ForceAuthn the provider asks again, though it knows her browser.
    assert grace.who(prove(grace, grace.leave(prompt="login"), "grace"))["sub"] == first["sub"]
    elsewhere = join(CORP)
    assert elsewhere.who(prove(elsewhere, elsewhere.leave(), "grace"))["sub"] == first["sub"]


def test_the_provider_lets_nobody_in_without_our_signature(join: Join):
    member = join(CORP)
    member.leave()
    (request,) = member.carried
    unsigned, _, signature = request.url.partition("&SigAlg=")
    assert signature
    assert "<title>Unhandled exception</title>" in member.visit(unsigned).text


def test_the_assertion_is_encrypted_for_us_and_the_request_goes_by_post(join: Join):
    alan = join(VAULT)
    first = alan.who(prove(alan, alan.leave(), "alan"))
    assert (first["email"], first["family_name"]) == ("alan@corp.example", "Türing")
    assert [sent.method for sent in alan.carried[:2]] == ["POST", "POST"]
    document = response(alan)
    assert document.find("{*}EncryptedAssertion") is not None
    assert document.find("{*}Assertion") is None
    # The NameID is transient, another one each time: the attribute says who it is.
    again = join(VAULT)
    assert again.who(prove(again, again.leave(), "alan"))["sub"] == first["sub"]


def test_signing_out_of_the_app_ends_the_session_there(join: Join, server: Upstream):
    grace, before = join(CORP), server.events("provider.failed")
    tokens = grace.tokens(prove(grace, grace.leave(), "grace"))
    assert grace.sign_out(tokens).url == f"{APP}/goodbye"
    assert not grace.is_known(tokens)
    assert server.events("provider.failed") == before, "its answer was good"
    prove(grace, grace.leave(), "grace")


def test_signing_out_there_ends_the_session_and_the_tokens_here(join: Join, corp: SimpleSamlPhp):
    grace, other = join(CORP), join(CORP)
    tokens = grace.tokens(prove(grace, grace.leave(), "grace"))
    others = other.tokens(prove(other, other.leave(), "grace"))
    assert grace.is_known(tokens)
    assert "/logout.php" in grace.visit(corp.end_all_url).url
    assert not grace.is_known(tokens)
    assert other.is_known(others), "it named one session"
    prove(grace, grace.leave(), "grace")


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [("edsger", "provider.failed", "provider_refused"), ("niklaus", "provider.cancelled", "provider_cancelled")],
)
def test_a_refusal_there_leads_back_to_our_first_page(join: Join, server: Upstream, name: str, kind: str, error: str):
    member = join(CORP)
    page = prove(member, member.leave(), name)
    assert (page.status, page.error) == (200, None)
    assert page.url.startswith(f"{server.issuer(CORP)}/login")
    event = server.events(kind)[-1]
    assert (event["provider"], event["error"], event["reason"]) == (PROVIDER, error, REFUSED[name])


def test_a_sign_in_that_begins_there_is_refused_by_default(join: Join, corp: SimpleSamlPhp, server: Upstream):
    member = join(CORP)
    page = prove(member, member.visit(corp.begin_url(server.entity_id(CORP))), "grace")
    assert page.status == 410


def test_a_sign_in_that_begins_there_goes_on_once_the_person_agrees(join: Join, corp: SimpleSamlPhp, server: Upstream):
    member = join(VAULT)
    page = prove(member, member.visit(corp.begin_url(server.entity_id(VAULT), "shop-of-vault")), "alan")
    assert page.status == 200
    assert member.submit(page, "continue").url == f"{APP}/"
    # The app asks for tokens as always, and finds somebody who is signed in.
    assert member.who(member.leave())["email"] == "alan@corp.example"


def test_certificates_change_without_a_pause(join: Join, corp: SimpleSamlPhp, server: Upstream):
    def come() -> tuple[Member, Page]:
        member = join(ROLL)
        return member, prove(member, member.leave(), "grace")

    try:
        corp.sign_with("first", soon="second")
        grace, page = come()
        first = grace.who(page)
        corp.sign_with("second", soon="third")
        grace, page = come()
        assert grace.who(page)["sub"] == first["sub"], "it was published beside the old one"
        corp.sign_with("third")
        _, page = come()
        assert page.status == 200, "we have looked a moment ago, and this one was not there"
        assert server.events("provider.failed")[-1]["error"] == "provider_answer_invalid"
    finally:
        corp.sign_with("first")
