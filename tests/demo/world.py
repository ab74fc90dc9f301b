"""The demo and its fake provider in one process, and a browser that is a plain HTTP client with a cookie jar."""

import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp

from authserver.demo.api import demo_api
from authserver.demo.web import demo_web
from tests.demo.fake_op import CLIENT_ID, CLIENT_SECRET, Clock, FakeProvider

WEB = "http://127.0.0.1:8001"
API = "http://127.0.0.1:8002"


class Hosts(httpx.AsyncBaseTransport):
    """Several ASGI applications, each under its own authority; every other one does not answer."""

    def __init__(self, apps: dict[str, ASGIApp]) -> None:
        self._transports = {name: httpx.ASGITransport(app, raise_app_exceptions=False) for name, app in apps.items()}
        self.down: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.netloc.decode()
        if name in self.down or name not in self._transports:
            raise httpx.ConnectError("nobody listens")
        return await self._transports[name].handle_async_request(request)


@dataclass
class World:
    """The provider, the API and the client application."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.op = FakeProvider(clock=self.clock)
        api = demo_api(self.op.issuer, own_url=API, web_url=WEB, validator=self.op.toy.validator(), clock=self.clock)
        self.hosts = Hosts({"localhost:8000": self.op.app(), urlsplit(API).netloc: api})
        self.web = demo_web(
            self.op.issuer,
            CLIENT_ID,
            CLIENT_SECRET,
            API,
            WEB,
            id_token_algorithms=("ES256",),
            users={"ada": "of the group staff", "bob": ""},
            password="correct-horse-battery",
            clock=self.clock,
            transport=self.hosts,
        )

    def browser(self) -> "Browser":
        return Browser(self)


class Browser:
    """Follows redirects, keeps cookies, presses buttons."""

    def __init__(self, world: World) -> None:
        everything = Hosts({"localhost:8000": world.op.app(), urlsplit(WEB).netloc: world.web})
        self.http = httpx.AsyncClient(transport=everything, base_url=WEB, follow_redirects=True)

    async def open(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def press(self, button: str, **fields: str) -> httpx.Response:
        """Opens the first page and sends the form that holds the button with this id."""
        page = (await self.open("/")).text
        form = next(part for part in page.split("<form ")[1:] if f'id="{button}"' in part.split("</form>")[0])
        action = re.search(r'action="([^"]*)"', form)
        token = re.search(r'name="csrf" value="([^"]*)"', form)
        assert action
        assert token
        data = {"csrf": token[1], **fields}
        return await self.http.post(unescape(action[1]), data=data, headers={"Sec-Fetch-Site": "same-origin"})

    async def log_in(self) -> httpx.Response:
        return await self.press("log-in")


def shown(page: httpx.Response, element: str) -> str:
    """The text of the element with this id."""
    found = re.search(rf'<(\w+)[^>]*\bid="{element}"[^>]*>(.*?)</\1>', page.text, re.DOTALL)
    assert found, f"no element {element} in {page.text}"
    return unescape(re.sub(r"<[^>]+>|\s+", " ", found[2])).strip()


def error_code(page: httpx.Response) -> str | None:
    found = re.search(r'id="error" data-code="([^"]*)"', page.text)
    return found[1] if found else None
