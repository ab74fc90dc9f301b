"""The way to Redis: replies meet their commands, whatever breaks fails closed, and nothing is sent twice.

Run on asyncio's own loop and on uvloop, which the server uses.
"""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import hiredis
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from authserver.adapters.redis import RedisStores, counters, heartbeat, one_time, open_redis, sessions
from authserver.adapters.redis.commands import PipelinedCommands
from authserver.adapters.redis.faults import reply_fault
from authserver.adapters.redis.scripts import Script
from authserver.adapters.valkey import EmbeddedValkey
from authserver.adapters.valkey.binary import server_program
from authserver.errors import Invalid, StoreUnavailable
from authserver.store import Spent
from tests.conformance.redis_stores import absent, free_port

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
async def valkey(anyio_backend: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedValkey]:
    try:
        server_program()
    except StoreUnavailable as error:
        absent(error.sentence)
    async with EmbeddedValkey.open(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@contextlib.asynccontextmanager
async def opened(url: str, timeout: float = 2.0, *, pipelining: bool = True) -> AsyncIterator[RedisStores]:
    stores = open_redis(url, timeout=timeout, pipelining=pipelining)
    try:
        yield stores
    finally:
        await stores.close()


@pytest.fixture
async def stores(valkey: EmbeddedValkey) -> AsyncIterator[RedisStores]:
    async with opened(valkey.url) as found:
        yield found


class Responder:
    """A server that says what a test tells it to; `heard` are the commands, by connection."""

    def __init__(self, path: Path, answer: Callable[[list[bytes]], bytes | None]) -> None:
        self.url = f"unix://{path}"
        self.heard: list[list[bytes]] = []
        self._path = path
        self._answer = answer
        self._connections: list[asyncio.StreamWriter] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[bytes] = []
        self.heard.append(heard)
        self._connections.append(writer)
        commands = hiredis.Reader()
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                commands.feed(data)
                while (command := commands.gets()) is not False:
                    if command[0] == b"CLIENT":
                        writer.write(b"+OK\r\n")
                        continue
                    heard.append(command[0])
                    answer = self._answer(command)
                    if answer is None:
                        return
                    writer.write(answer)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Responder"]:
        server = await asyncio.start_unix_server(self._serve, self._path)
        try:
            yield self
        finally:
            server.close()
            for connection in self._connections:
                connection.close()
            await server.wait_closed()


async def test_commands_of_one_turn_leave_together(valkey: EmbeddedValkey, stores: RedisStores) -> None:
    async def reads() -> int:
        async with opened(valkey.url) as onlooker:
            info = await onlooker.commands.execute("INFO", "stats")
        return int(re.search(rb"total_reads_processed:(\d+)", info)[1])

    await stores.ping()
    before = await reads()
    replies = await asyncio.gather(*(stores.commands.execute("ECHO", i) for i in range(100)))
    assert replies == [b"%d" % i for i in range(100)]
    assert await reads() - before <= 8, "a handful of reads, the onlooker's own among them"


async def test_replies_meet_their_commands_though_callers_leave(stores: RedisStores) -> None:
    await stores.ping()

    async def ask(number: int) -> bytes:
        return await stores.commands.execute("ECHO", number)

    for turn in range(20):
        tasks = [asyncio.create_task(ask(turn * 50 + i)) for i in range(50)]
        for _ in range(turn % 4):
            await asyncio.sleep(0)
        for task in tasks[turn % 3 :: 3]:
            task.cancel()
        replies = await asyncio.gather(*tasks, return_exceptions=True)
        for i, reply in enumerate(replies):
            assert reply == b"%d" % (turn * 50 + i) or isinstance(reply, asyncio.CancelledError)
        assert sum(isinstance(r, bytes) for r in replies) >= 33
    assert await ask(7) == b"7"


async def test_a_broken_connection_fails_what_was_under_way_and_the_next_command_works(
    valkey: EmbeddedValkey, stores: RedisStores
) -> None:
    ident = await stores.commands.execute("CLIENT", "ID")
    waiting = [stores.commands.execute("BLPOP", "pg:{nothing}:here", 0) for _ in range(3)]
    await asyncio.sleep(0.01)
    async with opened(valkey.url) as other:
        assert await other.commands.execute("CLIENT", "KILL", "ID", ident) == 1
    for answer in waiting:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await answer
    assert await stores.commands.execute("ECHO", "again") == b"again"
    assert await stores.commands.execute("CLIENT", "ID") != ident


async def test_a_command_that_may_have_run_is_not_sent_again(tmp_path: Path) -> None:
    async with (
        Responder(tmp_path / "s", lambda command: None if command[0] == b"INCR" else b"+OK\r\n").listening() as server,
        opened(server.url) as stores,
    ):
        with pytest.raises(StoreUnavailable):
            await stores.heartbeat.hint_revocation()
        assert await stores.commands.execute("PING") == b"OK"
        assert server.heard == [[b"INCR"], [b"PING"]]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_no_answer_in_time_is_a_refusal(valkey: EmbeddedValkey, pipelining: bool) -> None:
    async with opened(valkey.url, 0.2, pipelining=pipelining) as stores:
        await stores.ping()
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable) as refusal:
            await stores.commands.execute("BLPOP", "pg:{nothing}:here", 0)
        assert 0.19 <= asyncio.get_running_loop().time() - began < 1.9
        assert "0.2 s" in refusal.value.detail or "Timeout" in refusal.value.detail
        assert await stores.commands.execute("ECHO", "again") == b"again"


