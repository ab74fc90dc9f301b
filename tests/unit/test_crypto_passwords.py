"""Password hashing: its parameters, its bounds, and that nobody costs less than anybody."""

import asyncio
import os
import re
import sys
import time

import pytest
from argon2 import PasswordHasher

from authserver.crypto.passwords import NICENESS, Passwords
from authserver.errors import Busy
from tests.journeys.house import each

pytestmark = pytest.mark.anyio


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(threads=1)


async def test_the_hash_is_argon2id_with_what_owasp_asks_for(passwords: Passwords) -> None:
    """S13: m = 19 MiB, t = 2, p = 1, a salt of its own."""
    first, second = await passwords.hash("correct-horse"), await passwords.hash("correct-horse")
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", first)
    assert first != second
    assert await passwords.verify(first, "correct-horse") is True
    assert await passwords.verify(second, "correct-horsf") is False


@each("password", ("", "a" * 1024, "\u00e9\u4e2d\U0001f600", "with\0nul", " spaces "))
async def test_a_password_is_every_one_of_its_characters(passwords: Passwords, password: str) -> None:
    """ASVS 6.2.8: nothing is trimmed, cut or folded."""
    light = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords._hasher = light
    encoded = await passwords.hash(password)
    assert await passwords.verify(encoded, password) is True
    for other in (password + "x", password + " ", password.swapcase() + "\0", password[:-1] + "\u00ff"):
        assert await passwords.verify(encoded, other) is False


@each(
    "encoded",
    (
        "",
        "x",
        "$argon2id$v=19$m=8,t=1,p=1$",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAA",
    ),
)
async def test_a_damaged_or_foreign_hash_matches_nothing(passwords: Passwords, encoded: str) -> None:
    assert await passwords.verify(encoded, "x") is False
    assert passwords.needs_rehash(encoded) is True


async def test_a_hash_of_other_parameters_is_worth_another(passwords: Passwords) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x")
    assert passwords.needs_rehash(older) is True
    assert passwords.needs_rehash(await passwords.hash("x")) is False


async def test_nobodys_password_costs_the_same_work(passwords: Passwords) -> None:
    """W9: a name that does not exist is hashed for as well; here only that it is not free."""
    encoded = await passwords.hash("x")
    assert await passwords.verify(None, "decoy") is False  # the decoy's own password opens nothing
    spent = {}
    for name, known in (("known", encoded), ("unknown", None)):
        began = time.process_time()
        for _ in range(3):
            assert await passwords.verify(known, "wrong") is False
        spent[name] = time.process_time() - began
    assert 0.3 < spent["unknown"] / spent["known"] < 3


async def test_a_full_queue_turns_people_away_at_once() -> None:
    """D3."""
    passwords = Passwords(threads=1, queue=2)
    encoded = await passwords.hash("x")
    tries = [asyncio.create_task(passwords.verify(encoded, "x")) for _ in range(6)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert done[:3] == [True] * 3
    assert all(isinstance(d, Busy) and d.retry_after == 2 for d in done[3:])
    assert await passwords.verify(encoded, "x") is True
    passwords.close()


async def test_one_thread_a_core_unless_told_otherwise() -> None:
    assert Passwords()._threads >= 1
    assert Passwords(threads=3)._threads == 3


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux alone")
async def test_hashing_threads_stand_back_for_all_others(passwords: Passwords) -> None:
    within = await passwords._run(os.getpriority, os.PRIO_PROCESS, 0)
    assert within == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
