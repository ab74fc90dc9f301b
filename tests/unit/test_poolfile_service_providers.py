"""`[[service_providers]]`: applications that speak SAML, from their metadata or by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from authserver.model.clients import Client
from authserver.poolfile import load_pool_file
from authserver.poolfile.values import PoolFile
from authserver.tomlfile import BadConfig
from tests.federation.saml.standin import DS, EMAIL, PERSISTENT, SAMLP, TRANSIENT, key

POOL = '[pool]\nid = "test_Pool1"\n[[groups]]\nname = "staff"\n'
BY_HAND = """
[[service_providers]]
client_id = "wiki"
entity_id = "https://wiki.example"
acs_urls = ["https://wiki.example/acs"]
"""
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"

Load = Callable[..., PoolFile]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, **files: str) -> PoolFile:
        for name, content in files.items():
            (tmp_path / name.replace("_", ".")).write_text(content)
        (tmp_path / "pool.toml").write_text(POOL + text)
        return load_pool_file(tmp_path / "pool.toml", environ={})

    return load


def faults(load: Load, text: str, **files: str) -> str:
    with pytest.raises(BadConfig) as refused:
        load(text, **files)
    return " | ".join(fault.sentence for fault in refused.value.faults)


def descriptor(name: str, use: str) -> str:
    use_ = f' use="{use}"' if use else ""
    return (
        f'<md:KeyDescriptor{use_}><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{key(name).der64}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )


def metadata(
    *,
    entity_id: str = "https://wiki.example",
    keys: str = "",
    formats: tuple[str, ...] = (),
    attributes: str = "",
    acs: str = f'<md:AssertionConsumerService Binding="{POST}" Location="https://wiki.example/acs" index="0"/>',
) -> str:
    named = "".join(f"<md:NameIDFormat>{f}</md:NameIDFormat>" for f in formats)
    return (
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}">'
        f'<md:SPSSODescriptor protocolSupportEnumeration="{SAMLP}"{attributes}>{keys}'
        f'<md:SingleLogoutService Binding="{REDIRECT}" Location="https://wiki.example/slo"/>'
        f'<md:SingleLogoutService Binding="{POST}" Location="https://wiki.example/slo"'
        ' ResponseLocation="https://wiki.example/slo/done"/>'
        f"{named}{acs}</md:SPSSODescriptor></md:EntityDescriptor>"
    )


FROM_FILE = '[[service_providers]]\nclient_id = "wiki"\nmetadata_file = "wiki.xml"\n'


def wiki(file: PoolFile) -> Client:
    (spec,) = file.clients
    return spec.client


def test_an_application_by_hand(load: Load) -> None:
    client = wiki(load(BY_HAND))
    sp = client.saml
    assert sp is not None
    assert (sp.entity_id, sp.acs_urls, sp.name_id_format) == (
        "https://wiki.example",
        ("https://wiki.example/acs",),
        PERSISTENT,
    )
    assert (sp.sign, sp.encrypt, sp.require_signed_requests, sp.idp_initiated) == ("both", False, False, False)
    assert (client.grant_types, client.redirect_uris, client.client_name) == ((), (), "wiki")


def test_an_application_by_its_metadata(load: Load) -> None:
    acs = (
        f'<md:AssertionConsumerService Binding="{POST}" Location="https://wiki.example/one" index="1"/>'
        f'<md:AssertionConsumerService Binding="{POST}" Location="https://wiki.example/two" index="2" isDefault="true"/>'
        '<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"'
        ' Location="https://wiki.example/artifact" index="3"/>'
    )
    text = metadata(
        keys=descriptor("signs", "signing") + descriptor("seals", "encryption"),
        formats=("urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", EMAIL, TRANSIENT),
        attributes=' AuthnRequestsSigned="true"',
        acs=acs,
    )
    sp = wiki(load(FROM_FILE, wiki_xml=text)).saml
    assert sp is not None
    assert sp.acs_urls == ("https://wiki.example/two", "https://wiki.example/one")
    assert sp.acs_indexes == {"1": "https://wiki.example/one", "2": "https://wiki.example/two"}
    assert sp.logout_urls == {REDIRECT: "https://wiki.example/slo", POST: "https://wiki.example/slo"}
    assert sp.logout_response_urls == {POST: "https://wiki.example/slo/done"}
    assert [c.replace("\n", "") for c in sp.certificates] == [key("signs").pem.replace("\n", "")]
    assert sp.encryption_certificate.replace("\n", "") == key("seals").pem.replace("\n", "")
    assert (sp.encrypt, sp.require_signed_requests, sp.name_id_format) == (True, True, EMAIL)


def test_what_stands_beside_the_metadata_counts(load: Load) -> None:
    more = 'encrypt = false\nname_id_format = "transient"\nlogout_url = "https://wiki.example/out"\nacs_urls = ["https://wiki.example/new"]\n'
    sp = wiki(load(FROM_FILE + more, wiki_xml=metadata(keys=descriptor("x", "encryption")))).saml
    assert sp is not None
    assert (sp.encrypt, sp.name_id_format) == (False, TRANSIENT)
    assert (sp.acs_urls, sp.logout_urls) == (("https://wiki.example/new",), {REDIRECT: "https://wiki.example/out"})


def test_a_key_without_a_use_is_not_asked_to_encrypt(load: Load) -> None:
    sp = wiki(load(FROM_FILE, wiki_xml=metadata(keys=descriptor("x", "")))).saml
    assert sp is not None
    assert (sp.encrypt, bool(sp.encryption_certificate), len(sp.certificates)) == (False, True, 1)


def test_a_name_that_people_cannot_change_may_be_theirs(load: Load) -> None:
    more = 'name_id_from = "custom:no"\n[[pool.attributes]]\nname = "custom:no"\nself_editable = false\n'
    sp = wiki(load(BY_HAND + more)).saml
    assert sp is not None
    assert sp.name_id_from == "custom:no"


def test_certificates_come_from_files(load: Load) -> None:
    more = 'certificate_files = ["a.pem", "b.pem"]\nencryption_certificate_file = "a.pem"\nencrypt = true\n'
    sp = wiki(load(BY_HAND + more, a_pem=key("a").pem, b_pem=key("b").pem)).saml
    assert sp is not None
    assert (len(sp.certificates), sp.encrypt) == (2, True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[service_providers]]\nclient_id = "wiki"\n', "needs metadata_file, or entity_id and acs_urls"),
        (FROM_FILE.replace("wiki.xml", "none.xml"), "cannot be read"),
        (FROM_FILE + 'metadata = "<x/>"\n', "has metadata and metadata_file"),
        (
            FROM_FILE + 'entity_id = "https://other.example"\n',
            "describes the service provider https://other.example 0 times",
        ),
        (BY_HAND.replace("https://wiki.example/acs", "http://wiki.example/acs"), "is not a URL with https"),
        (BY_HAND + 'logout_url = "javascript:x"\n', "is not a URL with https"),
        (BY_HAND + 'name_id_format = "email"\n', "name_id_format is one of"),
        (BY_HAND + "encrypt = true\n", "there is no certificate with an RSA key for that"),
        (BY_HAND + "require_signed_requests = true\n", "there is no certificate to check them with"),
        (BY_HAND + 'certificate_files = ["wiki.xml"]\n', "a certificate cannot be used"),
        (BY_HAND + 'attributes = { x = "custom:none" }\n', "is no attribute of the pool"),
        (BY_HAND + 'name_id_from = "nothing"\n', "is no attribute of the pool"),
        (BY_HAND + 'name_id_from = "nickname"\n', "may be changed by people themselves"),
        (BY_HAND + 'name_id_from = "custom:no"\n[[pool.attributes]]\nname = "custom:no"\n', "may be changed by people"),
        (BY_HAND.replace("/acs", "/a|cs"), "is not a URL with https"),
        (BY_HAND + 'identity_providers = ["Acme"]\n', "is no identity provider of this file"),
        (BY_HAND + BY_HAND, "a second time"),
        (BY_HAND + BY_HAND.replace('"wiki"', '"other"'), "`https://wiki.example` a second time"),
        (BY_HAND + '[[clients]]\nclient_id = "wiki"\ngrant_types = []\n', "is the client_id of a client"),
        (BY_HAND + 'mfa = "required"\n', "factor"),
        (BY_HAND + 'colour = "red"\n', "colour"),
    ],
)
def test_what_cannot_work_is_told(load: Load, text: str, sentence: str) -> None:
    assert sentence in faults(load, text, wiki_xml=metadata())


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        "<html/>",
        metadata(
            acs=f'<md:AssertionConsumerService Binding="{REDIRECT}" Location="https://wiki.example/x" index="0"/>'
        ),
        metadata(entity_id=""),
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + metadata(),
    ],
)
def test_metadata_that_is_none_is_told(load: Load, text: str) -> None:
    assert "cannot be used" in faults(load, FROM_FILE, wiki_xml=text)


def test_metadata_that_is_no_longer_valid_is_told(load: Load) -> None:
    old = metadata(attributes=' validUntil="2020-01-01T00:00:00Z"')
    assert "no longer valid" in faults(load, FROM_FILE, wiki_xml=old)
    load(FROM_FILE, wiki_xml=metadata(attributes=' validUntil="2120-01-01T00:00:00Z"'))
