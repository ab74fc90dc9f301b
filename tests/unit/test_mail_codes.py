"""Codes by message: what is sent, what is accepted, how often, and that nobody learns who has an account.

The rules run over memory; what must be atomic runs over a real Valkey as well.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from authserver.accounts.mail_codes import RESEND_AFTER, TRIES, MailCodes, lifetime, still_reaches
from authserver.accounts.mail_codes.challenge import new_code, typed_code
from authserver.accounts.mail_codes.limits import PER_BINDING, PER_DAY, PER_HOUR, WRONG_PER_DAY
from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import digest
from authserver.effects import SystemRandom
from authserver.errors import CodeExpired, Invalid, Refusal, Throttled, WeakPassword, WrongCode
from authserver.events import Event
from authserver.messages import Kind, Message, Outbox, mask
from authserver.messages.parcels import from_content, parcel_record
from authserver.model.credentials import CodePurpose, SentCode
from authserver.model.journal import Parcel
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.store import Counters, OneTime
from authserver.store.memory import MemoryJournal, memory_stores
from tests.conformance.redis_stores import MEMORY, VALKEY, Servers, implementation, servers_fixture

__all__ = ["servers_fixture"]  # pytest finds fixtures among a module's names

pytestmark = pytest.mark.anyio

POOL = Pool("codes_Pool1", "Acme")
ADA = User("ada-id", POOL.id, "ada", "ada@example.com", True, "+821012345634", True)
BOB = User("bob-id", POOL.id, "bob", "bob@example.com", True)
MASTER = b"m" * 32
ELSEWHERE: dict[str, Any] = {"purpose": "factor", "binding": "other", "user_id": "other"}


class Journal(MemoryJournal):
    """One that remembers in which order things were posted."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[Parcel] = []

    async def post(self, pool: str, parcel: Parcel) -> None:
        await super().post(pool, parcel)
        self.posted.append(parcel)


@dataclass
class Desk:
    """Mail codes over given stores, with a clock to move and all posts to read."""

    one_time: OneTime
    counters: Counters
    pool: Pool = POOL
    now: float = 1_795_000_000.0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = Journal()
        self.random = SystemRandom()
        self.sealer = Sealer(MASTER, self.random)
        outbox = Outbox(self.journal, self.sealer, lambda: self.now, self.random)
        self.codes = MailCodes(
            self.one_time, self.counters, outbox, lambda: self.now, self.random, MASTER, self.events.append
        )

    async def posted(self) -> list[tuple[Message, bool]]:
        """What was posted, oldest first, and whether it was only pretended."""
        opened = [self.sealer.open(p.sealed, parcel_record(p.pool, p.id)) for p in self.journal.posted]
        return [from_content(content) for content in opened]

    async def send(self, purpose: CodePurpose = "recover", user: User | None = ADA, **changes: Any) -> SentCode:
        return await self.codes.send(
            self.pool,
            **{
                "purpose": purpose,
                "user": user,
                "medium": "email",
                "target": None if user is not None else "nobody@example.com",
                "binding": "browser-1",
                "language": "en",
                "client_name": "Shop",
            }
            | changes,
        )

    async def sent(self, purpose: CodePurpose = "recover", user: User = ADA, **changes: Any) -> tuple[SentCode, str]:
        """A challenge and its code, as its owner reads it."""
        challenge = await self.send(purpose, user, **changes)
        message, pretended = (await self.posted())[-1]
        assert not pretended
        assert message.code is not None
        return challenge, message.code

    async def verify(self, challenge: SentCode, code: str, **changes: Any) -> SentCode:
        return await self.codes.verify(
            self.pool,
            challenge.handle,
            code,
            **{"purpose": challenge.purpose, "binding": challenge.binding, "user_id": challenge.user_id} | changes,
        )


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def link_of(token: str) -> str:
    return f"https://login.acme.com/recover?token={token}"


@pytest.fixture
def desk() -> Desk:
    stores = memory_stores(lambda: made.now)
    made = Desk(stores.one_time, stores.counters)
    return made


_numbers = iter(range(1 << 30))


@asynccontextmanager
async def desk_over(name: str, servers: Servers) -> AsyncIterator[Desk]:
    async with implementation(name, servers) as found:
        yield Desk(found.one_time, found.counters, replace(POOL, id=f"codes_{next(_numbers)}"))


@pytest.fixture(params=[MEMORY, VALKEY])
async def shared(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Desk]:
    """A desk over memory, and one over a real Valkey."""
    async with desk_over(request.param, servers) as made:
        yield made


