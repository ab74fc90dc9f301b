"""The outbox and its postman: every message arrives once its way is open, is tried again as long as it makes sense, and
no request waits for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from authserver.crypto.sealing import Sealer
from authserver.demo.mailbox import Mailbox
from authserver.effects import SystemRandom
from authserver.errors import StoreUnavailable
from authserver.events import Event
from authserver.messages import (
    About,
    Content,
    Envelope,
    Kind,
    Message,
    MessageCourier,
    NoTransport,
    Outbox,
    Postman,
    Renderer,
    Transport,
    TryAgain,
    Undeliverable,
)
from authserver.messages import postman as postman_module
from authserver.messages.outbox import LIFETIME
from authserver.messages.parcels import Unreadable, from_content, parcel_record, to_content
from authserver.messages.postman import HOLD, LONGEST_PAUSE, TIME_LIMIT
from authserver.model.credentials import Medium
from authserver.model.journal import Parcel
from authserver.model.pools import MessagePolicy, Pool
from authserver.store.memory import MemoryJournal
from tests.unit.messages_world import NOW, ORIGIN, POOL, message

pytestmark = pytest.mark.anyio

HELLO = message(Kind.PASSWORD_CHANGED, user_id="ada-id", client_id="web", ends_at=None)


class Line:
    """A transport that does what it is told: the next of `outcomes`, and takes everything when there is none left."""

    def __init__(self, *outcomes: Exception) -> None:
        self.outcomes = list(outcomes)
        self.taken: list[Envelope] = []
        self.tried: list[Envelope] = []
        self.open = asyncio.Event()
        self.open.set()

    async def deliver(self, envelope: Envelope) -> None:
        self.tried.append(envelope)
        await self.open.wait()
        if self.outcomes:
            raise self.outcomes.pop(0)
        self.taken.append(envelope)


@dataclass
class Office:
    """An outbox and a postman over memory, with a clock to move."""

    line: Transport
    now: float = float(NOW)
    pool: Pool = POOL
    options: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def __post_init__(self) -> None:
        random = SystemRandom()
        clock: Callable[[], float] = lambda: self.now
        self.sealer = Sealer(b"k" * 32, random)

        async def pool_of(pool: str) -> Pool | None:
            return self.pool if pool == self.pool.id else None

        lines: dict[Medium, Transport] = {"email": self.line, "sms": self.line}
        courier = MessageCourier(
            pool_of, Renderer(lambda _: ORIGIN), lines, lambda _: "no-reply@login.acme.com", clock, **self.options
        )
        self.postman = Postman(
            self.journal, self.sealer, {"email": courier, "sms": courier}, clock, random, self.events.append
        )
        self.outbox = Outbox(self.journal, self.sealer, clock, random, self.postman.wake)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator["Office"]:
        await self.postman.start()
        try:
            yield self
        finally:
            await self.postman.stop(grace=1.0)

    async def waiting(self) -> list[Parcel]:
        return await self.journal.parcels(self.pool.id)

    async def later(self, seconds: float) -> None:
        """Time passes, and the postman has had a look."""
        self.now += seconds
        self.postman.wake()
        await asyncio.sleep(0.02)

    @property
    def told(self) -> list[str]:
        return [event.kind for event in self.events]


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def line() -> Line:
    return Line()


async def test_a_message_is_delivered_at_once_and_leaves_the_outbox(line: Line) -> None:
    async with Office(line).at_work() as office:
        began = asyncio.get_running_loop().time()
        parcel_id = await office.outbox.send(POOL, HELLO)
        await until(lambda: office.told)
        assert asyncio.get_running_loop().time() - began < 0.9, "it did not wait for the next round"
        (envelope,) = line.taken
        assert (envelope.id, envelope.to, envelope.subject) == (
            parcel_id,
            "ada@example.com",
            "Your Acme password was changed",
        )
        assert await office.waiting() == []
    (event,) = office.events
    assert (event.kind, event.user_id, event.client_id) == ("message.sent", "ada-id", "web")
    assert event.details == {"message": "password_changed", "medium": "email", "tries": 1}


async def test_who_posts_does_not_wait_for_the_line(line: Line) -> None:
    line.open.clear()
    async with Office(line).at_work() as office:
        async with asyncio.timeout(0.5):
            await office.outbox.send(POOL, HELLO)
        await until(lambda: line.tried)
        assert not line.taken
        line.open.set()
        await until(lambda: line.taken)


async def test_the_content_is_sealed_while_it_waits(line: Line) -> None:
    office = Office(line)
    told = message(Kind.RECOVER_PASSWORD)
    await office.outbox.send(POOL, told)
    (parcel,) = await office.waiting()
    for secret in ("012345", "ada@example.com", "recover"):
        assert secret.encode() not in parcel.sealed
    assert (parcel.channel, parcel.due_at) == ("email", NOW)
    opened = office.sealer.open(parcel.sealed, parcel_record(POOL.id, parcel.id))
    assert from_content(opened) == (told, False)


@pytest.mark.parametrize(
    ("told", "life"),
    [
        (HELLO, LIFETIME),
        (message(Kind.SIGN_IN_CODE, ends_at=NOW + 600), 600),
        (message(Kind.CONFIRM_SIGN_UP, ends_at=NOW + 10 * LIFETIME), LIFETIME),
    ],
)
async def test_a_message_is_tried_for_a_day_or_until_it_is_worthless(line: Line, told: Message, life: int) -> None:
    office = Office(line)
    await office.outbox.send(POOL, told)
    (parcel,) = await office.waiting()
    assert parcel.expires_at - NOW == life


async def test_a_line_that_is_down_gets_the_message_once_it_is_up(line: Line) -> None:
    line.outcomes = [TryAgain("down")] * 3
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        for tries in range(1, 4):
            await until(lambda n=tries: len(line.tried) == n)  # type: ignore[misc]  # bound early on purpose
            await asyncio.sleep(0.02)
            (parcel,) = await office.waiting()
            assert parcel.last_error == "down"
            assert parcel.attempts == tries
            await office.later(parcel.due_at - office.now - 1)
            assert len(line.tried) == tries, "not before its time"
            await office.later(1)
        await until(lambda: office.told)
        assert [e.id for e in line.taken] == [line.tried[0].id]
    assert office.told == ["message.sent"]
    assert office.events[0].details["tries"] == 4


async def test_pauses_grow_up_to_a_limit_and_are_spread(line: Line) -> None:
    line.outcomes = [TryAgain("down")] * 1000
    pauses: list[list[float]] = []
    for _ in range(5):
        office = Office(line, options={})
        async with office.at_work():
            await office.outbox.send(POOL, HELLO)
            row = []
            for _ in range(13):
                await asyncio.sleep(0.01)
                parcels = await office.waiting()
                row.append(parcels[0].due_at - office.now)
                await office.later(row[-1])
        pauses.append(row)
    for row in pauses:
        for n, pause in enumerate(row):
            middle = min(LONGEST_PAUSE, 2.0 * 2**n)
            assert 0.75 * middle - 1 <= pause <= 1.25 * middle
    assert len({row[9] for row in pauses}) > 2, "many that failed together do not come back together"


async def test_a_line_that_names_a_pause_is_obeyed(line: Line) -> None:
    line.outcomes = [TryAgain("busy", after=300)]
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.tried)
        await asyncio.sleep(0.02)
        assert (await office.waiting())[0].due_at == NOW + 300


async def test_what_cannot_be_delivered_is_given_up_at_once(line: Line) -> None:
    line.outcomes = [Undeliverable("no such mailbox")]
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: office.told)
        assert await office.waiting() == []
    (event,) = office.events
    assert event.kind == "message.failed"
    assert event.details == {
        "message": "password_changed",
        "medium": "email",
        "tries": 1,
        "reason": "no such mailbox",
    }


async def test_a_code_is_not_delivered_after_its_end(line: Line) -> None:
    line.outcomes = [TryAgain("down")] * 100
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, message(Kind.SIGN_IN_CODE, ends_at=NOW + 600))
        while not office.told:
            await asyncio.sleep(0.01)
            await office.later(1 if not (due := await office.waiting()) else max(1, due[0].due_at - office.now))
        assert office.now < NOW + 600
    assert office.told == ["message.failed"]
    assert office.events[0].details["reason"] == "down"
    assert await office.waiting() == []


async def test_a_parcel_that_lay_too_long_is_not_tried(line: Line) -> None:
    office = Office(line)
    await office.outbox.send(POOL, message(Kind.SIGN_IN_CODE, ends_at=NOW + 600))
    office.now += 600
    async with office.at_work():
        await until(lambda: office.told)
    assert not line.tried
    assert "time was over" in str(office.events[0].details["reason"])


async def test_a_pretended_message_goes_to_the_door_and_no_further(line: Line) -> None:
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, message(Kind.RECOVER_PASSWORD), pretended=True)
        assert len(await office.waiting()) == 1
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.taken)
        await asyncio.sleep(0.05)
        assert await office.waiting() == []
    assert [e.kind for e in line.taken] == [Kind.PASSWORD_CHANGED]
    assert office.told == ["message.sent"]


async def test_a_message_reads_as_the_pool_is_when_it_goes_out(line: Line) -> None:
    line.outcomes = [TryAgain("down")]
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.tried)
        policy = MessagePolicy("Acme Mail", "hello@acme.com", "help@acme.com")
        office.pool = replace(POOL, name="Acme 2", messages=policy)
        await office.later(5)
        await until(lambda: line.taken)
    before, after = line.tried[0], line.taken[0]
    assert (before.from_name, before.from_address, before.reply_to) == ("Acme", "no-reply@login.acme.com", None)
    assert (after.from_name, after.from_address, after.reply_to) == ("Acme Mail", "hello@acme.com", "help@acme.com")
    assert after.subject == "Your Acme 2 password was changed"


async def test_a_message_of_a_pool_that_is_gone_is_dropped(line: Line) -> None:
    office = Office(line)
    await office.outbox.send(POOL, HELLO)
    office.pool = replace(POOL, id="other_1")
    async with office.at_work():
        await until(lambda: office.told)
    assert office.events[0].details["reason"] == "the pool is gone"
    assert not line.tried


async def test_a_medium_without_settings_says_so() -> None:
    async with Office(NoTransport("mail.url")).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: office.told)
    assert office.events[0].details["reason"] == "the setting mail.url is not given"


async def test_a_fault_of_ours_does_not_lose_the_message(line: Line) -> None:
    line.outcomes = [ZeroDivisionError("secret detail")]
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.tried)
        await asyncio.sleep(0.02)
        assert (await office.waiting())[0].last_error == "ZeroDivisionError"
        await office.later(5)
        await until(lambda: line.taken)


async def test_content_of_another_version_or_key_waits(line: Line) -> None:
    office = Office(line)
    await office.outbox.send(POOL, HELLO)
    (parcel,) = await office.waiting()
    odd = office.sealer.seal(
        b'{"pretended": false, "message": {"kind": "from_the_future"}}', parcel_record(POOL.id, "x")
    )
    await office.journal.post(POOL.id, replace(parcel, id="x", sealed=odd))
    foreign = Sealer(b"z" * 32, SystemRandom()).seal(b"{}", parcel_record(POOL.id, "y"))
    await office.journal.post(POOL.id, replace(parcel, id="y", sealed=foreign))
    await office.journal.post(POOL.id, replace(parcel, id="z", channel="webhook"))
    async with office.at_work():
        await until(lambda: line.taken)
        await asyncio.sleep(0.05)
    errors = {p.id: p.last_error or "" for p in await office.waiting()}
    assert set(errors) == {"x", "y", "z"}
    assert "cannot be read" in errors["x"]
    assert "cannot be read" in errors["y"]
    assert errors["z"] == "this process delivers no webhook"


def test_content_keeps_everything_and_ignores_what_it_does_not_know() -> None:
    for kind in Kind:
        told = message(kind, medium="sms" if kind == Kind.CHANGE_PHONE_NUMBER else "email")
        assert from_content(to_content(told, pretended=True)) == (told, True)
    newer = to_content(HELLO, pretended=False).replace(b'"zone"', b'"mood":"sunny","zone"')
    assert from_content(newer) == (HELLO, False)
    for nonsense in (b"", b"[]", b"{}", b'{"pretended":1,"message":{}}', b'{"message":{"kind":"no_account"}}'):
        with pytest.raises(Unreadable):
            from_content(nonsense)


# --------------------------------------------------------------------------------------------- stores that fail


class Failing(MemoryJournal):
    """A journal whose store goes away for the named calls."""

    def __init__(self) -> None:
        super().__init__()
        self.down: dict[str, int] = {}

    def _maybe(self, name: str) -> None:
        if self.down.get(name, 0) > 0:
            self.down[name] -= 1
            raise StoreUnavailable

    async def lease(self, now: int, *, hold: int, limit: int = 20) -> list[Parcel]:
        self._maybe("lease")
        return await super().lease(now, hold=hold, limit=limit)

    async def delivered(self, pool: str, parcel_id: str) -> None:
        self._maybe("delivered")
        await super().delivered(pool, parcel_id)


async def test_a_store_that_fails_after_delivery_leads_to_no_second_one(line: Line) -> None:
    journal = Failing()
    journal.down["delivered"] = 2
    async with Office(line, journal=journal).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: office.told)
        assert await office.waiting() == []
    assert len(line.taken) == 1


async def test_the_postman_outlives_a_store_that_is_away(line: Line) -> None:
    journal = Failing()
    office = Office(line, journal=journal)
    await office.outbox.send(POOL, HELLO)
    journal.down["lease"] = 2
    async with office.at_work():
        office.postman.wake()
        await until(lambda: line.taken)


async def test_a_process_that_dies_during_delivery_loses_nothing(line: Line) -> None:
    dying = Line()
    dying.open.clear()
    office = Office(dying)
    await office.postman.start()
    await office.outbox.send(POOL, HELLO)
    await until(lambda: dying.tried)
    await office.postman.stop(grace=0.01)
    assert len(await office.waiting()) == 1
    heir = Office(line, journal=office.journal)
    async with heir.at_work():
        await asyncio.sleep(0.05)
        assert not line.tried, "the lease still holds"
        await heir.later(HOLD)
        await until(lambda: line.taken)
    assert line.taken[0].id == dying.tried[0].id
    assert TIME_LIMIT < HOLD


async def test_two_postmen_share_the_work(line: Line) -> None:
    other_line = Line()
    one, other = Office(line), Office(other_line)
    other = Office(other_line, journal=one.journal)
    for _ in range(60):
        await one.outbox.send(POOL, HELLO)
    async with one.at_work(), other.at_work():
        await until(lambda: len(line.taken) + len(other_line.taken) == 60)
        await asyncio.sleep(0.05)
    ids = [e.id for e in line.taken + other_line.taken]
    assert len(set(ids)) == len(ids) == 60


async def test_many_are_delivered_without_waiting_for_the_next_round(line: Line) -> None:
    office = Office(line)
    for _ in range(200):
        await office.outbox.send(POOL, HELLO)
    async with office.at_work():
        await until(lambda: len(line.taken) == 200, seconds=3.0)


async def test_one_that_hangs_does_not_hold_up_the_others() -> None:
    class Picky(Line):
        async def deliver(self, envelope: Envelope) -> None:
            if envelope.to == "slow@example.com":
                await asyncio.sleep(60)
            await super().deliver(envelope)

    line = Picky()
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, replace(HELLO, to="slow@example.com"))
        for _ in range(30):
            await office.outbox.send(POOL, HELLO)
        await until(lambda: len(line.taken) == 30)


async def test_an_attempt_is_limited_in_time(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postman_module, "TIME_LIMIT", 0.05)
    line.open.clear()
    async with Office(line).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.tried)
        await asyncio.sleep(0.15)
        assert "took more than" in str((await office.waiting())[0].last_error)


async def test_stopping_waits_for_what_is_under_way(line: Line) -> None:
    line.open.clear()
    office = Office(line)
    await office.postman.start()
    await office.outbox.send(POOL, HELLO)
    await until(lambda: line.tried)
    stopping = asyncio.create_task(office.postman.stop(grace=5.0))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    await office.outbox.send(POOL, HELLO)
    line.open.set()
    await stopping
    assert len(line.taken) == 1
    assert len(await office.waiting()) == 1, "nothing new was begun"
    assert office.told == ["message.sent"]


async def test_a_postman_can_be_started_again(line: Line) -> None:
    office = Office(line)
    for n in (1, 2):
        async with office.at_work():
            await office.outbox.send(POOL, HELLO)
            await until(lambda n=n: len(line.taken) == n)  # type: ignore[misc]  # bound early on purpose


async def test_a_process_without_a_postman_posts_for_others(line: Line) -> None:
    office = Office(line)
    alone = Outbox(office.journal, office.sealer, lambda: office.now, SystemRandom())
    async with office.at_work():
        await asyncio.sleep(0.02)
        await alone.send(POOL, HELLO)
        await until(lambda: line.taken, seconds=3.0)


# ----------------------------------------------------------------------------------------------------- triggers


async def test_a_trigger_may_write_the_message(line: Line) -> None:
    async def compose(pool: Pool, told: Message, content: Content) -> Content:
        assert pool.id == POOL.id
        assert content.subject == "Your Acme sign-in code"
        return Content(f"Hi\r\nBcc: x@evil.example {told.code}", f"Code: {told.code}", None)

    async with Office(line, options={"compose": compose}).at_work() as office:
        await office.outbox.send(POOL, message(Kind.SIGN_IN_CODE))
        await until(lambda: line.taken)
    (envelope,) = line.taken
    assert envelope.subject == "Hi Bcc: x@evil.example 012345", "on one line"
    assert (envelope.text, envelope.html) == ("Code: 012345", None)


async def test_a_trigger_that_fails_is_asked_again(line: Line) -> None:
    answers: list[Exception] = [TryAgain("the trigger is away")]

    async def compose(_pool: Pool, _told: Message, content: Content) -> Content:
        if answers:
            raise answers.pop()
        return content

    async with Office(line, options={"compose": compose}).at_work() as office:
        await office.outbox.send(POOL, HELLO)
        await until(lambda: not answers)
        await asyncio.sleep(0.02)
        assert (await office.waiting())[0].last_error == "the trigger is away"
        await office.later(5)
        await until(lambda: line.taken)


async def test_a_trigger_is_not_asked_about_a_pretended_message(line: Line) -> None:
    asked: list[Message] = []

    async def compose(_pool: Pool, told: Message, content: Content) -> Content:
        asked.append(told)
        return content

    async with Office(line, options={"compose": compose}).at_work() as office:
        await office.outbox.send(POOL, message(Kind.SIGN_IN_CODE), pretended=True)
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.taken)
        await asyncio.sleep(0.02)
    assert [told.kind for told in asked] == [Kind.PASSWORD_CHANGED]


async def test_a_trigger_may_carry_one_medium_itself(line: Line) -> None:
    own = Line()

    def carriers(pool: Pool, medium: Medium) -> Transport | None:
        return own if medium == "sms" and pool.id == POOL.id else None

    async with Office(line, options={"carriers": carriers}).at_work() as office:
        await office.outbox.send(POOL, message(Kind.SIGN_IN_CODE, medium="sms"))
        await office.outbox.send(POOL, HELLO)
        await until(lambda: line.taken and own.taken)
    assert own.taken[0].code == "012345"
    assert [e.medium for e in line.taken] == ["email"]


async def test_other_channels_have_couriers_of_their_own() -> None:
    seen: list[bytes] = []

    class Feed:
        def about(self, _parcel: Parcel, _content: bytes) -> About | None:
            return None

        async def deliver(self, _parcel: Parcel, content: bytes) -> None:
            seen.append(content)

    journal, random = MemoryJournal(), SystemRandom()
    sealer = Sealer(b"k" * 32, random)
    postman = Postman(journal, sealer, {"webhook": Feed()}, lambda: NOW, random, lambda _event: None)
    sealed = sealer.seal(b"{}", parcel_record(POOL.id, "1"))
    await journal.post(POOL.id, Parcel("1", POOL.id, "webhook", sealed, NOW, NOW, NOW + 60))
    await postman.start()
    await until(lambda: seen)
    await postman.stop()
    assert seen == [b"{}"]


# ------------------------------------------------------------------------------------------------- dev mailbox


async def test_the_dev_mailbox_shows_code_and_link() -> None:
    mailbox = Mailbox()
    async with Office(mailbox).at_work() as office:
        await office.outbox.send(POOL, message(Kind.RECOVER_PASSWORD))
        await until(mailbox.messages)
        await office.outbox.send(POOL, message(Kind.SIGN_IN_CODE, medium="sms"))
        await until(lambda: len(mailbox.messages()) == 2)
    sms, mail = mailbox.messages()
    assert (mail.kind, mail.pool, mail.to, mail.code) == ("email", POOL.id, "ada@example.com", "012345")
    assert (mail.link or "").startswith("https://login.acme.com/")
    assert mail.html is not None
    assert (sms.kind, sms.to, sms.subject, sms.html, sms.code) == ("sms", "+821012345678", None, None, "012345")
    assert sms.text.endswith("@login.acme.com #012345")
