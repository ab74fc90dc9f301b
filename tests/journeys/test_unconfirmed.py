"""Accounts that nobody confirmed go after some days, and free the names that they held."""

import pytest

from authserver.accounts.unconfirmed import Unconfirmed
from authserver.events import Event
from authserver.model.users import UserFilter
from tests.journeys.house import POOL, House, each, house
from tests.journeys.people import FORM, newcomer, open_pool, waiting_page

pytestmark = pytest.mark.anyio

DAY = 86400


async def purge(at: House, told: list[Event] | None = None) -> int:
    emit = (told if told is not None else []).append
    registered = await at.stores.registry.pool(POOL)
    return await Unconfirmed(at.stores.directory, at.time, emit).purge(registered)


async def waiting(at: House) -> int:
    return await at.stores.directory.count_users(POOL, UserFilter(state="unconfirmed"))


@each("seconds", {"a minute before": (-60, False), "on the day": (60, True)})
async def test_an_account_that_nobody_confirmed_goes_after_thirty_days(seconds: tuple[int, bool]) -> None:
    passed, gone = seconds
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        (user,) = await at.stores.directory.users(POOL, UserFilter(state="unconfirmed"))
        at.time.pass_(30 * DAY + passed)
        told: list[Event] = []
        assert await purge(at, told) == int(gone)
        assert await waiting(at) == int(not gone)
        assert [(e.kind, e.user_id, e.actor, e.details) for e in told] == (
            [("user.deleted", user.id, "system", {"reason": "never confirmed"})] if gone else []
        )


async def test_its_name_and_address_are_free_again() -> None:
    async with house(open_pool()) as at:
        await waiting_page(at.browser())
        at.time.pass_(31 * DAY)
        await purge(at)
        await newcomer(at, at.browser())
        found = await at.stores.directory.find_user(POOL, FORM["email"], ("email",))
        assert found is not None
        assert found.state == "confirmed"
        at.time.pass_(31 * DAY)
        assert await purge(at) == 0, "it was confirmed"


@each("days", {"longer": (60, 1), "for ever": (0, 1), "a day": (1, 0)})
async def test_a_pool_says_how_long_they_are_kept(days: tuple[int, int]) -> None:
    kept, left = days
    async with house(open_pool(sign_up={"unconfirmed_days": kept})) as at:
        await waiting_page(at.browser())
        at.time.pass_(31 * DAY)
        await purge(at)
        assert await waiting(at) == left
