"""Refresh tokens: rotation, reuse, the grace window, and everything that ends a family."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from authserver.model.pools import Pool
from authserver.store import Stores
from tests.journeys.house import (
    ADA,
    CLIENTS,
    ORDERS,
    POOL,
    SECRET,
    STOCK,
    Browser,
    claims,
    client,
    each,
    house,
    pool,
)

pytestmark = pytest.mark.anyio


def strict() -> Pool:
    """A pool without a grace window."""
    return replace(pool(), tokens=replace(pool().tokens, refresh_grace=0))


async def refused(browser: Browser, token: str, client_id: str = "web", secret: str | None = SECRET) -> None:
    answer = await browser.refresh(token, client_id, secret)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "access_token" not in answer.text


async def next_of(browser: Browser, token: str, **form: str) -> dict[str, Any]:
    answer = await browser.refresh(token, **form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_refresh_gives_fresh_tokens_of_the_same_grant() -> None:
    async with house() as at:
        browser = at.browser()
        first = await browser.tokens()
        at.time.pass_(60)
        second = await next_of(browser, first["refresh_token"])
        old, new = claims(first["access_token"]), claims(second["access_token"])
        assert new["jti"] != old["jti"]
        assert new["jti"].split(".")[0] == old["jti"].split(".")[0]
        assert new["exp"] == old["exp"] + 60
        assert {k: old[k] for k in ("sub", "sid", "aud", "scope", "auth_time")} == {
            k: new[k] for k in ("sub", "sid", "aud", "scope", "auth_time")
        }
        again = claims(second["id_token"])
        assert "nonce" not in again  # OpenID Connect Core 12.2
        assert again["auth_time"] == claims(first["id_token"])["auth_time"]
        assert (await browser.userinfo(first["access_token"])).status_code == 200  # lives on until it expires


async def test_a_reused_token_ends_its_family_and_no_other() -> None:
    async with house(strict()) as at:
        browser = at.browser()
        first, other = await browser.tokens(), await browser.tokens()
        second = await next_of(browser, first["refresh_token"])
        await refused(browser, first["refresh_token"])
        assert "refresh_token.reused" in at.kinds()
        await refused(browser, second["refresh_token"])
        assert (await browser.userinfo(second["access_token"])).status_code == 401
        assert (await next_of(browser, other["refresh_token"]))["refresh_token"]


async def test_a_retry_within_the_grace_window_gets_the_same_successor() -> None:
    async with house() as at:
        browser = at.browser()
        first = await browser.tokens()
        second = await next_of(browser, first["refresh_token"])
        at.time.pass_(9)
        retried = await next_of(browser, first["refresh_token"])
        assert retried["refresh_token"] == second["refresh_token"]
        assert retried["access_token"] != second["access_token"]
        third = await next_of(browser, second["refresh_token"])  # the family is alive
        assert third["refresh_token"] not in {first["refresh_token"], second["refresh_token"]}


@each("wait", {"after 9 s": (9, True), "after 10 s": (10, False), "after an hour": (3600, False)})
async def test_the_grace_window_is_ten_seconds_from_the_rotation(wait: tuple[int, bool]) -> None:
    seconds, forgiven = wait
    async with house() as at:
        browser = at.browser()
        first = await browser.tokens()
        second = await next_of(browser, first["refresh_token"])
        at.time.pass_(seconds / 2)
        if forgiven:
            await next_of(browser, first["refresh_token"])  # a retry does not make the window longer
        at.time.pass_(seconds / 2)
        if forgiven:
            assert (await next_of(browser, first["refresh_token"]))["refresh_token"] == second["refresh_token"]
        else:
            await refused(browser, first["refresh_token"])
            await refused(browser, second["refresh_token"])


async def test_once_the_successor_is_used_a_retry_is_a_reuse() -> None:
    async with house() as at:
        browser = at.browser()
        first = await browser.tokens()
        second = await next_of(browser, first["refresh_token"])
        third = await next_of(browser, second["refresh_token"])
        await refused(browser, first["refresh_token"])  # seconds later, well inside the window
        await refused(browser, third["refresh_token"])
        await refused(browser, second["refresh_token"])


@each("who", {"other confidential client": ("other", SECRET), "public client": ("spa", None)})
@each("moment", ("live", "in grace", "reused"))
async def test_another_client_gets_nothing_and_ends_nothing(who: tuple[str, str | None], moment: str) -> None:
    client_id, secret = who
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        stolen, live = tokens["refresh_token"], tokens["refresh_token"]
        if moment != "live":
            live = (await next_of(browser, stolen))["refresh_token"]
        if moment == "reused":
            live = (await next_of(browser, live))["refresh_token"]
        await refused(browser, stolen, client_id, secret)
        assert "refresh_token.reused" not in at.kinds()
        await next_of(browser, live)


@each(
    "mangled",
    {
        "truncated": lambda t: t[:-1],
        "extended": lambda t: t + "A",
        "first character": lambda t: ("A" if t[0] != "A" else "B") + t[1:],
        "last character": lambda t: t[:-1] + ("A" if t[-1] != "A" else "Q"),
        "swapped halves": lambda t: t[40:] + t[:40],
        "family alone": lambda t: t[:16] + "A" * 64,
        "standard alphabet": lambda t: t[:-1] + "+",
        "padded": lambda t: t + "====",
        "invented": lambda _: "A" * 80,
        "not ASCII": lambda t: t[:-1] + "\u00e9",
    },
)
async def test_a_token_we_did_not_make_is_refused_and_ends_nothing(mangled: Any) -> None:
    async with house(strict()) as at:
        browser = at.browser()
        tokens = await browser.tokens()
        await refused(browser, mangled(tokens["refresh_token"]))
        assert "refresh_token.reused" not in at.kinds()
        await next_of(browser, tokens["refresh_token"])


async def test_a_token_of_one_pool_is_nothing_in_another() -> None:
    other = "other_Pool2"
    async with house(pool(), pool(other), clients=(*CLIENTS, client("twin", pool=other))) as at:
        browser = at.browser()
        tokens = await browser.tokens()
        await refused(at.browser(pool_id=other), tokens["refresh_token"], "twin")
        await next_of(browser, tokens["refresh_token"])


@each("kind", ("access_token", "id_token"))
async def test_another_kind_of_token_does_not_refresh(kind: str) -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        await refused(browser, tokens[kind])
        await next_of(browser, tokens["refresh_token"])


async def test_fifty_parallel_refreshes_share_one_successor() -> None:
    async with house() as at:
        browser = at.browser()
        first = await browser.tokens()
        answers = await asyncio.gather(*(browser.refresh(first["refresh_token"]) for _ in range(50)))
        assert {a.status_code for a in answers} == {200}
        successors = {a.json()["refresh_token"] for a in answers}
        assert len(successors) == 1
        await next_of(browser, successors.pop())


async def test_without_grace_fifty_parallel_refreshes_leave_nothing_alive() -> None:
    async with house(strict()) as at:
        browser = at.browser()
        first = await browser.tokens()
        answers = await asyncio.gather(*(browser.refresh(first["refresh_token"]) for _ in range(50)))
        won = [a.json() for a in answers if a.status_code == 200]
        assert len(won) == 1
        await refused(browser, won[0]["refresh_token"])
        assert (await browser.userinfo(won[0]["access_token"])).status_code == 401


@each(
    "case",
    {
        "idle to the last second": ((14 * 86400 - 1,), True),
        "idle": ((14 * 86400,), False),
        "kept awake": ((13 * 86400, 13 * 86400), True),
        "absolute": ((13 * 86400, 13 * 86400, 4 * 86400), False),
        "absolute to the last second": ((13 * 86400, 13 * 86400, 4 * 86400 - 1), True),
    },
)
async def test_a_family_ends_by_idleness_and_by_age(case: tuple[tuple[int, ...], bool]) -> None:
    waits, alive = case
    async with house() as at:
        browser = at.browser()
        token = (await browser.tokens())["refresh_token"]
        for wait in waits[:-1]:
            at.time.pass_(wait)
            token = (await next_of(browser, token))["refresh_token"]
        at.time.pass_(waits[-1])
        answer = await browser.refresh(token)
        assert answer.status_code == (200 if alive else 400)
        assert "refresh_token.reused" not in at.kinds()


async def test_a_clients_own_lifetime_wins_over_the_pools() -> None:
    async with house(clients=(client(refresh_ttl=60, access_ttl=30),)) as at:
        browser = at.browser()
        tokens = await browser.tokens()
        assert tokens["expires_in"] == 30
        at.time.pass_(59)
        token = (await next_of(browser, tokens["refresh_token"]))["refresh_token"]
        at.time.pass_(1)
        await refused(browser, token)


@each(
    "fate",
    {
        "disabled": {"state": "disabled"},
        "reset required": {"state": "reset_required"},
        "must change": {"state": "must_change"},
        "well": {},
    },
)
async def test_a_user_who_may_not_sign_in_refreshes_nothing(fate: dict[str, Any]) -> None:
    async with house() as at:
        browser = at.browser()
        first = await browser.tokens()
        second = await next_of(browser, first["refresh_token"])
        await at.change_user(ADA, **fate)
        for token in (first["refresh_token"], second["refresh_token"]):  # the retry in grace asks the same
            if fate:
                await refused(browser, token)
            else:
                await next_of(browser, token)


async def test_a_deleted_user_refreshes_nothing() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        await at.stores.directory.delete_user(POOL, ADA.id)
        await refused(browser, tokens["refresh_token"])


@each(
    "case",
    {
        "disabled": ({"enabled": False}, "invalid_client"),
        "without the grant type": ({"grant_types": ("authorization_code",)}, "unauthorized_client"),
        "well": ({}, None),
    },
)
async def test_a_client_that_lost_its_right_refreshes_nothing(case: tuple[dict[str, Any], str | None]) -> None:
    fate, error = case
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        await at.change_client("web", **fate)
        assert (await browser.refresh(tokens["refresh_token"])).json().get("error") == error


async def test_ending_a_users_grants_ends_the_family() -> None:
    """After a change of password, a sign-out everywhere, an operator's word."""
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        await at.opened.revoke_user(POOL, "somebody else")
        assert (await browser.userinfo(tokens["access_token"])).status_code == 200
        await at.opened.revoke_user(POOL, ADA.id)
        await refused(browser, tokens["refresh_token"])
        assert (await browser.userinfo(tokens["access_token"])).status_code == 401
        assert "/login?" in (await browser.authorize()).headers["location"]


