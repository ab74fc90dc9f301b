"""Mail through a real SMTP server, with and without TLS, up and down; and an outbox that survives its process."""

import asyncio
import os
import signal
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from authserver.adapters.mail import SmtpTransport, parse_mail_url
from authserver.adapters.mail import smtp as smtp_module
from authserver.adapters.sql import migrate, open_sql
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.events import Event
from authserver.messages import Envelope, Kind, MessageCourier, Outbox, Postman, Renderer, TryAgain, Undeliverable
from authserver.model.pools import MessagePolicy, Pool
from authserver.store.memory import MemoryJournal
from authserver.store.protocols import Journal
from tests.system.mail_poster import MASTER, POOL
from tests.system.mail_sinks import PASSWORD, USER, certificate, mail_sink, only_us, until
from tests.unit.messages_world import message

pytestmark = pytest.mark.anyio

CREDENTIALS = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"
RENDERER = Renderer(lambda _: "https://login.acme.com")


def envelope(n: int = 0, **changes: Any) -> Envelope:
    content = RENDERER.render(POOL, message(Kind.SIGN_IN_CODE), 1_795_000_000)
    return Envelope(
        **{
            "id": f"id-{n}",
            "pool": POOL.id,
            "kind": Kind.SIGN_IN_CODE,
            "medium": "email",
            "to": "ada@example.com",
            "subject": content.subject,
            "text": content.text,
            "html": content.html,
            "from_name": "Acme",
            "from_address": "hello@acme.com",
            "at": time.time(),
        }
        | changes
    )


@asynccontextmanager
async def transport(url: str) -> AsyncIterator[SmtpTransport]:
    made = SmtpTransport(parse_mail_url(url), "login.acme.com")
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def office(
    journal: Journal, port: int, clock: Callable[[], float] = time.time, pool: Pool = POOL
) -> AsyncIterator[tuple[Outbox, list[Event]]]:
    """An outbox, and a postman who delivers to the mail server on that port."""
    random, events = SystemRandom(), list[Event]()
    sealer = Sealer(MASTER, random)

    async def pool_of(_pool: str) -> Pool:
        return pool

    async with transport(f"smtp://127.0.0.1:{port}") as smtp:
        courier = MessageCourier(
            pool_of, RENDERER, {"email": smtp, "sms": smtp}, lambda _: "no-reply@login.acme.com", clock
        )
        postman = Postman(journal, sealer, {"email": courier}, clock, random, events.append)
        await postman.start()
        try:
            yield Outbox(journal, sealer, clock, random, postman.wake), events
        finally:
            await postman.stop()


# ---------------------------------------------------------------------------------------------------- one mail


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_mail_arrives_as_it_was_written(language: str) -> None:
    pool = Pool(POOL.id, "에이크미", messages=MessagePolicy("에이크미 계정", "hello@acme.com", "help@acme.com"))
    async with mail_sink() as sink, office(MemoryJournal(), sink.port, pool=pool) as (outbox, events):
        told = message(Kind.RECOVER_PASSWORD, language, ends_at=int(time.time()) + 3600)
        parcel_id = await outbox.send(pool, told)
        await until(lambda: events)
    (arrived,) = sink.arrived
    assert (arrived.sender, arrived.to) == ("hello@acme.com", ["ada@example.com"])
    assert arrived.mail["From"].addresses[0].display_name == "에이크미 계정"
    assert arrived.mail["Message-ID"] == f"<{parcel_id}@acme.com>"
    for part in ("plain", "html"):
        assert "012345" in arrived.part(part)
        assert ("인증번호" if language == "ko" else "code") in arrived.part(part)
    assert events[0].kind == "message.sent"
    assert sink.greetings == ["login.acme.com"], "we call ourselves by our own name"


async def test_an_address_outside_ascii_needs_a_server_that_takes_it() -> None:
    async with mail_sink(enable_SMTPUTF8=True) as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        await smtp.deliver(envelope(to="ädä@example.com"))
        assert sink.arrived[0].to == ["ädä@example.com"]
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        with pytest.raises(Undeliverable, match="outside ASCII"):
            await smtp.deliver(envelope(to="ädä@example.com"))
        await smtp.deliver(envelope(to="ada@bücher.example"))
        assert sink.arrived[0].to == ["ada@xn--bcher-kva.example"]


# --------------------------------------------------------------------------------------------------------- TLS


