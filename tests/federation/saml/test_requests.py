"""What we send and publish: AuthnRequest, our metadata, what an administrator is told."""

import base64
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qsl

import pytest
from lxml import etree

from federation.connector import (
    Connector,
    Examines,
    FinishesSignOut,
    HearsSignOut,
    Publishes,
    Recognizes,
    SignsOut,
    Tends,
    Unsolicited,
)
from federation.connectors import connector_for, kind_of
from federation.connectors.saml.bindings import check_query, message_of
from federation.connectors.saml.documents import check_schema
from federation.connectors.saml.signatures import verified
from federation.errors import Misconfigured
from federation.model import Asked, Callback, FormPost, IdentityProvider, Redirect
from federation.ports import KeyPair
from tests.federation.saml.desk import connector, pairs
from tests.federation.saml.host import ISSUER, MemoryHost
from tests.federation.saml.standin import ACS, EMAIL, LOGOUT, NOW, PERSISTENT, SAMLP, SP, SSO, at, key, metadata

pytestmark = pytest.mark.anyio


def ask(**changes: Any) -> Asked:
    return Asked("state", ACS, NOW, **changes)


async def request(asked: Asked | None = None, **settings: Any) -> tuple[Any, Callback]:
    """The AuthnRequest, and how it came to the provider."""
    begun = await connector(**settings).begin(asked or ask())
    assert isinstance(begun.outgoing, Redirect)
    url, _, query = begun.outgoing.url.partition("?")
    assert url == SSO
    callback = Callback("GET", tuple(parse_qsl(query)), query, NOW)
    root = etree.fromstring(message_of(callback, "SAMLRequest"))
    check_schema(root)
    assert root.get("ID") == begun.memo["request_id"]
    return root, callback


async def test_a_request_says_who_asks_and_where_to_answer() -> None:
    root, callback = await request()
    assert root.tag == f"{{{SAMLP}}}AuthnRequest"
    assert root.findtext("{*}Issuer") == SP
    assert (root.get("Destination"), root.get("AssertionConsumerServiceURL")) == (SSO, ACS)
    assert root.get("ProtocolBinding").endswith("HTTP-POST")
    assert root.get("IssueInstant") == at(NOW)
    assert callback.one("RelayState") == "state"
    assert root.get("ForceAuthn") is None
    assert root.get("IsPassive") is None
    assert root.find("{*}RequestedAuthnContext") is None
    assert root.find("{*}NameIDPolicy").attrib == {"AllowCreate": "true"}


async def test_a_request_is_signed_beside_the_message_unless_it_need_not_be() -> None:
    _, signed = await request()
    check_query(signed, [key("sp").pem])
    _, plain = await request(sign_requests=False)
    assert plain.one("Signature") is None
    wanted = metadata(role_attributes=' WantAuthnRequestsSigned="true"')
    _, signed = await request(sign_requests=False, metadata=wanted)
    check_query(signed, [key("sp").pem])


async def test_a_request_by_post_is_signed_in_itself() -> None:
    begun = await connector(request_binding="post").begin(ask())
    assert isinstance(begun.outgoing, FormPost)
    assert begun.outgoing.url == SSO
    fields = dict(begun.outgoing.fields)
    assert fields["RelayState"] == "state"
    root = etree.fromstring(base64.b64decode(fields["SAMLRequest"]))
    check_schema(root)
    assert SP.encode() in verified(root, root, [key("sp").pem])
    plain = await connector(request_binding="post", sign_requests=False).begin(ask())
    assert isinstance(plain.outgoing, FormPost)
    assert b"Signature" not in base64.b64decode(dict(plain.outgoing.fields)["SAMLRequest"])


async def test_an_elliptic_key_signs_both_ways() -> None:
    memory = MemoryHost([key("sp-ec", "ec").pair])
    begun = await connector(memory).begin(ask())
    assert isinstance(begun.outgoing, Redirect)
    query = begun.outgoing.url.partition("?")[2]
    check_query(Callback("GET", tuple(parse_qsl(query)), query, NOW), [key("sp-ec", "ec").pem])
    begun = await connector(memory, request_binding="post").begin(ask())
    assert isinstance(begun.outgoing, FormPost)
    root = etree.fromstring(base64.b64decode(dict(begun.outgoing.fields)["SAMLRequest"]))
    assert verified(root, root, [key("sp-ec", "ec").pem])


