"""The role OneTime: one string per thing, whose first byte says whether it was spent.

Spending flips that byte with SETRANGE, which keeps the expiry; decisions.md 3 compares it with other ways.
"""

from authserver.adapters.redis.commands import Commands
from authserver.adapters.redis.expiry import milliseconds
from authserver.adapters.redis.keys import one_time_key
from authserver.adapters.redis.scripts import Script
from authserver.errors import Conflict
from authserver.store.protocols import Spent

_UNSPENT = b"0"

_SPEND = Script(
    """
    -- a replay writes nothing, so that many of them do not fill the append-only file
    local thing = redis.call('GET', KEYS[1])
    if thing and string.byte(thing) == 48 then redis.call('SETRANGE', KEYS[1], 0, '1') end
    return thing
    """
)

_SWAP = Script(
    """
    if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
    return 1
    """
)


class RedisOneTime:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def put(self, pool: str, kind: str, digest: str, value: bytes, ttl: int) -> None:
        key = one_time_key(pool, digest, kind)
        if await self._commands.execute("SET", key, _UNSPENT + value, "PX", milliseconds(ttl), "NX") is None:
            raise Conflict(detail=f"{kind} digest taken")

    async def peek(self, pool: str, kind: str, digest: str) -> bytes | None:
        thing: bytes | None = await self._commands.execute("GET", one_time_key(pool, digest, kind))
        return thing[1:] if thing is not None and thing.startswith(_UNSPENT) else None

    async def swap(self, pool: str, kind: str, digest: str, old: bytes, new: bytes) -> bool:
        key = one_time_key(pool, digest, kind)
        return bool(await _SWAP(self._commands, key, _UNSPENT + old, _UNSPENT + new))

    async def spend(self, pool: str, kind: str, digest: str) -> Spent | None:
        thing: bytes | None = await _SPEND(self._commands, one_time_key(pool, digest, kind))
        if thing is None:
            return None
        return Spent(thing[1:], replayed=not thing.startswith(_UNSPENT))
