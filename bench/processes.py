"""Processes of a measurement: started pinned to a core, waited for, looked at, ended by their own id."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

PATIENCE = 60.0
"""Seconds for a server to answer."""
FAREWELL = 15.0
"""Seconds for a process to end by itself after SIGTERM."""
MIB = 2**20


class Broken(Exception):  # noqa: N818 - the end of a measurement, told in a sentence
    """Something that is measured, or measures, does not work; the message says what."""


class Silent(Broken):
    """A server gave no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class Caller:
    """One HTTP connection, kept open for a few seconds: servers close idle ones."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Answer:
        """Raises Silent if there is no answer."""
        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            self._connection.request(method, path, body=body, headers=sent)
            response = self._connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Silent(f"{method} {path.partition('?')[0]} was not answered: {error!r}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**more: str) -> dict[str, str]:
    """Ours without what would change how our server is set up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("POOLGATE_", "REQ_"))}
    return kept | more


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. RSS counts shared pages in full, PSS by the share."""

    rss: float
    pss: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        full = psutil.Process(pid).memory_full_info()
        return cls(full.rss / MIB, full.pss / MIB)


class Child:
    """A process of ours.

    Args:
        log: file that gets what it prints.
        core: where it runs; None leaves it to the system.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        core: int | None,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.name = name
        self._log = log
        pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
        self.began = time.perf_counter()
        with log.open("ab") as output:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [*pinned, *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment) if environment is not None else clean_environment(),
                cwd=cwd,
                start_new_session=True,  # Ctrl-C is for us: we end our processes in order
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        self.pid = self._process.pid

    def wait_until(self, port: int, path: str) -> float:
        """Wait until it answers with 200. Returns the seconds since it was started. Raises Broken."""
        while True:
            with contextlib.suppress(Silent), Caller(port) as caller:
                if caller.ask(path).status == 200:
                    return time.perf_counter() - self.began
            self.must_live(PATIENCE)
            time.sleep(0.002)

    def must_live(self, patience: float) -> None:
        """Raises Broken if it has ended, or took longer than `patience` seconds."""
        if self._process.poll() is not None or time.perf_counter() - self.began > patience:
            self.stop()
            raise Broken(f"{self.name} did not start:\n{self.last_words()}")

    def wait(self, patience: float) -> int:
        """Wait for its end and return its exit code. Raises Broken if it takes longer."""
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Broken(f"{self.name} took longer than {patience:g} s:\n{self.last_words()}") from None

    def last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])

    def cpu(self) -> float:
        """CPU seconds it has used, its threads included and its children not."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """End it. Returns the seconds that took."""
        start = time.perf_counter()
        self.send(number)
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return time.perf_counter() - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run_tool(name: str, command: Sequence[str | Path], *, environment: Mapping[str, str], timeout: float = 120) -> str:
    """Run a program to its end and return what it printed. Raises Broken."""
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, env=dict(environment), timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"{name} took longer than {timeout:g} s") from None
    if done.returncode:
        raise Broken(f"{name} failed:\n" + "\n".join(done.stderr.splitlines()[-12:]))
    return done.stdout


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends us like Ctrl-C does: through the `with` blocks that end our processes."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
