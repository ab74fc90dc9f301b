"""Who is asking, from where, in which request: set once at the gate, read when an event needs it."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """The request under way. It holds on to the ASGI scope rather than to what is in it: most requests tell of no event,
    so nothing is searched for until one does.
    """

    scope: Mapping[str, Any]
    request_id: str

    @property
    def address(self) -> str | None:
        """The peer's address; a trusted proxy's word for it has been taken already."""
        client = self.scope.get("client")
        return str(client[0]) if client else None

    @property
    def user_agent(self) -> str | None:
        for name, value in self.scope.get("headers", ()):
            if name == b"user-agent":
                return str(value, "latin-1")
        return None


caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""The request that is being answered, if there is one."""
