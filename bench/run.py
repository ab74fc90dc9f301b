"""`make bench`: our server, the floors and a peer, measured in one run on one machine.

Prints ratios with their spread as it goes, and keeps them: a whole run in bench/results, any other in bench/out. The
exit code is 1 if something failed or answered wrongly, never because something was slow. README.md says how to read it.
"""

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import equipment
import report
from cases import CASES, Case
from contenders import Gun
from in_process import hasher
from lifecycle import lifecycle
from load import CONNECTIONS, Contender, Range
from machine import Cores, Unfit, choose_cores, facts, flush_times
from processes import Broken, Memory, clean_environment, ended_by_signals, run_tool
from scene import PASSWORD
from stores import postgres, valkey
from summary import counted, ratio, undisturbed, values, verdict
from targets import HERE, Scratch, Target, floor, ours, peer

OTHERS = ("validation", "lifecycle")
DRIFT = 0.01
"""Sizes of answers of ours and of the floor may differ by that much before it is remarked upon."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run does. `minutes`: after so many no disturbed round is repeated."""

    only: tuple[str, ...]
    quick: bool
    peer: bool
    postgres: bool
    rounds: int
    seconds: int
    minutes: float

    @property
    def whole(self) -> bool:
        return not (self.only or self.quick) and self.peer and self.postgres

    def wants(self, key: str) -> bool:
        return not self.only or any(key == name or key.startswith(f"{name}-") for name in self.only)

    def cases(self) -> list[Case]:
        return [case for case in CASES if self.wants(case.key) and (case.quick or not self.quick or self.only)]


