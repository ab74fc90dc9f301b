"""A pool's signing keys: made, rotated, published, and prepared for signing (DESIGN 5).

A key is published as `next` before it ever signs, signs as `current`, and stays published as `retired` until the last
token it signed has expired.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from authserver.crypto import signing
from authserver.crypto.sealing import Sealer
from authserver.effects import Clock
from authserver.errors import Conflict, Invalid, NotFound
from authserver.model.keys import SIGNING_ALGORITHMS, SigningKey
from authserver.store import Registry

JWKS_MAX_AGE = 300
"""Seconds for which verifiers may keep our JWKS."""

LONGEST_TOKEN = 24 * 3600
"""Seconds: no access or ID token lives longer (pool files refuse more), so a retired key is published that long."""


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """What one rotation changes: keys to write, kids to remove, and how long `next` had been published (seconds)."""

    put: tuple[SigningKey, ...]
    delete: tuple[str, ...]
    published_for: int


def plan_rotation(keys: Sequence[SigningKey], alg: str, fresh: SigningKey, now: int) -> RotationPlan:
    """Pure: `next` becomes current, current retires, `fresh` becomes next, and what has expired goes.

    Raises Invalid if the pool has no next key for the algorithm.
    """
    ours = [k for k in keys if k.alg == alg]
    coming = next((k for k in ours if k.state == "next"), None)
    if coming is None:
        raise Invalid(f"The pool has no next key for {alg}.")
    put = [replace(coming, state="current", activated_at=now), fresh]
    put += [
        replace(k, state="retired", retired_at=now, expires_at=now + LONGEST_TOKEN)
        for k in ours
        if k.state == "current"
    ]
    expired = tuple(k.kid for k in ours if k.expires_at is not None and k.expires_at <= now)
    return RotationPlan(tuple(put), expired, now - coming.created_at)


class KeyRing:
    """Reads and changes the keys of pools through the Registry, and keeps prepared signers by kid.

    Args:
        registry: where keys are stored; its cache decides how fresh a reading is.
        sealer: opens private keys.
    """

    def __init__(self, registry: Registry, sealer: Sealer, clock: Clock) -> None:
        self._registry = registry
        self._sealer = sealer
        self._clock = clock
        self._signers: dict[tuple[str, str], signing.Signer] = {}
        self._coming: dict[tuple[str, str], asyncio.Task[signing.Signer]] = {}

    async def ensure(self, pool: str) -> bool:
        """Give the pool a current and a next key for every algorithm it lacks one for. True if any was made."""
        for _ in range(5):
            keys = await self._registry.keys(pool)
            missing = [
                (alg, state)
                for alg in SIGNING_ALGORITHMS
                for state in ("current", "next")
                if not any(k.alg == alg and k.state == state for k in keys)
            ]
            if not missing:
                return False
            now = int(self._clock())
            made = await asyncio.gather(*(asyncio.to_thread(self._make, pool, alg, now) for alg, _ in missing))
            put = [
                replace(key, state="current", activated_at=now) if state == "current" else key
                for key, (_, state) in zip(made, missing, strict=True)
            ]
            try:
                await self._registry.change_keys(pool, expected=[k.kid for k in keys], put=put)
            except Conflict:
                continue  # another process made them first
            return True
        raise Conflict(detail="the pool's keys keep changing")

    async def rotate(self, pool: str, algs: Sequence[str] = SIGNING_ALGORITHMS) -> dict[str, RotationPlan]:
        """Rotate the keys of the given algorithms, live. Returns the plan carried out for each.

        Raises NotFound for an unknown pool, Invalid for an unknown algorithm.
        """
        if await self._registry.pool(pool) is None:
            raise NotFound(f"There is no pool {pool}.")
        unknown = [a for a in algs if a not in SIGNING_ALGORITHMS]
        if unknown:
            raise Invalid(f"{unknown[0]} is not a signing algorithm; known are {', '.join(SIGNING_ALGORITHMS)}.")
        await self.ensure(pool)
        done: dict[str, RotationPlan] = {}
        for alg in algs:
            keys = await self._registry.keys(pool)
            now = int(self._clock())
            plan = plan_rotation(keys, alg, await asyncio.to_thread(self._make, pool, alg, now), now)
            await self._registry.change_keys(pool, expected=[k.kid for k in keys], put=plan.put, delete=plan.delete)
            done[alg] = plan
        return done

    async def signer(self, pool: str, alg: str) -> signing.Signer:
        """The prepared signer of the current key. Raises NotFound if there is none, Unsealable under a wrong master key."""
        for key in await self._registry.keys(pool):
            if key.alg == alg and key.state == "current":
                return self._signers.get((pool, key.kid)) or await self._prepared(key)
        raise NotFound(detail=f"pool {pool} has no current {alg} key")

    async def published(self, pool: str) -> list[dict[str, str]]:
        """The public JWKs that verifiers need now: current first, then next, then retired but unexpired."""
        now = self._clock()
        order = {"current": 0, "next": 1, "retired": 2}
        live = [k for k in await self._registry.keys(pool) if k.expires_at is None or k.expires_at > now]
        return [dict(k.public_jwk) for k in sorted(live, key=lambda k: (order[k.state], k.alg, -k.created_at))]

    async def _prepared(self, key: SigningKey) -> signing.Signer:
        """Of many who ask at once, as after a start, one does the work and all get what it made."""
        name = key.pool, key.kid
        task = self._coming.get(name)
        if task is None:
            task = self._coming[name] = asyncio.create_task(self._prepare(key))
            task.add_done_callback(lambda _: self._coming.pop(name))
        return await asyncio.shield(task)  # whoever gives up does not take it from the others

    async def _prepare(self, key: SigningKey) -> signing.Signer:
        private = orjson.loads(self._sealer.open(key.sealed, _record(key.pool, key.kid)))
        # Importing an RSA key takes 40 ms of checks: not on the event loop.
        signer = await asyncio.to_thread(signing.Signer, private)
        self._signers[key.pool, key.kid] = signer
        return signer

    def _make(self, pool: str, alg: str, now: int) -> SigningKey:
        private = signing.generate(alg)
        return SigningKey(
            kid=private["kid"],
            pool=pool,
            alg=alg,
            state="next",
            public_jwk=signing.public(private),
            sealed=self._sealer.seal(orjson.dumps(private), _record(pool, private["kid"])),
            created_at=now,
        )


def _record(pool: str, kid: str) -> str:
    return f"signing_keys/{pool}/{kid}/sealed"
