"""The factor seam: enrolled, proven, never proven twice, removed. Every factor, on every implementation of the stores.

What is particular to a factor has its tests in `tests/unit/test_factor_*`; this suite is what a new one must pass.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyotp
import pytest

from authserver.errors import CodeExpired, Conflict, NotFound, Throttled, WrongCode, WrongCredentials
from authserver.model.credentials import Device
from authserver.model.pools import MfaPolicy, Pool
from authserver.model.users import User
from authserver.signin.factors.guessing import CLOSED_AFTER, FREE_TRIES
from authserver.signin.origin import Origin
from authserver.store import Counters
from authserver.store.memory import MemoryCounters
from tests.authenticator import SoftAuthenticator
from tests.conformance import sql_stores
from tests.conformance.redis_stores import (  # noqa: F401 - fixtures
    Implementation,
    servers_fixture,
    valkey_fixture,
)
from tests.conformance.sql_stores import Roles
from tests.factors import BASE_URL, Factors

pytestmark = pytest.mark.anyio

any_url, postgres_url, sqlite_template = sql_stores.any_url, sql_stores.postgres_url, sql_stores.sqlite_template
stores, elsewhere, registry = sql_stores.stores, sql_stores.elsewhere, sql_stores.registry

MFA = MfaPolicy("optional", ("totp", "passkey", "backup_codes"), ("password", "passkey"))
HERE_POOL = replace(sql_stores.bare_pool(sql_stores.POOL), mfa=MFA)
OTHER_POOL = replace(sql_stores.bare_pool(sql_stores.OTHER), mfa=MFA)
ADA = User("8f0f3a9e-5e1c-4a53-9a0e-0d4f5b6c7d8e", HERE_POOL.id, "ada")
BOB = User("1b2c3d4e-0000-4000-8000-0d4f5b6c7d8e", HERE_POOL.id, "bob")
WRONG = (WrongCode, WrongCredentials)
HERE = Origin("192.0.2.1", "browser-of-ada")


class Seam(Protocol):
    """A factor as whoever drives a sign-in sees it."""

    kind: str
    counted: bool
    """Whether wrong ones add to the sum that closes the account: not what cannot be guessed."""

    async def enrol(self, on: Factors, pool: Pool, user: User) -> Any: ...

    async def right(self, on: Factors, pool: Pool, user: User, enrolled: Any) -> Any:
        """Something that proves the factor once."""
        ...

    async def prove(self, on: Factors, pool: Pool, user: User, given: Any) -> object: ...

    async def remove(self, on: Factors, pool: Pool, user: User) -> None: ...

    def wrong(self, given: Any) -> Any:
        """The same, spoiled."""
        ...


class App:
    kind, counted = "totp", True

    async def enrol(self, on: Factors, pool: Pool, user: User) -> Any:
        begun = await on.totp.begin(pool, user)
        app = pyotp.TOTP(begun.seed_base32)
        await on.totp.confirm(pool, user, begun.sealed, app.at(on.now))
        return app

    async def right(self, on: Factors, pool: Pool, user: User, enrolled: Any) -> str:
        on.now += 30
        return str(enrolled.at(on.now))

    async def prove(self, on: Factors, pool: Pool, user: User, given: str) -> object:
        return await on.totp.prove(pool, user, given, HERE)

    async def remove(self, on: Factors, pool: Pool, user: User) -> None:
        await _remove(on, pool, user, self.kind)

    def wrong(self, given: str) -> str:
        return f"{(int(given) + 1) % 1_000_000:06}"


class Codes:
    kind, counted = "backup_codes", True

    async def enrol(self, on: Factors, pool: Pool, user: User) -> list[str]:
        return await on.backup_codes.replace(pool, user)

    async def right(self, on: Factors, pool: Pool, user: User, enrolled: list[str]) -> str:
        return enrolled.pop()

    async def prove(self, on: Factors, pool: Pool, user: User, given: str) -> object:
        return await on.backup_codes.prove(pool, user, given, HERE)

    async def remove(self, on: Factors, pool: Pool, user: User) -> None:
        await on.backup_codes.remove(pool, user)

    def wrong(self, given: str) -> str:
        return given[:-1] + ("0" if given[-1] != "0" else "2")


@dataclass
class Key:
    """A passkey; `first` begins the sign-in, so nobody says whose it is."""

    first: bool
    counted: bool = False

    @property
    def kind(self) -> str:
        return "passkey"

    async def enrol(self, on: Factors, pool: Pool, user: User) -> SoftAuthenticator:
        device = SoftAuthenticator(BASE_URL)
        begun = await on.passkeys.begin_registration(pool, user)
        await on.passkeys.finish_registration(pool, user, begun.challenge, device.create(begun.options))
        return device

    async def right(self, on: Factors, pool: Pool, user: User, enrolled: SoftAuthenticator) -> tuple[str, str]:
        begun = await on.passkeys.begin_authentication(pool, None if self.first else user)
        return begun.challenge, enrolled.get(begun.options)

    async def prove(self, on: Factors, pool: Pool, user: User, given: tuple[str, str]) -> object:
        proof = await on.passkeys.finish_authentication(pool, None if self.first else user, *given, HERE)
        if proof.user_id != user.id:
            raise WrongCredentials(detail="somebody else's")  # the caller compares, where it knows whom it wants
        return proof

    async def remove(self, on: Factors, pool: Pool, user: User) -> None:
        await _remove(on, pool, user, self.kind)

    def wrong(self, given: tuple[str, str]) -> tuple[str, str]:
        return "A" * 43, given[1]


async def _remove(on: Factors, pool: Pool, user: User, kind: str) -> None:
    for credential in await on.credentials.credentials(pool.id, user.id):
        if credential.kind == kind:
            await on.enrolled.remove(pool, user, credential.id)


SEAMS: dict[str, Seam] = {
    "totp": App(),
    "backup codes": Codes(),
    "passkey, second": Key(first=False),
    "passkey, first": Key(first=True),
}


@pytest.fixture(params=SEAMS)
def seam(request: pytest.FixtureRequest) -> Seam:
    return SEAMS[request.param]


@dataclass
class Nodes:
    """Two nodes over one set of stores."""

    one: Factors
    two: Factors


@pytest.fixture
async def nodes(stores: Roles, elsewhere: Roles, registry: object) -> Nodes:
    return await _two_nodes(stores, elsewhere, MemoryCounters())


async def _two_nodes(here: Roles, there: Roles, counters: Counters, others: Counters | None = None) -> Nodes:
    for user in (ADA, BOB):
        await here.directory.create_user(HERE_POOL.id, user)
    await here.directory.create_user(OTHER_POOL.id, replace(ADA, pool=OTHER_POOL.id))
    return Nodes(
        Factors(here.directory, here.credentials, counters),
        Factors(there.directory, there.credentials, others or counters),
    )


async def test_an_enrolled_factor_is_proven_on_any_node(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    for node in (nodes.two, nodes.one):
        node.now = nodes.one.now = max(nodes.one.now, nodes.two.now)
        given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
        node.now = nodes.one.now
        await seam.prove(node, HERE_POOL, ADA, given)
    assert "factor.failed" not in nodes.one.kinds() + nodes.two.kinds()


async def test_what_was_taken_is_not_taken_again(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    nodes.two.now = nodes.one.now
    await seam.prove(nodes.one, HERE_POOL, ADA, given)
    for node in (nodes.one, nodes.two):
        with pytest.raises(WRONG):
            await seam.prove(node, HERE_POOL, ADA, given)
    await seam.prove(nodes.one, HERE_POOL, ADA, await seam.right(nodes.one, HERE_POOL, ADA, enrolled))


async def test_of_fifty_at_once_on_two_nodes_one_wins(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    nodes.two.now = nodes.one.now
    found = await asyncio.gather(
        *(seam.prove((nodes.one, nodes.two)[n % 2], HERE_POOL, ADA, given) for n in range(50)),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in found) == 1, set(map(repr, found))
    assert {type(o) for o in found if isinstance(o, BaseException)} <= {*WRONG, Throttled}


async def test_a_removed_factor_proves_nothing(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    await seam.remove(nodes.one, HERE_POOL, ADA)
    with pytest.raises(WRONG):
        await seam.prove(nodes.one, HERE_POOL, ADA, given)
    again = await seam.enrol(nodes.one, HERE_POOL, ADA)
    await seam.prove(nodes.one, HERE_POOL, ADA, await seam.right(nodes.one, HERE_POOL, ADA, again))


async def test_one_persons_factor_is_nothing_for_another(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    await seam.enrol(nodes.one, HERE_POOL, BOB)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    with pytest.raises(WRONG):
        await seam.prove(nodes.one, HERE_POOL, BOB, given)
    await seam.prove(nodes.one, HERE_POOL, ADA, await seam.right(nodes.one, HERE_POOL, ADA, enrolled))


async def test_a_factor_of_one_pool_is_nothing_in_another(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    with pytest.raises(WRONG):
        await seam.prove(nodes.one, OTHER_POOL, replace(ADA, pool=OTHER_POOL.id), given)
    await seam.prove(nodes.one, HERE_POOL, ADA, given)


async def test_a_wrong_one_is_refused_told_and_counted(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    with pytest.raises(WRONG):
        await seam.prove(nodes.one, HERE_POOL, ADA, seam.wrong(given))
    event = nodes.one.events[-1]
    assert (event.kind, event.user_id, event.details["factor"]) == ("factor.failed", ADA.id, seam.kind)
    assert await nodes.two.directory.password_failures(HERE_POOL.id, ADA.id) == int(seam.counted)
    await seam.prove(nodes.one, HERE_POOL, ADA, given)
    await nodes.one.guessing.forget(HERE_POOL, ADA.id)
    assert await nodes.two.directory.password_failures(HERE_POOL.id, ADA.id) == 0


async def test_a_user_without_the_factor_proves_nothing(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, BOB)
    given = await seam.right(nodes.one, HERE_POOL, BOB, enrolled)
    with pytest.raises(WRONG):
        await seam.prove(nodes.one, HERE_POOL, ADA, given)
    assert await nodes.one.credentials.credentials(HERE_POOL.id, ADA.id) == []


async def test_a_user_who_is_gone_enrols_nothing_and_proves_nothing(nodes: Nodes, seam: Seam):
    enrolled = await seam.enrol(nodes.one, HERE_POOL, ADA)
    given = await seam.right(nodes.one, HERE_POOL, ADA, enrolled)
    await nodes.one.directory.delete_user(HERE_POOL.id, ADA.id)
    with pytest.raises(WRONG):
        await seam.prove(nodes.one, HERE_POOL, ADA, given)
    with pytest.raises(NotFound):
        await seam.enrol(nodes.one, HERE_POOL, ADA)


async def test_a_set_up_begun_on_one_node_ends_once_on_another(nodes: Nodes):
    begun = await nodes.one.totp.begin(HERE_POOL, ADA)
    code = pyotp.TOTP(begun.seed_base32).at(nodes.one.now)
    found = await asyncio.gather(
        *(nodes.two.totp.confirm(HERE_POOL, ADA, begun.sealed, code) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in found) == 1
    assert {type(o) for o in found if isinstance(o, BaseException)} == {Conflict}


async def test_a_passkey_keeps_its_counter_whole(nodes: Nodes):
    """It has 32 bits without a sign (WebAuthn 6.1)."""
    key = Key(first=True)
    device = await key.enrol(nodes.one, HERE_POOL, ADA)
    begun = await nodes.one.passkeys.begin_authentication(HERE_POOL, None)
    await key.prove(nodes.one, HERE_POOL, ADA, (begun.challenge, device.get(begun.options, counter=2**32 - 1)))
    (stored,) = await nodes.two.credentials.credentials(HERE_POOL.id, ADA.id)
    assert stored.counter == 2**32 - 1
    assert stored.public["backup_eligible"] is False


# ---------------------------------------------------------------------------------------------------- guessing


async def _guess(nodes: Nodes, n: int, factor: str) -> str:
    """What became of one wrong try; half of them come to each node."""
    node = (nodes.one, nodes.two)[n % 2]
    try:
        attempt = await node.guessing.admit(HERE_POOL, factor, ADA, Origin(f"198.51.100.{n % 250}"))
    except Throttled:
        return "throttled"
    except CodeExpired:
        return "closed"
    await node.guessing.wrong(HERE_POOL, attempt, "wrong code")
    return "judged"


async def test_of_fifty_guesses_at_once_on_two_nodes_ten_are_judged(nodes: Nodes):
    found = await asyncio.gather(*(_guess(nodes, n, "totp") for n in range(50)))
    assert sorted(set(found)) == ["judged", "throttled"]
    assert found.count("judged") == FREE_TRIES


async def test_a_hundred_in_a_row_and_no_more_over_all_factors_and_both_nodes(nodes: Nodes):
    """Each factor has its ten free tries; the sum does not care."""
    found = await asyncio.gather(*(_guess(nodes, n, f"factor {n // 5}") for n in range(150)))
    assert (found.count("judged"), found.count("closed")) == (CLOSED_AFTER, 50)
    assert await _guess(nodes, 0, "one more") == "closed"
    # A device that completed a sign-in goes on, on both nodes.
    await nodes.one.credentials.put_device(HERE_POOL.id, Device(str(HERE.device), ADA.id, last_seen=1))
    for node in (nodes.one, nodes.two):
        attempt = await node.guessing.admit(HERE_POOL, "totp", ADA, HERE)
        assert attempt.known
    await nodes.two.guessing.forget(HERE_POOL, ADA.id)
    assert await _guess(nodes, 1, "one more") == "judged"


@sql_stores.on_sql
async def test_the_limits_hold_with_a_real_valkey_between_the_nodes(
    stores: Roles, elsewhere: Roles, registry: object, valkey: Implementation
):
    nodes = await _two_nodes(stores, elsewhere, valkey.counters, valkey.elsewhere.counters)
    user_pool = HERE_POOL.id
    for factor in ("totp", "backup_codes"):  # the server is shared: what another database's run counted goes
        await valkey.counters.clear_guesses(user_pool, f"{factor} {ADA.id} ")
    found = await asyncio.gather(
        *(_guess(nodes, n, ("totp", "backup_codes")[n // 25]) for n in range(50)),
    )
    assert found.count("judged") == 2 * FREE_TRIES
    assert await nodes.two.directory.password_failures(user_pool, ADA.id) == 2 * FREE_TRIES
