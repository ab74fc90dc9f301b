"""OneTime: a thing is there until it is spent or over, and of all who spend it one is the first."""

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from authserver.adapters.redis.keys import one_time_key
from authserver.errors import Conflict
from authserver.store import Spent
from tests.conformance.redis_stores import (  # noqa: F401 - fixtures
    Implementation,
    over_memory,
    pool_fixture,
    real_stores_fixture,
    servers_fixture,
    stores_fixture,
    timed_stores_fixture,
    valkey_fixture,
)

pytestmark = pytest.mark.anyio


async def test_what_was_put_can_be_peeked_at_any_number_of_times(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "code", "d", b"value", 60)
    assert await stores.one_time.peek(pool, "code", "d") == b"value"
    assert await stores.elsewhere.one_time.peek(pool, "code", "d") == b"value"


async def test_a_put_thing_is_spent_once_and_a_replay_learns_what_it_was(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "code", "d", b"value", 60)
    assert await stores.one_time.spend(pool, "code", "d") == Spent(b"value", replayed=False)
    assert await stores.elsewhere.one_time.spend(pool, "code", "d") == Spent(b"value", replayed=True)
    assert await stores.one_time.spend(pool, "code", "d") == Spent(b"value", replayed=True)


async def test_a_spent_thing_cannot_be_peeked(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "code", "d", b"value", 60)
    await stores.one_time.spend(pool, "code", "d")
    assert await stores.one_time.peek(pool, "code", "d") is None


async def test_what_never_was_yields_nothing(stores: Implementation, pool: str) -> None:
    assert await stores.one_time.peek(pool, "code", "d") is None
    assert await stores.one_time.spend(pool, "code", "d") is None
    assert await stores.one_time.swap(pool, "code", "d", b"", b"new") is False
    assert await stores.one_time.spend(pool, "code", "d") is None, "asking must not make it"


async def test_a_digest_cannot_be_put_twice(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "code", "d", b"first", 60)
    with pytest.raises(Conflict):
        await stores.one_time.put(pool, "code", "d", b"second", 60)
    assert await stores.one_time.peek(pool, "code", "d") == b"first"


async def test_a_spent_digest_cannot_be_put_again(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "code", "d", b"first", 60)
    await stores.one_time.spend(pool, "code", "d")
    with pytest.raises(Conflict):
        await stores.one_time.put(pool, "code", "d", b"second", 60)
    assert await stores.one_time.spend(pool, "code", "d") == Spent(b"first", replayed=True)


async def test_swap_replaces_the_old_value(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "device", "d", b"pending", 60)
    assert await stores.one_time.swap(pool, "device", "d", b"pending", b"allowed") is True
    assert await stores.one_time.spend(pool, "device", "d") == Spent(b"allowed", replayed=False)


async def test_swap_of_another_value_changes_nothing(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "device", "d", b"pending", 60)
    assert await stores.one_time.swap(pool, "device", "d", b"allowed", b"denied") is False
    assert await stores.one_time.peek(pool, "device", "d") == b"pending"


async def test_swap_of_a_spent_thing_changes_nothing(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "device", "d", b"pending", 60)
    await stores.one_time.spend(pool, "device", "d")
    assert await stores.one_time.swap(pool, "device", "d", b"pending", b"allowed") is False
    assert await stores.one_time.spend(pool, "device", "d") == Spent(b"pending", replayed=True)


@pytest.mark.parametrize("value", [b"", b"0", b"1", b"1x", b"\x00\xff\r\n", b"x" * 100_000])
async def test_any_bytes_come_out_as_they_went_in(stores: Implementation, pool: str, value: bytes) -> None:
    await stores.one_time.put(pool, "code", "d", value, 60)
    assert await stores.one_time.peek(pool, "code", "d") == value
    assert await stores.one_time.swap(pool, "code", "d", value, b"1" + value) is True
    assert await stores.one_time.spend(pool, "code", "d") == Spent(b"1" + value, replayed=False)
    assert await stores.one_time.spend(pool, "code", "d") == Spent(b"1" + value, replayed=True)


