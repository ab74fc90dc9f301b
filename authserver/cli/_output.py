"""Printing: JSON where it is asked for, tables on a terminal, plain lines elsewhere."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime


def say(value: object, sentence: str, *, as_json: bool) -> None:
    """Print the value as JSON, or the sentence."""
    print(json.dumps(value, indent=2, ensure_ascii=False) if as_json else sentence)


def warn(sentence: str) -> None:
    """A warning on standard error."""
    print(f"warning: {sentence}", file=sys.stderr)


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows: as a JSON array, as a table on a terminal, or as lines of fields between tabs.

    Args:
        columns: the keys shown, in order; JSON holds all keys.
        empty: said on a terminal if there are no rows.
    """
    if as_json:
        print(json.dumps(list(rows), indent=2, ensure_ascii=False))
    elif not sys.stdout.isatty():
        for row in rows:
            print("\t".join(cell(row.get(column)) for column in columns))
    elif not rows:
        print(empty)
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
        for row in rows:
            shown.add_row(*(Text(cell(row.get(column))) for column in columns))  # Text: names are no markup
        Console().print(shown)


def record(values: Mapping[str, object], *, as_json: bool) -> None:
    """Print one thing: as a JSON object, or as lines of `key: value`."""
    if as_json:
        print(json.dumps(dict(values), indent=2, ensure_ascii=False))
        return
    width = max(len(key) for key in values) + 1
    for key, value in values.items():
        if value not in (None, "", [], (), {}):
            print(f"{key + ':':<{width}} {cell(value)}")


def cell(value: object) -> str:
    """A value as one line of text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{k}={cell(v)}" for k, v in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(cell(v) for v in value)
    return str(value)


def moment(seconds: int | None) -> str | None:
    """Seconds since the epoch as RFC 3339 text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else None
