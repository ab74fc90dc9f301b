"""What commands share: their options, the settings, and the one way to the stores."""

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from authserver.effects import Clock, Random, SystemRandom, system_clock

if TYPE_CHECKING:
    from authserver.accounts.clients import Clients
    from authserver.accounts.directory import Users
    from authserver.accounts.links import Links
    from authserver.accounts.notices import Notices
    from authserver.accounts.provision import Tools
    from authserver.adapters.sql.standing import Standing
    from authserver.broker.ground import Ground
    from authserver.broker.service import Broker
    from authserver.crypto.passwords import Passwords
    from authserver.crypto.sealing import Sealer
    from authserver.effects import Http
    from authserver.events import Emit
    from authserver.messages.outbox import Outbox
    from authserver.model.pools import Pool
    from authserver.settings import Settings
    from authserver.store import Stores
    from authserver.tokens.keyring import KeyRing

T = TypeVar("T")

LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
"""This machine, as `outbound.allow` has it."""

Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings; ./poolgate.toml by default.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="Instead of `data_dir`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PoolId = Annotated[str | None, typer.Option("--pool", metavar="ID", help="The pool; may be left out if there is one.")]


class Opened(Protocol):
    """The open stores with the tools that belong to them, as `authserver.opening.open_stores` yields them."""

    @property
    def stores(self) -> "Stores": ...
    @property
    def key_ring(self) -> "KeyRing": ...
    @property
    def sealer(self) -> "Sealer": ...
    @property
    def passwords(self) -> "Passwords": ...
    @property
    def http(self) -> "Http": ...

    async def revoke_user(self, pool: str, user_id: str) -> object:
        """End every session and grant of the user."""
        ...


OpenStores = Callable[["Settings", Clock, Random], AbstractAsyncContextManager[Opened]]


def _open_stores(settings: "Settings", clock: Clock, random: Random) -> AbstractAsyncContextManager[Opened]:
    from authserver.opening import open_stores

    return open_stores(reaching_this_machine(settings), clock, random)


def reaching_this_machine(settings: "Settings") -> "Settings":
    """What commands call of the pool's (triggers) may be on this machine if the server is for this machine alone, which
    plain http says: so it is under `poolgate dev`, which they run beside.
    """
    from dataclasses import replace
    from urllib.parse import urlsplit

    from authserver.settings import on_loopback

    if settings.secure or not on_loopback(urlsplit(settings.base_url).hostname or ""):
        return settings
    return replace(settings, outbound_allow=(*settings.outbound_allow, *LOOPBACK))


async def _migrate(settings: "Settings") -> None:
    from authserver.opening import migrate

    await migrate(settings)


