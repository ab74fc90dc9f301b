"""Notices and objections: what somebody else did is undone, and what the owner had before stays."""

from dataclasses import replace

import pytest

from authserver.messages.kinds import Kind
from authserver.model.credentials import Credential
from authserver.model.pools import MfaPolicy
from tests.journeys.house import ADA, BOB, POOL, Browser, House, hidden, house, pool
from tests.journeys.people import last_to

pytestmark = pytest.mark.anyio

OWN, STRANGE = "ada@example.com", "thief@example.net"


async def object_to(at: House, kind: Kind, said: str) -> Browser:
    """Ada follows the link of a notice, in a browser of her own, and presses the button."""
    browser = at.browser()
    link = (await last_to(at, OWN, kind)).link
    page = await browser.http.get(link)
    page = await browser.http.get(link) if page.status_code == 302 else page
    assert page.status_code == 200
    assert said in page.text
    done = await browser.http.post(str(page.url), data=hidden(page, "not_me"))
    assert done.status_code == 200
    assert (await browser.http.post(str(page.url), data=hidden(page, "not_me"))).status_code == 410
    return browser


def factor(name: str, at: int) -> Credential:
    return Credential(name, POOL, ADA.id, "totp", name, created_at=at)


async def test_a_factor_that_somebody_else_added_goes_and_older_ones_stay() -> None:
    async with house(pool(mfa=MfaPolicy(mode="optional", factors=("totp", "backup_codes"), nudge=False))) as at:
        now, credentials = int(at.time()), at.stores.credentials
        await credentials.add_credential(POOL, factor("hers", now - 3600))
        await credentials.add_credential(POOL, factor("his", now))
        await credentials.put_backup_codes(POOL, ADA.id, ("digest",), now)
        await at.services.notices.factor_added(await at.stores.registry.pool(POOL), ADA, "totp")
        at.time.pass_(3600)
        await credentials.add_credential(POOL, factor("his second", int(at.time())))
        await object_to(at, Kind.FACTOR_ADDED, "Way to sign in added")
        assert [c.name for c in await credentials.credentials(POOL, ADA.id)] == ["hers"]
        assert await credentials.backup_codes_left(POOL, ADA.id) == 0
        assert (await at.stores.directory.user(POOL, ADA.id)).state == "reset_required"
        assert at.kinds().count("factor.removed") == 3


async def test_backup_codes_stay_where_nothing_was_added() -> None:
    async with house() as at:
        now, credentials = int(at.time()), at.stores.credentials
        await credentials.add_credential(POOL, factor("hers", now - 3600))
        await credentials.put_backup_codes(POOL, ADA.id, ("digest",), now - 3600)
        await at.services.notices.password_changed(await at.stores.registry.pool(POOL), ADA)
        await object_to(at, Kind.PASSWORD_CHANGED, "Password changed")
        assert [c.name for c in await credentials.credentials(POOL, ADA.id)] == ["hers"]
        assert await credentials.backup_codes_left(POOL, ADA.id) == 1


async def test_an_address_that_was_replaced_is_back_and_gets_the_code() -> None:
    async with house() as at:
        await at.services.notices.address_changed(await at.stores.registry.pool(POOL), ADA, "email", "t•••@example.net")
        await at.change_user(ADA, email=STRANGE, email_verified=True)
        browser = await object_to(at, Kind.EMAIL_CHANGED, "Email")
        ada = await at.stores.directory.user(POOL, ADA.id)
        assert (ada.email, ada.email_verified) == (OWN, True)
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))
        asked = await browser.http.get(str(page.url).replace("/login", "/forgotPassword"))
        await browser.http.post(str(asked.url), data={**hidden(asked, "recover"), "username": "ada"})
        assert (await last_to(at, OWN, Kind.RECOVER_PASSWORD)).code
        assert [m for m in await at.mail(STRANGE) if m.kind == Kind.RECOVER_PASSWORD] == []


async def test_an_address_that_is_somebody_elses_by_now_is_not_taken_from_them() -> None:
    async with house() as at:
        await at.services.notices.address_changed(await at.stores.registry.pool(POOL), ADA, "email", "t•••@example.net")
        await at.change_user(ADA, email=STRANGE, email_verified=True)
        await at.change_user(BOB, email=OWN, email_verified=True)
        await object_to(at, Kind.EMAIL_CHANGED, "Email")
        ada, bob = [await at.stores.directory.user(POOL, user.id) for user in (ADA, BOB)]
        assert (ada.email, ada.email_verified) == (None, False)
        assert bob == replace(bob, email=OWN, email_verified=True)