@pytest.mark.serial
async def test_slow_answers_within_the_time_are_no_refusal(valkey: EmbeddedValkey) -> None:
    async with opened(valkey.url, 1.0) as stores, opened(valkey.url) as other:
        for i in range(2):
            late = stores.commands.execute("BLPOP", "pg:{late}:list", 0)
            await asyncio.sleep(0.55)
            await other.commands.execute("RPUSH", "pg:{late}:list", i)
            assert (await late)[1] == b"%d" % i


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_server_that_is_not_there_is_a_refusal(tmp_path: Path, pipelining: bool) -> None:
    async with opened(f"unix://{tmp_path}/s", 0.2, pipelining=pipelining) as stores:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await stores.ping()


@pytest.mark.serial
async def test_a_short_absence_is_waited_for_and_a_long_one_refused_at_once(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    server = Responder(tmp_path / "s", lambda command: b"$1\r\n7\r\n")
    async with opened(server.url, 1.0) as stores:
        early = stores.heartbeat.read_version()
        task = asyncio.create_task(early)
        await asyncio.sleep(0.05)
        async with server.listening():
            assert await task == 7
        (tmp_path / "s").unlink(missing_ok=True)
        with pytest.raises(StoreUnavailable):
            await stores.ping()
        await asyncio.sleep(1.05)
        began = loop.time()
        with pytest.raises(StoreUnavailable):
            await stores.ping()
        assert loop.time() - began < 0.5
        async with server.listening(), asyncio.timeout(10):
            while True:  # without a pause: trying again at once does not keep the loop from connecting
                with contextlib.suppress(StoreUnavailable):
                    assert await stores.heartbeat.read_version() == 7
                    break


async def test_a_demoted_master_is_left(tmp_path: Path) -> None:
    answers = iter([b"-READONLY You can't write against a read only replica.\r\n", b":1\r\n"])
    async with Responder(tmp_path / "s", lambda _: next(answers)).listening() as server, opened(server.url) as stores:
        with pytest.raises(StoreUnavailable):
            await stores.heartbeat.hint_revocation()
        assert await stores.heartbeat.hint_revocation() == 1
        assert server.heard == [[b"INCR"], [b"INCR"]], "on another connection"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b":1\r\n:2\r\n"])
