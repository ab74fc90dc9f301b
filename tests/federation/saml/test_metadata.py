"""The provider's metadata: reading, keeping, refreshing (M19)."""

from dataclasses import replace
from typing import Any

import pytest

from federation.connectors.saml.metadata import LARGEST, read_metadata
from federation.connectors.saml.provider import SamlProvider
from federation.errors import BadAnswer, FederationError, Misconfigured, ProviderUnavailable
from federation.model import Asked, Redirect
from federation.ports import Response
from tests.federation.saml.desk import HANDOFF, connector, pairs, refused, sign_in
from tests.federation.saml.host import MemoryHost
from tests.federation.saml.standin import (
    ACS,
    IDP,
    NOW,
    OTHER_IDP,
    SSO,
    Say,
    Sign,
    aggregate,
    at,
    key,
    metadata,
    posted,
    response,
    sign,
)

pytestmark = pytest.mark.anyio
URL = "https://idp.example.org/metadata.xml"
HOUR = 3600


def remote(body: str | bytes = "", **settings: Any) -> tuple[MemoryHost, SamlProvider]:
    memory = MemoryHost(pairs())
    publish(memory, body or metadata())
    return memory, connector(memory, metadata_url=URL, **settings)


def publish(memory: MemoryHost, body: str | bytes | None, etag: str = "", status: int = 200, url: str = URL) -> None:
    if body is None:
        memory.http.answers.pop(url, None)
    else:
        octets = body.encode() if isinstance(body, str) else body
        memory.http.answers[url] = Response(status, octets, {"etag": etag} if etag else {})


async def works(at_idp: SamlProvider, now: int, by: Sign | None = None) -> bool:
    """Whether somebody can sign in at this time."""
    say = Say(
        assertion_id=f"_a{now}",
        how=by or Sign(),
        issued=now,
        confirmed_until=now + 60,
        not_before=now,
        not_on_or_after=now + 60,
        authenticated=now,
    )
    try:
        await at_idp.finish(replace(HANDOFF, begun_at=now), posted(response(say), now=now))
    except FederationError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------- reading


def test_metadata_says_who_the_provider_is_and_how_to_reach_it() -> None:
    idp = read_metadata(metadata([key(), key("new")]).encode(), NOW)
    assert idp.entity_id == IDP
    assert set(idp.sign_on.values()) == {SSO}
    assert len(idp.certificates) == 2
    assert not idp.wants_signed_requests
    assert (idp.valid_until, idp.cache_duration) == (None, None)


def test_metadata_may_describe_more_than_we_look_at() -> None:
    """ADFS describes WS-Federation beside SAML, others an older SAML, and keys by name only."""
    roles = (
        '<md:RoleDescriptor xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="fed:ApplicationServiceType"'
        ' protocolSupportEnumeration="http://docs.oasis-open.org/ws-sx/ws-trust/200512"/>'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol">'
        '<md:SingleSignOnService Binding="urn:mace:shibboleth:1.0:profiles:AuthnRequest" Location="https://old.example/"/>'
        "</md:IDPSSODescriptor>"
    )
    named = (
        '<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:KeyName>x</ds:KeyName>'
        "</ds:KeyInfo></md:KeyDescriptor>"
    )
    text = metadata(more=roles).replace("<md:KeyDescriptor", f"{named}<md:KeyDescriptor", 1)
    idp = read_metadata(text.encode(), NOW)
    assert (set(idp.sign_on.values()), len(idp.certificates)) == ({SSO}, 1)


def test_metadata_may_have_comments_a_declaration_and_a_byte_order_mark() -> None:
    text = f'\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- by hand -->{metadata(more="<!-- x -->")}'
    assert read_metadata(text.encode(), NOW).entity_id == IDP


def test_the_shortest_limit_around_the_provider_counts() -> None:
    inner = metadata(attributes=f' validUntil="{at(NOW + 900)}" cacheDuration="PT1H"')
    text = aggregate(inner, attributes=f' validUntil="{at(NOW + 500)}" cacheDuration="P1D"')
    idp = read_metadata(text.encode(), NOW)
    assert (idp.valid_until, idp.cache_duration) == (NOW + 500, 3600)


