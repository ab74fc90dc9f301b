"""Sign-outs that a provider tells: every check of OpenID Connect Back-Channel Logout 1.0, 2.6, the suite's bad logout
tokens, and frames (Front-Channel Logout 1.0, 2).

The suite's modules by name are in `test_oidc_rp_modules.py`.
"""

from typing import Any

import pytest

from federation.connector import EndedThere
from federation.connectors.logout_token import EVENT
from federation.errors import BadAnswer, ProviderUnavailable
from federation.model import Callback
from tests.federation.cases import ACME, acme
from tests.federation.host import NOW, World
from tests.federation.standins.openid import OpenIdProvider, hmac_token
from tests.resource_servers import forge

pytestmark = pytest.mark.anyio

CLAIMS = {
    "iss": ACME.issuer,
    "aud": "client-1",
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "jti-1",
    "events": {EVENT: {}},
    "sid": "session-9",
    "sub": "ada-0001",
}


def logout_token(site: OpenIdProvider, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    head = forge.changed({"alg": "RS256", "kid": "op-1", "typ": "logout+jwt"}, header or {})
    return forge.compact(head, forge.changed(CLAIMS, claims), site.signing)


async def told(world: World, token: str, method: Any = "POST") -> EndedThere:
    ended: EndedThere = await world.connector.signed_out(Callback(method, (("logout_token", token),), "", world.now))
    return ended


async def refused(token: str, world: World | None = None) -> str:
    with pytest.raises(BadAnswer) as refusal:
        await told(world or acme(), token)
    return str(refusal.value)


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "JWT", ...])
async def test_a_good_logout_token_ends_its_session(typ: Any) -> None:
    world = acme()
    ended = await told(world, logout_token(world.site, header={"typ": typ}))
    assert (ended.subject, ended.session, ended.answer) == ("ada-0001", "session-9", None)


async def test_sub_or_sid_suffices_but_one_must_be_there() -> None:
    world = acme()
    assert (await told(world, logout_token(world.site, sid=...))).session is None
    assert (await told(world, logout_token(world.site, sub=..., jti="jti-2"))).subject is None
    await refused(logout_token(world.site, sub=..., sid=..., jti="jti-3"), world)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": ...},
        {"aud": "another"},
        {"aud": ...},
        {"iat": ...},
        {"iat": NOW + 3600},
        {"exp": NOW - 61},
        {"exp": ...},
        {"jti": ...},
        {"jti": 7},
        {"jti": "x" * 300},
        {"events": ...},
        {"events": {}},
        {"events": {EVENT: "yes"}},
        {"events": [EVENT]},
        {"events": {"https://evil.example/event": {}}},
        {"nonce": "n"},
        {"nonce": None},
        {"sub": 7},
        {"sid": ""},
        {"sid": 7},
    ],
    ids=str,
)
async def test_a_logout_token_that_lacks_something_is_refused(claims: dict[str, Any]) -> None:
    world = acme()
    await refused(logout_token(world.site, **claims), world)
    assert (await told(world, logout_token(world.site))).subject == "ada-0001"


async def test_a_logout_token_counts_once() -> None:
    world = acme()
    token = logout_token(world.site)
    await told(world, token)
    assert "before" in await refused(token, world)
    assert "before" in await refused(logout_token(world.site, sid="other"), world)
    assert await told(world, logout_token(world.site, jti="jti-2"))


async def test_a_refused_logout_token_uses_nothing_up() -> None:
    world = acme()
    await refused(logout_token(world.site, aud="another"), world)
    assert await told(world, logout_token(world.site))


async def test_an_unsigned_or_wrongly_signed_logout_token_is_refused() -> None:
    world = acme()
    unsigned = f"{forge.part({'alg': 'none'})}.{forge.part(CLAIMS)}."
    await refused(unsigned, world)
    await refused(hmac_token({"alg": "HS256"}, CLAIMS, world.site.client_secret.encode()), world)
    foreign = forge.key("ES256", "op-1")
    await refused(forge.compact({"alg": "ES256", "kid": "op-1"}, CLAIMS, foreign), world)
    assert await told(world, logout_token(world.site))


