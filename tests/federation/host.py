"""A host for connectors: what `federation.ports` asks for, in memory, with a network that ends at the stand-ins."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from starlette.types import ASGIApp

from federation.errors import ProviderUnavailable
from federation.model import Asked, Begun, Callback, ExternalIdentity, FormPost, Handoff, IdentityProvider
from federation.ports import Document, Host, KeyPair, Response
from tests.resource_servers import forge

NOW = forge.NOW
POOL_ISSUER = "https://login.example/acme_Pool1"
CALLBACK = f"{POOL_ISSUER}/oauth2/idpresponse/Acme"


@dataclass(frozen=True)
class Sent:
    """A request as it left us."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


class Network:
    """Leads to the stand-ins by host name, and nowhere else. `answers` replaces what a URL says, `down` silences hosts."""

    def __init__(self) -> None:
        self.apps: dict[str, ASGIApp] = {}
        self.sent: list[Sent] = []
        self.down: set[str] = set()
        self.answers: dict[str, Response] = {}

    def serve(self, app: ASGIApp, *hosts: str) -> None:
        self.apps |= dict.fromkeys(hosts, app)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = 512 * 1024,
        timeout: float = 5.0,
    ) -> Response:
        self.sent.append(Sent(method, url, dict(headers or {}), body))
        host = urlsplit(url).netloc
        if host in self.down or host not in self.apps:
            raise ProviderUnavailable(f"{host} does not answer")
        bare = url.partition("?")[0]
        if bare in self.answers:
            return self.answers[bare]
        answer = await browse(self.apps[host], method, url, headers=dict(headers or {}), body=body)
        if len(answer.body) > limit:
            raise ProviderUnavailable(f"{host} answers with too much")
        return answer


async def browse(
    app: ASGIApp, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Response:
    """One request to an app, no redirect followed."""
    request = httpx.Request(method, url, headers=headers, content=body)
    answer = await httpx.ASGITransport(app=app).handle_async_request(request)
    return Response(answer.status_code, await answer.aread(), dict(answer.headers))


class Chance:
    """Tokens that never repeat, the same in each run."""

    def __init__(self) -> None:
        self.count = 0

    def token(self, n: int = 32) -> str:
        self.count += 1
        return base64.urlsafe_b64encode(hashlib.sha512(str(self.count).encode()).digest()[:n]).rstrip(b"=").decode()


class Signer:
    """The pool's keys: ES256 and RS256."""

    def jwks(self) -> dict[str, Any]:
        return {"keys": [forge.key(alg, f"pool-{alg}").jwk() for alg in ("ES256", "RS256")]}

    async def sign_jwt(self, claims: Mapping[str, object], *, alg: str, typ: str | None = None) -> str:
        header = {"alg": alg, "kid": f"pool-{alg}", **({"typ": typ} if typ else {})}
        return forge.compact(header, claims, forge.key(alg, f"pool-{alg}"))


@dataclass
class Secrets:
    texts: dict[str, str] = field(default_factory=dict)

    def open(self, name: str) -> str:
        return self.texts.get(name, "")


@cache
def key_pair(kind: str = "RSA") -> KeyPair:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = forge.rsa_private() if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
    return KeyPair(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), "")


@dataclass
class KeyPairs:
    pairs: list[KeyPair] = field(default_factory=list)

    async def current(self) -> list[KeyPair]:
        return self.pairs or [key_pair("RSA"), key_pair("EC")]


class Documents:
    def __init__(self) -> None:
        self.kept: dict[str, Document] = {}

    async def get(self, name: str) -> Document | None:
        return self.kept.get(name)

    async def put(self, name: str, document: Document) -> None:
        self.kept[name] = document


class Once:
    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    async def first(self, what: str, until: int) -> bool:
        new = what not in self.used
        self.used[what] = until
        return new


async def work(job: Callable[[], Any]) -> Any:
    return job()


