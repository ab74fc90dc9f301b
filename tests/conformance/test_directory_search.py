"""What the Directory promises of searches, lists and counts (store/protocols.py), over every implementation."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.adapters.sql import directory_search, directory_walk
from authserver.adapters.sql.word_signature import ALL, mask_of, signature_of
from authserver.errors import NotFound
from authserver.model.users import User, UserFilter
from authserver.store.protocols import Directory
from authserver.store.search import MAX_WORD, MAX_WORDS, search_words, user_words
from tests.conformance import sql_stores
from tests.conformance.sql_stores import NOW, OTHER, POOL, Roles

pytestmark = pytest.mark.anyio

sqlite_template = sql_stores.sqlite_template
postgres_url = sql_stores.postgres_url
any_url = sql_stores.any_url
stores = sql_stores.stores
elsewhere = sql_stores.elsewhere
directory = sql_stores.directory


def _names(users: Sequence[User]) -> list[str]:
    return [user.username for user in users]


async def found(directory: Directory, **wanted: Any) -> list[str]:
    """The usernames of those who are wanted. Counting them must come to the same."""
    names = _names(await directory.users(POOL, UserFilter(**wanted)))
    assert await directory.count_users(POOL, UserFilter(**wanted)) == len(names)
    return names


# --- words ------------------------------------------------------------------------------------------------------------

ADA = User(
    "u-ada",
    POOL,
    "Countess_1815",
    "Ada.Byron@mail.example.com",
    phone_number="+442079460000",
    attributes={"name": "Augusta Ada King", "family_name": "Łovelace-Byron", "nickname": "엔진 🙂", "locale": "sv"},
    created_at=NOW,
)
BOB = User("u-bob", POOL, "bob", "bob@example.com", True, attributes={"given_name": "Robert", "name": 7})


@pytest.mark.parametrize(
    ("search", "ada"),
    [
        ("countess", True),
        ("COUNT", True),
        ("ountess", False),
        ("1815", True),
        ("815", False),
        ("countess_1815", True),
        ("ada.byron@mail", True),
        ("byron", True),
        ("mail.example", True),
        ("xample", False),
        ("+4420", True),
        ("4420", True),
        ("+44 20 7946 0000", True),
        ("+44 20 7947", False),
        ("020", False),
        ("king aug", True),
        ("king robert", False),
        ("łove", True),
        ("엔", True),
        ("진", False),
        ("🙂", True),
        ("sv", False),
        ("ada ADA ad", True),
        ("%", False),
        ("_", False),
        ("c%", True),
        ("\ud800", False),
        ("count\0", True),
    ],
)
async def test_every_word_of_a_search_begins_a_word_of_the_user(
    directory: Directory, elsewhere: Roles, search: str, ada: bool
) -> None:
    for user in (ADA, BOB):
        await directory.create_user(POOL, user)
    await directory.create_user(OTHER, replace(ADA, pool=OTHER))
    assert ("Countess_1815" in await found(directory, search=search)) is ada
    assert ("Countess_1815" in await found(elsewhere.directory, search=search)) is ada


@pytest.mark.parametrize("search", ["", "  ", None])
async def test_an_empty_search_finds_everybody(directory: Directory, search: str | None) -> None:
    for user in (ADA, BOB):
        await directory.create_user(POOL, user)
    assert await found(directory, search=search) == ["bob", "Countess_1815"]


async def test_a_changed_user_is_found_by_the_new_words_alone(directory: Directory) -> None:
    await directory.create_user(POOL, ADA)
    await directory.create_user(POOL, BOB)
    await directory.change_user(POOL, ADA.id, lambda user: replace(user, email="augusta@king.example"))
    assert await found(directory, search="ada byron") == [ADA.username]
    await directory.change_user(POOL, ADA.id, lambda user: replace(user, attributes={"nickname": "Babbage"}))
    assert await found(directory, search="byron") == []
    assert await found(directory, search="babb king") == [ADA.username]


async def test_a_renamed_user_is_found_once(directory: Directory) -> None:
    await directory.create_user(POOL, replace(ADA, groups=("ants", "bees")))
    await directory.change_user(POOL, ADA.id, lambda user: replace(user, username="ada"))
    assert await found(directory, search="ada") == ["ada"]
    assert await found(directory, group="ants") == await found(directory, group="bees", search="ada") == ["ada"]
    assert await found(directory, search="countess") == []
    await directory.create_user(POOL, User("u-new", POOL, ADA.username))
    assert await found(directory, search="countess") == [ADA.username]
    assert await found(directory, search="lovelace") == await found(directory, search="byron countess") == []


async def test_a_deleted_user_is_not_found_and_leaves_no_words_behind(directory: Directory) -> None:
    await directory.create_user(POOL, ADA)
    assert await directory.delete_user(POOL, ADA.id) is True
    assert await directory.delete_user(POOL, ADA.id) is False
    await directory.create_user(POOL, User("u-new", POOL, ADA.username))
    assert await found(directory, search="ada") == []
    assert await found(directory, search="countess") == [ADA.username]


def test_the_words_that_count_are_bounded() -> None:
    talkative = User("u", POOL, "x" * 200, attributes={"name": " ".join(f"w{n}" for n in range(100))})
    assert len(user_words(talkative)) == MAX_WORDS
    assert user_words(talkative)[0] == "x" * MAX_WORD
    assert search_words("x" * 200) == ("x" * MAX_WORD,)
    assert len(search_words(" ".join(f"w{n}" for n in range(100))) or ()) == MAX_WORDS


async def test_a_long_word_is_found(directory: Directory) -> None:
    await directory.create_user(POOL, User("u", POOL, "x" * 200))
    assert await found(directory, search="x" * 200) == ["x" * 200]
    assert await found(directory, search="x" * 39 + "y") == []


@given(st.lists(st.text(alphabet="abcdé한", min_size=1, max_size=6), min_size=1, max_size=24), st.data())
def test_a_signature_keeps_nobody_out_who_has_the_word(words: list[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(words))
    mask = mask_of(word[: data.draw(st.integers(1, len(word)))])
    assert signature_of(words) & mask == mask
    assert 0 < signature_of(words) <= ALL < 2**63


def test_a_signature_keeps_most_out_who_have_not() -> None:
    chance = random.Random(5)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(3000)]
    signatures = [signature_of(words[n : n + 6]) for n in range(0, 3000, 6)]
    mask = mask_of("qxz")
    assert sum(signature & mask == mask for signature in signatures) < len(signatures) / 20


# --- other filters ----------------------------------------------------------------------------------------------------

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "the state": ({"state": "disabled"}, "b d"),
    "another state": ({"state": "unconfirmed"}, ""),
    "the group": ({"group": "ants"}, "a b"),
    "a group that nobody has": ({"group": "zebras"}, ""),
    "an email address": ({"email": "B@Example.com"}, "b d"),
    "part of an email address": ({"email": "b@example"}, ""),
    "no email address": ({"email": ""}, ""),
    "a phone number": ({"phone_number": "+442"}, "c"),
    "part of a phone number": ({"phone_number": "+44"}, ""),
    "no phone number": ({"phone_number": ""}, ""),
    "since": ({"created_since": NOW + 2}, "c d"),
    "until": ({"created_until": NOW + 2}, "a b"),
    "since and until": ({"created_since": NOW + 1, "created_until": NOW + 3}, "b c"),
    "all at once": (
        {
            "search": "b exam",
            "state": "disabled",
            "group": "ants",
            "email": "b@example.com",
            "created_since": NOW,
            "created_until": NOW + 9,
        },
        "b",
    ),
    "a word and a group": ({"search": "example", "group": "ants"}, "b"),
}


@pytest.mark.parametrize("case", CASES)
async def test_users_are_found_by_what_they_are(directory: Directory, case: str) -> None:
    for user in (
        User("1", POOL, "a", groups=("ants",), created_at=NOW),
        User("2", POOL, "b", "b@example.com", True, groups=("ants", "bees"), state="disabled", created_at=NOW + 1),
        User("3", POOL, "c", phone_number="+442", groups=("bees",), created_at=NOW + 2),
        User("4", POOL, "d", "B@example.com", False, state="disabled", created_at=NOW + 3),
    ):
        await directory.create_user(POOL, user)
    wanted, names = CASES[case]
    assert await found(directory, **wanted) == names.split()


async def test_a_phone_number_that_is_written_otherwise_is_another(directory: Directory) -> None:
    await directory.create_user(POOL, User("1", POOL, "a", phone_number="+44 2"))
    assert await found(directory, phone_number="+44 2") == ["a"]
    assert await found(directory, phone_number="+442") == []


async def test_a_count_goes_no_further_than_told(directory: Directory) -> None:
    for n in range(5):
        await directory.create_user(POOL, User(f"u{n}", POOL, f"user{n}", state="disabled"))
    for wanted in (UserFilter(), UserFilter(search="us"), UserFilter(state="disabled")):
        assert await directory.count_users(POOL, wanted, at_most=3) == 3
        assert await directory.count_users(POOL, wanted) == 5
        assert await directory.count_users(OTHER, wanted) == 0


async def test_those_whose_time_has_come_are_due_for_deletion(directory: Directory, elsewhere: Roles) -> None:
    for pool, name, after in ((POOL, "a", NOW), (POOL, "b", NOW + 1), (OTHER, "c", NOW - 1), (POOL, "d", None)):
        user = User(f"u-{name}", pool, name, delete_after=after, groups=("ants", "bees") if pool == POOL else ())
        await directory.create_user(pool, user)
    assert _names(await elsewhere.directory.due_for_deletion(NOW)) == ["c", "a"]
    assert _names(await directory.due_for_deletion(NOW, limit=1)) == ["c"]
    assert await directory.due_for_deletion(NOW - 2) == []
    await directory.change_user(POOL, "u-a", lambda user: replace(user, delete_after=None))
    assert _names(await directory.due_for_deletion(NOW + 1)) == ["c", "b"]
    with pytest.raises(NotFound):
        await directory.change_user(POOL, "u-c", lambda user: user)


# --- every way to search ----------------------------------------------------------------------------------------------

_SYLLABLES = ["an", "na", "be", "bea", "li", "o", "zo"]


def _crowd(chance: random.Random, size: int) -> list[User]:
    def word() -> str:
        return "".join(chance.choices(_SYLLABLES, k=chance.randint(1, 2)))

    crowd = {}
    for n in range(size):
        name = f"{word()}.{word()}{chance.randint(0, 40) or ''}"
        crowd[name] = User(
            f"u{n}",
            POOL,
            name,
            f"{word()}@{word()}.example" if chance.random() < 0.8 else None,
            phone_number=f"+49{chance.randint(0, 30)}" if chance.random() < 0.5 else None,
            attributes={"name": f"{word()} {word()}"} if chance.random() < 0.5 else {},
            groups=("ants",) if chance.random() < 0.3 else (),
            state="disabled" if chance.random() < 0.1 else "confirmed",
            created_at=NOW + chance.randint(0, 99),
        )
    return list(crowd.values())


def _wish(chance: random.Random, crowd: Sequence[User]) -> UserFilter:
    def maybe(value: Any, likely: float = 0.2) -> Any:
        return value if chance.random() < likely else None

    somebody = chance.choice(crowd)
    words = " ".join(chance.choice(_SYLLABLES)[: chance.randint(1, 3)] for _ in range(chance.randint(1, 3)))
    since = chance.randint(0, 99)
    return UserFilter(
        search=maybe(words, 0.7),
        state=maybe(somebody.state),
        group=maybe("ants"),
        email=maybe(somebody.email, 0.05),
        phone_number=maybe(somebody.phone_number, 0.05),
        created_since=maybe(NOW + since),
        created_until=maybe(NOW + since + chance.randint(0, 50)),
    )


WAYS = [(1000, (500, 2500)), (1000, (1, 1)), (3, (5, 20, 1000)), (3, (2, 3)), (0, (1,)), (0, (7, 30))]
"""What counts as rare, and how far a walk goes: so that rare parts, walks and intersections each have their turn."""


@pytest.mark.parametrize(("rare", "strides"), WAYS)
async def test_every_way_to_search_finds_what_memory_finds(
    stores: Roles, rare: int, strides: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    await finds_the_same(stores, rare, strides, monkeypatch, wishes=8)


@pytest.mark.nightly
@pytest.mark.parametrize(("rare", "strides"), WAYS)
async def test_hundreds_of_wishes_find_what_memory_finds(
    stores: Roles, rare: int, strides: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    await finds_the_same(stores, rare, strides, monkeypatch, wishes=100)


async def finds_the_same(
    stores: Roles, rare: int, strides: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, *, wishes: int
) -> None:
    """Random wishes over a crowd."""
    monkeypatch.setattr(directory_search, "RARE", rare)
    monkeypatch.setattr(directory_walk, "STRIDES", strides)
    monkeypatch.setattr(directory_walk, "SMALL", rare)
    chance = random.Random(f"{rare} {strides}")
    crowd = _crowd(chance, 150)
    reference = sql_stores.memory_stores(lambda: float(NOW)).directory
    for pool in (POOL, OTHER):
        await stores.registry.put_pool(sql_stores.bare_pool(pool))
    for user in crowd:
        await reference.create_user(POOL, user)
        await stores.directory.create_user(POOL, user)
    for _ in range(wishes):
        wish = _wish(chance, crowd)
        limit, after = chance.randint(1, 20), chance.choice([None, *crowd[:3]])
        page = {"limit": limit, "after": after.username if after is not None else None}
        assert await stores.directory.users(POOL, wish, **page) == await reference.users(POOL, wish, **page), wish
        for at_most in (3, 10_000):
            counted = await stores.directory.count_users(POOL, wish, at_most=at_most)
            assert counted == await reference.count_users(POOL, wish, at_most=at_most), wish
        assert await stores.directory.users(OTHER, wish) == []


async def test_pages_of_a_search_follow_one_another(stores: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_search, "RARE", 2)
    monkeypatch.setattr(directory_walk, "STRIDES", (3, 7))
    await stores.registry.put_pool(sql_stores.bare_pool(POOL))
    for user in _crowd(random.Random(4), 80):
        await stores.directory.create_user(POOL, user)
    wanted = UserFilter(search="an", state="confirmed")
    pages: list[str] = []
    after = None
    while page := await stores.directory.users(POOL, wanted, limit=7, after=after):
        assert len(page) <= 7
        pages += _names(page)
        after = page[-1].username
    assert pages == _names(await stores.directory.users(POOL, wanted, limit=1000))
    assert len(pages) > 10
