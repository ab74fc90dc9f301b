"""A private PostgreSQL for tests, from the distribution's own binaries.

The server lives in a temporary folder and belongs to one process: the test run (pytest, or its controller under xdist,
so that all workers share one server). A watcher process waits for that owner to end, however it ends, then stops the
server and removes the folder. PostgreSQL refuses to run as root, so under root it runs as `postgres`.
"""

import asyncio
import contextlib
import fcntl
import functools
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")

SUPERUSER = "poolgate"
PASSWORD = "only-for-tests"
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
synchronous_commit = on
shared_buffers = 32MB
max_connections = 200
"""


class Server:
    """A running server in `folder`, which also holds its socket."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def url(self, database: str, *, tcp: bool = False) -> str:
        """The `database_url` of a database, over the socket or over loopback with a password."""
        if tcp:
            return f"postgresql+asyncpg://{SUPERUSER}:{PASSWORD}@127.0.0.1:{self.port}/{database}"
        return f"postgresql+asyncpg://{SUPERUSER}@/{database}?host={self.folder}&port={self.port}"

    def create_database(self, *, template: str = "template1") -> str:
        """A fresh database; returns its URL. Nobody may be connected to the template."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def execute(self, statement: str, *, database: str = "postgres") -> str:
        """Run SQL with psql; returns the plain rows."""
        return self._tool("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)

    def dump_schema(self, database: str) -> str:
        """What `pg_dump` says of the schema, without its comments and the random key of newer versions."""
        dump = self._tool("pg_dump", "--schema-only", "--no-owner", database)
        return "\n".join(line for line in dump.splitlines() if line and not line.startswith(("--", "\\")))

    def stop(self) -> None:
        _pg_ctl(self.folder, "stop", "-m", "fast")

    def start(self) -> None:
        _pg_ctl(self.folder, "start", "-l", str(self.folder / "data" / "log"))

    def _tool(self, name: str, *arguments: str) -> str:
        command = [_binaries() / name, "-h", self.folder, "-p", str(self.port), "-U", SUPERUSER, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()


def require() -> None:
    """Skip the test if there is no PostgreSQL here, with the reason; fail it in CI, where there has to be one."""
    reason = _missing()
    if reason:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@functools.cache
def shared_server() -> Server:
    """The server of this test run, started by whoever asks first. Call `require` before."""
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"poolgate-pg-{os.getuid()}-{owner}"
    with _lock(folder):
        started = folder / "started"
        if not started.exists():
            server = _make(folder, owner)
            started.write_text(str(server.port))
        return Server(folder, int(started.read_text()))


def fresh_database(prepare: Callable[[str], Awaitable[object]]) -> str:
    """The URL of a fresh copy of the database that `prepare` makes, once per test run, given its URL."""
    server = shared_server()
    with _lock(server.folder):
        if not (server.folder / "prepared").exists():
            server.execute("CREATE DATABASE prepared")
            asyncio.run(_prepare(prepare, server.url("prepared")))
            (server.folder / "prepared").touch()
        return server.create_database(template="prepared")


async def _prepare(prepare: Callable[[str], Awaitable[object]], url: str) -> None:
    await prepare(url)


@contextlib.contextmanager
def private_server() -> Iterator[Server]:
    """A server of the test's own, which it may stop and start."""
    folder = Path(tempfile.mkdtemp(prefix="poolgate-pg-"))
    folder.chmod(0o711)
    try:
        yield _make(folder, os.getpid())
    finally:
        _end(folder)


def _make(folder: Path, owner: int) -> Server:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # First the watcher: from here on nothing that is started can outlive the owner.
    # In a process group of its own, so that Ctrl-C leaves it its work.
    os.posix_spawn(sys.executable, [sys.executable, __file__, str(owner), folder], os.environ, setpgroup=0)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    shutil.chown(folder, _user(), _user())
    shutil.chown(secret, _user(), _user())
    _run(
        folder,
        *("initdb", "-D", folder / "data", "-U", SUPERUSER, f"--pwfile={secret}", "--no-sync", "--encoding=UTF8"),
        # An order that is not that of code points, as most installations have: ours must not depend on it.
        *("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"),
        *("--auth-local=trust", "--auth-host=scram-sha-256"),
    )
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS.format(port=port, folder=folder))
    server = Server(folder, port)
    server.start()
    return server


def _end(folder: Path) -> None:
    if (folder / "data" / "postmaster.pid").exists():
        with contextlib.suppress(subprocess.CalledProcessError):
            _pg_ctl(folder, "stop", "-m", "immediate")
    shutil.rmtree(folder, ignore_errors=True)


def _watch(owner: int, folder: Path) -> None:
    while _alive(owner) and folder.exists():
        time.sleep(0.2)
    _end(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _pg_ctl(folder: Path, *arguments: str) -> None:
    _run(folder, "pg_ctl", "-D", folder / "data", "-w", "-t", "60", *arguments)


def _run(folder: Path, tool: str, *arguments: str | Path) -> None:
    user = _user()
    as_user = {"user": user, "group": user, "extra_groups": []} if os.getuid() == 0 else {}
    command = [_binaries() / tool, *arguments]
    # Not a pipe: the server keeps what pg_ctl hands it, and the pipe would never end.
    with tempfile.TemporaryFile() as output:
        ran = subprocess.run(command, cwd=folder, stdout=output, stderr=output, timeout=120, **as_user)
        if ran.returncode:
            output.seek(0)
            raise subprocess.CalledProcessError(ran.returncode, [str(part) for part in command], output.read())


def _user() -> str:
    return "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o711, exist_ok=True)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@functools.cache
def _binaries() -> Path:
    """The folder of the newest server."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    path = found[-1] if found else shutil.which("initdb")
    assert path is not None
    return Path(path).parent


def _missing() -> str | None:
    if not any(_DEBIAN.glob("*/bin/initdb")) and shutil.which("initdb") is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.getuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL refuses to run as root, and there is no user postgres"
    return None


if __name__ == "__main__":
    _watch(int(sys.argv[1]), Path(sys.argv[2]))
