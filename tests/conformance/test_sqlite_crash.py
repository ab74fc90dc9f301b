"""A process that writes to the SQLite file is killed at a random moment: the file stays whole, and what was acknowledged
stays written.
"""

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance import sql_stores

sqlite_template = sql_stores.sqlite_template

ROOT = Path(__file__).parents[2]
ROUNDS = 10


def _write_until_killed(url: str, name: str, seconds: float) -> list[str]:
    """Run the writer for that long after it is ready, kill it, and return what it said was written."""
    run = [sys.executable, "-m", "tests.conformance.sql_process", "write", url, "demo_A", name]
    writer = subprocess.Popen(run, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        time.sleep(seconds)
    finally:
        writer.kill()
        said, _ = writer.communicate()
    return said.splitlines()[:-1] if not said.endswith("\n") else said.splitlines()


def test_a_killed_writer_loses_nothing_it_acknowledged(sqlite_template: Path) -> None:
    _kill_and_look(sqlite_template, ROUNDS)


@pytest.mark.nightly
def test_two_hundred_kills_lose_nothing(sqlite_template: Path) -> None:
    _kill_and_look(sqlite_template, 20 * ROUNDS)


def _kill_and_look(sqlite_template: Path, rounds: int) -> None:
    random_moments = random.Random(20261122)
    acknowledged: list[str] = []
    for n in range(rounds):
        acknowledged += _write_until_killed(
            f"sqlite:///{sqlite_template}", f"round-{n}", random_moments.uniform(0.01, 0.3)
        )

        connection = sqlite3.connect(sqlite_template)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        written = {row[0] for row in connection.execute("SELECT id FROM revocations")}
        connection.close()
        assert set(acknowledged) <= written
    assert len(acknowledged) > 10 * rounds
