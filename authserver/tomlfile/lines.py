"""On which line each key of a TOML document stands.

`tomllib` keeps no positions. This scanner walks a document that `tomllib` has accepted already, so it need not judge
the grammar: it only follows headers, keys and nesting. A test holds the two against each other.
"""

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""Where a value stands: names, and indexes of arrays."""

_SPACE = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[^\s.=\]\"'#]+")
_QUOTED_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table, key and array element of a valid TOML document."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self._lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}  # arrays of tables: how many elements so far

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while True:
            self._skip(_GAP)
            if self._at >= len(self._text):
                return self._lines
            if self._take("[["):
                keys = self._keys()
                array = (*self._inside(keys[:-1]), keys[-1])
                self._note(array)
                self._arrays[array] = self._arrays.get(array, 0) + 1
                table = (*array, self._arrays[array] - 1)
                self._take("]]")
                self._note(table)
            elif self._take("["):
                table = self._inside(self._keys())
                self._take("]")
            else:
                self._pair(table)

    def _inside(self, keys: KeyPath) -> KeyPath:
        """The path that a header's names stand for: an array of tables means its last element."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            self._note(path)
            if path in self._arrays:
                path = (*path, self._arrays[path] - 1)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, line)
        self._take("=")
        self._value(path)

    def _keys(self) -> tuple[str, ...]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = _QUOTED_KEY.match(self._text, self._at)
            if quoted is not None:
                keys.append(tomllib.loads(f"key = {quoted[0]}")["key"])
                self._at = quoted.end()
            else:
                keys.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._take("."):
                return tuple(keys)

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        if self._take("["):
            index = 0
            while not self._closes("]"):
                self._note((*path, index))
                self._value((*path, index))
                index += 1
        elif self._take("{"):
            while not self._closes("}"):
                self._pair(path)
        elif self._take('"""') or self._take("'''"):
            self._long_string(self._text[self._at - 1])
        elif self._text[self._at] in "\"'":
            self._skip(_QUOTED_KEY)
        else:
            self._skip(_SCALAR)

    def _closes(self, bracket: str) -> bool:
        self._skip(_GAP)
        if self._take(","):
            self._skip(_GAP)
        return self._take(bracket)

    def _long_string(self, quote: str) -> None:
        while not self._take(quote * 3):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        for _ in range(2):  # up to two quotes may belong to the text just before the end
            self._take(quote)

    def _take(self, token: str) -> bool:
        found = self._text.startswith(token, self._at)
        if found:
            self._at += len(token)
        return found

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"line {self._line()}: the document is not valid TOML")
        self._at = match.end()
        return match[0]

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)

    def _note(self, path: KeyPath, line: int | None = None) -> None:
        self._lines.setdefault(path, line if line is not None else self._line())
