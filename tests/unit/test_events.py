"""Events: everything that is emitted is registered, and what is registered is written up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from authserver.audit.document import BEGIN, END, kinds_table
from authserver.event_kinds import EVENT_KINDS
from authserver.events import Event, emitter, fault_of, ignore, outcome_of

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("authserver", "federation") for path in (ROOT / package).rglob("*.py"))

KIND = re.compile(r"[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*")

AWAITED: frozenset[str] = frozenset()
"""Kinds that are registered for what is being built and that nobody emits yet. It only ever gets shorter."""


def _pattern(text: ast.JoinedStr) -> str:
    """An f-string as a regular expression."""
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in text.values)


class Emission:
    """One place that makes an event: the kinds it may have, as far as they stand there, and its details' names."""

    def __init__(self, path: Path, call: ast.Call) -> None:
        self.where = f"{path.relative_to(ROOT)}:{call.lineno}"
        kind = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "kind"), None)
        self.kinds = {n.value for n in ast.walk(kind) if isinstance(n, ast.Constant)} if kind is not None else set()
        self.patterns = (
            [_pattern(n) for n in ast.walk(kind) if isinstance(n, ast.JoinedStr)] if kind is not None else []
        )
        self.plain = isinstance(kind, ast.Constant | ast.IfExp)
        details = next((k.value for k in call.keywords if k.arg == "details"), None)
        if details is None and len(call.args) > 5:
            details = call.args[5]
        self.details = (
            {k.value for k in details.keys if isinstance(k, ast.Constant)} if isinstance(details, ast.Dict) else set()
        )


def modules_with_events() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "authserver.events":
                if any(alias.name == "Event" for alias in node.names):
                    yield path, tree
                break


def emissions() -> list[Emission]:
    return [
        Emission(path, node)
        for path, tree in modules_with_events()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event"
    ]


def kinds_in_texts() -> dict[str, str]:
    """Every text of the modules that make events that looks like a kind of a known noun, with where it stands."""
    nouns = {kind.partition(".")[0] for kind in EVENT_KINDS}
    found: dict[str, str] = {}
    for path, tree in modules_with_events():
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if KIND.fullmatch(text) and text.partition(".")[0] in nouns:
                found.setdefault(text, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
    return found


def test_the_scan_finds_what_it_looks_for() -> None:
    assert len(emissions()) > 20
    assert {"sign_in.failed", "token.issued", "consent.given"} <= kinds_in_texts().keys()


def test_every_kind_that_is_emitted_is_registered() -> None:
    missing = [f"{e.where}: {k}" for e in emissions() if e.plain for k in e.kinds if k not in EVENT_KINDS]
    missing += [f"{where}: {kind}" for kind, where in kinds_in_texts().items() if kind not in EVENT_KINDS]
    assert missing == []


def test_every_detail_that_is_emitted_is_registered() -> None:
    unknown = [
        f"{e.where}: {kind} has no {detail}"
        for e in emissions()
        for kind in e.kinds & EVENT_KINDS.keys()
        for detail in e.details
        if detail not in EVENT_KINDS[kind].details
    ]
    assert unknown == []


def test_no_kind_is_registered_that_nobody_emits() -> None:
    texts = {
        node.value
        for path in SOURCES
        if path.name != "event_kinds.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    patterns = [pattern for emission in emissions() for pattern in emission.patterns]
    silent = {kind for kind in EVENT_KINDS if kind not in texts and not any(re.fullmatch(p, kind) for p in patterns)}
    assert silent == AWAITED & silent, sorted(silent - AWAITED)
    assert not AWAITED - EVENT_KINDS.keys()


def test_there_are_at_least_sixty_kinds() -> None:
    assert len(EVENT_KINDS) >= 60
    assert sum(kind.audited for kind in EVENT_KINDS.values()) >= 60


@pytest.mark.parametrize("name", EVENT_KINDS)
def test_a_kind_is_well_named_and_says_something(name: str) -> None:
    kind = EVENT_KINDS[name]
    assert KIND.fullmatch(name)
    assert kind.sentence[0].isupper()
    assert not kind.sentence.endswith(".")
    assert kind.details.keys().isdisjoint({"password", "secret", "code", "token"})
    assert all(re.fullmatch(r"[a-z_]+", detail) and meaning for detail, meaning in kind.details.items())
    if kind.activity:
        assert kind.audited


def test_sentences_tell_the_kinds_of_the_activity_list_apart() -> None:
    sentences = [kind.sentence for kind in EVENT_KINDS.values() if kind.activity]
    assert len(set(sentences)) == len(sentences)


def test_the_table_in_the_documentation_is_the_registrys() -> None:
    """To renew it: `python -m authserver.audit.document docs/audit.md`."""
    text = (ROOT / "docs/audit.md").read_text()
    _, _, rest = text.partition(BEGIN)
    table, _, _ = rest.partition(END)
    assert table.strip() == kinds_table().strip()


# --- telling --------------------------------------------------------------------------------------------------------


def test_all_listeners_are_told_and_one_that_fails_keeps_nobody() -> None:
    heard: list[str] = []

    def fails(_event: Event) -> None:
        raise ZeroDivisionError

    emit = emitter([lambda e: heard.append(f"a {e.kind}"), fails, ignore, lambda e: heard.append(f"b {e.kind}")])
    with capture_logs() as logs:
        emit(Event("sign_in.succeeded", "p_1"))
    assert heard == ["a sign_in.succeeded", "b sign_in.succeeded"]
    assert [line["event"] for line in logs] == ["a listener to events failed"]
    with pytest.raises(ZeroDivisionError):
        emitter([fails], strict=True)(Event("sign_in.succeeded", "p_1"))


def test_an_unknown_kind_is_logged_once_and_told_all_the_same() -> None:
    heard: list[Event] = []
    emit = emitter([heard.append])
    with capture_logs() as logs:
        emit(Event("sing_in.succeeded", "p_1"))
        emit(Event("sing_in.succeeded", "p_1"))
    assert len(heard) == 2
    assert [(line["event"], line["kind"]) for line in logs] == [("an event of no known kind", "sing_in.succeeded")]


def test_in_tests_an_unknown_kind_or_detail_raises() -> None:
    emit = emitter([], strict=True)
    emit(Event("sign_in.failed", "p_1", details={"reason": "wrong password"}))
    with pytest.raises(ValueError, match="no event kind"):
        emit(Event("sing_in.failed", "p_1"))
    with pytest.raises(ValueError, match="no details password, typed"):
        emit(Event("sign_in.failed", "p_1", details={"reason": "x", "typed": "y", "password": "z"}))
    assert fault_of(Event("sign_in.failed", "p_1")) is None


def test_an_outcome_is_the_kinds_unless_the_event_says() -> None:
    assert outcome_of(Event("sign_in.failed", "p_1")) == "failure"
    assert outcome_of(Event("sign_in.succeeded", "p_1")) == "success"
    assert outcome_of(Event("sign_in.succeeded", "p_1", outcome="info")) == "info"
    assert outcome_of(Event("what.ever", "p_1")) == "info"
