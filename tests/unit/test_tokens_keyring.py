"""Signing keys: made, rotated, published, prepared. And what a pool made ready to issue knows."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import jwt
import orjson
import pytest

from authserver.crypto import signing
from authserver.crypto.sealing import Sealer, Unsealable
from authserver.effects import SystemRandom
from authserver.errors import Conflict, Invalid, NotFound, ProtocolRefusal
from authserver.model.clients import Client
from authserver.model.keys import SigningKey
from authserver.model.pools import Pool, ResourceServer, Scope
from authserver.rules.clients import LONGEST_TOKEN as LONGEST_BY_RULE
from authserver.store.cached import CachedRegistry
from authserver.store.memory import MemoryRegistry
from authserver.tokens import issuer as issuers
from authserver.tokens.issuer import Issuers, narrowed
from authserver.tokens.keyring import LONGEST_TOKEN, KeyRing, plan_rotation
from tests.journeys.house import KEYS as MADE
from tests.journeys.house import POOL, house

pytestmark = pytest.mark.anyio

MASTER = b"0123456789abcdef0123456789abcdef"


def key(kid: str, state: str, alg: str = "ES256", created_at: int = 0, expires_at: int | None = None) -> SigningKey:
    return SigningKey(kid, "pool", alg, state, {"kid": kid}, b"", created_at, expires_at=expires_at)  # type: ignore[arg-type]  # a state by name


def test_a_rotation_moves_each_key_one_step() -> None:
    before = [
        key("old", "retired", expires_at=500),
        key("a", "current"),
        key("b", "next", created_at=40),
        key("r", "current", "RS256"),
    ]
    plan = plan_rotation(before, "ES256", key("c", "next", created_at=100), 100)
    states = {k.kid: (k.state, k.activated_at, k.retired_at, k.expires_at) for k in plan.put}
    assert states == {
        "b": ("current", 100, None, None),
        "c": ("next", None, None, None),
        "a": ("retired", None, 100, 100 + LONGEST_TOKEN),
    }
    assert plan.delete == ()
    assert plan.published_for == 60


@pytest.mark.parametrize(("now", "gone"), [(499, ()), (500, ("old",)), (501, ("old",))])
def test_what_has_expired_goes_with_the_next_rotation(now: int, gone: tuple[str, ...]) -> None:
    before = [key("old", "retired", expires_at=500), key("a", "current"), key("b", "next")]
    assert plan_rotation(before, "ES256", key("c", "next"), now).delete == gone


def test_without_a_next_key_nothing_rotates() -> None:
    """A key must be published before it signs."""
    with pytest.raises(Invalid):
        plan_rotation([key("a", "current"), key("r", "next", "RS256")], "ES256", key("c", "next"), 100)


def test_the_longest_token_is_the_same_to_all_who_reckon_with_it() -> None:
    assert LONGEST_TOKEN == LONGEST_BY_RULE


class Ring:
    """A key ring over memory."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.inner = MemoryRegistry()
        self.registry = CachedRegistry(self.inner, lambda: self.now)
        self.sealer = Sealer(MASTER, SystemRandom())
        self.ring = KeyRing(self.registry, self.sealer, lambda: self.now)


@pytest.fixture
async def at(monkeypatch: pytest.MonkeyPatch) -> Ring:
    """RSA keys take a tenth of a second each, so all here are elliptic and only named otherwise."""
    monkeypatch.setattr(signing, "generate", _cheap)
    ring = Ring()
    await ring.registry.put_pool(Pool(POOL, "Test"))
    return ring


_real = signing.generate


def _cheap(alg: str) -> dict[str, str]:
    return {**_real("ES256"), "alg": alg}


