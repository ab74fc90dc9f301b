"""A signed response must also be meant for this sign-in, here and now (M9 to M15, M18, M20)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from federation.errors import BadAnswer, Cancelled, FederationError, NotForUs, ProviderRefused
from federation.model import Callback, Handoff
from tests.federation.saml.desk import HANDOFF, connector, pairs, refused, sign_in
from tests.federation.saml.host import ISSUER, MemoryHost
from tests.federation.saml.standin import (
    ACS,
    BEARER,
    IDP,
    NOW,
    OTHER_IDP,
    REQUEST,
    SP,
    STATUS,
    Say,
    at,
    posted,
    response,
)

pytestmark = pytest.mark.anyio
FREE = Say(in_response_to=None, confirmed_in_response_to=None)


async def not_for_us(changes: dict[str, Any], **settings: Any) -> None:
    """A response that differs in this is refused, and without that it is not."""
    assert isinstance(await refused(replace(Say(), **changes), **settings), BadAnswer)
    assert (await sign_in(Say(), **settings)).subject == "ada"


# ------------------------------------------------------------------------------------------------------ M9: replay


@pytest.mark.parametrize("again", ["the same provider object", "another node", "another response around it", "restart"])
async def test_an_assertion_is_used_once(again: str) -> None:
    """M9: same node, another node, after a restart: `Once` is the one memory that all share."""
    memory = MemoryHost(pairs())
    first = connector(memory)
    assert (await sign_in(at=first)).subject == "ada"
    second = first if again == "the same provider object" else connector(memory)
    say = Say(response_id="_response2") if again == "another response around it" else Say()
    assert "used before" in (await refused(say, second)).detail
    assert (await sign_in(Say(assertion_id="_assertion2"), second)).subject == "ada"


async def test_of_two_at_once_one_signs_in() -> None:
    """M9: a race."""
    memory = MemoryHost(pairs())
    results = await asyncio.gather(*(sign_in(at=connector(memory)) for _ in range(4)), return_exceptions=True)
    assert sum(not isinstance(r, BaseException) for r in results) == 1


async def test_a_refused_assertion_is_not_used_up() -> None:
    memory = MemoryHost(pairs())
    await refused(Say(audiences=("https://else.example/",)), connector(memory))
    assert not memory.once.used
    await sign_in(at=connector(memory))
    (until,) = memory.once.used.values()
    assert until >= NOW + 300 + 60, "remembered for as long as it could be used"


# ------------------------------------------------------------------------------------------------- M10: InResponseTo


@pytest.mark.parametrize(
    "changes",
    [
        {"in_response_to": None, "confirmed_in_response_to": None},
        {"in_response_to": "_unknown", "confirmed_in_response_to": "_unknown"},
        {"in_response_to": "_of_another", "confirmed_in_response_to": REQUEST},
        {"in_response_to": REQUEST, "confirmed_in_response_to": "_of_another"},
        {"in_response_to": None},
        {"confirmed_in_response_to": None},
    ],
)
async def test_a_response_answers_the_request_of_this_sign_in(changes: dict[str, Any]) -> None:
    """M10: absent, unknown, another session's, in one place only."""
    await not_for_us(changes)


@pytest.mark.parametrize(
    "handoff",
    [replace(HANDOFF, memo={"request_id": "_other"}), replace(HANDOFF, memo={}), replace(HANDOFF, state="other")],
)
async def test_a_response_belongs_to_one_hand_off(handoff: Handoff) -> None:
    """M10: another session's."""
    with pytest.raises(NotForUs):
        await connector().finish(handoff, posted(response()))
    assert (await connector().finish(HANDOFF, posted(response()))).subject == "ada"


# -------------------------------------------------------------------------------------- M11: Destination, Recipient


@pytest.mark.parametrize("name", ["destination", "recipient"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "https://else.example/acs",
        f"{ISSUER.replace('main', 'other')}/saml2/idpresponse",
        ACS.replace("https", "http"),
        ACS + "/",
        ACS.upper(),
    ],
)
async def test_a_response_comes_to_the_address_that_it_names(name: str, value: str | None) -> None:
    """M11: absent, wrong, another ACS, http."""
    await not_for_us({name: value})


# -------------------------------------------------------------------------------------------------- M12: Audience


