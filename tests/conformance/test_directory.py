"""What the Directory promises (store/protocols.py), over every implementation."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from authserver.errors import Conflict, NotFound, Refusal
from authserver.model.clients import Client
from authserver.model.credentials import Device
from authserver.model.users import PasswordCredential, User, UserFilter
from authserver.store.protocols import Directory
from tests.conformance import sql_stores
from tests.conformance.sql_stores import (
    NOW,
    OTHER,
    POOL,
    Roles,
    default_fields,
    family,
    full_consent,
    full_pool,
    full_user,
    grant,
    on_sql,
    password,
)

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere
directory = sql_stores.directory


async def put(directory: Directory, pool: str, user: User) -> User:
    """Make the stored user of this id the given one."""
    return await directory.change_user(pool, user.id, lambda _stored: user)


ALL = ("username", "email", "phone_number", "preferred_username")


# --- users ------------------------------------------------------------------------------------------------------------


async def test_a_user_comes_back_whole(directory: Directory, elsewhere: Roles) -> None:
    user = full_user(POOL, "u1")
    assert list(default_fields(user)) == []
    await directory.create_user(POOL, user)
    assert await directory.user(POOL, "u1") == user
    assert await elsewhere.directory.user(POOL, "u1") == user
    assert await directory.users(POOL) == [user]
    assert await directory.find_user(POOL, user.username, ["username"]) == user


async def test_a_bare_user_comes_back_whole(directory: Directory) -> None:
    user = User("u1", POOL, "bob")
    await directory.create_user(POOL, user)
    assert await directory.user(POOL, "u1") == user
    assert await directory.password(POOL, "u1") is None


async def test_a_user_that_nobody_created_is_none(directory: Directory) -> None:
    assert await directory.user(POOL, "nobody") is None


async def test_a_user_is_created_with_a_password(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, full_user(POOL, "u1"), password("u1"))
    assert await directory.password(POOL, "u1") == password("u1")
    assert await elsewhere.directory.password(POOL, "u1") == password("u1")


async def test_a_changed_user_is_replaced_whole_but_for_the_password(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, full_user(POOL, "u1"), password("u1"))
    await directory.create_user(POOL, User("u2", POOL, "bob"))
    bare = User("u1", POOL, "renamed", created_at=NOW)
    assert await put(directory, POOL, bare) == bare
    assert await elsewhere.directory.user(POOL, "u1") == bare
    assert await directory.password(POOL, "u1") == password("u1")
    assert await directory.find_user(POOL, "Ada.Łovelace", ALL) is None
    await put(directory, POOL, full_user(POOL, "u1"))
    assert await elsewhere.directory.user(POOL, "u1") == full_user(POOL, "u1")
    assert await directory.user(POOL, "u2") == User("u2", POOL, "bob")


async def test_what_a_user_is_cannot_be_changed(directory: Directory) -> None:
    await directory.create_user(POOL, full_user(POOL, "u1"))
    forged = replace(full_user(OTHER, "u2"), created_at=1, state="confirmed")
    changed = await directory.change_user(POOL, "u1", lambda _stored: forged)
    assert changed == replace(full_user(POOL, "u1"), state="confirmed")
    assert await directory.user(POOL, "u1") == changed
    assert await directory.users(OTHER) == []


async def test_a_change_sees_what_is_stored_and_may_refuse(directory: Directory) -> None:
    class TooLateError(Exception):
        pass

    def refuse(stored: User) -> User:
        assert stored == full_user(POOL, "u1")
        raise TooLateError

    await directory.create_user(POOL, full_user(POOL, "u1"))
    with pytest.raises(TooLateError):
        await directory.change_user(POOL, "u1", refuse)
    assert await directory.user(POOL, "u1") == full_user(POOL, "u1")
    await put(directory, POOL, replace(full_user(POOL, "u1"), state="confirmed"))


async def test_no_change_is_lost_when_many_come_at_once(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"))

    def add(name: str) -> Callable[[User], User]:
        return lambda stored: replace(stored, attributes={**stored.attributes, name: 1}, groups=(*stored.groups, name))

    names = [f"n{n:02}" for n in range(50)]
    await asyncio.gather(
        *(
            role.change_user(POOL, "u1", add(name))
            for name, role in zip(names, [directory, elsewhere.directory] * 25, strict=True)
        )
    )
    stored = await directory.user(POOL, "u1")
    assert stored is not None
    assert sorted(stored.attributes) == names
    assert sorted(stored.groups) == names


async def test_only_a_user_that_is_there_can_be_updated(directory: Directory) -> None:
    await directory.create_user(OTHER, User("u1", OTHER, "ada"))
    with pytest.raises(NotFound):
        await put(directory, POOL, User("u1", POOL, "eve"))
    assert await directory.user(OTHER, "u1") == User("u1", OTHER, "ada")
    assert await directory.user(POOL, "u1") is None


async def test_users_of_two_pools_never_meet(directory: Directory) -> None:
    ours, theirs = full_user(POOL, "u1"), replace(full_user(OTHER, "u1"), attributes={}, groups=())
    await directory.create_user(POOL, ours, password("u1", "$ours"))
    await directory.create_user(OTHER, theirs, password("u1", "$theirs"))
    assert await directory.user(POOL, "u1") == ours
    assert await directory.user(OTHER, "u1") == theirs
    assert await directory.find_user(OTHER, "ada@example.com", ALL) == theirs
    assert await directory.users(OTHER) == [theirs]
    await put(directory, OTHER, replace(theirs, username="renamed"))
    assert await directory.user(POOL, "u1") == ours
    assert await directory.delete_user(OTHER, "u1") is True
    assert await directory.user(POOL, "u1") == ours
    assert await directory.password(POOL, "u1") == password("u1", "$ours")


# --- uniqueness -------------------------------------------------------------------------------------------------------

TAKEN = User("u1", POOL, "Ada", "ada@example.com", True, "+4915112345678", True)
CLASHES = {
    "the user id": replace(TAKEN, username="x", email=None, phone_number=None),
    "the username": User("u2", POOL, "ada"),
    "the username in another case": User("u2", POOL, "ADA"),
    "the username in compatibility characters": User("u2", POOL, "ａｄａ"),
    "the verified email": User("u2", POOL, "x", "ada@example.com", True),
    "the verified email in another case": User("u2", POOL, "x", "ADA@Example.Com", True),
    "the verified phone number": User("u2", POOL, "x", None, False, "+4915112345678", True),
}
TWINS = {
    "another username": User("u2", POOL, "adam"),
    "the email unverified": User("u2", POOL, "x", "ada@example.com", False),
    "the phone number unverified": User("u2", POOL, "x", None, False, "+4915112345678", False),
    "no email, marked as verified": User("u2", POOL, "x", None, True),
}
SENTENCES = {"id": "user id", "username": "username", "email": "email address", "phone": "phone number"}


@pytest.mark.parametrize("clash", CLASHES)
async def test_a_name_that_signs_in_somebody_else_is_taken(directory: Directory, clash: str) -> None:
    await directory.create_user(POOL, TAKEN)
    what = next(sentence for word, sentence in SENTENCES.items() if f" {word}" in clash)
    with pytest.raises(Conflict, match=f"The {what} is taken"):
        await directory.create_user(POOL, CLASHES[clash], password(CLASHES[clash].id))
    assert await directory.users(POOL) == [TAKEN]
    assert await directory.password(POOL, "u1") is None


@pytest.mark.parametrize("twin", TWINS)
async def test_a_name_that_signs_in_nobody_is_free(directory: Directory, twin: str) -> None:
    await directory.create_user(POOL, TAKEN)
    await directory.create_user(POOL, TWINS[twin])
    assert await directory.user(POOL, "u2") == TWINS[twin]


@pytest.mark.parametrize("clash", [name for name in CLASHES if name != "the user id"])
async def test_an_update_cannot_take_a_name_that_signs_in_somebody_else(directory: Directory, clash: str) -> None:
    await directory.create_user(POOL, TAKEN)
    await directory.create_user(POOL, User("u2", POOL, "bob"))
    with pytest.raises(Conflict):
        await put(directory, POOL, CLASHES[clash])
    assert await directory.user(POOL, "u2") == User("u2", POOL, "bob")


async def test_a_user_may_keep_its_own_names(directory: Directory) -> None:
    await directory.create_user(POOL, TAKEN)
    await put(directory, POOL, replace(TAKEN, username="ADA"))
    assert await directory.user(POOL, "u1") == replace(TAKEN, username="ADA")


async def test_an_address_is_taken_once_it_is_verified(directory: Directory) -> None:
    for user_id in ("u1", "u2"):
        await directory.create_user(POOL, User(user_id, POOL, user_id, "both@example.com", False))
    await put(directory, POOL, User("u1", POOL, "u1", "both@example.com", True))
    with pytest.raises(Conflict):
        await put(directory, POOL, User("u2", POOL, "u2", "both@example.com", True))


async def test_of_many_who_take_a_username_at_once_one_gets_it(directory: Directory, elsewhere: Roles) -> None:
    outcomes = await asyncio.gather(
        *(
            role.create_user(POOL, User(f"u{n}", POOL, "ada"))
            for n, role in enumerate([directory, elsewhere.directory] * 10)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert {type(outcome) for outcome in outcomes if outcome is not None} == {Conflict}
    assert len(await directory.users(POOL)) == 1


# --- finding ----------------------------------------------------------------------------------------------------------

ADA = User("ada", POOL, "Ada", "ada@example.com", True, "+491511", True, attributes={"preferred_username": "Countess"})


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("ada", "username"),
        (" ＡＤＡ ", "username"),
        ("Ada@Example.com", "email"),
        ("+491511", "phone_number"),
        ("COUNTESS", "preferred_username"),
    ],
)
async def test_a_user_is_found_by_each_kind_of_name_after_folding(
    directory: Directory, identifier: str, kind: str
) -> None:
    await directory.create_user(POOL, ADA)
    assert await directory.find_user(POOL, identifier, [kind]) == ADA
    assert await directory.find_user(POOL, identifier, ALL) == ADA
    others = [each for each in ALL if each != kind]
    assert await directory.find_user(POOL, identifier, others) is None
    assert await directory.find_user(OTHER, identifier, ALL) is None
    assert await directory.find_user(POOL, identifier, []) is None


@pytest.mark.parametrize("identifier", ["", "  ", "\u200b", "nobody", "%", "_da", "ada\0", "a\ud800", "x" * 5000])
async def test_what_is_nobodys_name_finds_nobody(directory: Directory, identifier: str) -> None:
    await directory.create_user(POOL, ADA)
    await directory.create_user(POOL, User("blank", POOL, "blank", "", True, "", True, {"preferred_username": ""}))
    assert await directory.find_user(POOL, identifier, ALL) is None


async def test_an_address_counts_only_when_it_is_verified(directory: Directory) -> None:
    await directory.create_user(POOL, replace(ADA, email_verified=False, phone_number_verified=False))
    assert await directory.find_user(POOL, "ada@example.com", ALL) is None
    assert await directory.find_user(POOL, "+491511", ALL) is None


async def test_the_better_kind_of_name_wins(directory: Directory) -> None:
    name = "+491511"
    by_username = User("by-username", POOL, name)
    by_email = User("by-email", POOL, "a", name, True)
    by_phone = User("by-phone", POOL, "b", None, False, name, True)
    by_preferred = User("by-preferred", POOL, "c", attributes={"preferred_username": name})
    for user in (by_preferred, by_phone, by_email, by_username):
        await directory.create_user(POOL, user)
        assert await directory.find_user(POOL, name, ALL) == user
        assert await directory.find_user(POOL, name, ALL[::-1]) == user
    assert await directory.find_user(POOL, name, ["preferred_username", "phone_number"]) == by_phone


async def test_one_user_under_one_name_of_two_kinds_is_no_ambiguity(directory: Directory) -> None:
    user = User("u1", POOL, "ada@example.com", "ada@example.com", True, groups=("ants", "bees"))
    await directory.create_user(POOL, user)
    assert await directory.find_user(POOL, "ada@example.com", ALL) == user


async def test_a_name_of_two_users_is_nobodys(directory: Directory) -> None:
    for user_id in ("u1", "u2"):
        attributes = {"preferred_username": "twin"}
        await directory.create_user(POOL, User(user_id, POOL, user_id, attributes=attributes, groups=("ants", "bees")))
    assert await directory.find_user(POOL, "twin", ALL) is None
    third = User("u3", POOL, "twin")
    await directory.create_user(POOL, third)
    assert await directory.find_user(POOL, "twin", ALL) == third


async def test_a_preferred_username_that_is_no_text_is_no_name(directory: Directory) -> None:
    await directory.create_user(POOL, User("u1", POOL, "x", attributes={"preferred_username": 7}))
    assert await directory.find_user(POOL, "7", ALL) is None


# --- lists ------------------------------------------------------------------------------------------------------------

PEOPLE = {
    "Anna": "z@example.com",
    "ben_1": "ben@example.com",
    "ben%2": "annabel@example.com",
    "BENx1": None,
    "beo": None,
    "Émile": "percent%@example.com",
    "zoe": "under_score@example.com",
    "\U0010ffffz": None,
}


async def _people(directory: Directory) -> None:
    for name, email in PEOPLE.items():
        await directory.create_user(POOL, User(name, POOL, name, email, groups=("bees", "ants")[:1]))
    await directory.create_user(OTHER, User("foreign", OTHER, "ben_1"))


def _names(users: Sequence[User]) -> list[str]:
    return [user.username for user in users]


async def test_users_are_listed_by_folded_username(directory: Directory) -> None:
    await _people(directory)
    assert _names(await directory.users(POOL)) == [
        "Anna",
        "ben%2",
        "ben_1",
        "BENx1",
        "beo",
        "zoe",
        "Émile",
        "\U0010ffffz",
    ]


async def test_pages_follow_one_another(directory: Directory) -> None:
    await _people(directory)
    pages, after = [], None
    while page := await directory.users(POOL, limit=2, after=after):
        assert len(page) <= 2
        pages += _names(page)
        after = page[-1].username
    assert pages == _names(await directory.users(POOL))
    assert await directory.users(POOL, limit=0) == []


@pytest.mark.parametrize("search", ["", "  ", None])
async def test_an_empty_search_lists_everybody(directory: Directory, search: str | None) -> None:
    await _people(directory)
    assert len(await directory.users(POOL, UserFilter(search=search))) == len(PEOPLE)


async def test_a_search_is_paged_too(directory: Directory) -> None:
    await _people(directory)
    first = await directory.users(POOL, UserFilter(search="anna"), limit=1)
    assert _names(first) == ["Anna"]
    assert _names(await directory.users(POOL, UserFilter(search="anna"), limit=1, after="Anna")) == ["ben%2"]
    assert await directory.users(POOL, UserFilter(search="anna"), limit=1, after="ben%2") == []


async def test_a_page_brings_each_users_groups(directory: Directory) -> None:
    await directory.create_user(POOL, full_user(POOL, "u1"))
    await directory.create_user(POOL, User("u2", POOL, "bob"))
    assert [user.groups for user in await directory.users(POOL, UserFilter(search=""), limit=2)] == [
        full_user(POOL, "u1").groups,
        (),
    ]


# --- deleting ---------------------------------------------------------------------------------------------------------


async def test_deleting_a_user_takes_all_that_is_theirs(directory: Directory, stores: Roles) -> None:
    await stores.registry.put_client(POOL, Client(f"web-{POOL}", POOL))
    for user_id in ("ada", "bob"):
        await directory.create_user(POOL, User(user_id, POOL, user_id, groups=("ants",)), password(user_id))
        await stores.credentials.put_device(POOL, Device("device", user_id))
        await directory.count_password_failure(POOL, user_id)
        await stores.grants.create_grant(POOL, grant(POOL, f"of-{user_id}", user_id=user_id))
        await stores.grants.redeem_code(POOL, f"code-{user_id}", NOW, family(POOL, f"of-{user_id}", f"f-{user_id}"))
        await stores.grants.put_consent(POOL, replace(full_consent(POOL), user_id=user_id))

    assert await directory.delete_user(POOL, "ada") is True

    for user_id, kept in (("ada", False), ("bob", True)):
        assert (await directory.user(POOL, user_id) is not None) is kept
        assert (await directory.password(POOL, user_id) is not None) is kept
        assert (await stores.credentials.device(POOL, user_id, "device") is not None) is kept
        assert await directory.password_failures(POOL, user_id) == int(kept)
        assert (await stores.grants.grant(POOL, f"of-{user_id}") is not None) is kept
        assert (await stores.grants.refresh_facts(POOL, f"f-{user_id}") is not None) is kept
        assert (await stores.grants.consent(POOL, user_id, f"web-{POOL}") is not None) is kept
    assert await directory.delete_user(POOL, "ada") is False


async def test_a_user_is_deleted_only_in_the_state_that_is_meant(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, replace(full_user(POOL, "u1"), state="unconfirmed"))
    await put(directory, POOL, replace(full_user(POOL, "u1"), state="confirmed"))
    assert await directory.delete_user(POOL, "u1", state="unconfirmed") is False, "it was confirmed meanwhile"
    assert await elsewhere.directory.user(POOL, "u1") is not None
    await put(directory, POOL, replace(full_user(POOL, "u1"), state="unconfirmed"))
    assert await directory.delete_user(OTHER, "u1", state="unconfirmed") is False
    assert await directory.delete_user(POOL, "u1", state="unconfirmed") is True
    assert await elsewhere.directory.user(POOL, "u1") is None
    name = full_user(POOL, "u1").username
    assert await directory.users(POOL, UserFilter(search=name)) == [], "nor is it found any more"
    await directory.create_user(POOL, User("ada", POOL, "ada"))
    assert await directory.user(POOL, "ada") == User("ada", POOL, "ada")
    assert await directory.password(POOL, "ada") is None


# --- passwords --------------------------------------------------------------------------------------------------------


async def test_a_password_is_set_and_replaced(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"))
    for credential in (PasswordCredential("u1", "$one", NOW), PasswordCredential("u1", "$two", NOW + 1)):
        assert await directory.set_password(POOL, credential) is True
        assert await elsewhere.directory.password(POOL, "u1") == credential


async def test_a_rehash_replaces_only_the_hash_it_was_made_of(directory: Directory) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"), password("u1", "$old"))
    assert await directory.set_password(POOL, password("u1", "$rehash"), replaces="$other") is False
    assert await directory.password(POOL, "u1") == password("u1", "$old")
    assert await directory.set_password(POOL, PasswordCredential("u1", "$rehash", NOW + 1), replaces="$old") is True
    assert await directory.password(POOL, "u1") == PasswordCredential("u1", "$rehash", NOW + 1)


async def test_a_rehash_brings_back_no_password(directory: Directory) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"))
    assert await directory.set_password(POOL, password("u1"), replaces="$old") is False
    assert await directory.password(POOL, "u1") is None


async def test_nobody_gets_no_password(directory: Directory) -> None:
    await directory.create_user(OTHER, User("u1", OTHER, "ada"))
    assert await directory.set_password(POOL, password("u1")) is False
    assert await directory.password(POOL, "u1") is None
    assert await directory.password(OTHER, "u1") is None


async def test_of_many_rehashes_one_wins(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"), password("u1", "$old"))
    won = await asyncio.gather(
        *(
            role.set_password(POOL, password("u1", f"$new-{n}"), replaces="$old")
            for n, role in enumerate([directory, elsewhere.directory] * 5)
        )
    )
    assert won.count(True) == 1
    stored = await directory.password(POOL, "u1")
    assert stored is not None
    assert stored.hash == f"$new-{won.index(True)}"


# --- failures ---------------------------------------------------------------------------------------------------------


async def test_failures_are_counted_in_a_row(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"))
    await directory.create_user(POOL, User("u2", POOL, "bob"))
    assert await directory.password_failures(POOL, "u1") == 0
    assert [await directory.count_password_failure(POOL, "u1") for _ in range(3)] == [1, 2, 3]
    assert await elsewhere.directory.password_failures(POOL, "u1") == 3
    assert await directory.password_failures(POOL, "u2") == 0
    assert await directory.password_failures(OTHER, "u1") == 0
    await directory.clear_password_failures(POOL, "u1")
    assert await directory.password_failures(POOL, "u1") == 0
    assert await directory.count_password_failure(POOL, "u1") == 1


async def test_an_unknown_user_has_no_failures(directory: Directory) -> None:
    await directory.create_user(OTHER, User("u1", OTHER, "ada"))
    assert [await directory.count_password_failure(POOL, "u1") for _ in range(3)] == [0, 0, 0]
    assert await directory.password_failures(POOL, "u1") == 0
    await directory.clear_password_failures(POOL, "u1")
    await directory.create_user(POOL, User("u1", POOL, "ada"))
    assert await directory.count_password_failure(POOL, "u1") == 1


async def test_no_failure_is_lost_when_many_come_at_once(directory: Directory, elsewhere: Roles) -> None:
    await directory.create_user(POOL, User("u1", POOL, "ada"))
    counted = await asyncio.gather(
        *(role.count_password_failure(POOL, "u1") for role in [directory, elsewhere.directory] * 20)
    )
    assert sorted(counted) == list(range(1, 41))


async def test_clearing_the_failures_of_one_user_leaves_the_others(directory: Directory) -> None:
    for user_id in ("u1", "u2"):
        await directory.create_user(POOL, User(user_id, POOL, user_id))
        await directory.count_password_failure(POOL, user_id)
    await directory.clear_password_failures(POOL, "u1")
    assert await directory.password_failures(POOL, "u2") == 1


# --- the databases alone ----------------------------------------------------------------------------------------------


@on_sql
async def test_groups_come_by_precedence_then_name(directory: Directory, stores: Roles) -> None:
    shuffled = ("unheard-of", "bees", "also-unheard-of", "zebras", "ants")
    await directory.create_user(POOL, User("u1", POOL, "ada", groups=shuffled))
    stored = await directory.user(POOL, "u1")
    assert stored is not None
    assert stored.groups == ("zebras", "ants", "bees", "also-unheard-of", "unheard-of")
    pool = full_pool(POOL)
    await stores.registry.put_pool(replace(pool, groups=tuple(replace(g, precedence=None) for g in pool.groups)))
    stored = await directory.user(POOL, "u1")
    assert stored is not None
    assert stored.groups == tuple(sorted(shuffled))


@on_sql
async def test_a_user_needs_its_pool(directory: Directory) -> None:
    with pytest.raises(NotFound):
        await directory.create_user("nobody_X", User("u1", "nobody_X", "ada"))


@on_sql
async def test_a_user_that_cannot_be_stored_is_refused(directory: Directory, any_url: str) -> None:
    unstorable = [User("u1", POOL, "a\ud800"), User("u1", POOL, "a", attributes={"x": "\ud800"})]
    if any_url.startswith("postgresql"):
        unstorable += [User("u1", POOL, "a\0"), User("u1", POOL, "x" * 600)]
    for user in unstorable:
        with pytest.raises(Refusal) as refused:
            await directory.create_user(POOL, user)
        assert refused.value.code == "invalid"
    assert await directory.users(POOL) == []


@on_sql
async def test_a_preferred_username_too_long_for_a_name_is_kept_as_an_attribute(directory: Directory) -> None:
    user = User("u1", POOL, "ada", attributes={"preferred_username": "x" * 3000})
    await directory.create_user(POOL, user)
    assert await directory.user(POOL, "u1") == user
