"""Text messages to a real HTTP server, through the guarded client."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from authserver.adapters.sms import SmsTransport, parse_sms_url
from authserver.crypto.sealing import Sealer
from authserver.effects import SystemRandom
from authserver.events import Event
from authserver.messages import Kind, MessageCourier, NoTransport, Outbox, Postman, Renderer
from authserver.model.pools import Pool
from authserver.outbound import Outbound
from authserver.store.memory import MemoryJournal
from tests.system.mail_sinks import until, webhook_sink
from tests.unit.messages_world import POOL, message

pytestmark = pytest.mark.anyio

SECRET = "a-secret-that-signs-calls"


@asynccontextmanager
async def office(url: str, *allow: str) -> AsyncIterator[tuple[Outbox, list[Event], MemoryJournal]]:
    """An outbox, and a postman who delivers text messages to `url`."""
    random, events, journal = SystemRandom(), list[Event](), MemoryJournal()
    sealer = Sealer(b"k" * 32, random)
    http = Outbound(allow)

    async def pool_of(_pool: str) -> Pool:
        return POOL

    sms = SmsTransport(parse_sms_url(url), http, time.time, random)
    courier = MessageCourier(
        pool_of,
        Renderer(lambda _: "https://login.acme.com"),
        {"email": NoTransport("mail.url"), "sms": sms},
        lambda _: "no-reply@login.acme.com",
        time.time,
    )
    postman = Postman(journal, sealer, {"sms": courier}, time.time, random, events.append)
    await postman.start()
    try:
        yield Outbox(journal, sealer, time.time, random, postman.wake), events, journal
    finally:
        await postman.stop()
        await http.close()


async def test_a_webhook_gets_each_message_signed() -> None:
    async with (
        webhook_sink() as sink,
        office(f"http://:{SECRET}@127.0.0.1:{sink.port}/sms?x=1", "127.0.0.1") as (outbox, events, _),
    ):
        told = message(Kind.SIGN_IN_CODE, "ko", "sms", ends_at=int(time.time()) + 600)
        parcel_id = await outbox.send(POOL, told)
        await until(lambda: events)
    ((path, headers, body),) = sink.calls
    assert path == "/sms?x=1"
    assert SECRET not in repr(headers)
    said = json.loads(body)
    assert (said["id"], said["to"], said["code"]) == (parcel_id, "+821012345678", "012345")
    assert said["text"].splitlines()[-1] == "@login.acme.com #012345"
    at, proof = (part.partition("=")[2] for part in headers["x-poolgate-signature"].split(","))
    assert abs(int(at) - time.time()) < 60
    assert proof == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert [e.kind for e in events] == ["message.sent"]


async def test_a_webhook_that_fails_and_recovers_gets_every_message_once_more() -> None:
    async with (
        webhook_sink() as sink,
        office(f"http://:{SECRET}@127.0.0.1:{sink.port}/", "127.0.0.1") as (outbox, events, journal),
    ):
        sink.statuses = [503] * 5
        for _ in range(5):
            await outbox.send(POOL, message(Kind.SIGN_IN_CODE, medium="sms", ends_at=int(time.time()) + 600))
        await until(lambda: len(events) == 5)
        assert await journal.parcels(POOL.id) == []
    taken = [json.loads(body)["id"] for _, _, body in sink.calls[5:]]
    assert len(taken) == len(set(taken)) == 5
    assert {json.loads(body)["id"] for _, _, body in sink.calls[:5]} == set(taken), "the same ids as before"


async def test_a_private_address_is_called_only_if_the_settings_allow_it() -> None:
    async with (
        webhook_sink() as sink,
        office(f"http://:{SECRET}@127.0.0.1:{sink.port}/") as (outbox, events, journal),
    ):
        await outbox.send(POOL, message(Kind.SIGN_IN_CODE, medium="sms", ends_at=int(time.time()) + 3))
        await until(lambda: events)
        assert await journal.parcels(POOL.id) == []
    assert sink.calls == []
    assert events[0].kind == "message.failed"
    assert str(events[0].details["reason"]).startswith("the webhook: ")


async def test_a_gateways_api_is_called_in_its_own_form() -> None:
    async with (
        webhook_sink() as sink,
        office(f"twilio://AC1:token@127.0.0.1:{sink.port}?from=MG2", "127.0.0.1") as (outbox, events, _),
    ):
        sink.statuses = [201]
        await outbox.send(POOL, message(Kind.SIGN_IN_CODE, medium="sms", ends_at=int(time.time()) + 600))
        await until(lambda: events)
    ((path, headers, body),) = sink.calls
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert b"To=%2B821012345678" in body
