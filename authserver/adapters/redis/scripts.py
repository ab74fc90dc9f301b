"""Lua scripts that touch one key, called by their digest."""

import hashlib
from typing import Any

from redis.exceptions import NoScriptError

from authserver.adapters.redis.commands import Argument, Commands


class Script:
    """A script over one key. It gets the key as KEYS[1] and the rest as ARGV."""

    __slots__ = ("_body", "_digest")

    def __init__(self, body: str) -> None:
        self._body = body
        self._digest = hashlib.sha1(body.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, commands: Commands, key: bytes, *args: Argument) -> Any:
        """Run it and return the reply.

        A server that does not know the script (it restarted, or is the new master) says so without running anything,
        so the second try cannot be a second execution. EVAL makes the server keep it.
        """
        try:
            return await commands.execute("EVALSHA", self._digest, 1, key, *args)
        except NoScriptError:
            return await commands.execute("EVAL", self._body, 1, key, *args)
