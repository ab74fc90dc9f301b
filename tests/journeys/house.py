"""A whole server in process, on the memory stores, with a clock that tests move: what journeys drive over HTTP."""

import asyncio
import base64
import functools
import hashlib
import html
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from authserver.app import STATIC, build
from authserver.crypto.passwords import Passwords, decoy_of
from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import digest
from authserver.effects import SystemRandom
from authserver.events import Event
from authserver.gate import Lifecycle
from authserver.messages.transport import Envelope
from authserver.metrics import Metrics
from authserver.model.clients import Client
from authserver.model.pools import ACR_LEVELS, Group, Pool, ResourceServer, Scope
from authserver.model.sessions import Authentication, Proof
from authserver.model.users import PasswordCredential, User
from authserver.opening import Opened
from authserver.outbound import Outbound
from authserver.pages.frame import Frame
from authserver.pages.render import Renderer
from authserver.services import Services
from authserver.settings import load_settings
from authserver.store import Stores
from authserver.store.cached import CachedRegistry
from authserver.store.memory import memory_stores
from authserver.tokens.issuer import Issuers
from authserver.tokens.keyring import KeyRing
from authserver.tokens.revocation import Revocations
from authserver.triggers.calls import MemoryCalls
from authserver.wiring import Wired, wire

BASE = "http://localhost:8000"
POOL = "test_Pool1"
ISSUER = f"{BASE}/{POOL}"
CALLBACK = "https://app.example.com/callback"
SIGNED_OUT = "https://app.example.com/signed-out"
SECRET = "a-secret-of-the-web-client-0123456789"
PASSWORD = "correct-horse-battery"
VERIFIER = "v" * 20 + "-._~" + "V" * 40
ORDERS = "https://orders.example"
STOCK = "https://stock.example"

MASTER = b"0123456789abcdef0123456789abcdef"

KEYS: dict[str, Any] = {}
"""Signing keys made once for all tests: an RSA key takes 100 ms."""

SIGNERS: dict[tuple[str, str], Any] = {}
"""And made ready once: importing an RSA key takes 40 ms of checks."""

renderer = functools.cache(Renderer)
"""Templates compiled once for all tests. A Renderer remembers nothing else."""


def each(name: str, cases: Mapping[str, Any] | Iterable[str]) -> Any:
    """Parametrise a test over named cases, or over texts that name themselves."""
    named = cases if isinstance(cases, Mapping) else {text: text for text in cases}
    return pytest.mark.parametrize(name, [pytest.param(value, id=key) for key, value in named.items()])


def by_password(user_id: str, at: int) -> Authentication:
    """What a password given then amounts to."""
    return Authentication(user_id, at, ("pwd",), ACR_LEVELS[0], (Proof("password", at),))


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def pool(pool_id: str = POOL, **changes: Any) -> Pool:
    fixed = Pool(
        id=pool_id,
        name="Test",
        groups=(Group("staff", precedence=1, role="arn:staff"), Group("all", precedence=9)),
        resource_servers=(
            ResourceServer(ORDERS, "Orders", (Scope("read", "Read orders"), Scope("write", "Change orders"))),
            ResourceServer(STOCK, "Stock", (Scope("count", "Count the stock"),)),
        ),
    )
    return replace(fixed, **changes)


def client(client_id: str = "web", **changes: Any) -> Client:
    fixed = Client(
        client_id=client_id,
        pool=POOL,
        client_name="Web shop",
        secret_digests=(digest(SECRET),),
        redirect_uris=(CALLBACK,),
        post_logout_redirect_uris=(SIGNED_OUT,),
        grant_types=("authorization_code", "refresh_token"),
        scope=(
            "openid", "profile", "email", "phone", "address", "offline_access",
            f"{ORDERS}/read", f"{ORDERS}/write", f"{STOCK}/count",
        ),
        machine_grant=f"machine-{client_id}",
        id_token_signed_response_alg="ES256",
    )  # fmt: skip
    return replace(fixed, **changes)