async def refusal(work: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value


# ----------------------------------------------------------------------------------------------- what is sent


async def test_a_code_is_mailed_and_proves_what_it_was_for(shared: Desk) -> None:
    challenge, code = await shared.sent()
    assert re.fullmatch(r"[0-9]{6}", code)
    assert challenge.target == "ada@example.com"
    proven = await shared.verify(challenge, code)
    assert proven == challenge


@pytest.mark.parametrize(
    ("purpose", "kind", "seconds"),
    [
        ("confirm", Kind.CONFIRM_SIGN_UP, 86400),
        ("recover", Kind.RECOVER_PASSWORD, 3600),
        ("sign_in", Kind.SIGN_IN_CODE, 600),
        ("factor", Kind.FACTOR_CODE, 600),
        ("change_email", Kind.CHANGE_EMAIL, 86400),
        ("verify", Kind.VERIFY_ADDRESS, 86400),
    ],
)
async def test_each_purpose_has_its_message_and_its_life(
    desk: Desk, purpose: CodePurpose, kind: Kind, seconds: int
) -> None:
    challenge, code = await desk.sent(purpose, value="new@example.com")
    ((message, _),) = await desk.posted()
    assert (message.kind, message.to, message.user_id) == (kind, "ada@example.com", ADA.id)
    assert message.ends_at == challenge.expires_at == int(desk.now) + seconds
    assert challenge.value == "new@example.com"
    desk.now += seconds - 1
    late = replace(challenge)
    desk.now += 1
    assert isinstance(await refusal(desk.verify(late, code)), CodeExpired)


async def test_the_last_second_still_counts(desk: Desk) -> None:
    challenge, code = await desk.sent("factor")
    desk.now += 599
    assert await desk.verify(challenge, code) == challenge


async def test_a_code_by_text_message_goes_to_the_number_and_lives_ten_minutes(desk: Desk) -> None:
    challenge, code = await desk.sent("recover", medium="sms", link=link_of)
    ((message, _),) = await desk.posted()
    assert message.to == "+821012345634"
    assert message.link is None, "a link has no room in a text message"
    assert lifetime("recover", "sms") == 600 == challenge.expires_at - challenge.sent_at
    assert await desk.verify(challenge, code) == challenge
    changed, _ = await desk.sent("change_phone_number", medium="sms", target="+821000000099")
    assert changed.target == "+821000000099"


async def test_neither_code_nor_link_is_stored_readably(desk: Desk) -> None:
    challenge, code = await desk.sent(link=link_of)
    ((message, _),) = await desk.posted()
    secret = (message.link or "").partition("token=")[2].partition(".")[2]
    assert len(secret) == 43, "256 bits"
    stored = repr(desk.one_time.__dict__).encode() + b"".join(
        p.sealed for p in await desk.journal.parcels(desk.pool.id)
    )
    assert code.encode() not in stored
    assert secret.encode() not in stored
    assert code not in repr(challenge)
    assert all(digest(c) not in repr(challenge) for c in (code, secret)), "not even digests show"


async def test_the_tag_of_a_code_needs_our_key_and_its_own_challenge(desk: Desk) -> None:
    stores = memory_stores(lambda: desk.now)
    stranger = MailCodes(
        desk.one_time,
        stores.counters,
        Outbox(MemoryJournal(), desk.sealer, lambda: desk.now, desk.random),
        lambda: desk.now,
        desk.random,
        b"x" * 32,
        desk.events.append,
    )
    challenge, code = await desk.sent()
    with pytest.raises(WrongCode):
        await stranger.verify(
            desk.pool, challenge.handle, code, purpose="recover", binding=challenge.binding, user_id=ADA.id
        )
    assert await desk.verify(challenge, code) == challenge


def test_codes_are_even() -> None:
    random = SystemRandom()
    drawn = Counter(new_code(random)[0] for _ in range(20_000))
    assert len(drawn) == 10
    # Chi-squared with nine degrees of freedom: below 33.7 but for one run in ten thousand.
    assert sum((n - 2000) ** 2 / 2000 for n in drawn.values()) < 33.7


class Drawn:
    """A source that gives what it was told to."""

    def __init__(self, *values: int) -> None:
        self.values = [v.to_bytes(4) for v in values]

    def bytes(self, n: int) -> bytes:
        return self.values.pop(0)

    def token(self, n: int = 32) -> str:
        raise NotImplementedError

    def uuid(self) -> str:
        raise NotImplementedError


def test_a_draw_that_would_favour_small_codes_is_drawn_again() -> None:
    assert new_code(Drawn(2**32 - 1, 4_294_000_000, 4_293_999_999)) == "999999"
    assert new_code(Drawn(0)) == "000000"


# ------------------------------------------------------------------------------------------------ what is typed


@pytest.mark.parametrize(
    "typed",
    ["123456", " 123456 ", "123 456", "123-456", "12\u201334\u201356", "１２３４５６", "123\u200b456\n", "١٢٣٤٥٦"],
)
def test_a_code_is_read_however_it_was_typed(typed: str) -> None:
    assert typed_code(typed) == "123456"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "12.3456", "½23456", "123456" * 20, "①23456x"])
