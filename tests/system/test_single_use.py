"""Races for things that may be used once, over two worker processes and real stores (DESIGN 6.1)."""

import pytest

from tests.system.installation import Installation
from tests.system.pools import POOL, SECRET, STRICT
from tests.system.visitor import Visitor, redemption, refreshing
from tests.system.volley import Reply, connections, owners, read_reply, request, until_everywhere, volley

pytestmark = pytest.mark.serial

RACERS = 200
ROUNDS = pytest.mark.parametrize(
    "rounds", [pytest.param(4, id="4 rounds"), pytest.param(200, id="200 rounds", marks=pytest.mark.nightly)]
)
KNOWN_WITHIN = 1.0
"""Seconds until every worker knows of a revocation."""


def token_request(who: Visitor, form: dict[str, str]) -> bytes:
    return request("POST", f"/{who.pool}/oauth2/token", form=form, basic=(who.client_id, SECRET))


def userinfo_request(pool: str, access_token: str) -> bytes:
    return request("GET", f"/{pool}/oauth2/userInfo", bearer=access_token, close=False)


def sorted_out(replies: list[Reply]) -> list[Reply]:
    """The successes; everybody else was told `invalid_grant`, and nobody saw a server error."""
    lost = [reply for reply in replies if reply.status != 200]
    assert {(reply.status, reply.json()["error"]) for reply in lost} <= {(400, "invalid_grant")}
    return [reply for reply in replies if reply.status == 200]


@ROUNDS
def test_of_200_redemptions_of_a_code_one_succeeds_and_its_tokens_are_dead(pair: Installation, rounds: int) -> None:
    slowest = 0.0
    with Visitor(pair, POOL) as ada:
        ada.sign_in()
        untouched = ada.tokens()
        for _ in range(rounds):
            content = token_request(ada, redemption(ada.code()))
            winners = sorted_out(volley(pair, [content] * RACERS))
            assert len(winners) == 1
            won = winners[0].json()
            dead_after = until_everywhere(pair, userinfo_request(POOL, won["access_token"]), 401, KNOWN_WITHIN)
            slowest = max(slowest, dead_after)
            assert ada.refresh(won["refresh_token"], (400,)).json()["error"] == "invalid_grant"
        # The twin: the same person's and client's other grant, which nobody raced for.
        until_everywhere(pair, userinfo_request(POOL, untouched["access_token"]), 200, KNOWN_WITHIN)
        ada.refresh(untouched["refresh_token"])
    print(f"{rounds} codes, {RACERS} redemptions each: one success each, dead everywhere within {slowest:.2f} s")


def test_200_codes_at_once_are_200_successes(pair: Installation) -> None:
    """The twin of the race: each redemption brings a code of its own."""
    with Visitor(pair, POOL) as ada:
        ada.sign_in()
        contents = [token_request(ada, redemption(ada.code())) for _ in range(RACERS)]
        replies = volley(pair, contents)
        assert {reply.status for reply in replies} == {200}
        assert len({reply.json()["refresh_token"] for reply in replies}) == RACERS


def test_a_replay_at_one_worker_is_known_at_the_other_within_a_second(pair: Installation) -> None:
    with Visitor(pair, POOL) as ada:
        ada.sign_in()
        code = ada.code()
        content = token_request(ada, redemption(code))
        with connections(pair, 12) as lines:
            first = lines[0]
            other = next(
                line
                for line, owner in zip(lines, owners(pair, lines), strict=True)
                if owner != owners(pair, [first])[0]
            )
            first.sendall(content)
            won = read_reply(first).json()
            alive = userinfo_request(POOL, won["access_token"])
            until_everywhere(pair, alive, 200, KNOWN_WITHIN)
            other.sendall(content)
            assert read_reply(other).status == 400
        took = until_everywhere(pair, alive, 401, KNOWN_WITHIN)
        ada.refresh(won["refresh_token"], (400,))
    print(f"a replay at one worker was known everywhere within {took:.2f} s")


@ROUNDS
def test_of_200_uses_of_a_refresh_token_without_grace_at_most_one_succeeds(pair: Installation, rounds: int) -> None:
    """And its family is dead: the head, what it replaced, and every access token of the grant."""
    slowest = 0.0
    with Visitor(pair, STRICT) as ada:
        ada.sign_in()
        untouched = ada.tokens()
        for _ in range(rounds):
            first = ada.tokens()
            winners = sorted_out(volley(pair, [token_request(ada, refreshing(first["refresh_token"]))] * RACERS))
            assert len(winners) <= 1
            for tokens in (first, *(reply.json() for reply in winners)):
                died = until_everywhere(pair, userinfo_request(STRICT, tokens["access_token"]), 401, KNOWN_WITHIN)
                slowest = max(slowest, died)
                ada.refresh(tokens["refresh_token"], (400,))
        ada.refresh(untouched["refresh_token"])
    print(f"{rounds} refresh tokens, {RACERS} uses each: one success at most, dead within {slowest:.2f} s")


@ROUNDS
def test_within_the_grace_window_50_uses_get_one_and_the_same_successor(pair: Installation, rounds: int) -> None:
    with Visitor(pair, POOL) as ada:
        ada.sign_in()
        for _ in range(rounds):
            tokens = ada.tokens()
            replies = volley(pair, [token_request(ada, refreshing(tokens["refresh_token"]))] * 50)
            assert {reply.status for reply in replies} == {200}
            successors = {reply.json()["refresh_token"] for reply in replies}
            assert len(successors) == 1
            assert len({reply.json()["access_token"] for reply in replies}) == 50
            following = ada.refresh(successors.pop()).json()
            # Once the successor was used, the first token is a reuse, grace or not.
            ada.refresh(tokens["refresh_token"], (400,))
            ada.refresh(following["refresh_token"], (400,))
