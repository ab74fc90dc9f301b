"""One connection with many commands in flight.

redis-py opens it (address, TLS, AUTH, SELECT); from then on its transport speaks to `Link`, which writes what one turn
of the event loop has collected in one go and matches replies to commands by their order.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection

from authserver.adapters.redis.faults import READ_ONLY, reply_fault
from authserver.errors import StoreUnavailable

Answer = asyncio.Future[Any]

TAKES_OVER = hasattr(AbstractConnection, "_writer")
"""Whether this redis-py keeps its stream where `Link` looks for it; if not, redis-py itself runs the commands."""


class Link(asyncio.Protocol):
    """A live connection.

    It ends for good with the first thing that is wrong with it, since after that nobody knows which reply belongs to
    which command: every command in flight then fails with StoreUnavailable.

    Args:
        connection: connected, handshake done, nothing outstanding.
        timeout: seconds within which a reply has to come.
        on_lost: called once, when the link has ended, with the reason.

    Raises ConnectionError if the connection is over already.
    """

    def __init__(self, connection: AbstractConnection, timeout: float, on_lost: Callable[["Link", str], None]) -> None:
        self.connection = connection
        self._timeout = timeout
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._replies = hiredis.Reader(replyError=reply_fault)
        self._waiting: deque[Answer] = deque()
        self._outgoing: list[bytes] = []
        self._batches: deque[tuple[int, float]] = deque()  # (commands sent by then, when), for the time limit
        self._sent = 0
        self._answered = 0
        self._watch: asyncio.TimerHandle | None = None
        self._ended = False
        writer: Any = connection._writer  # noqa: SLF001 - decisions.md 1; TAKES_OVER looks whether it is there
        self._transport: asyncio.Transport = writer.transport
        if self._transport.is_closing():
            raise ConnectionError("connection closed by the server")
        self._displaced = self._transport.get_protocol()
        self._transport.set_protocol(self)

    def send(self, command: bytes, answer: Answer) -> None:
        """Queue a packed command; it leaves at the end of this turn of the event loop."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(command)
        self._waiting.append(answer)

    def _flush(self) -> None:
        if self._ended:
            return
        self._sent += len(self._outgoing)
        self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()
        self._batches.append((self._sent, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout / 8, self._look_at_clock)

    def _look_at_clock(self) -> None:
        """One timer for all commands: replies come in order, so the oldest batch tells."""
        self._watch = None
        if not self._batches:
            return
        if self._loop.time() - self._batches[0][1] >= self._timeout:
            self.end(f"no answer within {self._timeout:g} s")
        else:
            self._watch = self._loop.call_later(self._timeout / 8, self._look_at_clock)

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        read_only = False
        try:
            self._replies.feed(data)
            while (reply := self._replies.gets()) is not False:
                answer = waiting.popleft()
                self._answered += 1
                if answer.done():  # its caller was cancelled; the reply still had to be taken off the line
                    continue
                if isinstance(reply, Exception):
                    answer.set_exception(reply)
                    read_only = read_only or READ_ONLY in str(getattr(reply, "detail", ""))
                else:
                    answer.set_result(reply)
        except (hiredis.ProtocolError, IndexError) as error:
            self.end(f"the server does not speak the protocol: {error!r}")
            return
        batches = self._batches
        while batches and batches[0][0] <= self._answered:
            batches.popleft()
        if read_only:  # a master that was demoted: the next connection asks again who is master
            self.end("the server became read-only")

    def connection_lost(self, exc: Exception | None) -> None:
        self._displaced.connection_lost(exc)
        self.end(f"connection lost: {exc}" if exc is not None else "connection closed by the server")

    def end(self, reason: str) -> None:
        """Give the connection up; commands in flight fail, and are not sent again (decisions.md 2)."""
        if self._ended:
            return
        self._ended = True
        if self._watch is not None:
            self._watch.cancel()
        self._transport.abort()
        waiting, self._waiting = self._waiting, deque()
        for answer in waiting:
            if not answer.done():
                answer.set_exception(StoreUnavailable(detail=f"redis: {reason}"))
        self._on_lost(self, reason)
