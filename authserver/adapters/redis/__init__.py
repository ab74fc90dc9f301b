"""Sessions, OneTime and Counters over the Redis protocol (Redis 6.2 or later, or Valkey).

Owns how their values and keys look in Redis, and the connection. Knows nothing of HTTP, SQL or the flows that use it.
`decisions.md` says why it does not simply call redis-py.
"""

from dataclasses import dataclass

from authserver.adapters.redis.addresses import commands_for
from authserver.adapters.redis.commands import Commands
from authserver.adapters.redis.counters import RedisCounters
from authserver.adapters.redis.heartbeat import Heartbeat
from authserver.adapters.redis.one_time import RedisOneTime
from authserver.adapters.redis.sessions import RedisSessions

__all__ = ["Heartbeat", "RedisCounters", "RedisOneTime", "RedisSessions", "RedisStores", "open_redis"]


@dataclass(frozen=True, slots=True)
class RedisStores:
    """The three roles that live in Redis, and the heartbeat, over one `Commands`."""

    sessions: RedisSessions
    one_time: RedisOneTime
    counters: RedisCounters
    heartbeat: Heartbeat
    commands: Commands

    async def ping(self) -> None:
        """Raises StoreUnavailable if the store does not serve. A read of a key, since a cluster routes those."""
        await self.heartbeat.read_version()

    async def close(self) -> None:
        await self.commands.close()


def open_redis(url: str, *, timeout: float = 2.0, pipelining: bool = True) -> RedisStores:
    """The roles on the store at `url`; it is connected to with the first command, and again whenever it was lost.

    Args:
        url: `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://`; see `addresses`.
        timeout: seconds after which a command, or a try to connect, fails with StoreUnavailable.
        pipelining: False runs every command through redis-py's own client, as a cluster always does.

    Raises:
        Invalid: the URL cannot be understood.
    """
    commands = commands_for(url, timeout=timeout, pipelining=pipelining)
    return RedisStores(
        sessions=RedisSessions(commands),
        one_time=RedisOneTime(commands),
        counters=RedisCounters(commands),
        heartbeat=Heartbeat(commands),
        commands=commands,
    )
