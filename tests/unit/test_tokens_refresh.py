"""Refresh tokens: their form, their succession, and the judgement of a presented one. Pure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.effects import SystemRandom
from authserver.model.grants import Grant, RefreshFacts, RefreshFamily
from authserver.model.pools import TokenPolicy
from authserver.tokens.refresh import RefreshKeys, RefreshToken, first_token, judge, parse_token, successor

MASTER = b"0123456789abcdef0123456789abcdef"
KEYS = RefreshKeys.of_pool(MASTER, "pool")
RANDOM = SystemRandom()


def test_a_token_is_eighty_characters_that_only_we_can_make() -> None:
    token = first_token(KEYS, RANDOM)
    assert len(token.text) == 80
    assert token.text.startswith(token.family_id)
    assert parse_token(KEYS, token.text) == token
    assert parse_token(RefreshKeys.of_pool(MASTER, "other"), token.text) is None
    assert parse_token(RefreshKeys.of_pool(MASTER[::-1], "pool"), token.text) is None


def test_every_first_token_is_another() -> None:
    tokens = [first_token(KEYS, RANDOM) for _ in range(200)]
    assert len({t.family_id for t in tokens}) == len({t.digest for t in tokens}) == 200


def test_a_successor_is_the_same_each_time_and_of_the_same_family() -> None:
    token = first_token(KEYS, RANDOM)
    line = [token]
    for _ in range(20):
        line.append(successor(KEYS, line[-1]))
    assert {t.family_id for t in line} == {token.family_id}
    assert len({t.digest for t in line}) == 21
    assert successor(KEYS, token) == line[1]
    assert parse_token(KEYS, line[20].text) == line[20]
    assert successor(replace(KEYS, successor=b"x" * 32), token) != line[1]


@given(st.integers(0, 79), st.sampled_from("ABCxyz019-_+/=. \n\u00e9"))
def test_one_changed_character_makes_it_no_token(place: int, character: str) -> None:
    text = first_token(KEYS, RANDOM).text
    changed = text[:place] + character + text[place + 1 :]
    assert (parse_token(KEYS, changed) is not None) is (changed == text)


@given(st.one_of(st.text(max_size=100), st.text(alphabet="AQgw-_09az", min_size=80, max_size=80)))
def test_what_we_did_not_make_is_no_token(text: str) -> None:
    assert parse_token(KEYS, text) is None


def test_what_a_token_shows_of_itself_does_not_hold_its_bytes() -> None:
    token = first_token(KEYS, RANDOM)
    assert repr(token.raw) not in repr(token)


NOW = 1_000_000
POLICY = TokenPolicy(refresh_idle=1000, refresh_grace=10)
LINE = [first_token(KEYS, RANDOM)]
LINE += [successor(KEYS, LINE[0])]
LINE += [successor(KEYS, LINE[1])]
FAMILY = RefreshFamily(LINE[0].family_id, "pool", "grant", LINE[1].digest, LINE[0].digest, 1, 0, NOW - 5, NOW + 5000)
GRANT = Grant("grant", "pool", "web", "ada", "sid", ("openid",), 0, ("pwd",), "acr", 0)
FACTS = RefreshFacts(FAMILY, GRANT, None)
FRESH = replace(FACTS, family=replace(FAMILY, previous=None, generation=0))


@pytest.mark.parametrize(
    ("facts", "presented", "client_id", "verdict"),
    [
        pytest.param(FACTS, LINE[1], "web", "rotate", id="the head"),
        pytest.param(FACTS, LINE[0], "web", "again", id="the one before, in time"),
        pytest.param(FACTS, LINE[2], "web", "reuse", id="one that never was given"),
        pytest.param(FRESH, LINE[0], "web", "reuse", id="none before"),
        pytest.param(None, LINE[1], "web", "refuse", id="no family"),
        pytest.param(FACTS, LINE[1], "other", "refuse", id="another client, the head"),
        pytest.param(FACTS, LINE[2], "other", "refuse", id="another client, a reuse"),
        pytest.param(replace(FACTS, grant=replace(GRANT, revoked_at=1)), LINE[1], "web", "refuse", id="revoked"),
        pytest.param(
            replace(FACTS, grant=replace(GRANT, revoked_at=1)), LINE[2], "web", "refuse", id="revoked, a reuse"
        ),
        pytest.param(replace(FACTS, family=replace(FAMILY, expires_at=NOW)), LINE[1], "web", "refuse", id="expired"),
        pytest.param(
            replace(FACTS, family=replace(FAMILY, expires_at=NOW + 1)), LINE[1], "web", "rotate", id="not yet"
        ),
        pytest.param(
            replace(FACTS, family=replace(FAMILY, rotated_at=NOW - 1000)), LINE[1], "web", "refuse", id="idle"
        ),
        pytest.param(
            replace(FACTS, family=replace(FAMILY, rotated_at=NOW - 999)), LINE[1], "web", "rotate", id="not idle"
        ),
        pytest.param(
            replace(FACTS, family=replace(FAMILY, rotated_at=NOW - 10)), LINE[0], "web", "reuse", id="too late"
        ),
        pytest.param(
            replace(FACTS, family=replace(FAMILY, rotated_at=NOW - 9)), LINE[0], "web", "again", id="just in time"
        ),
    ],
)
def test_the_verdict(facts: RefreshFacts | None, presented: RefreshToken, client_id: str, verdict: str) -> None:
    assert judge(facts, presented, client_id, POLICY, NOW) == verdict


@pytest.mark.parametrize("ahead", [0, 1, 5], ids=lambda ahead: f"whoever rotated was {ahead} s ahead")
def test_without_grace_there_is_no_second_time(ahead: int) -> None:
    strict = replace(POLICY, refresh_grace=0)
    just_now = replace(FACTS, family=replace(FAMILY, rotated_at=NOW + ahead))
    assert judge(just_now, LINE[0], "web", strict, NOW) == "reuse"
    assert judge(just_now, LINE[0], "web", POLICY, NOW) == "again"


@given(
    presented=st.sampled_from(LINE),
    head=st.sampled_from(LINE),
    previous=st.sampled_from((None, *LINE)),
    client_id=st.sampled_from(("web", "other")),
    revoked=st.booleans(),
    since=st.integers(-5, 2000),
    left=st.integers(-5, 2000),
    grace=st.integers(0, 60),
)
def test_only_the_head_rotates_and_nothing_dead_lives(
    presented: RefreshToken, head: RefreshToken, previous: RefreshToken | None, client_id: str, revoked: bool, since: int, left: int, grace: int
) -> None:  # fmt: skip
    family = replace(
        FAMILY,
        head=head.digest,
        previous=previous.digest if previous else None,
        rotated_at=NOW - since,
        expires_at=NOW + left,
    )
    facts = RefreshFacts(family, replace(GRANT, revoked_at=1 if revoked else None), None)
    verdict = judge(facts, presented, client_id, replace(POLICY, refresh_grace=grace), NOW)
    if client_id != "web" or revoked or left <= 0 or since >= 1000:
        assert verdict == "refuse"
    elif presented == head:
        assert verdict == "rotate"
    elif presented == previous and grace > 0 and since < grace:
        assert verdict == "again"
    else:
        assert verdict == "reuse"