async def test_pools_and_kinds_do_not_meet(stores: Implementation, pool: str) -> None:
    for where, kind, value in ((pool, "code", b"a"), (pool, "handoff", b"b"), (pool + "2", "code", b"c")):
        await stores.one_time.put(where, kind, "d", value, 60)
    assert await stores.one_time.spend(pool, "code", "d") == Spent(b"a", replayed=False)
    assert await stores.one_time.spend(pool, "handoff", "d") == Spent(b"b", replayed=False)
    assert await stores.one_time.spend(pool + "2", "code", "d") == Spent(b"c", replayed=False)


async def test_of_200_who_spend_at_once_one_is_the_first(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "code", "d", b"value", 60)
    spent = await asyncio.gather(
        *((stores if i % 2 else stores.elsewhere).one_time.spend(pool, "code", "d") for i in range(200))
    )
    assert [s.value for s in spent if s] == [b"value"] * 200
    assert sum(not s.replayed for s in spent if s) == 1


async def test_of_100_who_swap_at_once_one_succeeds(stores: Implementation, pool: str) -> None:
    await stores.one_time.put(pool, "device", "d", b"pending", 60)
    done = await asyncio.gather(
        *(
            (stores if i % 2 else stores.elsewhere).one_time.swap(pool, "device", "d", b"pending", b"%d" % i)
            for i in range(100)
        )
    )
    assert sum(done) == 1
    assert await stores.one_time.peek(pool, "device", "d") == b"%d" % done.index(True)


async def test_of_100_who_put_at_once_one_succeeds(stores: Implementation, pool: str) -> None:
    done = await asyncio.gather(
        *((stores if i % 2 else stores.elsewhere).one_time.put(pool, "code", "d", b"%d" % i, 60) for i in range(100)),
        return_exceptions=True,
    )
    assert [type(d) for d in done].count(Conflict) == 99
    assert await stores.one_time.peek(pool, "code", "d") == b"%d" % done.index(None)


async def test_things_end_at_their_original_expiry_spent_or_not(timed_stores: Implementation, pool: str) -> None:
    one_time = timed_stores.one_time
    for digest in ("untouched", "spent", "swapped", "late"):
        await one_time.put(pool, "code", digest, b"value", 1)
    await one_time.put(pool, "code", "longer", b"value", 60)
    await one_time.spend(pool, "code", "spent")
    await one_time.swap(pool, "code", "swapped", b"value", b"other")
    await timed_stores.pass_time(0.5)
    assert await one_time.spend(pool, "code", "spent") == Spent(b"value", replayed=True)
    assert await one_time.spend(pool, "code", "late") == Spent(b"value", replayed=False)
    await timed_stores.pass_time(0.6)
    for digest in ("untouched", "spent", "swapped", "late"):
        assert await one_time.peek(pool, "code", digest) is None
        assert await one_time.swap(pool, "code", digest, b"value", b"new") is False
        assert await one_time.spend(pool, "code", digest) is None
    assert await one_time.spend(pool, "code", "longer") == Spent(b"value", replayed=False)
    await one_time.put(pool, "code", "spent", b"again", 60)
    assert await one_time.peek(pool, "code", "spent") == b"again", "a digest that is over is free"


async def test_what_is_put_for_no_time_is_over(timed_stores: Implementation, pool: str) -> None:
    await timed_stores.one_time.put(pool, "code", "d", b"value", 0)
    await timed_stores.pass_time(0.01)
    assert await timed_stores.one_time.spend(pool, "code", "d") is None


