"""Two things at once, in the order that hurts: each forced by holding one back at the store or the hashing."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from argon2 import PasswordHasher

from authserver.accounts.directory import Users
from authserver.errors import StoreUnavailable
from authserver.events import ignore
from authserver.model.credentials import Device
from authserver.model.grants import Revocation
from authserver.model.users import PasswordCredential
from tests.journeys.house import ADA, BOB, PASSWORD, POOL, Browser, House, answered, claims, each, house, pool

pytestmark = pytest.mark.anyio

NEW = "another-horse-battery"


def users(at: House) -> Users:
    opened = at.opened
    stores = at.stores
    return Users(
        stores.directory, stores.credentials, opened.passwords, opened.clock, opened.random, opened.revoke_user, ignore
    )


async def held_back(at: House, go_on: Callable[[], Awaitable[object]], work: Awaitable[Any]) -> Any:
    """`work`, in the midst of whose password check `go_on` happens."""
    verify, done = at.opened.passwords.verify, False

    async def slow(encoded: str | None, password: str) -> bool:
        nonlocal done
        right = await verify(encoded, password)
        if not done:
            done = True
            await go_on()
        return right

    at.opened.passwords.verify = slow  # type: ignore[method-assign]
    try:
        return await work
    finally:
        at.opened.passwords.verify = verify  # type: ignore[method-assign]


@pytest.mark.parametrize("change", ["a new password", "disabled", "deleted", "nothing"])
async def test_a_sign_in_under_way_does_not_outlive_what_it_proved(change: str) -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))

        async def go_on() -> None:
            if change == "a new password":
                await users(at).set_password(pool(), ADA, NEW)
            elif change == "disabled":
                await users(at).disable(pool(), ADA)
            elif change == "deleted":
                await users(at).delete(pool(), ADA)

        answer = await held_back(at, go_on, browser.submit(page, step="password", password=PASSWORD))
        if change == "nothing":
            assert "code" in answered(answer)
        else:
            assert answer.status_code == 422
            assert (await browser.open(await browser.authorize())).text.count('id="username"') == 1
            assert await at.stores.sessions.sessions_of_user(POOL, ADA.id) == []


async def test_a_password_brought_to_new_parameters_meanwhile_is_the_same_password() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page()
        page = await browser.open(await browser.submit(page, step="identifier", username="ada"))

        async def rehash() -> None:
            stored = await at.stores.directory.password(POOL, ADA.id)
            assert stored is not None
            fresh = replace(stored, hash=await at.opened.passwords.hash(PASSWORD))
            assert await at.stores.directory.set_password(POOL, fresh, replaces=stored.hash)

        assert "code" in answered(await held_back(at, rehash, browser.submit(page, step="password", password=PASSWORD)))


@each("ended", {"ended": True, "goes on": False})
async def test_a_grant_made_while_the_session_ends_is_revoked(ended: bool) -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        create, made = at.stores.grants.create_grant, []

        async def between(pool_id: str, grant: Any) -> None:
            if ended:
                await at.opened.revoke_user(pool_id, ADA.id)
            await create(pool_id, grant)
            made.append(grant.id)

        at.stores.grants.create_grant = between  # type: ignore[method-assign]
        answer = await browser.authorize(prompt="none")
        stored = await at.stores.grants.grant(POOL, made[0])
        assert stored is not None
        if ended:
            assert answer.status_code == 410
            assert stored.revoked_at is not None
        else:
            assert "code" in answered(answer)
            assert stored.revoked_at is None


async def test_a_grant_made_between_the_two_halves_of_a_sign_out_dies_with_the_session() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        delete, codes = at.stores.sessions.delete_session, []

        async def between(pool_id: str, key: str) -> None:
            codes.append(answered(await browser.authorize(prompt="none"))["code"])
            await delete(pool_id, key)

        hint = (await browser.tokens())["id_token"]
        at.stores.sessions.delete_session = between  # type: ignore[assignment]
        await browser.http.get(f"{browser.issuer}/oauth2/logout", params={"id_token_hint": hint})
        assert (await browser.redeem(codes[0])).json()["error"] == "invalid_grant"


async def test_a_code_of_a_grant_revoked_meanwhile_buys_nothing_and_its_twin_does() -> None:
    async with house() as at:
        browser = at.browser()
        code, other = await browser.code(), at.browser()
        await users(at).set_password(pool(), ADA, NEW)
        assert (await browser.redeem(code)).json()["error"] == "invalid_grant"
        await other.arrive(BOB)
        assert (await other.redeem(await other.code())).status_code == 200


async def refresh_of(browser: Browser, tokens: dict[str, Any]) -> Any:
    return (await browser.refresh(tokens["refresh_token"])).json()


async def test_a_head_that_nobody_moved_brings_no_token() -> None:
    """A store that neither rotates nor says why gives nothing away."""
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        rotate = at.stores.grants.rotate

        async def refuse(*_: object, **__: object) -> bool:
            return False

        at.stores.grants.rotate = refuse  # type: ignore[assignment]
        assert (await refresh_of(browser, tokens))["error"] == "invalid_grant"
        at.stores.grants.rotate = rotate  # type: ignore[method-assign]
        assert (await refresh_of(browser, tokens))["access_token"]


async def test_who_loses_a_race_within_the_grace_window_gets_the_same_successor() -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens()
        rotate = at.stores.grants.rotate

        async def faster(*args: Any, **kwargs: Any) -> bool:
            assert await rotate(*args, **kwargs)
            return False  # somebody else's was the first

        at.stores.grants.rotate = faster  # type: ignore[method-assign]
        first = await refresh_of(browser, tokens)
        at.stores.grants.rotate = rotate  # type: ignore[method-assign]
        assert (await refresh_of(browser, tokens))["refresh_token"] == first["refresh_token"]


@each("scope", {"of a session": "openid", "offline": "openid offline_access"})
async def test_a_grant_that_slipped_past_a_sign_out_is_dead_unless_it_is_for_offline_use(scope: str) -> None:
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens(scope=scope)
        sid = claims(tokens["access_token"])["sid"]
        await at.opened.revocations._note(Revocation(POOL, "session", sid, 0, 10**10))
        said = await refresh_of(browser, tokens)
        assert ("access_token" in said) is ("offline" in scope), said


async def test_a_rehash_that_comes_second_is_none() -> None:
    async with house() as at:
        old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
        await at.stores.directory.set_password(POOL, PasswordCredential(ADA.id, old, 1))
        keep = at.stores.directory.set_password

        async def second(*_: object, **__: object) -> bool:
            return False

        at.stores.directory.set_password = second  # type: ignore[assignment]
        assert "code" in answered(await at.browser().sign_in())
        at.stores.directory.set_password = keep  # type: ignore[method-assign]
        assert "code" in answered(await at.browser().sign_in())
        stored = await at.stores.directory.password(POOL, ADA.id)
        assert stored is not None
        assert stored.hash != old


async def test_consent_that_broke_off_is_asked_of_the_next_person() -> None:
    async with house() as at:
        browser = at.browser()
        await browser.arrive()
        page = await browser.login_page(client_id="asks")
        put = at.stores.grants.put_consent

        async def down(*_: object) -> None:
            raise StoreUnavailable

        at.stores.grants.put_consent = down  # type: ignore[assignment]
        assert (await browser.submit(page, step="consent", decision="approve")).status_code == 503
        at.stores.grants.put_consent = put  # type: ignore[method-assign]
        page = await browser.open(await browser.submit(page, step="switch_account"))
        page = await browser.open(await browser.submit(page, step="identifier", username="bob"))
        page = await browser.open(await browser.submit(page, step="password", password=PASSWORD))
        assert 'id="approve"' in page.text
        code = answered(await browser.submit(page, step="consent", decision="approve"))["code"]
        assert claims((await browser.redeem(code, "asks")).json()["id_token"])["sub"] == BOB.id


async def test_claims_by_name_go_when_the_client_loses_their_scope() -> None:
    asked = '{"userinfo": {"phone_number": null}, "id_token": {"email": null}}'
    async with house() as at:
        browser = at.browser()
        tokens = await browser.tokens(scope="openid", claims=asked)
        assert "email" in claims((await refresh_of(browser, tokens))["id_token"])
        tokens = await browser.tokens(scope="openid", claims=asked)
        await at.change_client("web", scope=("openid",))
        after = await refresh_of(browser, tokens)
        assert "email" not in claims(after["id_token"])
        assert "phone_number" not in (await browser.userinfo(after["access_token"])).json()


async def test_a_new_password_forgets_the_devices_that_the_old_one_made_known() -> None:
    async with house() as at:
        await at.stores.credentials.put_device(POOL, Device("thief", ADA.id))
        await at.stores.credentials.put_device(POOL, Device("his", BOB.id))
        await users(at).set_password(pool(), ADA, NEW)
        assert await at.stores.credentials.devices(POOL, ADA.id) == []
        assert await at.stores.credentials.devices(POOL, BOB.id) == [Device("his", BOB.id)]


async def test_only_parameters_that_mean_something_are_kept() -> None:
    async with house() as at:
        browser = at.browser()
        page = await browser.login_page(junk="x" * 9000, state="kept")
        sign_in = await at.stores.sessions.sign_in(POOL, str(page.url).rpartition("=")[2])
        assert sign_in is not None
        assert "state=kept" in sign_in.request.query
        assert "junk" not in sign_in.request.query
