"""The client: resolves a name itself, checks the addresses, and connects to one that it checked.

It stands on httpcore, which knows connections and HTTP/1.1 and nothing else: no redirects, no cookies, no proxies of the
environment, none of which could then be forgotten to be turned off. Between check and connection no name is looked up
again, so DNS cannot change its mind (rebinding); certificate and SNI are still those of the name.
"""

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from authserver.effects import (
    HttpAnswer,
    HttpBroken,
    HttpFailed,
    HttpForbidden,
    HttpTimedOut,
    HttpTooLarge,
    HttpUnreachable,
)
from authserver.outbound.destinations import Allowed, Destination, parse
from authserver.outbound.resolving import Resolve, SystemResolver, permitted_addresses
from authserver.outbound.trust import system_trust

if TYPE_CHECKING:
    import httpcore

MOST_HEADERS = 100
MOST_PER_HOST = 32
"""Requests to one host under way; more are refused at once, so that one dead host does not occupy the client."""

_MOST_CONNECTIONS = 128
_KEPT, _KEPT_FOR = 20, 15.0  # seconds a connection waits for a next request: a change in DNS is followed within that
_TO_CONNECT = 0.4
"""The share of a request's time in which there must be a connection: what is left is enough to try once more."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PRIVATE_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Outbound:
    """Satisfies `effects.Http`.

    Args:
        allow: host names, addresses and networks exempt from the ban on private addresses; plain http is allowed there
            only (`outbound.allow`).
        resolve: looks names up; the system's resolver if left out.
        tls: what certificates are checked against; the system's authorities if left out.
    """

    def __init__(
        self, allow: Sequence[str] = (), *, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = Allowed(allow)
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        self._tls = tls
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}
        self._under_way: dict[str, int] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
        timeout: float = 5.0,
        limit: int = 512 * 1024,
        redirects: int = 0,
    ) -> HttpAnswer:
        """As `effects.Http` says."""
        to = parse(url)
        sent = {name.lower(): value for name, value in headers.items()}
        try:
            async with asyncio.timeout(timeout):
                for _ in range(redirects):
                    answer = await self._once(method, to, sent, body, timeout, limit)
                    if method not in {"GET", "HEAD"} or answer.status not in _REDIRECTS:
                        return answer
                    came_from, to = to, _followed(to, answer)
                    if to.origin != came_from.origin:
                        sent = {name: value for name, value in sent.items() if name not in _PRIVATE_HEADERS}
                answer = await self._once(method, to, sent, body, timeout, limit)
        except TimeoutError:
            raise HttpTimedOut(f"{to.authority} did not answer within {timeout:g} s") from None
        if redirects and answer.status in _REDIRECTS:
            raise HttpBroken(f"{to.authority} redirects again and again")
        return answer

    async def close(self) -> None:
        """Close what is open. The client can be used again."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()
        self._system.close()

    async def _once(
        self, method: str, to: Destination, headers: Mapping[str, str], body: bytes, timeout: float, limit: int
    ) -> HttpAnswer:
        import httpcore

        lines = [("host", to.authority), *headers.items()]
        if "accept-encoding" not in headers:
            lines.append(("accept-encoding", "identity"))  # nothing that swells when unpacked, unless they insist
        if body or method not in {"GET", "HEAD", "DELETE"}:
            lines.append(("content-length", str(len(body))))
        patience = {"connect": timeout * _TO_CONNECT, "pool": timeout * _TO_CONNECT}
        with self._counted(to), _translated(to):
            async with self._pool(to.scheme).stream(
                method,
                httpcore.URL(scheme=to.scheme.encode(), host=to.host.encode(), port=to.port, target=to.target.encode()),
                headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in lines],
                content=body or None,
                extensions={"timeout": patience},
            ) as response:
                if len(response.headers) > MOST_HEADERS:
                    raise HttpTooLarge(f"{to.authority} answered with {len(response.headers)} headers")
                answered = _headers(response.headers)
                pieces = _unpacked(response.aiter_stream(), answered.get("content-encoding", ""), limit, to)
                read = b"".join([piece async for piece in pieces])
        return HttpAnswer(response.status, answered, read)

    def _pool(self, scheme: str) -> "httpcore.AsyncConnectionPool":
        """Connections are kept by scheme, host and port, so each was opened to an address checked for that very host."""
        if scheme not in self._pools:
            import httpcore

            from authserver.outbound.connecting import guarded

            self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=(self._tls or system_trust()) if scheme == "https" else None,
                max_connections=_MOST_CONNECTIONS,
                max_keepalive_connections=_KEPT,
                keepalive_expiry=_KEPT_FOR,
                network_backend=guarded(lambda host, port: self._addresses(scheme, host, port)),
            )
        return self._pools[scheme]

    async def _addresses(self, scheme: str, host: str, port: int) -> list[str]:
        """Where the host may be connected to. Raises HttpForbidden, HttpUnreachable."""
        return await permitted_addresses(self._allowed, self._resolve, scheme, host, port)

    @contextlib.contextmanager
    def _counted(self, to: Destination) -> Iterator[None]:
        count = self._under_way.get(to.authority, 0)
        if count >= MOST_PER_HOST:
            raise HttpUnreachable(f"{to.authority} has {count} requests of ours to answer already")
        self._under_way[to.authority] = count + 1
        try:
            yield
        finally:
            left = self._under_way[to.authority] - 1
            if left:
                self._under_way[to.authority] = left
            else:
                del self._under_way[to.authority]


def _followed(came_from: Destination, answer: HttpAnswer) -> Destination:
    """Where a redirect leads. Raises HttpForbidden, also for one from https to http."""
    location = answer.headers.get("location")
    if location is None:
        raise HttpBroken(f"{came_from.authority} redirects to nowhere")
    to = parse(urljoin(f"{came_from.origin}{came_from.target}", location.partition("#")[0]))
    if came_from.scheme == "https" and to.scheme == "http":
        raise HttpForbidden(f"{came_from.authority} redirects from https to http")
    return to


def _headers(lines: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in lines:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _unpacked(pieces: AsyncIterator[bytes], encoding: str, limit: int, to: Destination) -> AsyncIterator[bytes]:
    """The body in pieces, never more than one byte beyond `limit` in memory. Raises HttpTooLarge, HttpBroken."""
    encoding = encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise HttpBroken(f"{to.authority} answered packed, as nobody asked for")
    unpacker = zlib.decompressobj(wbits=47) if encoding not in {"", "identity"} else None
    size = 0
    async for packed in pieces:
        try:
            piece = packed if unpacker is None else unpacker.decompress(packed, limit - size + 1)
        except zlib.error:
            raise HttpBroken(f"{to.authority} answered packed, and it does not unpack") from None
        size += len(piece)
        if size > limit:
            raise HttpTooLarge(f"{to.authority} answered with more than {limit} bytes")
        yield piece
    if unpacker is not None and size and not unpacker.eof:
        raise HttpBroken(f"{to.authority} answered packed, and the end is missing")


@contextlib.contextmanager
def _translated(to: Destination) -> Iterator[None]:
    """What httpcore raises as what we raise."""
    import httpcore

    try:
        yield
    except HttpFailed:
        raise
    except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as failure:
        raise HttpUnreachable(f"{to.authority} cannot be connected to: {_words(failure)}") from failure
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as failure:
        raise HttpBroken(f"{to.authority} broke off: {_words(failure)}") from failure


def _words(failure: Exception) -> str:
    return str(failure) or type(failure).__name__
