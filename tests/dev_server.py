"""`poolgate dev` as a process of its own, for tests that talk to it as strangers do: over HTTP or through a browser.

One per test process: each xdist worker that needs one has its own.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

POOL = "demo_Pool1"
PASSWORD = "correct-horse-battery"
POOL_FILE = Path(__file__).parents[1] / "config" / "pools" / "demo.toml"

_READY_WITHIN = 60.0
"""Seconds. Under two on an idle machine; coverage and other workers slow it down."""
_STOPPED_WITHIN = 20.0
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class DevServer:
    """A running demo: the server, its demo app and its demo API are on three ports in a row (DESIGN 1)."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.base_url}/{POOL}"

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 2}"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def output(self) -> str:
        """What it printed so far, standard error included."""
        return (self.folder / "output.txt").read_text(errors="replace")


def demo_client(client_id: str) -> dict[str, Any]:
    """A client of the demo pool as its file describes it."""
    clients = tomllib.loads(POOL_FILE.read_text())["clients"]
    return next(client for client in clients if client["client_id"] == client_id)


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[DevServer]:
    """Starts `poolgate dev` with its data in `folder`, and stops it at the end.

    Raises AssertionError with its output if it does not become ready, or does not stop in time with exit code 0.
    """
    server = _started(folder, arguments)
    try:
        yield server
    finally:
        stop(server)


def stop(server: DevServer) -> None:
    """Stops it as an operator does, and insists that it goes in good order."""
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(_STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
        raise AssertionError(f"poolgate dev ignored SIGTERM for {_STOPPED_WITHIN} s:\n{server.output}") from None
    assert code == 0, f"poolgate dev ended with {code}:\n{server.output}"


def _started(folder: Path, arguments: tuple[str, ...]) -> DevServer:
    for _ in range(5):
        server = _start(folder, _free_ports(), arguments)
        try:
            ready = _wait(server)
        except BaseException:
            server.process.kill()
            server.process.wait()
            raise
        if ready:
            return server
        # Somebody else took one of the three ports after they were found free.
        if "cannot be listened on" not in server.output:
            break
    raise AssertionError(f"poolgate dev ended with {server.process.returncode}:\n{server.output}")


def _start(folder: Path, port: int, arguments: tuple[str, ...]) -> DevServer:
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(Path(sys.executable).with_name("poolgate")),
        *("dev", "--data-dir", str(folder / "data"), "--port", str(port), *arguments),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POOLGATE_")}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_stop_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads use locks here
        )
    return DevServer(port, folder, process)


def _stop_with_parent() -> None:
    """A test process that is killed leaves no server behind (prctl PR_SET_PDEATHSIG)."""
    _LIBC.prctl(1, signal.SIGTERM)


def _wait(server: DevServer) -> bool:
    """True once all three answer; False if the process has ended."""
    urls = [f"{server.base_url}/readyz", server.app_url, server.api_url]
    deadline = time.monotonic() + _READY_WITHIN
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                return False
            with contextlib.suppress(httpx.TransportError):
                if all(client.get(url).status_code < 500 for url in urls):
                    return True
            time.sleep(0.05)
    raise AssertionError(f"poolgate dev was not ready within {_READY_WITHIN} s:\n{server.output}")


def _free_ports() -> int:
    """The first of three free ports in a row, outside the range from which the system hands out its own.

    Where to begin differs by process, so that parallel tests seldom try the same.
    """
    begin = 10_000 + os.getpid() * 3 % 20_000
    for port in range(begin, begin + 2_000, 3):
        with contextlib.suppress(OSError), contextlib.ExitStack() as taken:
            for number in range(port, port + 3):
                taken.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return port
    raise AssertionError("no three free ports in a row")


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """`poolgate dev`, shared by the tests of this process: leave it as you found it."""
    with running(tmp_path_factory.mktemp("dev")) as server:
        yield server
