"""Names to addresses that may be connected to: looked up here, checked here, and not looked up again."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from authserver.effects import HttpForbidden, HttpUnreachable
from authserver.outbound.destinations import Allowed, address_of

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name. Raises OSError if there are none."""

_MOST_ADDRESSES = 4


class SystemResolver:
    """The system's resolver, in threads of its own: a name server that does not answer must not hold up other work."""

    _THREADS = 8

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._THREADS, "resolver")
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port)
        return list(dict.fromkeys(found))

    @staticmethod
    def _look_up(host: str, port: int) -> list[str]:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    def close(self) -> None:
        """Let the threads end, without waiting for those that are still looking."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


async def permitted_addresses(allowed: Allowed, resolve: Resolve, scheme: str, host: str, port: int) -> list[str]:
    """Where the host may be connected to, best first.

    Args:
        scheme: "https" or "ldaps" for what is encrypted; anything else is plain, and allowed by name only.

    Raises:
        HttpForbidden: it has addresses, and none of them is permitted.
        HttpUnreachable: it has none.
    """
    try:
        found = [address_of(host)]
    except ValueError:
        try:
            found = [address_of(text) for text in await resolve(host, port)]
        except OSError:
            raise HttpUnreachable(f"{host} has no address") from None
    permitted = [address for address in found if allowed.permits(scheme, host, address)]
    if not permitted:
        encrypted = scheme in {"https", "ldaps"}
        reason = "its address is not a public one" if encrypted else f"plain {scheme} is not allowed there"
        raise HttpForbidden(f"{host}: {reason}; see `outbound.allow`")
    return [str(address) for address in permitted[:_MOST_ADDRESSES]]