@each(
    "case",
    {
        "fewer": ("openid profile", "openid profile"),
        "other order": ("email openid", "openid email"),
        "all": ("openid profile email", "openid profile email"),
        "the client's but not granted": ("openid phone", None),
        "unknown": ("openid nonsense", None),
        "wider": (f"openid profile email {ORDERS}/read", None),
    },
)
async def test_a_refresh_may_narrow_the_scope_and_never_widen_it(case: tuple[str, str | None]) -> None:
    """RFC 6749 6. What is narrowed once is not narrowed for ever."""
    wanted, got = case
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        answer = await browser.refresh(tokens["refresh_token"], scope=wanted)
        if got is None:
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
            await next_of(browser, tokens["refresh_token"])
        else:
            assert answer.json()["scope"] == got
            assert claims(answer.json()["access_token"])["scope"] == got
            assert (await next_of(browser, answer.json()["refresh_token"]))["scope"] == "openid profile email"


async def test_a_narrowed_refresh_says_no_more_than_its_scope() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        bare = await next_of(browser, tokens["refresh_token"], scope="openid")
        assert "email" not in claims(bare["id_token"])
        assert (await browser.userinfo(bare["access_token"])).json() == {"sub": ADA.id}
        assert "id_token" not in await next_of(browser, bare["refresh_token"], scope="profile")


