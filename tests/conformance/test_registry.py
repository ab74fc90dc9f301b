"""What the Registry promises (store/protocols.py), over every implementation."""

import asyncio
from dataclasses import replace

import pytest

from authserver.errors import Conflict, NotFound
from authserver.model.clients import Client
from authserver.model.users import User
from authserver.store.protocols import Registry
from tests.conformance import sql_stores
from tests.conformance.sql_stores import (
    NOW,
    OTHER,
    POOL,
    Roles,
    bare_pool,
    default_fields,
    full_client,
    full_consent,
    full_key,
    full_pool,
    grant,
)

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere
registry = sql_stores.registry


# --- pools ------------------------------------------------------------------------------------------------------------


async def test_a_pool_comes_back_whole(registry: Registry, elsewhere: Roles) -> None:
    pool = full_pool("full_Pool1")
    assert list(default_fields(pool)) == []
    await registry.put_pool(pool)
    assert await registry.pool(pool.id) == pool
    assert await elsewhere.registry.pool(pool.id) == pool
    assert pool in await registry.pools()


async def test_a_pool_that_nobody_put_is_none(registry: Registry) -> None:
    assert await registry.pool("nobody_X") is None


async def test_putting_a_pool_again_replaces_everything_of_it(registry: Registry) -> None:
    await registry.put_pool(full_pool(POOL))
    await registry.put_pool(bare_pool(POOL))
    assert await registry.pool(POOL) == bare_pool(POOL)


async def test_putting_a_pool_again_leaves_its_clients_keys_and_users(registry: Registry, stores: Roles) -> None:
    await registry.put_client(POOL, full_client(POOL, "web"))
    await registry.change_keys(POOL, expected=[], put=[full_key(POOL, "k1")])
    await stores.directory.create_user(POOL, User("ada", POOL, "ada"))
    await registry.put_pool(full_pool(POOL))
    assert await registry.client(POOL, "web") is not None
    assert [key.kid for key in await registry.keys(POOL)] == ["k1"]
    assert await stores.directory.user(POOL, "ada") is not None


async def test_groups_keep_the_order_in_which_the_pool_lists_them(registry: Registry) -> None:
    pool = full_pool(POOL)
    for groups in (pool.groups, pool.groups[::-1]):
        await registry.put_pool(replace(pool, groups=groups))
        stored = await registry.pool(POOL)
        assert stored is not None
        assert stored.groups == groups


async def test_pools_are_listed_by_id(registry: Registry) -> None:
    # "Z" stands before "a" by code point, and after it in most languages.
    for pool in ("zoo_1", "Zoo_1", "a_1"):
        await registry.put_pool(bare_pool(pool))
    assert [pool.id for pool in await registry.pools()] == ["Zoo_1", "a_1", POOL, OTHER, "zoo_1"]


# --- clients ----------------------------------------------------------------------------------------------------------


async def test_a_client_comes_back_whole(registry: Registry, elsewhere: Roles) -> None:
    client = full_client(POOL, "web")
    assert list(default_fields(client)) == []
    await registry.put_client(POOL, client)
    assert await registry.client(POOL, "web") == client
    assert await elsewhere.registry.client(POOL, "web") == client
    assert await registry.clients(POOL) == [client]


async def test_putting_a_client_again_replaces_it(registry: Registry) -> None:
    await registry.put_client(POOL, full_client(POOL, "web"))
    await registry.put_client(POOL, Client("web", POOL))
    assert await registry.client(POOL, "web") == Client("web", POOL)


async def test_clients_are_listed_by_id_and_pool(registry: Registry) -> None:
    for client_id in ("b", "a", "B"):
        await registry.put_client(POOL, Client(client_id, POOL))
    await registry.put_client(OTHER, Client("c", OTHER))
    assert [client.client_id for client in await registry.clients(POOL)] == ["B", "a", "b"]
    assert [client.client_id for client in await registry.clients(OTHER)] == ["c"]


