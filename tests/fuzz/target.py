"""What a target is, and what all of them stand on."""

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from federation.ports import Response
from tests.federation.host import Documents

T = TypeVar("T")

InBytes = Callable[[bytes, int], bytes]
"""Changes bytes at random, up to a length: libFuzzer's own way."""

Mutate = Callable[[bytes, int, int, InBytes], bytes]
"""Changes an input: the bytes, how many there may be, a number that decides how, and how bytes are changed."""


@dataclass(frozen=True)
class Target:
    """One way in.

    Attributes:
        seeds: inputs to begin with, good ones and attacks. Made anew in each run, since they are signed.
        one: takes one input; returns whether it was believed, and raises what is a finding.
        words: what is put in where bytes are changed.
        mutate: changes what the bytes stand for (a tree of XML, a value of JSON) rather than the bytes.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    one: Callable[[bytes], bool]
    words: Sequence[bytes]
    mutate: Mutate


class Finding(AssertionError):  # noqa: N818 - named for what it is
    """Something was believed that nobody signed."""


class NoInput(Exception):  # noqa: N818 - named for what it is
    """Nothing can be made of the bytes that could be sent."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns: on one loop for all inputs, since to make one costs more than most inputs do."""
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    return _loop().run_until_complete(work)


class Always:
    """Takes every message for one that was not used before: inputs must not depend on one another."""

    async def first(self, what: str, until: int) -> bool:
        return True


class Answers:
    """Says the same to everybody who asks for a URL; elsewhere there is nothing."""

    def __init__(self, answers: dict[str, Response]) -> None:
        self._answers = answers

    async def request(self, method: str, url: str, **how: Any) -> Response:
        return self._answers.get(url.partition("?")[0], Response(404))


def nothing_kept() -> Documents:
    """A host that remembers no documents yet."""
    return Documents()
