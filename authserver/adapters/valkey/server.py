"""One running server: started by us, or found alive and adopted. Everything here blocks."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal, Protocol

from authserver.adapters.valkey.binary import server_program
from authserver.adapters.valkey.dialogue import Refused, ask
from authserver.adapters.valkey.place import Place, last_lines, try_lock
from authserver.errors import StoreUnavailable

DiesBy = Literal["signal", "watcher"]

_POLL = 0.002
_ON_ITS_WAY_OUT = 0.25  # a server that was told to end still answers until its next tick, a tenth of a second at most
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Server(Protocol):
    """A server process."""

    pid: int

    def ended(self) -> str | None:
        """How it ended, or None while it lives."""
        ...

    def wait(self) -> str:
        """Block until it has ended, and say how."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        ...


class StartedServer:
    """A child of ours. `lifeline` is the end of the pipe that tells its watcher, if it has one, that we live."""

    def __init__(self, process: subprocess.Popen[bytes], lifeline: int) -> None:
        self.pid = process.pid
        self._process = process
        self._lifeline = lifeline

    def ended(self) -> str | None:
        code = self._process.poll()
        return None if code is None else self._how(code)

    def wait(self) -> str:
        code = self._process.wait()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        return self._how(code)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    @staticmethod
    def _how(code: int) -> str:
        return f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"


class AdoptedServer:
    """A server that outlived the process that started it. An open connection tells when it ends."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.pid = pid
        self._line = line

    def ended(self) -> str | None:
        self._line.settimeout(0.001)
        try:
            return None if self._line.recv(1) else "ended"
        except TimeoutError:
            return None
        except OSError:
            return "ended"

    def wait(self) -> str:
        self._line.settimeout(None)
        with self._line, contextlib.suppress(OSError):
            while self._line.recv(4096):
                pass
        return "ended"

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def obtain(place: Place, stopping: threading.Event, timeout: float, dies_by: DiesBy) -> Server:
    """A server that answers: the one that lives already, or a new one. For who holds `place.lock`.

    Whether one lives is told by the lock it holds itself, so never do two write to the same files.

    Raises:
        StoreUnavailable: it cannot be started, or one lives that is not ours or does not answer.
    """
    deadline = time.monotonic() + timeout
    while True:
        alive = try_lock(place.alive)
        if alive is not None:
            try:
                return _start(place, alive, stopping, timeout, dies_by)
            finally:
                os.close(alive)
        adopted = _adopt(place)
        if adopted is not None and _fault(adopted, str(place.socket()), stopping, timeout) is None:
            return adopted
        if time.monotonic() > deadline or stopping.is_set():
            raise StoreUnavailable(
                f"A Valkey server (process {place.pid() or 'unknown'}) uses {place.folder} but does not answer. "
                "End that process, then start again."
            )
        time.sleep(_POLL)


def answers_for(place: Place, *, serving: bool) -> int | None:
    """The process id of the server that answers and works in this very folder, or None.

    With `serving`, one that is still loading its data does not count.
    """
    path = place.socket()
    if path is None:
        return None
    try:
        info, (_, folder), *_ = ask(path, ("INFO", "server"), ("CONFIG", "GET", "dir"), *[("PING",)] * serving)
    except (OSError, Refused, ValueError):
        return None
    facts = dict(line.partition(":")[::2] for line in info.splitlines())
    pid = facts.get("process_id", "")
    if not pid.isdigit() or not Path(folder).exists() or not Path(folder).samefile(place.folder):
        return None
    return int(pid)


def _adopt(place: Place) -> AdoptedServer | None:
    pid = answers_for(place, serving=False)
    if pid is None or pid != place.pid():
        return None
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(str(place.socket()))
    except OSError:
        line.close()
        return None
    server = AdoptedServer(pid, line)
    time.sleep(_ON_ITS_WAY_OUT)
    if server.ended() is not None:
        line.close()
        return None
    return server


def _start(place: Place, alive: int, stopping: threading.Event, timeout: float, dies_by: DiesBy) -> Server:
    program = server_program()
    place.clean()
    path = place.prepare_socket()
    ours, theirs = os.pipe()
    with place.log.open("ab") as log:
        since = log.tell()
        try:
            process = subprocess.Popen(  # noqa: S603 - our launcher, and the program of the wheel
                [
                    *(sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))),
                    *(str(os.getpid()), str(ours), dies_by),
                    *(str(program), *options(place, path)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=place.folder,
                env={name: os.environ[name] for name in _INHERITED if name in os.environ},  # ours may hold secrets
                umask=0o077,
                start_new_session=True,  # the terminal's interrupt is for us: the workers drain before this one goes
                pass_fds=(alive, ours),
            )
        except BaseException:
            os.close(theirs)
            raise
        finally:
            os.close(ours)
    server = StartedServer(process, theirs)
    fault = _fault(server, path, stopping, timeout)
    if fault is not None:
        words = "\n".join(last_lines(place.log, since))
        raise StoreUnavailable(
            f"The embedded Valkey could not be started: it {fault}." + (f" Its last words:\n{words}" if words else "")
        )
    return server


def options(place: Place, path: str) -> list[str]:
    """The server's command line."""
    settings = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "600",
        "dir": str(place.folder),
        "pidfile": str(place.pid_file),
        "daemonize": "no",
        "databases": "1",
        "maxclients": "1000",
        "timeout": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "yes",
        "aof-load-truncated": "yes",
        "save": "",  # the append-only file is the one truth
        "maxmemory-policy": "noeviction",  # a code or session must not vanish before its time
        "slowlog-log-slower-than": "-1",  # it would keep arguments, which are sessions and codes
        "hide-user-data-from-log": "yes",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def _fault(server: Server, path: str, stopping: threading.Event, timeout: float) -> str | None:
    """None once `server` serves; or why it never will, and then it has ended.

    One that says it is loading its data gets more time, as long as it says so.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            ask(path, ("PING",))
            return None
        except Refused:
            deadline = time.monotonic() + timeout
        except OSError:
            pass
        fault = server.ended()
        if fault is None and not stopping.is_set() and time.monotonic() < deadline:
            time.sleep(_POLL)
            continue
        if fault is None:
            server.send(signal.SIGKILL)
            fault = "was given up" if stopping.is_set() else f"did not answer within {timeout:g} s"
        server.wait()
        return fault
