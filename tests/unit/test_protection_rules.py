"""All rules of a pool's passwords in one judgement: by themselves, by the lists, by the person's former ones."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from authserver.accounts.passwords import BREACHED, Judgement, PasswordRules
from authserver.crypto.passwords import Passwords
from authserver.errors import Busy
from authserver.model.pools import PasswordPolicy, Pool
from authserver.model.users import PasswordCredential, User
from authserver.protection.breached import BreachedPasswords
from authserver.protection.strength import Meter
from authserver.store import Stores
from authserver.store.memory import memory_stores

pytestmark = pytest.mark.anyio

POOL = Pool("demo_Pool1", "Demo", password_policy=PasswordPolicy(min_length=8, history=3))
ADA = User("1", POOL.id, "ada.lovelace", email="countess@example.com")
GOOD = "blue-kettle-on-a-hill"
LIGHT = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class World:
    def __init__(self) -> None:
        self.stores: Stores = memory_stores(lambda: 1_800_000_000.0)
        self.passwords = Passwords(threads=1, queue=2)
        self.passwords._hasher = LIGHT
        self.meter = Meter()
        self.rules = PasswordRules(
            self.stores.directory, self.stores.credentials, self.passwords, BreachedPasswords(), self.meter
        )

    async def codes(self, password: str, user: User | None = ADA, policy: PasswordPolicy | None = None) -> list[str]:
        pool = replace(POOL, password_policy=policy) if policy is not None else POOL
        return [rule.code for rule in await self.rules.check(pool, user, password, ("ada.lovelace", "countess"))]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.stores.registry.put_pool(POOL)
    await world.stores.directory.create_user(
        POOL.id, ADA, PasswordCredential(ADA.id, LIGHT.hash("current-password-1"), 1)
    )
    for number, former in enumerate(("oldest-password-1", "older-password-12", "newest-password-12")):
        await world.stores.credentials.note_former_password(POOL.id, ADA.id, LIGHT.hash(former), number, 10)
    yield world
    world.passwords.close()
    world.meter.close()


async def test_a_good_password_breaks_no_rule(world: World) -> None:
    assert await world.codes(GOOD) == []
    assert await world.codes(GOOD, None) == []


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("short", ["min_length"]),
        ("password1", ["breached"]),
        ("Password1", ["breached"]),
        ("dragon", ["min_length", "breached"]),
        ("ada.lovelace1", ["context_word"]),
        ("x" * 1025, ["max_length"]),
        ("current-password-1", ["history"]),
        ("newest-password-12", ["history"]),
        ("older-password-12", ["history"]),
    ],
)
async def test_each_rule_is_told_by_its_code(world: World, password: str, codes: list[str]) -> None:
    assert await world.codes(password) == codes


async def test_the_history_is_as_long_as_the_pool_says(world: World) -> None:
    """The current one counts as one of them (Cognito's `PasswordHistorySize`)."""
    assert await world.codes("oldest-password-1") == []
    assert await world.codes("oldest-password-1", policy=PasswordPolicy(history=4)) == ["history"]
    assert await world.codes("current-password-1", policy=PasswordPolicy(history=1)) == ["history"]
    assert await world.codes("newest-password-12", policy=PasswordPolicy(history=1)) == []
    assert await world.codes("current-password-1", policy=PasswordPolicy(history=0)) == []
    assert await world.codes("current-password-1", None) == []


async def test_the_sentences_say_how_many(world: World) -> None:
    (rule,) = await world.rules.check(POOL, ADA, "current-password-1")
    assert (rule.sentence, rule.limit) == ("must not be one of your last 3 passwords", 3)
    one = replace(POOL, password_policy=PasswordPolicy(history=1))
    (rule,) = await world.rules.check(one, ADA, "current-password-1")
    assert rule.sentence == "must not be the password that you have now"


async def test_a_former_password_may_be_a_hash_from_elsewhere(world: World) -> None:
    moved = "pbkdf2_sha256$10000$seasalt$Fyn79fpW9Qv3L9z4gcTPZL5xSdLBMx2NcXV2mq9E6QI="
    from authserver.crypto.foreign_systems import read_hash

    await world.stores.credentials.note_former_password(POOL.id, ADA.id, read_hash(moved).text(), 9, 10)
    assert await world.codes("correct-horse-battery") == ["history"]


async def test_breached_passwords_are_refused_warned_of_or_let_be(world: World) -> None:
    for breached, broken, warnings in (("refuse", (BREACHED,), ()), ("warn", (), (BREACHED,)), ("off", (), ())):
        policy = PasswordPolicy(breached=breached)
        pool = replace(POOL, password_policy=policy)
        assert await world.codes("password1", policy=policy) == [rule.code for rule in broken]
        hints = await world.rules.hints(pool, None, "password1")
        assert (hints.broken, hints.warnings) == (broken, warnings)


async def test_nothing_is_hashed_for_a_password_that_is_refused_anyway(world: World) -> None:
    world.passwords._limit = 0
    assert await world.codes("short") == ["min_length"]
    with pytest.raises(Busy):
        await world.codes(GOOD)
    assert await world.codes(GOOD, None) == []


async def test_hints_hold_the_strength_and_what_is_known_of_the_person(world: World) -> None:
    hints = await world.rules.hints(POOL, None, GOOD)
    assert hints.strength is not None
    assert (hints.broken, hints.warnings, hints.strength.score) == ((), (), 4)
    named = replace(ADA, attributes={"given_name": "Zbigniewa"})
    with_name, without = (
        await world.rules.hints(POOL, named, "zbigniewa12"),
        await world.rules.hints(POOL, None, "zbigniewa12"),
    )
    assert with_name.strength is not None
    assert without.strength is not None
    assert with_name.strength.score < without.strength.score
    bare = PasswordRules(world.stores.directory, world.stores.credentials, world.passwords, BreachedPasswords())
    assert await bare.hints(POOL, None, GOOD) == Judgement()


async def test_hints_do_not_tell_whether_a_password_was_ever_used(world: World) -> None:
    """They are given before anybody has signed in."""
    hints = await world.rules.hints(POOL, ADA, "current-password-1")
    assert hints.broken == ()


async def test_the_demo_password_is_allowed() -> None:
    assert BreachedPasswords().find("correct-horse-battery") is None