async def test_a_pool_gets_the_keys_it_lacks_once(at: Ring) -> None:
    assert await at.ring.ensure(POOL) is True
    keys = await at.registry.keys(POOL)
    assert sorted((k.alg, k.state) for k in keys) == [(a, s) for a in ("ES256", "RS256") for s in ("current", "next")]
    assert {k.activated_at for k in keys if k.state == "current"} == {1000}
    assert {k.activated_at for k in keys if k.state == "next"} == {None}
    assert await at.ring.ensure(POOL) is False
    assert await at.registry.keys(POOL) == keys
    lost = next(k for k in keys if (k.alg, k.state) == ("ES256", "next"))
    await at.registry.change_keys(POOL, expected=[k.kid for k in keys], put=(), delete=(lost.kid,))
    assert await at.ring.ensure(POOL) is True
    assert {k.kid for k in keys} - {lost.kid} < {k.kid for k in await at.registry.keys(POOL)}


async def test_two_processes_that_make_keys_at_once_agree_on_one_set(at: Ring) -> None:
    other = KeyRing(CachedRegistry(at.inner, lambda: at.now), at.sealer, lambda: at.now)
    assert sorted(await asyncio.gather(at.ring.ensure(POOL), other.ensure(POOL))) == [False, True]
    assert len(await at.inner.keys(POOL)) == 4