@pytest.mark.parametrize(
    ("changes", "name"),
    [({"fresh": True}, "ForceAuthn"), ({"max_age": 60}, "ForceAuthn"), ({"silent": True}, "IsPassive")],
)
async def test_what_a_sign_in_asks_for_is_handed_on(changes: dict[str, Any], name: str) -> None:
    root, _ = await request(ask(**changes))
    assert root.get(name) == "true"


async def test_a_context_is_asked_for_by_the_sign_in_or_by_the_settings() -> None:
    def contexts(root: Any) -> list[str]:
        return [e.text for e in root.iterfind("{*}RequestedAuthnContext/{*}AuthnContextClassRef")]

    root, _ = await request(authn_context=["urn:a", "urn:b"])
    assert contexts(root) == ["urn:a", "urn:b"]
    assert root.find("{*}RequestedAuthnContext").get("Comparison") == "exact"
    root, _ = await request(ask(acr_values=("urn:c",)), authn_context=["urn:a"])
    assert contexts(root) == ["urn:c"]


@pytest.mark.parametrize(
    ("said", "asked_for"), [("persistent", PERSISTENT), ("emailAddress", EMAIL), ("urn:x:y", "urn:x:y")]
)
async def test_a_format_of_names_is_asked_for(said: str, asked_for: str) -> None:
    root, _ = await request(name_id_format=said)
    assert root.find("{*}NameIDPolicy").get("Format") == asked_for


async def test_a_transient_name_is_not_to_be_created() -> None:
    root, _ = await request(name_id_format="transient", subject_attribute="uid")
    assert root.find("{*}NameIDPolicy").get("AllowCreate") is None


async def test_a_binding_that_the_provider_lacks_is_the_operators_to_see_to() -> None:
    only_redirect = metadata().replace("HTTP-POST", "HTTP-Artifact")
    with pytest.raises(Misconfigured) as fault:
        await connector(metadata=only_redirect, request_binding="post").begin(ask())
    assert fault.value.setting == "request_binding"
    assert await connector(metadata=only_redirect).begin(ask())


async def test_every_request_has_its_own_id() -> None:
    at_idp = connector()
    idents = {(await at_idp.begin(ask())).memo["request_id"] for _ in range(3)}
    assert len(idents) == 3


async def test_a_sign_on_address_may_have_a_query() -> None:
    begun = await connector(metadata=metadata(sso=f"{SSO}?tenant=7")).begin(ask())
    assert isinstance(begun.outgoing, Redirect)
    assert begun.outgoing.url.startswith(f"{SSO}?tenant=7&SAMLRequest=")


# --------------------------------------------------------------------------------------------------- our metadata


async def test_our_metadata_says_who_we_are() -> None:
    root = etree.fromstring(await connector(name_id_format="persistent").metadata())
    check_schema(root)
    assert root.get("entityID") == SP
    role = root.find("{*}SPSSODescriptor")
    assert (role.get("AuthnRequestsSigned"), role.get("WantAssertionsSigned")) == ("true", "true")
    acs = role.find("{*}AssertionConsumerService")
    assert (acs.get("Location"), acs.get("Binding").rpartition(":")[2]) == (ACS, "HTTP-POST")
    assert [s.get("Location") for s in role.findall("{*}SingleLogoutService")] == [LOGOUT, LOGOUT]
    assert role.findtext("{*}NameIDFormat") == PERSISTENT


async def test_our_metadata_names_all_keys_during_a_roll_over() -> None:
    memory = MemoryHost([*pairs("new-sp", "sp"), key("sp-ec", "ec").pair])
    root = etree.fromstring(await connector(memory).metadata())
    check_schema(root)
    found = [
        (d.get("use"), "".join(d.findtext(".//{*}X509Certificate").split())) for d in root.iter("{*}KeyDescriptor")
    ]
    signing = [key("new-sp").der64, key("sp").der64, key("sp-ec", "ec").der64]
    assert found == [*(("signing", c) for c in signing), *(("encryption", c) for c in signing[:2])]


async def test_we_may_have_another_name() -> None:
    root = etree.fromstring(await connector(entity_id="urn:example:us").metadata())
    assert root.get("entityID") == "urn:example:us"
    message, _ = await request(entity_id="urn:example:us")
    assert message.findtext("{*}Issuer") == "urn:example:us"


# ---------------------------------------------------------------------------------------------------- examination


