"""Start, memory and end of `poolgate serve` with its embedded Valkey, everything on the server's core."""

import sys
import time
from pathlib import Path

import redis
from processes import MIB, Broken, Child, Memory, clean_environment, run_tool
from targets import HERE, Scratch, embedded_valkey, serve

from authserver.adapters.valkey.place import Place

SESSIONS = 10_000
SETTLE = 2.0
"""Seconds of rest before memory is read."""


def lifecycle(scratch: Scratch, times: int) -> dict[str, object]:
    """Seconds of `times` starts in fresh folders and in used ones, seconds to end, and memory in MiB."""
    fresh: list[float] = []
    again: list[float] = []
    ends: list[float] = []
    memory: dict[str, object] = {}
    for number in range(times):
        settings, port = scratch.settings(f"start{number}")
        for seconds in (fresh, again):
            child, took = serve(scratch, settings, port)
            with child:
                seconds.append(took)
                if number == 0 and seconds is again:
                    memory = _memory(child, settings, scratch.folder / "start0")
                ends.append(child.stop())
    return {"start_fresh": fresh, "start_again": again, "stop": ends, **memory}


def _memory(child: Child, settings: Path, data_dir: Path) -> dict[str, object]:
    valkey = embedded_valkey(child)
    path = Place(data_dir.absolute()).socket()
    if valkey is None or path is None:
        raise Broken("the embedded Valkey was not found")
    time.sleep(SETTLE)
    server, store = Memory.of(child.pid), Memory.of(valkey)
    with redis.Redis(unix_socket_path=path) as client:
        used = _used(client)
        command = [sys.executable, str(HERE / "seed.py"), str(settings), "sessions", str(SESSIONS)]
        run_tool("seed.py", command, environment=clean_environment())
        time.sleep(SETTLE)
        grown = _used(client) - used
    return {
        "idle": {
            "server_rss": server.rss,
            "server_pss": server.pss,
            "valkey_rss": store.rss,
            "valkey_pss": store.pss,
        },
        "sessions": {
            "count": SESSIONS,
            "server_rss": Memory.of(child.pid).rss - server.rss,
            "valkey_rss": Memory.of(valkey).rss - store.rss,
            "valkey_used": grown,
        },
    }


def _used(client: "redis.Redis") -> float:
    """MiB that the data and the server's own structures take."""
    return float(client.info("memory")["used_memory"]) / MIB
