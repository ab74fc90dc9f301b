"""Enrolled factors are named anew and removed, by their owner alone."""

import pytest

from authserver.errors import Invalid, NotFound
from authserver.model.credentials import Credential
from tests.factors import ADA, BOB, POOL, Factors, in_memory

pytestmark = pytest.mark.anyio


async def with_one() -> Factors:
    factors = await in_memory()
    await factors.credentials.add_credential(POOL.id, Credential("c1", POOL.id, ADA.id, "totp", "Old"))
    return factors


async def names(factors: Factors) -> list[str]:
    return [c.name for c in await factors.credentials.credentials(POOL.id, ADA.id)]


async def test_a_factor_gets_another_name():
    factors = await with_one()
    await factors.enrolled.rename(POOL, ADA, "c1", "  New\tname ")
    assert await names(factors) == ["New name"]
    assert factors.kinds() == ["factor.renamed"]
    with pytest.raises(Invalid):
        await factors.enrolled.rename(POOL, ADA, "c1", "x" * 65)
    assert await names(factors) == ["New name"]


async def test_a_factor_is_removed_once_and_the_log_says_so():
    factors = await with_one()
    assert (await factors.enrolled.remove(POOL, ADA, "c1")).name == "Old"
    assert await names(factors) == []
    (event,) = factors.events
    assert (event.kind, event.user_id) == ("factor.removed", ADA.id)
    assert event.details == {"factor": "totp", "credential": "c1"}
    with pytest.raises(NotFound):
        await factors.enrolled.remove(POOL, ADA, "c1")


async def test_another_users_factor_is_not_there():
    """W19."""
    factors = await with_one()
    with pytest.raises(NotFound):
        await factors.enrolled.rename(POOL, BOB, "c1", "Mine")
    with pytest.raises(NotFound):
        await factors.enrolled.remove(POOL, BOB, "c1")
    assert await names(factors) == ["Old"]
    assert factors.events == []
