"""Where the embedded store keeps its things, and who may use them. Below `data_dir`:

- `lock`: held (flock) by the process that owns the store;
- `valkey/`: mode 0700, the server's working folder, with
- `valkey.sock`: its socket, mode 0600; or, if that path is too long for one, `socket.path`, which says where it is;
- `alive`: held (flock) by the server itself as long as it lives;
- `valkey.pid`, `valkey.log` and `appendonlydir/`, which the server writes.
"""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authserver.adapters.valkey.binary import ELSEWHERE
from authserver.errors import StoreUnavailable

_LONGEST_SOCKET_PATH = 100  # bytes; the systems allow 103 (macOS) and 107 (Linux)
_TEMPORARY = "poolgate-"
_LOG_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one data folder. `data_dir` is absolute."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        return self.data_dir / "lock"

    @property
    def folder(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def alive(self) -> Path:
        return self.folder / "alive"

    @property
    def pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    @property
    def log(self) -> Path:
        return self.folder / "valkey.log"

    @property
    def _near_socket(self) -> Path:
        return self.folder / "valkey.sock"

    @property
    def _pointer(self) -> Path:
        return self.folder / "socket.path"

    def create(self) -> None:
        """Make the folders, for our eyes only. Raises OSError."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > _LOG_LIMIT:
                self.log.replace(self.log.with_suffix(".log.1"))

    def pid(self) -> int | None:
        """The server's process id as it wrote it down, if it did."""
        try:
            return int(self.pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def socket(self) -> str | None:
        """Where the socket is, or None if that is not known.

        A pointer is followed only into a folder that is ours alone: once the folder in the temporary directory is gone,
        anybody can make one of the same name.
        """
        if len(os.fsencode(self._near_socket)) <= _LONGEST_SOCKET_PATH:
            return str(self._near_socket)
        try:
            path = Path(self._pointer.read_text(encoding="utf-8"))
            status = path.parent.lstat()
        except (OSError, ValueError):
            return None
        private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
        return str(path) if private else None

    def prepare_socket(self) -> str:
        """Where the next server shall listen: where the last one did, so that its clients find it. Raises OSError."""
        path = self.socket()
        if path is not None:
            return path
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > _LONGEST_SOCKET_PATH // 2:
            parent = "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it
        path = str(Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=parent)) / "valkey.sock")
        draft = self._pointer.with_suffix(".new")
        draft.write_text(path, encoding="utf-8")
        draft.replace(self._pointer)
        return path

    def clean(self) -> None:
        """Remove the socket and process id of a server that is gone. Only for who holds `alive`."""
        path = self.socket()
        if path is not None:
            Path(path).unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)

    def leave(self) -> None:
        """`clean`, and give up the folder in the temporary directory if there is one."""
        path = self.socket()
        self.clean()
        if path is not None and Path(path) != self._near_socket:
            shutil.rmtree(Path(path).parent, ignore_errors=True)
        self._pointer.unlink(missing_ok=True)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock at `path` until it is closed, or None if somebody else holds it.

    Raises:
        OSError: the file cannot be opened.
        StoreUnavailable: this platform has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        raise StoreUnavailable(f"There is no embedded Valkey for this platform. {ELSEWHERE}") from None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def last_lines(log: Path, since: int, count: int = 5) -> Iterator[str]:
    """The last lines a server wrote after position `since`."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(since)
        yield from file.read().decode("utf-8", "replace").splitlines()[-count:]