ADA = User(
    id="3f0b1d0e-6c1f-4a57-9d25-000000000ada",
    pool=POOL,
    username="Ada",
    email="ada@example.com",
    email_verified=True,
    phone_number="+821012345678",
    phone_number_verified=True,
    attributes={"name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "locale": "en"},
    groups=("staff", "all"),
    created_at=1_700_000_000,
    updated_at=1_700_000_000,
)
BOB = User(
    id="3f0b1d0e-6c1f-4a57-9d25-000000000b0b", pool=POOL, username="bob", email="bob@example.com", email_verified=True
)

CLIENTS = (
    client(),
    client("other", client_name="Other shop", redirect_uris=("https://other.example.com/cb",)),
    client("post", token_endpoint_auth_method="client_secret_post"),
    client(
        "spa",
        token_endpoint_auth_method="none",
        secret_digests=(),
        redirect_uris=("http://127.0.0.1/cb", "http://[::1]/cb", CALLBACK),
    ),
    client("asks", require_consent=True),
    client("lax", require_pkce=False),
    client(
        "machine", grant_types=("client_credentials",), redirect_uris=(), scope=(f"{ORDERS}/read", f"{ORDERS}/write")
    ),
    client("code-only", grant_types=("authorization_code",)),
)


@dataclass(frozen=True)
class Raw:
    """An answer as it left the server, before any client made sense of it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [v.decode("latin-1") for k, v in self.headers if k.decode() == name]

    def header(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


class Post:
    """What was mailed and texted, once the postman has been."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def deliver(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


@dataclass
class House:
    """The server, its stores, and what happened in it."""

    time: Time
    opened: Opened
    app: Any
    lifecycle: Lifecycle
    wired: Wired
    post: "Post"
    events: list[Event] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    @property
    def stores(self) -> Stores:
        return self.opened.stores

    @property
    def services(self) -> Services:
        return self.app._services

    @property
    def base_url(self) -> str:
        return self.opened.settings.base_url

    def kinds(self) -> list[str]:
        return [e.kind for e in self.events]

    def browser(self, *, address: str = "198.51.100.7", pool_id: str = POOL) -> "Browser":
        """A browser with an empty cookie jar, seen from the address."""
        transport = httpx.ASGITransport(self.app, client=(address, 40000))
        return Browser(
            self, httpx.AsyncClient(transport=transport, base_url=self.base_url), f"{self.base_url}/{pool_id}"
        )

    async def raw(
        self,
        method: str,
        path: str,
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes | list[bytes] = b"",
    ) -> Raw:
        """A request byte for byte, as a server hands it over; `body` may come in pieces."""
        pieces = [body] if isinstance(body, bytes) else body
        messages = [
            {"type": "http.request", "body": piece, "more_body": n < len(pieces)} for n, piece in enumerate(pieces, 1)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": list(headers),
            "client": ("198.51.100.7", 40000),
            "server": ("localhost", 8000),
        }
        await self.app(scope, receive, send)
        if not sent:
            return Raw(0, [], b"")
        return Raw(sent[0]["status"], sent[0]["headers"], b"".join(m.get("body", b"") for m in sent[1:]))

    async def mail(self, to: str | None = None) -> list[Envelope]:
        """Everything that was sent so far, oldest first; only to this address if one is given."""
        postman = self.wired.postman
        while await postman._take():
            await asyncio.gather(*postman._under_way)
        await asyncio.gather(*postman._under_way)
        return [e for e in self.post.envelopes if to is None or e.to == to]

    async def last_code(self, to: str) -> str:
        """The code that was sent last to this address."""
        return next(e.code for e in reversed(await self.mail(to)) if e.code is not None)

    async def change_client(self, client_id: str, **changes: Any) -> None:
        stored = await self.stores.registry.client(POOL, client_id)
        assert stored is not None
        await self.stores.registry.put_client(POOL, replace(stored, **changes))

    async def change_pool(self, **changes: Any) -> None:
        stored = await self.stores.registry.pool(POOL)
        assert stored is not None
        await self.stores.registry.put_pool(replace(stored, **changes))

    async def change_user(self, user: User, **changes: Any) -> None:
        await self.stores.directory.change_user(user.pool, user.id, lambda stored: replace(stored, **changes))


async def _keys(opened: Opened, pool_id: str) -> None:
    """The pool's keys, made once and sealed under the fixed master key."""
    if pool_id not in KEYS:
        await opened.key_ring.ensure(pool_id)
        KEYS[pool_id] = await opened.stores.registry.keys(pool_id)
        return
    await opened.stores.registry.change_keys(pool_id, expected=[], put=KEYS[pool_id])


@asynccontextmanager
async def house(
    *pools: Pool,
    clients: tuple[Client, ...] = CLIENTS,
    base_url: str = BASE,
    decorate: Any = lambda stores: stores,
    talkative: bool = False,
    http: Any = None,
    allow: tuple[str, ...] = (),
) -> AsyncIterator[House]:
    """A server with the pools (one by default), clients, and the users ada and bob in the first.

    `http` leads to other servers, if there are any, and `allow` to directories. `decorate` may stand something in front of the
    memory stores, such as a fault. A `talkative` server logs as one that serves does, every request included; else what it
    logs is in `House.logs`.
    """
    time = Time()
    random = SystemRandom()
    master = MASTER
    stores = decorate(memory_stores(time))
    registry = CachedRegistry(stores.registry, time)
    stores = replace(stores, registry=registry)
    sealer = Sealer(master, random)
    key_ring = KeyRing(registry, sealer, time)
    key_ring._signers = SIGNERS
    passwords = Passwords(threads=1)
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # what a hash costs is tested apart
    passwords._decoy = decoy_of(passwords._hasher)
    opened = Opened(
        settings=load_settings(
            environ={},
            folder=Path("/nonexistent"),
            overrides={
                "base_url": base_url,
                "data_dir": "/nonexistent",
                "log.requests": talkative,
                "outbound.allow": list(allow),
            },
        ),
        clock=time,
        random=random,
        stores=stores,
        registry=registry,
        sealer=sealer,
        key_ring=key_ring,
        passwords=passwords,
        revocations=Revocations(stores.grants, time),
        issuers=Issuers(registry, key_ring, base_url, master),
        announcements=_Still(),
        metrics=Metrics(),
        redis_url="",
        http=http or Outbound(("127.0.0.1",)),
        trigger_calls=MemoryCalls(),
        master=master,
    )
    for one in pools or (pool(),):
        await registry.put_pool(one)
        await _keys(opened, one.id)
    for one_client in clients:
        await registry.put_client(one_client.pool, one_client)
    if "hash" not in KEYS:
        KEYS["hash"] = await passwords.hash(PASSWORD)
    for user in (ADA, BOB):
        await stores.directory.create_user(POOL, user, PasswordCredential(user.id, KEYS["hash"], 0))
    lifecycle = Lifecycle()
    events: list[Event] = []
    post = Post()
    wired = wire(opened, Frame(renderer(STATIC)), [events.append], {"email": post, "sms": post}, strict=True)
    app = build(wired, lifecycle)
    with nullcontext([]) if talkative else capture_logs() as logs:
        yield House(time, opened, app, lifecycle, wired, post, events, logs)
    passwords.close()


class _Still:
    """Announcements of an installation with one process."""

    async def publish_version(self, version: int) -> None: ...

    async def read_version(self) -> int:
        return 1

    async def hint_revocation(self) -> int:
        return 1

    async def read_revocations(self) -> int:
        return 1


@dataclass
class Browser:
    """A browser at one pool; its methods are what a person or a client application does."""

    house: House
    http: httpx.AsyncClient
    issuer: str

    def request(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a good authorization request of `web`, with changes; None leaves one out."""
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return {k: v for k, v in params.items() if v is not None}

    async def authorize(self, **changes: str | None) -> httpx.Response:
        return await self.http.get(f"{self.issuer}/oauth2/authorize?{urlencode(self.request(**changes))}")

    async def arrive(self, user: User = ADA) -> str:
        """Be signed in as the user from before, without the pages. Returns the cookie's value."""
        at = self.house
        pool = await at.stores.registry.pool(self.issuer.rpartition("/")[2])
        assert pool is not None
        authentication = by_password(user.id, int(at.time()))
        _, secret = await at.services.sessions.open(pool, authentication, None)
        self.set_cookie(at.services.cookie_name(pool.id, "session"), secret)
        return secret

    def set_cookie(self, name: str, value: str) -> None:
        host = urlsplit(self.issuer).hostname or ""
        self.http.cookies.set(name, value, domain=host if "." in host else f"{host}.local", path="/")

    def cookie(self, kind: str) -> str | None:
        return self.http.cookies.get(self.house.services.cookie_name(self.issuer.rpartition("/")[2], kind))

    async def open(self, response: httpx.Response) -> httpx.Response:
        """Follow one redirect of ours."""
        assert response.status_code in {302, 303}, response.text
        assert response.headers["location"].startswith(self.issuer), response.headers["location"]
        return await self.http.get(response.headers["location"])

    async def login_page(self, **changes: str | None) -> httpx.Response:
        """The first page of a sign-in."""
        return await self.open(await self.authorize(**changes))

    async def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the page's form for the step with the given fields, its hidden ones included."""
        return await self.http.post(str(page.url), data=hidden(page, fields.get("step")) | fields)

    async def sign_in(self, username: str = "ada", password: str = PASSWORD, **changes: str | None) -> httpx.Response:
        """Authorize, name and password: the answer to the password."""
        page = await self.login_page(**changes)
        page = await self.open(await self.submit(page, step="identifier", username=username))
        return await self.submit(page, step="password", password=password)

    async def code(self, **changes: str | None) -> str:
        """A fresh code, signed in as ada unless somebody is."""
        answer = await self.authorize(**changes)
        if "/login?" in answer.headers["location"]:
            await self.arrive()
            answer = await self.authorize(**changes)
        return answered(answer, changes.get("redirect_uri") or CALLBACK)["code"]

    async def token(self, client_id: str = "web", secret: str | None = SECRET, **form: str) -> httpx.Response:
        auth = (client_id, secret) if secret is not None else None
        extra = {} if auth is not None else {"client_id": client_id}
        return await self.http.post(f"{self.issuer}/oauth2/token", data={**extra, **form}, auth=auth)

    async def redeem(
        self, code: str, client_id: str = "web", secret: str | None = SECRET, **changes: str | None
    ) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        kept = {k: v for k, v in (form | changes).items() if v is not None}
        return await self.token(client_id, secret, **kept)

    async def tokens(self, **changes: str | None) -> dict[str, Any]:
        """Be signed in and redeem a code: the token response."""
        client_id = changes.get("client_id") or "web"
        secret = None if client_id == "spa" else SECRET
        response = await self.redeem(await self.code(**changes), client_id, secret)
        assert response.status_code == 200, response.text
        return response.json()

    async def refresh(
        self, token: str, client_id: str = "web", secret: str | None = SECRET, **form: str
    ) -> httpx.Response:
        return await self.token(client_id, secret, grant_type="refresh_token", refresh_token=token, **form)

    async def userinfo(self, token: str) -> httpx.Response:
        return await self.http.get(f"{self.issuer}/oauth2/userInfo", headers={"Authorization": f"Bearer {token}"})

    async def revoke(self, token: str, client_id: str = "web", secret: str = SECRET, **form: str) -> httpx.Response:
        return await self.http.post(
            f"{self.issuer}/oauth2/revoke", data={"token": token, **form}, auth=(client_id, secret)
        )


def hidden(page: httpx.Response, step: str | None = None) -> dict[str, str]:
    """The hidden fields of the page's form for the step."""
    for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL):
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))
        if step is None or fields.get("step") == step:
            return {name: html.unescape(value) for name, value in fields.items()}
    raise AssertionError(f"no form for {step}: {page.status_code} {page.text}")


def error_code(page: httpx.Response) -> str | None:
    """The code on an error page."""
    found = re.search(r'<main class="card" id="error" data-code="([^"]+)"', page.text)
    return found[1] if found else None


def answered(response: httpx.Response, redirect_uri: str = CALLBACK) -> dict[str, str]:
    """The members of an authorization response that was redirected to the client, straight or by way of a page."""
    if response.status_code == 200 and "refresh" in response.headers:
        location = response.headers["refresh"].removeprefix("0;url=")
    else:
        assert response.status_code in {302, 303}, (response.status_code, response.text)
        location = response.headers["location"]
    assert location.split("?")[0] == redirect_uri, location
    return {k: v[0] for k, v in parse_qs(urlsplit(location).query).items()}


def claims(token: str) -> Mapping[str, Any]:
    """A token's claims, unverified."""
    return jwt.decode(token, options={"verify_signature": False})