async def test_what_is_no_code_costs_no_try(desk: Desk, typed: str) -> None:
    challenge, code = await desk.sent()
    for _ in range(TRIES + 1):
        refused = await refusal(desk.verify(challenge, typed))
        assert isinstance(refused, Invalid)
        assert refused.field == "code"
    assert await desk.verify(challenge, code) == challenge


async def test_full_width_digits_prove(desk: Desk) -> None:
    challenge, code = await desk.sent()
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    assert await desk.verify(challenge, f"{wide[:3]} - {wide[3:]}") == challenge


# ---------------------------------------------------------------------------------------- what is not accepted


async def test_a_wrong_code_says_how_many_tries_are_left(shared: Desk) -> None:
    challenge, code = await shared.sent()
    for left in range(TRIES - 1, -1, -1):
        refused = await refusal(shared.verify(challenge, other_than(code)))
        assert isinstance(refused, WrongCode)
        assert refused.tries_left == left
    over = await refusal(shared.verify(challenge, code))
    assert isinstance(over, CodeExpired), "the right one comes too late"
    assert over.reason == "too_many"


async def test_the_fifth_try_may_be_right(shared: Desk) -> None:
    challenge, code = await shared.sent()
    for _ in range(TRIES - 1):
        await refusal(shared.verify(challenge, other_than(code)))
    assert await shared.verify(challenge, code) == challenge


@pytest.mark.parametrize("changed", sorted(ELSEWHERE))
async def test_a_code_is_worth_nothing_elsewhere(shared: Desk, changed: str) -> None:
    challenge, code = await shared.sent()
    refused = await refusal(shared.verify(challenge, code, **{changed: ELSEWHERE[changed]}))
    assert isinstance(refused, WrongCode)
    if changed == "user_id":
        assert isinstance(await refusal(shared.verify(challenge, code, user_id=None)), WrongCode)
    assert await shared.verify(challenge, code) == challenge, "its valid twin"


async def test_a_code_of_another_challenge_or_pool_is_wrong(shared: Desk) -> None:
    mine, my_code = await shared.sent()
    other, other_code = await shared.sent(user=BOB, binding="browser-2")
    if my_code != other_code:
        assert isinstance(await refusal(shared.verify(mine, other_code)), WrongCode)
    assert isinstance(await refusal(shared.verify(replace(mine, handle="invented"), my_code)), CodeExpired)
    elsewhere = replace(shared.pool, id=f"{shared.pool.id}x")
    with pytest.raises(CodeExpired):
        await shared.codes.verify(
            elsewhere, mine.handle, my_code, purpose="recover", binding=mine.binding, user_id=ADA.id
        )
    assert await shared.verify(mine, my_code) == mine
    assert await shared.verify(other, other_code) == other


async def test_a_sign_in_code_says_who_the_person_is(shared: Desk) -> None:
    challenge, code = await shared.sent("sign_in")
    proven = await shared.verify(challenge, code, user_id=None)
    assert proven.user_id == ADA.id
    nobody = await shared.send("sign_in", None, binding="browser-2")
    for guess in ("000000", "123456"):
        assert isinstance(await refusal(shared.verify(nobody, guess, user_id=None)), WrongCode)


async def test_a_code_works_once(shared: Desk) -> None:
    challenge, code = await shared.sent()
    await shared.verify(challenge, code)
    again = await refusal(shared.verify(challenge, code))
    assert isinstance(again, CodeExpired)
    assert again.reason == "used"


@pytest.mark.parametrize("round_", range(5))
async def test_of_many_at_once_one_wins(shared: Desk, round_: int) -> None:
    challenge, code = await shared.sent()
    outcomes = await asyncio.gather(*(shared.verify(challenge, code) for _ in range(50)), return_exceptions=True)
    assert len([o for o in outcomes if isinstance(o, SentCode)]) == 1
    assert all(isinstance(o, (SentCode, CodeExpired)) for o in outcomes)


