"""Runs one of the programs in `programs/` and plays the person's part for it.

A program writes one JSON object a line. `{"visit": url, "until": prefix}` asks for a person to go there; the answer, one
line on its standard input, is the address where they came out. `{"result": ...}` is its last line.
"""

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests import tools

PROGRAMS = Path(__file__).parent / "programs"
_SECONDS = 120


class Visitor(Protocol):
    def visit(self, url: str, until: str) -> str: ...


@dataclass(frozen=True)
class Program:
    """Node with the npm packages of this folder."""

    node: str

    @classmethod
    def here(cls) -> "Program":
        """Skips the test if Node or the packages are missing (fails it under CI=true)."""
        tools.node_modules()
        return cls(tools.node())

    def run(self, name: str, settings: dict[str, Any], visitor: Visitor | None = None) -> dict[str, Any]:
        """Runs `programs/{name}.mjs` to its end and returns its result. Raises AssertionError with what it said."""
        command = [self.node, str(PROGRAMS / f"{name}.mjs"), json.dumps(settings)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            complaints: list[str] = []
            reader = threading.Thread(target=lambda stream: complaints.append(stream.read()), args=(process.stderr,))
            reader.start()
            watch = threading.Timer(_SECONDS, process.kill)
            watch.start()
            result: dict[str, Any] | None = None
            try:
                for line in process.stdout:
                    said = json.loads(line)
                    if "visit" in said:
                        assert visitor is not None, f"{name} needs a person: {said}"
                        process.stdin.write(visitor.visit(said["visit"], said["until"]) + "\n")
                        process.stdin.flush()
                    else:
                        result = said["result"]
            except BaseException:
                process.kill()
                raise
            finally:
                watch.cancel()
                code = process.wait()
                reader.join()
        assert code == 0, f"{name} ended with {code}:\n{''.join(complaints)}"
        assert result is not None, f"{name} gave no result:\n{''.join(complaints)}"
        return result
