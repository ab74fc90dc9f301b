"""Passwords: Argon2id in a bounded pool of threads (RFC 9106; OWASP's minimum of 19 MiB, 2 passes, 1 lane).

Hashing is the one expensive thing an anonymous caller can ask for, so both its memory (threads x 19 MiB) and its queue
are bounded: beyond that callers get `Busy` at once instead of waiting for minutes.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from authserver.errors import Busy

TIME_COST = 2
MEMORY_KIB = 19 * 1024
LANES = 1

T = TypeVar("T")
Args = TypeVarTuple("Args")


def decoy_of(hasher: PasswordHasher) -> str:
    """A hash that no password has, but which costs as much to try as a real one, from the first try on."""
    salt, value = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${value}"


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
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="argon2")
        self._limit = self._threads + queue
        self._waiting = 0
        self._decoy = decoy_of(self._hasher)

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash, salted by the library. Raises Busy."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password matches. Raises Busy.

        Without a hash (no such user) the same work is done against a decoy and the answer is False, so that time does
        not tell whether a name exists.
        """
        if encoded is None:
            await self._run(self._matches, self._decoy, password)
            return False
        return await self._run(self._matches, encoded, password)

    def needs_rehash(self, encoded: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        try:
            return self._hasher.check_needs_rehash(encoded)
        except InvalidHashError:
            return True

    def _matches(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError):
            return False  # a damaged or foreign hash matches nothing

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
