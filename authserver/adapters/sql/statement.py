"""A Core statement as the text and arguments a driver takes.

Core costs more per call than the databases do (16 µs of SQLite's 21, 130 of PostgreSQL's 170). A statement of the token
path is therefore compiled once, and its text runs on the driver's own connection. The Core statement stays the only
source of the SQL. Types are bypassed: arguments and columns are the plain values both drivers know (`documents.py`).
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Arguments = Mapping[str, Any]
"""Values by the name of their `bindparam`."""

Step = tuple[sa.Executable, Arguments]


def written_out(number: int) -> sa.ColumnElement[int]:
    """A number as part of the text: for a LIMIT, which a planner that does not know it takes for a tenth of the table."""
    return sa.literal_column(str(int(number)), sa.BigInteger())


class Text:
    """One compiled statement: `sql`, and `bind` from named values to the tuple of positional ones."""

    __slots__ = ("_fixed", "_pick", "sql")

    def __init__(self, statement: sa.Executable, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every executable element has it
        names: tuple[str, ...] = tuple(compiled.positiontup)
        self.sql = str(compiled)
        # What is written into the statement itself, such as a LIMIT, is an argument too.
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._pick: Callable[[Arguments], Any] = itemgetter(*names) if len(names) > 1 else _pick_few(names)

    def bind(self, arguments: Arguments) -> tuple[Any, ...]:
        """The positional arguments. Every name that the statement does not fix itself must be there."""
        picked: tuple[Any, ...] = self._pick({**self._fixed, **arguments} if self._fixed else arguments)
        return picked


def _pick_few(names: tuple[str, ...]) -> Callable[[Arguments], tuple[Any, ...]]:
    return lambda arguments: tuple(arguments[name] for name in names)


class Texts:
    """The compiled statements of one database, compiled when they first run."""

    __slots__ = ("_dialect", "_texts")

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._texts: dict[sa.Executable, Text] = {}

    def __getitem__(self, statement: sa.Executable) -> Text:
        text = self._texts.get(statement)
        if text is None:
            text = self._texts[statement] = Text(statement, self._dialect)
        return text

    def ready(self, step: Step) -> tuple[str, tuple[Any, ...]]:
        """The text and the positional arguments of a statement with its values."""
        text = self[step[0]]
        return text.sql, text.bind(step[1])
