"""A tool that is missing skips what needs it, and under CI=true fails it."""

import pytest

from tests import tools


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nonexistent/chromium")


def test_a_missing_tool_skips_with_the_way_to_get_it(nothing_here: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="/nonexistent/chromium"):
        tools.chromium()


def test_a_missing_tool_fails_under_ci(nothing_here: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="/nonexistent/chromium"):
        tools.chromium()


def test_a_tool_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHROMIUM", "/bin/sh")
    assert tools.chromium() == "/bin/sh"


def test_npm_packages_that_are_not_those_of_the_lock_count_as_missing(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(tools, "INTEROP", tmp_path)
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "node_modules").mkdir()
    stamp = tmp_path / "node_modules" / ".locked"
    stamp.write_text(tools.lock_digest())
    assert tools.node_modules() == tmp_path / "node_modules"
    (tmp_path / "package-lock.json").write_text('{"changed": true}')
    with pytest.raises(pytest.fail.Exception, match="not installed"):
        tools.node_modules()
