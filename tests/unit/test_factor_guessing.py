"""Limits on guessing: per account and factor, per address, per day, and in a row over all factors."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from authserver.errors import CodeExpired, Refusal, Throttled
from authserver.model.credentials import Device
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors.guessing import CLOSED_AFTER, DAY, FREE_TRIES, Guessing
from authserver.signin.origin import Origin
from tests.factors import ADA, BOB, HERE, POOL, Factors, in_memory

pytestmark = pytest.mark.anyio


async def wrong(factors: Factors, factor: str = "totp", origin: Origin = HERE, **more: object) -> None:
    attempt = await factors.guessing.admit(POOL, factor, ADA, origin, **more)  # type: ignore[arg-type]
    await factors.guessing.wrong(POOL, attempt, "wrong code")


async def outcomes(tries: int, one: Callable[[], Awaitable[object]]) -> list[str]:
    found = []
    for _ in range(tries):
        try:
            await one()
            found.append("judged")
        except Refusal as refusal:
            found.append(refusal.code)
    return found


async def know(factors: Factors, device: str) -> None:
    await factors.credentials.put_device(POOL.id, Device(device, ADA.id, last_seen=int(factors.now)))


async def test_ten_tries_are_judged_then_pauses_double_up_to_a_quarter_of_an_hour():
    factors = await in_memory()
    assert await outcomes(FREE_TRIES, lambda: wrong(factors)) == ["judged"] * FREE_TRIES
    waits = []
    for _ in range(12):
        with pytest.raises(Throttled) as throttled:
            await wrong(factors)
        waits.append(throttled.value.retry_after)
        factors.now += throttled.value.retry_after
        await wrong(factors)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert factors.kinds().count("factor.throttled") == 12


async def test_a_right_one_forgets_the_tries_at_its_factor_alone():
    factors = await in_memory()
    for factor in ("totp", "backup_codes"):
        await outcomes(FREE_TRIES - 1, lambda factor=factor: wrong(factors, factor))
    await factors.guessing.right(await factors.guessing.admit(POOL, "totp", ADA, HERE))
    assert await outcomes(FREE_TRIES, lambda: wrong(factors, "totp")) == ["judged"] * FREE_TRIES
    assert await outcomes(2, lambda: wrong(factors, "backup_codes")) == ["judged", "throttled"]


async def test_a_hundred_in_a_row_over_all_factors_close_the_account_to_unknown_devices():
    factors = await in_memory()
    factor_names = ("totp", "backup_codes", "email_code")
    for n in range(CLOSED_AFTER):
        factors.now += DAY  # nothing but the sum is left
        await wrong(factors, factor_names[n % 3])
    factors.now += DAY
    with pytest.raises(CodeExpired) as closed:
        await wrong(factors)
    assert closed.value.reason == "too_many"
    assert factors.kinds().count("password.locked") == 1
    assert factors.events[-1].details == {"factor": "totp", "reason": "closed after too many failures"}


async def test_the_sum_counts_wrong_passwords_too():
    factors = await in_memory()
    for _ in range(CLOSED_AFTER - 1):
        await factors.directory.count_password_failure(POOL.id, ADA.id)
    await wrong(factors)
    with pytest.raises(CodeExpired):
        await wrong(factors, "backup_codes")


async def test_one_right_factor_does_not_begin_the_sum_anew_but_a_complete_sign_in_does():
    factors = await in_memory()
    for _ in range(CLOSED_AFTER - 1):
        await factors.directory.count_password_failure(POOL.id, ADA.id)
    await factors.guessing.right(await factors.guessing.admit(POOL, "totp", ADA, HERE))
    with pytest.raises(CodeExpired):
        await wrong(factors)
    await factors.guessing.forget(POOL, ADA.id)
    await wrong(factors)
    assert await factors.directory.password_failures(POOL.id, ADA.id) == 1
    await factors.guessing.forget(POOL, BOB.id)  # nothing to forget is nothing


async def test_a_known_device_is_not_closed_out_and_not_made_to_wait_by_others():
    factors = await in_memory()
    await know(factors, "browser-of-ada")
    stranger = Origin("203.0.113.9", "browser-of-mallory")
    for _ in range(CLOSED_AFTER):
        await factors.directory.count_password_failure(POOL.id, ADA.id)
    with pytest.raises(CodeExpired):
        await wrong(factors, origin=stranger)
    attempt = await factors.guessing.admit(POOL, "totp", ADA, HERE)
    assert attempt.known
    # Its owner's own mistakes make it wait, and nobody else.
    assert await outcomes(FREE_TRIES, lambda: wrong(factors)) == ["judged"] * (FREE_TRIES - 1) + ["throttled"]
    assert await factors.directory.password_failures(POOL.id, ADA.id) == CLOSED_AFTER + 1


async def test_a_device_known_to_another_user_is_a_stranger():
    factors = await in_memory()
    await factors.credentials.put_device(POOL.id, Device("browser-of-ada", BOB.id))
    attempt = await factors.guessing.admit(POOL, "totp", ADA, HERE)
    assert not attempt.known


async def test_of_fifty_parallel_tries_ten_are_judged():
    factors = await in_memory()
    found = await asyncio.gather(*(wrong(factors) for _ in range(50)), return_exceptions=True)
    assert sum(not isinstance(outcome, Throttled) for outcome in found) == FREE_TRIES


async def test_of_fifty_parallel_tries_over_many_factors_none_is_judged_beyond_the_hundredth():
    factors = await in_memory()
    for _ in range(CLOSED_AFTER - 5):
        await factors.directory.count_password_failure(POOL.id, ADA.id)
    found = await asyncio.gather(*(wrong(factors, f"factor {n}") for n in range(50)), return_exceptions=True)
    assert sum(not isinstance(outcome, CodeExpired) for outcome in found) == 5
    assert factors.kinds().count("password.locked") == 1


async def test_only_so_many_wrong_ones_a_day_where_that_is_asked():
    factors = await in_memory()
    judged = 0
    for _ in range(200):
        factors.now += 400
        judged += (await outcomes(1, lambda: wrong(factors, a_day=20))) == ["judged"]
    assert judged == 20
    factors.now += DAY
    assert await outcomes(1, lambda: wrong(factors, a_day=20)) == ["judged"]


async def test_a_right_one_takes_nothing_from_the_day():
    factors = await in_memory()
    for _ in range(30):
        factors.now += 1
        await factors.guessing.right(await factors.guessing.admit(POOL, "totp", ADA, HERE, a_day=2))
        await factors.guessing.forget(POOL, ADA.id)
    assert await outcomes(3, lambda: wrong(factors, a_day=2)) == ["judged", "judged", "throttled"]


async def test_tries_that_were_refused_are_not_counted_against_the_address():
    factors = await in_memory(per_address=FREE_TRIES + 5)
    assert await outcomes(50, lambda: wrong(factors)) == ["judged"] * FREE_TRIES + ["throttled"] * 40
    # Five are left for the neighbours, whoever they try to be.
    assert (await outcomes(6, lambda: wrong(factors, "backup_codes"))) == ["judged"] * 5 + ["throttled"]


async def test_the_day_limit_takes_nothing_from_the_address_either():
    factors = await in_memory(per_address=3)
    assert await outcomes(5, lambda: wrong(factors, a_day=1)) == ["judged"] + ["throttled"] * 4
    assert await outcomes(3, lambda: wrong(factors, "backup_codes")) == ["judged", "judged", "throttled"]


async def test_an_address_is_limited_over_all_accounts_and_its_right_ones_are_free():
    factors = await in_memory(per_address=3)
    for _ in range(10):
        await factors.guessing.right(await factors.guessing.admit(POOL, "totp", BOB, HERE))
    assert await outcomes(4, lambda: wrong(factors)) == ["judged"] * 3 + ["throttled"]
    elsewhere = replace(HERE, address="198.51.100.7")
    assert await outcomes(1, lambda: wrong(factors, origin=elsewhere)) == ["judged"]


async def test_the_whole_network_of_an_ipv6_subscriber_is_one_address():
    factors = await in_memory(per_address=2)
    tries = [Origin(f"2001:db8::{n:x}") for n in range(3)]
    assert await outcomes(1, lambda: wrong(factors, origin=tries[0])) == ["judged"]
    assert await outcomes(1, lambda: wrong(factors, origin=tries[1])) == ["judged"]
    assert await outcomes(1, lambda: wrong(factors, origin=tries[2])) == ["throttled"]
    assert await outcomes(1, lambda: wrong(factors, origin=Origin("2001:db8:0:1::1"))) == ["judged"]


async def test_a_name_that_nobody_has_is_counted_like_one_that_somebody_has():
    factors = await in_memory()

    async def nobody(name: str) -> None:
        await factors.guessing.admit(POOL, "email_code", None, HERE, name=name)

    assert await outcomes(FREE_TRIES + 1, lambda: nobody("eve")) == ["judged"] * FREE_TRIES + ["throttled"]
    assert await outcomes(1, lambda: nobody("EVE ")) == ["throttled"]
    assert await outcomes(1, lambda: nobody("mallory")) == ["judged"]


async def test_signatures_are_limited_by_address_alone():
    factors = await in_memory(per_address=200)

    async def unsigned() -> None:
        attempt = await factors.guessing.admit_signature(POOL, "passkey", HERE, user=ADA)
        await factors.guessing.wrong(POOL, attempt, "forged")

    assert await outcomes(201, unsigned) == ["judged"] * 200 + ["throttled"]
    assert await factors.directory.password_failures(POOL.id, ADA.id) == 0
    factors.now += 600
    await factors.guessing.right(await factors.guessing.admit_signature(POOL, "passkey", HERE))


async def test_what_is_told_to_the_log_names_the_user_and_no_secret():
    factors = await in_memory()
    attempt = await factors.guessing.admit(POOL, "totp", ADA, HERE, client_id="shop")
    await factors.guessing.wrong(POOL, attempt, "wrong code")
    (event,) = factors.events
    assert (event.kind, event.user_id, event.client_id, event.address) == ("factor.failed", ADA.id, "shop", "192.0.2.1")
    assert event.details == {"factor": "totp", "reason": "wrong code"}


async def test_right_ones_leave_no_trace_in_the_sum():
    """Or people who sign in with codes alone would close their own account in time."""
    factors = await in_memory()
    for _ in range(CLOSED_AFTER + 10):
        factors.now += DAY
        await factors.guessing.right(await factors.guessing.admit(POOL, "totp", ADA, HERE))
    assert await factors.directory.password_failures(POOL.id, ADA.id) == 0
    await wrong(factors)
    await factors.guessing.right(await factors.guessing.admit(POOL, "totp", ADA, HERE))
    assert await factors.directory.password_failures(POOL.id, ADA.id) == 2, "what went wrong before stays"


async def test_the_owner_is_told_once_that_the_account_is_closed():
    told: list[str] = []

    async def tell(pool: Pool, user: User) -> None:
        told.append(f"{pool.id} {user.username}")

    factors = await in_memory()
    guessing = Guessing(
        directory=factors.directory,
        credentials=factors.credentials,
        counters=factors.counters,
        clock=lambda: factors.now,
        emit=factors.events.append,
        closed=tell,
    )
    for _ in range(CLOSED_AFTER):
        assert told == []
        factors.now += DAY
        await guessing.wrong(POOL, await guessing.admit(POOL, "totp", ADA, HERE), "wrong code")
    for _ in range(3):
        factors.now += DAY
        with pytest.raises(CodeExpired):
            await guessing.admit(POOL, "totp", ADA, HERE)
    assert told == ["demo_A ada"]
