"""What Registry and Identities promise of other providers (store/protocols.py), over every implementation."""

import asyncio
from dataclasses import replace

import pytest

from authserver.errors import Conflict, NotFound
from authserver.model.users import User
from authserver.store.protocols import Identities, Kept, Registry
from federation.model import IdentityProvider
from tests.conformance import sql_stores
from tests.conformance.sql_stores import (
    NOW,
    OTHER,
    POOL,
    Roles,
    bare_pool,
    default_fields,
    full_identity,
    full_provider,
)

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere
registry = sql_stores.registry


@pytest.fixture
async def identities(stores: Roles) -> Identities:
    """Of two pools, each with the users `ada` and `bob`."""
    for pool in (POOL, OTHER):
        await stores.registry.put_pool(bare_pool(pool))
        for name in ("ada", "bob"):
            await stores.directory.create_user(pool, User(name, pool, name))
    return stores.identities


def provider(name: str, **changes: object) -> IdentityProvider:
    return replace(IdentityProvider(name, "oidc"), **changes)  # type: ignore[arg-type]


async def names(registry: Registry, pool: str = POOL) -> list[str]:
    return [p.name for p in await registry.providers(pool)]


# --- providers --------------------------------------------------------------------------------------------------------


async def test_a_provider_comes_back_whole(registry: Registry, elsewhere: Roles) -> None:
    full = full_provider()
    assert list(default_fields(full)) == []
    await registry.put_provider(POOL, full)
    assert await registry.provider(POOL, full.name) == full
    assert await elsewhere.registry.provider(POOL, full.name) == full
    assert await elsewhere.registry.providers(POOL) == [full]


async def test_a_provider_is_of_its_pool(registry: Registry) -> None:
    await registry.put_provider(POOL, full_provider())
    assert await registry.provider(OTHER, "Acme") is None
    assert await registry.providers(OTHER) == []
    assert await registry.provider_called(OTHER, "domain", "acme.example") is None
    assert not await registry.delete_provider(OTHER, "Acme")
    assert await registry.provider(POOL, "Acme") is not None


async def test_a_provider_needs_a_pool(registry: Registry) -> None:
    with pytest.raises(NotFound):
        await registry.put_provider("nobody_X", full_provider())


async def test_providers_keep_the_order_in_which_they_came(registry: Registry) -> None:
    for name in ("Google", "Apple", "Zebra"):
        await registry.put_provider(POOL, provider(name))
    await registry.put_provider(POOL, provider("Google", display_name="changed"))
    assert await names(registry) == ["Google", "Apple", "Zebra"]


async def test_a_provider_may_be_put_where_it_belongs(registry: Registry) -> None:
    for name in ("a", "b", "c"):
        await registry.put_provider(POOL, provider(name))
    await registry.put_provider(POOL, provider("d"), 1)
    assert await names(registry) == ["a", "d", "b", "c"]
    await registry.put_provider(POOL, provider("c"), 0)
    assert await names(registry) == ["c", "a", "d", "b"]


async def test_only_those_with_a_button_are_shown(registry: Registry) -> None:
    await registry.put_provider(POOL, provider("off", enabled=False))
    await registry.put_provider(POOL, provider("by-domain", shown=False))
    for name in ("b", "a", "c"):
        await registry.put_provider(POOL, provider(name))
    assert [p.name for p in await registry.shown_providers(POOL)] == ["b", "a", "c"]
    assert [p.name for p in await registry.shown_providers(POOL, 2)] == ["b", "a"]
    assert await registry.shown_providers(OTHER) == []


async def test_a_provider_is_found_by_its_domains_and_identifiers(registry: Registry) -> None:
    await registry.put_provider(POOL, provider("Acme", domains=("Acme.example",), identifiers=("ACME",)))
    assert await registry.provider_called(POOL, "domain", "acme.example") == "Acme"
    assert await registry.provider_called(POOL, "identifier", "acme") == "Acme"
    assert await registry.provider_called(POOL, "identifier", "acme.example") is None
    await registry.put_provider(POOL, provider("Acme", domains=("acme.test",)))
    assert await registry.provider_called(POOL, "domain", "acme.example") is None
    assert await registry.provider_called(POOL, "domain", "acme.test") == "Acme"


async def test_a_domain_has_one_provider(registry: Registry) -> None:
    await registry.put_provider(POOL, provider("Acme", domains=("acme.example",)))
    with pytest.raises(Conflict):
        await registry.put_provider(POOL, provider("Evil", domains=("ACME.example",)))
    assert await names(registry) == ["Acme"]
    await registry.put_provider(POOL, provider("Evil", domains=("evil.example",)))
    await registry.put_provider(OTHER, provider("Evil", domains=("acme.example",)))
    assert await registry.provider_called(POOL, "domain", "acme.example") == "Acme"


async def test_a_deleted_provider_leaves_its_domain(registry: Registry) -> None:
    await registry.put_provider(POOL, provider("Acme", domains=("acme.example",)))
    assert await registry.delete_provider(POOL, "Acme")
    assert not await registry.delete_provider(POOL, "Acme")
    await registry.put_provider(POOL, provider("Next", domains=("acme.example",)))
    assert await registry.provider_called(POOL, "domain", "acme.example") == "Next"


async def test_every_change_of_a_provider_counts(registry: Registry) -> None:
    before = await registry.version()
    await registry.put_provider(POOL, provider("Acme"))
    assert await registry.version() > before
    before = await registry.version()
    await registry.delete_provider(POOL, "Acme")
    assert await registry.version() > before


# --- identities -------------------------------------------------------------------------------------------------------


