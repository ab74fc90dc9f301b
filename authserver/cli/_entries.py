"""Audit entries on standard output, as they are read: lines, JSON, or comma-separated values."""

import csv
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from authserver.cli._output import cell

if TYPE_CHECKING:
    from authserver.model.journal import AuditEntry

COLUMNS = ("seq", "time", "kind", "outcome", "actor", "user_id", "client_id", "address", "place", "details")
"""What a line or a table shows."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row_of(entry: "AuditEntry") -> dict[str, object]:
    """The entry's members, which the hash covers, and its time in words (RFC 3339, to the millisecond)."""
    from authserver.audit.chain import members

    time = datetime.fromtimestamp(entry.at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": time, **members(entry)}


class Writer(Protocol):
    """Prints entries one by one."""

    def write(self, entry: "AuditEntry") -> None: ...

    def end(self) -> None: ...


def writer_of(*, as_csv: bool, as_json: bool, lines: bool = False) -> Writer:
    """`lines`: JSON as one object a line, for what has no end."""
    if as_csv:
        return _Csv()
    if as_json:
        return _JsonLines() if lines else _JsonArray()
    return _Lines()


class _Lines:
    def write(self, entry: "AuditEntry") -> None:
        row = row_of(entry)
        print("\t".join(cell(row[column]) for column in COLUMNS), flush=True)

    def end(self) -> None:
        pass


class _JsonLines:
    def write(self, entry: "AuditEntry") -> None:
        print(json.dumps(row_of(entry), ensure_ascii=False), flush=True)

    def end(self) -> None:
        pass


class _JsonArray:
    def __init__(self) -> None:
        self._any = False

    def write(self, entry: "AuditEntry") -> None:
        print(",\n " if self._any else "[\n ", end="")
        print(json.dumps(row_of(entry), ensure_ascii=False), end="")
        self._any = True

    def end(self) -> None:
        print("\n]" if self._any else "[]")


class _Csv:
    """RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe: strangers choose user agents."""

    def __init__(self) -> None:
        self._csv: csv.DictWriter[str] | None = None

    def write(self, entry: "AuditEntry") -> None:
        row = row_of(entry)
        row["details"] = json.dumps(row["details"], ensure_ascii=False) if row["details"] else ""
        if self._csv is None:
            self._csv = csv.DictWriter(sys.stdout, list(row))
            self._csv.writeheader()
        self._csv.writerow({name: _harmless(cell(value)) for name, value in row.items()})

    def end(self) -> None:
        sys.stdout.flush()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