async def test_a_scope_that_was_withdrawn_is_not_refreshed() -> None:
    """O15: taken from the client, or from the API itself."""
    async with house() as at:
        browser = at.browser()
        scope = f"openid email {ORDERS}/read {ORDERS}/write"
        token = (await browser.tokens(scope=scope))["refresh_token"]
        whole = await next_of(browser, token)
        assert whole["scope"] == scope
        await at.change_client("web", scope=("openid", "email", f"{ORDERS}/read"))
        less = await next_of(browser, whole["refresh_token"])
        assert less["scope"] == f"openid email {ORDERS}/read"
        wider = await browser.refresh(less["refresh_token"], scope=f"{ORDERS}/write")
        assert wider.json()["error"] == "invalid_scope"
        await at.change_pool(resource_servers=())
        least = await next_of(browser, less["refresh_token"])
        assert least["scope"] == "openid email"
        assert claims(least["access_token"])["aud"] == [f"http://localhost:8000/{POOL}"]


async def test_two_apis_are_refreshed_one_at_a_time() -> None:
    """RFC 8707 2.2: the resource parameter of a refresh picks among what was granted."""
    async with house() as at:
        browser = at.browser()
        scope = f"openid {ORDERS}/read"
        token = (await browser.tokens(scope=scope, resource=ORDERS))["refresh_token"]
        picked = await next_of(browser, token, resource=ORDERS)
        assert claims(picked["access_token"])["aud"][0] == ORDERS
        foreign = await browser.refresh(picked["refresh_token"], resource=STOCK)
        assert (foreign.status_code, foreign.json()["error"]) == (400, "invalid_target")
        await next_of(browser, picked["refresh_token"])


