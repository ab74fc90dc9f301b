"""Fetch a small public document of the issuer: how it may be asked for, and how much of an answer is read.

The default asks with httpx, which is imported at the first request. Whoever has an HTTP client of their own hands in any
function of the shape `Fetch`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

MAX_DOCUMENT: Final = 512 * 1024
"""Bytes. A JWKS of a hundred keys with certificates has a third of that."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An HTTP answer, read to its end. Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Fetch = Callable[[str], Awaitable[Fetched]]
"""GET one URL. Follows no redirect, and raises OSError or FetchFailed if there is no answer, or too much of one."""


class FetchFailed(Exception):  # noqa: N818 - named for what happened
    """No usable answer; the text says why, for the log."""


def http_fetch(*, timeout: float = 5.0, transport: "httpx.AsyncBaseTransport | None" = None) -> Fetch:
    """A `Fetch` over httpx: no redirects, at most `MAX_DOCUMENT` bytes, `timeout` seconds for each step.

    Args:
        timeout: seconds to connect, and between two pieces of the answer.
        transport: another httpx transport, as `testing.ToyIssuer.transport` gives.
    """

    async def fetch(url: str) -> Fetched:
        import httpx

        headers = {"accept": "application/json", "accept-encoding": "identity"}  # nothing that swells when unpacked
        body = bytearray()
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, transport=transport, follow_redirects=False) as client,
                client.stream("GET", url, headers=headers) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise FetchFailed(f"{url} is packed")
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_DOCUMENT:
                        raise FetchFailed(f"{url} has more than {MAX_DOCUMENT} bytes")
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise FetchFailed(f"{url} does not answer: {type(failure).__name__}") from failure
        return Fetched(response.status_code, bytes(body), dict(response.headers))

    return fetch


def is_loopback(url: str) -> bool:
    """Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_url(url: str, *, loopback: bool = True) -> None:
    """Return if keys may be fetched from `url`: https, or, if `loopback` is allowed, plain http on this machine.

    Raises ValueError for anything else, and for a user name, a fragment, or white space in the URL.
    """
    parts = urlsplit(url)  # itself a ValueError for what is no URL at all
    if not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc or parts.fragment:
        raise ValueError(f"{url!r} is not a URL to fetch keys from")
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and loopback and is_loopback(url))
    ):
        raise ValueError(f"{url!r} is neither https nor on this machine")
