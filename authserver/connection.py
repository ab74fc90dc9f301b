"""One HTTP/1.1 connection: uvicorn's protocol on httptools, with the limits on size and time that it lacks.

httptools hands on a line or a header only once it is whole, so an endless one would be kept in memory; and uvicorn's
keep-alive clock starts after the first answer, so a silent connection would stay for ever.
"""

import asyncio

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD = 64 * 1024
"""Bytes of a request line with its headers."""

HEAD_WITHIN = 10.0
"""Seconds from the connection, or from a request's first byte, until its headers have come."""

log = structlog.get_logger("server")

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: 31\r\nconnection: close\r\n\r\nThe request head is too large.\n"
)


class GuardedProtocol(HttpToolsProtocol):
    """Closes the connection with 431 for a head above `MOST_HEAD`, and silently for one that is not there in time."""

    _head: int | None = 0
    """Bytes of the head that is coming; None while none is."""
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # A piece may hold the rest of a head, a body, and the next head, so no more is fed than a head may still take.
        while data and not self.transport.is_closing():
            if self._head is None:
                piece, data = data, b""
            else:
                room = MOST_HEAD - self._head
                if room == 0:
                    log.info("a request head was too large")
                    self.transport.write(_TOO_LARGE)
                    self.transport.close()
                    return
                piece, data = data[:room], data[room:]
                self._head += len(piece)
            super().data_received(piece)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head is None:  # the next request of a connection kept open
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        self._head = 0
        self._clock = self.loop.call_later(HEAD_WITHIN, self._too_slow)

    def _head_is_there(self) -> None:
        self._head = None
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self.transport.close()
