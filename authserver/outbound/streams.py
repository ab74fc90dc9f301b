"""Connections for what is not HTTP (LDAP), under the rules of the HTTP client: to checked addresses, and no others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from authserver.outbound.destinations import Allowed
from authserver.outbound.resolving import Resolve, SystemResolver, permitted_addresses

if TYPE_CHECKING:
    import httpcore


class Streams:
    """Opens them.

    Args:
        allow: as `outbound.allow` has it.
        resolve: looks names up; the system's resolver if left out.
    """

    def __init__(self, allow: Sequence[str] = (), *, resolve: Resolve | None = None) -> None:
        self._allowed = Allowed(allow)
        self._system = SystemResolver()
        self._resolve = resolve or self._system

    async def connect(self, scheme: str, host: str, port: int, timeout: float) -> "httpcore.AsyncNetworkStream":
        """A connection over TCP, made within `timeout`; the caller encrypts it where the scheme says so.

        Raises:
            HttpForbidden: the host may not be connected to.
            HttpUnreachable: it has no address, or takes no connection.
        """
        import httpcore

        from authserver.effects import HttpUnreachable
        from authserver.outbound.connecting import guarded

        async def addresses(host: str, port: int) -> list[str]:
            return await permitted_addresses(self._allowed, self._resolve, scheme, host, port)

        try:
            return await guarded(addresses).connect_tcp(host, port, timeout)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
            words = str(failure) or type(failure).__name__
            raise HttpUnreachable(f"{host}:{port} cannot be connected to: {words}") from failure

    def close(self) -> None:
        """Let the resolver's threads end. The streams can be used again."""
        self._system.close()
