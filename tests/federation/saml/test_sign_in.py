"""Who comes out of a sign-in: names, attributes, claims."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from federation.connectors.saml import KIND
from federation.errors import BadAnswer
from federation.mapping import map_identity
from federation.model import IdentityProvider
from tests.federation.saml.desk import connector, refused, sign_in
from tests.federation.saml.standin import (
    EMAIL,
    IDP,
    NOW,
    OTHER_IDP,
    PASSWORD,
    PERSISTENT,
    SAML,
    SP,
    TRANSIENT,
    Encrypt,
    Say,
    Sign,
    attribute,
    unprefixed,
)

pytestmark = pytest.mark.anyio
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
XMLSOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims/"


async def claims(*attributes: str, **say: Any) -> dict[str, object]:
    return dict((await sign_in(Say(attributes="".join(attributes), **say))).claims)


async def test_an_identity_says_who_when_and_how() -> None:
    identity = await sign_in()
    assert (identity.provider, identity.issuer, identity.subject) == ("corp", IDP, "ada")
    assert (identity.authenticated_at, identity.acr) == (NOW - 10, PASSWORD)
    assert identity.session is not None
    assert (identity.session.subject, identity.session.session) == ("ada", "_session1")
    assert identity.session.name_id == {"value": "ada", "format": PERSISTENT}
    assert identity.sources == {"samlResponse": {}}


async def test_many_sign_in_at_once() -> None:
    at_idp = connector()
    says = [Say(assertion_id=f"_{n}", name_id=f"user{n}", encrypt=Encrypt() if n % 2 else None) for n in range(40)]
    identities = await asyncio.gather(*(sign_in(say, at_idp) for say in says))
    assert [i.subject for i in identities] == [say.name_id for say in says]


@pytest.mark.parametrize("name_format", [PERSISTENT, EMAIL, UNSPECIFIED, None, "urn:example:own"])
async def test_a_name_that_stays_is_the_subject(name_format: str | None) -> None:
    assert (await sign_in(Say(name_format=name_format))).subject == "ada"


@pytest.mark.parametrize("value", ["Ada", " ada", "ada ", "ädä", "a&amp;b", "x" * 300])
async def test_a_name_is_taken_to_the_letter(value: str) -> None:
    assert (await sign_in(Say(name_id=value))).subject == value.replace("&amp;", "&")


@pytest.mark.parametrize("value", ["", " ", "\n\t"])
async def test_an_empty_name_is_none(value: str) -> None:
    assert "no NameID" in (await refused(Say(name_id=value))).detail


async def test_no_name_is_enough_only_where_an_attribute_names_the_person() -> None:
    nameless = Say(name_id=None, attributes=attribute("uid", "ada7"))
    assert "no NameID" in (await refused(nameless)).detail
    identity = await sign_in(nameless, subject_attribute="uid")
    assert (identity.subject, identity.session) == ("ada7", None)


async def test_an_assertion_is_about_somebody() -> None:
    def about_nobody(text: str) -> str:
        before, _, after = text.partition("<saml:Subject>")
        return before + after.partition("</saml:Subject>")[2]

    assert "no subject" in (await refused(Say(edit_assertion=about_nobody), subject_attribute="uid")).detail


async def test_a_name_that_changes_each_time_is_no_subject() -> None:
    transient = Say(name_id="_x1", name_format=TRANSIENT, attributes=attribute("uid", "ada7"))
    assert "transient" in (await refused(transient)).detail
    identity = await sign_in(transient, subject_attribute="uid")
    assert identity.subject == "ada7"
    assert identity.session is not None
    assert identity.session.subject == "_x1", "a sign-out names the person as the provider does"


@pytest.mark.parametrize("attributes", ["", attribute("uid"), attribute("uid", ""), attribute("uid", "a", "b")])
async def test_the_attribute_that_names_the_person_has_one_value(attributes: str) -> None:
    failure = await refused(Say(attributes=attributes), subject_attribute="uid")
    assert "exactly one value" in failure.detail
    assert (await sign_in(Say(attributes=attribute("uid", "a")), subject_attribute="uid")).subject == "a"


async def test_a_name_of_another_format_than_was_asked_for_is_refused() -> None:
    assert "another format" in (await refused(Say(name_format=EMAIL), name_id_format="persistent")).detail
    assert (await sign_in(Say(), name_id_format="persistent")).subject == "ada"


@pytest.mark.parametrize("qualifier", [f' NameQualifier="{OTHER_IDP}"', ' SPNameQualifier="https://else.example/"'])
async def test_a_persistent_name_is_the_providers_name_for_us(qualifier: str) -> None:
    assert isinstance(await refused(Say(name_attributes=qualifier)), BadAnswer)
    ours = f' NameQualifier="{IDP}" SPNameQualifier="{SP}"'
    identity = await sign_in(Say(name_attributes=ours))
    assert identity.session is not None
    assert identity.session.name_id["sp_name_qualifier"] == SP


async def test_attributes_become_claims_with_all_their_values() -> None:
    found = await claims(
        attribute("team", "a", "b"), attribute("team", "c"), attribute("level", "7"), attribute("none")
    )
    assert found == {"team": ["a", "b", "c"], "level": "7", "none": ""}


@pytest.mark.parametrize(
    ("name", "short", "claim"),
    [
        ("urn:oid:0.9.2342.19200300.100.1.3", "mail", "email"),
        ("urn:oid:2.5.4.42", "givenName", "given_name"),
        ("urn:oid:2.5.4.4", "sn", "family_name"),
        ("urn:oid:2.16.840.1.113730.3.1.241", "displayName", "name"),
        ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName", "preferred_username"),
        (f"{XMLSOAP}emailaddress", "mail", "email"),
        (f"{XMLSOAP}givenname", "givenName", "given_name"),
        (f"{XMLSOAP}surname", "sn", "family_name"),
        (f"{XMLSOAP}upn", "upn", "preferred_username"),
        (f"{MICROSOFT}groups", "groups", "groups"),
        (f"{MICROSOFT}role", "roles", "roles"),
        ("mail", "mail", "email"),
    ],
)
async def test_well_known_attributes_have_short_names_too(name: str, short: str, claim: str) -> None:
    found = await claims(attribute(name, "x"))
    assert found[name] == found[short] == found[claim] == "x"


async def test_a_friendly_name_serves_where_no_name_is_known() -> None:
    found = await claims(attribute("urn:oid:1.2.3", "x", friendly="costCenter"))
    assert found == {"urn:oid:1.2.3": "x", "costCenter": "x"}


async def test_a_short_name_never_hides_what_the_provider_calls_so() -> None:
    found = await claims(
        attribute("urn:oid:1.2.3", "friendly", friendly="mail"),
        attribute("urn:oid:0.9.2342.19200300.100.1.3", "known"),
        attribute("email", "own"),
    )
    assert (found["mail"], found["email"]) == ("known", "own")


async def test_an_address_as_name_is_the_address() -> None:
    assert (await claims(name_id="ada@example.com", name_format=EMAIL))["email"] == "ada@example.com"
    other = await claims(attribute("mail", "a@example.org"), name_id="ada@example.com", name_format=EMAIL)
    assert other["email"] == "a@example.org"


@pytest.mark.parametrize(
    ("said", "verified"), [("true", True), ("1", True), ("TRUE", True), ("false", False), ("yes", False), ("", False)]
)
async def test_an_address_is_verified_only_if_the_provider_says_so(said: str, verified: bool) -> None:
    say = Say(attributes=attribute("mail", "ada@example.com") + attribute("email_verified", said))
    assert (await sign_in(say)).email_verified is verified
    silent = await sign_in(Say(attributes=attribute("mail", "ada@example.com")))
    assert silent.email == "ada@example.com"
    assert not silent.email_verified


async def test_two_words_about_verification_are_none() -> None:
    found = await claims(attribute("email_verified", "true", "false"))
    assert found["email_verified"] is False


async def test_values_may_be_typed_nil_or_a_name() -> None:
    nil = '<saml:Attribute Name="nil"><saml:AttributeValue xsi:nil="true"/></saml:Attribute>'
    named = (
        '<saml:Attribute Name="targeted"><saml:AttributeValue><saml:NameID>x!y</saml:NameID></saml:AttributeValue>'
        "</saml:Attribute>"
    )
    other = (
        '<saml:Attribute Name="xml"><saml:AttributeValue><e xmlns="urn:e">x</e></saml:AttributeValue></saml:Attribute>'
    )
    found = await claims(nil, named, other, attribute("number", "007", type_="xs:integer"))
    assert found == {"nil": "", "targeted": "x!y", "xml": "", "number": "007"}


@pytest.mark.parametrize("sign", [("assertion",), ("assertion", "response")])
@pytest.mark.parametrize("encrypt", [None, Encrypt()])
@pytest.mark.parametrize("style", ["default namespaces", "other prefixes", "indented", "doubled declarations"])
async def test_prefixes_and_layout_are_the_providers_to_choose(
    style: str, sign: tuple[str, ...], encrypt: Encrypt | None
) -> None:
    def write(text: str) -> str:
        if style == "default namespaces":  # Entra ID, ADFS
            return unprefixed(unprefixed(text, "saml"), "samlp")
        if style == "other prefixes":  # Okta, Shibboleth
            return (
                text.replace("samlp:", "saml2p:")
                .replace(":samlp=", ":saml2p=")
                .replace("saml:", "saml2:")
                .replace(":saml=", ":saml2=")
            )
        if style == "indented":
            return text.replace("><saml:", ">\n    <saml:") if text.startswith("<saml:") else text
        return text.replace("<samlp:Response ", f'<samlp:Response xmlns:saml="{SAML}" ')

    plain = style == "default namespaces"
    say = Say(
        sign=sign,
        encrypt=encrypt,
        how=Sign(plain=plain, prefixes="xs" if style == "other prefixes" else ""),
        attributes=attribute("mail", "ada@example.com"),
        edit_assertion=write,
        edit_response=lambda text: write(text) if encrypt is None else text,
    )
    identity = await sign_in(say)
    assert (identity.subject, identity.email) == ("ada", "ada@example.com")
    assert isinstance(await refused(replace(say, edit_signed=lambda a: a.replace(">ada<", ">eve<"))), BadAnswer)


async def test_the_kinds_mapping_fills_a_user() -> None:
    say = Say(
        attributes=attribute("urn:oid:0.9.2342.19200300.100.1.3", "ada@example.com")
        + attribute("urn:oid:2.5.4.42", "Ada")
        + attribute("urn:oid:2.5.4.4", "Lovelace")
    )
    provider = IdentityProvider("corp", "saml", trust_email=True, domains=("example.com",))
    assert KIND.mapping is not None
    mapped = map_identity(provider, KIND.mapping, await sign_in(say))
    assert mapped.values == {
        "email": "ada@example.com",
        "email_verified": True,
        "given_name": "Ada",
        "family_name": "Lovelace",
    }