@pytest.mark.parametrize(
    "changes",
    [
        {"audiences": ("https://wrong.example/",)},
        {"audiences": None},
        {"audiences": (SP.replace("corp", "other"),)},
        {"audiences": (SP + "/", SP.upper())},
        {"audiences": (f" {SP} ",)},
        {"conditions": ""},
        {
            "conditions": f"<saml:Conditions><saml:AudienceRestriction><saml:Audience>{SP}</saml:Audience>"
            "</saml:AudienceRestriction><saml:AudienceRestriction><saml:Audience>urn:x</saml:Audience>"
            "</saml:AudienceRestriction></saml:Conditions>"
        },
    ],
)
async def test_an_assertion_is_for_us(changes: dict[str, Any]) -> None:
    """M12: wrong, absent, another SP; each restriction must hold."""
    await not_for_us(changes)


async def test_an_issuer_may_say_that_it_is_an_entity() -> None:
    entity = '<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">'
    say = Say(edit_assertion=lambda a: a.replace("<saml:Issuer>", entity))
    assert (await sign_in(say)).subject == "ada"


async def test_we_may_be_one_of_several_audiences() -> None:
    assert (await sign_in(Say(audiences=("urn:x", SP)))).subject == "ada"
    own = "urn:example:our-own-name"
    assert (await sign_in(Say(audiences=(own,)), entity_id=own)).subject == "ada"


# ----------------------------------------------------------------------------------------------------- M13: time


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ({"not_before": NOW + 61}, {"not_before": NOW + 60}),
        ({"not_on_or_after": NOW - 60}, {"not_on_or_after": NOW - 59}),
        ({"confirmed_until": NOW - 60}, {"confirmed_until": NOW - 59}),
        ({"confirmed_until": None}, {"not_on_or_after": None}),
        ({"confirmed_from": NOW + 61}, {"confirmed_from": NOW + 60}),
        ({"session_end": NOW - 60}, {"session_end": NOW - 59}),
        ({"issued": NOW + 61}, {"issued": NOW + 60}),
        ({"authenticated": NOW + 61}, {"authenticated": NOW + 60}),
        ({"authenticated": None}, {"authenticated": NOW - 100_000}),
    ],
)
async def test_clocks_may_differ_by_a_minute(bad: dict[str, Any], good: dict[str, Any]) -> None:
    """M13: NotBefore, NotOnOrAfter, absent, session limit."""
    assert isinstance(await refused(replace(Say(), **bad)), BadAnswer)
    assert (await sign_in(replace(Say(), **good))).subject == "ada"


async def test_an_answer_may_be_older_than_a_message_that_nobody_asked_for() -> None:
    """M13: what answers a request is bound to it, whenever it was issued."""
    assert (await sign_in(Say(issued=NOW - 3600))).subject == "ada"


async def test_whoever_was_to_sign_in_anew_has_done_so() -> None:
    """M13: stale AuthnInstant under ForceAuthn. The hand-off began 20 seconds ago."""
    stale = Say(authenticated=NOW - 20 - 61)
    assert (await sign_in(stale)).authenticated_at == NOW - 81
    with pytest.raises(NotForUs, match="anew"):
        await sign_in(stale, fresh=True)
    assert (await sign_in(replace(stale, authenticated=NOW - 20 - 60), fresh=True)).subject == "ada"
    with pytest.raises(NotForUs, match="anew"):
        await connector().finish(replace(HANDOFF, max_age=3600), posted(response(stale)))


@pytest.mark.parametrize("text", ["yesterday", "2027-01-15T08:00:00", "2027-13-15T08:00:00Z", "2027-01-15"])
async def test_a_time_that_is_none_is_refused(text: str) -> None:
    """M13: without a zone, nobody knows when it is."""
    wrong = Say(edit_assertion=lambda a: a.replace(f'NotBefore="{at(NOW - 5)}"', f'NotBefore="{text}"'))
    assert isinstance(await refused(wrong), BadAnswer)
    fine = Say(
        edit_assertion=lambda a: a.replace(f'NotBefore="{at(NOW - 5)}"', 'NotBefore="2027-01-15T07:00:00.123456789Z"')
    )
    assert (await sign_in(fine)).subject == "ada"


# --------------------------------------------------------------------------------------------------- M14: issuers


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": OTHER_IDP, "assertion_issuer": OTHER_IDP},
        {"issuer": OTHER_IDP},
        {"assertion_issuer": OTHER_IDP},
        {"issuer": f" {IDP} "},
        {"assertion_issuer": f"{IDP}\n"},
        {"issuer": None},
        {"edit_assertion": lambda a: a.replace("<saml:Issuer>", '<saml:Issuer Format="urn:example:other">')},
    ],
)
async def test_both_issuers_are_the_provider_to_the_letter(changes: dict[str, Any]) -> None:
    """M14: another's, different ones, spaces."""
    await not_for_us(changes)


# ------------------------------------------------------------------------------- M15: SubjectConfirmation, Status