async def test_a_server_that_does_not_speak_the_protocol_is_left(tmp_path: Path, answer: bytes) -> None:
    answers = iter([answer, b":1\r\n", b":1\r\n"])
    async with Responder(tmp_path / "s", lambda _: next(answers)).listening() as server, opened(server.url) as stores:
        with contextlib.suppress(StoreUnavailable):
            assert await stores.heartbeat.hint_revocation() == 1
        await asyncio.sleep(0.02)
        assert await stores.heartbeat.hint_revocation() == 1
        assert len(server.heard) == 2


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "LOADING Valkey is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "CLUSTERDOWN The cluster is down",
        "MASTERDOWN Link with MASTER is down",
        "MISCONF Valkey is configured to save RDB snapshots",
        "NOREPLICAS Not enough good replicas to write.",
        "BUSY Valkey is busy running a script.",
        "ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed",
    ],
)
async def test_a_server_that_cannot_serve_is_a_refusal(tmp_path: Path, text: str, pipelining: bool) -> None:
    answer = f"-{text}\r\n".encode()
    async with (
        Responder(tmp_path / "s", lambda _: answer).listening() as server,
        opened(server.url, pipelining=pipelining) as stores,
    ):
        with pytest.raises(StoreUnavailable):
            await stores.one_time.spend("p_1", "code", "d")


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_mistake_of_ours_is_not_called_an_outage(valkey: EmbeddedValkey, pipelining: bool) -> None:
    async with opened(valkey.url, pipelining=pipelining) as stores:
        await stores.commands.execute("RPUSH", "pg:{p_1:list}:code", "x")
        with pytest.raises(ResponseError, match=r"WRONGTYPE|wrong kind"):
            await stores.one_time.peek("p_1", "code", "list")
        with pytest.raises(ResponseError):
            await stores.commands.execute("NOSUCHCOMMAND")
        assert await stores.commands.execute("ECHO", "still there") == b"still there"


def test_the_word_busy_in_a_value_is_no_outage() -> None:
    assert isinstance(reply_fault("ERR unknown command 'BUSY'"), ResponseError)


@pytest.mark.parametrize("pipelining", [True, False])
async def test_after_closing_everything_is_refused(valkey: EmbeddedValkey, pipelining: bool) -> None:
    stores = open_redis(valkey.url, pipelining=pipelining)
    await stores.ping()
    waiting = asyncio.ensure_future(stores.commands.execute("BLPOP", "pg:{nothing}:here", 0))
    await asyncio.sleep(0.01)
    await stores.close()
    await stores.close()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(3):
            await waiting
    with pytest.raises(StoreUnavailable):
        await stores.ping()


async def test_closing_without_ever_connecting_is_fine(tmp_path: Path) -> None:
    async with opened(f"unix://{tmp_path}/s"):
        pass
    async with opened(f"unix://{tmp_path}/s") as stores:
        waiting = stores.commands.execute("GET", "k")
        await asyncio.sleep(0.02)
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_closing_ends_even_if_its_order_is_swallowed() -> None:
    """As wait_for of Python 3.11 does when what it waits for ends at the same moment."""
    tries: list[int] = []

    async def connect() -> AbstractConnection:
        tries.append(len(tries))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        raise OSError("refused")

    async def release() -> None:
        tries.append(-1)

    commands = PipelinedCommands(connect, release, timeout=30)
    waiting = commands.execute("GET", "k")
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await commands.close()
    assert tries == [0, -1]
    with pytest.raises(StoreUnavailable):
        await waiting


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_password_in_the_url_is_used(valkey: EmbeddedValkey, stores: RedisStores, pipelining: bool) -> None:
    await stores.commands.execute("ACL", "SETUSER", "app", "on", ">p@ss/word", "~pg:*", "+@all")
    path = valkey.url.removeprefix("unix://")
    async with opened(f"unix://app:p%40ss%2Fword@{path}", pipelining=pipelining) as allowed:
        await allowed.heartbeat.publish_version(3)
        assert await allowed.commands.execute("ACL", "WHOAMI") == b"app"
    async with opened(f"unix://app:wrong@{path}", 0.2, pipelining=pipelining) as refused:
        with pytest.raises(StoreUnavailable):
            await refused.ping()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@contextlib.asynccontextmanager