def _operator() -> str:
    """The name of whoever runs this process, as the system knows it: the environment could say any."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


async def _standing(settings: "Settings") -> "Standing":
    from authserver.opening import standing

    return await standing(settings)


@dataclass(slots=True)
class Run:
    """One run of the command line: what it reaches the world through. `debug` shows tracebacks.

    `standing` tells how far the database is from this version, without making or changing it. `operator` is the name
    that the audit trail has for whoever runs it.
    """

    open_stores: OpenStores = _open_stores
    migrate: Callable[["Settings"], Coroutine[Any, Any, None]] = _migrate
    standing: Callable[["Settings"], Coroutine[Any, Any, "Standing"]] = _standing
    clock: Clock = system_clock
    random: Random = field(default_factory=SystemRandom)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    operator: str = field(default_factory=_operator)
    debug: bool = False


def fresh_run() -> Run:
    """A run against the real world."""
    return Run()


@dataclass(frozen=True, slots=True)
class House:
    """An open installation, and the clock and chance that go with it. `emit` takes events into the audit trail."""

    opened: Opened
    settings: "Settings"
    clock: Clock
    random: Random
    emit: "Emit"

    @property
    def stores(self) -> "Stores":
        return self.opened.stores

    def users(self) -> "Users":
        """The operator's hand on users."""
        from authserver.accounts.directory import Users

        opened = self.opened
        stores = opened.stores
        return Users(
            stores.directory,
            stores.credentials,
            opened.passwords,
            self.clock,
            self.random,
            opened.revoke_user,
            self.emit,
        )

    def links(self) -> "Links":
        """Makes the links of messages."""
        from authserver.accounts.links import Links

        return Links(self.settings.base_url)

    def outbox(self) -> "Outbox":
        """Where messages are posted: a serving process delivers them."""
        from authserver.messages.outbox import Outbox

        return Outbox(self.stores.journal, self.opened.sealer, self.clock, self.random)

    def notices(self) -> "Notices":
        """Tells owners what happened to their accounts."""
        from authserver.accounts.notices import Notices

        return Notices(self.outbox(), self.stores.one_time, self.links(), self.clock, self.random)

    def clients(self) -> "Clients":
        """The operator's hand on clients."""
        from authserver.accounts.clients import Clients

        return Clients(self.stores.registry, self.clock, self.random, self.emit)

    def broker(self) -> "Broker":
        """Leads to identity providers and back."""
        from authserver.broker.departures import Departures
        from authserver.broker.service import Broker

        departures = Departures(self.stores.one_time, self.opened.sealer)
        return Broker(self.stores.registry, self.ground(), departures, lambda *_: None, self.emit)

    def ground(self) -> "Ground":
        """What providers are reached with, and their keys kept."""
        from authserver.broker.ground import Ground
        from authserver.broker.service import Broker

        opened, stores = self.opened, self.stores
        return Ground(
            http=opened.http,
            random=self.random,
            clock=self.clock,
            sealer=opened.sealer,
            key_ring=opened.key_ring,
            identities=stores.identities,
            one_time=stores.one_time,
            threads=Broker.threads(),
        )

    def tools(self) -> "Tools":
        """What carrying out a plan needs."""
        from authserver.accounts.provision import Tools

        return Tools(
            self.stores,
            self.users(),
            self.opened.key_ring.ensure,
            self.clock,
            self.random,
            self.opened.sealer,
            self.emit,
        )

    async def pool(self, pool_id: str | None) -> "Pool":
        """The pool of this id, or the only one. Raises NotFound, Invalid."""
        from authserver.errors import Invalid, NotFound

        if pool_id is not None:
            found = await self.stores.registry.pool(pool_id)
            if found is None:
                raise NotFound(f"There is no pool {pool_id!r}; create it with `poolgate apply POOLFILE`.")
            return found
        pools = await self.stores.registry.pools()
        if not pools:
            raise NotFound("There is no pool yet; create one with `poolgate apply POOLFILE`.")
        if len(pools) > 1:
            raise Invalid(f"Say which pool with --pool: {', '.join(p.id for p in pools)}.", field="pool")
        return pools[0]


def load(run: Run, config: Path | None = None, data_dir: Path | None = None) -> "Settings":
    """The settings in force. Raises BadConfig."""
    from authserver.settings import load_settings

    overrides = {"data_dir": str(data_dir)} if data_dir is not None else {}
    return load_settings(config, environ=run.environ, overrides=overrides)


def with_stores(
    ctx: typer.Context, config: Path | None, data_dir: Path | None, work: Callable[[House], Awaitable[T]]
) -> T:
    """Open the installation, do the work, close it again."""
    import asyncio

    run: Run = ctx.obj
    settings = load(run, config, data_dir)

    async def opened() -> T:
        from authserver.audit.collecting import collecting

        async with (
            run.open_stores(settings, run.clock, run.random) as opened,
            collecting(
                opened.stores.journal, run.clock, settings.data_dir / "audit", f"operator:{run.operator}"
            ) as emit,
        ):
            return await work(House(opened, settings, run.clock, run.random, emit))

    return asyncio.run(opened())
