"""Key pairs of our own beside those that sign tokens: what SAML signs with, and what is encrypted for us.

The first pair signs, all of them are published and open what comes. So a key is changed without anybody failing to sign in:
the next one is published, everybody who reads our metadata has taken it over, it signs, and the old one goes.
"""

import asyncio
from collections.abc import Sequence

import orjson

from authserver.broker.ground import Ground, Workers
from authserver.errors import Conflict
from authserver.store import Kept
from federation.ports import KeyPair

_KNOWN_FOR = 60
"""Seconds in which another node's change is not seen."""

KEYS = "keys"
"""The name under which they are kept."""

AS_PROVIDER = ":saml"
"""The owner of the pool's keys as an identity provider, in the place of a provider's name: none can be called so."""


class OwnKeyPairs:
    """Satisfies `ports.KeyPairs`: made with the first use, and kept sealed.

    Args:
        owner: the name of the provider that they are used with, or what else they are for.
        elliptic: whether there is a pair on an elliptic curve beside that of RSA.
    """

    def __init__(self, ground: Ground, pool: str, owner: str, *, elliptic: bool = False) -> None:
        self._ground = ground
        self._pool = pool
        self._owner = owner
        self._kinds = (False, True) if elliptic else (False,)
        self._read: tuple[KeyPair, ...] = ()
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def current(self) -> Sequence[KeyPair]:
        """As `ports.KeyPairs` says; another node's change is seen within a minute."""
        async with self._reading:  # who comes first makes them, and everybody else waits: a key takes long to make
            if not self._read or self._ground.clock() - self._read_at > _KNOWN_FOR:
                self._read = await self._stored() or await self._made()
                self._read_at = self._ground.clock()
            return self._read

    async def _stored(self) -> tuple[KeyPair, ...]:
        kept = await self._ground.identities.kept(self._pool, self._owner, KEYS)
        if kept is None:
            return ()
        return read_key_pairs(self._ground.sealer.open(kept.body, key_pairs_record(self._pool, self._owner)))

    async def _made(self) -> tuple[KeyPair, ...]:
        pairs = await self._new()
        if await self._keep(pairs, unless_there=True):
            return tuple(pairs)
        return await self._stored()  # another node was faster

    async def _new(self) -> list[KeyPair]:
        from authserver.crypto.certificates import self_signed

        now = int(self._ground.clock())
        name, random = f"{self._owner} {self._pool}".strip(":"), self._ground.random

        def make() -> list[KeyPair]:
            return [KeyPair(*self_signed(name, now, random, elliptic=elliptic)) for elliptic in self._kinds]

        return await Workers(self._ground.threads)(make)

    async def _keep(self, pairs: Sequence[KeyPair], *, unless_there: bool = False) -> bool:
        sealed = self._ground.sealer.seal(write_key_pairs(pairs), key_pairs_record(self._pool, self._owner))
        kept = Kept(sealed, int(self._ground.clock()))
        self._read = ()
        return await self._ground.identities.keep(self._pool, self._owner, KEYS, kept, unless_there=unless_there)

    # ------------------------------------------------------------------------------------------- a change of keys

    async def add(self) -> Sequence[KeyPair]:
        """Publish a further pair, which does not sign yet. Raises Conflict if there is one already."""
        pairs = await self.current()
        if len(pairs) > len(self._kinds):
            raise Conflict("There is a further key already: let it sign (use), or drop it.")
        await self._keep([*pairs, *await self._new()])
        return await self.current()

    async def use(self) -> Sequence[KeyPair]:
        """Let the further pair sign. The other one goes on opening what comes. Raises Conflict if there is none."""
        pairs = await self.current()
        if len(pairs) <= len(self._kinds):
            raise Conflict("There is no further key to sign with: add one first.")
        await self._keep([*pairs[len(self._kinds) :], *pairs[: len(self._kinds)]])
        return await self.current()

    async def drop(self) -> Sequence[KeyPair]:
        """Forget the pair that does not sign. Raises Conflict if there is none."""
        pairs = await self.current()
        if len(pairs) <= len(self._kinds):
            raise Conflict("There is no further key to drop.")
        await self._keep(pairs[: len(self._kinds)])
        return await self.current()


def key_pairs_record(pool: str, owner: str) -> str:
    """The name under which the keys of this owner are sealed."""
    return f"pools/{pool}/providers/{owner}/keys"


def write_key_pairs(pairs: Sequence[KeyPair]) -> bytes:
    return orjson.dumps([[pair.private_key, pair.certificate] for pair in pairs])


def read_key_pairs(body: bytes) -> tuple[KeyPair, ...]:
    return tuple(KeyPair(private_key, certificate) for private_key, certificate in orjson.loads(body))