async def test_who_never_wins_gives_up(at: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    async def always_changed(
        pool: str, *, expected: Sequence[str], put: Sequence[SigningKey], delete: Sequence[str] = ()
    ) -> None:
        raise Conflict

    monkeypatch.setattr(at.inner, "change_keys", always_changed)
    with pytest.raises(Conflict):
        await at.ring.ensure(POOL)


async def test_only_what_exists_can_be_rotated(at: Ring) -> None:
    with pytest.raises(NotFound):
        await at.ring.rotate("none")
    with pytest.raises(Invalid, match="HS256"):
        await at.ring.rotate(POOL, ["ES256", "HS256"])
    assert await at.inner.keys(POOL) == []


async def test_the_private_half_is_sealed_and_bound_to_its_record(at: Ring) -> None:
    await at.ring.ensure(POOL)
    keys = await at.registry.keys(POOL)
    for one in keys:
        assert "d" not in one.public_jwk
        private = orjson.loads(at.sealer.open(one.sealed, f"signing_keys/{POOL}/{one.kid}/sealed"))
        assert private["d"].encode() not in one.sealed
    current = next(k for k in keys if (k.alg, k.state) == ("ES256", "current"))
    other = next(k for k in keys if (k.alg, k.state) == ("ES256", "next"))
    swapped = [replace(current, sealed=other.sealed)]
    await at.registry.change_keys(POOL, expected=[k.kid for k in keys], put=swapped)
    with pytest.raises(Unsealable):
        await at.ring.signer(POOL, "ES256")


async def test_a_signer_is_prepared_once_however_many_ask(at: Ring) -> None:
    await at.ring.ensure(POOL)
    signers = await asyncio.gather(*(at.ring.signer(POOL, "ES256") for _ in range(20)))
    assert len({id(s) for s in signers}) == 1
    assert await at.ring.signer(POOL, "ES256") is signers[0]
    assert at.ring._coming == {}
    with pytest.raises(NotFound):
        await at.ring.signer(POOL, "HS256")


async def test_who_gives_up_does_not_take_the_signer_from_others(at: Ring) -> None:
    await at.ring.ensure(POOL)
    first, second = (asyncio.create_task(at.ring.signer(POOL, "ES256")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).alg == "ES256"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_keys_are_published_in_the_order_of_their_use(at: Ring) -> None:
    await at.ring.ensure(POOL)
    at.now += 10
    await at.ring.rotate(POOL, ["ES256"])
    keys = {k.kid: k.state for k in await at.registry.keys(POOL)}
    states = [keys[k["kid"]] for k in await at.ring.published(POOL)]
    assert states == ["current", "current", "next", "next", "retired"]
    at.now += LONGEST_TOKEN
    assert len(await at.ring.published(POOL)) == 4


# ---------------------------------------------------------------------------------------------------- the issuer

ORDERS = ResourceServer("https://orders.example", scopes=(Scope("read"), Scope("write")))
STOCK = ResourceServer("https://stock.example", scopes=(Scope("count"),), access_alg="RS256")
CLIENT = Client("web", POOL, scope=("openid", *ORDERS.scope_names(), *STOCK.scope_names()))


async def test_a_pool_is_made_ready_once_and_again_when_it_changes() -> None:
    async with house() as at:
        first = await at.opened.issuers.get(POOL)
        assert await at.opened.issuers.get(POOL) is first
        await at.change_pool(name="Renamed")
        second = await at.opened.issuers.get(POOL)
        assert (second is not first, second.pool.name, second.jwks) == (True, "Renamed", first.jwks)
        with pytest.raises(NotFound):
            await at.opened.issuers.get("none")


async def test_two_pools_share_no_server_key() -> None:
    from tests.journeys.house import pool

    async with house(pool(), pool("other_Pool2")) as at:
        ours, theirs = await at.opened.issuers.get(POOL), await at.opened.issuers.get("other_Pool2")
        assert not {ours.csrf_key, *_pair(ours)} & {theirs.csrf_key, *_pair(theirs)}
        assert len({ours.csrf_key, *_pair(ours)}) == 3
        assert ours.jwks != theirs.jwks


def _pair(issuer: issuers.Issuer) -> tuple[bytes, bytes]:
    return issuer.refresh_keys.tag, issuer.refresh_keys.successor


async def test_plans_are_remembered_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "_MOST_PLANS", 2)
    async with house() as at:
        issuer = await at.opened.issuers.get(POOL)
        client = Client("web", POOL)
        first = issuer.access_plan(client, ("openid",), ())
        assert issuer.access_plan(client, ("openid",), ()) is first
        issuer.access_plan(client, ("profile",), ())
        issuer.access_plan(client, ("email",), ())
        assert len(issuer.plans) == 1
        assert issuer.access_plan(client, ("openid",), ()) == first


async def test_what_cannot_be_issued_is_remembered_by_nobody() -> None:
    async with house() as at:
        issuer = await at.opened.issuers.get(POOL)
        for resource in (("https://evil.example",), ("a", "b")):
            with pytest.raises(ProtocolRefusal) as refusal:
                issuer.access_plan(CLIENT, ("openid",), resource)
            assert refusal.value.code == "invalid_target"
        assert issuer.plans == {}


async def test_the_api_decides_who_signs() -> None:
    registry = CachedRegistry(MemoryRegistry(), lambda: 1000.0)
    async with house() as at:
        await registry.put_pool(Pool(POOL, "Test", resource_servers=(ORDERS, STOCK)))
        await registry.change_keys(POOL, expected=[], put=MADE[POOL])
        ring = KeyRing(registry, at.opened.sealer, lambda: 1000.0)
        issuer = await Issuers(registry, ring, "https://base", MASTER).get(POOL)
        for scope, alg in ((ORDERS.scope_names(), "ES256"), (STOCK.scope_names(), "RS256"), (("openid",), "ES256")):
            plan = issuer.access_plan(CLIENT, scope, ())
            token = plan.signer.sign("at+jwt", {"aud": plan.audience})
            assert jwt.get_unverified_header(token)["alg"] == alg


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [((), ()), (("b",), ("b",)), (("c", "a"), ("a", "c")), (("a", "a"), ("a",)), (("d",), None), (("a", "d"), None)],
)
def test_a_scope_narrows_in_the_order_granted(wanted: tuple[str, ...], kept: tuple[str, ...] | None) -> None:
    if kept is not None:
        assert narrowed(("a", "b", "c"), wanted) == kept
        return
    with pytest.raises(ProtocolRefusal) as refusal:
        narrowed(("a", "b", "c"), wanted)
    assert refusal.value.code == "invalid_scope"
