"""Runs of load: wrk on its own core, the server's CPU beside it, and whether anybody disturbed the run."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from machine import FOREIGN, SLOW, Cores, Watch, spin
from processes import Broken, Child, clean_environment

CONNECTIONS = 16
LUA = Path(__file__).parent / "lua"
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_TIME = r"([\d.]+)(us|ms|s|m)"


@dataclass(frozen=True, slots=True)
class Counted:
    """What one run of load counted. Rates are per second, latencies in milliseconds."""

    rate: float
    requests: int
    wrong: int
    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Shot:
    """One run. `cpu` is in microseconds of the server process a request; `load_busy` the share of its core that the load
    was in use, `foreign` the shares of both cores that others used; `disturbed` says by what, if it was.
    """

    rate: float
    requests: int
    wrong: int
    p50: float | None
    p99: float | None
    cpu: float | None
    load_busy: float | None
    calibration: tuple[float, float]
    foreign: tuple[float, float] | None
    disturbed: str | None


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who runs in a case.

    Args:
        shoot: one run of so many seconds.
        child: the process that serves; None for work outside a server, which is not watched.
        prepare: called before each run with its seconds, outside what is measured.
        stock: called once before several runs with their number and seconds.
    """

    name: str
    shoot: Callable[[int], Counted]
    child: Child | None = None
    prepare: Callable[[int], None] = lambda _seconds: None
    stock: Callable[[int, int], None] = lambda _runs, _seconds: None


def wrk(
    program: str,
    core: int,
    port: int,
    path: str,
    seconds: int,
    *,
    script: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Counted:
    """One run of wrk: one thread, 16 connections kept open. Raises Broken if it cannot tell a result."""
    command = ["taskset", "--cpu-list", str(core), program, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    if script is not None:
        command += ["-s", str(LUA / script)]
    done = subprocess.run(
        [*command, "--timeout", "10s", f"http://127.0.0.1:{port}{path}"],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        env=clean_environment(LUA_DIR=str(LUA), **(environment or {})),
    )
    found = re.search(rf"(\d+) requests in {_TIME}", done.stdout)
    if done.returncode or found is None:
        raise Broken(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    requests, took = int(found[1]), float(found[2]) * _UNITS[found[3]] / 1e3
    wrong = sum(
        int(n) for n in re.findall(r"(?:Non-2xx or 3xx responses:|connect|read|write|timeout) (\d+)", done.stdout)
    )
    own = re.search(r"Counted: (\d+) in (-?[\d.]+) s, (\d+) wrong", done.stdout)
    if own is not None:  # the script knows better what counts, and when it ended
        requests, took = int(own[1]), max(1e-9, float(own[2]))
        wrong = max(wrong, int(own[3]))
    return Counted(requests / took, requests, wrong, *_latencies(done.stdout))


def _latencies(text: str) -> tuple[float | None, float | None]:
    found = [re.search(rf"\n\s+{percent}%\s+{_TIME}", text) for percent in (50, 99)]
    p50, p99 = (float(match[1]) * _UNITS[match[2]] if match is not None else None for match in found)
    return p50, p99


@dataclass(slots=True)
class Range:
    """Where runs happen: two cores, and the processes on them.

    Args:
        servers: pids of every server on the server's core, measured now or not.
        stores: pids on the load's core.
    """

    cores: Cores
    servers: list[int] = field(default_factory=list)
    stores: list[int] = field(default_factory=list)
    best: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def calibrate(self) -> tuple[float, float]:
        """The speed of both cores, and the best so far kept in mind."""
        measured = (spin(self.cores.server), spin(self.cores.load))
        self.best = [max(best, now) for best, now in zip(self.best, measured, strict=True)]
        return measured

    def fire(self, contender: Contender, seconds: int) -> Shot:
        """One run of a contender."""
        contender.prepare(seconds)
        calibration = self.calibrate()
        child = contender.child
        watch = Watch(self.cores, self.servers, self.stores) if child is not None else None
        before = child.cpu() if child is not None else 0.0
        counted = contender.shoot(seconds)
        cpu = (child.cpu() - before) / max(1, counted.requests) * 1e6 if child is not None else None
        why = [
            f"{name} core at {now / best:.0%} of its speed"
            for name, now, best in zip(("server's", "load's"), calibration, self.best, strict=True)
            if now < best * SLOW
        ]
        foreign = watch.foreign() if watch is not None else None
        if foreign is not None:
            why += [
                f"others used {share:.0%} of the {name} core"
                for name, share, limit in zip(("server's", "load's"), foreign, FOREIGN, strict=True)
                if share > limit
            ]
        return Shot(
            rate=counted.rate,
            requests=counted.requests,
            wrong=counted.wrong,
            p50=counted.p50,
            p99=counted.p99,
            cpu=cpu,
            load_busy=watch.load_busy() if watch is not None else None,
            calibration=calibration,
            foreign=foreign,
            disturbed="; ".join(why) or None,
        )
