"""The authorization code under attack: replay, theft, races, PKCE."""

import asyncio
from typing import Any

import pytest

from authserver.crypto.secrets import digest
from authserver.model.clients import Client
from authserver.model.grants import RefreshFamily
from authserver.store import Stores
from tests.journeys.house import (
    ADA,
    CALLBACK,
    CLIENTS,
    POOL,
    SECRET,
    VERIFIER,
    Browser,
    claims,
    client,
    each,
    house,
    pool,
    s256,
)

pytestmark = pytest.mark.anyio

TWO_CALLBACKS = client(redirect_uris=(CALLBACK, "https://app.example.com/second"))


def with_web(changed: Client) -> tuple[Client, ...]:
    return (changed, *CLIENTS[1:])


async def dead(browser: Browser, tokens: dict[str, Any], client_id: str = "web", secret: str | None = SECRET) -> None:
    """Everything that a response held is worth nothing."""
    assert (await browser.userinfo(tokens["access_token"])).status_code == 401
    assert (await browser.refresh(tokens["refresh_token"], client_id, secret)).json()["error"] == "invalid_grant"


async def alive(browser: Browser, tokens: dict[str, Any]) -> None:
    assert (await browser.userinfo(tokens["access_token"])).status_code == 200
    assert (await browser.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_spent_code_yields_nothing_and_takes_what_it_bought_along() -> None:
    """O7 (RFC 6749 4.1.2)."""
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        bought = (await browser.redeem(code)).json()
        untouched = await browser.tokens()
        assert (await browser.redeem(code)).json()["error"] == "invalid_grant"
        await dead(browser, bought)
        assert "code.replayed" in at.kinds()
        await alive(browser, untouched)  # the twin: another grant of the same person and client


@each(
    "thief",
    {
        "other client": {"client_id": "other"},
        "public client": {"client_id": "spa", "secret": None},
        "other redirect URI": {"redirect_uri": "https://app.example.com/second"},
        "no redirect URI": {"redirect_uri": None},
        "empty redirect URI": {"redirect_uri": ""},
    },
)
async def test_a_code_belongs_to_its_client_and_redirect_uri(thief: dict[str, Any]) -> None:
    """O7. The rightful client still gets its tokens afterwards: theft spends nothing."""
    async with house(clients=with_web(TWO_CALLBACKS)) as at:
        browser = at.browser()
        code = await browser.code()
        answer = await browser.redeem(code, **thief)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_grant"
        assert (await browser.redeem(code)).status_code == 200


@each(
    "mangled",
    {
        "truncated": lambda code: code[:-1],
        "extended": lambda code: code + "A",
        "last character": lambda code: code[:-1] + ("A" if code[-1] != "A" else "B"),
        "halves swapped": lambda code: code[22:] + code[:22],
        "upper case": str.swapcase,
        "invented": lambda _: "A" * 43,
        "not ASCII": lambda code: code + "\u00e9",
        "with NUL": lambda code: code + "\0",
        "long": lambda code: code * 400,
    },
)
async def test_a_code_is_its_exact_characters(mangled: Any) -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        answer = await browser.redeem(mangled(code))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert (await browser.redeem(code)).status_code == 200


@each("age", {"59 s": (59, True), "60 s": (60, False), "61 s": (61, False), "an hour": (3600, False)})
async def test_a_code_lives_for_a_minute(age: tuple[int, bool]) -> None:
    seconds, good = age
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        at.time.pass_(seconds)
        answer = await browser.redeem(code)
        assert answer.status_code == (200 if good else 400)
        assert good or answer.json()["error"] == "invalid_grant"


async def test_a_code_of_one_pool_is_nothing_in_another() -> None:
    other = "other_Pool2"
    clients = (*CLIENTS, client("twin", pool=other))
    async with house(pool(), pool(other), clients=clients) as at:
        browser = at.browser()
        code = await browser.code()
        foreign = await at.browser(pool_id=other).redeem(code, "twin")
        assert foreign.json()["error"] == "invalid_grant"
        assert (await browser.redeem(code)).status_code == 200


@each("artefact", ("refresh token", "access token", "ID token", "sign-in", "session", "browser"))
async def test_nothing_else_is_a_code(artefact: str) -> None:
    """O7: single-use things do not stand for one another."""
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        tokens = await browser.tokens()
        things = {
            "refresh token": tokens["refresh_token"],
            "access token": tokens["access_token"],
            "ID token": tokens["id_token"],
            "sign-in": str(page.url).rpartition("=")[2],
            "session": browser.cookie("session"),
            "browser": browser.cookie("browser"),
        }
        assert things[artefact]
        assert (await browser.redeem(things[artefact])).json()["error"] == "invalid_grant"
        await alive(browser, tokens)


@each("grace", {"": 10, "without grace": 0})
async def test_of_fifty_parallel_redemptions_one_succeeds_and_its_tokens_are_dead(grace: int) -> None:
    """O8: exactly one success; the replays revoke the grant, so that not even the winner's tokens live."""
    from dataclasses import replace

    plain = pool()
    async with house(replace(plain, tokens=replace(plain.tokens, refresh_grace=grace))) as at:
        browser = at.browser()
        code = await browser.code()
        answers = await asyncio.gather(*(browser.redeem(code) for _ in range(50)))
        winners = [a for a in answers if a.status_code == 200]
        assert len(winners) == 1
        assert {a.json()["error"] for a in answers if a.status_code != 200} == {"invalid_grant"}
        await dead(browser, winners[0].json())
        await alive(browser, await browser.tokens())


async def test_fifty_codes_in_parallel_are_fifty_successes() -> None:
    """The twin of the race: what differs is that each redemption brings its own code."""
    async with house() as at:
        browser = at.browser()
        codes = [await browser.code() for _ in range(50)]
        answers = await asyncio.gather(*(browser.redeem(code) for code in codes))
        assert {a.status_code for a in answers} == {200}
        assert len({claims(a.json()["access_token"])["jti"] for a in answers}) == 50


async def test_a_store_that_forgot_a_code_was_spent_gives_no_second_token() -> None:
    """The used code's digest is kept in SQL too (DESIGN 6.1): a flushed and refilled Redis changes nothing."""
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        key = (POOL, "code", digest(code))
        things = at.stores.one_time._things
        fresh = things[key]
        bought = (await browser.redeem(code)).json()
        things[key] = fresh
        again = await browser.redeem(code)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        await dead(browser, bought)
        await alive(browser, await browser.tokens())


async def test_a_late_replay_is_still_recognised_and_a_very_late_one_is_merely_unknown() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        bought = (await browser.redeem(code)).json()
        at.time.pass_(600)
        assert (await browser.redeem(code)).json()["error"] == "invalid_grant"
        await dead(browser, bought)
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        bought = (await browser.redeem(code)).json()
        at.time.pass_(700)
        assert (await browser.redeem(code)).json()["error"] == "invalid_grant"
        await alive(browser, bought)


async def test_somebody_elses_replay_ends_nothing() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        bought = (await browser.redeem(code)).json()
        assert (await browser.redeem(code, "other")).json()["error"] == "invalid_grant"
        assert "code.replayed" not in at.kinds()
        assert (await browser.userinfo(bought["access_token"])).status_code == 200
        assert (await browser.redeem(code)).json()["error"] == "invalid_grant"  # the twin: its own client's replay
        await dead(browser, bought)


@each(
    "case",
    {
        "in order": (VERIFIER, None),
        "absent": (None, "invalid_request"),
        "empty": ("", "invalid_request"),
        "wrong": ("w" + VERIFIER[1:], "invalid_grant"),
        "the challenge itself": (s256(VERIFIER), "invalid_grant"),
        "42 characters": ("v" * 42, "invalid_request"),
        "129 characters": ("v" * 129, "invalid_request"),
        "bad alphabet": (VERIFIER[:-1] + "+", "invalid_request"),
        "white space": (VERIFIER + " ", "invalid_request"),
        "newline": (VERIFIER + "\n", "invalid_grant"),
        "other case": (VERIFIER.swapcase(), "invalid_grant"),
    },
)
@each("who", {"confidential": ("web", SECRET), "public": ("spa", None)})
async def test_only_the_verifier_itself_opens_a_code(
    case: tuple[str | None, str | None], who: tuple[str, str | None]
) -> None:
    """O9, the token request's half. A wrong verifier spends nothing."""
    (verifier, error), (client_id, secret) = case, who
    async with house() as at:
        browser = at.browser()
        code = await browser.code(client_id=client_id)
        answer = await browser.redeem(code, client_id, secret, code_verifier=verifier)
        assert answer.json().get("error") == error
        if error is not None:
            assert answer.status_code == 400
            assert (await browser.redeem(code, client_id, secret)).status_code == 200


async def test_a_verifier_where_no_challenge_was_sent_is_refused() -> None:
    """O9: PKCE downgrade (RFC 9700 4.8.2)."""
    async with house() as at:
        browser = at.browser()
        bare = {"client_id": "lax", "code_challenge": None, "code_challenge_method": None}
        code = await browser.code(**bare)
        assert (await browser.redeem(code, "lax")).json()["error"] == "invalid_request"
        assert (await browser.redeem(code, "lax", code_verifier=None)).status_code == 200


async def test_a_client_that_became_public_cannot_redeem_without_a_challenge() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code(client_id="lax", code_challenge=None, code_challenge_method=None)
        await at.change_client("lax", token_endpoint_auth_method="none")
        for verifier in (None, VERIFIER):
            answer = await browser.redeem(code, "lax", None, code_verifier=verifier)
            assert answer.json()["error"] == "invalid_request"
        challenged = await browser.code(client_id="lax")
        assert (await browser.redeem(challenged, "lax", None)).status_code == 200


async def test_a_challenge_survives_the_restart_of_a_sign_in() -> None:
    """O9: what is restarted is the same request, its challenge included."""
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        at.time.pass_(31 * 60)
        gone = await browser.http.get(str(page.url))
        assert gone.status_code == 410
        await browser.arrive()
        restart = gone.text.split('id="restart" href="')[1].split('"')[0].replace("&amp;", "&")
        location = (await browser.http.get(restart)).headers["location"]
        code = location.split("code=")[1].split("&")[0]
        assert (await browser.redeem(code, code_verifier="x" * 43)).json()["error"] == "invalid_grant"
        assert (await browser.redeem(code)).status_code == 200


@each("fate", {"disabled": {"state": "disabled"}, "reset required": {"state": "reset_required"}, "well": {}})
async def test_a_user_who_may_not_sign_in_any_more_gets_no_tokens(fate: dict[str, Any]) -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        await at.change_user(ADA, **fate)
        answer = await browser.redeem(code)
        assert answer.json().get("error") == ("invalid_grant" if fate else None)


async def test_a_deleted_user_gets_no_tokens() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        await at.stores.directory.delete_user(POOL, ADA.id)
        assert (await browser.redeem(code)).json()["error"] == "invalid_grant"


@each("fate", {"disabled": {"enabled": False}, "another secret": {"secret_digests": ()}, "well": {}})
async def test_a_client_that_lost_its_right_gets_no_tokens(fate: dict[str, Any]) -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        await at.change_client("web", **fate)
        answer = await browser.redeem(code)
        assert (answer.status_code, answer.json().get("error")) == ((401, "invalid_client") if fate else (200, None))


async def test_a_deleted_client_gets_no_tokens() -> None:
    async with house() as at:
        browser = at.browser()
        code = await browser.code()
        await at.stores.registry.delete_client(POOL, "web")
        assert (await browser.redeem(code)).json()["error"] == "invalid_client"


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token() -> None:
    async with house() as at:
        browser = at.browser()
        assert "refresh_token" not in await browser.tokens(client_id="code-only", scope="openid offline_access")
        assert "refresh_token" in await browser.tokens(scope="openid")


class ForgetfulGrants:
    """A Grants role that says every code was used before."""

    def __init__(self, grants: Any) -> None:
        self._grants = grants

    def __getattr__(self, name: str) -> Any:
        return getattr(self._grants, name)

    async def redeem_code(self, pool: str, code_digest: str, expires_at: int, family: RefreshFamily | None) -> bool:
        return False


async def test_tokens_are_not_given_away_before_they_are_saved() -> None:
    """DESIGN 6.1: save comes before answer, so a lost race at the save yields nothing at all."""
    from dataclasses import replace

    def forgetful(stores: Stores) -> Stores:
        return replace(stores, grants=ForgetfulGrants(stores.grants))

    async with house(decorate=forgetful) as at:
        browser = at.browser()
        answer = await browser.redeem(await browser.code())
        assert answer.json()["error"] == "invalid_grant"
        assert "access_token" not in answer.text
    async with house() as at:
        browser = at.browser()
        assert (await browser.redeem(await browser.code())).status_code == 200