@pytest.mark.parametrize(
    "changes",
    [
        {"confirmations": ""},
        {"confirmations": f'<saml:SubjectConfirmation Method="{BEARER}"/>'},
        {"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"},
        {"method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"},
        {"confirmed_until": NOW - 61},
        {"status": f'<samlp:StatusCode Value="{STATUS}Responder"/>'},
        {
            "status": f'<samlp:StatusCode Value="{STATUS}Requester"><samlp:StatusCode Value="{STATUS}Success"/></samlp:StatusCode>'
        },
    ],
)
async def test_somebody_must_be_confirmed(changes: dict[str, Any]) -> None:
    """M15: confirmation absent, not bearer, expired; a status that is not success."""
    assert isinstance(await refused(replace(Say(), **changes)), FederationError)
    assert (await sign_in()).subject == "ada"


async def test_one_good_confirmation_is_enough() -> None:
    bad = '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"/>'
    good = (
        f'<saml:SubjectConfirmation Method="{BEARER}"><saml:SubjectConfirmationData NotOnOrAfter="{at(NOW + 60)}"'
        f' Recipient="{ACS}" InResponseTo="{REQUEST}"/></saml:SubjectConfirmation>'
    )
    assert (await sign_in(Say(confirmations=bad + good))).subject == "ada"
    # The parts of two confirmations do not make a good one.
    halves = good.replace(ACS, "https://else.example/") + good.replace(REQUEST, "_else")
    assert isinstance(await refused(Say(confirmations=halves)), NotForUs)


def status(*codes: str) -> str:
    inner = ""
    for code in reversed(codes):
        inner = f'<samlp:StatusCode Value="{STATUS}{code}">{inner}</samlp:StatusCode>'
    return inner


@pytest.mark.parametrize(
    ("codes", "kind", "word"),
    [
        (("Responder", "RequestDenied"), Cancelled, "RequestDenied"),
        (("Responder", "AuthnFailed"), ProviderRefused, "AuthnFailed"),
        (("Responder", "NoPassive"), ProviderRefused, "NoPassive"),
        (("Requester", "NoAuthnContext"), ProviderRefused, "NoAuthnContext"),
        (("Responder",), ProviderRefused, "Responder"),
        (("Responder", "&lt;script&gt;"), ProviderRefused, "Responder"),
        (("x" * 100,), ProviderRefused, "Unknown"),
    ],
)
async def test_a_provider_may_refuse(codes: tuple[str, ...], kind: type[ProviderRefused], word: str) -> None:
    """An answer without an assertion needs no signature: all that it does is to end this sign-in."""
    say = Say(status=status(*codes), sign=())
    bare = response(say).partition("<saml:Assertion")[0] + "</samlp:Response>"
    failure = await refused(bare)
    assert type(failure) is kind
    assert isinstance(failure, ProviderRefused)
    assert failure.error == word
    foreign = await refused(bare.replace(REQUEST, "_other"))
    assert isinstance(foreign, NotForUs), "and it must be of this sign-in"


async def test_success_without_an_assertion_is_none() -> None:
    bare = response(Say(sign=())).partition("<saml:Assertion")[0] + "</samlp:Response>"
    assert "no assertion" in (await refused(bare)).detail


@pytest.mark.parametrize(
    "condition",
    [
        '<saml:Condition xmlns:e="urn:e" xsi:type="e:Evil"/>',
        '<saml:Condition xsi:type="saml:ConditionAbstractType"/>',
        '<saml:Condition xsi:type="saml:OneTimeUseType"/>',
    ],
)
async def test_a_condition_that_nobody_knows_is_not_met(condition: str) -> None:
    with_it = Say(edit_assertion=lambda a: a.replace("</saml:Conditions>", f"{condition}</saml:Conditions>"))
    assert isinstance(await refused(with_it), BadAnswer)
    once = Say(edit_assertion=lambda a: a.replace("</saml:Conditions>", "<saml:OneTimeUse/></saml:Conditions>"))
    assert (await sign_in(once)).subject == "ada"


@pytest.mark.parametrize("version", ["1.1", "2.1", ""])
async def test_other_versions_are_not_spoken(version: str) -> None:
    old = Say(edit_assertion=lambda a: a.replace('Version="2.0"', f'Version="{version}"'))
    assert isinstance(await refused(old), BadAnswer)
    other = Say(edit_response=lambda r: r.replace('Version="2.0"', f'Version="{version}"', 1))
    assert isinstance(await refused(other), BadAnswer)


