"""Every implementation of Sessions, OneTime and Counters, for the suites in this folder.

The memory stores run on a clock the test moves. The others are a real Valkey: our embedded one, through our own
pipelining and through redis-py's client, and one in cluster mode (a single node that holds all slots).
"""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from authserver.adapters.redis import RedisStores, open_redis
from authserver.adapters.valkey import EmbeddedValkey
from authserver.adapters.valkey.binary import server_program
from authserver.errors import StoreUnavailable
from authserver.store import Counters, OneTime, Sessions
from authserver.store.memory import memory_stores

MEMORY, VALKEY, REDIS_PY, CLUSTER = "memory", "valkey", "valkey by redis-py", "cluster"
REAL = (VALKEY, REDIS_PY, CLUSTER)

_PATIENCE = 20.0  # seconds: these suites are about what is answered, not how soon, and the machine may be busy


@dataclass
class Implementation:
    """One implementation under test. `other` is the same store as another process sees it."""

    name: str
    sessions: Sessions
    one_time: OneTime
    counters: Counters
    other: "Implementation | None"
    pass_time: Callable[[float], Awaitable[None]]
    redis: RedisStores | None = None
    node_url: str = ""

    @property
    def elsewhere(self) -> "Implementation":
        return self.other or self

    async def node(self, *command: str | bytes | int) -> object:
        """Run a command on the server itself, past everything that is under test."""
        node = open_redis(self.node_url, timeout=_PATIENCE)
        try:
            return await node.commands.execute(*command)
        finally:
            await node.close()


def absent(reason: str) -> None:
    """An external tool is missing: that skips, but not where everything is supposed to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def cluster_node(folder: Path) -> AsyncIterator[str]:
    """A Valkey in cluster mode that holds all slots, on loopback; its URL."""
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(server_program()), "--cluster-enabled", "yes", "--bind", "127.0.0.1", "--port", str(port)),
                *("--cluster-port", str(free_port()), "--cluster-announce-ip", "127.0.0.1", "--dir", str(folder)),
                *("--save", "", "--appendonly", "no"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        node = open_redis(f"redis://127.0.0.1:{port}", timeout=_PATIENCE)
        try:
            await node.commands.execute("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            async with asyncio.timeout(_PATIENCE):
                while b"cluster_state:ok" not in await node.commands.execute("CLUSTER", "INFO"):
                    await asyncio.sleep(0.01)
        finally:
            await node.close()
        yield f"redis+cluster://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class Servers:
    """The servers behind the implementations, each started when it is first asked for."""

    def __init__(self, stack: contextlib.AsyncExitStack, folder: Callable[[str], Path]) -> None:
        self._stack = stack
        self._folder = folder
        self._urls: dict[str, str] = {}

    async def url(self, kind: str) -> str:
        if kind not in self._urls:
            try:
                server_program()
            except StoreUnavailable as error:
                absent(error.sentence)
            if kind == CLUSTER:
                self._urls[kind] = await self._stack.enter_async_context(cluster_node(self._folder(kind)))
            else:
                valkey = await self._stack.enter_async_context(EmbeddedValkey.open(self._folder(kind)))
                self._urls[kind] = valkey.url
        return self._urls[kind]


_SERVERS = pytest.StashKey[Servers]()


@pytest.fixture(name="servers", scope="session")
async def servers_fixture(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    """One set for all modules, though each that imports this fixture has its own: the first one made ends last."""
    shared = pytestconfig.stash.get(_SERVERS, None)
    if shared is not None:
        yield shared
        return
    async with contextlib.AsyncExitStack() as stack:
        pytestconfig.stash[_SERVERS] = Servers(stack, tmp_path_factory.mktemp)
        yield pytestconfig.stash[_SERVERS]
        del pytestconfig.stash[_SERVERS]


def over_redis(name: str, url: str, stores: RedisStores, other: Implementation | None = None) -> Implementation:
    node = url.replace("redis+cluster", "redis")
    return Implementation(name, stores.sessions, stores.one_time, stores.counters, other, asyncio.sleep, stores, node)


def over_memory() -> Implementation:
    time = [1_750_000_000.0]
    stores = memory_stores(lambda: time[0])

    async def pass_time(seconds: float) -> None:
        time[0] += seconds

    return Implementation(MEMORY, stores.sessions, stores.one_time, stores.counters, None, pass_time)


@contextlib.asynccontextmanager
async def implementation(name: str, servers: Servers) -> AsyncIterator[Implementation]:
    if name == MEMORY:
        yield over_memory()
        return
    url = await servers.url(CLUSTER if name == CLUSTER else VALKEY)
    first, second = (open_redis(url, timeout=_PATIENCE, pipelining=name != REDIS_PY) for _ in range(2))
    try:
        yield over_redis(name, url, first, over_redis(name, url, second))
    finally:
        await first.close()
        await second.close()


@pytest.fixture(name="stores", params=[MEMORY, *REAL])
async def stores_fixture(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Implementation]:
    async with implementation(request.param, servers) as found:
        yield found


@pytest.fixture(name="real_stores", params=REAL)
async def real_stores_fixture(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Implementation]:
    async with implementation(request.param, servers) as found:
        yield found


@pytest.fixture(name="timed_stores", params=[MEMORY, VALKEY])
async def timed_stores_fixture(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Implementation]:
    """For tests that wait: the ways to reach the server make no difference there, and waiting costs real time."""
    async with implementation(request.param, servers) as found:
        yield found


@pytest.fixture(name="valkey")
async def valkey_fixture(servers: Servers) -> AsyncIterator[Implementation]:
    async with implementation(VALKEY, servers) as found:
        yield found


@pytest.fixture(name="pool")
def pool_fixture(request: pytest.FixtureRequest) -> str:
    """A pool of the test's own: the server is shared."""
    return f"{''.join(c if c.isalnum() else '-' for c in request.node.name)[:60]}_{next(_numbers)}"


_numbers = iter(range(1 << 30))
