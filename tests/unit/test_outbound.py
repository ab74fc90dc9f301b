"""The guarded outbound client, against real servers on loopback: what it asks, what it refuses, what it reads."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authserver.effects import (
    Http,
    HttpAnswer,
    HttpBroken,
    HttpForbidden,
    HttpTimedOut,
    HttpTooLarge,
    HttpUnreachable,
)
from authserver.outbound import Outbound
from authserver.outbound.client import MOST_HEADERS, MOST_PER_HOST
from authserver.outbound.resolving import SystemResolver
from tests.unit.traps import LOOPBACK, OK, Behave, trap

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def client(*allow: str, **arguments: object) -> AsyncIterator[Outbound]:
    one = Outbound(allow, **arguments)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        await one.close()


def names(**addresses: str | list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """A resolver of these names; a list gives one answer after the other. Dots are written as two underscores."""

    async def resolve(host: str, _port: int) -> list[str]:
        found = addresses.get(host.replace(".", "__"))
        if found is None:
            raise OSError
        if isinstance(found, list):
            return found.pop(0).split()
        return found.split()

    return resolve


async def test_it_is_the_http_of_effects() -> None:
    async with client(*LOOPBACK) as outbound, trap() as server:
        http: Http = outbound
        answer = await http.request("GET", f"http://127.0.0.1:{server.port}/path?q=1", headers={"X-One": "1"})
        assert answer == HttpAnswer(200, {"content-length": "2"}, b"hi")
        head = server.requests[0].decode()
        assert head.startswith("GET /path?q=1 HTTP/1.1\r\n")
        assert f"host: 127.0.0.1:{server.port}\r\n" in head
        assert "x-one: 1\r\n" in head
        assert "cookie" not in head


async def test_a_body_goes_out_whole() -> None:
    async with client(*LOOPBACK) as outbound, trap() as server:
        await outbound.request("POST", f"http://127.0.0.1:{server.port}/", body=b"x" * 100_000)
        await outbound.request("POST", f"http://127.0.0.1:{server.port}/")
        assert server.requests[0].endswith(b"x" * 100_000)
        assert b"content-length: 0\r\n" in server.requests[1]


async def test_every_status_is_an_answer() -> None:
    async with client(*LOOPBACK) as outbound:
        for status in (204, 302, 404, 500):
            async with trap(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status) as server:
                assert (await outbound.request("GET", f"http://127.0.0.1:{server.port}/")).status == status


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://2130706433:{port}/",
        "https://0x7f000001:{port}/",
        "https://0177.0.0.1:{port}/",
        "https://127.1:{port}/",
        "https://0:{port}/",
        "https://0.0.0.0:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://[64:ff9b::127.0.0.1]:{port}/",
        "https://[2002:7f00:1::]:{port}/",
        "https://127.0.0.1.:{port}/",
        "https://localhost.:{port}/",
        "https://example.com@127.0.0.1:{port}/",
        "https://\u2460\u2461\u2466.0.0.1:{port}/",
        "https://inside.example:{port}/",
        "http://inside.example:{port}/",
        "http://outside.example:{port}/",
    ],
)
async def test_no_spelling_of_loopback_gets_a_packet_there(url: str) -> None:
    resolve = names(inside__example="127.0.0.1", outside__example="93.184.216.34", localhost="127.0.0.1 ::1")
    async with trap() as server, client(resolve=resolve) as outbound:
        with pytest.raises(HttpForbidden):
            await outbound.request("GET", url.format(port=server.port))
        assert server.connections == 0
        # and the same server is there for whoever may
        async with client(*LOOPBACK) as permitted:
            assert (await permitted.request("GET", f"http://127.0.0.1:{server.port}/")).status == 200


async def test_the_systems_resolver_is_asked_and_its_answer_checked() -> None:
    async with trap() as server:
        async with client() as outbound:
            with pytest.raises(HttpForbidden):
                await outbound.request("GET", f"https://localhost:{server.port}/")
        assert server.connections == 0
        async with client("localhost") as outbound:
            assert (await outbound.request("GET", f"http://localhost:{server.port}/")).status == 200


async def test_ipv6_loopback_takes_an_allowance_too() -> None:
    async with trap(host="::1") as server:
        async with client("127.0.0.0/8") as outbound:
            with pytest.raises(HttpForbidden):
                await outbound.request("GET", f"http://[::1]:{server.port}/")
        assert server.connections == 0
        async with client("::1") as outbound:
            assert (await outbound.request("GET", f"http://[::1]:{server.port}/")).status == 200
        assert f"host: [::1]:{server.port}\r\n".encode() in server.requests[0]


async def test_an_allowed_name_is_allowed_wherever_it_leads_and_no_other_name_is() -> None:
    resolve = names(hooks__internal="127.0.0.1", other__internal="127.0.0.1")
    async with trap() as server, client("hooks.internal", resolve=resolve) as outbound:
        assert (await outbound.request("GET", f"http://hooks.internal:{server.port}/")).status == 200
        with pytest.raises(HttpForbidden):
            await outbound.request("GET", f"http://other.internal:{server.port}/")
        assert server.connections == 1


async def test_of_several_addresses_only_the_permitted_are_tried() -> None:
    async with trap(host="127.0.0.2") as hidden:
        resolve = names(mixed__example="127.0.0.2 127.0.0.1")
        async with client("127.0.0.1", resolve=resolve) as outbound:
            with pytest.raises(HttpUnreachable):  # nothing listens on that port of 127.0.0.1
                await outbound.request("GET", f"http://mixed.example:{hidden.port}/")
        assert hidden.connections == 0


async def test_an_address_that_does_not_answer_is_followed_by_the_next() -> None:
    resolve = names(two__example="127.0.0.3 127.0.0.1")
    async with trap() as server, client(*LOOPBACK, resolve=resolve) as outbound:
        assert (await outbound.request("GET", f"http://two.example:{server.port}/")).status == 200


async def test_a_name_is_looked_up_once_and_connected_to_where_it_was_checked() -> None:
    async with trap(host="127.0.0.2") as hidden:
        # a second look-up would lead to the trap; and would be allowed no more than the first
        answers = ["127.0.0.1", "127.0.0.2", "127.0.0.2"]
        resolve = names(rebinds__example=answers)
        async with client("127.0.0.1", resolve=resolve) as outbound:
            with pytest.raises(HttpUnreachable):
                await outbound.request("GET", f"http://rebinds.example:{hidden.port}/")
            assert len(answers) == 2
            with pytest.raises(HttpForbidden):
                await outbound.request("GET", f"http://rebinds.example:{hidden.port}/")
        assert hidden.connections == 0


async def test_a_connection_is_kept_for_its_own_host_alone() -> None:
    resolve = names(a__internal="127.0.0.1", b__internal="127.0.0.1")
    async with trap() as server, client("a.internal", resolve=resolve) as outbound:
        for _ in range(3):
            await outbound.request("GET", f"http://a.internal:{server.port}/")
        assert server.connections == 1
        with pytest.raises(HttpForbidden):
            await outbound.request("GET", f"http://b.internal:{server.port}/")
        assert len(server.requests) == 3


async def test_an_unknown_name_and_a_closed_port_are_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with client(*LOOPBACK, resolve=names()) as outbound:
        with pytest.raises(HttpUnreachable, match="has no address"):
            await outbound.request("GET", "https://nowhere.example/")
        with pytest.raises(HttpUnreachable):
            await outbound.request("GET", f"http://127.0.0.1:{port}/")


def redirecting(location: str, status: int = 302) -> Behave:
    def behave(request: bytes) -> bytes:
        if request.startswith((b"GET /end", b"HEAD /end")):
            return OK if request.startswith(b"GET") else b"HTTP/1.1 200 OK\r\n\r\n"
        return f"HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()

    return behave


async def test_a_redirect_is_an_answer_unless_it_may_be_followed() -> None:
    async with trap(redirecting("/end")) as server, client(*LOOPBACK) as outbound:
        url = f"http://127.0.0.1:{server.port}/"
        assert (await outbound.request("GET", url)).status == 302
        assert (await outbound.request("GET", url, redirects=1)).body == b"hi"
        assert (await outbound.request("POST", url, redirects=1)).status == 302
        assert [r.split()[1] for r in server.requests] == [b"/", b"/", b"/end", b"/"]


async def test_each_hop_is_checked() -> None:
    async with trap(host="127.0.0.2") as hidden:
        for location in (
            f"http://127.0.0.2:{hidden.port}/",
            f"//127.0.0.2:{hidden.port}/",
            f"http://inside.example:{hidden.port}/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
        ):
            resolve = names(inside__example="127.0.0.2")
            async with trap(redirecting(location)) as server, client("127.0.0.1", resolve=resolve) as outbound:
                with pytest.raises(HttpForbidden):
                    await outbound.request("GET", f"http://127.0.0.1:{server.port}/", redirects=3)
        assert hidden.connections == 0


async def test_redirects_end() -> None:
    async with trap(redirecting("/again")) as server, client(*LOOPBACK) as outbound:
        with pytest.raises(HttpBroken, match="again and again"):
            await outbound.request("GET", f"http://127.0.0.1:{server.port}/", redirects=5)
        assert len(server.requests) == 6


async def test_a_redirect_to_another_origin_takes_no_credentials_along() -> None:
    async with trap() as other, client(*LOOPBACK) as outbound:
        target = f"http://127.0.0.1:{other.port}/end"
        async with trap(redirecting(target)) as server:
            headers = {"Authorization": "Bearer secret", "X-Other": "1"}
            await outbound.request("GET", f"http://127.0.0.1:{server.port}/", headers=headers, redirects=1)
            assert b"authorization: Bearer secret" in server.requests[0]
            assert b"secret" not in other.requests[0]
            assert b"x-other: 1" in other.requests[0]


async def test_a_body_above_the_limit_is_refused_declared_or_not() -> None:
    declared = b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n" + b"x" * 1001
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    for answer in (declared, chunked):
        async with trap(answer) as server, client(*LOOPBACK) as outbound:
            url = f"http://127.0.0.1:{server.port}/"
            with pytest.raises(HttpTooLarge):
                await outbound.request("GET", url, limit=1000)
            assert len((await outbound.request("GET", url, limit=1001)).body) == 1001


async def test_an_endless_body_is_left_after_the_limit() -> None:
    async def endless(_request: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000

    async with trap(endless, close=True) as server, client(*LOOPBACK) as outbound:
        with pytest.raises(HttpTooLarge):
            await outbound.request("GET", f"http://127.0.0.1:{server.port}/", limit=10_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip"])
async def test_the_limit_counts_what_is_unpacked(encoding: str) -> None:
    packed = (zlib.compress if encoding == "deflate" else gzip.compress)(b"x" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    async with trap(head + packed) as server, client(*LOOPBACK) as outbound:
        with pytest.raises(HttpTooLarge):
            await outbound.request("GET", f"http://127.0.0.1:{server.port}/", limit=100_000)
    small = gzip.compress(b"hello", mtime=0)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(small)}\r\n\r\n".encode()
    async with trap(head + small) as server, client(*LOOPBACK) as outbound:
        assert (await outbound.request("GET", f"http://127.0.0.1:{server.port}/")).body == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip, gzip\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 15\r\n\r\n"
        + gzip.compress(b"hello world", mtime=0)[:15],
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"+PONG\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n",
        b"",
    ],
)
async def test_what_is_no_whole_answer_is_broken(answer: bytes) -> None:
    async with trap(answer, close=True) as server, client(*LOOPBACK) as outbound:
        with pytest.raises(HttpBroken):
            await outbound.request("GET", f"http://127.0.0.1:{server.port}/")


async def test_too_many_headers_are_refused() -> None:
    def with_headers(count: int) -> bytes:
        lines = b"".join(b"x-%d: 1\r\n" % n for n in range(count - 1))
        return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + lines + b"\r\nhi"

    async with client(*LOOPBACK) as outbound:
        async with trap(with_headers(MOST_HEADERS)) as server:
            assert (await outbound.request("GET", f"http://127.0.0.1:{server.port}/")).status == 200
        async with trap(with_headers(MOST_HEADERS + 1)) as server:
            with pytest.raises(HttpTooLarge):
                await outbound.request("GET", f"http://127.0.0.1:{server.port}/")
        async with trap(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 300_000 + b"\r\n\r\n", close=True) as server:
            with pytest.raises(HttpBroken):
                await outbound.request("GET", f"http://127.0.0.1:{server.port}/")


@pytest.mark.parametrize("answered", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh"])
async def test_the_time_is_for_all_of_it(answered: bytes) -> None:
    async def slowly(_request: bytes) -> bytes:
        if not answered:
            await asyncio.sleep(10)
        return answered

    async with trap(slowly) as server, client(*LOOPBACK) as outbound:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(HttpTimedOut):
            await outbound.request("GET", f"http://127.0.0.1:{server.port}/", timeout=0.3)
        assert loop.time() - began < 3


async def test_a_trickle_of_bytes_does_not_win_time() -> None:
    stop, stopped = asyncio.Event(), asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not stop.is_set():
            writer.write(b"x")
            await asyncio.sleep(0.05)
        writer.close()
        stopped.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with client(*LOOPBACK) as outbound:
        with pytest.raises(HttpTimedOut):
            await outbound.request("GET", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout=0.4)
    stop.set()
    await stopped.wait()
    server.close()


async def test_a_name_server_that_does_not_answer_leaves_time_for_another_try() -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    async with client(resolve=never) as outbound:
        with pytest.raises(HttpUnreachable, match="too long"):
            await outbound.request("GET", "https://slow.example/", timeout=2.0)


async def test_one_host_gets_so_many_requests_at_a_time() -> None:
    gate = asyncio.Event()

    async def held(_request: bytes) -> bytes:
        await gate.wait()
        return OK

    async with trap(held) as server, trap() as free, client(*LOOPBACK) as outbound:
        url = f"http://127.0.0.1:{server.port}/"
        waiting = [asyncio.create_task(outbound.request("GET", url)) for _ in range(MOST_PER_HOST)]
        while server.connections < MOST_PER_HOST:
            await asyncio.sleep(0.01)
        with pytest.raises(HttpUnreachable, match="to answer already"):
            await outbound.request("GET", url)
        assert (await outbound.request("GET", f"http://127.0.0.1:{free.port}/")).status == 200
        gate.set()
        assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}
        assert (await outbound.request("GET", url)).status == 200


async def test_the_environments_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trap() as proxy, trap() as server, client(*LOOPBACK) as outbound:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await outbound.request("GET", f"http://127.0.0.1:{server.port}/")
        assert (proxy.connections, server.connections) == (0, 1)


async def test_a_cookie_is_not_sent_back() -> None:
    async with trap(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n") as server:
        async with client(*LOOPBACK) as outbound:
            for _ in range(2):
                await outbound.request("GET", f"http://127.0.0.1:{server.port}/")
        assert b"a=b" not in server.requests[1]


async def test_the_systems_resolver_gives_each_address_once() -> None:
    resolver = SystemResolver()
    assert set(await resolver("localhost", 1)) <= {"127.0.0.1", "::1"}
    resolver.close()


# --- certificates ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server for `hooks.example` presents, and a client's trust in who signed it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("hooks.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.5"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


async def test_the_certificate_is_checked_for_the_name_though_an_address_is_connected_to(
    authority: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    presented, trust = authority
    resolve = names(hooks__example="127.0.0.1", other__example="127.0.0.1")
    seen: list[str | None] = []
    presented.sni_callback = lambda _socket, name, _context: seen.append(name)  # type: ignore[assignment]
    async with trap(tls=presented) as server, client(*LOOPBACK, resolve=resolve, tls=trust) as outbound:
        assert (await outbound.request("GET", f"https://hooks.example:{server.port}/")).status == 200
        assert seen == ["hooks.example"]
        with pytest.raises(HttpUnreachable, match=r"[Cc]ertificate|CERTIFICATE"):
            await outbound.request("GET", f"https://other.example:{server.port}/")
        with pytest.raises(HttpUnreachable, match=r"[Cc]ertificate|CERTIFICATE"):
            await outbound.request("GET", f"https://127.0.0.1:{server.port}/")
        assert len(server.requests) == 1
    async with trap(tls=presented, host="127.0.0.5") as server, client(*LOOPBACK, tls=trust) as outbound:
        assert (await outbound.request("GET", f"https://127.0.0.5:{server.port}/")).status == 200


async def test_an_authority_that_the_system_does_not_know_is_not_trusted(
    authority: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    presented, _ = authority
    resolve = names(hooks__example="127.0.0.1")
    async with trap(tls=presented) as server, client(*LOOPBACK, resolve=resolve) as outbound:
        with pytest.raises(HttpUnreachable):
            await outbound.request("GET", f"https://hooks.example:{server.port}/")
        assert server.requests == []


async def test_a_redirect_does_not_leave_https(authority: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    presented, trust = authority
    resolve = names(hooks__example="127.0.0.1")
    async with trap() as plain:
        behave = redirecting(f"http://127.0.0.1:{plain.port}/end")
        async with trap(behave, tls=presented) as server, client(*LOOPBACK, resolve=resolve, tls=trust) as outbound:
            with pytest.raises(HttpForbidden, match="https to http"):
                await outbound.request("GET", f"https://hooks.example:{server.port}/", redirects=1)
        assert plain.connections == 0