async def test_a_response_comes_once_in_a_request() -> None:
    once = posted(response())
    for params in ((), (once.params[0], once.params[0], once.params[1]), (*once.params, once.params[1])):
        assert isinstance(await refused(replace(once, params=params)), BadAnswer)
    assert (await sign_in(once)).subject == "ada"


# ------------------------------------------------------------------------------------ M18: RelayState; M20: other pools


RELAY_STATES = [
    "https://evil.example/",
    "//evil.example/",
    "javascript:alert(1)",
    "state\r\nSet-Cookie: a=b",
    "<script>alert(1)</script>",
    "x" * 81,
    "/\\evil.example",
]


@pytest.mark.parametrize("relay", RELAY_STATES)
async def test_a_relay_state_that_is_not_ours_ends_the_sign_in(relay: str) -> None:
    """M18: absolute, //, javascript:, CRLF, markup, too long."""
    with pytest.raises(NotForUs):
        await connector().finish(HANDOFF, posted(response(), relay=relay))
    assert (await connector().finish(HANDOFF, posted(response()))).subject == "ada"


@pytest.mark.parametrize("relay", RELAY_STATES)
async def test_a_relay_state_of_an_unsolicited_response_is_handed_on_as_it_came(relay: str) -> None:
    """M18: the host decides about it; nothing in the connector goes by it."""
    at_idp = connector(idp_initiated=True)
    _, given = await at_idp.unsolicited(posted(response(FREE), relay=relay), ACS)
    assert given == relay


async def test_a_response_for_another_pool_signs_nobody_in() -> None:
    """M20: another pool. (Disabled and deleted providers are the host's: it makes no connector for them.)"""
    elsewhere = ISSUER.replace("main", "second")
    say = Say(
        destination=f"{elsewhere}/saml2/idpresponse",
        recipient=f"{elsewhere}/saml2/idpresponse",
        audiences=(f"{elsewhere}/saml2/metadata/corp",),
    )
    assert isinstance(await refused(say), NotForUs)
    assert isinstance(await refused(replace(say, destination=ACS)), NotForUs)
    assert isinstance(await refused(replace(say, destination=ACS, recipient=ACS)), NotForUs)
    assert (await sign_in(replace(say, destination=ACS, recipient=ACS, audiences=(SP,)))).subject == "ada"


# ----------------------------------------------------------------------------------------------- IdP-initiated


async def test_a_sign_in_may_begin_at_the_provider_where_that_is_allowed() -> None:
    """M10: unsolicited is off by default."""
    with pytest.raises(NotForUs, match="idp_initiated"):
        await connector().unsolicited(posted(response(FREE), relay="client_id=web"), ACS)
    identity, relay = await connector(idp_initiated=True).unsolicited(
        posted(response(FREE), relay="client_id=web"), ACS
    )
    assert (identity.subject, relay) == ("ada", "client_id=web")


async def test_an_unsolicited_response_may_have_no_relay_state() -> None:
    _, relay = await connector(idp_initiated=True).unsolicited(posted(response(FREE), relay=None), ACS)
    assert relay == ""


@pytest.mark.parametrize(
    "say",
    [
        Say(),
        replace(FREE, in_response_to=REQUEST),
        replace(FREE, confirmed_in_response_to=REQUEST),
        replace(FREE, issued=NOW - 361),
        replace(FREE, recipient="https://else.example/"),
        replace(FREE, audiences=("https://else.example/",)),
    ],
)
async def test_an_unsolicited_response_answers_nothing_and_is_new(say: Say) -> None:
    with pytest.raises(NotForUs):
        await connector(idp_initiated=True).unsolicited(posted(response(say)), ACS)
    assert await connector(idp_initiated=True).unsolicited(posted(response(replace(FREE, issued=NOW - 360))), ACS)


async def test_an_unsolicited_response_is_used_once_at_all_doors() -> None:
    """M9: IdP-initiated OneTimeUse."""
    memory = MemoryHost(pairs())
    at_idp = connector(memory, idp_initiated=True)
    await at_idp.unsolicited(posted(response(FREE)), ACS)
    with pytest.raises(NotForUs, match="before"):
        await connector(memory, idp_initiated=True).unsolicited(posted(response(FREE)), ACS)
    with pytest.raises(NotForUs):
        await sign_in(FREE, at_idp)


async def test_a_provider_recognizes_its_own_messages() -> None:
    at_idp = connector()
    assert await at_idp.recognizes(posted(response(FREE)))
    assert not await at_idp.recognizes(posted(response(replace(FREE, issuer=OTHER_IDP))))
    assert not await at_idp.recognizes(posted("<broken"))
    assert not await at_idp.recognizes(Callback("POST", (), "", NOW))
