"""A person's browser and the application that sent the person, in one: plain httpx, no JavaScript."""

from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

from tests.dev_server import PASSWORD
from tests.journeys.house import VERIFIER, hidden, s256
from tests.system.installation import Installation
from tests.system.pools import CALLBACK, POOL, SECRET, SPA, WEB


class Unavailable(Exception):  # noqa: N818 - a state of the server
    """The server was not there, or said that it could not: 502, 503, no connection, a connection that broke."""


class Surprise(AssertionError):  # noqa: N818 - what it is
    """An answer that nothing allows."""


class Visitor:
    """At one pool, as one person, through one client application.

    Args:
        public: as the pool's public client.
        address: the loopback address to come from, so that limits by address can be kept apart.
    """

    def __init__(
        self,
        at: Installation,
        pool: str = POOL,
        *,
        public: bool = False,
        address: str | None = None,
        timeout: float = 30,
    ) -> None:
        self.pool = pool
        self.issuer = at.issuer(pool)
        self.client_id = (SPA if public else WEB)[pool]
        self._auth = None if public else (self.client_id, SECRET)
        transport = httpx.HTTPTransport(local_address=address, verify=False)
        self.http = httpx.Client(transport=transport, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, method: str, url: str, allowed: tuple[int, ...], **arguments: Any) -> httpx.Response:
        """One request. Raises Unavailable, or Surprise for a status that is not allowed."""
        try:
            answer = self.http.request(method, url, **arguments)
        except httpx.TransportError as error:
            raise Unavailable(repr(error)) from error
        if answer.status_code in {502, 503} and answer.status_code not in allowed:
            if "retry-after" not in answer.headers:
                raise Surprise(f"{answer.status_code} without Retry-After: {answer.text}")
            raise Unavailable(f"{answer.status_code} {answer.text[:200]}")
        if answer.status_code not in allowed:
            raise Surprise(f"{method} {url}: {answer.status_code} {answer.headers} {answer.text}")
        return answer

    # ------------------------------------------------------------------------------------------- the browser

    def authorize_url(self, scope: str = "openid profile email") -> str:
        params = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
        }
        return f"{self.issuer}/oauth2/authorize?{urlencode(params)}"

    def login_page(self, scope: str = "openid profile email") -> httpx.Response:
        """The first page of a sign-in."""
        answer = self.send("GET", self.authorize_url(scope), (302,))
        return self.send("GET", urljoin(self.issuer, answer.headers["location"]), (200,))

    def password_form(self, page: httpx.Response, username: str, password: str = PASSWORD) -> dict[str, str]:
        """What the sign-in page's form says with a name and, as password managers fill it in, the password."""
        return hidden(page, "identifier") | {"step": "identifier", "username": username, "password": password}

    def sign_in(self, username: str = "ada", password: str = PASSWORD, scope: str = "openid profile email") -> str:
        """Through the hosted pages, name first and then the password. Returns the code."""
        page = self.login_page(scope)
        form = hidden(page, "identifier") | {"step": "identifier", "username": username}
        answer = self.send("POST", str(page.url), (303,), data=form)
        page = self.send("GET", urljoin(self.issuer, answer.headers["location"]), (200,))
        form = hidden(page, "password") | {"step": "password", "password": password}
        return code_of(self.send("POST", str(page.url), (303,), data=form))

    def code(self, scope: str = "openid profile email") -> str:
        """A code for who is signed in already."""
        return code_of(self.send("GET", self.authorize_url(scope), (302,)))

    # ------------------------------------------------------------------------------------------- the application

    def post(self, endpoint: str, form: dict[str, str], allowed: tuple[int, ...]) -> httpx.Response:
        extra = {} if self._auth is not None else {"client_id": self.client_id}
        return self.send("POST", f"{self.issuer}/oauth2/{endpoint}", allowed, data=extra | form, auth=self._auth)

    def redeem(self, code: str, allowed: tuple[int, ...] = (200,)) -> httpx.Response:
        return self.post("token", redemption(code), allowed)

    def refresh(self, token: str, allowed: tuple[int, ...] = (200,)) -> httpx.Response:
        return self.post("token", refreshing(token), allowed)

    def revoke(self, token: str) -> httpx.Response:
        return self.post("revoke", {"token": token}, (200,))

    def userinfo(self, token: str, allowed: tuple[int, ...] = (200,)) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return self.send("GET", f"{self.issuer}/oauth2/userInfo", allowed, headers=headers)

    def tokens(self, scope: str = "openid profile email") -> dict[str, Any]:
        """The token response for who is signed in already."""
        answer: dict[str, Any] = self.redeem(self.code(scope)).json()
        return answer


def redemption(code: str) -> dict[str, str]:
    """The form that redeems a code."""
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}


def refreshing(token: str) -> dict[str, str]:
    """The form that presents a refresh token."""
    return {"grant_type": "refresh_token", "refresh_token": token}


def code_of(answer: httpx.Response) -> str:
    """The code of an authorization response."""
    location = answer.headers["location"]
    members = parse_qs(urlsplit(location).query)
    if not location.startswith(CALLBACK) or "code" not in members:
        raise Surprise(f"no code in {location}")
    return members["code"][0]
