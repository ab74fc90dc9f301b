"""Counters: a try is counted before it is judged, so that parallel tries cannot slip through."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authserver.adapters.redis.keys import GUESSES, WINDOW, object_key
from authserver.store import Admission, Counters
from tests.conformance.redis_stores import (  # noqa: F401 - fixtures
    Implementation,
    over_memory,
    pool_fixture,
    real_stores_fixture,
    servers_fixture,
    stores_fixture,
    valkey_fixture,
)

pytestmark = pytest.mark.anyio

NOW = 1_750_000_000.25


async def guess(counters: Counters, pool: str, at: float = 0.0, key: str = "ada", **changes: float) -> Admission:
    rule = {"free": 3, "first": 1.0, "longest": 60.0, "memory": 3600} | changes
    return await counters.admit_guess(pool, key, now=NOW + at, **rule)


def allowed(count: int, retry_after: int = 0) -> Admission:
    return Admission(allowed=True, retry_after=retry_after, count=count)


def refused(count: int, retry_after: int) -> Admission:
    return Admission(allowed=False, retry_after=retry_after, count=count)


async def test_the_first_guesses_are_free(stores: Implementation, pool: str) -> None:
    assert [await guess(stores.counters, pool) for _ in range(3)] == [allowed(1), allowed(2), allowed(3)]


async def test_each_further_guess_starts_a_pause_that_doubles(stores: Implementation, pool: str) -> None:
    for _ in range(3):
        await guess(stores.counters, pool)
    at, pauses = 0.0, []
    for _ in range(9):
        admission = await guess(stores.counters, pool, at)
        assert admission.allowed
        pauses.append(admission.retry_after)
        at += admission.retry_after
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60], "up to the longest"


async def test_guesses_during_a_pause_are_refused_and_not_counted(stores: Implementation, pool: str) -> None:
    for _ in range(5):
        await guess(stores.counters, pool, 0 if _ < 4 else 1)  # the fifth starts two seconds at second one
    assert await guess(stores.counters, pool, 1.0) == refused(5, 2)
    assert await guess(stores.counters, pool, 2.5) == refused(5, 1)
    assert await guess(stores.counters, pool, 2.999) == refused(5, 1)
    assert await guess(stores.counters, pool, 3.0) == allowed(6, 4)


async def test_pauses_may_be_fractions_of_a_second(stores: Implementation, pool: str) -> None:
    assert await guess(stores.counters, pool, free=0, first=0.1) == allowed(1, 1)
    assert await guess(stores.counters, pool, 0.05, free=0, first=0.1) == refused(1, 1)
    assert await guess(stores.counters, pool, 0.125, free=0, first=0.1) == allowed(2, 1)


async def test_guesses_are_forgotten_after_the_last_one_that_counted(stores: Implementation, pool: str) -> None:
    await guess(stores.counters, pool, 0, memory=100)
    await guess(stores.counters, pool, 60, memory=100)
    assert await guess(stores.counters, pool, 159.5, memory=100) == allowed(3)
    assert await guess(stores.counters, pool, 259.5, memory=100) == allowed(1)


async def test_a_pause_longer_than_the_memory_is_kept_to_its_end(stores: Implementation, pool: str) -> None:
    assert await guess(stores.counters, pool, free=0, first=50, memory=10) == allowed(1, 50)
    assert await guess(stores.counters, pool, 49, free=0, first=50, memory=10) == refused(1, 1)
    assert await guess(stores.counters, pool, 50, free=0, first=50, memory=10) == allowed(1, 50)


async def test_after_a_right_guess_all_is_forgotten(stores: Implementation, pool: str) -> None:
    for _ in range(4):
        await guess(stores.counters, pool)
    assert not (await guess(stores.counters, pool)).allowed
    await stores.elsewhere.counters.clear_guesses(pool, "ada")
    assert await guess(stores.counters, pool) == allowed(1)


async def test_clearing_what_nobody_guessed_is_nothing(stores: Implementation, pool: str) -> None:
    await stores.counters.clear_guesses(pool, "ada")
    assert await guess(stores.counters, pool) == allowed(1)


async def test_of_50_parallel_guesses_the_free_ones_and_one_more_go_ahead(stores: Implementation, pool: str) -> None:
    admissions = await asyncio.gather(
        *(guess((stores if i % 2 else stores.elsewhere).counters, pool, free=10) for i in range(50))
    )
    assert sum(a.allowed for a in admissions) == 11, "the eleventh starts the pause that stops the others"
    assert sorted(a.count for a in admissions if a.allowed) == list(range(1, 12))
    assert {a for a in admissions if not a.allowed} == {refused(11, 1)}


async def test_a_hundred_doublings_do_not_overflow(stores: Implementation, pool: str) -> None:
    at = 0.0
    for _ in range(100):
        admission = await guess(stores.counters, pool, at, free=0, longest=900, memory=86_400)
        assert admission.allowed
        at += admission.retry_after
    assert admission == allowed(100, 900)


async def within(counters: Counters, pool: str, at: float = 0.0, key: str = "192.0.2.1", limit: int = 3) -> Admission:
    return await counters.admit_within(pool, key, now=NOW + at, limit=limit, window=600)


async def test_as_many_as_the_limit_go_ahead_within_the_window(stores: Implementation, pool: str) -> None:
    assert [await within(stores.counters, pool, at) for at in (0, 1, 2)] == [allowed(1), allowed(2), allowed(3)]
    assert await within(stores.counters, pool, 3) == refused(3, 597)
    assert await within(stores.counters, pool, 599.5) == refused(3, 1)


async def test_the_window_runs_from_the_first_try(stores: Implementation, pool: str) -> None:
    for at in (0, 500, 599):
        await within(stores.counters, pool, at)
    assert await within(stores.counters, pool, 600) == allowed(1)
    assert await within(stores.counters, pool, 1199) == allowed(2)


async def test_a_limit_of_none_lets_none_through(stores: Implementation, pool: str) -> None:
    assert await within(stores.counters, pool, limit=0) == refused(0, 600)


async def test_of_50_parallel_tries_as_many_as_the_limit_go_ahead(stores: Implementation, pool: str) -> None:
    admissions = await asyncio.gather(
        *(within((stores if i % 2 else stores.elsewhere).counters, pool, limit=10) for i in range(50))
    )
    assert sorted(a.count for a in admissions if a.allowed) == list(range(1, 11))


async def test_a_good_try_is_given_back(stores: Implementation, pool: str) -> None:
    for _ in range(3):
        await within(stores.counters, pool)
    await stores.elsewhere.counters.give_back(pool, "192.0.2.1")
    assert await within(stores.counters, pool) == allowed(3)
    assert not (await within(stores.counters, pool)).allowed


async def test_giving_back_never_goes_below_zero(stores: Implementation, pool: str) -> None:
    await within(stores.counters, pool)
    for _ in range(3):
        await stores.counters.give_back(pool, "192.0.2.1")
    assert await within(stores.counters, pool) == allowed(1)


async def test_giving_back_what_was_never_counted_is_nothing(stores: Implementation, pool: str) -> None:
    await stores.counters.give_back(pool, "192.0.2.1")
    assert await within(stores.counters, pool) == allowed(1)


async def test_giving_back_does_not_move_the_window(stores: Implementation, pool: str) -> None:
    await within(stores.counters, pool, 0)
    await stores.counters.give_back(pool, "192.0.2.1")
    assert await within(stores.counters, pool, 599) == allowed(1)
    assert await within(stores.counters, pool, 600) == allowed(1), "the window of the first try, now over"


async def test_a_cleared_window_begins_anew(stores: Implementation, pool: str) -> None:
    for _ in range(4):
        await within(stores.counters, pool, 0)
        await within(stores.counters, pool, 0, key="other")
    await guess(stores.counters, pool, key="192.0.2.1")
    await stores.elsewhere.counters.clear_within(pool, "192.0.2.1")
    await stores.counters.clear_within(pool, "never counted")
    assert await within(stores.counters, pool, 300) == allowed(1)
    assert await within(stores.counters, pool, 700) == allowed(2), "the window is that of the try after"
    assert not (await within(stores.counters, pool, 0, key="other")).allowed
    assert (await guess(stores.counters, pool, key="192.0.2.1")).count == 2, "guesses are counted apart"


async def test_pools_keys_and_the_two_limits_do_not_meet(stores: Implementation, pool: str) -> None:
    for _ in range(4):
        await guess(stores.counters, pool, key="k")
        await within(stores.counters, pool, key="k")
    assert not (await guess(stores.counters, pool, key="k")).allowed
    assert not (await within(stores.counters, pool, key="k")).allowed
    assert await guess(stores.counters, pool, key="l") == allowed(1)
    assert await within(stores.counters, pool, key="l") == allowed(1)
    assert await guess(stores.counters, pool + "2", key="k") == allowed(1)
    assert await within(stores.counters, pool + "2", key="k") == allowed(1)
    await stores.counters.clear_guesses(pool, "k")
    assert not (await within(stores.counters, pool, key="k")).allowed


@pytest.mark.parametrize("key", ["a b", "ä\N{SNOWMAN}", "x}y", "{}", "a}:guesses", "", "\x00\r\n", "\ud800"])
async def test_a_key_may_be_whatever_a_person_typed(stores: Implementation, pool: str, key: str) -> None:
    assert await guess(stores.counters, pool, key=key) == allowed(1)
    assert await guess(stores.counters, pool, key=key + "x") == allowed(1)
    assert await guess(stores.counters, pool, key=key) == allowed(2)


async def test_counters_clear_themselves_up(real_stores: Implementation, pool: str) -> None:
    """The server forgets a moment after the callers' clocks say so, never before."""
    assert real_stores.redis is not None
    await guess(real_stores.counters, pool, memory=3600)
    await within(real_stores.counters, pool)
    await within(real_stores.counters, pool, 300)
    await real_stores.counters.give_back(pool, "192.0.2.1")
    execute = real_stores.redis.commands.execute
    assert 3_600_000 < await execute("PTTL", object_key(pool, "ada", GUESSES)) <= 3_601_000
    assert 600_000 < await execute("PTTL", object_key(pool, "192.0.2.1", WINDOW)) <= 601_000


