"""The demo client's own sessions, in memory: tokens stay on the server's side, the browser holds a random cookie.

The cookie alone is no session: it also ties forms to the browser, so a visitor who never logs in costs no memory.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authserver.demo.authorization import Attempt
from authserver.demo.provider import TokenResponse
from authserver.effects import Clock, Random

LIFETIME: Final = 12 * 3600
"""Seconds after which a session is forgotten, whatever happens in it."""

_MOST = 1000
_MOST_ATTEMPTS = 10
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiResult:
    """The last call of the API, for the page."""

    request: str
    status: int
    reason: str
    milliseconds: int
    challenge: str
    body: str


@dataclass(slots=True)
class Login:
    """Somebody who is logged in.

    Attributes:
        tokens: the newest ones; the ID token of the login stands in if a refresh brought none.
        identity: the claims of the newest ID token.
        first: the claims of the first one, which refreshed ones must agree with.
        scope: what is granted.
        marks: the beginnings of the digests of the refresh tokens so far, the newest last.
        result: of the last API call.
    """

    tokens: TokenResponse
    identity: Mapping[str, Any]
    first: Mapping[str, Any]
    scope: tuple[str, ...]
    marks: list[str] = field(default_factory=list)
    result: ApiResult | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Session:
    """One browser."""

    until: float
    attempts: dict[str, Attempt] = field(default_factory=dict)
    login: Login | None = None
    farewell: str | None = None  # the `state` of a logout under way

    def add(self, attempt: Attempt) -> None:
        """Keep an attempt; the oldest give way."""
        self.attempts[attempt.state] = attempt
        while len(self.attempts) > _MOST_ATTEMPTS:
            self.attempts.pop(next(iter(self.attempts)))


class BrowserSessions:
    """All sessions, by the digest of the cookie; bounded, the oldest give way."""

    def __init__(self, random: Random, clock: Clock) -> None:
        self._random = random
        self._clock = clock
        self._key = random.bytes(32)
        self._sessions: dict[str, Session] = {}

    def new_cookie(self) -> str:
        return self._random.token()

    @staticmethod
    def cookie_in(value: str | None) -> str | None:
        """The cookie if it is of our form."""
        return value if value is not None and _COOKIE.fullmatch(value) else None

    def form_token(self, cookie: str) -> str:
        """What every form of this browser carries."""
        return hmac.digest(self._key, cookie.encode(), "sha256").hex()

    def accepts(self, cookie: str | None, form_token: str) -> bool:
        """Whether a form is this browser's own."""
        return cookie is not None and hmac.compare_digest(self.form_token(cookie).encode(), form_token.encode())

    def find(self, cookie: str | None) -> Session | None:
        if cookie is None:
            return None
        session = self._sessions.get(_digest(cookie))
        if session is not None and self._clock() >= session.until:
            self.end(cookie)
            return None
        return session

    def open(self, cookie: str) -> Session:
        """The browser's session, made if there is none yet."""
        session = self.find(cookie)
        if session is None:
            while len(self._sessions) >= _MOST:
                self._sessions.pop(next(iter(self._sessions)))
            session = self._sessions[_digest(cookie)] = Session(self._clock() + LIFETIME)
        return session

    def end(self, cookie: str) -> None:
        self._sessions.pop(_digest(cookie), None)


def mark_of(token: str) -> str:
    """What may be shown of a secret token: the beginning of its SHA-256 digest, enough to see that it changed."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
