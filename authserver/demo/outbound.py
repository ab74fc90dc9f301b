"""The HTTP client of the demo: to the server and the API on this machine, past any proxy."""

from typing import TYPE_CHECKING

from resource_servers.fetching import MAX_DOCUMENT, Fetch, Fetched, FetchFailed

if TYPE_CHECKING:
    import httpx  # noqa: TID251 - the demo stands for somebody else's client and brings its own HTTP

TIMEOUT = 5.0
"""Seconds to connect, and between two pieces of an answer."""


def direct_client(transport: "httpx.AsyncBaseTransport | None" = None) -> "httpx.AsyncClient":
    """A client that follows no redirects and heeds no proxy of the environment: no proxy reaches our loopback."""
    import httpx  # noqa: TID251 - as above; here, because importing it takes a tenth of a second

    return httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False, follow_redirects=False)


class LazyClient:
    """The client, made at its first use: the demo starts with the server and should not slow it down.

    Args:
        transport: another httpx transport, for tests.
    """

    def __init__(self, transport: "httpx.AsyncBaseTransport | None" = None) -> None:
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    def get(self) -> "httpx.AsyncClient":
        if self._client is None:
            self._client = direct_client(self._transport)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def fetch_with(client: LazyClient) -> Fetch:
    """A `resource_servers.fetching.Fetch` over `client`."""

    async def fetch(url: str) -> Fetched:
        import httpx  # noqa: TID251 - as above

        body = bytearray()
        try:
            async with client.get().stream("GET", url, headers={"accept": "application/json"}) as response:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_DOCUMENT:
                        raise FetchFailed(f"{url} has more than {MAX_DOCUMENT} bytes")
        except httpx.HTTPError as failure:
            raise FetchFailed(f"{url} does not answer: {type(failure).__name__}") from failure
        return Fetched(response.status_code, bytes(body), dict(response.headers))

    return fetch
