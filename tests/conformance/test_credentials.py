"""What the Credentials promise (store/protocols.py), over every implementation."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from authserver.errors import Conflict, NotFound
from authserver.model.credentials import Credential, Device
from authserver.model.users import User
from authserver.store.protocols import Credentials
from tests.conformance import sql_stores
from tests.conformance.sql_stores import NOW, OTHER, POOL, Roles, default_fields

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere

AT_ONCE = 50


@pytest.fixture
async def credentials(stores: Roles) -> Credentials:
    """Of two pools, each with the users `ada` and `bob`."""
    for pool in (POOL, OTHER):
        await stores.registry.put_pool(sql_stores.bare_pool(pool))
        for name in ("ada", "bob"):
            await stores.directory.create_user(pool, User(name, pool, name))
    return stores.credentials


def passkey(credential_id: str = "c1", user_id: str = "ada", pool: str = POOL, **changes: Any) -> Credential:
    full = Credential(
        id=credential_id,
        pool=pool,
        user_id=user_id,
        kind="passkey",
        name="Büro 열쇠",
        handle=f"handle-{credential_id}",
        public={"key": "cose", "transports": ["usb", "nfc"], "backed_up": True},
        sealed=b"\x00\xffsealed",
        counter=7,
        created_at=NOW,
        last_used_at=NOW + 1,
    )
    return replace(full, **changes)


def totp(credential_id: str = "t1", user_id: str = "ada", pool: str = POOL) -> Credential:
    return Credential(credential_id, pool, user_id, "totp", sealed=b"seed", created_at=NOW)


async def winners(tries: Iterable[Awaitable[bool]]) -> int:
    """How many of the tries, all made at once, got a True."""
    return (await asyncio.gather(*tries)).count(True)


# --- factors ----------------------------------------------------------------------------------------------------------


async def test_a_credential_comes_back_whole(credentials: Credentials, elsewhere: Roles) -> None:
    full = passkey()
    assert list(default_fields(full)) == []
    await credentials.add_credential(POOL, full)
    assert await credentials.credentials(POOL, "ada") == [full]
    assert await elsewhere.credentials.credentials(POOL, "ada") == [full]
    assert await elsewhere.credentials.credential_of_handle(POOL, "handle-c1") == full


async def test_a_bare_credential_comes_back_whole(credentials: Credentials) -> None:
    bare = Credential("c1", POOL, "ada", "email_code")
    await credentials.add_credential(POOL, bare)
    assert await credentials.credentials(POOL, "ada") == [bare]


async def test_credentials_are_their_owners_oldest_first(credentials: Credentials) -> None:
    assert await credentials.credentials(POOL, "ada") == []
    of_ada = [passkey("c2", created_at=NOW - 5), passkey("c1"), passkey("c3", created_at=NOW + 5)]
    for credential in (of_ada[1], of_ada[2], of_ada[0], passkey("c4", "bob")):
        await credentials.add_credential(POOL, credential)
    assert await credentials.credentials(POOL, "ada") == of_ada
    assert await credentials.credentials(OTHER, "ada") == []


async def test_a_handle_finds_its_passkey_whoevers_it_is(credentials: Credentials) -> None:
    theirs = passkey("c1", "ada", OTHER, handle="handle")
    for credential in (passkey("c1", "bob", handle="handle"), theirs):
        await credentials.add_credential(credential.pool, credential)
    assert await credentials.credential_of_handle(POOL, "handle") == passkey("c1", "bob", handle="handle")
    assert await credentials.credential_of_handle(OTHER, "handle") == theirs
    assert await credentials.credential_of_handle(POOL, "handl") is None
    assert await credentials.credential_of_handle(POOL, "\0") is None


async def test_the_longest_credential_id_there_can_be_is_a_handle(credentials: Credentials) -> None:
    longest = passkey(handle="A" * 1364)
    await credentials.add_credential(POOL, longest)
    assert await credentials.credential_of_handle(POOL, "A" * 1364) == longest


@pytest.mark.parametrize(
    "clash",
    [passkey("c1", "bob", handle="other"), passkey("c2", "bob", handle="handle-c1"), passkey("c1", handle=None)],
)
async def test_a_taken_id_or_handle_is_refused(credentials: Credentials, clash: Credential) -> None:
    await credentials.add_credential(POOL, passkey())
    with pytest.raises(Conflict):
        await credentials.add_credential(POOL, clash)
    assert await credentials.credentials(POOL, "ada") == [passkey()]
    assert await credentials.credentials(POOL, "bob") == []
    await credentials.add_credential(OTHER, replace(clash, pool=OTHER))


async def test_many_credentials_have_no_handle(credentials: Credentials) -> None:
    for credential in (totp("t1"), totp("t2"), totp("t3", "bob")):
        await credentials.add_credential(POOL, credential)
    assert await credentials.credentials(POOL, "ada") == [totp("t1"), totp("t2")]


async def test_nobody_gets_no_credential(credentials: Credentials) -> None:
    with pytest.raises(NotFound):
        await credentials.add_credential(POOL, passkey(user_id="nobody"))
    assert await credentials.credential_of_handle(POOL, "handle-c1") is None


async def test_of_many_who_add_one_passkey_at_once_one_gets_it(credentials: Credentials, elsewhere: Roles) -> None:
    outcomes = await asyncio.gather(
        *(
            role.add_credential(POOL, passkey(f"c{n}", "ada" if n % 2 else "bob", handle="same"))
            for n, role in enumerate([credentials, elsewhere.credentials] * 10)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes if outcome is not None} == {Conflict}


# --- use --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "counter", "strictly", "used"),
    [
        (7, 8, True, True),
        (7, 7, True, False),
        (7, 6, True, False),
        (0, 0, True, False),
        (0, 1, True, True),
        (7, 8, False, True),
        (7, 7, False, False),
        (7, 0, False, False),
        (0, 0, False, True),
        (0, 1, False, True),
    ],
)
async def test_a_use_must_raise_the_counter(
    credentials: Credentials, elsewhere: Roles, stored: int, counter: int, strictly: bool, used: bool
) -> None:
    before = passkey(counter=stored)
    await credentials.add_credential(POOL, before)
    await credentials.add_credential(POOL, passkey("c2"))
    at = NOW + 60
    assert await credentials.use_credential(POOL, "c1", counter=counter, now=at, strictly=strictly) is used
    after = replace(before, counter=counter, last_used_at=at) if used else before
    assert await elsewhere.credentials.credentials(POOL, "ada") == [after, passkey("c2")]


async def test_what_is_not_there_cannot_be_used(credentials: Credentials) -> None:
    await credentials.add_credential(OTHER, passkey(pool=OTHER))
    assert await credentials.use_credential(POOL, "c1", counter=9, now=NOW) is False
    assert await credentials.credentials(OTHER, "ada") == [passkey(pool=OTHER)]


async def test_of_many_uses_of_one_code_at_once_one_counts(credentials: Credentials, elsewhere: Roles) -> None:
    await credentials.add_credential(POOL, totp())
    roles = [credentials, elsewhere.credentials] * (AT_ONCE // 2)
    tries = (role.use_credential(POOL, "t1", counter=59_000_000, now=NOW) for role in roles)
    assert await winners(tries) == 1


async def test_the_counter_never_falls_back(credentials: Credentials, elsewhere: Roles) -> None:
    await credentials.add_credential(POOL, totp())
    roles = [credentials, elsewhere.credentials] * (AT_ONCE // 2)
    await asyncio.gather(*(role.use_credential(POOL, "t1", counter=n, now=NOW) for n, role in enumerate(roles)))
    (stored,) = await credentials.credentials(POOL, "ada")
    assert stored.counter == AT_ONCE - 1


# --- names, and deleting ----------------------------------------------------------------------------------------------


async def test_a_credential_is_renamed_by_its_owner_alone(credentials: Credentials) -> None:
    await credentials.add_credential(POOL, passkey())
    assert await credentials.rename_credential(POOL, "ada", "c1", "blue 열쇠") is True
    assert await credentials.credentials(POOL, "ada") == [passkey(name="blue 열쇠")]
    for pool, user_id, credential_id in ((POOL, "bob", "c1"), (OTHER, "ada", "c1"), (POOL, "ada", "c2")):
        assert await credentials.rename_credential(pool, user_id, credential_id, "red") is False
    assert await credentials.credentials(POOL, "ada") == [passkey(name="blue 열쇠")]


async def test_a_credential_is_deleted_by_its_owner_alone(credentials: Credentials) -> None:
    for credential in (passkey("c1"), passkey("c2")):
        await credentials.add_credential(POOL, credential)
    for pool, user_id, credential_id in ((POOL, "bob", "c1"), (OTHER, "ada", "c1"), (POOL, "ada", "c3")):
        assert await credentials.delete_credential(pool, user_id, credential_id) is False
    assert await credentials.delete_credential(POOL, "ada", "c1") is True
    assert await credentials.delete_credential(POOL, "ada", "c1") is False
    assert await credentials.credentials(POOL, "ada") == [passkey("c2")]
    await credentials.add_credential(POOL, passkey("c3", "bob", handle="handle-c1"))


async def test_all_factors_of_a_user_go_with_the_backup_codes(credentials: Credentials) -> None:
    for credential in (passkey("c1"), totp("t1"), passkey("c2", "bob")):
        await credentials.add_credential(POOL, credential)
    for user_id in ("ada", "bob"):
        await credentials.put_backup_codes(POOL, user_id, ["d1"], NOW)
    assert await credentials.delete_credentials(POOL, "ada") == 2
    assert await credentials.credentials(POOL, "ada") == []
    assert await credentials.backup_codes_left(POOL, "ada") == 0
    assert await credentials.spend_backup_code(POOL, "ada", "d1", NOW) is False
    assert await credentials.credentials(POOL, "bob") == [passkey("c2", "bob")]
    assert await credentials.backup_codes_left(POOL, "bob") == 1
    assert await credentials.delete_credentials(POOL, "ada") == 0


async def test_everything_goes_with_the_user(credentials: Credentials, stores: Roles) -> None:
    for user_id in ("ada", "bob"):
        await credentials.add_credential(POOL, passkey(f"of-{user_id}", user_id))
        await credentials.put_backup_codes(POOL, user_id, ["d1"], NOW)
        await credentials.note_former_password(POOL, user_id, "$old", NOW, 3)
        await credentials.put_device(POOL, Device("d", user_id))
    await stores.directory.delete_user(POOL, "ada")
    await stores.directory.create_user(POOL, User("ada", POOL, "ada"))
    for user_id, kept in (("ada", 0), ("bob", 1)):
        assert len(await credentials.credentials(POOL, user_id)) == kept
        assert await credentials.backup_codes_left(POOL, user_id) == kept
        assert len(await credentials.former_passwords(POOL, user_id, 9)) == kept
        assert len(await credentials.devices(POOL, user_id)) == kept
    assert await credentials.credential_of_handle(POOL, "handle-of-ada") is None


# --- backup codes -----------------------------------------------------------------------------------------------------


async def test_a_backup_code_is_spent_once(credentials: Credentials, elsewhere: Roles) -> None:
    await credentials.put_backup_codes(POOL, "ada", ["d1", "d2", "d3"], NOW)
    assert await elsewhere.credentials.backup_codes_left(POOL, "ada") == 3
    assert await credentials.spend_backup_code(POOL, "ada", "d2", NOW) is True
    assert await elsewhere.credentials.spend_backup_code(POOL, "ada", "d2", NOW) is False
    assert await credentials.backup_codes_left(POOL, "ada") == 2


async def test_a_backup_code_is_its_owners(credentials: Credentials) -> None:
    await credentials.put_backup_codes(POOL, "ada", ["d1"], NOW)
    for pool, user_id, digest in ((POOL, "bob", "d1"), (OTHER, "ada", "d1"), (POOL, "ada", "d2"), (POOL, "x", "d1")):
        assert await credentials.spend_backup_code(pool, user_id, digest, NOW) is False
    assert await credentials.spend_backup_code(POOL, "ada", "d1", NOW) is True


async def test_new_backup_codes_take_the_place_of_the_old(credentials: Credentials) -> None:
    for user_id in ("ada", "bob"):
        await credentials.put_backup_codes(POOL, user_id, ["d1", "d2"], NOW)
    await credentials.spend_backup_code(POOL, "ada", "d1", NOW)
    await credentials.put_backup_codes(POOL, "ada", ["d1", "d3", "d3"], NOW)
    assert await credentials.backup_codes_left(POOL, "ada") == 2
    assert await credentials.spend_backup_code(POOL, "ada", "d2", NOW) is False
    assert await credentials.spend_backup_code(POOL, "ada", "d1", NOW) is True
    await credentials.put_backup_codes(POOL, "ada", [], NOW)
    assert await credentials.backup_codes_left(POOL, "ada") == 0
    assert await credentials.backup_codes_left(POOL, "bob") == 2


async def test_nobody_gets_no_backup_codes(credentials: Credentials) -> None:
    with pytest.raises(NotFound):
        await credentials.put_backup_codes(POOL, "nobody", ["d1"], NOW)
    await credentials.put_backup_codes(POOL, "nobody", [], NOW)
    assert await credentials.backup_codes_left(POOL, "nobody") == 0


async def test_of_many_who_spend_one_backup_code_at_once_one_succeeds(
    credentials: Credentials, elsewhere: Roles
) -> None:
    await credentials.put_backup_codes(POOL, "ada", ["d1", "d2"], NOW)
    roles = [credentials, elsewhere.credentials] * (AT_ONCE // 2)
    assert await winners(role.spend_backup_code(POOL, "ada", "d1", NOW) for role in roles) == 1
    assert await credentials.backup_codes_left(POOL, "ada") == 1


async def test_two_sets_put_at_once_do_not_become_one(credentials: Credentials, elsewhere: Roles) -> None:
    sets = [[f"{n}-{m}" for m in range(10)] for n in range(10)]
    roles = [credentials, elsewhere.credentials] * 5
    await asyncio.gather(
        *(role.put_backup_codes(POOL, "ada", each, NOW) for role, each in zip(roles, sets, strict=True))
    )
    assert await credentials.backup_codes_left(POOL, "ada") == 10


# --- former passwords -------------------------------------------------------------------------------------------------


async def test_former_passwords_are_the_newest_so_many(credentials: Credentials, elsewhere: Roles) -> None:
    assert await credentials.former_passwords(POOL, "ada", 5) == []
    for n in range(6):
        await credentials.note_former_password(POOL, "ada", f"$hash-{n}", NOW, keep=4)
    await credentials.note_former_password(POOL, "bob", "$of-bob", NOW, keep=4)
    assert await elsewhere.credentials.former_passwords(POOL, "ada", 9) == [f"$hash-{n}" for n in (5, 4, 3, 2)]
    assert await credentials.former_passwords(POOL, "ada", 2) == ["$hash-5", "$hash-4"]
    assert await credentials.former_passwords(POOL, "ada", 0) == []
    assert await credentials.former_passwords(POOL, "bob", 9) == ["$of-bob"]
    assert await credentials.former_passwords(OTHER, "ada", 9) == []


async def test_a_shorter_memory_forgets_the_oldest(credentials: Credentials) -> None:
    for n in range(4):
        await credentials.note_former_password(POOL, "ada", f"$hash-{n}", NOW, keep=4)
    await credentials.note_former_password(POOL, "ada", "$hash-4", NOW, keep=2)
    assert await credentials.former_passwords(POOL, "ada", 9) == ["$hash-4", "$hash-3"]
    await credentials.note_former_password(POOL, "ada", "$hash-5", NOW, keep=0)
    assert await credentials.former_passwords(POOL, "ada", 9) == []


async def test_a_former_password_of_somebody_gone_is_forgotten(credentials: Credentials) -> None:
    await credentials.note_former_password(POOL, "nobody", "$hash", NOW, keep=4)
    assert await credentials.former_passwords(POOL, "nobody", 9) == []


async def test_former_passwords_noted_at_once_are_all_kept(credentials: Credentials, elsewhere: Roles) -> None:
    roles = [credentials, elsewhere.credentials] * 5
    await asyncio.gather(
        *(role.note_former_password(POOL, "ada", f"$hash-{n}", NOW, keep=10) for n, role in enumerate(roles))
    )
    assert sorted(await credentials.former_passwords(POOL, "ada", 99)) == [f"$hash-{n}" for n in range(10)]


# --- devices ----------------------------------------------------------------------------------------------------------

FULL_DEVICE = Device("d1", "ada", "Firefox on Línux", "2001:db8::/64", "KR 서울", NOW, NOW + 1, NOW + 2)


async def test_a_device_comes_back_whole(credentials: Credentials, elsewhere: Roles) -> None:
    assert list(default_fields(FULL_DEVICE)) == []
    await credentials.put_device(POOL, FULL_DEVICE)
    assert await elsewhere.credentials.device(POOL, "ada", "d1") == FULL_DEVICE
    assert await credentials.devices(POOL, "ada") == [FULL_DEVICE]
    for pool, user_id, device in ((POOL, "bob", "d1"), (OTHER, "ada", "d1"), (POOL, "ada", "d2"), (POOL, "ada", "\0")):
        assert await credentials.device(pool, user_id, device) is None
    assert await credentials.devices(POOL, "bob") == []


async def test_a_device_put_again_keeps_when_it_was_first_seen(credentials: Credentials) -> None:
    await credentials.put_device(POOL, FULL_DEVICE)
    again = Device("d1", "ada", "Safari", "192.0.2.1", "", NOW + 50, NOW + 60, 0)
    await credentials.put_device(POOL, again)
    assert await credentials.devices(POOL, "ada") == [replace(again, first_seen=NOW)]


async def test_devices_are_listed_most_recently_seen_first(credentials: Credentials) -> None:
    for n, seen in enumerate((5, 9, 1)):
        await credentials.put_device(POOL, Device(f"d{n}", "ada", last_seen=NOW + seen))
    assert [device.id for device in await credentials.devices(POOL, "ada")] == ["d1", "d0", "d2"]


async def test_the_twenty_most_recently_seen_devices_are_kept(credentials: Credentials) -> None:
    await credentials.put_device(POOL, Device("d0", "bob", last_seen=1))
    for n in range(20):
        await credentials.put_device(POOL, Device(f"d{n}", "ada", last_seen=NOW + n))
    await credentials.put_device(POOL, Device("d0", "ada", last_seen=NOW + 20))
    await credentials.put_device(POOL, Device("d20", "ada", last_seen=NOW + 21))
    known = {device.id for device in await credentials.devices(POOL, "ada")}
    assert known == {"d0", *(f"d{n}" for n in range(2, 21))}
    assert await credentials.devices(POOL, "bob") == [Device("d0", "bob", last_seen=1)]


async def test_a_device_that_was_just_put_is_kept_among_equals(credentials: Credentials) -> None:
    for n in range(30):
        await credentials.put_device(POOL, Device(f"d{n:02}", "ada", last_seen=NOW))
        assert await credentials.device(POOL, "ada", f"d{n:02}") is not None
    assert len(await credentials.devices(POOL, "ada")) == 20


async def test_devices_are_forgotten_one_or_all(credentials: Credentials) -> None:
    for user_id in ("ada", "bob"):
        for n in range(3):
            await credentials.put_device(POOL, Device(f"d{n}", user_id))
    assert await credentials.delete_device(POOL, "ada", "d0") is True
    assert await credentials.delete_device(POOL, "ada", "d0") is False
    assert await credentials.delete_device(OTHER, "ada", "d1") is False
    assert await credentials.delete_devices(POOL, "ada") == 2
    assert await credentials.delete_devices(POOL, "ada") == 0
    assert await credentials.devices(POOL, "ada") == []
    assert len(await credentials.devices(POOL, "bob")) == 3


async def test_nobody_has_no_devices(credentials: Credentials, stores: Roles) -> None:
    await credentials.put_device(POOL, Device("d1", "nobody"))
    assert await credentials.devices(POOL, "nobody") == []
    await stores.directory.create_user(POOL, User("nobody", POOL, "nobody"))
    assert await credentials.device(POOL, "nobody", "d1") is None


async def test_a_user_may_come_with_credentials_all_or_nothing(
    credentials: Credentials, stores: Roles, elsewhere: Roles
) -> None:
    await stores.directory.create_user(
        POOL, User("carol", POOL, "carol"), None, (totp("t1", "carol"), passkey("c1", "carol"))
    )
    assert {c.id for c in await elsewhere.credentials.credentials(POOL, "carol")} == {"t1", "c1"}
    for taken in (totp("t1", "dave"), passkey("c2", "dave", handle="handle-c1")):
        with pytest.raises(Conflict):
            await stores.directory.create_user(POOL, User("dave", POOL, "dave"), None, (totp("t2", "dave"), taken))
        assert await elsewhere.directory.user(POOL, "dave") is None
        assert await credentials.credentials(POOL, "dave") == []
    await stores.directory.create_user(POOL, User("dave", POOL, "dave"), None, (totp("t2", "dave"),))
    assert len(await credentials.credentials(POOL, "dave")) == 1
