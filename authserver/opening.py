"""Opening what lies under the capabilities: the stores of one installation, its keys, and its cache of the registry.

With the composition root and the command line the only place that names adapters. Slow libraries are imported where they
are needed, so that a command that needs none of them starts at once (DESIGN 7).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from authserver.crypto.passwords import Passwords
from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Http, Random
from authserver.errors import Refusal
from authserver.heart import Announcements
from authserver.metrics import Metrics
from authserver.outbound import Outbound
from authserver.settings import Settings, load_or_create_master_key
from authserver.store import Stores
from authserver.store.cached import CachedRegistry
from authserver.timed import timed_stores
from authserver.tokens.issuer import Issuers
from authserver.tokens.keyring import LONGEST_TOKEN, KeyRing
from authserver.tokens.revocation import Revocations
from authserver.triggers.calls import Calls

if TYPE_CHECKING:
    from authserver.adapters.sql.standing import Standing

log = structlog.get_logger("app")


@dataclass(slots=True)
class Opened:
    """Open stores, and the capabilities that commands and the server share."""

    settings: Settings
    clock: Clock
    random: Random
    stores: Stores
    registry: CachedRegistry
    sealer: Sealer
    key_ring: KeyRing
    passwords: Passwords
    revocations: Revocations
    issuers: Issuers
    announcements: Announcements
    metrics: Metrics
    redis_url: str
    http: Http
    trigger_calls: Calls
    master: bytes = field(repr=False)

    async def revoke_user(self, pool: str, user_id: str) -> None:
        """End every session and grant of a user. Sessions first: a live one could make another grant meanwhile."""
        for session in await self.stores.sessions.sessions_of_user(pool, user_id):
            await self.stores.sessions.delete_session(pool, session.key)
            await self.revocations.revoke_session(pool, session.sid, LONGEST_TOKEN)
        await self.revocations.revoke_user(pool, user_id, LONGEST_TOKEN)


def database_url(settings: Settings) -> str:
    """The configured database, or the SQLite file in `data_dir`."""
    return settings.database_url or f"sqlite:///{(settings.data_dir / 'poolgate.sqlite').absolute()}"


@asynccontextmanager
async def open_redis_url(settings: Settings, *, serving: bool = False) -> AsyncIterator[str]:
    """The configured Redis, or the embedded Valkey: joined if it runs, else owned until the end.

    Whoever serves must own it, since it ends with its owner. Raises StoreUnavailable.
    """
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    from authserver.adapters.valkey import EmbeddedValkey

    async with EmbeddedValkey.open(settings.data_dir, own=serving) as valkey:
        yield valkey.url


async def migrate(settings: Settings) -> None:
    """Bring the database to the schema of this version."""
    from authserver.adapters.sql.migration import migrate as migrate_sql

    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    await migrate_sql(database_url(settings))


async def standing(settings: Settings) -> "Standing":
    """How the database stands to this version, without making or changing it. Raises Invalid, StoreUnavailable."""
    if settings.database_url is None and not settings.data_dir.exists():
        return "missing"
    from authserver.adapters.sql.standing import standing as standing_of

    return await standing_of(database_url(settings))


@asynccontextmanager
async def open_stores(
    settings: Settings,
    clock: Clock,
    random: Random,
    *,
    redis_url: str | None = None,
    prepared: bool = False,
    serving: bool = False,
) -> AsyncIterator[Opened]:
    """Open everything under the capabilities.

    Args:
        redis_url: where Redis is, if the caller opened it already.
        prepared: the caller has migrated the database.
        serving: this process stays. It owns the embedded Valkey, if that is used; and a heartbeat will be started, so
            registry readings may be trusted between its beats.
    """
    async with AsyncExitStack() as stack:

        async def redis_at() -> str:
            if redis_url is not None:
                return redis_url
            return await stack.enter_async_context(open_redis_url(settings, serving=serving))

        starting = asyncio.create_task(redis_at())
        await asyncio.sleep(0)
        # The adapters load while the embedded store starts, which takes a tenth of a second.
        from authserver.adapters.redis import open_redis
        from authserver.adapters.redis.trigger_calls import RedisCalls
        from authserver.adapters.sql.stores import open_sql

        where = await starting
        if not prepared:
            await migrate(settings)
        master = load_or_create_master_key(settings, random)
        metrics = Metrics()
        sql = await stack.enter_async_context(await open_sql(database_url(settings)))
        redis = open_redis(where)
        stack.push_async_callback(redis.close)
        stores = timed_stores(
            Stores(
                registry=sql.registry,
                directory=sql.directory,
                credentials=sql.credentials,
                identities=sql.identities,
                journal=sql.journal,
                grants=sql.grants,
                sessions=redis.sessions,
                one_time=redis.one_time,
                counters=redis.counters,
            ),
            metrics,
        )

        async def announce(version: int) -> None:
            try:
                await redis.heartbeat.publish_version(version)
            except Refusal as refusal:  # the heartbeat's silence and the lifetime of readings cover for it
                log.warning("a change could not be announced", detail=refusal.detail)

        async def hint() -> None:
            try:
                await redis.heartbeat.hint_revocation()
            except Refusal as refusal:  # others see it when they read the feed the next time, half a second at most
                log.warning("a revocation could not be hinted at", detail=refusal.detail)

        registry = CachedRegistry(stores.registry, clock, announce, heartbeat=serving)
        sealer = Sealer(master, random)
        key_ring = KeyRing(registry, sealer, clock)
        passwords = Passwords()
        stack.callback(passwords.close)
        http = Outbound(settings.outbound_allow)
        stack.push_async_callback(http.close)
        yield Opened(
            settings=settings,
            clock=clock,
            random=random,
            stores=replace(stores, registry=registry),
            registry=registry,
            sealer=sealer,
            key_ring=key_ring,
            passwords=passwords,
            revocations=Revocations(stores.grants, clock, hint),
            issuers=Issuers(registry, key_ring, settings.base_url, master),
            announcements=redis.heartbeat,
            metrics=metrics,
            redis_url=where,
            http=http,
            trigger_calls=RedisCalls(redis.commands),
            master=master,
        )
