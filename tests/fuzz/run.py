"""Lets a fuzzer loose on the targets, one after the other: `python -m tests.fuzz.run [--seconds 1800] [TARGET...]`.

Each runs in a process of its own with limits of time and memory for one input. What ends it is kept under tests/fuzz/out,
which is not under version control, and printed with its traceback; then the next target runs.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.target import Target

TARGETS = ("saml_response", "saml_metadata", "saml_logout", "oidc", "saml_application")
HERE = Path(__file__).parent
OUT, CORPUS = HERE / "out", HERE / "corpus"
LONGEST_INPUT = 30_000
SECONDS_FOR_ONE = 10
"""Beyond that an input is a finding. Watched code is slow: the slowest seed takes a tenth of a second."""
MEGABYTES = 1024

_WATCHED = ("federation", "resource_servers", "signxml")
_FIGURES = re.compile(r"^#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\S+).*?exec/s: (\d+)", re.MULTILINE)
_DONE = re.compile(r"stat::number_of_executed_units:\s+(\d+).*?stat::average_exec_per_sec:\s+(\d+)", re.DOTALL)
_PEAK = re.compile(r"stat::peak_rss_mb:\s+(\d+)")


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        _fuzz(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--seconds", type=int, default=1800, help="for each target")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"there is no target {' '.join(sorted(unknown))}")
    if find_spec("atheris") is None:
        print("the fuzz targets are skipped: atheris has wheels for Python 3.11 to 3.13 on Linux with x86_64 alone")
        return 0
    failed = [name for name in arguments.targets or TARGETS if not _went_well(name, arguments.seconds)]
    if failed:
        print(f"\nfindings in {', '.join(failed)}: the inputs are under {OUT}")
    return 1 if failed else 0


def _went_well(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own; print figures, or what it found."""
    print(f"\n{name}: {seconds} s", flush=True)
    folder = OUT / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    kept = CORPUS / name
    command = [sys.executable, "-m", "tests.fuzz.run", "--child", name, folder / "corpus", folder / "seeds"]
    command += [kept] if kept.is_dir() else []
    command += [f"-max_total_time={seconds}", f"-timeout={SECONDS_FOR_ONE}", f"-rss_limit_mb={MEGABYTES}"]
    command += [f"-max_len={LONGEST_INPUT}", f"-artifact_prefix={folder}/", f"-dict={folder / 'words'}"]
    log = folder / "log"
    with log.open("wb") as file:
        done = subprocess.run([*command, "-print_final_stats=1"], stdout=file, stderr=file, cwd=HERE.parents[1])
    text = log.read_text(errors="replace")
    print(_figures(text))
    if done.returncode == 0:
        return True
    print("\n".join(text.splitlines()[-60:]))
    return False


def _write(target: Target, folder: Path) -> None:
    """The seeds and the words of a target as libFuzzer reads them. Those of another process were signed with other keys."""
    seeds = folder / "seeds"
    seeds.mkdir(exist_ok=True)
    for old in seeds.iterdir():
        old.unlink()
    for number, seed in enumerate(target.seeds()):
        if len(seed) <= LONGEST_INPUT:
            (seeds / f"{number:04}").write_bytes(seed)
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in quoted))


def _figures(log: str) -> str:
    last = (_FIGURES.findall(log) or [("?", "?", "?", "?")])[-1]
    done, peak = _DONE.search(log), _PEAK.search(log)
    count, speed = (done[1], done[2]) if done else ("?", last[3])
    return (
        f"  {count} inputs, {speed} a second; {last[0]} edges, {last[1]} features, corpus {last[2]}; "
        f"{peak[1] if peak else '?'} MB at most"
    )


def _target(name: str) -> Target:
    found: Target = import_module(f"tests.fuzz.{name}").TARGET
    return found


def _fuzz(name: str, arguments: list[str]) -> None:
    """In the process of its own. Does not return."""
    import atheris

    with atheris.instrument_imports(include=list(_WATCHED), enable_loader_override=False):
        target = _target(name)
        for seed in target.seeds():
            target.one(seed)  # what is imported only now is to be watched too
    _write(target, OUT / name)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        in_bytes: Callable[[bytes, int], bytes] = atheris.Mutate
        return target.mutate(bytes(data), most, seed, in_bytes)

    def one(data: bytes) -> None:
        target.one(data)

    atheris.Setup([name, *arguments], one, custom_mutator=mutate, internal_libfuzzer=True)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
