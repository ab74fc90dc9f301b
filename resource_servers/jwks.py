"""The issuer's keys, kept fresh.

One copy in process serves all requests. It is fetched again when it is no longer fresh, and when a token names a key it
does not have, so that a rotation is picked up at once; but never more often than the cool-down allows, whatever is
sent to us. Callers that need the same fetch share it. While the issuer does not answer, the last copy serves on for a
bounded time, and after that nothing is let through.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from resource_servers.encoding import parse_json_object
from resource_servers.errors import KeysUnavailable, shown
from resource_servers.fetching import MAX_DOCUMENT, Fetch, Fetched, FetchFailed, check_url, http_fetch, is_loopback
from resource_servers.keys import VerificationKeys

Clock = Callable[[], float]
"""Seconds, from any starting point."""

MIN_FRESH: Final = 60
MAX_FRESH: Final = 3600
"""Seconds: whatever `Cache-Control` says, a copy is fresh for at least and at most so long."""

_log = logging.getLogger(__name__)


class KeySource(Protocol):
    """Where a validator gets the keys from."""

    async def keys(self) -> VerificationKeys:
        """The keys to use now. Raises KeysUnavailable."""
        ...

    async def newer_than(self, seen: VerificationKeys) -> VerificationKeys:
        """Keys that replace `seen`, which lacks a key; `seen` itself if there are none. Raises KeysUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """A source of keys that never change: for tests, and for whoever fetches keys otherwise."""

    fixed: VerificationKeys

    async def keys(self) -> VerificationKeys:
        return self.fixed

    async def newer_than(self, seen: VerificationKeys) -> VerificationKeys:
        return seen


@dataclass(frozen=True, slots=True)
class _Copy:
    keys: VerificationKeys
    fetched_at: float
    fresh_until: float


class JwksCache:
    """The keys of one issuer, for one event loop.

    Args:
        issuer: the issuer's identifier, whose discovery document names the JWKS (OpenID Connect Discovery 4). The
            document must carry exactly this issuer.
        url: the JWKS itself, where there is no discovery document. Give one of the two.
        fetch: how to GET a URL; httpx by default.
        clock: seconds that only go forward.
        fresh_for: seconds for which a copy is used without asking, unless `Cache-Control: max-age` says otherwise.
        cool_down: seconds that must lie between a fetch and the next one that an unknown key causes.
        retry_after: seconds to leave an issuer alone that did not answer.
        stale_for: seconds after its fetch in which a copy still serves if the issuer does not answer.
        timeout: seconds for everything that one fetch takes, discovery included.

    Raises ValueError for a URL that is neither https nor on this machine.
    """

    def __init__(
        self,
        issuer: str | None = None,
        *,
        url: str | None = None,
        fetch: Fetch | None = None,
        clock: Clock = time.monotonic,
        fresh_for: float = 300,
        cool_down: float = 30,
        retry_after: float = 5,
        stale_for: float = 3600,
        timeout: float = 5,
    ) -> None:
        if (issuer is None) == (url is None):
            raise ValueError("give either the issuer or the URL of its JWKS")
        check_url(issuer or url or "")
        self._issuer = issuer
        self._url = url or ""
        self._fetch = fetch or http_fetch(timeout=timeout)
        self._clock = clock
        self._fresh_for = fresh_for
        self._cool_down = cool_down
        self._retry_after = retry_after
        self._stale_for = stale_for
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._copy: _Copy | None = None
        self._tried_at = float("-inf")
        self._failure: str | None = None  # why the last try failed; None if it did not

    async def keys(self) -> VerificationKeys:
        """The keys to use now, fetched if there is no fresh copy.

        Raises KeysUnavailable if the issuer does not answer and there is no copy young enough to serve on.
        """
        copy = self._copy
        if copy is not None and self._clock() < copy.fresh_until:
            return copy.keys
        # Where the issuer is known not to answer, one caller asks again, and nobody else waits for it.
        if not (self._failure is not None and self._lock.locked() and self._serves_on()):
            async with self._lock:
                if not self._fresh() and not self._resting():
                    await self._refresh()
        return self._usable()

    async def newer_than(self, seen: VerificationKeys) -> VerificationKeys:
        """A newer copy than `seen`, in which a key was missing; `seen` itself if it is the newest there is.

        Raises KeysUnavailable if the issuer did not answer, so that nobody can say whether the key exists.
        """
        async with self._lock:
            if self._is_newest(seen) and not self._cooling():
                await self._refresh()
        if self._failure is not None and self._is_newest(seen):
            raise self._unavailable()
        return self._usable()

    def _fresh(self) -> bool:
        return self._copy is not None and self._clock() < self._copy.fresh_until

    def _serves_on(self) -> bool:
        return self._copy is not None and self._clock() < self._copy.fetched_at + self._stale_for

    def _resting(self) -> bool:
        return self._failure is not None and self._clock() < self._tried_at + self._retry_after

    def _cooling(self) -> bool:
        return self._clock() < self._tried_at + self._cool_down

    def _is_newest(self, seen: VerificationKeys) -> bool:
        return self._copy is None or self._copy.keys is seen

    def _usable(self) -> VerificationKeys:
        if self._copy is None or not (self._fresh() or self._serves_on()):
            raise self._unavailable()
        return self._copy.keys

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(
            self._failure or "the last copy is too old", retry_after=max(1, round(self._retry_after))
        )

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._get(await self._jwks_url())
            keys = VerificationKeys.parse(parse_json_object(answer.body))
        except Exception as failure:  # noqa: BLE001 - whatever a foreign `fetch` raises: there are no newer keys
            self._failure = f"{type(failure).__name__}: {shown(str(failure))}"
            _log.warning("no keys from %s: %s", self._issuer or self._url, self._failure)
        else:
            now = self._clock()
            self._copy = _Copy(keys, now, now + _freshness(answer.headers.get("cache-control", ""), self._fresh_for))
            self._failure = None

    async def _jwks_url(self) -> str:
        if self._issuer is None:
            return self._url
        # Asked each time: a `jwks_uri` that moved is followed within one freshness.
        answer = await self._get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        document = parse_json_object(answer.body)
        if document.get("issuer") != self._issuer:
            raise FetchFailed(f"the discovery document is that of {shown(document.get('issuer'))}")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise FetchFailed("the discovery document has no jwks_uri")
        check_url(url, loopback=is_loopback(self._issuer))
        return url

    async def _get(self, url: str) -> Fetched:
        answer = await self._fetch(url)
        if answer.status != 200:
            raise FetchFailed(f"{url} answers {answer.status}")
        if len(answer.body) > MAX_DOCUMENT:
            raise FetchFailed(f"{url} has more than {MAX_DOCUMENT} bytes")
        return answer


def _freshness(cache_control: str, default: float) -> float:
    """Seconds for which an answer is fresh (RFC 9111 section 5.2.2), within bounds."""
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"no-store", "no-cache"}:
            return MIN_FRESH
        if name == "max-age" and value.isascii() and value.isdigit():
            return min(max(int(value[:9]), MIN_FRESH), MAX_FRESH)
    return default