async def test_fifty_parallel_guesses_get_five_tries(shared: Desk) -> None:
    challenge, code = await shared.sent()
    guesses = [f"{(int(code) + 1 + i) % 10**6:06d}" for i in range(50)]
    outcomes = await asyncio.gather(*(shared.verify(challenge, g) for g in guesses), return_exceptions=True)
    assert len([o for o in outcomes if isinstance(o, WrongCode)]) == TRIES
    assert len([o for o in outcomes if isinstance(o, CodeExpired)]) == 50 - TRIES
    assert isinstance(await refusal(shared.verify(challenge, code)), CodeExpired)


async def test_an_account_takes_twenty_wrong_codes_a_day_over_all_purposes(desk: Desk) -> None:
    purposes: tuple[CodePurpose, ...] = ("change_email", "factor", "verify", "factor")
    for i, purpose in enumerate(purposes):
        challenge, code = await desk.sent(purpose, binding=f"browser-{i}")
        for _ in range(TRIES):
            assert isinstance(await refusal(desk.verify(challenge, other_than(code))), WrongCode)
    assert len(purposes) * TRIES == WRONG_PER_DAY
    challenge, code = await desk.sent("change_email", target="new@example.com")
    refused = await refusal(desk.verify(challenge, code))
    assert isinstance(refused, Throttled)
    assert 0 < refused.retry_after <= 86400
    other, other_code = await desk.sent(user=BOB, binding="browser-2")
    assert await desk.verify(other, other_code) == other, "nobody else is held up"
    desk.now += 86400 - 1
    assert isinstance(await refusal(desk.verify(challenge, code)), Throttled)
    desk.now += 1
    fresh, fresh_code = await desk.sent("factor")
    assert await desk.verify(fresh, fresh_code) == fresh


