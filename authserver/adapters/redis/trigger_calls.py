"""The record of trigger calls: one list a pool, the newest first, cut at its length and gone when nothing is added."""

from dataclasses import asdict, fields
from typing import Any

import orjson

from authserver.adapters.redis.commands import Commands
from authserver.adapters.redis.expiry import milliseconds
from authserver.adapters.redis.keys import object_key
from authserver.adapters.redis.scripts import Script
from authserver.crypto.secrets import b64url, b64url_decode
from authserver.triggers.calls import KEPT, KEPT_FOR, TriggerCall

KIND = "trigger-calls"

_FIELDS = frozenset(f.name for f in fields(TriggerCall))

_NOTE = Script(
    """
    redis.call('LPUSH', KEYS[1], ARGV[1])
    redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
    """
)


class RedisCalls:
    """`triggers.calls.Calls` that all processes share."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def note(self, call: TriggerCall) -> None:
        document = asdict(call) | {"sealed": b64url(call.sealed)}
        await _NOTE(self._commands, _key(call.pool), orjson.dumps(document), KEPT, milliseconds(KEPT_FOR))

    async def recent(self, pool: str, limit: int = KEPT) -> list[TriggerCall]:
        found: list[bytes] = await self._commands.execute("LRANGE", _key(pool), 0, limit - 1)
        return [_call(document) for document in found]


def _key(pool: str) -> bytes:
    return object_key(pool, "all", KIND)


def _call(document: bytes) -> TriggerCall:
    """Members that this version does not know are passed over: another may have written them."""
    values: dict[str, Any] = orjson.loads(document)
    known = {name: value for name, value in values.items() if name in _FIELDS}
    return TriggerCall(**known | {"sealed": b64url_decode(values["sealed"])})
