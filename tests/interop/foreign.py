"""Servers that nobody here wrote, as processes of their own on loopback, for as long as a test needs them."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

_READY_WITHIN = 60.0
"""Seconds. About one on an idle machine."""
_STOPPED_WITHIN = 10.0
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Foreign:
    """A running server."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def running(
    folder: Path, command: Sequence[str | Path], ready: str, environment: Mapping[str, str] | None = None
) -> Iterator[Foreign]:
    """Starts `command` in `folder`, waits until it answers at the URL `ready`, and ends it with the block.

    Raises AssertionError with what it printed if it does not get that far.
    """
    log = folder / "output.txt"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_stop_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads use locks here
        )
    server = Foreign(process, log)
    try:
        _wait(server, ready)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stop_with_parent() -> None:
    """A test process that is killed leaves no server behind (prctl PR_SET_PDEATHSIG)."""
    _LIBC.prctl(1, signal.SIGTERM)


def _wait(server: Foreign, url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    with httpx.Client(timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline and server.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                answer = client.get(url)
                assert answer.status_code == 200, f"{url} answers {answer.status_code}:\n{answer.text}\n{server.output}"
                return
            time.sleep(0.02)
    raise AssertionError(f"{server.process.args!r} does not answer at {url}:\n{server.output}")


def free_ports(count: int = 1) -> list[int]:
    """Some in a row that nobody has, apart from where our own servers and the system look for theirs."""
    begin = 31_000 + os.getpid() * 4 % 1_000
    for first in range(begin, 32_760):
        with contextlib.suppress(OSError), contextlib.ExitStack() as taken:
            for port in range(first, first + count):
                taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise AssertionError(f"no {count} free ports in a row")
