"""A real `poolgate serve` in a folder of its own, on free loopback ports: started, killed, started again, stopped."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.system.pools import POOL, STRICT, pool_file

POOLGATE = str(Path(sys.executable).with_name("poolgate"))

READY_WITHIN = 90.0
"""Seconds. About one on an idle machine."""
STOPPED_WITHIN = 30.0


def eventually(what: Callable[[], object], seconds: float, every: float = 0.02) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def runs(pid: int | None) -> bool:
    """Whether the process is there and no mere zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def free_ports(count: int) -> list[int]:
    """Ports in a row that nobody has, outside the range from which the system hands out its own: a server that was
    killed must find its port free again.
    """
    begin = 12_000 + os.getpid() * 7 % 15_000
    for first in range(begin, begin + 3_000, count):
        with contextlib.suppress(OSError), contextlib.ExitStack() as taken:
            for port in range(first, first + count):
                taken.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise AssertionError(f"no {count} free ports in a row")


@dataclass
class Installation:
    """A folder with settings, pool files and data, and the server that runs there, if it does.

    Each start writes a log of its own.
    """

    folder: Path
    port: int
    metrics_port: int
    workers: int
    environment: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _ours: set[psutil.Process] = field(default_factory=set)
    _workers: list[int] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def settings(self) -> Path:
        return self.folder / "poolgate.toml"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def issuer(self, pool: str = POOL) -> str:
        return f"{self.base_url}/{pool}"

    def valkey(self) -> int | None:
        """The embedded Valkey's process id as it wrote it down."""
        try:
            return int((self.data_dir / "valkey" / "valkey.pid").read_text())
        except (OSError, ValueError):
            return None

    def worker_pids(self) -> list[int]:
        """The processes that answer: the workers, or the server itself if it is alone."""
        if self.workers == 1:
            return [self.pid]
        if len(self._workers) < self.workers or not all(map(runs, self._workers)):  # a look at every process there is
            children = psutil.Process(self.pid).children()
            self._workers = sorted(child.pid for child in children if _is_worker(child))
        return self._workers

    def write_settings(self, pools: Mapping[str, str], extra: str) -> None:
        names = []
        for pool, text in pools.items():
            (self.folder / f"{pool}.toml").write_text(text)
            names.append(f"{pool}.toml")
        self.settings.write_text(
            f'base_url = "{self.base_url}"\n'
            f'listen = "127.0.0.1:{self.port}"\n'
            f'metrics = "127.0.0.1:{self.metrics_port}"\n'
            'data_dir = "data"\n'
            f"pool_files = {json.dumps(names)}\n"
            f"{extra}\n"
        )

    def command(self, *arguments: str) -> list[str]:
        return [POOLGATE, *arguments, "--config", str(self.settings)]

    def run(self, *arguments: str, typed: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """One command of the command line on this installation, to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=clean_environment(self.environment),
            input=typed,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def start(self) -> None:
        """Start the server and wait until it and every worker is ready. Raises AssertionError with its log."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        if not eventually(self._is_ready, READY_WITHIN):
            raise AssertionError(f"not ready within {READY_WITHIN} s:\n{self.log()}")

    def launch(self) -> None:
        """Start the server and wait for nothing."""
        self.starts += 1
        with self._log_file.open("wb") as log, (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                self.command("serve", "--workers", str(self.workers)),
                cwd=self.folder,
                env=clean_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
            )

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log()}"
        told = {record.get("worker", 0) for record in self.records() if record.get("event") == "ready"}
        if len(told) < self.workers or self.readiness() != (200, "ready"):
            return False
        self._remember()
        return True

    def readiness(self, timeout: float = 5) -> tuple[int, str]:
        """What `/readyz` says: the HTTP status and the status in its body; (0, reason) if it says nothing."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            line.request("GET", "/readyz")
            answer = line.getresponse()
            return answer.status, str(json.loads(answer.read())["status"])
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            line.close()

    def stop(self) -> int:
        """Stop it as an operator does, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPPED_WITHIN)

    def kill(self) -> None:
        """`kill -9`, and nothing else."""
        assert self.process is not None
        self._remember()
        self.process.kill()
        self.process.wait()

    def _remember(self) -> None:
        """Every process of ours, each with the moment it began, so that no other of its number is taken for it."""
        for pid in {self.pid, *self.worker_pids(), self.valkey()} - {None}:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._ours.add(psutil.Process(pid))

    def clean_up(self) -> None:
        """Whatever became of it, leave no process behind."""
        if self.process is not None and self.process.poll() is None:
            self._remember()
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPPED_WITHIN)
            self.process.kill()
            self.process.wait()
        for left in self._ours:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()

    @property
    def _log_file(self) -> Path:
        return self.folder / f"log-{self.starts}.jsonl"

    def log(self) -> str:
        """What the server of the last start wrote to standard error so far."""
        return self._log_file.read_text(errors="replace")

    def records(self) -> list[dict[str, Any]]:
        """The log's complete lines, read."""
        return list(read_records(self.log()))

    def logs(self) -> list[str]:
        """The logs of all starts."""
        return [(self.folder / f"log-{n}.jsonl").read_text(errors="replace") for n in range(1, self.starts + 1)]


def read_records(log: str) -> Iterator[dict[str, Any]]:
    """Each line as JSON; the last one may be cut, where the process was killed. Raises AssertionError for another."""
    lines = log.split("\n")
    for number, line in enumerate(lines):
        try:
            record = json.loads(line)
        except ValueError:
            assert number == len(lines) - 1, f"line {number + 1} of the log is not JSON: {line}"
        else:
            assert isinstance(record, dict), line
            yield record


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("POOLGATE_")} | dict(more)


def _is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return "authserver.cli.worker" in process.cmdline()
    return False


@contextlib.contextmanager
def installation(
    folder: Path,
    *,
    workers: int = 1,
    database_url: str | None = None,
    pools: Mapping[str, str] | None = None,
    extra: str = "",
    start: bool = True,
    host: str = "127.0.0.1",
) -> Iterator[Installation]:
    """A ready server, or one yet to `start`; whatever happens, nothing of it is left afterwards.

    Args:
        database_url: None for the SQLite file in `data_dir`.
        pools: the texts of pool files by pool; None for both test pools. In them @BASE_URL@ is this server's.
        extra: further lines of settings.
        host: the name of the loopback in its `base_url`; browsers make no passkeys for an IP address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if database_url is not None:
        extra = f'database_url = "{database_url}"\nsingle_node = true\n{extra}'
    texts = pools if pools is not None else {pool: pool_file(pool) for pool in (POOL, STRICT)}
    port, metrics_port = free_ports(2)
    at = Installation(folder, port, metrics_port, workers, host=host)
    at.write_settings({pool: text.replace("@BASE_URL@", at.base_url) for pool, text in texts.items()}, extra)
    try:
        if start:
            at.start()
        yield at
    finally:
        at.clean_up()
