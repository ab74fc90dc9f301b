"""Calls of triggers as they were, kept for a while: to see what went out and came back, and to send it again.

What is kept is bounded, in number by pool and in time. Event and answer are sealed; a password, a code and what a challenge
is compared with are not in them. Of the many calls that go well only a sample is kept.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import orjson

from authserver.crypto.sealing import Sealer
from authserver.model.pools import TriggerPoint

KEPT = 200
"""Calls kept of a pool, the newest."""

KEPT_FOR = 7 * 86400
"""Seconds."""

LARGEST = 32 * 1024
"""Bytes of event and answer together; of a larger one the answer is left out, then the event."""

NOT_KEPT = "[not kept]"

Outcome = Literal["answered", "vetoed", "failed"]


@dataclass(frozen=True, slots=True)
class TriggerCall:
    """One call. `at` and `milliseconds` are when it began and how long it took; `reason` is for operators.

    `sealed` holds the event and the answer: `content_of`.
    """

    id: str
    pool: str
    point: TriggerPoint
    source: str
    target: str
    at: int
    milliseconds: int
    outcome: Outcome
    username: str = ""
    client_id: str | None = None
    reason: str | None = None
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class CallContent:
    """What went out, and what came back. None where it was too large to be kept, or nothing came."""

    event: dict[str, Any] | None
    answer: object = None


class Calls(Protocol):
    """Where calls are kept. A store that does not answer raises StoreUnavailable."""

    async def note(self, call: TriggerCall) -> None:
        """Keep the call; of its pool the newest `KEPT` stay, for `KEPT_FOR` seconds."""
        ...

    async def recent(self, pool: str, limit: int = KEPT) -> list[TriggerCall]:
        """The newest first."""
        ...


class MemoryCalls:
    """Calls kept by one process."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[TriggerCall]] = {}

    async def note(self, call: TriggerCall) -> None:
        self._calls.setdefault(call.pool, deque(maxlen=KEPT)).appendleft(call)

    async def recent(self, pool: str, limit: int = KEPT) -> list[TriggerCall]:
        return list(self._calls.get(pool, ()))[:limit]


def call_record(pool: str, call_id: str) -> str:
    """The name under which a call's content is sealed."""
    return f"trigger_calls/{pool}/{call_id}/content"


def sealed(
    call: TriggerCall, sealer: Sealer, event: dict[str, Any], answer: object, secrets: frozenset[str]
) -> TriggerCall:
    """The call with its content, without the members that are secret."""
    event = _without(event, secrets)
    if isinstance(answer, dict):
        answer = _without(answer, secrets)
    for content in ({"event": event, "answer": answer}, {"event": event}, {}):
        data = orjson.dumps(content, default=str)
        if len(data) <= LARGEST:
            break
    return replace(call, sealed=sealer.seal(data, call_record(call.pool, call.id)))


def _without(event: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    """The event without those members of its request and its response."""
    for part in ("request", "response"):
        members = event.get(part)
        if isinstance(members, dict):
            kept = {name: NOT_KEPT if name in secrets and value else value for name, value in members.items()}
            event = event | {part: kept}
    return event


def content_of(call: TriggerCall, sealer: Sealer) -> CallContent:
    """What is sealed in the call. Raises Unsealable."""
    content = orjson.loads(sealer.open(call.sealed, call_record(call.pool, call.id)))
    return CallContent(content.get("event"), content.get("answer"))
