"""Values of users brought to another schema, over every Directory."""

from dataclasses import replace

import pytest

from authserver.accounts.schema_change import SchemaChange
from authserver.accounts.schema_migration import MOST_NAMED, PAGE, migrate, survey
from authserver.errors import StoreUnavailable
from authserver.model.pools import AttributeDefinition
from authserver.model.users import User
from authserver.store.protocols import Directory
from tests.conformance import sql_stores
from tests.conformance.sql_stores import NOW, OTHER, POOL

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere
directory = sql_stores.directory

CHANGE = SchemaChange(
    renamed={"custom:old": "custom:level"}, converted={"custom:level": AttributeDefinition("custom:level", "number")}
)


async def fill(directory: Directory, count: int, bad: int = 0) -> None:
    """So many users with a value that is a number, and some whose value is none."""
    for at in range(count + bad):
        value = str(at) if at < count else "high"
        attributes = {"custom:old": value, "nickname": f"n{at}"}
        await directory.create_user(POOL, User(f"u{at}", POOL, f"user{at:05}", attributes=attributes))


async def values(directory: Directory) -> list[object]:
    found = await directory.users(POOL, limit=10_000)
    assert all(user.attributes["nickname"] == f"n{user.id[1:]}" for user in found)
    return [user.attributes.get("custom:level", user.attributes.get("custom:old")) for user in found]


async def test_every_user_is_changed_once(directory: Directory) -> None:
    await fill(directory, PAGE + 7)
    await directory.create_user(OTHER, User("x", OTHER, "x", attributes={"custom:old": "5"}))
    looked = await survey(directory, POOL, CHANGE)
    assert (looked.users, looked.changed, looked.converted["custom:level"]) == (PAGE + 7, PAGE + 7, PAGE + 7)
    assert await values(directory) == [str(at) for at in range(PAGE + 7)], "looking changes nothing"
    told: list[int] = []
    done = await migrate(directory, POOL, CHANGE, lambda: NOW + 5.5, progress=told.append)
    assert (done.changed, done.renamed["custom:old"]) == (PAGE + 7, PAGE + 7)
    assert told == [PAGE, PAGE + 7]
    assert await values(directory) == list(range(PAGE + 7))
    assert {user.updated_at for user in await directory.users(POOL, limit=10_000)} == {NOW + 5}
    other = await directory.user(OTHER, "x")
    assert other is not None
    assert other.attributes == {"custom:old": "5"}
    assert (await migrate(directory, POOL, CHANGE, lambda: NOW + 9.0)).changed == 0
    assert {user.updated_at for user in await directory.users(POOL, limit=10_000)} == {NOW + 5}


async def test_what_was_broken_off_is_finished_by_running_it_again(directory: Directory) -> None:
    await fill(directory, 40)
    clock_calls = 0

    def clock() -> float:
        nonlocal clock_calls
        clock_calls += 1
        if clock_calls > 20:
            raise StoreUnavailable
        return float(NOW)

    with pytest.raises(StoreUnavailable):
        await migrate(directory, POOL, CHANGE, clock)
    half = await values(directory)
    assert {type(value) for value in half} == {int, str}
    await migrate(directory, POOL, CHANGE, lambda: float(NOW))
    assert await values(directory) == list(range(40))


async def test_what_cannot_be_converted_is_named_and_stays_unless_dropped(directory: Directory) -> None:
    await fill(directory, 2, bad=MOST_NAMED + 3)
    looked = await survey(directory, POOL, CHANGE)
    assert looked.unconvertible_count == MOST_NAMED + 3
    assert len(looked.unconvertible) == MOST_NAMED
    assert looked.unconvertible[0] == ("user00002", "custom:level", "is no number")
    await migrate(directory, POOL, CHANGE, lambda: float(NOW))
    assert (await values(directory))[:3] == [0, 1, "high"]
    await migrate(directory, POOL, CHANGE, lambda: float(NOW), drop=True)
    assert (await values(directory))[:3] == [0, 1, None]


async def test_a_change_made_meanwhile_is_not_undone(directory: Directory) -> None:
    await fill(directory, 1)
    page = directory.users

    class Racing:
        """Somebody changes the user between the look and the change."""

        def __getattr__(self, name: str) -> object:
            return getattr(directory, name)

        async def users(self, *args: object, **kwargs: object) -> list[User]:
            found = await page(*args, **kwargs)  # type: ignore[arg-type]  # handed on
            for user in found:
                await directory.change_user(
                    POOL, user.id, lambda u: replace(u, attributes={**u.attributes, "custom:old": "99"})
                )
            return found

    await migrate(Racing(), POOL, CHANGE, lambda: float(NOW))  # type: ignore[arg-type]  # stands in for a Directory
    assert await values(directory) == [99]
