"""Shared by journeys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.command_line import DEMO, Terminal


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A shell with nothing set up."""
    shell = Terminal(tmp_path, monkeypatch)
    yield shell
    shell.place.passwords.close()


@pytest.fixture
def shell(bare: Terminal) -> Terminal:
    """A shell where the demo pool has been applied."""
    bare.place.key_ring.ensure = bare.place.quick_keys  # type: ignore[assignment,method-assign] - real keys take a third of a second
    assert bare("apply", str(DEMO)).code == 0
    return bare