async def test_an_id_token_is_no_logout_token_nor_the_other_way_round() -> None:
    """J12."""
    world = acme()
    identity = await world.log_in()
    assert identity.session is not None
    await refused(str(identity.session.id_token), world)
    for typ in ("at+jwt", "client-authentication+jwt", "dpop+jwt", "id_token+jwt"):
        await refused(logout_token(world.site, header={"typ": typ}), world)
    world.site.header = {"typ": "logout+jwt"}
    with pytest.raises(BadAnswer, match="type"):
        await world.log_in()


async def test_a_logout_token_comes_by_post_and_once() -> None:
    world = acme()
    token = logout_token(world.site)
    with pytest.raises(BadAnswer):
        await told(world, token, "GET")
    with pytest.raises(BadAnswer):
        await world.connector.signed_out(Callback("POST", (("logout_token", token),) * 2, "", NOW))
    for bad in ("", "a b", "x" * 40_000):
        with pytest.raises(BadAnswer):
            await told(world, bad)
    assert world.network.sent == []
    assert await told(world, token)


async def test_without_keys_nothing_is_believed() -> None:
    world = acme()
    token = logout_token(world.site)
    await world.depart()
    world.network.down = {"id.acme.example"}
    with pytest.raises(ProviderUnavailable):
        await told(world, token)
    world.network.down = set()
    world.now += 10
    assert await told(world, token)


# ------------------------------------------------------------------------------------------------------------- frames

SID = "session-that-nobody-guesses"


def frame(*params: tuple[str, str], method: Any = "GET") -> Callback:
    return Callback(method, params, "", NOW)


def framed(world: World) -> World:
    return world.anew(settings={"frontchannel_logout": True})


async def test_a_frame_names_the_session_that_ended_and_who_may_have_it() -> None:
    world = framed(acme())
    ended = await world.connector.signed_out(frame(("iss", ACME.issuer), ("sid", SID)))
    assert ended == EndedThere(None, SID, framed_by=(ACME.end_session_endpoint, ACME.issuer))


async def test_frames_are_believed_only_where_that_is_set_up() -> None:
    notice = frame(("iss", ACME.issuer), ("sid", SID))
    world = acme()
    for settings in ({}, {"frontchannel_logout": False}, {"frontchannel_logout": "true"}):
        with pytest.raises(BadAnswer):
            await world.anew(settings=settings).connector.signed_out(notice)
    assert world.network.sent == []
    assert await framed(world).connector.signed_out(notice)


@pytest.mark.parametrize(
    "params",
    [
        (),
        (("sid", SID),),
        (("iss", ACME.issuer),),
        (("iss", ""), ("sid", SID)),
        (("iss", ACME.issuer), ("sid", "")),
        (("iss", "https://evil.example"), ("sid", SID)),
        (("iss", ACME.issuer + "/"), ("sid", SID)),
        (("iss", ACME.issuer.upper()), ("sid", SID)),
        (("iss", ACME.issuer), ("sid", SID), ("sid", SID)),
        (("iss", ACME.issuer), ("iss", ACME.issuer), ("sid", SID)),
        (("iss", ACME.issuer), ("sid", "17")),
        (("iss", ACME.issuer), ("sid", "x" * 15)),
        (("iss", ACME.issuer), ("sid", "x" * 256)),
    ],
    ids=str,
)
async def test_a_frame_that_could_be_anybodys_ends_nothing(params: tuple[tuple[str, str], ...]) -> None:
    world = framed(acme())
    with pytest.raises(BadAnswer):
        await world.connector.signed_out(frame(*params))
    assert await world.connector.signed_out(frame(("iss", ACME.issuer), ("sid", "x" * 16)))


async def test_a_frame_is_no_form_and_a_logout_token_no_frame() -> None:
    world = framed(acme())
    with pytest.raises(BadAnswer):
        await world.connector.signed_out(frame(("iss", ACME.issuer), ("sid", SID), method="POST"))
    with pytest.raises(BadAnswer):
        await told(world, logout_token(world.site), "GET")
    assert await told(world, logout_token(world.site))
