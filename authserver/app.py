"""The composition root: opens the stores, wires capabilities and front ends, and yields the ASGI application.

The only place, with the command line, that names adapters. Slow libraries are imported where they are needed, so that
a command that needs none of them starts at once (DESIGN 7).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from authserver.crypto.passwords import Passwords
from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Random
from authserver.errors import NotFound, Refusal
from authserver.events import Emit, Event
from authserver.gate import Gate, Lifecycle
from authserver.heart import Announcements, Heart
from authserver.logs import log_event, request_id
from authserver.metrics import Metrics
from authserver.oauth.routes import ENDPOINTS, INSERTED
from authserver.pages.frame import Frame
from authserver.pages.render import Renderer
from authserver.pages.routes import endpoints as page_endpoints
from authserver.services import Endpoint, Services
from authserver.settings import Settings, load_or_create_master_key
from authserver.signin.passwords import PasswordFactor
from authserver.signin.service import SignIns
from authserver.signin.sessions import BrowserSessions
from authserver.store import Stores
from authserver.store.cached import CachedRegistry
from authserver.timed import timed_stores
from authserver.tokens.issuer import Issuers
from authserver.tokens.keyring import LONGEST_TOKEN, KeyRing
from authserver.tokens.revocation import Revocations
from authserver.web import MethodNotAllowed, Request

log = structlog.get_logger("app")

STATIC = "/static"


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
            Stores(sql.registry, sql.directory, sql.grants, redis.sessions, redis.one_time, redis.counters), metrics
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
        yield Opened(
            settings=settings,
            clock=clock,
            random=random,
            stores=Stores(registry, stores.directory, stores.grants, stores.sessions, stores.one_time, stores.counters),
            registry=registry,
            sealer=sealer,
            key_ring=key_ring,
            passwords=passwords,
            revocations=Revocations(stores.grants, clock, hint),
            issuers=Issuers(registry, key_ring, settings.base_url, master),
            announcements=redis.heartbeat,
            metrics=metrics,
            redis_url=where,
        )


def wire(opened: Opened, frame: Frame, listeners: Sequence[Emit] = ()) -> Services:
    """Capabilities over open stores."""
    heard = (log_event, opened.metrics.event, *listeners)

    def emit(event: Event) -> None:
        for listener in heard:
            listener(event)

    stores = opened.stores
    sessions = BrowserSessions(stores.sessions, opened.revocations, opened.clock, opened.random)
    return Services(
        clock=opened.clock,
        random=opened.random,
        registry=opened.registry,
        stores=stores,
        issuers=opened.issuers,
        key_ring=opened.key_ring,
        passwords=opened.passwords,
        revocations=opened.revocations,
        sessions=sessions,
        sign_ins=SignIns(
            registry=opened.registry,
            directory=stores.directory,
            grants=stores.grants,
            store=stores.sessions,
            one_time=stores.one_time,
            sessions=sessions,
            password_factor=PasswordFactor(
                stores.directory,
                stores.counters,
                opened.passwords,
                opened.clock,
                emit,
                per_address=opened.settings.guesses_per_address,
            ),
            clock=opened.clock,
            random=opened.random,
            emit=emit,
        ),
        emit=emit,
        base_url=opened.settings.base_url,
        show_error=frame.error,
    )


def build(
    opened: Opened,
    lifecycle: Lifecycle | None = None,
    *,
    routes: Iterable[BaseRoute] = (),
    listeners: Sequence[Emit] = (),
) -> Gate:
    """The ASGI application over open stores.

    Args:
        routes: further Starlette routes, such as those of the dev mailbox.
        listeners: further listeners to events.
    """
    lifecycle = lifecycle or Lifecycle()
    frame = Frame(Renderer(STATIC))
    services = wire(opened, frame, listeners)
    starlette = Starlette(
        routes=[*routes, *_own_routes(opened, lifecycle, frame)],
        exception_handlers={
            404: _as_page(services, NotFound),
            405: _as_page(services, lambda: MethodNotAllowed("GET")),
        },
    )
    starlette.router.redirect_slashes = False  # it would redirect to whatever the Host header says
    gate = Gate(
        services,
        {**ENDPOINTS, **page_endpoints(frame)},
        starlette,
        opened.metrics,
        lifecycle,
        access_log=opened.settings.log_requests,
    )
    starlette.router.routes += [
        Route(f"/.well-known/{name}/{{pool}}", _inserted(gate, endpoint), methods=["GET", "OPTIONS"])
        for name, endpoint in INSERTED.items()
    ]
    return gate


def _own_routes(opened: Opened, lifecycle: Lifecycle, frame: Frame) -> list[BaseRoute]:
    async def healthz(_request: StarletteRequest) -> Response:
        """Alive: the process answers."""
        return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})

    async def readyz(_request: StarletteRequest) -> Response:
        """Ready: the stores answer and we take new work."""
        checks = {"database": "ok", "redis": "ok"}
        for name, probe in (("database", opened.stores.registry.version), ("redis", opened.announcements.read_version)):
            try:
                await probe()
            except Refusal:
                checks[name] = "unavailable"
        ready = not lifecycle.draining and set(checks.values()) == {"ok"}
        body = {"status": "draining" if lifecycle.draining else "ready" if ready else "unavailable", **checks}
        headers = {"cache-control": "no-store"} | ({} if ready else {"retry-after": "2"})
        return JSONResponse(body, status_code=200 if ready else 503, headers=headers)

    async def static(request: StarletteRequest) -> Response:
        asset = frame.renderer.assets.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        if request.headers.get("if-none-match") == asset.headers["ETag"]:
            return Response(status_code=304, headers=asset.headers)
        return Response(asset.body, headers=asset.headers)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route(f"{STATIC}/{{name}}", static)]


def _as_page(services: Services, refusal: Callable[[], Refusal]) -> Callable[[StarletteRequest, Exception], Response]:
    """Starlette's own 404 and 405 as our error page."""

    def handler(request: StarletteRequest, error: Exception) -> Response:
        answer = services.show_error(
            services, Request(request.scope, request.receive, request_id.get()), None, refusal()
        )
        response = Response(answer.body, answer.status)
        response.raw_headers += [h for h in answer.headers if h[0] != b"content-length"]
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    return handler


def _inserted(gate: Gate, endpoint: Endpoint) -> Callable[[StarletteRequest], Awaitable[Response]]:
    """An endpoint of a pool under an address where the pool comes last (RFC 8414 3.1)."""

    async def handler(request: StarletteRequest) -> Response:
        answer = await gate.answer(
            endpoint, request.path_params["pool"], Request(request.scope, request.receive, request_id.get())
        )
        if answer is None:
            return Response(status_code=400)
        response = Response(answer.body, answer.status)
        response.raw_headers += [h for h in answer.headers if h[0] != b"content-length"]
        return response

    return handler


@asynccontextmanager
async def running(opened: Opened) -> AsyncIterator[None]:
    """The background of a serving process: its heartbeat. Ends it with the block."""
    heart = Heart(opened.announcements, opened.registry, opened.revocations, opened.stores.grants, opened.clock)
    await heart.start()
    try:
        yield
    finally:
        await heart.stop()
