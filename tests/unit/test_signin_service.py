"""The sign-in machine and the browser sessions where no page can bring them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from authserver.effects import SystemRandom
from authserver.errors import Conflict, SignInGone
from authserver.events import ignore
from authserver.model.clients import Client
from authserver.model.pools import Pool, SessionPolicy
from authserver.model.sessions import Authentication, AuthorizationRequest, Session
from authserver.model.users import User
from authserver.signin.handing_over import HandOvers
from authserver.signin.keeping import Keeping
from authserver.signin.origin import Origin
from authserver.signin.passwords import sign_in_name
from authserver.signin.refusing import Refusals
from authserver.signin.service import SignIns
from authserver.signin.sessions import BrowserSessions
from authserver.signin.situations import Situations
from authserver.signin.step_types import (
    EnterPassword,
    Identify,
)
from authserver.store import Stores
from authserver.store.memory import memory_stores
from authserver.tokens.revocation import Revocations

pytestmark = pytest.mark.anyio

POOL = Pool("test_Pool1", "Test", session=SessionPolicy(idle=600, absolute=3000))
ADA = User(
    "ada-id", POOL.id, "Ada", email="ada@example.com", email_verified=True, attributes={"preferred_username": "lady"}
)
PROOF = Authentication(ADA.id, 0, ("pwd",), "acr")
REQUEST = AuthorizationRequest("web", "https://app.example.com/cb", True, ("openid",), "a=b")


class Machine:
    """Sessions and sign-ins over memory, with a clock to move."""

    def __init__(self) -> None:
        self.now = 1000.0
        clock: Callable[[], float] = lambda: self.now
        self.stores: Stores = memory_stores(clock)
        random = SystemRandom()
        self.sessions = BrowserSessions(self.stores.sessions, Revocations(self.stores.grants, clock), clock, random)
        stores = self.stores
        self.sign_ins = SignIns(
            directory=stores.directory,
            grants=stores.grants,
            one_time=stores.one_time,
            keeping=Keeping(stores.sessions),
            situations=Situations(
                stores.registry, stores.directory, stores.credentials, stores.grants, stores.one_time, clock
            ),
            sessions=self.sessions,
            hand_overs=HandOvers(stores.one_time, random),
            refusals=Refusals(HandOvers(stores.one_time, random)),
            counters=stores.counters,
            clock=clock,
            random=random,
            emit=ignore,
        )


@pytest.fixture
async def at() -> Machine:
    machine = Machine()
    await machine.stores.registry.put_pool(POOL)
    await machine.stores.registry.put_client(POOL.id, Client("web", POOL.id, redirect_uris=(REQUEST.redirect_uri,)))
    await machine.stores.directory.create_user(POOL.id, ADA)
    return machine


async def test_a_session_is_found_by_its_secret_alone(at: Machine) -> None:
    session, secret = await at.sessions.open(POOL, PROOF, None)
    assert await at.sessions.find(POOL, secret) == session
    for cookie in (None, "", session.key, session.sid, secret + "x", "x" * 201):
        assert await at.sessions.find(POOL, cookie) is None


async def test_use_is_written_down_once_a_minute(at: Machine) -> None:
    session, secret = await at.sessions.open(POOL, PROOF, None)
    at.now += 59
    assert await at.sessions.find(POOL, secret) == session
    at.now += 1
    touched = await at.sessions.find(POOL, secret)
    assert touched == replace(session, last_seen=1060)
    assert await at.stores.sessions.session(POOL.id, session.key) == touched


async def test_a_session_that_ends_while_it_is_looked_up_has_ended(at: Machine) -> None:
    session, secret = await at.sessions.open(POOL, PROOF, None)
    at.now += 100
    store = at.stores.sessions
    read = store.session

    async def read_then_lost(pool: str, key: str) -> Session | None:
        found = await read(pool, key)
        store._sessions.clear()  # type: ignore[attr-defined]  # another request signs out
        return found

    store.session = read_then_lost  # type: ignore[method-assign]
    assert await at.sessions.find(POOL, secret) is None
    store.session = read  # type: ignore[method-assign]
    assert await at.sessions.find(POOL, secret) is None
    assert session.sid


async def test_a_session_ends_by_policy_even_if_the_store_still_has_it(at: Machine) -> None:
    session, secret = await at.sessions.open(POOL, PROOF, None)
    await at.stores.sessions.put_session(POOL.id, session, 10**6)
    at.now += 600
    assert await at.sessions.find(POOL, secret) is None
    await at.stores.sessions.put_session(POOL.id, replace(session, last_seen=int(at.now)), 10**6)
    assert await at.sessions.find(POOL, secret) is not None
    at.now = 1000 + 3000
    await at.stores.sessions.put_session(POOL.id, replace(session, last_seen=int(at.now)), 10**6)
    assert await at.sessions.find(POOL, secret) is None


async def test_clients_are_noted_once_and_only_in_a_live_session(at: Machine) -> None:
    session, _ = await at.sessions.open(POOL, PROOF, None)
    await at.sessions.note_client(POOL, session, "web")
    await at.sessions.note_client(POOL, session, "app")
    await at.sessions.note_client(POOL, session, "web")  # `session` does not know of it, the store does
    stored = await at.stores.sessions.session(POOL.id, session.key)
    assert stored is not None
    assert stored.clients == ("web", "app")
    await at.sessions.note_client(POOL, stored, "web")
    await at.sessions.end(POOL, session)
    await at.sessions.note_client(POOL, session, "late")
    assert await at.stores.sessions.session(POOL.id, session.key) is None


async def test_the_same_person_keeps_session_id_and_clients(at: Machine) -> None:
    session, old_secret = await at.sessions.open(POOL, PROOF, None)
    await at.sessions.note_client(POOL, session, "web")
    session = await at.sessions.find(POOL, old_secret)  # type: ignore[assignment]  # it is there
    again, secret = await at.sessions.open(POOL, PROOF, session)
    assert (again.sid, again.clients) == (session.sid, ("web",))
    assert secret != old_secret
    assert await at.sessions.find(POOL, old_secret) is None


async def test_a_sign_in_at_a_page_cannot_be_concluded(at: Machine) -> None:
    """A mistake in our code, not the caller's."""
    situation = await at.sign_ins.start(POOL, REQUEST, "browser", None)
    assert situation.step == Identify()
    with pytest.raises(AssertionError):
        await at.sign_ins.conclude(POOL, "https://issuer", situation, kept=False)