def make_host(network: Network, secrets: Mapping[str, str] | None = None, **ports: Any) -> Host:
    """A host on that network. `ports` replaces some of its parts."""
    parts = {
        "issuer": POOL_ISSUER,
        "http": network,
        "random": Chance(),
        "signer": Signer(),
        "secrets": Secrets(dict(secrets or {})),
        "key_pairs": KeyPairs(),
        "documents": Documents(),
        "once": Once(),
        "work": work,
    }
    return Host(**{**parts, **ports})


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given["action"] or ""
        elif tag == "input":
            self.fields.append((given["name"] or "", given["value"] or ""))


@dataclass
class Visit:
    """A login under way: the departure, and what the host keeps of it."""

    begun: Begun
    handoff: Handoff

    @property
    def url(self) -> str:
        return self.begun.outgoing.url

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))


@dataclass
class World:
    """One connector, its provider and the network between them. `now` is the time of the host and of the provider."""

    provider: IdentityProvider
    host: Host
    network: Network
    connect: Callable[[IdentityProvider, Host], Any]
    site: Any
    now: int = NOW
    _connector: Any = None
    _states: int = 0

    @property
    def connector(self) -> Any:
        if self._connector is None:
            self._connector = self.connect(self.provider, self.host)
        return self._connector

    def anew(self, **changes: Any) -> "World":
        """The same with other settings: keys of the provider, or `settings` and `secrets` to add."""
        settings = {**self.provider.settings, **changes.pop("settings", {})}
        host = self.host
        if "secrets" in changes:
            host = replace(host, secrets=Secrets({**host.secrets.texts, **changes.pop("secrets")}))  # type: ignore[attr-defined]  # ours
        return World(replace(self.provider, settings=settings, **changes), host, self.network, self.connect, self.site)

    async def depart(self, **asked: Any) -> Visit:
        self._states += 1
        state = asked.pop("state", f"state-{self._states}-{'s' * 32}")
        question = Asked(state=state, callback_url=CALLBACK, now=self.now, **asked)
        begun = await self.connector.begin(question)
        handoff = Handoff(
            state=state,
            pool="acme_Pool1",
            provider=self.provider.name,
            callback_url=CALLBACK,
            begun_at=self.now,
            fresh=question.fresh,
            max_age=question.max_age,
            memo=begun.memo,
        )
        return Visit(begun, handoff)

    async def travel(self, visit: Visit) -> Callback:
        """What the person's browser does at the provider: it comes back with an answer."""
        outgoing = visit.begun.outgoing
        assert not isinstance(outgoing, FormPost)
        app = self.network.apps[urlsplit(outgoing.url).netloc]
        answer = await browse(app, "GET", outgoing.url)
        if answer.status == 302:
            target = urlsplit(answer.headers["location"])
            assert answer.headers["location"].startswith(CALLBACK)
            return Callback("GET", tuple(parse_qsl(target.query, keep_blank_values=True)), target.query, self.now)
        assert answer.status == 200, answer.body
        form = _Form()
        form.feed(answer.body.decode())
        assert form.action == CALLBACK
        return Callback("POST", tuple(form.fields), "", self.now)

    async def log_in(self, **asked: Any) -> ExternalIdentity:
        visit = await self.depart(**asked)
        return await self.finish(visit, await self.travel(visit))

    async def finish(self, visit: Visit, callback: Callback) -> ExternalIdentity:
        identity: ExternalIdentity = await self.connector.finish(visit.handoff, callback)
        return identity


def changed(callback: Callback, **changes: Any) -> Callback:
    """The callback with other parameters: ... removes one, a list repeats it."""
    kept = [(name, value) for name, value in callback.params if name not in changes]
    new = [
        (name, value)
        for name, values in changes.items()
        if values is not ...
        for value in (values if isinstance(values, list) else [values])
    ]
    return replace(callback, params=tuple(kept + new))


def json_response(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), {"content-type": "application/json"})
