"""Single logout in both directions (M21)."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from lxml import etree

from federation.connectors.saml.bindings import check_query
from federation.connectors.saml.signatures import UnknownKey
from federation.errors import BadAnswer, Misconfigured, NotForUs, ProviderRefused
from federation.model import Begun, Callback, FormPost, Handoff, Redirect, UpstreamSession
from tests.federation.saml.desk import connector, pairs, sign_in
from tests.federation.saml.host import MemoryHost
from tests.federation.saml.standin import (
    EMAIL,
    IDP,
    LOGOUT,
    MORE,
    NOW,
    OTHER_IDP,
    PERSISTENT,
    SAMLP,
    SLO,
    SP,
    Encrypt,
    Sign,
    at,
    deflated,
    encrypted,
    fetched,
    key,
    logout_request,
    logout_response,
    metadata,
    posted,
    query_of,
    response,
    sign,
)
from tests.federation.saml.test_metadata import URL, publish

pytestmark = pytest.mark.anyio
REDIRECT_ONLY = metadata().replace(
    f'<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{SLO}"/>', ""
)
POST_ONLY = metadata().replace(
    f'<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{SLO}"/>', ""
)


def by_post(message: str, how: Sign | None = None) -> Callback:
    return posted(sign(message, "_logout1", how or Sign()), "SAMLRequest", relay="relay")


# ------------------------------------------------------------------------------------------- the provider's request


@pytest.mark.parametrize("by", [lambda m: fetched(query_of(m)), by_post])
async def test_a_provider_ends_a_session_and_gets_an_answer(by: Callable[[str], Callback]) -> None:
    ended = await connector().signed_out(by(logout_request()))
    assert (ended.subject, ended.session) == ("ada", "_session1")
    outgoing = ended.answer
    if isinstance(outgoing, Redirect):
        url, _, query = outgoing.url.partition("?")
        callback = Callback("GET", tuple(parse_qsl(query)), query, NOW)
        check_query(callback, [key("sp").pem])
        from federation.connectors.saml.bindings import message_of

        root = etree.fromstring(message_of(callback, "SAMLResponse"))
        relay = callback.one("RelayState")
    else:
        assert isinstance(outgoing, FormPost)
        fields = dict(outgoing.fields)
        url, relay = outgoing.url, fields["RelayState"]
        root = etree.fromstring(base64.b64decode(fields["SAMLResponse"]))
        assert root.find("{*}Signature") is not None
    assert (url, relay) == (SLO, "relay")
    assert root.tag == f"{{{SAMLP}}}LogoutResponse"
    assert root.get("InResponseTo") == "_logout1"
    assert root.get("Destination") == SLO
    assert root.findtext("{*}Issuer") == SP
    assert root.find(".//{*}StatusCode").get("Value").endswith(":Success")


async def test_what_a_sign_in_leaves_is_what_a_logout_names() -> None:
    identity = await sign_in()
    ended = await connector().signed_out(fetched(query_of(logout_request())))
    assert identity.session is not None
    assert (identity.session.subject, identity.session.session) == (ended.subject, ended.session)


@pytest.mark.parametrize("sessions", [(), ("_a", "_b")])
async def test_no_session_or_several_are_all_of_the_person(sessions: tuple[str, ...]) -> None:
    ended = await connector().signed_out(fetched(query_of(logout_request(sessions=sessions))))
    assert (ended.subject, ended.session) == ("ada", None)


async def test_a_provider_without_a_logout_service_gets_no_answer() -> None:
    ended = await connector(metadata=metadata(logout=False)).signed_out(fetched(query_of(logout_request())))
    assert (ended.subject, ended.answer) == ("ada", None)


async def test_an_answer_goes_by_the_binding_that_there_is() -> None:
    ended = await connector(metadata=POST_ONLY).signed_out(fetched(query_of(logout_request())))
    assert isinstance(ended.answer, FormPost)
    ended = await connector(metadata=REDIRECT_ONLY).signed_out(by_post(logout_request()))
    assert isinstance(ended.answer, Redirect)


GOOD = query_of(logout_request())
PARTS = dict(pair.split("=", 1) for pair in GOOD.split("&"))


def reassembled(*names: str, **changes: str) -> str:
    parts = {**PARTS, **changes}
    return "&".join(f"{name}={parts[name]}" for name in names)


async def test_an_answer_goes_to_the_address_for_answers() -> None:
    described = metadata().replace(f'Location="{SLO}"', f'Location="{SLO}" ResponseLocation="{SLO}/done"')
    ended = await connector(metadata=described).signed_out(fetched(GOOD))
    assert isinstance(ended.answer, Redirect)
    assert ended.answer.url.startswith(f"{SLO}/done?SAMLResponse=")


UNSIGNED = {
    "redirect without signature": fetched(reassembled("SAMLRequest", "RelayState")),
    "redirect with an empty signature": fetched(
        reassembled("SAMLRequest", "RelayState", "SigAlg", "Signature", Signature="")
    ),
    "POST without signature": posted(logout_request(), "SAMLRequest"),
    "POST with a redirect's signature": replace(fetched(GOOD), method="POST"),
    "embedded signature by redirect": fetched(
        f"SAMLRequest={quote_plus(deflated(sign(logout_request(), '_logout1', Sign())))}"
    ),
}


@pytest.mark.parametrize("name", UNSIGNED)
async def test_an_unsigned_request_ends_nothing(name: str) -> None:
    """M21: unsigned."""
    with pytest.raises(BadAnswer):
        await connector().signed_out(UNSIGNED[name])
    assert (await connector().signed_out(fetched(GOOD))).subject == "ada"


@pytest.mark.parametrize("by", ["redirect", "post"])
async def test_another_key_ends_nothing(by: str) -> None:
    message, mallory = logout_request(), key("mallory")
    callback = fetched(query_of(message, with_key=mallory)) if by == "redirect" else by_post(message, Sign(key=mallory))
    with pytest.raises(UnknownKey):
        await connector().signed_out(callback)


@pytest.mark.parametrize("second", ["by redirect", "by post", "another node"])
async def test_a_request_is_heard_once(second: str) -> None:
    """M21: replayed."""
    memory = MemoryHost(pairs())
    await connector(memory).signed_out(fetched(GOOD))
    again = by_post(logout_request()) if second == "by post" else fetched(GOOD)
    with pytest.raises(NotForUs, match="before"):
        await connector(memory).signed_out(again)
    fresh = fetched(query_of(logout_request(ident="_logout2")))
    assert (await connector(memory).signed_out(fresh)).subject == "ada"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name_attributes": f' NameQualifier="{OTHER_IDP}"'}, id="a name of another provider"),
        pytest.param({"name_attributes": ' SPNameQualifier="https://else.example/"'}, id="a name for another service"),
        pytest.param({"issuer": OTHER_IDP}, id="another issuer"),
        pytest.param({"destination": "https://else.example/slo"}, id="another destination"),
        pytest.param({"destination": None}, id="no destination"),
        pytest.param({"issued": NOW - 361}, id="old"),
        pytest.param({"issued": NOW + 61}, id="of the future"),
        pytest.param({"until": NOW - 60}, id="expired"),
    ],
)
async def test_a_request_that_is_not_for_us_ends_nothing(changes: dict[str, Any]) -> None:
    """M21: foreign NameID, and what else is judged."""
    with pytest.raises(NotForUs):
        await connector().signed_out(fetched(query_of(logout_request(**changes))))
    fitting = {"name_attributes": f' NameQualifier="{IDP}" SPNameQualifier="{SP}"', "until": None, "issued": NOW - 360}
    assert (await connector().signed_out(fetched(query_of(logout_request(**fitting))))).subject == "ada"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(
            query_of(logout_request(), order=("RelayState", "SAMLRequest", "SigAlg")), id="signed in another order"
        ),
        pytest.param(reassembled("RelayState", "SAMLRequest", "SigAlg", "Signature"), id="sent in another order"),
        pytest.param(reassembled("SAMLRequest", "RelayState", "Signature", "SigAlg"), id="signature before algorithm"),
        pytest.param(f"{GOOD}&SAMLRequest={PARTS['SAMLRequest']}", id="message twice"),
        pytest.param(f"SAMLRequest=evil&{GOOD}", id="another message first"),
        pytest.param(f"{GOOD}&Signature={PARTS['Signature']}", id="signature twice"),
        pytest.param(f"{GOOD}&SAML%52equest={PARTS['SAMLRequest']}", id="message twice, written differently"),
        pytest.param(reassembled("SAMLRequest", "SigAlg", "Signature"), id="RelayState left out"),
        pytest.param(reassembled("SAMLRequest", "RelayState", "SigAlg", "Signature", RelayState="evil"), id="changed"),
        pytest.param(f"{GOOD}&SAMLEncoding=urn:x", id="another encoding"),
        pytest.param(
            reassembled("SAMLRequest", "RelayState", "SigAlg", "Signature", SigAlg=quote_plus(f"{MORE}hmac-sha256")),
            id="HMAC",
        ),
        pytest.param(query_of(logout_request(), algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"), id="SHA-1"),
    ],
)
async def test_a_signature_in_a_url_is_over_these_parameters_in_this_order(query: str) -> None:
    """M21: detached signature with reordered or doubled parameters."""
    with pytest.raises(BadAnswer):
        await connector().signed_out(fetched(query))
    assert (await connector().signed_out(fetched(GOOD))).subject == "ada"


async def test_a_signature_goes_over_what_was_sent_not_over_what_it_means() -> None:
    """Some providers percent-encode in lower case; and other parameters do not matter."""
    octets = "&".join(
        f"{n}={PARTS[n].replace('%2F', '%2f').replace('%2B', '%2b')}" for n in ("SAMLRequest", "RelayState")
    )
    octets += f"&SigAlg={quote_plus(f'{MORE}rsa-sha256').replace('%3A', '%3a')}"
    from tests.federation.saml.standin import raw_signature

    value = quote_plus(base64.b64encode(raw_signature(octets.encode(), key(), f"{MORE}rsa-sha256")).decode())
    assert (await connector().signed_out(fetched(f"{octets}&Signature={value}"))).subject == "ada"
    assert (await connector().signed_out(fetched(f"{GOOD}&utm_source=x"))).subject == "ada"


async def test_parameters_that_the_host_read_differently_are_refused() -> None:
    other = tuple({**dict(fetched(GOOD).params), "RelayState": "other"}.items())
    with pytest.raises(BadAnswer, match="not those that are signed"):
        await connector().signed_out(replace(fetched(GOOD), params=other))


@pytest.mark.parametrize("inner", ["<saml:NameID>ada</saml:NameID>" * 2, "", "<saml:EncryptedID/>"])
async def test_a_request_names_one_person(inner: str) -> None:
    message = logout_request()
    start, end = message.index("<saml:NameID"), message.index("</saml:NameID>") + len("</saml:NameID>")
    with pytest.raises(BadAnswer):
        await connector().signed_out(fetched(query_of(message[:start] + inner + message[end:])))


async def test_a_name_that_is_encrypted_is_nobody_to_us() -> None:
    hidden = encrypted("x", Encrypt()).replace("EncryptedAssertion", "EncryptedID")
    message = logout_request()
    start, end = message.index("<saml:NameID"), message.index("</saml:NameID>") + len("</saml:NameID>")
    with pytest.raises(BadAnswer, match="names nobody"):
        await connector().signed_out(fetched(query_of(message[:start] + hidden + message[end:])))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (logout_request().replace('Version="2.0"', 'Version="1.1"'), "version"),
        (logout_response("_x"), "no LogoutRequest"),
        (response(), "no LogoutRequest"),
        (logout_request().replace("<saml:NameID", "<saml:Evil/><saml:NameID"), "schema"),
    ],
)
async def test_another_message_ends_nothing_however_well_it_is_signed(message: str, why: str) -> None:
    with pytest.raises(BadAnswer, match=why):
        await connector().signed_out(fetched(query_of(message)))
    assert (await connector().signed_out(fetched(GOOD))).subject == "ada"


# --------------------------------------------------------------------------------------------------- our own request


SESSION = UpstreamSession("ada", "_session1", {"value": "ada", "format": PERSISTENT, "name_qualifier": IDP})
OUT = Handoff("state", "main", "corp", LOGOUT, NOW)


async def asked(**settings: Any) -> Begun:
    begun = await connector(sign_out=True, **settings).sign_out(SESSION, LOGOUT, "state", NOW)
    assert begun is not None
    return begun


async def test_we_ask_the_provider_to_end_the_session() -> None:
    begun = await asked()
    assert isinstance(begun.outgoing, Redirect)
    query = urlsplit(begun.outgoing.url).query
    callback = Callback("GET", tuple(parse_qsl(query)), query, NOW)
    check_query(callback, [key("sp").pem])
    from federation.connectors.saml.bindings import message_of

    root = etree.fromstring(message_of(callback, "SAMLRequest"))
    name = root.find("{*}NameID")
    assert (name.text, name.get("Format"), name.get("NameQualifier")) == ("ada", PERSISTENT, IDP)
    assert root.findtext("{*}SessionIndex") == "_session1"
    assert (root.get("ID"), root.get("Destination")) == (begun.memo["request_id"], SLO)
    assert root.get("NotOnOrAfter") == at(NOW + 360)
    assert callback.one("RelayState") == "state"


async def test_we_ask_by_post_where_there_is_nothing_else() -> None:
    begun = await asked(metadata=POST_ONLY)
    assert isinstance(begun.outgoing, FormPost)
    root = etree.fromstring(base64.b64decode(dict(begun.outgoing.fields)["SAMLRequest"]))
    from federation.connectors.saml.signatures import verified

    assert b"ada" in verified(root, root, [key("sp").pem])


async def test_we_ask_only_where_it_is_set_and_offered() -> None:
    assert await connector().sign_out(SESSION, LOGOUT, "state", NOW) is None
    silent = connector(sign_out=True, metadata=metadata(logout=False))
    assert await silent.sign_out(SESSION, LOGOUT, "state", NOW) is None
    at_idp = connector(sign_out=True)
    assert await at_idp.sign_out(UpstreamSession("ada"), LOGOUT, "state", NOW) is None, "no name, nothing to ask for"
    with pytest.raises(Misconfigured):
        await at_idp.sign_out(SESSION, "https://else.example/", "state", NOW)


def answer(message: str, by: str, relay: str = "state") -> Callback:
    if by == "redirect":
        return fetched(query_of(message, "SAMLResponse", relay=relay))
    return posted(sign(message, "_answer1", Sign()), relay=relay)


@pytest.mark.parametrize("by", ["redirect", "post"])
async def test_the_providers_answer_is_verified(by: str) -> None:
    begun = await asked()
    out = replace(OUT, memo=begun.memo)
    ours = begun.memo["request_id"]
    at_idp = connector(sign_out=True)
    await at_idp.sign_out_finished(out, answer(logout_response(ours), by))
    for wrong in (
        answer(logout_response("_other"), by),
        answer(logout_response(ours, issuer=OTHER_IDP), by),
        answer(logout_response(ours, destination=SLO), by),
        answer(logout_response(ours, issued=NOW - 361), by),
        answer(logout_response(ours), by, relay="other"),
        posted(logout_response(ours)),
        fetched(f"SAMLResponse={quote_plus(deflated(logout_response(ours)))}&RelayState=state"),
    ):
        with pytest.raises(BadAnswer):
            await at_idp.sign_out_finished(out, wrong)
    with pytest.raises(ProviderRefused) as refusal:
        await at_idp.sign_out_finished(out, answer(logout_response(ours, status="Responder"), by))
    assert refusal.value.error == "Responder"
    with pytest.raises(NotForUs):
        await at_idp.sign_out_finished(OUT, answer(logout_response(ours), by))


async def test_an_address_as_name_needs_no_qualifier() -> None:
    message = logout_request(name_format=EMAIL, name_attributes=' NameQualifier="x"')
    assert (await connector().signed_out(fetched(query_of(message)))).subject == "ada"


async def test_a_request_by_a_key_that_is_newer_than_our_copy_of_the_metadata_counts() -> None:
    memory, newer = MemoryHost(pairs("sp")), key("newer")
    publish(memory, metadata())
    one = connector(memory, metadata="", metadata_url=URL)
    await one.signed_out(fetched(query_of(logout_request())))
    publish(memory, metadata([newer]))
    later = NOW + 120
    message = logout_request(ident="_logout2", issued=later, until=later + 300)
    ended = await one.signed_out(fetched(query_of(message, with_key=newer), now=later))
    assert ended.session == "_session1"
    forged = logout_request(ident="_logout3", issued=later, until=later + 300)
    with pytest.raises(UnknownKey):
        await one.signed_out(fetched(query_of(forged, with_key=key("evil")), now=later))
