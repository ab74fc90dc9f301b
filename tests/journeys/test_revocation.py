"""The revocation endpoint (RFC 7009), and that what is revoked stays so."""

from typing import Any

import pytest

from authserver.effects import SystemRandom
from authserver.tokens.refresh import first_token
from tests.journeys.house import (
    CLIENTS,
    ISSUER,
    ORDERS,
    POOL,
    SECRET,
    Browser,
    claims,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio


async def alive(browser: Browser, tokens: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the access token and the refresh token still work. The refresh rotates."""
    access = (await browser.userinfo(tokens["access_token"])).status_code == 200
    refreshed = await browser.refresh(tokens["refresh_token"])
    if refreshed.status_code == 200:
        tokens["refresh_token"] = refreshed.json()["refresh_token"]
    return access, refreshed.status_code == 200


async def test_a_refresh_token_takes_its_whole_grant_along() -> None:
    async with house() as at:
        browser = at.browser()
        tokens, other = await browser.tokens(), await browser.tokens()
        answer = await browser.revoke(tokens["refresh_token"])
        assert (answer.status_code, answer.content) == (200, b"")
        assert await alive(browser, tokens) == (False, False)
        assert await alive(browser, other) == (True, True)
        assert at.kinds().count("grant.revoked") == 1


async def test_an_access_token_ends_alone() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        twin = (await browser.refresh(tokens["refresh_token"])).json()
        assert (await browser.revoke(tokens["access_token"])).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        assert await alive(browser, twin) == (True, True)
        assert at.kinds().count("token.revoked") == 1


async def test_a_machines_token_can_be_revoked() -> None:
    async with house() as at:
        browser = at.browser()
        token = (await browser.token("machine", grant_type="client_credentials")).json()["access_token"]
        assert (await browser.revoke(token, "machine")).status_code == 200
        assert at.services.revocations.covers(POOL, claims(token))
        twin = (await browser.token("machine", grant_type="client_credentials")).json()["access_token"]
        assert not at.services.revocations.covers(POOL, claims(twin))


async def test_a_rotated_refresh_token_still_ends_the_grant() -> None:
    async with house() as at:
        browser = at.browser()
        old = await browser.tokens()
        new = (await browser.refresh(old["refresh_token"])).json()
        assert (await browser.revoke(old["refresh_token"])).status_code == 200
        assert await alive(browser, new) == (False, False)


@each("hint", ("access_token", "refresh_token", "nonsense"))
@each("kind", ("access_token", "refresh_token"))
async def test_a_hint_may_be_wrong(kind: str, hint: str) -> None:
    """RFC 7009 2.1: the hint is an optimisation."""
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        assert (await browser.revoke(tokens[kind], token_type_hint=hint)).status_code == 200
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


@each("kind", ("access_token", "refresh_token"))
async def test_another_clients_token_is_refused_and_lives_on(kind: str) -> None:
    """O16 (RFC 7009 2.1)."""
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        for client_id, secret in (("other", SECRET), ("lax", SECRET)):
            answer = await browser.revoke(tokens[kind], client_id, secret)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        public = await browser.http.post(f"{ISSUER}/oauth2/revoke", data={"token": tokens[kind], "client_id": "spa"})
        assert public.status_code == 400
        assert await alive(browser, tokens) == (True, True)


@each(
    "token",
    {
        "unknown": "x",
        "like a refresh token": "A" * 80,
        "like a JWT": "a.b.c",
        "not ASCII": "\u00e9",
        "NUL": "\0",
        "oversized": "x" * 20_000,
    },
)
async def test_a_token_that_is_none_is_answered_as_a_revoked_one(token: str) -> None:
    """RFC 7009 2.2."""
    async with house() as at:
        answer = await at.browser().revoke(token)
        assert (answer.status_code, answer.content) == (200, b"")
        assert at.kinds() == []


async def test_an_id_token_and_an_expired_token_change_nothing() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        assert (await browser.revoke(tokens["id_token"])).status_code == 200
        assert await alive(browser, tokens) == (True, True)
        at.time.pass_(900)
        assert (await browser.revoke(tokens["access_token"])).status_code == 200
        assert "token.revoked" not in at.kinds()


async def test_a_token_of_another_pool_is_none_here() -> None:
    other = "other_Pool2"
    async with house(pool(), pool(other), clients=(*CLIENTS, client("twin", pool=other))) as at:
        browser = at.browser()
        tokens = await browser.tokens()
        for kind in ("access_token", "refresh_token"):
            answer = await at.browser(pool_id=other).revoke(tokens[kind], "twin")
            assert (answer.status_code, answer.content) == (200, b"")
        assert await alive(browser, tokens) == (True, True)


@each(
    "case",
    {
        "no token": ({}, ("web", SECRET), 400, "invalid_request"),
        "empty token": ({"token": ""}, ("web", SECRET), 400, "invalid_request"),
        "wrong secret": ({"token": "x"}, ("web", "wrong"), 401, "invalid_client"),
        "unknown client": ({"token": "x"}, ("nobody", SECRET), 401, "invalid_client"),
        "no client": ({"token": "x"}, None, 401, "invalid_client"),
        "no secret": ({"token": "x", "client_id": "web"}, None, 401, "invalid_client"),
        "two methods": ({"token": "x", "client_secret": SECRET}, ("web", SECRET), 400, "invalid_request"),
        "two tokens": ({"token": ["x", "y"]}, ("web", SECRET), 400, "invalid_request"),
        "public client": ({"token": "x", "client_id": "spa"}, None, 200, None),
        "post client": ({"token": "x", "client_id": "post", "client_secret": SECRET}, None, 200, None),
        "in order": ({"token": "x"}, ("web", SECRET), 200, None),
    },
)
async def test_a_request_is_judged_like_one_at_the_token_endpoint(
    case: tuple[dict[str, Any], tuple[str, str] | None, int, str | None],
) -> None:
    form, auth, status, code = case
    async with house() as at:
        answer = await at.browser().http.post(f"{ISSUER}/oauth2/revoke", data=form or {"x": "y"}, auth=auth)  # type: ignore[arg-type]
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert (answer.json()["error"] if answer.content else None) == code


async def test_revoking_twice_is_no_error_and_says_it_once() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        for _ in range(2):
            assert (await browser.revoke(tokens["refresh_token"])).status_code == 200
            assert (await browser.revoke(tokens["access_token"])).status_code == 200


async def test_what_another_process_revoked_is_dead_here_after_the_next_look() -> None:
    """The feed (DESIGN 5)."""
    async with house() as at:
        browser = at.browser()
        tokens, other = await browser.tokens(), await browser.tokens()
        grant = claims(tokens["access_token"])["jti"].split(".")[0]
        now = int(at.time())
        await at.stores.grants.revoke_grant(POOL, grant, now, now + 900)
        await at.opened.revocations.follow()
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        assert (await browser.userinfo(other["access_token"])).status_code == 200


async def test_the_list_forgets_what_has_expired() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens(scope=f"openid {ORDERS}/read")
        await browser.revoke(tokens["access_token"])
        await at.opened.revocations.follow()
        assert len(at.opened.revocations._until) == 1
        at.time.pass_(901)
        await at.opened.revocations.follow()
        assert at.opened.revocations._until == {}
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401


async def test_a_genuine_token_of_a_family_that_is_gone_is_answered_as_a_revoked_one() -> None:
    async with house() as at:
        issuer = await at.services.issuers.get(POOL)
        lost = first_token(issuer.refresh_keys, SystemRandom())
        assert (await at.browser().revoke(lost.text)).status_code == 200
        assert (await at.browser().refresh(lost.text)).json()["error"] == "invalid_grant"
