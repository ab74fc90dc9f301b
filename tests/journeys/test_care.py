"""What an operator does for one person, and what the person then meets: invited, reset, unlocked, without a lost factor."""

import re
from typing import Any

import pytest

from authserver.accounts.amending import Amending, Amendment
from authserver.accounts.directory import NewUser, Users
from authserver.accounts.invitations import Invitations, Way
from authserver.accounts.invited import InvitedAddresses
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
from tests.journeys.house import ADA, BOB, PASSWORD, POOL, House, answered, each, house
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
    emit = at.services.emit
    invited = InvitedAddresses(stores.one_time, stores.directory, emit)
    return Invitations(stores.directory, users, outbox(at), links, invited, at.time, opened.random, emit)


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


@each("change", {"none": ({}, True), "another address": ({"email": "carol@example.net"}, False)})
async def test_the_address_that_the_password_was_sent_to_is_proven_by_it(change: tuple[dict[str, Any], bool]) -> None:
    """So that a password that is forgotten later can be replaced."""
    changes, proven = change
    async with house() as at:
        password = await invite(at)
        carol = await at.stores.directory.find_user(POOL, "carol", ("username",))
        assert carol is not None
        if changes:
            await at.change_user(carol, **changes)
        browser = at.browser()
        page = await after_password(browser, "carol", password=password)
        assert not (await at.stores.directory.user(POOL, carol.id)).email_verified
        await browser.submit(page, step="new_password", new_password=NEW_PASSWORD)
        assert (await at.stores.directory.user(POOL, carol.id)).email_verified is proven
        assert ("email.verified" in at.kinds()) is proven


async def test_an_address_that_somebody_else_has_proven_stays_theirs() -> None:
    async with house() as at:
        password = await invite(at)
        await at.change_user(BOB, email=CAROL, email_verified=True)
        browser = at.browser()
        page = await after_password(browser, "carol", password=password)
        assert "code" in answered(await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))
        carol = await at.stores.directory.find_user(POOL, "carol", ("username",))
        assert carol is not None
        assert not carol.email_verified


async def test_a_temporary_password_that_an_operator_told_proves_no_address() -> None:
    async with house() as at:
        await invite(at)
        carol = await at.stores.directory.find_user(POOL, "carol", ("username",))
        assert carol is not None
        at.time.pass_(1)
        pool_, told = await registered(at), "told-over-the-phone-7"
        await invitations(at)._users.set_password(pool_, carol, told, temporary_until=int(at.time()) + 86400)
        browser = at.browser()
        page = await after_password(browser, "carol", password=told)
        assert "code" in answered(await browser.submit(page, step="new_password", new_password=NEW_PASSWORD))
        assert not (await at.stores.directory.user(POOL, carol.id)).email_verified


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