UNSIGNED = {"signed_by": key("federation").pem}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        pytest.param(metadata(), UNSIGNED, id="unsigned when it must be"),
        pytest.param(
            sign(metadata(attributes=' ID="_m"'), "_m", Sign(key=key("mallory"))), UNSIGNED, id="signed by another key"
        ),
        pytest.param(metadata(attributes=f' validUntil="{at(NOW - 61)}"'), {}, id="expired"),
        pytest.param(aggregate(metadata(), metadata([key("mallory")])), {"entity_id": IDP}, id="entityID clash"),
        pytest.param(aggregate(metadata(), metadata(entity_id=OTHER_IDP)), {}, id="two providers"),
        pytest.param(metadata(), {"entity_id": OTHER_IDP}, id="another provider"),
        pytest.param(metadata(sso="http://idp.example.org/sso"), {}, id="http service"),
        pytest.param(metadata(sso="javascript:alert(1)"), {}, id="no http at all"),
        pytest.param(metadata().replace(f'Location="{SSO}"', ""), {}, id="no address"),
        pytest.param(metadata(sso="https://idp.example.org/&#10;Set-Cookie: a=b"), {}, id="a line in an address"),
        pytest.param(metadata(sso="https://good.example@evil.example/"), {}, id="a name before the host"),
        pytest.param(metadata().replace("IDPSSODescriptor", "SPSSODescriptor"), {}, id="no provider"),
        pytest.param(metadata().replace("SAML:2.0:protocol", "SAML:1.1:protocol"), {}, id="another protocol"),
        pytest.param("<html/>", {}, id="no metadata"),
        pytest.param(f"<html>{metadata()}</html>", {}, id="metadata in something else"),
        pytest.param(metadata().replace("bindings:HTTP-", "bindings:SOAP-"), {}, id="no binding of ours"),
        pytest.param("<", {}, id="no XML"),
        pytest.param(f"<!DOCTYPE x>{metadata()}", {}, id="DTD"),
        pytest.param(metadata(more=" " * LARGEST), {}, id="more than 5 MB"),
        pytest.param(metadata().replace("MII", "!!!"), {}, id="no certificate"),
    ],
)
def test_metadata_that_cannot_be_gone_by_is_refused(text: str, options: dict[str, str]) -> None:
    """M19: unsigned when required, expired, entityID clash, http, more than 5 MB."""
    with pytest.raises(BadAnswer):
        read_metadata(text.encode(), NOW, **options)
    assert read_metadata(metadata().encode(), NOW).entity_id == IDP


def test_signed_metadata_is_taken_where_it_must_be_signed() -> None:
    good = sign(metadata(attributes=' ID="_m"'), "_m", Sign(key=key("federation")))
    assert read_metadata(good.encode(), NOW, **UNSIGNED).entity_id == IDP
    changed = good.replace(SSO, "https://mallory.example/")
    with pytest.raises(BadAnswer):
        read_metadata(changed.encode(), NOW, **UNSIGNED)
    whole = sign(aggregate(metadata(), attributes=' ID="_all"'), "_all", Sign(key=key("federation")))
    assert read_metadata(whole.encode(), NOW, entity_id=IDP, **UNSIGNED).entity_id == IDP
    only_inner = aggregate(good, metadata(entity_id=OTHER_IDP))
    with pytest.raises(BadAnswer):
        read_metadata(only_inner.encode(), NOW, entity_id=IDP, **UNSIGNED)


async def test_a_key_without_a_use_signs_and_signatures_are_still_asked_for() -> None:
    """M19: KeyDescriptor without use."""
    at_idp = connector(metadata=metadata(use=None))
    assert "not signed" in (await refused(Say(sign=()), at_idp)).detail
    assert (await sign_in(at=at_idp)).subject == "ada"


# ------------------------------------------------------------------------------------------- fetching and keeping


async def test_metadata_is_fetched_once_and_again_after_six_hours() -> None:
    memory, at_idp = remote()
    assert await works(at_idp, NOW)
    assert await works(at_idp, NOW + 6 * HOUR - 1)
    assert len(memory.http.asked) == 1
    assert await works(at_idp, NOW + 6 * HOUR)
    assert len(memory.http.asked) == 2


async def test_a_provider_may_say_how_often() -> None:
    memory, at_idp = remote(metadata(attributes=' cacheDuration="PT1H"'))
    assert await works(at_idp, NOW)
    assert await works(at_idp, NOW + HOUR - 1)
    assert len(memory.http.asked) == 1
    assert await works(at_idp, NOW + HOUR)
    assert len(memory.http.asked) == 2