async def test_spending_and_swapping_leave_the_expiry_alone(real_stores: Implementation, pool: str) -> None:
    assert real_stores.redis is not None
    await real_stores.one_time.put(pool, "code", "d", b"value", 600)
    key = one_time_key(pool, "d", "code")
    await real_stores.redis.commands.execute("PEXPIRE", key, 300_000)
    await real_stores.one_time.swap(pool, "code", "d", b"value", b"other")
    await real_stores.one_time.spend(pool, "code", "d")
    await real_stores.one_time.spend(pool, "code", "d")
    assert 295_000 < await real_stores.redis.commands.execute("PTTL", key) <= 300_000


async def test_a_server_that_forgot_the_scripts_is_told_again(real_stores: Implementation, pool: str) -> None:
    await real_stores.one_time.put(pool, "code", "d", b"value", 60)
    await real_stores.node("SCRIPT", "FLUSH")
    spent = await asyncio.gather(*(real_stores.one_time.spend(pool, "code", "d") for _ in range(50)))
    assert sum(not s.replayed for s in spent if s) == 1


async def test_each_thing_is_one_key_tagged_with_itself(real_stores: Implementation, pool: str) -> None:
    assert real_stores.redis is not None
    for i in range(100):
        await real_stores.one_time.put(pool, "code", f"digest{i}", b"value", 60)
        await real_stores.one_time.spend(pool, "code", f"digest{i}")
    keys = [one_time_key(pool, f"digest{i}", "code") for i in range(100)]
    assert keys[7] == b"pg:{%s:digest7}:code" % pool.encode()
    assert all([await real_stores.redis.commands.execute("EXISTS", key) for key in keys])
    assert len({key_slot(key) for key in keys}) > 90, "the things of one pool spread over a cluster"


async def test_a_kind_of_another_role_is_refused(valkey: Implementation, pool: str) -> None:
    with pytest.raises(ValueError, match="another role"):
        await valkey.one_time.put(pool, "session", "d", b"value", 60)
    await valkey.one_time.put(pool, "session-2", "d", b"value", 60)


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "peek", "swap", "spend"]),
        st.sampled_from(["", "-b"]),
        st.sampled_from(["code", "handoff"]),
        st.sampled_from(["d", "e"]),
        st.sampled_from([b"", b"0", b"1", b"other"]),
        st.sampled_from([b"", b"0", b"1", b"other"]),
    ),
    max_size=30,
)
_runs = iter(range(1 << 30))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_memory_and_valkey_agree_on_any_sequence(valkey: Implementation, steps: list[tuple]) -> None:
    model, run = over_memory(), next(_runs)

    async def take(target: Implementation, step: tuple) -> object:
        verb, suffix, kind, digest, old, new = step
        where = f"property-{run}_1{suffix}"
        try:
            match verb:
                case "put":
                    return await target.one_time.put(where, kind, digest, new, 600)
                case "swap":
                    return await target.one_time.swap(where, kind, digest, old, new)
                case "peek":
                    return await target.one_time.peek(where, kind, digest)
                case _:
                    return await target.one_time.spend(where, kind, digest)
        except Conflict:
            return "conflict"

    for step in steps:
        assert await take(valkey, step) == await take(model, step), step


async def test_every_key_in_the_store_is_named_by_the_rule(valkey: Implementation, pool: str) -> None:
    assert valkey.redis is not None
    await valkey.one_time.put(pool, "code", "d", b"value", 60)
    await valkey.counters.admit_guess(pool, "k", now=1.0, free=1, first=1, longest=1, memory=60)
    await valkey.counters.admit_within(pool, "k", now=1.0, limit=1, window=60)
    await valkey.redis.heartbeat.publish_version(1)
    rule = re.compile(rb"pg:\{([^{}:]+:.*|heartbeat)\}:[^{}]+", re.DOTALL)
    cursor, keys = b"0", []
    while True:
        cursor, page = await valkey.redis.commands.execute("SCAN", cursor, "COUNT", 1000)
        keys += [key for key in page if pool.encode() in key or b"heartbeat" in key]  # others name what they like
        if cursor == b"0":
            break
    assert len(keys) >= 4
    assert [key for key in keys if not rule.fullmatch(key)] == []