@dataclass(slots=True)
class Bench:
    """A run under way."""

    options: Options
    tools: equipment.Equipment
    cores: Cores
    folder: Path
    began: float = field(default_factory=time.monotonic)

    def say(self, text: str = "", end: str = "\n") -> None:
        print(text, end=end, flush=True)

    def run(self) -> dict[str, Any]:
        """Everything that is wanted. Raises Broken if the set-up itself fails."""
        options = self.options
        result: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "options": asdict(options),
            "connections": CONNECTIONS,
            "machine": {**facts(), "siblings": self.cores.siblings},
            "versions": equipment.versions(self.tools),
            "flush_ms": flush_times(self.folder),
            "missing": self.tools.missing,
            "cases": [],
        }
        scratch = Scratch(self.folder, self.cores, hasher().hash(PASSWORD))
        scratch.prepare()
        if options.wants("validation"):
            result["validation"] = self._validation()
        if options.wants("lifecycle"):
            result["lifecycle"] = self._lifecycle(scratch)
        if options.cases():
            with ExitStack() as stack:
                self._endpoints(scratch, stack, result)
        return result

    def _validation(self) -> dict[str, Any]:
        self.say("validate_access_token, beside bare cryptography and PyJWT ...")
        rounds, seconds = (1, 0.3) if self.options.quick else (self.options.rounds, 0.8)
        command = [
            "taskset",
            "--cpu-list",
            str(self.cores.server),
            sys.executable,
            str(HERE / "in_process.py"),
            "validate",
        ]
        told = run_tool("in_process.py", [*command, str(rounds), str(seconds)], environment=clean_environment())
        found: dict[str, Any] = json.loads(told)
        return found

    def _lifecycle(self, scratch: Scratch) -> dict[str, object]:
        self.say("starts, memory, sessions, end ...")
        return lifecycle(scratch, 1 if self.options.quick else 3)

    def _endpoints(self, scratch: Scratch, stack: ExitStack, result: dict[str, Any]) -> None:
        cases = self.options.cases()
        targets, stores = self._targets(scratch, stack, {name for case in cases for name in case.roles.values()})
        place = Range(self.cores, [target.child.pid for target in targets.values()], stores)
        gun = Gun(self.tools.wrk or "", self.cores, self.folder)
        self.say()
        for number, case in enumerate(cases, 1):
            if "ours" not in case.make(gun, targets):
                continue
            self.say(f"[{number}/{len(cases)}] {case.title:<44}", end="")
            patience = self.began + self.options.minutes * 60 * number / len(cases)
            kept = self._case(case, gun, targets, place, patience)
            result["cases"].append(kept)
            self.say(" " + self._line(kept))
        result["rss_after_load"] = Memory.of(targets["ours"].child.pid).rss if self.options.whole else None

    def _targets(self, scratch: Scratch, stack: ExitStack, wanted: set[str]) -> tuple[dict[str, Target], list[int]]:
        """Every server that a case needs and that there is, and the pids of their stores."""
        self.say("starting servers ...")
        enter = stack.enter_context
        targets: dict[str, Target] = {}
        redis, socket = enter(valkey(self.folder, self.cores.load))
        stores = [redis.pid]

        def start_ours(name: str, database: str | None = None) -> Target:
            targets[name], embedded = enter(ours(scratch, name, database))
            stores.append(embedded)
            return targets[name]

        model = start_ours("ours")
        targets["floor"] = enter(floor(scratch, "floor", "raw", model, socket))
        if "starlette" in wanted and self.tools.multipart:
            targets["starlette"] = enter(floor(scratch, "starlette", "starlette", model, socket))
        if "ours-postgres" in wanted and self.tools.postgres is not None:
            database = enter(postgres(self.tools.postgres, self.folder, self.cores.load))
            stores.append(database.pid)
            model = start_ours("ours-postgres", database.create_database("ours"))
            dsn = database.create_database("floor")
            targets["floor-postgres"] = enter(floor(scratch, "floor-postgres", "raw", model, socket, dsn))
        if "peer" in wanted and self.tools.node is not None:
            targets["peer"] = enter(peer(scratch, self.tools.node, socket))
        return targets, stores

    def _case(self, case: Case, gun: Gun, targets: dict[str, Target], place: Range, patience: float) -> dict[str, Any]:
        kept: dict[str, Any] = {
            **{name: getattr(case, name) for name in ("key", "title", "kind", "alg", "floor", "asked", "goal")},
            "rounds": [],
            "error": None,
            "remarks": [],
        }
        try:
            makers = case.make(gun, targets)
            with ThreadPoolExecutor(len(makers)) as side_by_side:
                made = dict(zip(makers, side_by_side.map(lambda make: make(), makers.values()), strict=True))
            sizes = {role: size for role, (_, size) in made.items()}
            if "floor" in sizes and abs(sizes["ours"] - sizes["floor"]) > DRIFT * sizes["ours"]:
                kept["remarks"].append(f"the floor answers {sizes['floor']} bytes, ours {sizes['ours']}")
            runners = [contender for contender, _ in made.values()]
            kept["rounds"] = self._rounds(case, runners, place, patience)
        except Broken as broken:
            said = str(broken).splitlines()
            kept["error"] = " ... ".join(dict.fromkeys((said[0], said[-1])))
        return kept

    def _rounds(
        self, case: Case, runners: Sequence[Contender], place: Range, patience: float
    ) -> list[dict[str, dict[str, Any]]]:
        """Rounds in which each contender has one turn, until enough are undisturbed or patience ends. Raises Broken."""
        options = self.options
        if case.kind in {"code", "login"} or not options.quick:
            for contender in runners:  # warms both sides up, and tells how many codes a run needs
                place.fire(contender, 1)
        with ThreadPoolExecutor(len(runners)) as side_by_side:
            list(side_by_side.map(lambda c: c.stock(options.rounds, options.seconds), runners))
        rounds: list[dict[str, dict[str, Any]]] = []
        while len(undisturbed(rounds)) < options.rounds:
            if len(rounds) >= options.rounds and (len(rounds) >= 2 * options.rounds or time.monotonic() > patience):
                break
            turn = {}
            for contender in runners if len(rounds) % 2 == 0 else reversed(runners):
                shot = place.fire(contender, options.seconds)
                if shot.wrong or not shot.requests:
                    raise Broken(f"{contender.name}: {shot.wrong} of {shot.requests} answers were wrong")
                turn[contender.name] = asdict(shot)
            rounds.append(turn)
            self.say("." if len(undisturbed([turn])) else "!", end="")
        return rounds

    def _line(self, case: dict[str, Any]) -> str:
        if case["error"] is not None:
            return f"FAILED: {case['error']}"
        rounds, disturbed = counted(case["rounds"], self.options.rounds)
        rate, beside, peer = values(rounds, "ours"), ratio(rounds, "ours", case["floor"]), ratio(rounds, "ours", "peer")
        if rate is None or beside is None:
            return "nothing to compare"
        parts = [f"{rate.middle:>8,.0f}/s", f"{beside.middle:.2f} F ({beside.least:.2f}-{beside.most:.2f})"]
        if case["asked"] is not None:
            parts.append(f"asked {case['asked']:g}: {verdict(beside.middle, case['asked'], case['goal'])}")
        if peer is not None:
            parts.append(f"{peer.middle:.1f} x oidc-provider")
        return "  ".join(parts) + ("  (disturbed)" if disturbed else "")


