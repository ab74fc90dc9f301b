"""How httpcore opens its connections: to addresses it is told, never to a name. Imported with the first request."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from authserver.effects import HttpUnreachable

Addresses = Callable[[str, int], Awaitable[Sequence[str]]]
"""The checked addresses of a host, best first. Raises HttpForbidden, HttpUnreachable."""


class _Guarded(httpcore.AsyncNetworkBackend):
    """httpcore's own seam is a class to inherit from."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one; all of it within `timeout`."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
                share = timeout / len(addresses) if timeout is not None else None
                for address in addresses[:-1]:
                    try:
                        return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout):
                        continue
                return await self._inner.connect_tcp(addresses[-1], port, None, local_address, socket_options)
        except TimeoutError:
            raise HttpUnreachable(f"{host} took too long to connect to") from None

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """No URL leads to a socket of this machine."""
        raise NotImplementedError


def guarded(addresses: Addresses) -> httpcore.AsyncNetworkBackend:
    """A network for httpcore's pool that connects to nothing but these addresses."""
    return _Guarded(addresses)
