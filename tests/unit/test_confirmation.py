"""Addresses that are proven: which is waited for, what a code or a link settles, and whose an address is."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from authserver.accounts.confirmation import Confirmations, waiting_for
from authserver.errors import Conflict, NotFound, Throttled, Vetoed
from authserver.messages.kinds import Kind
from authserver.model.credentials import SentCode
from authserver.model.pools import Pool, SignUpPolicy
from authserver.model.users import User
from tests.journeys.house import ADA, POOL, House, house
from tests.journeys.people import kinds_to, open_pool

pytestmark = pytest.mark.anyio

OPEN = open_pool()
BOTH = replace(OPEN, sign_up=SignUpPolicy(enabled=True, verify=("phone_number", "email")))
GRACE = User("grace-id", POOL, "grace", email="grace@example.com", state="unconfirmed")
CALLED = replace(GRACE, phone_number="+15550100200")


@pytest.fixture
async def at() -> AsyncIterator[House]:
    async with house(OPEN) as made:
        yield made


def confirmations(at: House, told: list[Any] | None = None, refusal: Exception | None = None) -> Confirmations:
    """With a trigger that notes whom it is told of."""

    async def post_confirmation(pool: Pool, user: User, client_id: str | None) -> None:
        if told is not None:
            told.append((pool.id, user.id, user.state, client_id))
        if refusal is not None:
            raise refusal

    services = at.services
    return Confirmations(
        at.stores.directory, services.codes, services.notices._links, at.time, at.events.append, post_confirmation
    )


async def send(at: House, user: User | None, pool: Pool = OPEN, **changes: Any) -> SentCode:
    asked = {"binding": "sign-in", "language": "en", "client_name": "Web shop"} | changes
    return await confirmations(at).send(pool, user, **asked)


def sent_to(target: str, medium: Any = "email") -> SentCode:
    return SentCode("h", POOL, "confirm", medium, target, GRACE.id, "sign-in", "tag")


WAITING: dict[str, tuple[Pool, User, str | None]] = {
    "an address": (OPEN, GRACE, "email"),
    "an address that is proven": (OPEN, replace(GRACE, email_verified=True), None),
    "nothing": (replace(OPEN, sign_up=SignUpPolicy(verify=())), GRACE, None),
    "the first of two": (BOTH, CALLED, "phone_number"),
    "the second of two": (BOTH, replace(CALLED, phone_number_verified=True), "email"),
    "one that the user does not have": (BOTH, GRACE, "email"),
    "an account without addresses": (OPEN, replace(GRACE, email=None), None),
}


@pytest.mark.parametrize("case", WAITING.values(), ids=WAITING.keys())
def test_which_address_is_waited_for(case: tuple[Pool, User, str | None]) -> None:
    pool, user, field = case
    assert waiting_for(pool, user) == field


async def test_the_code_goes_to_the_address_that_is_waited_for(at: House) -> None:
    await send(at, GRACE)
    await send(at, CALLED, BOTH, binding="another")
    assert [(e.kind, e.medium, e.to) for e in sorted(await at.mail(), key=lambda e: e.medium)] == [
        (Kind.CONFIRM_SIGN_UP, "email", "grace@example.com"),
        (Kind.CONFIRM_SIGN_UP, "sms", "+15550100200"),
    ]
    assert all((e.link is not None) == (e.medium == "email") for e in await at.mail())


async def test_where_nothing_is_waited_for_any_address_will_do(at: House) -> None:
    settled = replace(OPEN, sign_up=SignUpPolicy(verify=()))
    await send(at, GRACE, settled)
    await send(at, replace(CALLED, email=None), settled, binding="another")
    await send(at, replace(CALLED, email_verified=True), settled, binding="a third")
    assert sorted(e.to for e in await at.mail()) == ["+15550100200", "+15550100200", "grace@example.com"]


async def test_an_account_without_an_address_gets_nothing(at: House) -> None:
    sent = await send(at, replace(GRACE, email=None))
    assert sent.user_id is None
    assert await at.mail() == []


async def test_an_account_that_is_no_more_gets_nothing(at: House) -> None:
    sent = await send(at, None, target="grace@example.com")
    assert sent.user_id is None
    assert (await send(at, None, binding="another")).user_id is None
    assert await at.mail() == []


@pytest.mark.parametrize("spelled", ["ada@example.com", "ADA@Example.com"])
async def test_the_owner_of_the_address_is_told_instead(at: House, spelled: str) -> None:
    sent = await send(at, replace(GRACE, email=spelled))
    assert sent.user_id is None, "no code matches"
    assert await kinds_to(at, spelled) == [Kind.ACCOUNT_EXISTS]
    assert "sign_up.address_taken" in at.kinds()


async def test_the_owner_s_own_address_is_not_taken(at: House) -> None:
    await at.change_user(ADA, state="unconfirmed")
    stored = await at.stores.directory.user(POOL, ADA.id)
    sent = await send(at, stored)
    assert sent.user_id == ADA.id


async def test_codes_are_limited(at: House) -> None:
    await send(at, GRACE)
    with pytest.raises(Throttled):
        await send(at, GRACE)
    assert len(await at.mail()) == 1


# ------------------------------------------------------------------------------------------------- what came back


async def test_with_the_last_address_the_account_is_confirmed_and_the_trigger_told(at: House) -> None:
    told: list[Any] = []
    await at.stores.directory.create_user(POOL, CALLED)
    machine = confirmations(at, told)
    once = await machine.confirmed(BOTH, CALLED, sent_to("+15550100200", "sms"), "web")
    assert (once.state, once.phone_number_verified, once.email_verified) == ("unconfirmed", True, False)
    assert told == []
    twice = await machine.confirmed(BOTH, once, sent_to("grace@example.com"), "web")
    assert (twice.state, twice.email_verified) == ("confirmed", True)
    assert told == [(POOL, GRACE.id, "confirmed", "web")]
    assert at.kinds() == ["phone.verified", "email.verified", "user.confirmed"]
    again = await machine.confirmed(BOTH, twice, sent_to("grace@example.com"), "web")
    assert again.state == "confirmed"
    assert len(told) == 1, "once"


async def test_a_trigger_that_fails_afterwards_takes_nothing_back(at: House) -> None:
    await at.stores.directory.create_user(POOL, GRACE)
    with pytest.raises(Vetoed):
        await confirmations(at, refusal=Vetoed("No.")).confirmed(OPEN, GRACE, sent_to("grace@example.com"), None)
    assert (await at.stores.directory.user(POOL, GRACE.id)).state == "confirmed"


@pytest.mark.parametrize("state", ["disabled", "reset_required", "must_change", "external"])
async def test_a_proof_settles_nothing_but_what_it_proves(at: House, state: Any) -> None:
    user = replace(GRACE, state=state)
    await at.stores.directory.create_user(POOL, user)
    proven = await confirmations(at).confirmed(OPEN, user, sent_to("grace@example.com"), None)
    assert (proven.state, proven.email_verified) == (state, True)


async def test_a_code_that_went_to_another_address_proves_nothing(at: House) -> None:
    await at.stores.directory.create_user(POOL, replace(GRACE, email="new@example.com"))
    with pytest.raises(Conflict):
        await confirmations(at).confirmed(OPEN, GRACE, sent_to("grace@example.com"), None)
    stored = await at.stores.directory.user(POOL, GRACE.id)
    assert (stored.state, stored.email_verified) == ("unconfirmed", False)


async def test_an_address_that_is_another_s_meanwhile_is_not_proven(at: House) -> None:
    await at.stores.directory.create_user(POOL, GRACE)
    await at.change_user(ADA, email="Grace@example.com")
    with pytest.raises(Conflict):
        await confirmations(at).confirmed(OPEN, GRACE, sent_to("grace@example.com"), None)
    stored = await at.stores.directory.user(POOL, GRACE.id)
    assert (stored.state, stored.email_verified) == ("unconfirmed", False)


async def test_an_account_that_is_gone_is_not_confirmed(at: House) -> None:
    with pytest.raises(NotFound):
        await confirmations(at).confirmed(OPEN, GRACE, sent_to("grace@example.com"), None)


async def test_who_waited_with_the_same_address_goes(at: House) -> None:
    """W15; but nobody who has confirmed something else, or proven it, or waits with another address."""
    directory = at.stores.directory
    others = {
        "the same": replace(GRACE, id="1", username="mallory"),
        "another spelling": replace(GRACE, id="2", username="mallory2", email="GRACE@example.com"),
        "another address": replace(GRACE, id="3", username="heidi", email="heidi@example.com"),
        "confirmed by other means": replace(GRACE, id="4", username="ivan", state="confirmed"),
        "disabled": replace(GRACE, id="5", username="judy", state="disabled"),
    }
    for user in (GRACE, *others.values()):
        await directory.create_user(POOL, user)
    await confirmations(at).confirmed(OPEN, GRACE, sent_to("grace@example.com"), None)
    left = {name for name, user in others.items() if await directory.user(POOL, user.id) is not None}
    assert left == {"another address", "confirmed by other means", "disabled"}
    assert at.kinds().count("user.deleted") == 2