async def test_all_is_well() -> None:
    checks = await connector().examine(ACS, NOW)
    assert {c.outcome for c in checks} == {"ok"}


@pytest.mark.parametrize(
    ("settings", "name", "outcome"),
    [
        ({"metadata": metadata([key("soon", ends=NOW + 86400)])}, "the provider's certificate", "warning"),
        ({"metadata": metadata([key(), key("short", bits=1024)])}, "the provider's keys", "warning"),
        ({"metadata": metadata(logout=False), "sign_out": True}, "sign-out", "warning"),
        (
            {"metadata": metadata(role_attributes=' WantAuthnRequestsSigned="1"'), "sign_requests": False},
            "requests",
            "warning",
        ),
        ({"want_assertions_signed": False}, "assertions", "warning"),
        ({"metadata": metadata(attributes=f' validUntil="{at(NOW + 3600)}"')}, "metadata", "warning"),
        ({"metadata": metadata().replace("HTTP-Redirect", "SOAP")}, "sign-on service", "error"),
        ({"metadata_url": "https://nowhere.example/"}, "metadata", "error"),
    ],
)
async def test_an_administrator_is_told_what_to_see_to(settings: dict[str, Any], name: str, outcome: str) -> None:
    checks = [c for c in await connector(**settings).examine(ACS, NOW) if c.outcome != "ok"]
    assert [(c.name, c.outcome) for c in checks] == [(name, outcome)]
    assert checks[0].advice


async def test_our_own_certificate_is_warned_of_too() -> None:
    memory = MemoryHost([key("sp-soon", ends=NOW + 29 * 86400).pair])
    checks = [c for c in await connector(memory).examine(ACS, NOW) if c.outcome != "ok"]
    assert [(c.name, c.outcome) for c in checks] == [("our certificate", "warning")]


async def test_a_certificate_of_ours_that_is_none_is_told_of() -> None:
    memory = MemoryHost([KeyPair(key("sp").pair.private_key, "")])
    checks = [c for c in await connector(memory).examine(ACS, NOW) if c.outcome != "ok"]
    assert [(c.name, c.outcome) for c in checks] == [("our certificate", "error")]


# ------------------------------------------------------------------------------------------------------- the seam


def test_a_saml_provider_can_do_all_this() -> None:
    made = connector()
    for ability in (
        Connector,
        Examines,
        FinishesSignOut,
        HearsSignOut,
        Publishes,
        Recognizes,
        SignsOut,
        Tends,
        Unsolicited,
    ):
        assert isinstance(made, ability)


def test_the_registry_makes_it_without_a_client_id() -> None:
    provider = IdentityProvider("corp", "saml", settings={"metadata": metadata()})
    assert isinstance(connector_for(provider, MemoryHost(pairs()).host()), Connector)
    kind = kind_of("saml")
    assert (kind.protocol, kind.posts_back, kind.needs_client) == ("saml", True, False)
    assert f"{ISSUER}/saml2/metadata/corp" == SP


def test_the_kind_is_light() -> None:
    """pysaml2 and lxml come with the first provider that is made, not before."""
    code = (
        "import sys, federation.connectors as c; c.kind_of('saml');"
        "print([m for m in ('saml2', 'lxml', 'signxml', 'cryptography', 'httpx') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_posted_message_is_signed_without_the_schemas_of_pysaml2() -> None:
    """They take two seconds to load, in which a server does nothing else."""
    pair = key("sp-ec", "ec").pair
    code = (
        "import sys\n"
        "from federation.connectors.saml.keys import own_keys\n"
        "from federation.connectors.saml.metadata import Endpoint\n"
        "from federation.connectors.saml.requests import POST, Party, logout_request\n"
        "from federation.model import UpstreamSession\n"
        "from federation.ports import KeyPair\n"
        "(key,) = own_keys([KeyPair(*sys.argv[1:])])\n"
        "party = Party('https://us.example', {POST: Endpoint('https://app.example/out', 'https://app.example/out')})\n"
        "out = logout_request(party, UpstreamSession('ada', 's', {'value': 'ada'}), '_1', key, 'state', 0)\n"
        "print(type(out).__name__, [m for m in ('xmlschema', 'saml2.sigver') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, pair.private_key, pair.certificate]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "FormPost []\n"


def test_every_setting_says_what_it_is_for() -> None:
    names = [s.name for s in kind_of("saml").settings]
    assert len(names) == len(set(names))
    assert all(s.about for s in kind_of("saml").settings)
