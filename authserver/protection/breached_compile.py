"""Compiling a list of breached passwords into the file that the server searches, in bounded memory.

Digests are spread evenly, so they are dealt out by their first bits into buckets on disk, and each bucket is sorted by
itself: memory does not grow with the list, and the disk holds eight bytes an entry meanwhile.
"""

import binascii
import os
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Literal

from authserver.errors import Invalid
from authserver.protection.breached_file import HEADER, WIDTH, header, new_checksum, prefix

Kind = Literal["auto", "plain", "sha1"]

LONGEST_LINE = 1024
"""Bytes: no pool takes longer passwords unless it is told to."""

_BATCH = 1 << 20
_BUFFERED = 32 << 20
_PER_BUCKET = 200_000
_MOST_BUCKETS = 4096
_SAMPLE = 100
_SHA1_LINE = re.compile(rb"[0-9A-Fa-f]{40}(?::[0-9]+)?", re.ASCII)
_NTLM_LINE = re.compile(rb"[0-9A-Fa-f]{32}(?::[0-9]+)?", re.ASCII)
_SUFFIX_LINE = re.compile(rb"[0-9A-Fa-f]{35}:[0-9]+", re.ASCII)
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of it: lines read, those passed over (empty, too long, or seen too seldom), and entries written."""

    kind: Kind
    lines: int
    skipped: int
    entries: int


def compile_list(
    source: BinaryIO,
    target: Path,
    *,
    kind: Kind = "auto",
    at_least: int = 1,
    size: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Compiled:
    """Compile lines of passwords, or of `SHA1` or `SHA1:count`, into a file that replaces `target` when it is whole.

    Args:
        source: the lines. Text that is no UTF-8 is taken for Latin-1, as old lists are.
        target: the file to make. Beside it there must be room for twice its size.
        kind: what the lines are; "auto" looks at the first hundred.
        at_least: leaves out digests with a smaller count.
        size: bytes of the source, if known: the buckets depend on it.
        progress: told how many bytes have been read.

    Raises:
        Invalid: if a line is not what it should be, or there are no entries.
        OSError: if a file cannot be read or written.
    """
    head = source.read(_BATCH) + source.readline()
    first = head.removeprefix(_UTF8_MARK).splitlines(keepends=True)
    if kind == "auto":
        kind = _detect(head, first)
    buckets = _bucket_count(size * len(first) / max(len(head), 1) if size is not None else None)
    reading = _Reading(at_least)
    read = reading.digests if kind == "sha1" else reading.passwords

    with TemporaryDirectory(dir=target.absolute().parent, prefix=f".{target.name}.") as folder:
        dealt = _Buckets(Path(folder), buckets)
        done = 0
        batch = first
        while batch:
            dealt.add(read(batch))
            done += sum(map(len, batch))
            progress(done)
            batch = source.readlines(_BATCH)
        made = Path(folder) / "made"
        entries = _write(made, dealt)
        if not entries:
            raise Invalid("The list holds no passwords.")
        made.replace(target)
    return Compiled(kind, reading.lines, reading.skipped, entries)


def _detect(head: bytes, lines: Iterable[bytes]) -> Kind:
    if head.startswith(_UTF16_MARKS):
        raise Invalid("The list is in UTF-16: convert it to UTF-8 first.")
    sample = [line.strip() for line in islice((line for line in lines if line.strip()), _SAMPLE)]

    def mostly(pattern: re.Pattern[bytes]) -> bool:
        return 0 < len(sample) <= 2 * sum(pattern.fullmatch(line) is not None for line in sample)

    if mostly(_SHA1_LINE):
        return "sha1"
    if mostly(_NTLM_LINE):
        raise Invalid(
            "The lines look like NTLM or MD5 digests, which nothing can be compared with; get the list of SHA-1 digests, "
            "or say --kind plain if they are passwords."
        )
    if mostly(_SUFFIX_LINE):
        raise Invalid(
            "The lines look like answers of the range service, without the first five digits; join the ranges to one "
            "list of whole digests first."
        )
    return "plain"


def _bucket_count(entries: float | None) -> int:
    """A power of two, so that the first bits name the bucket."""
    wanted = _MOST_BUCKETS // 4 if entries is None else entries / _PER_BUCKET
    return min(1 << max(int(wanted), 0).bit_length(), _MOST_BUCKETS)


class _Reading:
    """Turns lines into entries, and counts them."""

    def __init__(self, at_least: int) -> None:
        self.lines = 0
        self.skipped = 0
        self._at_least = at_least

    def passwords(self, lines: list[bytes]) -> list[bytes]:
        self.lines += len(lines)
        entries = [
            prefix(text if text.isascii() else _utf8(text))
            for line in lines
            if (text := line.rstrip(b"\r\n")) and len(text) <= LONGEST_LINE
        ]
        self.skipped += len(lines) - len(entries)
        return entries

    def digests(self, lines: list[bytes]) -> list[bytes]:
        entries: list[bytes] = []
        for number, line in enumerate(lines, self.lines + 1):
            try:
                digest = binascii.unhexlify(line[:40])
                seen = int(line[41:] or 1) if self._at_least > 1 else 1
            except ValueError:
                digest, seen = b"", 0
            if len(digest) == 20 and line[40:41] in b":\r\n":
                if seen >= self._at_least:
                    entries.append(digest[:WIDTH])
            elif line.strip():
                raise Invalid(f"Line {number} is no SHA-1 digest; say --kind plain if the lines are passwords.")
        self.lines += len(lines)
        self.skipped += len(lines) - len(entries)
        return entries


def _utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


class _Buckets:
    """Entries by their first bits: in memory while there is room, then on disk."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._shift = 16 - (count.bit_length() - 1)
        self._buffers = [bytearray() for _ in range(count)]
        self._buffered = 0

    def add(self, entries: list[bytes]) -> None:
        shift, buffers = self._shift, self._buffers
        for entry in entries:
            buffers[(entry[0] << 8 | entry[1]) >> shift] += entry
        self._buffered += len(entries) * WIDTH
        if self._buffered > _BUFFERED:
            self._spill()

    def _spill(self) -> None:
        for number, buffer in enumerate(self._buffers):
            if buffer:
                with self._file(number).open("ab") as file:
                    file.write(buffer)
                buffer.clear()
        self._buffered = 0

    def sorted(self) -> Iterator[bytes]:
        """The entries of each bucket, sorted and joined, none twice; each bucket can be taken once."""
        for number, buffer in enumerate(self._buffers):
            values: set[int] = set()
            values.update(_numbers(bytes(buffer)))
            buffer.clear()
            file = self._file(number)
            if file.exists():
                with file.open("rb") as stream:
                    while block := stream.read(_BATCH):
                        values.update(_numbers(block))
                file.unlink()
            yield _swapped(array("Q", sorted(values))).tobytes()

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:04x}"


def _numbers(entries: bytes) -> "array[int]":
    found = array("Q")
    found.frombytes(entries)
    return _swapped(found)


def _swapped(values: "array[int]") -> "array[int]":
    """Between the order of the file, which is that of the digests, and this machine's."""
    if sys.byteorder == "little":
        values.byteswap()
    return values


def _write(path: Path, dealt: _Buckets) -> int:
    checksum = new_checksum()
    size = 0
    with path.open("wb") as file:
        file.write(bytes(HEADER.size))
        for entries in dealt.sorted():
            checksum.update(entries)
            size += file.write(entries)
        file.seek(0)
        file.write(header(size // WIDTH, checksum.digest()))
        file.flush()
        os.fsync(file.fileno())
    return size // WIDTH