async def test_a_client_is_seen_from_its_own_pool_only(registry: Registry) -> None:
    await registry.put_client(POOL, Client("web", POOL))
    assert await registry.client(OTHER, "web") is None
    assert await registry.clients(OTHER) == []
    assert await registry.delete_client(OTHER, "web") is False
    assert await registry.client(POOL, "web") == Client("web", POOL)


async def test_the_pool_of_a_client_is_found_by_the_client_alone(registry: Registry) -> None:
    await registry.put_client(OTHER, Client("web", OTHER))
    assert await registry.pool_of_client("web") == OTHER
    assert await registry.pool_of_client("nobody") is None


async def test_a_client_id_belongs_to_one_pool(registry: Registry) -> None:
    await registry.put_client(POOL, full_client(POOL, "web"))
    with pytest.raises(Conflict, match="The client id web is taken"):
        await registry.put_client(OTHER, Client("web", OTHER))
    assert await registry.client(POOL, "web") == full_client(POOL, "web")
    await registry.put_client(OTHER, Client("web-2", OTHER))


async def test_a_client_is_put_into_its_own_pool_only(registry: Registry) -> None:
    with pytest.raises(Conflict):
        await registry.put_client(POOL, Client("web", OTHER))
    assert await registry.pool_of_client("web") is None


async def test_a_client_needs_its_pool(registry: Registry) -> None:
    with pytest.raises(NotFound):
        await registry.put_client("nobody_X", Client("web", "nobody_X"))
    assert await registry.pool_of_client("web") is None


async def test_of_two_pools_that_claim_a_client_id_one_gets_it(registry: Registry, elsewhere: Roles) -> None:
    outcomes = await asyncio.gather(
        registry.put_client(POOL, Client("web", POOL)),
        elsewhere.registry.put_client(OTHER, Client("web", OTHER)),
        return_exceptions=True,
    )
    assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [Conflict]


async def test_deleting_a_client_takes_its_grants_and_consents(registry: Registry, stores: Roles) -> None:
    client = f"web-{POOL}"
    await stores.directory.create_user(POOL, User("ada", POOL, "ada"))
    for client_id in (client, "kept"):
        await registry.put_client(POOL, Client(client_id, POOL))
    await stores.grants.create_grant(POOL, grant(POOL, "of-client"))
    await stores.grants.create_grant(POOL, grant(POOL, "of-kept", client_id="kept"))
    await stores.grants.redeem_code(POOL, "code", NOW + 60, sql_stores.family(POOL, "of-client"))
    await stores.grants.put_consent(POOL, full_consent(POOL))
    await stores.grants.put_consent(POOL, replace(full_consent(POOL), client_id="kept"))

    assert await registry.delete_client(POOL, client) is True

    assert await registry.client(POOL, client) is None
    assert await stores.grants.grant(POOL, "of-client") is None
    assert await stores.grants.refresh_facts(POOL, "family-1") is None
    assert await stores.grants.consent(POOL, "ada", client) is None
    assert await stores.grants.grant(POOL, "of-kept") is not None
    assert await stores.grants.consent(POOL, "ada", "kept") is not None
    assert await registry.delete_client(POOL, client) is False


# --- signing keys -----------------------------------------------------------------------------------------------------


async def test_a_key_comes_back_whole(registry: Registry, elsewhere: Roles) -> None:
    key = full_key(POOL, "k1")
    assert list(default_fields(key)) == []
    await registry.change_keys(POOL, expected=[], put=[key])
    assert await registry.keys(POOL) == [key]
    assert await elsewhere.registry.keys(POOL) == [key]


async def test_keys_are_listed_oldest_first_with_expired_ones(registry: Registry) -> None:
    young, old, expired = (
        replace(full_key(POOL, kid), created_at=NOW + age, expires_at=expires_at)
        for kid, age, expires_at in (("a", 2, None), ("b", 1, None), ("c", 0, 1))
    )
    await registry.change_keys(POOL, expected=[], put=[young, old, expired])
    assert await registry.keys(POOL) == [expired, old, young]


