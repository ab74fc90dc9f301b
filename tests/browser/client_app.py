"""A client application of the tests' own: its site, the requests it sends people away with, and what they bring back."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

EXTRAS = Path(__file__).parent / "extras.toml"

_PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{0}</title></head><body>{0}</body></html>'


class Site:
    """Pages at an origin of their own. Every path answers; `pages` says what stands on those that matter."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.pages: dict[str, str] = {}


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """A site on a free port, until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as listener:
        site = Site(f"http://127.0.0.1:{listener.server_address[1]}")
        listener.RequestHandlerClass = _answering(site)
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            listener.shutdown()
            thread.join()


def _answering(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            body = _PAGE.format(site.pages.get(path, f"The client at {path}")).encode()
            self.send_response(204 if path == "/favicon.ico" else 200)
            if path != "/favicon.ico":
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if path != "/favicon.ico":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """The test's own requests are of no interest."""

    return Handler


@dataclass(frozen=True)
class Attempt:
    """A request that somebody was sent away with: its address, and what is needed to redeem the answer."""

    url: str
    state: str
    verifier: str


@dataclass(frozen=True)
class ClientApp:
    """A confidential client of a pool file that lives on `site`."""

    client_id: str
    issuer: str
    site: Site
    scope: str = "openid profile email"
    pool_file: Path = EXTRAS

    @property
    def callback(self) -> str:
        return f"{self.site.origin}/callback"

    def begin(self, **parameters: str) -> Attempt:
        """An authorization request; `parameters` add to it or replace."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": self.scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **parameters,
        }
        return Attempt(f"{self.issuer}/oauth2/authorize?{urlencode(query)}", state, verifier)

    def answer(self, attempt: Attempt, url: str) -> dict[str, str]:
        """What came back to the callback, checked as a client must (RFC 6749 4.1.2, RFC 9207 2.4)."""
        assert url.partition("?")[0] == self.callback, url
        query = dict(parse_qsl(urlsplit(url).query))
        assert query.pop("state") == attempt.state
        assert query.pop("iss") == self.issuer
        return query

    def redeem(self, attempt: Attempt, url: str) -> dict[str, Any]:
        """The token response for the code that came back."""
        code = self.answer(attempt, url)["code"]
        return self.token(
            grant_type="authorization_code", code=code, redirect_uri=self.callback, code_verifier=attempt.verifier
        )

    def token(self, *, status: int = 200, **form: str) -> dict[str, Any]:
        """What the token endpoint says to `form`."""
        authentication = (self.client_id, _secret_of(self.pool_file, self.client_id))
        answer = httpx.post(f"{self.issuer}/oauth2/token", data=form, auth=authentication, timeout=30, trust_env=False)
        assert answer.status_code == status, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def username(self, attempt: Attempt, url: str) -> str:
        """Who came back, as the ID token says: the part of the email address before the @."""
        return str(claims_of(self.redeem(attempt, url)["id_token"])["email"]).partition("@")[0]


def claims_of(token: str) -> Mapping[str, Any]:
    """The claims of a JWT, unverified: the server's own tests judge signatures."""
    return _part(token, 1)


def header_of(token: str) -> Mapping[str, Any]:
    """The header of a JWT."""
    return _part(token, 0)


def _part(token: str, number: int) -> Mapping[str, Any]:
    part = token.split(".")[number]
    value: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return value


def _secret_of(pool_file: Path, client_id: str) -> str:
    clients = tomllib.loads(pool_file.read_text())["clients"]
    return next(str(client["client_secret"]) for client in clients if client["client_id"] == client_id)
