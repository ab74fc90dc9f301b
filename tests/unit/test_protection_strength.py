"""How strong a password is: hints that fit it, in bounded time, about nobody else."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.model.users import User
from authserver.protection.strength import ADVICE, LONGEST, Meter, Strength, measure, own_words
from tests.pages.catalogue import extracted


@pytest.mark.parametrize(
    ("password", "score", "advice"),
    [
        ("", 0, ("more",)),
        ("a", 0, ("more",)),
        ("password", 0, ("common", "more")),
        ("Password", 0, ("common", "trick", "more")),
        ("p4ssw0rd", 0, ("common", "trick", "more")),
        ("drowssap", 0, ("common", "trick", "more")),
        ("abcdefgh", 0, ("sequence", "more")),
        ("aaaaaaaaaaaa", 0, ("repeat", "more")),
        ("31.12.1999", 1, ("date", "more")),
        ("bhgfdrtyu", 2, ("pattern", "more")),
        ("understanding", 1, ("word", "more")),
        ("montgomery", 0, ("name", "more")),
        ("correct-horse-battery", 4, ()),
        ("3q-wP!8xLm2#vT", 4, ()),
    ],
)
def test_a_password_has_its_score_and_what_would_help(password: str, score: int, advice: tuple[str, ...]) -> None:
    found = measure(password)
    assert (found.score, found.advice) == (score, advice)


def test_what_a_guesser_knows_of_the_person_makes_it_weak() -> None:
    ada = User("1", "p", "ada.lovelace", email="countess@example.com", attributes={"given_name": "Augusta", "name": 5})
    assert own_words(ada) == ("ada.lovelace", "countess@example.com", "Augusta")
    for password in ("ada.lovelace", "Lovelace42", "countess1", "augusta1815"):
        with_words, without = measure(password, own_words(ada)), measure(password)
        assert "own" in with_words.advice, password
        assert with_words.score <= without.score


def test_what_one_person_is_called_says_nothing_of_the_next() -> None:
    """The library keeps the words of its last caller, who may be somebody else."""
    alone = measure("kowalczykiewicz9")
    assert measure("kowalczykiewicz9", ["kowalczykiewicz"]).score < alone.score
    assert measure("kowalczykiewicz9") == alone
    repeated = measure("kowalczykiewicz" * 2)
    measure("x", ["kowalczykiewicz"])
    assert measure("kowalczykiewicz" * 2) == repeated


def test_threads_do_not_get_into_each_others_way() -> None:
    words = [f"kowalczykiewicz{chr(97 + n)}" for n in range(8)]
    alone = [measure(word, [word]) for word in words]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(lambda word: measure(word, [word]), words)) == alone


SLOW = [
    "4@8({[<3691!|170$5+7%2" * 4,  # each sign stands for one of several letters, in hundreds of ways
    "4@8({[<3691!|170$5+7%2" + "a" * 50,
    "1" * 72,
    "ab" * 36,
    "12" * 36,
    "1234567890" * 7,
    "|!1" * 24,
    "password" * 9,
    "\U0001f600" * 72,
    "x" * 1_000_000,
]


@pytest.mark.serial
@pytest.mark.parametrize("password", SLOW, ids=lambda p: f"{p[:22]} {len(p)}")
def test_no_password_takes_long(password: str) -> None:
    """The library alone takes seconds for the first two."""
    measure("warm")
    began = time.process_time()
    measure(password, ["word"] * 1000)
    assert time.process_time() - began < 0.25


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=60) | st.text("4@8({[<3691!|170$5+7%2", max_size=80), st.lists(st.text(max_size=80), max_size=5)
)
def test_whatever_is_typed_has_a_score(password: str, words: list[str]) -> None:
    began = time.process_time()
    found = measure(password, words)
    assert time.process_time() - began < 1
    assert 0 <= found.score <= 4
    assert set(found.advice) <= set(ADVICE)
    assert found.advice == () or found.score < 3


def test_only_the_beginning_of_a_long_password_is_looked_at() -> None:
    assert LONGEST <= 72
    assert measure("a" * LONGEST) == measure("a" * LONGEST + "3q-wP!8xLm2#vT")


def test_lone_surrogates_are_characters_too() -> None:
    assert measure("\ud800\udfff" * 9).score <= 4


def test_each_advice_is_among_the_texts_that_pages_translate() -> None:
    """They stand in no template: whoever translates the pages must come across them elsewhere."""
    assert set(ADVICE.values()) <= {message.id for message in extracted()}


def test_a_sentence_that_two_codes_share_is_said_once() -> None:
    assert Strength(0, ("name", "own", "more")).sentences == (ADVICE["name"], ADVICE["more"])


@pytest.mark.anyio
async def test_measuring_leaves_the_loop_free_and_is_bounded() -> None:
    meter = Meter(queue=3)
    rng = random.Random(1)
    slow = ["".join(rng.choice("4@8({[<369") for _ in range(32)) for _ in range(10)]
    found = await asyncio.gather(*(meter.measure(password) for password in slow))
    assert [f is None for f in found] == [False] * 4 + [True] * 6
    assert await meter.measure("password") == measure("password")
    meter.close()
