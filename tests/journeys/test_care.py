"""What an operator does for one person, and what the person then meets: invited, reset, unlocked, without a lost factor."""

import re

import pytest

from authserver.accounts.amending import Amending, Amendment
from authserver.accounts.directory import NewUser, Users
from authserver.accounts.invitations import Invitations, Way
from authserver.accounts.links import Links
from authserver.accounts.notices import Notices
from authserver.accounts.standing import Standing
from authserver.errors import Invalid
from authserver.messages.kinds import Kind
from authserver.messages.outbox import Outbox
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors.removing import Removing
from authserver.signin.factors.unlocking import Unlocking
from tests.journeys.house import ADA, PASSWORD, POOL, House, answered, each, house
from tests.journeys.people import NEW_PASSWORD, fault_at, kinds_to, mfa_pool, steps_on
from tests.journeys.test_second_factors import after_password, enrolled

pytestmark = pytest.mark.anyio

CAROL = "carol@example.com"


def outbox(at: House) -> Outbox:
    return Outbox(at.stores.journal, at.opened.sealer, at.time, at.opened.random)


def notices(at: House) -> Notices:
    return Notices(outbox(at), at.stores.one_time, Links(at.base_url), at.time, at.opened.random)


def invitations(at: House) -> Invitations:
    opened, stores = at.opened, at.stores
    users = Users(
        stores.directory,
        stores.credentials,
        opened.passwords,
        at.time,
        opened.random,
        opened.revoke_user,
        at.services.emit,
    )
    links = Links(at.base_url)
    return Invitations(stores.directory, users, outbox(at), links, at.time, opened.random, at.services.emit)


def standing(at: House) -> Standing:
    stores = at.stores
    emit = at.services.emit
    return Standing(stores.directory, stores.credentials, notices(at), at.time, emit, at.opened.revoke_user)


async def registered(at: House) -> Pool:
    found = await at.stores.registry.pool(POOL)
    assert found is not None
    return found


async def ada(at: House) -> User:
    found = await at.stores.directory.user(POOL, ADA.id)
    assert found is not None
    return found


async def invite(at: House) -> str:
    """Carol is invited: the password that her mail has."""
    await invitations(at).create(await registered(at), NewUser("carol", email=CAROL), Way())
    (mail,) = await at.mail(CAROL)
    found = re.search(r"[A-Z][a-z][a-z0-9]{2}(?:-[a-z0-9]{4}){3}", mail.text)
    assert found is not None, mail.text
    return found[0]


async def test_who_is_invited_signs_in_and_chooses_a_password() -> None:
    async with house() as at:
        password = await invite(at)
        browser = at.browser()
        page = await after_password(browser, "carol", password=password)
        assert "new_password" in steps_on(page)
        assert "code" in answered(await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))
        assert (await at.browser().sign_in("carol", password)).status_code == 422
        assert "code" in answered(await at.browser().sign_in("carol", NEW_PASSWORD))


@each("days", {"in time": (7, True), "too late": (8, False)})
async def test_an_invitation_ends(days: tuple[int, bool]) -> None:
    passed, good = days
    async with house() as at:
        password = await invite(at)
        at.time.pass_(passed * 86400 - 60)
        late = await at.browser().sign_in("carol", password)
        assert (late.status_code == 303) is good
        if not good:
            wrong = await at.browser().sign_in("carol", "wrong")
            assert fault_at(late, "password") == fault_at(wrong, "password")
            reasons = [e.details["reason"] for e in at.events if e.kind == "sign_in.failed"]
            assert reasons[0] == "temporary password is over"


async def test_after_a_reset_the_old_password_leads_to_a_code_and_nowhere_else() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.sign_in()
        await standing(at).reset(await registered(at), await ada(at))
        assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == []
        assert Kind.RESET_REQUIRED in await kinds_to(at, "ada@example.com")
        again = at.browser()
        page = await after_password(again)
        assert again.cookie("session") is None
        assert not {"new_password", "password"} & set(steps_on(page))


async def test_an_unlocked_account_takes_its_password_again() -> None:
    async with house() as at:
        for _ in range(101):
            await at.stores.directory.count_password_failure(POOL, ADA.id)
        assert (await at.browser().sign_in()).status_code == 422, "closed"
        stores = at.stores
        unlocking = Unlocking(stores.directory, stores.credentials, stores.counters, at.services.emit)
        assert await unlocking.unlock(await registered(at), await ada(at)) == 102
        assert "code" in answered(await at.browser().sign_in())
        assert "user.unlocked" in at.kinds()


async def test_who_lost_the_app_signs_in_without_it() -> None:
    async with house(mfa_pool("optional", ("totp",))) as at:
        await enrolled(at, "totp")
        page = await after_password(at.browser())
        assert "code" in steps_on(page)
        await Removing(at.stores.credentials, notices(at), at.services.emit).remove(
            await registered(at), await ada(at), "totp"
        )
        assert Kind.FACTOR_REMOVED in await kinds_to(at, "ada@example.com")
        assert "code" in answered(await at.browser().sign_in())


async def test_removing_names_what_can_be_removed() -> None:
    async with house() as at:
        with pytest.raises(Invalid, match="is none of"):
            await Removing(at.stores.credentials, notices(at), at.services.emit).remove(
                await registered(at), await ada(at), "password"
            )


async def test_an_amended_name_is_the_one_to_sign_in_with() -> None:
    async with house() as at:
        amending = Amending(at.stores.directory, notices(at), at.time, at.services.emit)
        await amending.amend(await registered(at), await ada(at), Amendment(username="lovelace"))
        assert "code" in answered(await at.browser().sign_in("lovelace", PASSWORD))
        assert (await at.browser().sign_in("ada", PASSWORD)).status_code == 422
        assert ("user.changed", {"changes": ["username"]}) in [(e.kind, e.details) for e in at.events]
