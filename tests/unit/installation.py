"""A small installation in memory, for what provisions it and administers it."""

from dataclasses import dataclass, field
from pathlib import Path

from authserver.accounts.clients import Clients
from authserver.accounts.directory import Users
from authserver.accounts.provision import Plan, Tools, carry_out, gather, plan
from authserver.crypto.passwords import Passwords
from authserver.crypto.sealing import Sealer
from authserver.effects import Http, SystemRandom
from authserver.events import Event
from authserver.model.keys import SigningKey
from authserver.outbound import Outbound
from authserver.poolfile import PoolFile, load_pool_file
from authserver.store import Stores
from authserver.store.memory import memory_stores
from authserver.tokens.keyring import LONGEST_TOKEN, KeyRing

NOW = 1_800_000_000


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@dataclass
class Installation:
    """Memory stores with the tools over them; it is its own stand-in for what `open_stores` yields."""

    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = SystemRandom()
        self.stores: Stores = memory_stores(self.clock)
        self.sealer = Sealer(bytes(range(32)), self.random)
        self.key_ring = KeyRing(self.stores.registry, self.sealer, self.clock)
        self.passwords = Passwords(threads=2)
        self.http: Http = Outbound(("127.0.0.1",))
        self.users = Users(
            self.stores.directory,
            self.stores.credentials,
            self.passwords,
            self.clock,
            self.random,
            self.revoke_user,
            self.events.append,
        )
        self.clients = Clients(self.stores.registry, self.clock, self.random, self.events.append)
        self.tools = Tools(
            self.stores,
            self.users,
            self.quick_keys,
            self.clock,
            self.random,
            Sealer(bytes(32), self.random),
            self.events.append,
        )

    async def revoke_user(self, pool: str, user_id: str) -> None:
        now = int(self.clock())
        for session in await self.stores.sessions.sessions_of_user(pool, user_id):
            await self.stores.sessions.delete_session(pool, session.key)
        await self.stores.grants.revoke_user(pool, user_id, now, now + LONGEST_TOKEN)

    async def quick_keys(self, pool: str) -> None:
        """Keys that fill their places and sign nothing: real ones take a third of a second."""
        keys = [
            SigningKey(f"{alg}-{state}", pool, alg, state, {}, b"", NOW)  # type: ignore[arg-type] - a plain str
            for alg in ("ES256", "RS256")
            for state in ("current", "next")
        ]
        await self.stores.registry.change_keys(pool, expected=(), put=keys)

    async def plan(self, file: PoolFile, *, prune: bool = False) -> Plan:
        return plan(await gather(self.stores, file), file, prune=prune)

    async def apply(self, file: PoolFile, *, prune: bool = False) -> Plan:
        made = await self.plan(file, prune=prune)
        await carry_out(made, self.tools)
        return made


def pool_file(folder: Path, text: str, name: str = "pool.toml") -> PoolFile:
    """A pool file with this text."""
    (folder / name).write_text(text)
    return load_pool_file(folder / name, environ={}, name=name)
