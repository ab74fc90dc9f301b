"""Time and chance as arguments.

The linter bans the wall clock and the random generators everywhere else (STYLE 10), so that every rule can be tested
at any moment and with any draw.
"""

import base64
import os
import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol

Clock = Callable[[], float]
"""Seconds since the epoch, as a float."""


def system_clock() -> float:
    """The wall clock, in seconds since the epoch."""
    return time.time()


class Random(Protocol):
    """A source of unpredictable values."""

    def bytes(self, n: int) -> bytes:
        """`n` unpredictable bytes."""
        ...

    def token(self, n: int = 32) -> str:
        """`n` unpredictable bytes in unpadded base64url: 43 characters for the default 256 bits."""
        ...

    def uuid(self) -> str:
        """A version 4 UUID in its text form."""
        ...


class SystemRandom:
    """The operating system's generator, drawn in blocks.

    One system call for many draws: at thousands of tokens a second the call itself would show in the profile. Bytes are
    handed out once and then dropped from the block. After a fork the block must not be shared, so it belongs to a pid.
    """

    _BLOCK = 4096

    def __init__(self) -> None:
        self._block = b""
        self._at = 0
        self._pid = os.getpid()
        self._guard = threading.Lock()

    def bytes(self, n: int) -> bytes:
        with self._guard:  # two threads must not get the same bytes
            at = self._at
            end = at + n
            if end > len(self._block) or self._pid != os.getpid():
                self._pid = os.getpid()
                self._block = os.urandom(max(self._BLOCK, n))
                at, end = 0, n
            self._at = end
            return self._block[at:end]

    def token(self, n: int = 32) -> str:
        return base64.urlsafe_b64encode(self.bytes(n)).rstrip(b"=").decode()

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self.bytes(16), version=4))
