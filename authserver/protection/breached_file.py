"""The file of breached passwords: sorted prefixes of SHA-1 digests behind a header, searched in place.

    offset  bytes  big-endian
         0      8  "PGBREACH"
         8      2  version: 1
        10      1  kind of digest: 1 is SHA-1 of the password in UTF-8
        11      1  bytes of each digest that are kept: 8
        12      4  zero
        16      8  number of entries
        24     32  BLAKE2b of the entries
        56      8  zero
        64         the entries, sorted, none twice

Of digests that are spread evenly, the place of each is known beforehand but for some thousandths: a look touches few
pages. Eight bytes make a false alarm for one password in a billion with entries by the billion.
"""

import hashlib
import math
import mmap
import struct
from bisect import bisect_left
from pathlib import Path

from authserver.errors import Invalid

WIDTH = 8
HEADER = struct.Struct(">8sHBBIQ32s8x")
_MAGIC = b"PGBREACH"
_VERSION = 1
_SHA1 = 1

MOST_VERIFIED = 256 * 1024 * 1024
"""Bytes up to which the checksum is verified whenever the file is opened: it takes a fifth of a second."""


def prefix(password: bytes) -> bytes:
    """The entry of a password. SHA-1, for that is what lists of breached passwords are made of (Have I Been Pwned)."""
    return hashlib.sha1(password, usedforsecurity=False).digest()[:WIDTH]


def header(count: int, checksum: bytes) -> bytes:
    """The header of a file with so many entries."""
    return HEADER.pack(_MAGIC, _VERSION, _SHA1, WIDTH, 0, count, checksum)


def new_checksum() -> "hashlib.blake2b":
    """What the entries are fed to, in order."""
    return hashlib.blake2b(digest_size=32)


class BreachedFile:
    """An open file. Its mapping lives as long as the object, whatever becomes of the file's name.

    Args:
        path: the file.
        verify: whether to verify the checksum; None verifies it unless the file is too large for that.

    Raises:
        Invalid: if it is no such file, is damaged, or cannot be read.
    """

    def __init__(self, path: Path, *, verify: bool | None = None) -> None:
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}.") from None
        except ValueError:  # an empty file cannot be mapped
            raise Invalid(_no_list(path)) from None
        size = len(self._data)
        if size < HEADER.size or self._data[: len(_MAGIC)] != _MAGIC:
            raise Invalid(_no_list(path))
        _, version, kind, width, _, self.count, checksum = HEADER.unpack(self._data[: HEADER.size])
        if (version, kind, width) != (_VERSION, _SHA1, WIDTH):
            raise Invalid(f"{path} is of a version that this poolgate does not know: compile the list again.")
        if size != HEADER.size + self.count * WIDTH:
            raise Invalid(f"{path} has another size than it says, as a broken copy has: copy or compile it again.")
        if verify if verify is not None else size <= MOST_VERIFIED:
            self._verify(path, checksum)
        self._reach = 4 * math.isqrt(self.count) + 16

    def _verify(self, path: Path, checksum: bytes) -> None:
        found = new_checksum()
        with memoryview(self._data) as whole, whole[HEADER.size :] as entries:
            found.update(entries)
        if found.digest() != checksum:
            raise Invalid(f"{path} is damaged: its checksum does not fit. Copy or compile it again.")

    def __contains__(self, entry: bytes) -> bool:
        """Whether the entry (`prefix`) is in the list."""
        middle = int.from_bytes(entry, "big") * self.count >> 8 * WIDTH
        low, high = max(middle - self._reach, 0), min(middle + self._reach, self.count)
        if (low > 0 and self._entry(low) > entry) or (high < self.count and self._entry(high) < entry):
            low, high = 0, self.count  # digests that are not spread evenly
        at = bisect_left(range(self.count), entry, low, high, key=self._entry)
        return at < self.count and self._entry(at) == entry

    def _entry(self, at: int) -> bytes:
        start = HEADER.size + at * WIDTH
        return self._data[start : start + WIDTH]


def _no_list(path: Path) -> str:
    return f"{path} is no list of breached passwords: make one with `poolgate breached compile`."
