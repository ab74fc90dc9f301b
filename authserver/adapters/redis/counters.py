"""The role Counters: each key holds its numbers as text, and one script reads, decides and writes.

Times are the caller's `now`, so that every rule can be tested at any moment; the key's own expiry only clears up, and
comes a little later so that two servers whose clocks differ agree on when a count is forgotten. Numbers are written
with 17 digits, which gives a float back exactly; Lua's own conversion keeps 14.
"""

from authserver.adapters.redis.commands import Commands
from authserver.adapters.redis.keys import GUESSES, WINDOW, object_key
from authserver.adapters.redis.scripts import Script
from authserver.store.protocols import Admission

# ARGV: now, free, first, longest, memory. Stored: count, paused until, forgotten at.
_GUESS = Script(
    """
    local now, free, first = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
    local longest, memory = tonumber(ARGV[4]), tonumber(ARGV[5])
    local count, paused, forget = 0, 0, 0
    local stored = redis.call('GET', KEYS[1])
    if stored then
        local c, p, f = string.match(stored, '(%S+) (%S+) (%S+)')
        count, paused, forget = tonumber(c), tonumber(p), tonumber(f)
    end
    if now >= forget then count, paused = 0, 0 end
    if now < paused then return {0, math.ceil(paused - now), count} end
    count = count + 1
    local pause = 0
    if count > free then pause = math.min(longest, first * 2 ^ math.min(count - free - 1, 60)) end
    local kept = math.max(memory, pause)
    redis.call('SET', KEYS[1], string.format('%d %.17g %.17g', count, now + pause, now + kept),
               'PX', string.format('%d', math.ceil(kept * 1000) + 1000))
    return {1, math.ceil(pause), count}
    """
)

# ARGV: now, limit, window. Stored: count, ends at.
_WITHIN = Script(
    """
    local now, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
    local count, ends = 0, nil
    local stored = redis.call('GET', KEYS[1])
    if stored then
        local c, e = string.match(stored, '(%S+) (%S+)')
        count, ends = tonumber(c), tonumber(e)
    end
    local fresh = not ends or now >= ends
    if fresh then count, ends = 0, now + window end
    if count >= limit then return {0, math.max(1, math.ceil(ends - now)), count} end
    local value = string.format('%d %.17g', count + 1, ends)
    if fresh then
        redis.call('SET', KEYS[1], value, 'PX', string.format('%d', window * 1000 + 1000))
    else
        redis.call('SET', KEYS[1], value, 'KEEPTTL')
    end
    return {1, 0, count + 1}
    """
)

_GIVE_BACK = Script(
    """
    local stored = redis.call('GET', KEYS[1])
    if not stored then return end
    local c, e = string.match(stored, '(%S+) (%S+)')
    redis.call('SET', KEYS[1], string.format('%d %s', math.max(0, tonumber(c) - 1), e), 'KEEPTTL')
    """
)


class RedisCounters:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def admit_guess(
        self, pool: str, key: str, *, now: float, free: int, first: float, longest: float, memory: int
    ) -> Admission:
        allowed, retry_after, count = await _GUESS(
            self._commands,
            object_key(pool, key, GUESSES),
            repr(float(now)),
            free,
            repr(float(first)),
            repr(float(longest)),
            memory,
        )
        return Admission(allowed=bool(allowed), retry_after=retry_after, count=count)

    async def clear_guesses(self, pool: str, key: str) -> None:
        await self._commands.execute("DEL", object_key(pool, key, GUESSES))

    async def admit_within(self, pool: str, key: str, *, now: float, limit: int, window: int) -> Admission:
        allowed, retry_after, count = await _WITHIN(
            self._commands, object_key(pool, key, WINDOW), repr(float(now)), limit, window
        )
        return Admission(allowed=bool(allowed), retry_after=retry_after, count=count)

    async def give_back(self, pool: str, key: str) -> None:
        await _GIVE_BACK(self._commands, object_key(pool, key, WINDOW))

    async def clear_within(self, pool: str, key: str) -> None:
        await self._commands.execute("DEL", object_key(pool, key, WINDOW))
