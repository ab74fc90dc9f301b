"""Runs `poolgate` commands in this process, over an installation in memory."""

import contextlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from authserver.adapters.sql import Standing
from authserver.cli import main
from authserver.cli._context import Run
from tests.unit.installation import Installation

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config/pools/demo.toml"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as lines of fields between tabs."""
        return [line.split("\t") for line in self.out.splitlines()]


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Terminal:
    """A person's shell: a folder and an environment. Its streams are pipes, unless a run asks for a screen."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    place: Installation = field(default_factory=Installation)
    environ: Mapping[str, str] = field(default_factory=dict)
    opened: int = 0
    operator: str = "olive"

    def __call__(self, *arguments: str, stdin: str = "", screen: bool = False) -> Outcome:
        """Run one command to its end."""

        @contextlib.asynccontextmanager
        async def open_stores(*_: object) -> AsyncIterator[Installation]:
            self.opened += 1
            yield self.place

        async def migrate(_: object) -> None:
            pass

        async def standing(_: object) -> Standing:
            return "ready"

        stream = Screen if screen else io.StringIO
        out, err = stream(), stream()
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr("sys.stdin", stream(stdin))
            patch.setenv("COLUMNS", "200")
            patch.setenv("TERM", "xterm")
            patch.delenv("NO_COLOR", raising=False)
            run = Run(
                open_stores=open_stores,
                standing=standing,
                migrate=migrate,
                clock=self.place.clock,
                random=self.place.random,
                environ=self.environ,
                operator=self.operator,
            )
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
                main(arguments, run)
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())

    def write(self, name: str, text: str) -> str:
        """A file in the folder; returns its name."""
        (self.folder / name).write_text(text)
        return name
