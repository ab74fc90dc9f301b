"""What all processes of an installation watch: the registry's version, and a count of revocations.

Neither is a truth: both say that it is time to ask the database. If Redis loses them the numbers start from nothing,
so a reader looks for a difference and not for growth.
"""

from authserver.adapters.redis.commands import Commands
from authserver.adapters.redis.scripts import Script

_REGISTRY = b"pg:{heartbeat}:registry"
_REVOCATIONS = b"pg:{heartbeat}:revocations"

_RAISE = Script(
    """
    if tonumber(redis.call('GET', KEYS[1]) or -1) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
    """
)


class Heartbeat:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def publish_version(self, version: int) -> None:
        """Say that the registry is at `version`. A lower one than was said before changes nothing, so that two
        processes that publish in the wrong order do no harm.
        """
        await _RAISE(self._commands, _REGISTRY, version)

    async def read_version(self) -> int:
        """The highest version published; 0 if none was. Raises StoreUnavailable."""
        return int(await self._commands.execute("GET", _REGISTRY) or 0)

    async def hint_revocation(self) -> int:
        """Say that something was revoked. Returns the count."""
        return int(await self._commands.execute("INCR", _REVOCATIONS))

    async def read_revocations(self) -> int:
        """How often something was revoked; 0 if never. Raises StoreUnavailable."""
        return int(await self._commands.execute("GET", _REVOCATIONS) or 0)
