"""Entries that cannot reach their store, on disk until they can: files of JSON lines in `data_dir/audit`.

A file belongs to the process that holds its lock (flock); one whose process has ended belongs to whoever takes it. What
was appended to the chain of a file is noted beside it, so that a crash in between repeats one piece at most.
"""

import fcntl
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import orjson
import structlog

from authserver.audit.chain import members
from authserver.model.journal import AuditEntry

log = structlog.get_logger("audit")

_NOT_YET = ("seq", "previous", "hash")


class Spill:
    """Blocking: call it from a thread. One call at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: tuple[Path, IO[bytes]] | None = None
        self._reading: tuple[Path, IO[bytes], int] | None = None
        self._ends: list[int] = []

    def write(self, entries: Sequence[AuditEntry]) -> Path:
        """Keep the entries, durable once it returned. Returns the file. Raises OSError."""
        if self._own is None:
            self._own = self._create()
        path, file = self._own
        file.writelines(_line(entry) for entry in entries)
        file.flush()
        os.fsync(file.fileno())
        return path

    def refuse(self, entries: Sequence[AuditEntry]) -> Path:
        """Keep entries that the store will not have, for an operator to look at. They are not tried again."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "refused.jsonl"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab") as file:
            file.writelines(_line(entry) for entry in entries)
        return path

    def next_piece(self, count: int) -> list[AuditEntry]:
        """At most `count` entries that wait on disk, oldest first: ours, then those of ended processes."""
        if self._reading is None:
            if self._own is not None:
                self._own[1].close()
                self._own = None
            self._reading = next(self._adopted(), None)
            if self._reading is None:
                return []
        path, file, at = self._reading
        file.seek(at)
        self._ends = []
        entries: list[AuditEntry] = []
        while len(entries) < count and (line := file.readline()):
            try:
                entries.append(_entry(line))
            except (ValueError, TypeError):  # its process ended while writing it
                log.error("an audit entry on disk is not whole", file=str(path))  # noqa: TRY400 - the line is all there is to say
                continue
            self._ends.append(file.tell())
        if not entries:
            self._finish()
            return self.next_piece(count)
        return entries

    def done(self, count: int) -> None:
        """The first `count` entries of the last piece are in the chain; what is left of it comes again."""
        if self._reading is None or not count:
            return
        path, file, _ = self._reading
        at = self._ends[count - 1]
        del self._ends[:count]
        scratch = path.with_suffix(".new")
        scratch.write_text(str(at))
        scratch.replace(path.with_suffix(".done"))
        self._reading = (path, file, at)

    def close(self) -> None:
        """Let go of the files; what is in them waits for the next process."""
        if self._own is not None:
            self._own[1].close()
        if self._reading is not None:
            self._reading[1].close()
        self._own = self._reading = None

    def _create(self) -> tuple[Path, IO[bytes]]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in itertools.count():
            path = self._folder / f"waiting-{os.getpid()}-{number}.jsonl"
            try:
                file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
            except FileExistsError:
                continue
            if _locked(file):
                return path, file
            file.close()  # another process took the empty file for one left behind
        raise AssertionError("numbers do not end")

    def _adopted(self) -> Iterator[tuple[Path, IO[bytes], int]]:
        with suppress(OSError):
            for path in sorted(self._folder.glob("waiting-*.jsonl"), key=lambda p: p.stat().st_mtime_ns):
                file = path.open("rb")
                if not _locked(file):
                    file.close()
                    continue
                at = 0
                with suppress(OSError, ValueError):
                    at = int(path.with_suffix(".done").read_text())
                yield path, file, at

    def _finish(self) -> None:
        if self._reading is not None:
            path, file, _ = self._reading
            path.unlink(missing_ok=True)
            path.with_suffix(".done").unlink(missing_ok=True)
            file.close()
            self._reading = None


def _locked(file: IO[bytes]) -> bool:
    """Whether the file is ours now: locked, and still there."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(file.fileno()).st_nlink > 0


def _line(entry: AuditEntry) -> bytes:
    kept = {name: value for name, value in members(entry).items() if name not in _NOT_YET}
    return orjson.dumps(kept) + b"\n"


def _entry(line: bytes) -> AuditEntry:
    kept: dict[str, Any] = orjson.loads(line)
    return AuditEntry(seq=0, **kept)
