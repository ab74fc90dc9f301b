"""A file of the operator's that is used in place and may be replaced while the server runs.

Replacing means renaming a new file over it, as `mv` does: the old one stays whole for as long as it is in use. A file that
is overwritten where it lies loses pages that are in use; it is noticed by its size and time, and is not touched again.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from authserver.errors import Refusal, StoreUnavailable

T = TypeVar("T")

_Stamp = tuple[int, int, int, int]
_GONE: _Stamp = (0, 0, 0, 0)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return _GONE
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Replaceable(Generic[T]):
    """What is read from a file, read again whenever the file was replaced. Safe to share between threads.

    Args:
        path: the file.
        read: opens it. Raises a Refusal whose sentence says what is wrong.
        complain: told why a new file cannot be used. The one before stays in use, if it is whole.

    Raises:
        Refusal: as `read`, for the file that is there at first.
    """

    def __init__(self, path: Path, read: Callable[[Path], T], complain: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._read = read
        self._complain = complain
        self._guard = threading.Lock()
        self._seen = _stamp(path)
        self._used = self._seen
        self._value: T | None = read(path)

    def get(self) -> T:
        """What the file holds now. Raises StoreUnavailable if it was damaged where it lay."""
        if _stamp(self._path) != self._seen:
            with self._guard:
                self._look_again()
        value = self._value
        if value is None:
            raise StoreUnavailable(detail=f"{self._path} was overwritten while it was in use, and is damaged")
        return value

    def _look_again(self) -> None:
        now = _stamp(self._path)
        if now == self._seen:
            return  # another thread did
        try:
            self._value = self._read(self._path)
            self._used = now
        except Refusal as refusal:
            self._complain(refusal.sentence)
            if now[:2] == self._used[:2]:  # the very file that is in use: what is mapped of it may be gone
                self._value = None
        self._seen = now