async def test_a_missing_token_is_an_invalid_request() -> None:
    async with house() as at:
        browser = at.browser()
        for form in ({}, {"refresh_token": ""}):
            answer = await browser.token(grant_type="refresh_token", **form)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


class RevokedMeanwhile:
    """A Grants role in which somebody revokes the grant between the judgement and the rotation."""

    def __init__(self, grants: Any) -> None:
        self._grants = grants

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grants, name)

    async def rotate(self, pool: str, family_id: str, **change: Any) -> bool:
        facts = await self._grants.refresh_facts(pool, family_id)
        await self._grants.revoke_grant(pool, facts.grant.id, change["now"], change["now"] + 60)
        return await self._grants.rotate(pool, family_id, **change)


async def test_revocation_wins_over_a_rotation_under_way() -> None:
    def racing(stores: Stores) -> Stores:
        return replace(stores, grants=RevokedMeanwhile(stores.grants))

    async with house(decorate=racing) as at:
        browser = at.browser()
        await refused(browser, (await browser.tokens())["refresh_token"])
    async with house() as at:
        browser = at.browser()
        await next_of(browser, (await browser.tokens())["refresh_token"])


async def test_a_family_survives_the_restart_of_the_server() -> None:
    """O15: what was used stays used, since nothing of a family lives in the process."""
    kept: list[Stores] = []

    def keep(stores: Stores) -> Stores:
        kept.append(stores)
        return stores

    async with house(strict(), decorate=keep) as at:
        browser = at.browser()
        old = await browser.tokens()
        new = await next_of(browser, old["refresh_token"])
    stores = kept[0]
    async with house(strict()) as second:
        second.stores.grants._families.update(stores.grants._families)
        second.stores.grants._grants.update(stores.grants._grants)
        browser = second.browser()
        newer = await next_of(browser, new["refresh_token"])
        await refused(browser, old["refresh_token"])
        await refused(browser, newer["refresh_token"])
