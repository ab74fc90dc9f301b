"""Where messages arrive in tests: a real SMTP server, and a real HTTP server that takes webhook calls."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "poolgate@acme.com", "pass:word/%"


@dataclass
class Arrived:
    """One mail, and how it came."""

    mail: EmailMessage
    sender: str
    to: list[str]
    encrypted: bool
    user: str | None

    def part(self, kind: str) -> str:
        found = self.mail.get_body((kind,))
        assert found is not None
        return str(cast("EmailMessage", found).get_content())


@dataclass
class MailSink:
    """An SMTP server on loopback that can fail on demand.

    `answers` are given to the next mails in place of taking them; `recipients` to the next recipients. `hang`: mails
    are read and never answered.
    """

    port: int = 0
    arrived: list[Arrived] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    hang: bool = False
    hanging: int = 0
    greetings: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _open: set[Any] = field(default_factory=set)
    _options: dict[str, Any] = field(default_factory=dict)
    _tls: ssl.SSLContext | None = None

    # What aiosmtpd calls.

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]) -> Any:
        session.host_name = hostname
        self.greetings.append(hostname)
        return responses

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.recipients:
            return self.recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        if self.hang:
            self.hanging += 1
            await asyncio.sleep(3600)
        if self.answers:
            return self.answers.pop(0)
        self.arrived.append(
            Arrived(
                cast("EmailMessage", message_from_bytes(envelope.content, policy=SMTP_POLICY)),
                envelope.mail_from,
                list(envelope.rcpt_tos),
                session.ssl is not None,
                session.auth_data.decode() if session.authenticated else None,
            )
        )
        return "250 2.0.0 taken"

    async def start(self, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        """Listen, on the same port as before if there was one."""
        self._tls, self._options = tls, options

        def protocol() -> SMTP:
            self.connections += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that passwords without TLS are unsafe: tests need them
                made = SMTP(self, loop=asyncio.get_running_loop(), **options)
            self._open.add(made)
            return made

        self._server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            for connection in self._open:
                if connection.transport is not None:
                    connection.transport.abort()
            self._open.clear()
            self._server = None
            await asyncio.sleep(0.02)  # transports close in the rounds of the loop that follow

    async def restart(self) -> None:
        await self.start(self._tls, **self._options)


@contextlib.asynccontextmanager
async def mail_sink(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[MailSink]:
    """A running SMTP server. `tls`: from the first byte; see aiosmtpd's SMTP for the options."""
    sink = MailSink()
    await sink.start(tls, **options)
    try:
        yield sink
    finally:
        await sink.stop()


def only_us(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    """Lets in USER with PASSWORD."""
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode() and data.login == USER.encode()
    return AuthResult(success=right, handled=False, auth_data=USER.encode() if right else None)


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A certificate of our own making for a server of that name: its TLS context, and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a mail server in a test")])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted = folder / f"{name}.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = folder / f"{name}.key"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted


@dataclass
class WebhookSink:
    """An HTTP server on loopback that notes what is posted, and answers with the next of `statuses`, else 204."""

    port: int = 0
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in headers.items()}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.calls.append((head[0].split(" ")[1], headers, body))
                status = self.statuses.pop(0) if self.statuses else 204
                writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def webhook_sink() -> AsyncIterator[WebhookSink]:
    sink = WebhookSink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await asyncio.sleep(0.02)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