def keep(result: dict[str, Any], *, whole: bool) -> Path:
    """Write the result as JSON and Markdown; a whole run is also the latest. Returns the Markdown's path."""
    folder = report.RESULTS if whole else HERE / "out"
    folder.mkdir(exist_ok=True)
    moment = datetime.now(UTC).strftime("%Y-%m-%d-%H%M")
    name = f"{moment}-{result['machine']['cores']}cpu-{platform.machine()}"
    text = report.markdown(result)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    path = folder / f"{name}.md"
    path.write_text(f"# make bench, {result['date']}\n\n{text}")
    if whole:
        (folder / "latest.md").write_text(f"# The latest whole run of make bench, {result['date']}\n\n{text}")
    return path


def parsed(arguments: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    known = ", ".join([*(case.key for case in CASES), *OTHERS])
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="CASE", help=f"these, or all whose key begins so: {known}"
    )
    parser.add_argument("--quick", action="store_true", help="one short round, RS256 by client_credentials only")
    parser.add_argument("--no-peer", action="store_true", help="without npm's oidc-provider")
    parser.add_argument("--no-postgres", action="store_true", help="without PostgreSQL")
    parser.add_argument("--rounds", type=int, help="undisturbed rounds of each case (5; quick: 1)")
    parser.add_argument("--seconds", type=int, help="of each run (2; quick: 1)")
    parser.add_argument("--minutes", type=float, default=11, help="after that no disturbed round is repeated (11)")
    given = parser.parse_args(arguments)
    options = Options(
        only=tuple(given.only),
        quick=given.quick,
        peer=not given.no_peer,
        postgres=not given.no_postgres,
        rounds=given.rounds or (1 if given.quick else 5),
        seconds=given.seconds or (1 if given.quick else 2),
        minutes=0 if given.quick else given.minutes,
    )
    if unknown := [n for n in options.only if not any(k == n or k.startswith(f"{n}-") for k in known.split(", "))]:
        parser.error(f"no case {', '.join(unknown)}; there are {known}")
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    return options


def main() -> int:
    options = parsed()
    try:
        cores = choose_cores()
    except Unfit as unfit:
        print(unfit, file=sys.stderr)
        return 1
    tools = equipment.gather(peer=options.peer, postgres=options.postgres)
    for sentence in tools.missing:
        print(sentence, file=sys.stderr)
    if tools.wrk is None and options.cases():
        return 1
    folder = Path(tempfile.mkdtemp(prefix="poolgate-bench-"))
    folder.chmod(0o711)  # PostgreSQL, which runs as another user, passes through
    bench = Bench(options, tools, cores, folder)
    try:
        with ended_by_signals():
            result = bench.run()
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    path = keep(result, whole=options.whole)
    print(
        f"\n{report.markdown(result)}\nkept in bench/{path.relative_to(HERE)} ({time.monotonic() - bench.began:.0f} s)"
    )
    return 1 if any(case["error"] for case in result["cases"]) else 0


if __name__ == "__main__":
    sys.exit(main())
