"""One browser on one kept-open connection that takes the time of its requests, as whoever probes from nearby would."""

import html
import http.client
import re
import time
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.journeys.house import VERIFIER, s256
from tests.system.installation import Installation

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True)
class Timed:
    """An answer, and the seconds from the first byte sent to the last one read."""

    status: int
    location: str
    text: str
    seconds: float


@dataclass
class SignIn:
    """A sign-in under way: its id, and the token that its forms need."""

    id: str
    csrf: str


@dataclass
class Caller:
    """Speaks to one pool of a server that believes `X-Forwarded-For`, from a new address with each request."""

    at: Installation
    pool: str
    client_id: str
    callback: str
    cookies: dict[str, str] = field(default_factory=dict)
    keeps_open: bool = True
    """Its connection; who is one of many opens one for each request."""
    _sent: int = 0
    _line: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hang_up()

    def begin(self) -> SignIn:
        """A fresh sign-in, seen as far as its first page."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": "openid",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
        }
        begun = self.ask(f"/oauth2/authorize?{urlencode(query)}")
        assert begun.status == 302, begun
        sign_in_id = parse_qs(urlsplit(begun.location).query)["signin"][0]
        page = self.ask(f"/login?signin={sign_in_id}")
        found = _CSRF.search(page.text)
        assert found is not None, page
        return SignIn(sign_in_id, html.unescape(found[1]))

    def send(self, sign_in: SignIn, step: str, path: str = "/login", **form: str) -> Timed:
        """Sends a form of a sign-in."""
        return self.ask(f"{path}?signin={sign_in.id}", {"csrf": sign_in.csrf, "step": step, **form})

    def ask(self, path: str, form: dict[str, str] | None = None) -> Timed:
        """One request; the time is that of the request alone."""
        body = urlencode(form).encode() if form is not None else None
        headers = {"X-Forwarded-For": self._next_address(), "Accept-Language": "en"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        for _ in range(2):
            line = self._connected()
            began = time.perf_counter()
            try:
                line.request("POST" if body is not None else "GET", f"/{self.pool}{path}", body, headers)
                answer = line.getresponse()
                text = answer.read()
            except (
                http.client.RemoteDisconnected,
                ConnectionError,
            ):  # it was kept open for longer than the server does
                self._hang_up()
                continue
            took = time.perf_counter() - began
            if not self.keeps_open:
                self._hang_up()
            self._keep(answer.headers.get_all("Set-Cookie") or [])
            return Timed(answer.status, answer.headers.get("Location") or "", text.decode(), took)
        raise AssertionError("the server ended the connection twice")

    def _connected(self) -> http.client.HTTPConnection:
        if self._line is None:
            self._line = http.client.HTTPConnection("127.0.0.1", self.at.port, timeout=60)
            self._line.connect()
        return self._line

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    def _next_address(self) -> str:
        self._sent += 1
        return f"10.{self._sent >> 16 & 255}.{self._sent >> 8 & 255}.{self._sent & 255}"
