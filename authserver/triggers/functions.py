"""Triggers that are Python functions of the server's own environment, called as AWS Lambda calls them.

`def handler(event, context)` or `async def handler(event)`; what is returned is the event with its `response` filled in. A
function that is not async runs in a thread of its own pool, so that it cannot hold up other requests.
"""

import asyncio
import inspect
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from threading import Lock
from typing import Any

from authserver.errors import TriggerFailed, Vetoed
from authserver.triggers.breaker import NotAnswered
from authserver.triggers.points import Event
from authserver.triggers.veto import TriggerVeto, plain_sentence

THREADS = 16


@dataclass(frozen=True, slots=True)
class Context:
    """The second argument of a function, with what AWS Lambda's has that functions use."""

    function_name: str
    aws_request_id: str
    deadline: float = field(repr=False)
    function_version: str = "$LATEST"
    invoked_function_arn: str = ""
    memory_limit_in_mb: str = "0"
    log_group_name: str = ""
    log_stream_name: str = ""

    def get_remaining_time_in_millis(self) -> int:
        """Until nobody waits for the answer any more."""
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Functions:
    """The functions that triggers name, found once each."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Callable[..., Any], bool]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._busy = 0
        self._guard = Lock()

    async def call(self, name: str, event: Event, call_id: str, timeout: float) -> object:
        """Call the function and return what it returns.

        Args:
            name: `module:name`.
            timeout: seconds; an async function is cancelled then, and any other is no longer waited for.

        Raises:
            Vetoed: it raised TriggerVeto.
            NotAnswered: it took too long.
            TriggerFailed: there is no such function, too many are busy, or it raised anything else.
        """
        try:
            async with asyncio.timeout(timeout):
                if name not in self._found:
                    self._found[name] = await asyncio.to_thread(find_function, name)
                function, with_context = self._found[name]
                deadline = time.monotonic() + timeout
                arguments = (event, Context(name, call_id, deadline)) if with_context else (event,)
                if inspect.iscoroutinefunction(function):
                    return await function(*arguments)
                answer = await asyncio.wrap_future(self._in_thread(function, *arguments))
                return await answer if inspect.isawaitable(answer) else answer
        except TimeoutError:
            raise NotAnswered(f"{name} did not answer within {timeout:g} s") from None
        except TriggerVeto as veto:
            raise Vetoed(plain_sentence(str(veto)) or None, detail=name) from None
        except TriggerFailed:
            raise
        except Exception as error:
            raise TriggerFailed(detail=f"{name} raised {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Take no more calls. Threads that are still busy end with the process."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def _in_thread(self, function: Callable[..., Any], *arguments: object) -> "Future[Any]":
        # A function that nobody waits for any more still has its thread: only what runs can be counted.
        with self._guard:
            if self._busy >= THREADS:
                raise TriggerFailed(detail=f"{self._busy} functions are still busy")
            self._busy += 1
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "trigger")
        future = self._threads.submit(function, *arguments)
        future.add_done_callback(self._done)
        return future

    def _done(self, _future: "Future[Any]") -> None:
        with self._guard:
            self._busy -= 1


def find_function(name: str) -> tuple[Callable[..., Any], bool]:
    """The function, and whether it takes a context. Raises TriggerFailed."""
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise TriggerFailed(detail=f"{name} is not there: {error}") from error
    if not callable(found):
        raise TriggerFailed(detail=f"{name} cannot be called")
    try:
        taken = [
            p
            for p in inspect.signature(found).parameters.values()
            if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL}
        ]
    except ValueError:  # a function of C that does not say
        return found, True
    with_context = len(taken) > 1 or any(p.kind is p.VAR_POSITIONAL for p in taken)
    return found, with_context