@pytest.mark.parametrize("broken", [None, "<broken", metadata(entity_id=OTHER_IDP), "x" * (LARGEST + 1), ("", 503)])
async def test_a_broken_refresh_keeps_the_last_good_copy(broken: Any) -> None:
    """M19: broken refresh."""
    memory, at_idp = remote(idp_entity_id=IDP)
    assert await works(at_idp, NOW)
    publish(memory, *((broken[0], "", broken[1]) if isinstance(broken, tuple) else (broken,)))
    later = NOW + 7 * HOUR
    assert await works(at_idp, later)
    assert await works(at_idp, later + 59)
    assert len(memory.http.asked) == 2, "and it is not asked again for a minute"
    (check,) = [c for c in await at_idp.examine(ACS, later) if c.name == "metadata refresh"]
    assert check.outcome == "warning"
    publish(memory, metadata())
    assert await works(at_idp, later + 60)
    assert len(memory.http.asked) == 3
    assert not [c for c in await at_idp.examine(ACS, later) if c.name == "metadata refresh"]


async def test_a_restart_starts_from_the_kept_copy() -> None:
    memory, at_idp = remote()
    assert await works(at_idp, NOW)
    publish(memory, None)
    restarted = connector(memory, metadata_url=URL)
    assert await works(restarted, NOW + HOUR)
    assert len(memory.http.asked) == 1
    assert await works(restarted, NOW + 24 * HOUR), "and stays with it"


async def test_a_copy_that_was_fetched_by_other_settings_is_not_used() -> None:
    memory, at_idp = remote()
    assert await works(at_idp, NOW)
    other = connector(memory, metadata_url="https://other.example.net/metadata.xml")
    assert not await works(other, NOW + 1)
    stricter = connector(memory, metadata_url=URL, metadata_certificate=key("federation").pem)
    assert not await works(stricter, NOW + 1)


async def test_another_node_does_not_ask_again() -> None:
    memory, first = remote()
    second = connector(memory, metadata_url=URL)
    assert await works(first, NOW)
    assert await works(second, NOW + 1)
    assert await works(first, NOW + 6 * HOUR)
    assert await works(second, NOW + 6 * HOUR + 2)
    assert len(memory.http.asked) == 2


async def test_metadata_that_has_ended_is_not_used_even_if_nothing_newer_comes() -> None:
    memory, at_idp = remote(metadata(attributes=f' validUntil="{at(NOW + HOUR)}"'))
    assert await works(at_idp, NOW)
    publish(memory, None)
    assert await works(at_idp, NOW + HOUR + 59)
    assert not await works(at_idp, NOW + HOUR + 60)
    with pytest.raises(ProviderUnavailable, match="no longer valid"):
        await at_idp.begin(Asked("state", ACS, NOW + HOUR + 60))
    assert not await works(connector(memory, metadata_url=URL), NOW + HOUR + 60)


