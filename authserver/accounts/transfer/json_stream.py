"""JSON documents too large to be held: the elements of one array, one at a time, with the lines they begin on."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from authserver.accounts.transfer.rows import Fault

_CHUNK = 1 << 18
_SPACE = " \t\r\n"

LONGEST = 16 << 20
"""Characters of one element, and of anything beside the array."""


class Broken(Exception):  # noqa: N818 - it is the document that is
    """The document is not JSON from here on."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = Fault(line, sentence)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=_no_constant)


class Document:
    """A JSON document read from its beginning to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(
            "surrogateescape"
        )  # what is no UTF-8 is refused later
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._full = 1  # the last line so far that holds anything: what is missing at the end is missing there
        self._over = False

    def elements(self, *path: str) -> Iterator[tuple[int, Any]]:
        """The elements of the array that is the document (no path), or that stands under a key of its object.

        Raises:
            Broken: where it is not JSON, or holds something else there.
        """
        if path:
            yield from self._below(path[0])
        else:
            yield from self.array()
        self._end()

    def members(self) -> Iterator[tuple[str, int]]:
        """The keys of the object that is the document, each with the line of its value. Whoever takes no value has it
        passed over.
        """
        self._expect("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                raise Broken(self._full, "is not JSON: there should be a key")
            key = self.value()
            self._expect(":")
            self._peek()
            before = (self._line, self._at, self._buffer)
            yield key, self._line
            if (self._line, self._at, self._buffer) == before:
                self.value()
            if self._next(",}") == "}":
                return

    def _below(self, wanted: str) -> Iterator[tuple[int, Any]]:
        for key, line in self.members():
            if key == wanted:
                if self._peek() != "[":
                    raise Broken(line, f"`{wanted}` must be a list")
                yield from self.array()

    def array(self) -> Iterator[tuple[int, Any]]:
        """The elements of the array that comes next, each with its line."""
        self._expect("[")
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            self._peek()
            line = self._line
            yield line, self.value()
            if self._next(",]") == "]":
                return

    def value(self) -> Any:
        """The value that comes next, whole."""
        self._peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
                if end < len(self._buffer) or self._over:  # a number at the edge may go on behind it
                    self._line += self._buffer.count("\n", self._at, end)
                    self._full, self._at = self._line, end
                    return value
            except json.JSONDecodeError as error:
                if self._over or len(self._buffer) - self._at > LONGEST:
                    end = min(error.pos, len(self._buffer.rstrip(_SPACE)))
                    where = self._full + self._buffer.count("\n", self._at, end)
                    raise Broken(where, "is not JSON, or an entry of it is too large") from None
            except (ValueError, RecursionError):
                raise Broken(self._line, "holds JSON that is nested too deeply, or a number that is none") from None
            self._fill()

    def _fill(self) -> None:
        """More of the document behind what is left. Twice as much each time, or a large value would be tried too often."""
        left = self._buffer[self._at :]
        more = self._file.read(max(_CHUNK, len(left)))
        self._over = not more
        self._buffer, self._at = left + self._decoder.decode(more, final=self._over), 0

    def _peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._buffer):
                character = self._buffer[self._at]
                if character not in _SPACE:
                    self._full = self._line
                    return character
                self._line += character == "\n"
                self._at += 1
            if self._over:
                return ""
            self._fill()

    def _next(self, allowed: str) -> str:
        found = self._peek()
        if not found or found not in allowed:
            raise Broken(self._full, f"is not JSON: there should be {' or '.join(allowed)}")
        self._at += 1
        return found

    def _expect(self, character: str) -> None:
        self._next(character)

    def _end(self) -> None:
        if self._peek():
            raise Broken(self._line, "holds more than one JSON document")


def array_entries(file: BinaryIO, *path: str) -> Iterator[tuple[int, object] | Fault]:
    """The elements of an array, and what is wrong with the document where it ends being JSON."""
    try:
        yield from Document(file).elements(*path)
    except Broken as broken:
        yield broken.fault


def line_entries(file: BinaryIO) -> Iterator[tuple[int, object] | Fault]:
    """The values of JSON lines; each line that is none is a fault of its own. Empty lines are passed over."""
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.endswith(b"\n") and len(line) == LONGEST:
            yield Fault(number, "is too long")
            return
        if line.strip():
            try:
                yield number, DECODER.decode(line.decode().strip())
            except (ValueError, RecursionError):
                yield Fault(number, "is not JSON")