_MOVES = st.floats(min_value=0, max_value=2000, allow_nan=False)
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["guess", "guess", "guess", "clear", "within", "within", "within", "back"]),
        st.one_of(st.just(0.0), st.floats(min_value=0, max_value=3), _MOVES),
        st.sampled_from(["k", "l"]),
    ),
    max_size=40,
)
_RULES = st.tuples(
    st.integers(0, 4),
    st.one_of(st.sampled_from([0.5, 1.0]), st.floats(min_value=0.001, max_value=5)),
    st.floats(min_value=5, max_value=900),
    st.integers(20, 2000),
    st.integers(0, 4),
    st.integers(20, 2000),
)
_runs = iter(range(1 << 30))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=_RULES, start=st.floats(min_value=0, max_value=4e9), steps=_STEPS)
async def test_memory_and_valkey_agree_on_any_sequence(
    valkey: Implementation, rules: tuple, start: float, steps: list[tuple]
) -> None:
    free, first, longest, memory, limit, window = rules
    model, where = over_memory(), f"property-{next(_runs)}_1"

    async def take(counters: Counters, verb: str, now: float, key: str) -> Admission | None:
        match verb:
            case "guess":
                return await counters.admit_guess(
                    where, key, now=now, free=free, first=first, longest=longest, memory=memory
                )
            case "clear":
                return await counters.clear_guesses(where, key)
            case "within":
                return await counters.admit_within(where, key, now=now, limit=limit, window=window)
            case _:
                return await counters.give_back(where, key)

    now = start
    for verb, move, key in steps:
        now += move
        assert await take(valkey.counters, verb, now, key) == await take(model.counters, verb, now, key), (verb, now)
