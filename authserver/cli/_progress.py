"""How far long work is: a bar on a terminal, a line now and then elsewhere. On standard error, so that output stays clean."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """Shows progress while it is entered.

    Args:
        label: what is counted, such as "rows".
        total: how many there will be; None if nobody knows.
        every: how many make a line where there is no terminal.
        quiet: shows nothing.
    """

    def __init__(self, label: str, total: int | None = None, *, every: int = 100_000, quiet: bool = False) -> None:
        self._label = label
        self._total = total
        self._every = every
        self._quiet = quiet
        self._stage = ""
        self._told = 0
        self._shown: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"))
            self._shown = Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr), transient=True)
            self._shown.start()
            self._task = self._shown.add_task(self._label, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def show(self, done: int, stage: str = "", total: int | None = None) -> None:
        """So many are done in this stage."""
        if stage != self._stage:
            self._stage, self._told = stage, 0
        label = f"{self._label} {stage}".strip()
        if self._shown is not None and self._task is not None:
            self._shown.update(self._task, completed=done, description=label, total=total or self._total)
        elif not self._quiet and done - self._told >= self._every:
            self._told = done - done % self._every
            print(f"{done:,} {label}", file=sys.stderr)