async def use_up_the_day(desk: Desk, purpose: CodePurpose = "recover", **changes: Any) -> None:
    """Twenty wrong codes."""
    for i in range(WRONG_PER_DAY // TRIES):
        challenge, code = await desk.sent(purpose, binding=f"stranger-{i}", **changes)
        for _ in range(TRIES):
            assert isinstance(await refusal(desk.verify(challenge, other_than(code))), WrongCode)
    challenge, code = await desk.sent(purpose, binding="stranger", **changes)
    assert isinstance(await refusal(desk.verify(challenge, code)), Throttled)


async def test_strangers_with_wrong_codes_do_not_hold_up_who_proved_something(desk: Desk) -> None:
    """W11: nobody needs to know anything of the owner to try codes at a recovery."""
    await use_up_the_day(desk)
    challenge, code = await desk.sent("factor")
    assert await desk.verify(challenge, code) == challenge


async def test_strangers_do_not_hold_up_the_recovery_from_a_browser_that_is_known(desk: Desk) -> None:
    await use_up_the_day(desk)
    assert isinstance(await refusal(desk.send("recover", binding="owner")), Throttled), "that is five within the hour"
    challenge, code = await desk.sent("recover", binding="owner", device="known")
    assert await desk.verify(challenge, code) == challenge
    desk.now += 30
    await use_up_the_day(desk, user=BOB, device="known")  # but it has its limits too


async def test_wrong_codes_for_new_accounts_count_by_their_address(desk: Desk) -> None:
    """Or the twenty-first would tell whether the address is somebody's: then nobody is sent a code."""
    for user in (BOB, None):
        target = f"{user.id if user else 'owner'}@example.com"
        for i in range(WRONG_PER_DAY // TRIES):
            account = replace(user, id=f"u{i}") if user is not None else None
            challenge = await desk.send("confirm", account, target=target, binding=f"b-{target}-{i}")
            for _ in range(TRIES):
                refused = await refusal(desk.verify(challenge, "000000", user_id=challenge.user_id))
                assert isinstance(refused, WrongCode)
        account = replace(user, id="last") if user is not None else None
        challenge = await desk.send("confirm", account, target=target, binding=f"b-{target}")
        assert isinstance(await refusal(desk.verify(challenge, "000000", user_id=challenge.user_id)), Throttled)


async def test_what_else_is_wrong_leaves_the_code_good(desk: Desk) -> None:
    async def weak() -> None:
        raise WeakPassword(("history",))

    async def strong() -> None: ...

    challenge, code = await desk.sent("recover")
    for _ in range(TRIES + 1):
        assert isinstance(await refusal(desk.verify(challenge, code, agreed=weak)), WeakPassword)
    assert isinstance(await refusal(desk.verify(challenge, other_than(code), agreed=strong)), WrongCode)
    assert await desk.verify(challenge, code, agreed=strong) == challenge
    assert isinstance(await refusal(desk.verify(challenge, code, agreed=strong)), CodeExpired)


async def test_right_codes_do_not_count_by_the_day(desk: Desk) -> None:
    for i in range(WRONG_PER_DAY + 5):
        challenge, code = await desk.sent("factor" if i % 2 else "recover")
        assert await desk.verify(challenge, code) == challenge
        desk.now += 1200


async def test_a_try_refused_for_the_day_costs_the_challenge_nothing(desk: Desk) -> None:
    for i, purpose in enumerate(("change_email", "factor", "verify", "factor")):
        challenge, code = await desk.sent(purpose, binding=f"browser-{i}")
        for _ in range(TRIES):
            await refusal(desk.verify(challenge, other_than(code)))
    desk.now += 86400 - 300
    challenge, code = await desk.sent("verify")
    for _ in range(TRIES + 3):
        assert isinstance(await refusal(desk.verify(challenge, other_than(code))), Throttled)
    desk.now += 300
    assert await desk.verify(challenge, code) == challenge


# ------------------------------------------------------------------------------------------------- a newer code


async def test_a_new_code_makes_the_old_one_worthless(shared: Desk) -> None:
    first, first_code = await shared.sent(link=link_of)
    shared.now += RESEND_AFTER
    second, second_code = await shared.sent(link=link_of)
    assert isinstance(await refusal(shared.verify(first, first_code)), CodeExpired)
    old_link = ((await shared.posted())[0][0].link or "").partition("token=")[2]
    assert await shared.codes.peek_link(shared.pool, old_link) is None
    assert await shared.verify(second, second_code) == second


@pytest.mark.parametrize("seconds", [30, 1800, 3599, 3600 - 30])
async def test_however_the_times_fall(desk: Desk, seconds: int) -> None:
    """The stretches in which the newest code is written down must not be seen from outside."""
    for i, start in enumerate((0, 1, 1799, 3570, 3599)):
        desk.now = (1_795_000_000 // 3600 + 100 * i) * 3600 + start
        first, first_code = await desk.sent(binding=f"b{start}-{seconds}")
        desk.now += seconds
        second, second_code = await desk.sent(binding=f"b{start}-{seconds}")
        assert isinstance(await refusal(desk.verify(first, first_code)), CodeExpired)
        assert await desk.verify(second, second_code) == second


async def test_codes_of_other_purposes_bindings_and_users_stay(desk: Desk) -> None:
    challenges = [
        await desk.sent("recover"),
        await desk.sent("factor"),
        await desk.sent("recover", binding="browser-2"),
    ]
    desk.now += RESEND_AFTER
    challenges.append(await desk.sent("recover", user=BOB))
    for challenge, code in challenges:
        assert await desk.verify(challenge, code) == challenge


async def test_many_newer_codes_leave_the_newest(desk: Desk) -> None:
    sent = []
    for _ in range(4):
        sent.append(await desk.sent("confirm"))
        desk.now += 700
    for challenge, code in sent[:-1]:
        assert isinstance(await refusal(desk.verify(challenge, code)), CodeExpired)
    assert await desk.verify(*sent[-1]) == sent[-1][0]


# ------------------------------------------------------------------------------------------------------- links


async def link_token_of(desk: Desk) -> str:
    message, _ = (await desk.posted())[-1]
    assert message.link is not None
    return message.link.partition("token=")[2]


async def test_looking_at_a_link_changes_nothing(shared: Desk) -> None:
    challenge, code = await shared.sent(link=link_of)
    token = await link_token_of(shared)
    for _ in range(10):
        assert await shared.codes.peek_link(shared.pool, token) == challenge
    assert await shared.codes.spend_link(shared.pool, token, purpose="recover") == challenge
    assert await shared.codes.peek_link(shared.pool, token) is None
    used = await refusal(shared.codes.spend_link(shared.pool, token, purpose="recover"))
    assert isinstance(used, CodeExpired)
    assert used.reason == "used"
    assert isinstance(await refusal(shared.verify(challenge, code)), CodeExpired), "its code went with it"


async def test_a_code_takes_its_link_along(shared: Desk) -> None:
    challenge, code = await shared.sent(link=link_of)
    token = await link_token_of(shared)
    await shared.verify(challenge, code)
    assert await shared.codes.peek_link(shared.pool, token) is None
    with pytest.raises(CodeExpired):
        await shared.codes.spend_link(shared.pool, token, purpose="recover")


async def test_link_and_code_at_once_win_once(shared: Desk) -> None:
    challenge, code = await shared.sent(link=link_of)
    token = await link_token_of(shared)
    work: list[Awaitable[SentCode]] = []
    for _ in range(4):
        work += [
            shared.verify(challenge, code),
            shared.codes.spend_link(shared.pool, token, purpose="recover"),
        ]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert len([o for o in outcomes if isinstance(o, SentCode)]) == 1


async def test_a_link_still_works_when_the_tries_are_used_up(desk: Desk) -> None:
    challenge, code = await desk.sent(link=link_of)
    for _ in range(TRIES + 1):
        await refusal(desk.verify(challenge, other_than(code)))
    assert await desk.codes.spend_link(desk.pool, await link_token_of(desk), purpose="recover") == challenge


async def test_a_link_that_is_not_whole_or_not_ours_is_nothing(desk: Desk) -> None:
    challenge, _ = await desk.sent(link=link_of)
    token = await link_token_of(desk)
    handle, _, secret = token.partition(".")
    other = f"{'A' if secret[0] != 'A' else 'B'}{secret[1:]}"
    for bad in ("", ".", handle, f"{handle}.", f".{secret}", f"{handle}.{other}", token[:-1], token + "A" * 200, "é.é"):
        assert await desk.codes.peek_link(desk.pool, bad) is None
        with pytest.raises(CodeExpired):
            await desk.codes.spend_link(desk.pool, bad, purpose="recover")
    with pytest.raises(CodeExpired):
        await desk.codes.spend_link(desk.pool, token, purpose="confirm")
    assert await desk.codes.spend_link(desk.pool, token, purpose="recover") == challenge


async def test_a_challenge_without_a_link_has_none_to_guess(desk: Desk) -> None:
    challenge, _ = await desk.sent()
    assert challenge.link is None
    assert await desk.codes.peek_link(desk.pool, f"{challenge.handle}.x") is None


async def test_a_link_expires_with_its_code(desk: Desk) -> None:
    await desk.sent(link=link_of)
    token = await link_token_of(desk)
    desk.now += 3600
    assert await desk.codes.peek_link(desk.pool, token) is None
    with pytest.raises(CodeExpired):
        await desk.codes.spend_link(desk.pool, token, purpose="recover")


@pytest.mark.parametrize("purpose", ["sign_in", "factor", "change_phone_number"])
async def test_no_link_signs_anybody_in(desk: Desk, purpose: CodePurpose) -> None:
    with pytest.raises(ValueError, match="no link goes with"):
        await desk.send(purpose, link=link_of)


# ------------------------------------------------------------------------------------------------------ limits


async def test_another_code_comes_after_half_a_minute(shared: Desk) -> None:
    await shared.sent()
    refused = await refusal(shared.send())
    assert isinstance(refused, Throttled)
    assert 0 < refused.retry_after <= RESEND_AFTER
    await shared.sent("factor")
    shared.now += RESEND_AFTER
    await shared.sent()


async def test_a_refused_request_leaves_the_code_before_alone(desk: Desk) -> None:
    challenge, code = await desk.sent()
    await refusal(desk.send())
    assert len(await desk.posted()) == 1
    assert await desk.verify(challenge, code) == challenge


@pytest.mark.parametrize("user", [ADA, None], ids=["somebody", "nobody"])
async def test_five_codes_an_hour_whoever_asks(desk: Desk, user: User | None) -> None:
    for i in range(PER_HOUR):
        await desk.send(user=user, binding=f"browser-{i}")
    refused = await refusal(desk.send(user=user, binding="browser-x"))
    assert isinstance(refused, Throttled)
    assert refused.retry_after == 3600
    desk.now += 3600
    await desk.send(user=user, binding="browser-y")


@pytest.mark.parametrize("user", [ADA, None], ids=["somebody", "nobody"])
async def test_twenty_codes_a_day_whoever_asks(desk: Desk, user: User | None) -> None:
    start = desk.now
    for i in range(PER_DAY):
        if i % PER_HOUR == 0:
            desk.now += 3600
        await desk.send(user=user, binding=f"browser-{i}")
    desk.now += 3600
    refused = await refusal(desk.send(user=user, binding="browser-x"))
    assert isinstance(refused, Throttled)
    assert refused.retry_after > 3600
    desk.now = start + 3600 + 86400
    await desk.send(user=user, binding="browser-y")


async def test_a_target_is_counted_over_accounts(desk: Desk) -> None:
    for i in range(PER_HOUR):
        user = replace(BOB, id=f"u{i}")
        await desk.send("confirm", user, target="shared@example.com", binding=f"browser-{i}")
    refused = await refusal(desk.send("confirm", ADA, target="Shared@Example.com", binding="browser-x"))
    assert isinstance(refused, Throttled)
    await desk.send("confirm", ADA, target="other@example.com", binding="browser-y")


async def test_strangers_who_ask_for_recoveries_do_not_hold_up_the_second_factor(desk: Desk) -> None:
    for i in range(PER_HOUR):
        await desk.send("recover", binding=f"stranger-{i}")
    assert isinstance(await refusal(desk.send("sign_in", binding="stranger-x")), Throttled)
    await desk.sent("factor", binding="owner")


async def test_one_sign_in_cannot_go_through_a_list_of_names(desk: Desk) -> None:
    for i in range(PER_BINDING):
        await desk.send("recover", user=None, target=f"name-{i}", typed=f"name-{i}", binding="one")
    refused = await refusal(desk.send("recover", user=None, target="another", typed="another", binding="one"))
    assert isinstance(refused, Throttled)
    await desk.send("recover", user=None, target="another", typed="another", binding="two")


async def test_what_was_refused_was_not_counted(desk: Desk) -> None:
    for i in range(PER_HOUR):
        await desk.send(binding=f"browser-{i}")
    for i in range(PER_DAY):
        await refusal(desk.send(binding=f"again-{i}"))
    desk.now += 3600
    for i in range(PER_HOUR):
        await desk.send(binding=f"later-{i}")


async def test_parallel_requests_get_no_more_than_one_after_another(shared: Desk) -> None:
    outcomes = await asyncio.gather(*(shared.send(binding=f"browser-{i}") for i in range(30)), return_exceptions=True)
    # Those under way count against each other until they are given back, so it may be fewer and never more.
    assert 1 <= len([o for o in outcomes if isinstance(o, SentCode)]) <= PER_HOUR
    assert all(isinstance(o, (SentCode, Throttled)) for o in outcomes)


# ------------------------------------------------------------------------------------------------------ nobody


async def test_nobody_gets_nothing_and_it_looks_the_same(shared: Desk) -> None:
    somebody = await shared.send(link=link_of)
    nobody = await shared.send(user=None, binding="browser-2", link=link_of)
    (real, real_pretended), (decoy, decoy_pretended) = await shared.posted()
    assert not real_pretended
    assert decoy_pretended, "it stops at the door"
    assert (real.kind, real.medium) == (decoy.kind, decoy.medium)
    assert nobody.user_id is None
    assert nobody.expires_at - nobody.sent_at == somebody.expires_at - somebody.sent_at
    assert nobody.target == "nobody@example.com"
    assert decoy.code is not None
    for code in (decoy.code, other_than(decoy.code)):
        refused = await refusal(shared.verify(nobody, code))
        assert isinstance(refused, WrongCode), "even the code that was made does not match"
    assert refused.tries_left == TRIES - 2
    token = (decoy.link or "").partition("token=")[2]
    assert await shared.codes.peek_link(shared.pool, token) is None
    with pytest.raises(CodeExpired):
        await shared.codes.spend_link(shared.pool, token, purpose="recover")


async def test_nobody_runs_out_of_tries_like_somebody(desk: Desk) -> None:
    for user, binding in ((ADA, "browser-1"), (None, "browser-2")):
        challenge = await desk.send(user=user, binding=binding)
        told = [await refusal(desk.verify(challenge, "000000", user_id=challenge.user_id)) for _ in range(TRIES + 1)]
        assert [getattr(r, "tries_left", None) for r in told] == [4, 3, 2, 1, 0, None]


async def test_the_same_questions_are_asked_of_the_stores(desk: Desk) -> None:
    asked: list[str] = []

    class Heard:
        def __init__(self, inner: object) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            method = getattr(self._inner, name)

            async def heard(*args: Any, **kwargs: Any) -> Any:
                asked.append(name)
                return await method(*args, **kwargs)

            return heard

    listening = Desk(Heard(desk.one_time), Heard(desk.counters))  # type: ignore[arg-type]  # it answers to any method

    async def questions(user: User | None, binding: str) -> list[str]:
        asked.clear()
        challenge = await listening.send(user=user, binding=binding, link=link_of)
        await refusal(listening.verify(challenge, "000000", user_id=user.id if user else None))
        return list(asked)

    assert await questions(ADA, "browser-1") == await questions(None, "browser-2")


async def test_the_owner_of_a_taken_address_gets_a_message_in_place_of_a_code(desk: Desk) -> None:
    exists = Message(
        kind=Kind.ACCOUNT_EXISTS,
        medium="email",
        to="ada@example.com",
        user_id=ADA.id,
        username="ada",
        link="https://login.acme.com/login",
    )
    challenge = await desk.send("confirm", None, target="ada@example.com", instead=exists)
    assert await desk.posted() == [(exists, False)]
    assert mask(challenge.target, "email") == "a•••@e••••.com"
    assert isinstance(await refusal(desk.verify(challenge, "123456")), WrongCode)


async def test_a_made_up_address_is_the_same_each_time(desk: Desk) -> None:
    shown = []
    for i, name in enumerate(("carol", "Carol", "ＣＡＲＯＬ", "dave")):
        shown.append(mask((await desk.send(user=None, target=name, binding=f"b{i}")).target, "email"))
    assert re.fullmatch(r"c•••@[a-z]••••\.com", shown[0])
    assert shown[0] == shown[1] == shown[2], "however it is typed"
    assert shown[3].startswith("d•••@")
    number = await desk.send(user=None, target="carol", medium="sms", binding="b9")
    assert re.fullmatch(r"•••• [0-9]{2}", mask(number.target, "sms"))
    typed = await desk.send(user=None, target="+821055556677", medium="sms", binding="b10")
    assert mask(typed.target, "sms") == "•••• 77"


async def test_a_user_without_an_address_is_nobody(desk: Desk) -> None:
    challenge = await desk.send(user=BOB, medium="sms")
    assert challenge.user_id is None
    assert (await desk.posted())[0][1], "nothing goes out"
    with pytest.raises(ValueError, match="name that was typed"):
        await desk.send(user=None, target=None, binding="b2")


@pytest.mark.parametrize("typed", ["ada lovelace", "a\nb@example.com", "x" * 5000, "\u202eevil", "<b>@x.y z"])
async def test_whatever_was_typed_as_a_name_is_taken(desk: Desk, typed: str) -> None:
    challenge = await desk.send(user=None, target=typed)
    assert len(challenge.target) <= 400
    assert (await desk.posted())[0][1]


# ------------------------------------------------------------------------------------------------------ events


async def test_events_tell_what_happened_and_no_secret(desk: Desk) -> None:
    challenge, code = await desk.sent("factor", client_id="web", address="203.0.113.9")
    await refusal(desk.send("factor"))
    await refusal(desk.verify(challenge, other_than(code)))
    await desk.send("factor", None, binding="browser-2")
    told = [(e.kind, e.user_id, e.client_id, e.address, dict(e.details)) for e in desk.events]
    about = {"purpose": "factor", "medium": "email"}
    assert told == [
        ("code.sent", ADA.id, "web", "203.0.113.9", about),
        ("code.throttled", ADA.id, None, None, about),
        ("code.wrong", ADA.id, None, None, about | {"tries": 1}),
        ("code.withheld", None, None, None, about),
    ]
    shown = repr(desk.events)
    for secret in (code, challenge.handle, "ada@example.com"):
        assert secret not in shown


def test_a_code_that_went_to_a_former_address_proves_nothing_of_the_user() -> None:
    sent = SentCode("h", POOL.id, "recover", "email", "ada@example.com", ADA.id, "b", "t")
    assert still_reaches(sent, ADA)
    assert still_reaches(sent, replace(ADA, email="Ada@example.com"))
    assert not still_reaches(sent, replace(ADA, email="new@example.com"))
    assert not still_reaches(sent, replace(ADA, email_verified=False))
    assert not still_reaches(sent, replace(ADA, email=None))
    assert not still_reaches(sent, replace(ADA, id="other"))
    text = replace(sent, medium="sms", target="+821012345634")
    assert still_reaches(text, ADA)
    assert not still_reaches(text, replace(ADA, phone_number_verified=False))


async def test_a_stored_challenge_that_cannot_be_read_counts_as_gone(desk: Desk) -> None:
    await desk.one_time.put(desk.pool.id, "mail-code", digest("odd"), b"{nonsense", 60)
    await desk.one_time.put(desk.pool.id, "mail-code", digest("list"), b"[]", 60)
    for handle in ("odd", "list"):
        assert await desk.codes.peek(desk.pool, handle) is None
    challenge, _ = await desk.sent()
    assert await desk.codes.peek(desk.pool, challenge.handle) == challenge
