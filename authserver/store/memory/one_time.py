"""OneTime and Counters in memory."""

import math
from collections.abc import Callable

from authserver.errors import Conflict
from authserver.store.protocols import Admission, Spent

Key = tuple[str, str]


class MemoryOneTime:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._things: dict[tuple[str, str, str], tuple[bytes, bool, float]] = {}

    def _live(self, key: tuple[str, str, str]) -> tuple[bytes, bool, float] | None:
        thing = self._things.get(key)
        return thing if thing is not None and thing[2] > self._clock() else None

    async def put(self, pool: str, kind: str, digest: str, value: bytes, ttl: int) -> None:
        if self._live((pool, kind, digest)) is not None:
            raise Conflict(detail=f"{kind} digest taken")
        self._things[pool, kind, digest] = (value, False, self._clock() + ttl)

    async def peek(self, pool: str, kind: str, digest: str) -> bytes | None:
        thing = self._live((pool, kind, digest))
        return thing[0] if thing is not None and not thing[1] else None

    async def swap(self, pool: str, kind: str, digest: str, old: bytes, new: bytes) -> bool:
        thing = self._live((pool, kind, digest))
        if thing is None or thing[1] or thing[0] != old:
            return False
        self._things[pool, kind, digest] = (new, False, thing[2])
        return True

    async def spend(self, pool: str, kind: str, digest: str) -> Spent | None:
        thing = self._live((pool, kind, digest))
        if thing is None:
            return None
        self._things[pool, kind, digest] = (thing[0], True, thing[2])
        return Spent(thing[0], replayed=thing[1])


class MemoryCounters:
    def __init__(self) -> None:
        self._guesses: dict[Key, tuple[int, float, float]] = {}
        self._windows: dict[Key, tuple[int, float]] = {}

    async def admit_guess(
        self, pool: str, key: str, *, now: float, free: int, first: float, longest: float, memory: int
    ) -> Admission:
        count, paused_until, forget_at = self._guesses.get((pool, key), (0, 0.0, 0.0))
        if now >= forget_at:
            count, paused_until = 0, 0.0
        if now < paused_until:
            return Admission(allowed=False, retry_after=math.ceil(paused_until - now), count=count)
        count += 1
        pause = min(longest, first * 2 ** min(count - free - 1, 60)) if count > free else 0.0
        self._guesses[pool, key] = (count, now + pause, now + max(memory, pause))
        return Admission(allowed=True, retry_after=math.ceil(pause), count=count)

    async def clear_guesses(self, pool: str, key: str) -> None:
        self._guesses.pop((pool, key), None)

    async def admit_within(self, pool: str, key: str, *, now: float, limit: int, window: int) -> Admission:
        count, until = self._windows.get((pool, key), (0, 0.0))
        if now >= until:
            count, until = 0, now + window
        if count >= limit:
            return Admission(allowed=False, retry_after=max(1, math.ceil(until - now)), count=count)
        self._windows[pool, key] = (count + 1, until)
        return Admission(allowed=True, retry_after=0, count=count + 1)

    async def give_back(self, pool: str, key: str) -> None:
        if (pool, key) in self._windows:
            count, until = self._windows[pool, key]
            self._windows[pool, key] = (max(0, count - 1), until)

    async def clear_within(self, pool: str, key: str) -> None:
        self._windows.pop((pool, key), None)
