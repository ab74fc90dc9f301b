"""The targets of `make fuzz` without a fuzzer: each takes its seeds, and what was once found, as it must.

So a target cannot rot unnoticed, and every input that ever was a finding is tried at each change.
"""

import random
import time
from collections import Counter

import pytest

from tests.fuzz import run
from tests.fuzz.run import CORPUS, LONGEST_INPUT, TARGETS, _figures, _target
from tests.fuzz.target import Finding

SLOWEST = 2.0
"""Seconds for one input: a hundred times what the slowest takes here, for machines that have other things to do."""
KINDS = {  # those of which some inputs are good
    "saml_response": "vdrae",
    "saml_metadata": "mnqsg",
    "saml_logout": "pPgGz",
    "oidc": "dwaqtchujklmx",
    "saml_application": "mrRpPg",
}


def kept(name: str) -> list[bytes]:
    """What was found once, in files named for what it was."""
    return [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_what_was_found(name: str) -> None:
    target = _target(name)
    believed: Counter[str] = Counter()
    target.one(target.seeds()[0])  # which loads what is slow to load
    for data in (*target.seeds(), *kept(name)):
        began = time.monotonic()
        kind = chr(data[0])
        believed[f"{kind} {'believed' if target.one(data) else 'refused'}"] += 1
        assert time.monotonic() - began < SLOWEST, data[:100]
    for kind in KINDS[name]:
        assert believed[f"{kind} believed"], f"{kind}: no input is good, so nothing behind the first door is tried"
    assert sum(count for way, count in believed.items() if way.endswith("refused")) > 5


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_are_changed_and_refused_in_our_own_words(name: str) -> None:
    """A few hundred steps of the fuzzer's own way, without its eyes."""
    target, chance = _target(name), random.Random(name)
    seeds = [seed for seed in target.seeds() if len(seed) < 10_000]

    def in_bytes(data: bytes, most: int) -> bytes:
        changed = bytearray(data)
        for _ in range(3):
            at = chance.randint(0, len(changed))
            changed[at : at + chance.randint(0, 3)] = chance.choice([b"", chance.randbytes(2), *target.words])
        return bytes(changed[:most])

    different = 0
    for step in range(150):
        data = chance.choice(seeds)
        for again in range(chance.randint(1, 3)):
            data = target.mutate(data, LONGEST_INPUT, step * 10 + again, in_bytes)
        assert len(data) <= LONGEST_INPUT
        different += data not in seeds
        target.one(data)
    assert different > 100


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_an_input(name: str) -> None:
    target, chance = _target(name), random.Random(name)
    for kind in range(256):
        target.one(bytes([kind]))
        target.one(bytes([kind]) + chance.randbytes(40))
    assert not target.one(b"")


def test_a_forgery_would_be_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """That somebody is signed in is not enough to be content with."""
    from tests.fuzz import oidc, saml_response

    good = next(seed for seed in saml_response.seeds() if seed[:1] == b"d" and saml_response.one(seed))
    monkeypatch.setattr(saml_response, "genuine", frozenset)
    with pytest.raises(Finding, match="signed in without a signature"):
        saml_response.one(good)
    good = next(seed for seed in oidc.seeds() if seed[:1] == b"t" and oidc.one(seed))
    monkeypatch.setattr(oidc, "genuine", frozenset)
    with pytest.raises(Finding, match="believed without a signature"):
        oidc.one(good)


def test_the_figures_are_those_that_libfuzzer_prints() -> None:
    log = (
        "#8298\tNEW    cov: 540 ft: 972 corp: 64/124Kb lim: 30000 exec/s: 461 rss: 112Mb L: 3381/6142 MS: 1 Custom-\n"
        "Done 13125 runs in 31 second(s)\nstat::number_of_executed_units: 13125\nstat::average_exec_per_sec:     423\n"
        "stat::new_units_added:          5\nstat::peak_rss_mb:              112\n"
    )
    assert _figures(log) == "  13125 inputs, 423 a second; 540 edges, 972 features, corpus 64/124Kb; 112 MB at most"
    assert "? inputs" in _figures("it did not even begin")


def test_without_a_fuzzer_it_says_so_and_is_content(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_spec", lambda _name: None)
    monkeypatch.setattr("sys.argv", ["run.py", "--seconds", "1", "oidc"])
    assert run.main() == 0
    assert "the fuzz targets are skipped: atheris has wheels for Python 3.11 to 3.13" in capsys.readouterr().out