async def test_an_identity_comes_back_whole(identities: Identities, elsewhere: Roles) -> None:
    full = full_identity()
    assert list(default_fields(full)) == []
    await identities.link(POOL, full)
    assert await identities.identity(POOL, "Acme", "s-1") == full
    assert await elsewhere.identities.identities(POOL, "ada") == [full]


@pytest.mark.parametrize("other", [("Acme", "S-1"), ("acme", "s-1"), ("Acme", "s-1 "), ("Acme", "s-2")])
async def test_a_subject_is_compared_to_the_letter(identities: Identities, other: tuple[str, str]) -> None:
    await identities.link(POOL, full_identity())
    assert await identities.identity(POOL, *other) is None
    assert await identities.identity(OTHER, "Acme", "s-1") is None


async def test_an_identity_has_one_user(identities: Identities) -> None:
    await identities.link(POOL, full_identity())
    with pytest.raises(Conflict):
        await identities.link(POOL, full_identity("bob"))
    await identities.link(OTHER, replace(full_identity("bob"), pool=OTHER))
    found = await identities.identity(POOL, "Acme", "s-1")
    assert found is not None
    assert found.user_id == "ada"


async def test_a_user_has_one_identity_of_a_provider(identities: Identities) -> None:
    await identities.link(POOL, full_identity())
    with pytest.raises(Conflict):
        await identities.link(POOL, full_identity(subject="s-2"))
    await identities.link(POOL, full_identity(provider="Other", subject="s-2"))
    assert [i.provider for i in await identities.identities(POOL, "ada")] == ["Acme", "Other"]


async def test_of_many_users_at_once_one_gets_the_identity(identities: Identities) -> None:
    tries = (identities.link(POOL, full_identity(user)) for user in ("ada", "bob", "ada", "bob"))
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(d).__name__ for d in done) == ["Conflict", "Conflict", "Conflict", "NoneType"]


async def test_nobody_is_linked_who_is_not_there(identities: Identities) -> None:
    with pytest.raises(NotFound):
        await identities.link(POOL, full_identity("nobody"))


async def test_what_may_change_of_an_identity_changes(identities: Identities) -> None:
    full = full_identity()
    await identities.link(POOL, full)
    changed = replace(full, name="new", used_at=NOW + 9, sealed_refresh_token=None)
    assert await identities.change_identity(POOL, replace(changed, issuer="https://evil.example", linked_at=1))
    assert await identities.identity(POOL, "Acme", "s-1") == changed
    assert not await identities.change_identity(POOL, replace(changed, user_id="bob", name="stolen"))
    assert not await identities.change_identity(OTHER, changed)
    assert await identities.identity(POOL, "Acme", "s-1") == changed


async def test_the_issuer_of_an_identity_linked_beforehand_is_the_first_that_comes(identities: Identities) -> None:
    known = full_identity()
    await identities.link(POOL, replace(known, issuer=""))
    assert await identities.change_identity(POOL, known)
    assert await identities.change_identity(POOL, replace(known, issuer="https://evil.example"))
    assert await identities.identity(POOL, "Acme", "s-1") == known


async def test_an_identity_is_unlinked_by_its_user_alone(identities: Identities) -> None:
    await identities.link(POOL, full_identity())
    assert not await identities.unlink(POOL, "bob", "Acme")
    assert not await identities.unlink(OTHER, "ada", "Acme")
    assert await identities.unlink(POOL, "ada", "Acme")
    assert not await identities.unlink(POOL, "ada", "Acme")
    await identities.link(POOL, full_identity("bob"))


async def test_links_go_with_the_user_and_stay_with_the_provider(identities: Identities, stores: Roles) -> None:
    await stores.registry.put_provider(POOL, full_provider())
    await identities.link(POOL, full_identity())
    await stores.registry.delete_provider(POOL, "Acme")
    assert await identities.identity(POOL, "Acme", "s-1") is not None
    await stores.directory.delete_user(POOL, "ada")
    assert await identities.identity(POOL, "Acme", "s-1") is None


async def test_a_new_user_comes_with_an_identity_or_not_at_all(identities: Identities, stores: Roles) -> None:
    carol = User("carol", POOL, "Acme_s-1", state="external")
    await stores.directory.create_user(POOL, carol, identities=[full_identity("carol")])
    assert (await identities.identities(POOL, "carol"))[0].subject == "s-1"
    with pytest.raises(Conflict):
        await stores.directory.create_user(POOL, User("dora", POOL, "dora"), identities=[full_identity("dora")])
    assert await stores.directory.user(POOL, "dora") is None


# --- what is kept of a provider ---------------------------------------------------------------------------------------


async def test_what_is_kept_is_the_last_that_came(identities: Identities, elsewhere: Roles) -> None:
    assert await identities.kept(POOL, "Acme", "metadata") is None
    assert await identities.keep(POOL, "Acme", "metadata", Kept(b"\x00one\xff", NOW))
    assert await identities.keep(POOL, "Acme", "metadata", Kept(b"two", NOW + 1))
    assert await elsewhere.identities.kept(POOL, "Acme", "metadata") == Kept(b"two", NOW + 1)
    for other in ((OTHER, "Acme", "metadata"), (POOL, "acme", "metadata"), (POOL, "Acme", "keys")):
        assert await identities.kept(*other) is None


async def test_of_many_who_keep_the_first_one_stays(identities: Identities) -> None:
    tries = (identities.keep(POOL, "Acme", "keys", Kept(b"%d" % n, NOW), unless_there=True) for n in range(8))
    done = await asyncio.gather(*tries)
    assert sum(done) == 1
    kept = await identities.kept(POOL, "Acme", "keys")
    assert kept == Kept(b"%d" % done.index(True), NOW)
