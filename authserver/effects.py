"""Time, chance and outbound HTTP as arguments.

The linter bans the wall clock, the random generators and HTTP clients everywhere else (STYLE 10), so that every rule can
be tested at any moment, with any draw and without a network.
"""

import base64
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
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


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer, read to its end. Header names are in lower case; values of a repeated one are joined by ", "."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class HttpFailed(Exception):  # noqa: N818 - named for what happened
    """There is no answer to use. The text says why, for our log: it names hosts, never headers or bodies.

    HttpFailed
    +-- HttpForbidden      the URL or the address behind it is none that we may ask; nothing was sent
    +-- HttpUnreachable    no name, no connection, or no certificate for that name; nothing was sent
    +-- HttpTimedOut       the time was over; the request may have arrived
    +-- HttpTooLarge       the answer is larger than what was asked for
    +-- HttpBroken         the connection ended in the middle, or what came is not HTTP; the request may have arrived
    """


class HttpForbidden(HttpFailed):
    pass


class HttpUnreachable(HttpFailed):
    pass


class HttpTimedOut(HttpFailed):
    pass


class HttpTooLarge(HttpFailed):
    pass


class HttpBroken(HttpFailed):
    pass


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Http(Protocol):
    """Requests to other servers; `authserver.outbound` is the one implementation (DESIGN 6.3)."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
        timeout: float = 5.0,
        limit: int = 512 * 1024,
        redirects: int = 0,
    ) -> HttpAnswer:
        """Ask once, and return the answer whatever its status.

        Args:
            timeout: seconds for all of it, from looking up the name to the last byte of the body.
            limit: bytes that the body may have once unpacked.
            redirects: how many are followed, of GET and HEAD alone; without, a redirect is an answer like any other.

        Raises:
            HttpFailed: one of its kinds.
        """
        ...