async def test_a_change_that_comes_second_is_a_conflict(at: Machine) -> None:
    situation = await at.sign_ins.start(POOL, REQUEST, "browser", None)
    with pytest.raises(Conflict):
        await at.sign_ins.identify(situation.sign_in, "ada")  # not kept
    await at.sign_ins.keep(situation.sign_in, "198.51.100.7")
    moved = await at.sign_ins.identify(situation.sign_in, "ada")
    with pytest.raises(Conflict):
        await at.sign_ins.identify(situation.sign_in, "bob")
    assert (await at.sign_ins.look(POOL, moved.id, "browser", None)).step == EnterPassword("ada")


@pytest.mark.parametrize("browser", [None, "", "other"])
async def test_a_sign_in_is_another_browsers_secret(at: Machine, browser: str | None) -> None:
    situation = await at.sign_ins.start(POOL, REQUEST, "browser", None)
    await at.sign_ins.keep(situation.sign_in, "198.51.100.7")
    with pytest.raises(SignInGone) as gone:
        await at.sign_ins.look(POOL, situation.sign_in.id, browser, None)
    assert (gone.value.reason, gone.value.restart) == ("foreign", "a=b")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_is_counted_of_an_address(address: str, network: str) -> None:
    assert Origin(address).network == network


@pytest.mark.parametrize(
    ("kinds", "changes", "name"),
    [
        (("username", "email"), {}, "Ada"),
        (("email", "username"), {}, "ada@example.com"),
        (("email",), {"email_verified": False}, None),
        (("email", "username"), {"email": None}, "Ada"),
        (("phone_number",), {"phone_number": "+82", "phone_number_verified": True}, "+82"),
        (("phone_number",), {"phone_number": "+82"}, None),
        (("preferred_username",), {}, "lady"),
        (("preferred_username",), {"attributes": {"preferred_username": 7}}, None),
        (("preferred_username",), {"attributes": {}}, None),
    ],
)
def test_the_name_a_person_is_asked_again_under(
    kinds: tuple[str, ...], changes: dict[str, Any], name: str | None
) -> None:
    assert sign_in_name(replace(ADA, **changes), replace(POOL, sign_in_with=kinds)) == name