async def test_metadata_is_fetched_again_before_it_ends() -> None:
    memory, at_idp = remote(metadata(attributes=f' validUntil="{at(NOW + HOUR)}"'))
    assert await works(at_idp, NOW)
    publish(memory, metadata(attributes=f' validUntil="{at(NOW + 30 * HOUR)}"'))
    assert await works(at_idp, NOW + HOUR // 2)
    assert await works(at_idp, NOW + 2 * HOUR)


async def test_an_etag_saves_the_transfer() -> None:
    memory, at_idp = remote()
    publish(memory, metadata(), etag='"1"')
    assert await works(at_idp, NOW)
    assert await works(at_idp, NOW + 6 * HOUR)
    assert memory.http.asked[-1][1]["if-none-match"] == '"1"'
    assert await works(at_idp, NOW + 6 * HOUR + 61)
    assert len(memory.http.asked) == 2, "an answer that nothing has changed counts as fetched"
    publish(memory, metadata([key("new")]), etag='"2"')
    assert await works(at_idp, NOW + 12 * HOUR, Sign(key=key("new")))


async def test_keys_roll_over_without_an_outage() -> None:
    memory, at_idp = remote()
    assert await works(at_idp, NOW)
    publish(memory, metadata([key(), key("new")]))
    assert await works(at_idp, NOW + 6 * HOUR)
    assert await works(at_idp, NOW + 6 * HOUR + 1, Sign(key=key("new")))
    publish(memory, metadata([key("new")]))
    assert await works(at_idp, NOW + 12 * HOUR, Sign(key=key("new")))
    assert not await works(at_idp, NOW + 12 * HOUR + 1, Sign(key=key()))


async def test_a_key_that_is_not_known_is_looked_for_at_once() -> None:
    """A roll-over that nobody announced."""
    memory, at_idp = remote()
    assert await works(at_idp, NOW)
    publish(memory, metadata([key("new")]))
    assert await works(at_idp, NOW + 90, Sign(key=key("new")))
    assert len(memory.http.asked) == 2
    for number in range(5):  # forged messages cannot have us ask for each
        assert not await works(at_idp, NOW + 100 + number, Sign(key=key("mallory")))
    assert len(memory.http.asked) == 2
    assert not await works(at_idp, NOW + 500, Sign(key=key("mallory")))
    assert len(memory.http.asked) == 3


async def test_many_logins_at_once_fetch_once() -> None:
    import asyncio

    memory, at_idp = remote()
    await asyncio.gather(*(at_idp.begin(Asked("state", ACS, NOW)) for _ in range(20)))
    assert len(memory.http.asked) == 1


async def test_a_provider_that_was_never_reached_is_not_waited_for_again_and_again() -> None:
    memory, at_idp = remote()
    publish(memory, None)
    for _ in range(4):
        with pytest.raises(ProviderUnavailable):
            await at_idp.begin(Asked("state", ACS, NOW))
    assert len(memory.http.asked) == 1
    publish(memory, metadata())
    assert await at_idp.begin(Asked("state", ACS, NOW + 5))


async def test_tending_fetches_what_is_due_so_that_no_login_waits() -> None:
    memory, at_idp = remote()
    assert await at_idp.tend(NOW) == NOW + 6 * HOUR
    assert await works(at_idp, NOW + 1)
    assert await at_idp.tend(NOW + 6 * HOUR) == NOW + 12 * HOUR
    assert len(memory.http.asked) == 2
    publish(memory, None)
    assert await at_idp.tend(NOW + 12 * HOUR) == NOW + 12 * HOUR + 60
    assert await connector().tend(NOW) > NOW


async def test_one_provider_is_asked_for_by_its_name() -> None:
    memory = MemoryHost(pairs())
    url = "https://mdq.example.org/base/entities/https%3A%2F%2Fidp.example.org%2Fmetadata"
    publish(memory, metadata(), url=url)
    at_idp = connector(memory, mdq_url="https://mdq.example.org/base/", idp_entity_id=IDP)
    assert await works(at_idp, NOW)
    assert memory.http.asked[0][0] == url
    assert "samlmetadata+xml" in memory.http.asked[0][1]["accept"]
    publish(memory, metadata(entity_id=OTHER_IDP), url=url)
    fresh = connector(MemoryHost(pairs(), memory.http), mdq_url="https://mdq.example.org/base/", idp_entity_id=IDP)
    assert not await works(fresh, NOW)


# ------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"metadata": ""}, "metadata_url"),
        ({"metadata_url": URL, "metadata": "<x/>"}, "metadata_url"),
        ({"metadata_url": "http://idp.example.org/metadata"}, "metadata_url"),
        ({"metadata_url": "file:///etc/passwd"}, "metadata_url"),
        ({"mdq_url": "http://mdq.example.org", "idp_entity_id": IDP}, "mdq_url"),
        ({"mdq_url": "https://mdq.example.org"}, "idp_entity_id"),
        ({"name_id_format": "short"}, "name_id_format"),
        ({"name_id_format": "transient"}, "subject_attribute"),
        ({"metadata_certificate": "nonsense"}, "metadata_certificate"),
    ],
)
async def test_settings_that_cannot_work_are_named(settings: dict[str, Any], setting: str) -> None:
    with pytest.raises(Misconfigured) as fault:
        connector(**settings)
    assert fault.value.setting == setting


async def test_plain_http_is_for_this_machine_alone() -> None:
    memory = MemoryHost(pairs())
    publish(memory, metadata(sso="http://localhost:8080/sso"), url="http://localhost:8080/metadata")
    begun = await connector(memory, metadata_url="http://localhost:8080/metadata").begin(Asked("state", ACS, NOW))
    assert isinstance(begun.outgoing, Redirect)
    assert begun.outgoing.url.startswith("http://localhost:8080/sso?SAMLRequest=")


async def test_metadata_of_a_file_that_cannot_be_gone_by_is_the_operators_to_see_to() -> None:
    with pytest.raises(Misconfigured) as fault:
        await connector(metadata="<x/>").begin(Asked("state", ACS, NOW))
    assert fault.value.setting == "metadata"
    ended = connector(metadata=metadata(attributes=f' validUntil="{at(NOW)}"'))
    assert await ended.begin(Asked("state", ACS, NOW))
    with pytest.raises(Misconfigured, match="no longer valid"):
        await ended.begin(Asked("state", ACS, NOW + 60))
