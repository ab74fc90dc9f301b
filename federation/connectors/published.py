"""What a provider publishes, kept: its metadata document for an hour, its keys by `resource_servers.JwksCache`.

The last good copy of either lies with the host too, so that neither a provider that does not answer nor a restart of ours
costs a login.
"""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from federation.connectors.calls import json_of
from federation.connectors.jws import Keys
from federation.errors import BadAnswer, FederationError, ProviderUnavailable
from federation.ports import Document, Host, Http, Response
from resource_servers.encoding import parse_json_object
from resource_servers.errors import KeysUnavailable, UnknownKey
from resource_servers.fetching import Fetched, FetchFailed

if TYPE_CHECKING:
    from resource_servers.jwks import JwksCache

T = TypeVar("T")
M = TypeVar("M")

FRESH_FOR = 3600
"""Seconds for which a metadata document is used without asking."""

STALE_FOR = 7 * 24 * 3600
"""Seconds after its fetch in which a metadata document still serves if there is no newer one."""

KEYS_STALE_FOR = 3600
"""Seconds for which keys that the host kept serve if the provider does not answer."""

_RETRY_AFTER = 30  # seconds in which a provider that did not answer is left alone while a copy serves
_FAILS_FOR = 5  # seconds in which, without a copy, the failure is not tried again
_KEPT_ANEW = 900  # seconds after which an unchanged copy is written again


async def document_at(http: Http, url: str) -> Response:
    """The answer that has a document. Raises ProviderUnavailable, BadAnswer where it has none."""
    response = await http.request("GET", url, headers={"accept": "application/json"})
    if response.status >= 500:
        raise ProviderUnavailable(f"{url} answers {response.status}")
    if response.status != 200:
        raise BadAnswer(f"{url} answers {response.status}")
    return response


class PublishedDocument(Generic[M]):
    """A JSON document of the provider, parsed by `parse`, which raises BadAnswer for one that cannot be used."""

    def __init__(self, host: Host, url: str, name: str, parse: Callable[[dict[str, Any]], M]) -> None:
        self._host = host
        self._url = url
        self._name = name
        self._parse = parse
        self._lock = asyncio.Lock()
        self._copy: tuple[M, int] | None = None  # with when it was fetched
        self._failed_at: int | None = None

    async def get(self, now: int) -> M:
        """The parsed document. Raises ProviderUnavailable or BadAnswer if there is no copy to serve on."""
        copy = self._copy
        if copy is not None and now < copy[1] + FRESH_FOR:
            return copy[0]
        async with self._lock:
            copy = self._copy or await self._kept()
            if copy is not None and now < copy[1] + FRESH_FOR:
                self._copy = copy
                return copy[0]
            return await self._newer_than(copy, now)

    async def fetch(self, now: int) -> M:
        """The document as it is at this moment. Raises ProviderUnavailable, BadAnswer."""
        response = await document_at(self._host.http, self._url)
        value = self._parse(json_of(response, self._url))
        self._copy, self._failed_at = (value, now), None
        await self._host.documents.put(self._name, Document(response.body, now))
        return value

    async def _kept(self) -> tuple[M, int] | None:
        kept = await self._host.documents.get(self._name)
        if kept is None:
            return None
        try:
            return self._parse(json_of(Response(200, kept.body), "the kept document")), kept.fetched_at
        except BadAnswer:
            return None  # a copy of what the settings no longer name

    async def _newer_than(self, copy: tuple[M, int] | None, now: int) -> M:
        serves_on = copy is not None and now < copy[1] + STALE_FOR
        rests = self._failed_at is not None and now < self._failed_at + (_RETRY_AFTER if serves_on else _FAILS_FOR)
        if not rests:
            try:
                return await self.fetch(now)
            except FederationError:
                self._failed_at = now
                if not serves_on:
                    raise
        if copy is None or not serves_on:
            raise ProviderUnavailable(f"{self._url} did not answer a moment ago")
        self._copy = copy
        return copy[0]


class PublishedKeys:
    """The provider's keys by the URL of its JWKS, for one event loop. Time is what the last call said."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._now = 0
        self._caches: dict[str, JwksCache] = {}

    async def check(self, url: str, now: int, use: Callable[[Keys], T]) -> T:
        """What `use` makes of the keys; asked again with newer ones if it raises UnknownKey.

        Raises ProviderUnavailable, BadAnswer, and what `use` raises.
        """
        self._now = max(self._now, now)
        from resource_servers.jwks import JwksCache

        cache = self._caches.get(url)
        if cache is None:
            self._caches.clear()  # a JWKS that moved leaves nothing behind
            cache = self._caches[url] = JwksCache(url=url, fetch=self._fetch, clock=lambda: self._now)
        try:
            keys = await cache.keys()
            try:
                return use(keys)
            except UnknownKey:
                return use(await cache.newer_than(keys))
        except KeysUnavailable as unavailable:
            raise ProviderUnavailable(f"no keys of the provider: {unavailable.reason}") from None
        except UnknownKey as unknown:
            raise BadAnswer(unknown.reason if unknown.kid else "the signature does not hold, or no key fits") from None

    async def _fetch(self, url: str) -> Fetched:
        from resource_servers.keys import VerificationKeys

        name = f"jwks-{sha256(url.encode()).hexdigest()[:16]}"  # what another URL said is not these keys
        kept = await self._host.documents.get(name)
        try:
            response = await self._host.http.request("GET", url, headers={"accept": "application/json"})
        except ProviderUnavailable as failure:
            if kept is not None and self._now < kept.fetched_at + KEYS_STALE_FOR:
                return Fetched(200, kept.body)
            raise FetchFailed(str(failure)) from None
        old = kept is None or kept.body != response.body or self._now >= kept.fetched_at + _KEPT_ANEW
        if response.status == 200 and old:
            VerificationKeys.parse(parse_json_object(response.body))  # only what is good is kept
            await self._host.documents.put(name, Document(response.body, self._now))
        return Fetched(response.status, response.body, response.headers)
