"""Registry readings kept in process: what drops them, and what may not be kept at all."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from authserver.errors import Conflict
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.store import cached
from authserver.store.cached import LIFETIME, SILENCE, CachedRegistry
from authserver.store.memory import MemoryRegistry
from tests.journeys.house import each

pytestmark = pytest.mark.anyio

POOL = Pool("a_1", "A")
CLIENT = Client("web", "a_1")


class Counted(MemoryRegistry):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.delay: asyncio.Event | None = None

    async def pool(self, pool: str) -> Pool | None:
        self.asked.append(f"pool {pool}")
        found = await super().pool(pool)
        if self.delay is not None:
            await self.delay.wait()
        return found

    async def client(self, pool: str, client_id: str) -> Client | None:
        self.asked.append(f"client {client_id}")
        return await super().client(pool, client_id)

    async def pool_of_client(self, client_id: str) -> str | None:
        self.asked.append(f"pool of {client_id}")
        return await super().pool_of_client(client_id)

    async def keys(self, pool: str) -> list[Any]:
        self.asked.append(f"keys {pool}")
        return await super().keys(pool)


class Kept:
    def __init__(self, *, heartbeat: bool = False) -> None:
        self.now = 1000.0
        self.inner = Counted()
        self.announced: list[int] = []
        self.registry = CachedRegistry(self.inner, lambda: self.now, self._announce, heartbeat=heartbeat)

    async def _announce(self, version: int) -> None:
        self.announced.append(version)


async def kept(*, heartbeat: bool = False) -> Kept:
    at = Kept(heartbeat=heartbeat)
    await at.inner.put_pool(POOL)
    await at.inner.put_client("a_1", CLIENT)
    return at


async def test_a_reading_is_asked_for_once() -> None:
    at = await kept()
    for _ in range(3):
        assert await at.registry.pool("a_1") == POOL
        assert await at.registry.client("a_1", "web") == CLIENT
        assert await at.registry.pool_of_client("web") == "a_1"
        assert await at.registry.keys("a_1") == []
    assert at.inner.asked == ["pool a_1", "client web", "pool of web", "keys a_1"]


async def test_lists_and_the_version_are_always_asked_for() -> None:
    at = await kept()
    for _ in range(2):
        assert await at.registry.pools() == [POOL]
        assert await at.registry.clients("a_1") == [CLIENT]
        assert await at.registry.version() == 2


async def test_what_does_not_exist_is_not_kept() -> None:
    """Names come from strangers: else anybody could fill the memory."""
    at = await kept()
    for _ in range(3):
        assert await at.registry.client("a_1", "nobody") is None
    assert len(at.inner.asked) == 3
    await at.inner.put_client("a_1", replace(CLIENT, client_id="nobody"))
    assert await at.registry.client("a_1", "nobody") is not None


@each("age", {"young": (LIFETIME - 0.1, 1), "old": (LIFETIME, 2)})
async def test_no_reading_lives_longer_than_its_lifetime(age: tuple[float, int]) -> None:
    at = await kept()
    await at.registry.pool("a_1")
    at.now += age[0]
    await at.registry.pool("a_1")
    assert len(at.inner.asked) == age[1]


async def test_without_a_heartbeat_nothing_is_kept_until_one_is_heard_and_nothing_after_a_second_of_silence() -> None:
    at = await kept(heartbeat=True)
    for _ in range(2):
        await at.registry.pool("a_1")
    assert len(at.inner.asked) == 2
    at.registry.heard(2)
    for _ in range(3):
        await at.registry.pool("a_1")
    assert len(at.inner.asked) == 3
    at.now += SILENCE
    await at.registry.pool("a_1")
    assert len(at.inner.asked) == 3
    at.now += 0.01
    assert not at.registry.trusted()
    await at.registry.pool("a_1")
    assert len(at.inner.asked) == 4
    at.registry.heard(None)  # a beat that could not be read is no beat
    await at.registry.pool("a_1")
    assert len(at.inner.asked) == 5
    at.registry.heard(2)  # the silence is over, and what was kept before it is as good as ever
    assert at.registry.trusted()


async def test_a_jump_of_the_version_drops_everything_and_a_steady_one_nothing() -> None:
    at = await kept(heartbeat=True)
    at.registry.heard(2)
    epoch = at.registry.epoch
    await at.registry.pool("a_1")
    at.registry.heard(2)
    await at.registry.pool("a_1")
    assert (len(at.inner.asked), at.registry.epoch) == (1, epoch)
    for version in (3, 1):  # a store that was restored counts from an older number
        at.registry.heard(version)
        await at.registry.pool("a_1")
    assert (len(at.inner.asked), at.registry.epoch) == (3, epoch + 2)


async def test_ones_own_changes_are_seen_at_once_and_announced() -> None:
    at = await kept()
    await at.registry.pool("a_1")
    await at.registry.put_pool(replace(POOL, name="B"))
    assert (await at.registry.pool("a_1")).name == "B"  # type: ignore[union-attr]  # it is there
    await at.registry.put_client("a_1", replace(CLIENT, client_name="x"))
    assert (await at.registry.client("a_1", "web")).client_name == "x"  # type: ignore[union-attr]
    assert await at.registry.delete_client("a_1", "web") is True
    assert await at.registry.client("a_1", "web") is None
    await at.registry.change_keys("a_1", expected=[], put=[])
    assert at.announced == [3, 4, 5, 6]


async def test_a_conflict_over_keys_drops_the_reading_that_caused_it() -> None:
    at = await kept()
    await at.registry.keys("a_1")
    with pytest.raises(Conflict):
        await at.registry.change_keys("a_1", expected=["other"], put=[])
    await at.registry.keys("a_1")
    assert at.inner.asked == ["keys a_1"] * 2


async def test_a_reading_begun_before_a_change_is_not_kept_after_it() -> None:
    at = await kept()
    at.inner.delay = asyncio.Event()
    slow = asyncio.create_task(at.registry.pool("a_1"))
    await asyncio.sleep(0)
    at.registry.drop()
    at.inner.delay.set()
    assert await slow == POOL
    at.inner.delay = None
    await at.registry.pool("a_1")
    assert len(at.inner.asked) == 2


async def test_a_process_that_is_alone_announces_nothing() -> None:
    registry = CachedRegistry(Counted(), lambda: 0.0)
    await registry.put_pool(POOL)
    assert await registry.pool("a_1") == POOL


async def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """D5."""
    monkeypatch.setattr(cached, "_MOST_ENTRIES", 3)
    at = await kept()
    for n in range(4):
        await at.inner.put_client("a_1", replace(CLIENT, client_id=f"c{n}"))
    for n in range(4):
        await at.registry.client("a_1", f"c{n}")
    assert len(at.registry._entries) == 1
