"""Delivery over SMTP (RFC 5321), with connections that serve a burst and are gone when it is over."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from authserver.adapters.mail.mime import to_mail
from authserver.adapters.mail.url import SmtpServer
from authserver.messages.transport import Envelope, TryAgain, Undeliverable

if TYPE_CHECKING:
    from aiosmtplib import SMTP

TIME_LIMIT = 15.0
"""Seconds for each step: connecting, and every answer of the server."""

CONNECTIONS = 4
"""At a time. Mail servers think little of more from one client."""

IDLE = 5.0
"""Seconds that a connection waits for the next mail of a burst."""

_REFUSED_FOR_GOOD = frozenset({550, 551, 552, 553, 554, 556})
"""Answers about a recipient or a mail that another try will not change (RFC 5321 4.2.3, RFC 7504)."""


class SmtpTransport:
    """Delivers mail to one server.

    Args:
        server: from `parse_mail_url`.
        own_name: how we call ourselves in EHLO: the host of `base_url`.
    """

    def __init__(self, server: SmtpServer, own_name: str) -> None:
        self._server = server
        self._own_name = own_name
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[SMTP] = []
        self._reaper: asyncio.TimerHandle | None = None
        self._farewells: set[asyncio.Task[None]] = set()
        self._trust: ssl.SSLContext | None = None

    async def deliver(self, envelope: Envelope) -> None:
        """Return once the server has taken it. Raises TryAgain or Undeliverable."""
        import aiosmtplib

        mail = to_mail(envelope)
        try:
            async with self._connection() as connection:
                await connection.send_message(
                    mail, sender=mail["From"].addresses[0].addr_spec, recipients=[mail["To"].addresses[0].addr_spec]
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            raise _judged(first.code, first.message, "the recipient") from None
        except aiosmtplib.SMTPDataError as error:
            raise _judged(error.code, error.message, "the mail") from None
        except aiosmtplib.SMTPResponseException as error:
            # Who we are, or whom we write as: the operator can mend that, and the mail is worth keeping until then.
            raise TryAgain(f"the mail server says {_answer(error.code, error.message)}") from None
        except aiosmtplib.SMTPNotSupported:
            raise Undeliverable("the mail server takes no addresses outside ASCII") from None
        except (aiosmtplib.SMTPException, OSError, EOFError) as error:
            raise TryAgain(_trouble(error)) from None

    async def close(self) -> None:
        """Take leave of the server. The transport can be used again."""
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        self._part()
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=2.0)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator["SMTP"]:
        """A connection of our own, kept afterwards if the mail went well."""
        async with self._slots:
            connection = await self._kept() or await self._fresh()
            try:
                yield connection
            except BaseException:
                # Nobody knows how far it came, and the next mail must not be taken for an answer.
                connection.close()
                raise
            if connection.is_connected:
                self._idle.append(connection)
                self._reap_later()

    async def _kept(self) -> "SMTP | None":
        """One that is still there. Servers hang up when they please; asking costs less than a mail that fails."""
        from aiosmtplib import SMTPException

        while self._idle:
            connection = self._idle.pop()
            try:
                if connection.is_connected:
                    await connection.rset(timeout=TIME_LIMIT)
                    return connection
            except (SMTPException, OSError):
                connection.close()
        return None

    async def _fresh(self) -> "SMTP":
        from aiosmtplib import SMTP

        server = self._server
        start_tls = {"required": True, "offered": None, "off": False}[server.starttls]
        connection = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            local_hostname=self._own_name,
            timeout=TIME_LIMIT,
            use_tls=server.tls,
            start_tls=start_tls,
            tls_context=await self._context(),
        )
        await connection.connect()
        return connection

    async def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            context = await asyncio.to_thread(ssl.create_default_context)
            if self._server.ca is not None:
                context.load_verify_locations(cafile=self._server.ca)
            self._trust = context
        return self._trust

    def _reap_later(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        self._reaper = asyncio.get_running_loop().call_later(IDLE, self._part)

    def _part(self) -> None:
        """End the connections that wait."""
        idle, self._idle = self._idle, []
        for connection in idle:
            task = asyncio.get_running_loop().create_task(_farewell(connection))
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)


async def _farewell(connection: "SMTP") -> None:
    from aiosmtplib import SMTPException

    with contextlib.suppress(SMTPException, OSError):
        await connection.quit(timeout=2.0)
    connection.close()


def _judged(code: int, message: str, what: str) -> TryAgain | Undeliverable:
    detail = f"the mail server refuses {what}: {_answer(code, message)}"
    return Undeliverable(detail) if code in _REFUSED_FOR_GOOD else TryAgain(detail)


def _answer(code: int, message: str) -> str:
    """An answer's numbers. Its words may hold the address, which is not for the log."""
    enhanced = message.split(" ", 1)[0]
    parts = enhanced.split(".")
    fits = len(parts) == 3 and all(part.isascii() and part.isdecimal() and len(part) <= 3 for part in parts)
    return f"{code} {enhanced}" if fits else str(code)


def _trouble(error: BaseException) -> str:
    """Why there was no conversation. The library's own words name the server at most, never a person."""
    from aiosmtplib import SMTPException

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the mail server's certificate is not trusted ({cause.verify_message}); mail.url takes ca=FILE"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    words = str(error) if isinstance(error, SMTPException) else type(error).__name__
    return f"the mail server cannot be talked to: {words}"
