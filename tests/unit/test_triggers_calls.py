"""The record of trigger calls, in memory and in Redis: bounded, newest first, each pool's own."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from authserver.adapters.redis import RedisStores, open_redis
from authserver.adapters.redis.trigger_calls import RedisCalls, _key
from authserver.adapters.valkey import EmbeddedValkey
from authserver.adapters.valkey.binary import server_program
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.errors import StoreUnavailable
from authserver.triggers.calls import KEPT, KEPT_FOR, Calls, MemoryCalls, TriggerCall, content_of, sealed
from tests.conformance.redis_stores import absent

pytestmark = pytest.mark.anyio

CALL = TriggerCall(
    "c-1",
    "p_1",
    "pre_sign_up",
    "PreSignUp_SignUp",
    "acme:check",
    1_800_000_000_000,
    12,
    "vetoed",
    "ada",
    "web",
    "No.",
    b"\0\xff",
)


@pytest.fixture(scope="module")
async def redis(anyio_backend: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisStores]:
    try:
        server_program()
    except StoreUnavailable as error:
        absent(error.sentence)
    folder: Path = tmp_path_factory.mktemp("valkey")
    async with EmbeddedValkey.open(folder) as running:
        stores = open_redis(running.url)
        yield stores
        await stores.close()


@pytest.fixture(params=["memory", "redis"])
def calls(request: pytest.FixtureRequest) -> Calls:
    if request.param == "memory":
        return MemoryCalls()
    stores: RedisStores = request.getfixturevalue("redis")
    return RedisCalls(stores.commands)


async def test_a_call_comes_back_as_it_went_in(calls: Calls) -> None:
    await calls.note(CALL)
    await calls.note(
        replace(CALL, id="c-2", client_id=None, reason=None, sealed=b"", username="\u00e4 \U0001f600 \u0000")
    )
    second, first = await calls.recent("p_1")
    assert first == CALL
    assert second == replace(
        CALL, id="c-2", client_id=None, reason=None, sealed=b"", username="\u00e4 \U0001f600 \u0000"
    )


async def test_a_pool_has_the_newest_and_no_more(calls: Calls) -> None:
    for n in range(KEPT + 5):
        await calls.note(replace(CALL, id=str(n), pool="p_2"))
    assert [call.id for call in await calls.recent("p_2")] == [str(n) for n in range(KEPT + 4, 4, -1)]
    assert [call.id for call in await calls.recent("p_2", 1)] == [str(KEPT + 4)]
    assert await calls.recent("p_3") == []


async def test_what_is_kept_in_redis_goes_by_itself(redis: RedisStores) -> None:
    await RedisCalls(redis.commands).note(replace(CALL, pool="p_4"))
    left: int = await redis.commands.execute("PTTL", _key("p_4"))
    assert 0 < left <= KEPT_FOR * 1000


async def test_members_of_another_version_are_passed_over(redis: RedisStores) -> None:
    await redis.commands.execute(
        "LPUSH",
        _key("p_5"),
        b'{"id":"x","pool":"p_5","point":"pre_sign_up","source":"s","target":"t","at":1,"milliseconds":2,'
        b'"outcome":"failed","sealed":"","new_member":1}',
    )
    (call,) = await RedisCalls(redis.commands).recent("p_5")
    assert (call.id, call.outcome) == ("x", "failed")


async def test_the_content_belongs_to_its_call() -> None:
    sealer = Sealer(bytes(32), SystemRandom())
    call = sealed(CALL, sealer, {"request": {"password": "x"}}, {"response": {}}, frozenset({"password"}))
    content = content_of(call, sealer)
    assert (content.event, content.answer) == ({"request": {"password": "[not kept]"}}, {"response": {}})
    with pytest.raises(Exception, match="does not open"):
        content_of(replace(call, id="another"), sealer)
