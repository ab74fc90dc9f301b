"""Passwords: Argon2id in a bounded pool of threads (RFC 9106; OWASP's minimum of 19 MiB, 2 passes, 1 lane).

Hashing is the one expensive thing an anonymous caller can ask for, so both its memory (threads x 19 MiB) and its queue
are bounded: beyond that callers get `Busy` at once instead of waiting for minutes.

Hashes that came with people from other systems are verified here too (`foreign_hashes`), in the same threads; each takes
at most 128 MiB. They cost more or less than ours do, and so would tell which accounts exist and came from elsewhere. Hence
once there are such hashes a wrong password is answered as late as the dearest kind of all, whatever was hashed for it.
"""

import asyncio
import base64
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from authserver.crypto.foreign_hashes import parse
from authserver.errors import Busy

TIME_COST = 2
MEMORY_KIB = 19 * 1024
LANES = 1

NICENESS = 12
"""Of hashing threads, above that of the process: on a core that they share with the event loop they get some 6 %."""

_KINDS = 64  # of foreign hashes whose cost is remembered
_WEIGHT = 0.2  # of the newest measurement
_MARGIN = 1.25  # over the mean: nearly every try ends before it
_LONGEST_HOLD = 4.0

T = TypeVar("T")
Args = TypeVarTuple("Args")


def decoy_of(hasher: PasswordHasher) -> str:
    """A hash that no password has, but which costs as much to try as a real one, from the first try on."""
    salt, value = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${value}"


def _step_back() -> None:
    """In a hashing thread: let every other thread go first. A hash takes tens of milliseconds in any case, all other
    requests less than one.
    """
    if sys.platform == "linux":  # where a thread has a niceness of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


class Passwords:
    """Hash and verify passwords off the event loop.

    Args:
        threads: parallel hashings; one a core keeps the machine answering.
        queue: how many may wait before callers are turned away.
    """

    def __init__(self, threads: int | None = None, queue: int = 200) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = threads or max(
            1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="argon2", initializer=_step_back)
        self._limit = self._threads + queue
        self._waiting = 0
        self._decoy = decoy_of(self._hasher)
        self._seconds: dict[str, float] = {}  # that hashes take, by their cost; ours is ""
        self._mixed = False  # whether there are foreign ones

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash, salted by the library. Raises Busy."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password of somebody who signs in matches. Raises Busy.

        Without a hash (no such user) the same work is done against a decoy and the answer is False, so that time does
        not tell whether a name exists. As soon as one foreign hash was tried, every False waits until the dearest kind
        of hash would be through; waiting takes no thread. Only the very first try of a kind in each process is faster
        or slower than others.
        """
        right, seconds = await self._timed(encoded or self._decoy, password)
        right = right and encoded is not None
        if not right and self._mixed:
            await asyncio.sleep(min(max(self._seconds.values()) * _MARGIN, _LONGEST_HOLD) - seconds)
        return right

    async def matches(self, encoded: str, password: str) -> bool:
        """Whether the password matches, as soon as it is known: for whoever has signed in already. Raises Busy."""
        return (await self._timed(encoded, password))[0]

    async def _timed(self, encoded: str, password: str) -> tuple[bool, float]:
        """Whether it matches, and the seconds that trying took, without the time in the queue."""
        cost, right, seconds = await self._run(self._try, encoded, password)
        known = self._seconds.pop(cost, seconds)
        self._seconds[cost] = known + _WEIGHT * (seconds - known)
        if cost:
            self._mixed = True
            if len(self._seconds) > _KINDS:
                del self._seconds[next(iter(self._seconds))]
        return right, seconds

    def needs_rehash(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        try:
            return self._hasher.check_needs_rehash(encoded)
        except InvalidHashError:
            return True

    def _try(self, encoded: str, password: str) -> tuple[str, bool, float]:
        """In a thread: the cost of a foreign hash ("" for one of ours), whether it matches, and the seconds it took."""
        began = time.perf_counter()
        cost, right = "", False
        try:
            if self._is_own(encoded):
                right = self._hasher.verify(encoded, password)
            else:
                foreign = parse(encoded)
                cost = foreign.cost
                right = foreign.matches(password.encode())
        except VerifyMismatchError:
            pass
        except (InvalidHashError, VerificationError, ValueError):
            pass  # a damaged hash matches nothing, nor does a password that no system could have hashed
        return cost, right, time.perf_counter() - began

    def _is_own(self, encoded: str) -> bool:
        hasher = self._hasher
        ours = f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}$"
        return encoded.startswith(ours)

    async def _run(self, work: Callable[[*Args], T], *args: *Args) -> T:
        if self._waiting >= self._limit:
            raise Busy(retry_after=2, detail="password hashing queue is full")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the threads once their work under way is done."""
        self._executor.shutdown(wait=False, cancel_futures=True)
