"""The heartbeat: what each process follows, and that a missed beat is no error."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from authserver import heart as module
from authserver.errors import StoreUnavailable
from authserver.heart import FEED, SQL, Heart
from authserver.model.pools import Pool
from authserver.store.cached import SILENCE, CachedRegistry
from authserver.store.memory import MemoryGrants, MemoryRegistry
from authserver.tokens.revocation import Revocations

pytestmark = pytest.mark.anyio


class Board:
    """The numbers that all processes watch."""

    def __init__(self) -> None:
        self.version = 0
        self.hints = 0
        self.published: list[int] = []
        self.fault: Exception | None = None

    async def publish_version(self, version: int) -> None:
        self.version = max(self.version, version)
        self.published.append(version)

    async def read_version(self) -> int:
        if self.fault is not None:
            raise self.fault
        return self.version

    async def hint_revocation(self) -> int:
        self.hints += 1
        return self.hints

    async def read_revocations(self) -> int:
        return self.hints


class Process:
    def __init__(self, board: Board, inner: MemoryRegistry, grants: MemoryGrants) -> None:
        self.now = 10_000.0
        self.board = board
        self.registry = CachedRegistry(inner, lambda: self.now, board.publish_version, heartbeat=True)
        self.revocations = Revocations(grants, lambda: self.now, board.hint_revocation)  # type: ignore[arg-type]  # the number it returns is not needed
        self.heart = Heart(board, self.registry, self.revocations, grants, lambda: self.now)
        self.looks = 0
        follow = self.revocations.follow

        async def counted() -> None:
            self.looks += 1
            await follow()

        self.revocations.follow = counted  # type: ignore[method-assign]


class House:
    def __init__(self) -> None:
        self.board, self.inner, self.grants = Board(), MemoryRegistry(), MemoryGrants()
        self.one = Process(self.board, self.inner, self.grants)
        self.two = Process(self.board, self.inner, self.grants)


@pytest.fixture
async def at() -> House:
    house = House()
    await house.inner.put_pool(Pool("a_1", "A"))
    return house


@asynccontextmanager
async def beating(process: Process) -> AsyncIterator[None]:
    await process.heart.start()
    try:
        yield
    finally:
        await process.heart.stop()


async def test_the_first_beat_brings_what_a_process_must_know(at: House) -> None:
    await at.grants.revoke_token("a_1", "x.y", 10_000, 20_000)
    async with beating(at.one):
        assert at.one.registry.trusted()
        assert at.one.revocations.covers("a_1", {"jti": "x.y"})
        assert at.board.published == [1]  # nobody had announced the version that is stored


async def test_a_change_here_is_seen_there_at_the_next_beat(at: House) -> None:
    for process in (at.one, at.two):
        await process.heart._beat()
        assert (await process.registry.pool("a_1")).name == "A"  # type: ignore[union-attr]  # it is there
    await at.one.registry.put_pool(Pool("a_1", "B"))
    assert (await at.two.registry.pool("a_1")).name == "A"  # type: ignore[union-attr]
    await at.two.heart._beat()
    assert (await at.two.registry.pool("a_1")).name == "B"  # type: ignore[union-attr]


async def test_a_lost_announcement_is_made_good_within_seconds(at: House) -> None:
    await at.two.heart._beat()
    await at.two.registry.pool("a_1")
    await at.inner.put_pool(Pool("a_1", "B"))  # committed, and the process died before it said so
    at.two.now += SQL - 0.1
    await at.two.heart._beat()
    assert at.board.version == 1
    at.two.now += 0.1
    await at.two.heart._beat()
    assert at.board.version == 2
    assert (await at.two.registry.pool("a_1")).name == "B"  # type: ignore[union-attr]


async def test_a_board_that_forgot_everything_is_filled_again(at: House) -> None:
    await at.one.heart._beat()
    at.board.version = 0  # Redis was flushed
    await at.one.heart._beat()
    assert at.board.version == 1


async def test_the_feed_is_read_at_a_hint_at_once_and_else_now_and_then(at: House) -> None:
    await at.two.heart._beat()
    await at.two.heart._beat()
    assert at.two.looks == 1
    await at.one.revocations.revoke_token("a_1", "x.y", 20_000)
    await at.two.heart._beat()
    assert at.two.looks == 2
    assert at.two.revocations.covers("a_1", {"jti": "x.y"})
    await at.grants.revoke_token("a_1", "lost.hint", 10_000, 20_000)
    at.two.now += FEED
    await at.two.heart._beat()
    assert at.two.revocations.covers("a_1", {"jti": "lost.hint"})


async def test_a_missed_beat_is_logged_once_and_the_cache_is_not_trusted(
    at: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.001)
    monkeypatch.setattr(module, "PURGE", 0.001)
    with capture_logs() as logs:
        async with beating(at.one):
            at.board.fault = StoreUnavailable(detail="no connection")
            at.one.now += SILENCE + 1
            await asyncio.sleep(0.05)
            assert not at.one.registry.trusted()
            assert [(line["event"], line["detail"]) for line in logs] == [("a store does not answer", "no connection")]
            at.board.fault = None
            await asyncio.sleep(0.05)
            assert at.one.registry.trusted()
            at.board.fault = StoreUnavailable()
            await asyncio.sleep(0.05)
        assert [line["detail"] for line in logs] == ["no connection", StoreUnavailable.sentence]


async def test_a_bug_does_not_stop_the_heart(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.001)
    with capture_logs() as logs:
        async with beating(at.one):
            at.board.fault = KeyError("bug")
            await asyncio.sleep(0.03)
            at.board.fault = None
            at.one.now += SILENCE + 1
            await asyncio.sleep(0.03)
            assert at.one.registry.trusted()
    assert {line["event"] for line in logs} == {"the heartbeat failed"}
    assert {line["log_level"] for line in logs} == {"error"}


async def test_what_has_expired_is_tidied_away(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PURGE", 0.001)
    await at.grants.revoke_token("a_1", "old.x", 1, 9_999)
    await at.grants.revoke_token("a_1", "new.x", 1, 10_001)
    with capture_logs() as logs:
        async with beating(at.one):
            await asyncio.sleep(0.03)
    assert [entry.id for entry in await at.grants.revocations(0)] == ["new.x"]
    assert [(line["event"], line["count"]) for line in logs] == [("purged", 1)]


async def test_a_heart_that_cannot_start_says_so(at: House) -> None:
    at.board.fault = StoreUnavailable()
    with pytest.raises(StoreUnavailable):
        await at.one.heart.start()
    nothing: Any = await at.one.heart.stop()
    assert nothing is None