async def test_one_change_puts_replaces_and_deletes_keys(registry: Registry) -> None:
    await registry.change_keys(POOL, expected=[], put=[full_key(POOL, "k1"), full_key(POOL, "k2")])
    moved = replace(full_key(POOL, "k2"), state="current", retired_at=None)
    await registry.change_keys(POOL, expected=["k2", "k1"], put=[moved, full_key(POOL, "k3")], delete=["k1"])
    assert await registry.keys(POOL) == [moved, full_key(POOL, "k3")]


@pytest.mark.parametrize("seen", [[], ["k1", "k2"], ["k2"]])
async def test_keys_that_changed_meanwhile_are_not_changed(registry: Registry, seen: list[str]) -> None:
    await registry.change_keys(POOL, expected=[], put=[full_key(POOL, "k1")])
    with pytest.raises(Conflict):
        await registry.change_keys(POOL, expected=seen, put=[full_key(POOL, "k9")], delete=["k1"])
    assert await registry.keys(POOL) == [full_key(POOL, "k1")]
    await registry.change_keys(POOL, expected=["k1"], put=[full_key(POOL, "k9")], delete=["k1"])


async def test_of_many_who_saw_no_key_one_makes_the_first(registry: Registry, elsewhere: Roles) -> None:
    outcomes = await asyncio.gather(
        *(
            role.change_keys(POOL, expected=[], put=[full_key(POOL, f"k{n}")])
            for n, role in enumerate([registry, elsewhere.registry] * 5)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes if outcome is not None} == {Conflict}
    assert len(await registry.keys(POOL)) == 1


async def test_keys_belong_to_their_pool(registry: Registry) -> None:
    await registry.change_keys(POOL, expected=[], put=[full_key(POOL, "k1")])
    assert await registry.keys(OTHER) == []
    await registry.change_keys(OTHER, expected=[], put=[full_key(OTHER, "k1")], delete=["k1"])
    assert await registry.keys(POOL) == [full_key(POOL, "k1")]
    assert await registry.keys(OTHER) == [full_key(OTHER, "k1")]


async def test_keys_need_their_pool(registry: Registry) -> None:
    with pytest.raises(NotFound):
        await registry.change_keys("nobody_X", expected=[], put=[full_key("nobody_X", "k1")])


# --- version ----------------------------------------------------------------------------------------------------------


async def test_the_version_grows_with_every_change(registry: Registry, elsewhere: Roles) -> None:
    seen = [await registry.version()]
    await registry.put_pool(bare_pool("new_1"))
    seen.append(await elsewhere.registry.version())
    await registry.put_client(POOL, Client("web", POOL))
    seen.append(await elsewhere.registry.version())
    await registry.change_keys(POOL, expected=[], put=[full_key(POOL, "k1")])
    seen.append(await elsewhere.registry.version())
    await registry.delete_client(POOL, "web")
    seen.append(await elsewhere.registry.version())
    assert seen == sorted(set(seen))


async def test_the_version_stays_when_nothing_changed(registry: Registry) -> None:
    await registry.put_client(POOL, Client("web", POOL))
    before = await registry.version()
    for refused in (
        registry.put_client(OTHER, Client("web", OTHER)),
        registry.put_client("nobody_X", Client("x", "nobody_X")),
        registry.change_keys(POOL, expected=["unheard-of"], put=[]),
    ):
        with pytest.raises((Conflict, NotFound)):
            await refused
    await registry.delete_client(POOL, "nobody")
    assert await registry.version() == before


async def test_no_change_is_missed_by_the_version_when_many_come_at_once(registry: Registry, elsewhere: Roles) -> None:
    before = await registry.version()
    await asyncio.gather(
        *(role.put_client(POOL, Client(f"web-{n}", POOL)) for n, role in enumerate([registry, elsewhere.registry] * 10))
    )
    assert await registry.version() == before + 20
    assert len(await registry.clients(POOL)) == 20


# --- names from strangers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * 5000, ""])
async def test_a_name_that_cannot_be_stored_finds_nothing(registry: Registry, name: str) -> None:
    assert await registry.pool(name) is None
    assert await registry.client(POOL, name) is None
    assert await registry.client(name, "web") is None
    assert await registry.clients(name) == []
    assert await registry.pool_of_client(name) is None
    assert await registry.keys(name) == []
