"""Backup codes: shown once, taken once."""

import asyncio
import re
from dataclasses import replace

import pytest

from authserver.crypto.secrets import derive
from authserver.effects import SystemRandom
from authserver.errors import Invalid, Throttled, WrongCode
from authserver.signin.factors.backup_codes import ALPHABET, COUNT, BackupCodes
from tests.factors import ADA, BOB, HERE, MASTER, POOL, Factors, in_memory

pytestmark = pytest.mark.anyio


def with_keys(factors: Factors, *keys: bytes) -> BackupCodes:
    return BackupCodes(
        credentials=factors.credentials,
        guessing=factors.guessing,
        keys=keys,
        clock=lambda: factors.now,
        random=SystemRandom(),
        emit=factors.events.append,
    )


async def test_ten_codes_are_made_and_each_is_taken_once():
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    assert len(set(codes)) == COUNT == 10
    assert all(re.fullmatch(rf"[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}", code) for code in codes)
    assert await factors.backup_codes.left(POOL, ADA) == 10
    assert [await factors.backup_codes.prove(POOL, ADA, code, HERE) for code in codes] == list(range(9, -1, -1))
    for code in codes[:3]:
        with pytest.raises(WrongCode):
            await factors.backup_codes.prove(POOL, ADA, code, HERE)
    spent = [event.details["left"] for event in factors.events if event.kind == "backup_code.spent"]
    assert spent == list(range(9, -1, -1))


def test_no_letter_looks_like_another():
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("ilou") & set(ALPHABET)


async def test_new_codes_replace_the_old():
    factors = await in_memory()
    old = await factors.backup_codes.replace(POOL, ADA)
    new = await factors.backup_codes.replace(POOL, ADA)
    assert not set(old) & set(new)
    with pytest.raises(WrongCode):
        await factors.backup_codes.prove(POOL, ADA, old[0], HERE)
    assert await factors.backup_codes.prove(POOL, ADA, new[0], HERE) == 9


async def test_removed_codes_are_taken_no_more():
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    await factors.backup_codes.remove(POOL, ADA)
    assert await factors.backup_codes.left(POOL, ADA) == 0
    with pytest.raises(WrongCode):
        await factors.backup_codes.prove(POOL, ADA, codes[0], HERE)
    assert factors.kinds() == ["backup_codes.replaced", "backup_codes.removed", "factor.failed"]


async def test_another_users_code_is_none_of_yours():
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    await factors.backup_codes.replace(POOL, BOB)
    with pytest.raises(WrongCode):
        await factors.backup_codes.prove(POOL, BOB, codes[0], HERE)
    assert await factors.backup_codes.prove(POOL, ADA, codes[0], HERE) == 9


async def test_neither_store_nor_log_holds_a_code():
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    await factors.backup_codes.prove(POOL, ADA, codes[0], HERE)
    seen = repr(vars(factors.credentials)) + repr(factors.events)
    assert not any(code in seen or code.replace("-", "") in seen for code in codes)


async def test_a_stolen_table_is_worth_nothing_under_another_key():
    factors = await in_memory()
    codes = await with_keys(factors, b"1" * 32).replace(POOL, ADA)
    with pytest.raises(WrongCode):
        await with_keys(factors, b"2" * 32).prove(POOL, ADA, codes[0], HERE)
    assert await with_keys(factors, b"2" * 32, b"1" * 32).prove(POOL, ADA, codes[0], HERE) == 9, "an old master key"


@pytest.mark.parametrize("spelling", [str.upper, lambda c: c.replace("-", " "), lambda c: f"  {c}\n", str.lower])
async def test_a_code_may_be_typed_as_it_was_written_down(spelling):
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    assert await factors.backup_codes.prove(POOL, ADA, spelling(codes[0]), HERE) == 9


async def test_letters_read_for_digits_count():
    factors = await in_memory()
    with_digits: list[str] = []
    while not with_digits:
        codes = await factors.backup_codes.replace(POOL, ADA)
        with_digits = [code for code in codes if "0" in code and "1" in code]
    typed = with_digits[0].replace("0", "O").replace("1", "l")
    assert await factors.backup_codes.prove(POOL, ADA, typed, HERE) == 9


@pytest.mark.parametrize("typed", ["abcde", "abcde-fghjkm", "abcde-fghj!", "abcdefghju", "abcde-fghjk" + " " * 99])
async def test_what_cannot_be_a_code_is_wrong_and_costs_no_try(typed: str):
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    for _ in range(30):
        with pytest.raises(WrongCode):
            await factors.backup_codes.prove(POOL, ADA, typed, HERE)
    await factors.backup_codes.prove(POOL, ADA, codes[0], HERE)


@pytest.mark.parametrize("typed", ["", " ", "-\n"])
async def test_nothing_is_asked_for_again(typed: str):
    factors = await in_memory()
    with pytest.raises(Invalid) as refused:
        await factors.backup_codes.prove(POOL, ADA, typed, HERE)
    assert refused.value.field == "code"


async def test_of_fifty_with_the_same_code_one_wins():
    factors = await in_memory()
    codes = await factors.backup_codes.replace(POOL, ADA)
    found = await asyncio.gather(
        *(factors.backup_codes.prove(POOL, ADA, codes[0], HERE) for _ in range(50)), return_exceptions=True
    )
    assert [outcome for outcome in found if isinstance(outcome, int)] == [9]
    assert {type(o) for o in found if isinstance(o, BaseException)} <= {WrongCode, Throttled}


async def test_guesses_have_to_wait():
    factors = await in_memory()
    await factors.backup_codes.replace(POOL, ADA)
    for _ in range(10):
        with pytest.raises(WrongCode):
            await factors.backup_codes.prove(POOL, ADA, "00000-00000", HERE)
    with pytest.raises(Throttled):
        await factors.backup_codes.prove(POOL, ADA, "00000-00000", HERE)


async def test_the_draw_decides_the_codes_and_a_double_is_drawn_again():
    """Each byte gives one of 32 letters, so none is likelier than another."""
    factors = await in_memory()

    class Drawn(SystemRandom):
        draws = iter([bytes(10), bytes(10), *(bytes([n] * 10) for n in range(33, 42))])

        def bytes(self, n: int) -> bytes:
            return next(self.draws)

    codes = with_keys(factors, derive(MASTER, "backup codes"))
    codes._random = Drawn()
    made = await codes.replace(POOL, ADA)
    assert made == [f"{c * 5}-{c * 5}" for c in "0123456789"]


async def test_the_same_codes_of_two_users_look_different_in_the_store():
    factors = await in_memory()
    kept: list[set[str]] = []

    class Watched:
        async def put_backup_codes(self, pool: str, user_id: str, digests: list[str], now: int) -> None:
            kept.append(set(digests))

    class Drawn(SystemRandom):
        def bytes(self, n: int) -> bytes:
            return bytes([next(self.numbers)] * n)

    for pool, user in ((POOL, ADA), (POOL, BOB), (replace(POOL, id="other_B"), ADA)):
        codes = with_keys(factors, derive(MASTER, "backup codes"))
        codes._random, codes._credentials = Drawn(), Watched()
        codes._random.numbers = iter(range(32))
        await codes.replace(pool, user)
    assert len(set.union(*kept)) == 3 * COUNT
