"""What keeps a dead trigger from taking the server along: so many calls at a time, and a pause after many failures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from authserver.effects import Clock
from authserver.errors import TriggerFailed

MOST_AT_ONCE = 24
"""Calls of one target under way."""
MOST_WAITING = 100
"""Calls that wait for one of those to end; they wait within their own time limit."""
FAILURES = 5
"""So many calls without an answer in a row start the pause."""
PAUSE = 10.0
"""Seconds in which the target is not called. Then one call tries; the others go on failing at once until it is answered."""


class NotAnswered(Exception):  # noqa: N818 - named for what happened
    """The target is dead, or as good as: nothing came back in time, or a fault of its own. The text is for the log."""


class Breaker:
    """The state of one target in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hands = asyncio.Semaphore(MOST_AT_ONCE)
        self._waiting = 0
        self._failures = 0
        self._open_until = 0.0
        self._trying = False

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait for a free hand, and hold it for the block. Raises TriggerFailed if the target is paused or overrun."""
        probe = self._probe()
        try:
            if self._waiting >= MOST_WAITING:
                raise TriggerFailed(detail="too many calls wait for this target already")
            self._waiting += 1
            try:
                await self._hands.acquire()
            finally:
                self._waiting -= 1
            try:
                yield
            finally:
                self._hands.release()
        finally:
            if probe:
                self._trying = False

    def _probe(self) -> bool:
        """Whether this is the one call that tries after a pause."""
        if self._failures < FAILURES:
            return False
        if self._trying or self._clock() < self._open_until:
            raise TriggerFailed(
                detail=f"this target has not answered {self._failures} times in a row; it is left alone"
            )
        self._trying = True
        return True

    def answered(self) -> None:
        """The target is alive, whatever it said."""
        self._failures = 0

    def unanswered(self) -> None:
        """It did not answer, or with a fault of its own."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = self._clock() + PAUSE
