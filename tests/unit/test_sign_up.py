"""Registering: what the pool's trigger decides, and what is stored when something is in the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from authserver.accounts.sign_up import TWICE_WITHIN, Decision, Registration, SignUp
from authserver.crypto.passwords import Passwords
from authserver.effects import SystemRandom
from authserver.errors import Busy, Conflict, InvalidForm, Refusal, Throttled, TriggerFailed, Vetoed, WeakPassword
from authserver.model.clients import Client
from authserver.model.pools import AttributeDefinition, MfaPolicy, Pool, SignUpPolicy
from authserver.model.users import User
from tests.journeys.house import ADA, CLIENTS, POOL, House, house
from tests.journeys.people import NEW_PASSWORD, open_pool

pytestmark = pytest.mark.anyio

OPEN = open_pool()
FORM = {"username": "grace", "email": "grace@example.com"}
WEB: Client = CLIENTS[0]

Asked = Callable[[Pool, User, str | None], Awaitable[Decision]]


@pytest.fixture
async def at() -> AsyncIterator[House]:
    async with house(OPEN) as made:
        yield made


def sign_up(at: House, decision: Decision | Refusal | None = None, asked: list[Any] | None = None) -> SignUp:
    """Registering, with a trigger that decides so."""

    async def pre_sign_up(pool: Pool, user: User, client_id: str | None) -> Decision:
        if asked is not None:
            asked.append((pool, user, client_id))
        if isinstance(decision, Refusal):
            raise decision
        return decision or Decision()

    return SignUp(
        at.stores.directory,
        at.stores.counters,
        at.opened.passwords,
        at.services.password_changes,
        at.time,
        SystemRandom(),
        at.events.append,
        pre_sign_up,
    )


def filled_in(**changes: Any) -> Registration:
    form = FORM | changes.pop("form", {})
    return replace(Registration(form, NEW_PASSWORD, network="192.0.2.1", binding="sign-in"), **changes)


async def made(at: House, name: str = "grace") -> User | None:
    return await at.stores.directory.find_user(POOL, name, ("username",))


async def test_an_account_waits_for_its_address(at: House) -> None:
    registered = await sign_up(at).register(OPEN, WEB, filled_in())
    assert registered.user == await made(at)
    assert (registered.user.state, registered.target) == ("unconfirmed", "grace@example.com")
    assert registered.set_at == int(at.time())
    stored = await at.stores.directory.password(POOL, registered.user.id)
    assert stored is not None
    assert stored.set_at == registered.set_at
    assert at.kinds() == ["user.signed_up"]


DECISIONS: dict[str, tuple[Decision, tuple[str, bool]]] = {
    "nothing": (Decision(), ("unconfirmed", False)),
    "the account is confirmed": (Decision(confirm=True), ("confirmed", False)),
    "the address is proven": (Decision(verify_email=True), ("confirmed", True)),
    "both": (Decision(confirm=True, verify_email=True), ("confirmed", True)),
    "a number that nobody gave is proven": (Decision(verify_phone_number=True), ("unconfirmed", False)),
}


@pytest.mark.parametrize("case", DECISIONS.values(), ids=DECISIONS.keys())
async def test_the_trigger_may_confirm(at: House, case: tuple[Decision, tuple[str, bool]]) -> None:
    """Cognito: autoConfirmUser, autoVerifyEmail, autoVerifyPhone."""
    decision, (state, verified) = case
    asked: list[Any] = []
    registered = await sign_up(at, decision, asked).register(OPEN, WEB, filled_in())
    assert (registered.user.state, registered.user.email_verified) == (state, verified)
    assert registered.user.phone_number_verified is False
    assert (registered.target is None) == (state == "confirmed")
    ((pool, user, client_id),) = asked
    assert (pool.id, user.username, client_id) == (POOL, "grace", "web")
    assert user.state == "unconfirmed"


@pytest.mark.parametrize("refusal", [Vetoed("Not on Sundays."), TriggerFailed()], ids=["a veto", "no answer"])
async def test_what_the_trigger_refuses_is_not_stored(at: House, refusal: Refusal) -> None:
    with pytest.raises(type(refusal)):
        await sign_up(at, refusal).register(OPEN, WEB, filled_in())
    assert await made(at) is None
    at.time.pass_(TWICE_WITHIN)
    await sign_up(at).register(OPEN, WEB, filled_in())
    assert await made(at) is not None


@pytest.mark.parametrize(
    ("decision", "changes", "field"),
    [
        (Decision(verify_email=True), {"form": {"email": "ADA@example.com"}}, "email"),
        (Decision(verify_phone_number=True), {"form": {"phone_number": "+821012345678"}}, "phone_number"),
    ],
    ids=["address", "number"],
)
async def test_a_trigger_cannot_prove_what_is_somebody_else_s(
    at: House, decision: Decision, changes: dict[str, Any], field: str
) -> None:
    pool = replace(OPEN, sign_in_with=("username", "email", "phone_number"))
    with pytest.raises(InvalidForm) as refused:
        await sign_up(at, decision).register(pool, WEB, filled_in(**changes))
    assert refused.value.faults == ((field, "taken", ""),)
    assert await made(at) is None
    assert await at.stores.directory.user(POOL, ADA.id) == ADA


async def test_a_taken_address_is_registered_like_a_free_one(at: House) -> None:
    taken = await sign_up(at).register(OPEN, WEB, filled_in(form={"email": "ada@example.com"}))
    free = await sign_up(at).register(OPEN, WEB, filled_in(form={"username": "heidi"}))
    assert (taken.user.state, taken.user.email_verified) == (free.user.state, free.user.email_verified)
    assert (taken.target, free.target) == ("ada@example.com", "grace@example.com")
    assert at.kinds() == ["user.signed_up"] * 2


async def test_where_nobody_may_register_nobody_does(at: House) -> None:
    with pytest.raises(Refusal, match="cannot register"):
        await sign_up(at).register(replace(OPEN, sign_up=SignUpPolicy()), WEB, filled_in())
    assert await made(at) is None


async def test_a_username_that_went_to_another_while_the_password_was_hashed_is_taken(at: House) -> None:
    hashing = at.opened.passwords.hash

    async def meanwhile(password: str) -> str:
        await at.stores.directory.create_user(POOL, User("other", POOL, "GRACE"))
        return await hashing(password)

    at.opened.passwords.hash = meanwhile  # type: ignore[method-assign]
    with pytest.raises(InvalidForm) as refused:
        await sign_up(at).register(OPEN, WEB, filled_in())
    assert refused.value.faults == (("username", "taken", ""),)


async def test_a_server_that_is_busy_stores_nothing(at: House) -> None:
    full = Passwords(threads=1, queue=1)
    machine = sign_up(at)
    machine._passwords = full
    names = [f"u{i}" for i in range(6)]
    forms = [filled_in(form={"username": name, "email": f"{name}@example.com"}) for name in names]
    outcomes = await asyncio.gather(*(machine.register(OPEN, WEB, form) for form in forms), return_exceptions=True)
    full.close()
    busy = {name for name, outcome in zip(names, outcomes, strict=True) if isinstance(outcome, Busy)}
    assert busy
    assert {name for name in names if await made(at, name) is None} == busy


async def test_the_same_form_twice_within_seconds_is_one(at: House) -> None:
    machine = sign_up(at)
    await machine.register(OPEN, WEB, filled_in())
    with pytest.raises(Conflict):
        await machine.register(OPEN, WEB, filled_in())
    with pytest.raises(InvalidForm):
        await machine.register(OPEN, WEB, filled_in(binding="another sign-in"))
    at.time.pass_(TWICE_WITHIN)
    with pytest.raises(InvalidForm):
        await machine.register(OPEN, WEB, filled_in())


async def test_a_correction_replaces_what_was_registered_before(at: House) -> None:
    machine = sign_up(at)
    before = (await machine.register(OPEN, WEB, filled_in(form={"email": "grcae@example.com"}))).user
    with pytest.raises(Conflict):
        await machine.register(OPEN, WEB, filled_in(form={"email": "grcae@example.com"}), before=before)
    with pytest.raises(WeakPassword):
        await machine.register(OPEN, WEB, filled_in(password="password1"), before=before)
    assert await made(at) == before, "a mistake in the correction costs nothing"
    after = (await machine.register(OPEN, WEB, filled_in(), before=before)).user
    assert await made(at) == after
    assert await at.stores.directory.user(POOL, before.id) is None
    with pytest.raises(InvalidForm):
        await machine.register(OPEN, WEB, filled_in(form={"username": "ada"}), before=after)
    assert await made(at) == after


async def test_registrations_are_counted_by_network(at: House) -> None:
    machine = sign_up(at)
    for i in range(30):
        await machine.register(OPEN, WEB, filled_in(form={"username": f"u{i}", "email": f"u{i}@example.com"}))
    with pytest.raises(Throttled) as refused:
        await machine.register(OPEN, WEB, filled_in())
    assert refused.value.retry_after == 3600
    await machine.register(OPEN, WEB, filled_in(network="192.0.2.2", binding="elsewhere"))


async def test_without_passwords_none_is_kept(at: House) -> None:
    pool = replace(OPEN, mfa=MfaPolicy(first_factors=("email_code",)))
    for registration in (filled_in(), filled_in(form={"username": "heidi"}, password=None)):
        registered = await sign_up(at).register(pool, WEB, registration)
        assert registered.set_at is None
        assert await at.stores.directory.password(POOL, registered.user.id) is None


async def test_the_language_is_that_of_the_page_unless_it_is_asked_for(at: House) -> None:
    registered = await sign_up(at).register(OPEN, WEB, filled_in(language="ko"))
    assert registered.user.locale == "ko"
    pool = replace(OPEN, attributes=(AttributeDefinition("locale", required=True),))
    asked = filled_in(form={"username": "heidi", "locale": "fr-CA"}, language="ko")
    assert (await sign_up(at).register(pool, WEB, asked)).user.locale == "fr-CA"


async def test_a_registration_does_not_show_its_password() -> None:
    assert NEW_PASSWORD not in repr(filled_in())
