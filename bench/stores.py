"""The stores of floors and peer, and the PostgreSQL of all: private servers on the load's core, in the scratch folder."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from processes import Broken, Child, clean_environment, run_tool

from authserver.adapters.valkey.binary import server_program
from authserver.adapters.valkey.place import Place
from authserver.adapters.valkey.server import options

PG_USER = "poolgate"
_PG_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 60
synchronous_commit = on
fsync = on
shared_buffers = 256MB
autovacuum_naptime = 1s
max_wal_size = 4GB
checkpoint_timeout = 30min
"""


@contextlib.contextmanager
def valkey(folder: Path, core: int) -> Iterator[tuple[Child, Path]]:
    """A Valkey with the very settings of the embedded one, append-only file included. Yields it and its socket."""
    place = Place(folder / "valkey-of-floors")
    place.create()
    path = place.prepare_socket()
    with Child("Valkey", [server_program(), *options(place, path)], place.log, core=core) as child:
        _until_it_listens(child, Path(path))
        yield child, Path(path)


def _until_it_listens(child: Child, path: Path) -> None:
    while True:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
            return
        child.must_live(20)
        time.sleep(0.01)


class Postgres:
    """A running PostgreSQL whose socket lies in `folder`."""

    def __init__(self, binaries: Path, folder: Path, child: Child) -> None:
        self._binaries = binaries
        self._folder = folder
        self.pid = child.pid

    def create_database(self, name: str) -> str:
        """A new database; returns its DSN, for asyncpg."""
        self._sql(f'CREATE DATABASE "{name}"')
        return f"postgresql://{PG_USER}@/{name}?host={self._folder}"

    def _sql(self, statement: str) -> str:
        command = [
            str(self._binaries / "psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self._folder),
            "-U",
            PG_USER,
        ]
        return run_tool("psql", [*command, "-d", "postgres", "-c", statement], environment=clean_environment())

    def version(self) -> str:
        return self._sql("SHOW server_version").split()[0]


@contextlib.contextmanager
def postgres(binaries: Path, scratch: Path, core: int) -> Iterator[Postgres]:
    """A fresh PostgreSQL that makes commits durable. Under root it runs as `postgres`, since it refuses root."""
    folder = scratch / "postgres"
    folder.mkdir(mode=0o711)
    user = _user()
    if user is not None:
        shutil.chown(folder, user, user)
    log = scratch / "postgres.log"
    data = folder / "data"
    made = Child(
        "initdb",
        [binaries / "initdb", "-D", data, "-U", PG_USER, "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8"],
        log,
        core=None,
        cwd=folder,
        user=user,
    )
    if made.wait(60):
        raise Broken(f"PostgreSQL could not be set up:\n{made.last_words()}")
    with (data / "postgresql.conf").open("a") as file:
        file.write(_PG_SETTINGS.format(folder=folder))
    server = Child("PostgreSQL", [binaries / "postgres", "-D", data], log, core=core, cwd=folder, user=user)
    try:
        while not (folder / ".s.PGSQL.5432").exists() or "ready to accept" not in log.read_text(errors="replace"):
            server.must_live(60)
            time.sleep(0.02)
        yield Postgres(binaries, folder, server)
    finally:
        server.stop(signal.SIGINT)  # its "fast" shutdown: whoever is still connected is cut off


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise Broken("PostgreSQL refuses to run as root, and there is no user postgres") from None