async def test_a_password_goes_over_starttls_alone(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    options = {"authenticator": only_us, "auth_required": True, "tls_context": context, "require_starttls": True}
    async with mail_sink(**options) as sink:
        url = f"smtp://{CREDENTIALS}127.0.0.1:{sink.port}?starttls=required&ca={trusted}"
        async with transport(url) as smtp:
            await smtp.deliver(envelope())
    (arrived,) = sink.arrived
    assert arrived.encrypted
    assert arrived.user == USER


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    async with (
        mail_sink(context, authenticator=only_us, auth_required=True, auth_require_tls=False) as sink,
        transport(f"smtps://{CREDENTIALS}127.0.0.1:{sink.port}?ca={trusted}") as smtp,
    ):
        await smtp.deliver(envelope())
        assert sink.arrived[0].user == USER


async def test_a_server_that_offers_no_starttls_gets_no_password(tmp_path: Path) -> None:
    async with mail_sink(authenticator=only_us, auth_required=True, auth_require_tls=False) as sink:
        async with transport(f"smtp://{CREDENTIALS}127.0.0.1:{sink.port}?starttls=required") as smtp:
            with pytest.raises(TryAgain, match="STARTTLS"):
                await smtp.deliver(envelope())
        assert sink.arrived == []
        # Its valid twin: on loopback, where nobody listens in, it may do without.
        async with transport(f"smtp://{CREDENTIALS}127.0.0.1:{sink.port}") as smtp:
            await smtp.deliver(envelope())
        assert sink.arrived[0].user == USER


@pytest.mark.parametrize("first", [True, False], ids=["smtps", "starttls"])
async def test_a_certificate_is_always_checked(tmp_path: Path, first: bool) -> None:
    context, _ = certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    wrong_name, trusted_wrong = certificate(other, "mail.example.com")
    cases: list[tuple[ssl.SSLContext, str]] = [(context, ""), (wrong_name, f"ca={trusted_wrong}")]
    for server_context, option in cases:
        options = {} if first else {"tls_context": server_context}
        async with mail_sink(server_context if first else None, **options) as sink:
            scheme = "smtps" if first else "smtp"
            query = "&".join(filter(None, ["" if first else "starttls=offered", option]))
            async with transport(f"{scheme}://127.0.0.1:{sink.port}?{query}") as smtp:
                with pytest.raises(TryAgain, match="certificate is not trusted"):
                    await smtp.deliver(envelope())
            assert sink.arrived == []


async def test_tls_that_is_offered_is_taken(tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path)
    async with mail_sink(tls_context=context) as sink:
        async with transport(f"smtp://127.0.0.1:{sink.port}?starttls=offered&ca={trusted}") as smtp:
            await smtp.deliver(envelope())
        async with transport(f"smtp://127.0.0.1:{sink.port}?starttls=off") as smtp:
            await smtp.deliver(envelope())
    assert [a.encrypted for a in sink.arrived] == [True, False]


async def test_a_wrong_password_is_the_operators_to_mend() -> None:
    async with (
        mail_sink(authenticator=only_us, auth_required=True, auth_require_tls=False) as sink,
        transport(f"smtp://poolgate:wrong@127.0.0.1:{sink.port}") as smtp,
    ):
        with pytest.raises(TryAgain, match="535") as refused:
            await smtp.deliver(envelope())
    assert "wrong" not in refused.value.detail


# -------------------------------------------------------------------------------------------- what servers say


async def test_a_recipient_that_is_none_is_given_up() -> None:
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        sink.recipients = ["550 5.1.1 <ada@example.com> no such user here"]
        with pytest.raises(Undeliverable) as refused:
            await smtp.deliver(envelope())
        assert refused.value.detail == "the mail server refuses the recipient: 550 5.1.1"
        await smtp.deliver(envelope(1))
        assert len(sink.arrived) == 1


async def test_a_greylisted_recipient_is_tried_again() -> None:
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        sink.recipients = ["451 4.7.1 try again in five minutes"]
        with pytest.raises(TryAgain, match=r"451 4\.7\.1"):
            await smtp.deliver(envelope())
        await smtp.deliver(envelope())
        assert len(sink.arrived) == 1


@pytest.mark.parametrize(
    ("answer", "refusal"), [("554 5.7.1 spam", Undeliverable), ("452 4.3.1 full", TryAgain), ("421 bye", TryAgain)]
)
async def test_a_refused_mail(answer: str, refusal: type[Exception]) -> None:
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        sink.answers = [answer]
        with pytest.raises(refusal):
            await smtp.deliver(envelope())
        await smtp.deliver(envelope(1))
        assert [a.mail["Message-ID"] for a in sink.arrived] == ["<id-1@acme.com>"]


async def test_a_server_that_is_not_there_or_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with mail_sink() as sink:
        port = sink.port
    async with transport(f"smtp://127.0.0.1:{port}") as smtp:
        with pytest.raises(TryAgain, match="cannot be talked to"):
            await smtp.deliver(envelope())

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(smtp_module, "TIME_LIMIT", 0.2)
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with transport(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as smtp:
        with pytest.raises(TryAgain, match="in time"):
            await smtp.deliver(envelope())
    server.close()
    await asyncio.sleep(0.05)


# ------------------------------------------------------------------------------------------------- connections


async def test_a_burst_shares_a_few_connections_which_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module, "IDLE", 1.0)
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        await asyncio.gather(*(smtp.deliver(envelope(n)) for n in range(40)))
        assert len(sink.arrived) == 40
        assert sink.connections <= smtp_module.CONNECTIONS
        await until(lambda: not smtp._idle)
        await smtp.deliver(envelope(99))
        assert sink.connections <= smtp_module.CONNECTIONS + 1


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        await smtp.deliver(envelope(1))
        await sink.stop()
        await asyncio.sleep(0.05)
        await sink.restart()
        await smtp.deliver(envelope(2))
        assert [a.mail["Message-ID"] for a in sink.arrived] == ["<id-1@acme.com>", "<id-2@acme.com>"]


async def test_an_attempt_that_is_cut_off_spoils_no_connection() -> None:
    async with mail_sink() as sink, transport(f"smtp://127.0.0.1:{sink.port}") as smtp:
        await smtp.deliver(envelope(1))
        sink.hang = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await smtp.deliver(envelope(2))
        sink.hang = False
        await smtp.deliver(envelope(3))
        assert [a.mail["Message-ID"] for a in sink.arrived] == ["<id-1@acme.com>", "<id-3@acme.com>"]


# --------------------------------------------------------------------------------------------- down and up again


async def test_a_server_that_was_down_gets_every_message_once() -> None:
    """Sign-ups go on meanwhile: posting never waits for the server."""
    journal = MemoryJournal()
    async with mail_sink() as sink, office(journal, sink.port) as (outbox, events):
        await outbox.send(POOL, message(Kind.PASSWORD_CHANGED, ends_at=None))
        await until(lambda: len(sink.arrived) == 1)
        await sink.stop()
        ids = []
        for _ in range(30):
            began = time.monotonic()
            ids.append(await outbox.send(POOL, message(Kind.PASSWORD_CHANGED, ends_at=None)))
            assert time.monotonic() - began < 1.0
        await asyncio.sleep(1.0)
        assert len(await journal.parcels(POOL.id)) == 30
        await sink.restart()
        await until(lambda: len(events) == 31, seconds=30)
        assert await journal.parcels(POOL.id) == []
    arrived = Counter(str(a.mail["Message-ID"]) for a in sink.arrived[1:])
    assert arrived == Counter({f"<{n}@login.acme.com>": 1 for n in ids})
    assert {e.kind for e in events} == {"message.sent"}


async def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """It is killed between posting and delivering, and in the middle of deliveries; its heir does the rest."""
    url = f"sqlite:///{tmp_path / 'outbox.sqlite'}"
    await migrate(url)
    async with mail_sink() as sink:
        for round_ in range(2):
            sink.hang = round_ == 0
            async with await open_sql(url) as stores:
                await stores.registry.put_pool(POOL)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.system.mail_poster", url, str(sink.port), "25"),
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            assert process.stdout is not None
            posted = []
            async with asyncio.timeout(60):
                while len(posted) < 25 - 5 * round_:
                    posted.append((await process.stdout.readline()).decode().strip())
            if sink.hang:
                await until(lambda: sink.hanging)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            sink.hang = False
            before = {str(a.mail["Message-ID"]) for a in sink.arrived}
            wanted = {f"<{n}@acme.com>" for n in posted}
            if round_ == 0:
                assert not before & wanted, "nothing of it was taken yet"
            # The leases of the dead process are over by then.
            async with (
                await open_sql(url) as stores,
                office(
                    stores.journal,
                    sink.port,
                    lambda: time.time() + 120,
                    Pool(POOL.id, POOL.name, messages=MessagePolicy(from_address="no-reply@acme.com")),
                ),
            ):
                await until(lambda w=wanted: w <= {str(a.mail["Message-ID"]) for a in sink.arrived})  # type: ignore[misc]  # bound early on purpose
                async with asyncio.timeout(20):
                    while await stores.journal.parcels(POOL.id):
                        await asyncio.sleep(0.05)
        counted = Counter(str(a.mail["Message-ID"]) for a in sink.arrived)
        assert max(counted.values()) <= 2, "at least once, and twice at most for one crash"
