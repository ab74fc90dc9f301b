"""The role Sessions: browser sessions, the index of each user's sessions, and sign-ins under way."""

import asyncio

from authserver.adapters.redis.commands import Commands
from authserver.adapters.redis.expiry import milliseconds
from authserver.adapters.redis.keys import SESSION, SESSIONS_OF_USER, SIGN_IN, object_key
from authserver.adapters.redis.scripts import Script
from authserver.adapters.redis.values import from_session, from_sign_in, to_session, to_sign_in
from authserver.model.sessions import Session, SignIn

# The index is a sorted set of session keys by the millisecond they end; it ends itself with the last of them. All of it
# runs on the server's clock, like the expiry of the sessions.
_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "

_LIST = Script(
    _NOW
    + """
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
    local until_ = now + ARGV[2]
    redis.call('ZADD', KEYS[1], until_, ARGV[1])
    local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
    redis.call('PEXPIREAT', KEYS[1], last[2])
    """
)

_LISTED = Script(
    _NOW
    + """
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
    return redis.call('ZRANGE', KEYS[1], 0, -1)
    """
)

_REPLACE = Script(
    """
    if string.match(redis.call('GETRANGE', KEYS[1], 0, 20), '^(-?%d+) ') ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return 1
    """
)


class RedisSessions:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def _list(self, pool: str, session: Session, ttl: int) -> None:
        """Before the session itself is written: one that is listed but not there does no harm, while one that is there
        but not listed would survive signing out everywhere.
        """
        index = object_key(pool, session.authentication.user_id, SESSIONS_OF_USER)
        await _LIST(self._commands, index, session.key, milliseconds(ttl))

    async def put_session(self, pool: str, session: Session, ttl: int) -> None:
        await self._list(pool, session, ttl)
        key = object_key(pool, session.key, SESSION)
        await self._commands.execute("SET", key, from_session(session), "PX", milliseconds(ttl))

    async def session(self, pool: str, key: str) -> Session | None:
        return to_session(await self._commands.execute("GET", object_key(pool, key, SESSION)))

    async def touch_session(self, pool: str, session: Session, ttl: int) -> bool:
        await self._list(pool, session, ttl)
        key = object_key(pool, session.key, SESSION)
        touched = await self._commands.execute("SET", key, from_session(session), "PX", milliseconds(ttl), "XX")
        return touched is not None

    async def delete_session(self, pool: str, key: str) -> Session | None:
        session = to_session(await self._commands.execute("GETDEL", object_key(pool, key, SESSION)))
        if session is not None:
            index = object_key(pool, session.authentication.user_id, SESSIONS_OF_USER)
            await self._commands.execute("ZREM", index, key)
        return session

    async def sessions_of_user(self, pool: str, user_id: str) -> list[Session]:
        listed = await _LISTED(self._commands, object_key(pool, user_id, SESSIONS_OF_USER))
        stored = await asyncio.gather(
            *(self._commands.execute("GET", object_key(pool, key.decode(), SESSION)) for key in listed)
        )
        sessions = (to_session(value) for value in stored)
        return sorted(
            (s for s in sessions if s is not None and s.authentication.user_id == user_id),
            key=lambda s: (s.created_at, s.key),
        )

    async def create_sign_in(self, pool: str, sign_in: SignIn, ttl: int) -> None:
        key = object_key(pool, sign_in.id, SIGN_IN)
        await self._commands.execute("SET", key, from_sign_in(sign_in), "PX", milliseconds(ttl))

    async def sign_in(self, pool: str, sign_in_id: str) -> SignIn | None:
        return to_sign_in(await self._commands.execute("GET", object_key(pool, sign_in_id, SIGN_IN)))

    async def replace_sign_in(self, pool: str, sign_in: SignIn, ttl: int) -> bool:
        key = object_key(pool, sign_in.id, SIGN_IN)
        expected = str(sign_in.version - 1)
        return bool(await _REPLACE(self._commands, key, expected, from_sign_in(sign_in), milliseconds(ttl)))
