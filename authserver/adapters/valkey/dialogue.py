"""A few blocking words with a server on a unix socket, for the thread that supervises it."""

import socket
from typing import Any

import hiredis


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """An error reply."""


def ask(path: str, *commands: tuple[str, ...], timeout: float = 1.0) -> list[Any]:
    """The replies to `commands`. Raises OSError if nobody answers in time, Refused for an error reply."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(timeout)
        line.connect(path)
        line.sendall(b"".join(hiredis.pack_command(command) for command in commands))  # type: ignore[arg-type]  # its stub says tuple of one
        reader = hiredis.Reader(encoding="utf-8", errors="replace")
        replies: list[Any] = []
        while len(replies) < len(commands):
            reply = reader.gets()
            if reply is False:
                data = line.recv(65536)
                if not data:
                    raise ConnectionError("the server hung up")
                reader.feed(data)
            elif isinstance(reply, hiredis.ReplyError):
                raise Refused(str(reply))
            else:
                replies.append(reply)
        return replies