async def behind_tls(socket_path: str, certificate: Path, key: Path) -> AsyncIterator[int]:
    """A TLS port on loopback that passes everything on to the socket; the wheel's server speaks no TLS."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(socket_path)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_tls(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    async with behind_tls(valkey.url.removeprefix("unix://"), certificate, key) as port:
        async with opened(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}") as stores:
            replies = await asyncio.gather(*(stores.commands.execute("ECHO", f"{i}" * 2000) for i in range(100)))
            assert replies == [b"%d" % i * 2000 for i in range(100)]
        async with opened(f"rediss://127.0.0.1:{port}/0", 1.5) as stores:
            with pytest.raises(StoreUnavailable) as refusal:
                await stores.ping()
            assert "certificate verify failed" in refusal.value.detail, "an unknown certificate is not accepted"


@contextlib.contextmanager
def _process(folder: Path, *arguments: str):
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(server_program()), *arguments], cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_sentinels_tell_who_is_master(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    port, sentinel_port, folder = free_port(), free_port(), tmp_path / "sentinel"
    folder.mkdir()
    conf = folder / "sentinel.conf"
    conf.write_text(f"port {sentinel_port}\nbind 127.0.0.1\nsentinel monitor pg 127.0.0.1 {port} 1\n")
    with (
        _process(tmp_path, "--port", str(port), "--bind", "127.0.0.1", "--save", ""),
        _process(folder, str(conf), "--sentinel"),
    ):
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel_port}"
        for pipelining in (True, False):
            async with opened(f"redis+sentinel://{hosts}/pg/0", pipelining=pipelining) as stores:
                async with asyncio.timeout(10):
                    while True:
                        with contextlib.suppress(StoreUnavailable):
                            await stores.ping()
                            break
                        await asyncio.sleep(0.02)
                digest = f"d{pipelining}"
                await stores.one_time.put("p_1", "code", digest, b"value", 60)
                assert await stores.one_time.spend("p_1", "code", digest) == Spent(b"value", replayed=False)
        async with opened(f"redis+sentinel://{hosts}/unknown", 0.3) as stores:
            with pytest.raises(StoreUnavailable):
                await stores.ping()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "unix+cluster:///x",
        "redis+other://:hunter2@host",
        "redis+sentinel://:hunter2@host:26379",
        "redis+sentinel://:hunter2@host:26379/service/one",
        "redis+sentinel://:hunter2@host,,other/service",
        "redis+cluster://:hunter2@host/3",
        "redis+cluster://:hunter2@host:port",
        "redis://:hunter2@host:port",
        "redis://:hunter2/more@host",
        "redis://:hunter2@host?unknown_option=1",
        "redis+cluster://:hunter2@host?unknown_option=1",
    ],
)
async def test_a_url_that_cannot_be_used_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        open_redis(url)
    assert refusal.value.field == "redis_url"
    assert "hunter2" not in refusal.value.sentence + str(refusal.value.detail)


async def test_the_registry_version_only_goes_up(stores: RedisStores, valkey: EmbeddedValkey) -> None:
    await stores.commands.execute("DEL", "pg:{heartbeat}:registry", "pg:{heartbeat}:revocations")
    assert await stores.heartbeat.read_version() == 0
    await stores.heartbeat.publish_version(12)
    await stores.heartbeat.publish_version(9)
    assert await stores.heartbeat.read_version() == 12
    await stores.heartbeat.publish_version(100)
    async with opened(valkey.url) as other:
        assert await other.heartbeat.read_version() == 100
        assert await other.heartbeat.read_revocations() == 0
        assert await stores.heartbeat.hint_revocation() == 1
        assert await other.heartbeat.read_revocations() == 1


def test_scripts_touch_one_key() -> None:
    scripts = [
        value
        for module in (counters, heartbeat, one_time, sessions)
        for value in vars(module).values()
        if isinstance(value, Script)
    ]
    assert len(scripts) >= 8
    for script in scripts:
        calls = re.findall(r"redis\.call\('(\w+)'(?:, *([^,)]+))?", script._body)
        assert calls
        assert script._body.count("redis.") == len(calls)
        assert {key for command, key in calls if command != "TIME"} == {"KEYS[1]"}
