"""Running commands: many at a time over one connection, or one by one through redis-py.

The roles see `Commands` only. A command either gives its reply or raises; it is never sent twice (decisions.md 2).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from authserver.adapters.redis.faults import client_fault
from authserver.adapters.redis.link import Link
from authserver.errors import StoreUnavailable

Argument = bytes | str | int

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0
_LOG_EACH = 30  # tries, so about every half minute
_PLAIN_IN_FLIGHT = 64


class Commands(Protocol):
    """Runs commands on the store."""

    def execute(self, *args: Argument) -> asyncio.Future[Any]:
        """Issue a command at once; await the result for its reply, strings as bytes.

        The future raises StoreUnavailable if the store does not answer in time or cannot serve, NoScriptError, or
        ResponseError for a command that is wrong.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections. Commands in flight, and later ones, fail with StoreUnavailable."""
        ...


class PipelinedCommands:
    """All commands of one turn of the event loop leave in one write on one connection.

    Connects when the first command comes, and from then on by itself: after 10 ms, doubling to 1 s. A command that
    finds no connection waits for one for up to `timeout` seconds (it has not been sent, so nothing can happen twice);
    once the store has been away for that long, it is refused at once. Belongs to one event loop.

    Args:
        connect: opens a connection of redis-py and shakes hands.
        release: frees what `connect` draws from.
        timeout: seconds, for a command and for one try to connect.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AbstractConnection]],
        release: Callable[[], Awaitable[None]],
        *,
        timeout: float,
    ) -> None:
        self._connect = connect
        self._release = release
        self._timeout = timeout
        self._link: Link | None = None
        self._lost: list[Link] = []
        self._held: list[tuple[bytes, asyncio.Future[Any]]] = []
        self._connector: asyncio.Task[None] | None = None
        self._away_since: float | None = None
        self._reason = "not connected"
        self._closed = False

    def execute(self, *args: Argument) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        link = self._link
        packed = hiredis.pack_command(args)  # type: ignore[arg-type]  # its stub says tuple of one
        if link is not None:
            link.send(packed, answer)
        else:
            self._hold(packed, answer)
        return answer

    def _hold(self, command: bytes, answer: asyncio.Future[Any]) -> None:
        loop = asyncio.get_running_loop()
        away = self._away_since is not None and loop.time() - self._away_since > self._timeout
        if self._closed or away:  # not before the next turn: a caller that just tries again must not hold up the loop
            loop.call_soon(self._refuse, answer)
            return
        self._held.append((command, answer))
        limit = loop.call_later(self._timeout, self._refuse, answer)
        answer.add_done_callback(lambda _: limit.cancel())
        self._begin_connecting()

    def _refuse(self, answer: asyncio.Future[Any]) -> None:
        if not answer.done():
            answer.set_exception(StoreUnavailable(detail=f"redis: {self._reason}"))

    def _begin_connecting(self) -> None:
        if self._connector is None or self._connector.done():
            self._connector = asyncio.get_running_loop().create_task(self._keep_trying())

    async def _keep_trying(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        tries = 0
        while not self._closed:  # looked at, since wait_for in Python 3.11 may swallow a cancellation
            await self._drop_lost()
            try:
                async with asyncio.timeout(self._timeout):
                    connection = await self._connect()
                self._begin_sending(connection)
            except (RedisError, OSError, TimeoutError) as error:
                if self._away_since is None:
                    self._away_since = loop.time()
                self._reason = f"{type(error).__name__}: {error}"
                if tries % _LOG_EACH == 0:
                    _log.warning("redis cannot be reached, trying on: %s", self._reason)
                tries += 1
                self._held = [held for held in self._held if not held[1].done()]
                await asyncio.sleep(0 if self._closed else pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                return

    async def _drop_lost(self) -> None:
        while self._lost:
            await self._lost.pop().connection.disconnect(nowait=True)

    def _begin_sending(self, connection: AbstractConnection) -> None:
        self._link = Link(connection, self._timeout, self._on_lost)
        if self._away_since is not None:
            _log.info("redis answers again")
        self._away_since = None
        held, self._held = self._held, []
        for command, answer in held:
            if not answer.done():
                self._link.send(command, answer)

    def _on_lost(self, link: Link, reason: str) -> None:
        self._link = None
        self._lost.append(link)
        if self._closed:
            return
        self._reason = reason
        self._away_since = asyncio.get_running_loop().time()
        _log.warning("redis: %s", reason)
        self._begin_connecting()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._reason = "closed"
        if self._connector is not None:
            self._connector.cancel()
            await asyncio.wait([self._connector])
        if self._link is not None:
            self._link.end("closed")
        await self._drop_lost()
        for _, answer in self._held:
            self._refuse(answer)
        await self._release()


class PlainCommands:
    """Each command by itself through a client of redis-py, which knows the way about a Redis Cluster.

    Args:
        run: redis-py's `execute_command`.
        release: closes the client.
        timeout: seconds for one command, redirections included.
    """

    def __init__(
        self,
        run: Callable[..., Coroutine[Any, Any, Any]],
        release: Callable[[], Awaitable[None]],
        *,
        timeout: float,
    ) -> None:
        self._run = run
        self._release = release
        self._timeout = timeout
        self._room = asyncio.Semaphore(_PLAIN_IN_FLIGHT)  # redis-py's cluster client refuses the 101st connection
        self._closed = False

    def execute(self, *args: Argument) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_task(self._execute(args))

    async def _execute(self, args: tuple[Argument, ...]) -> Any:
        if self._closed:
            raise StoreUnavailable(detail="redis: closed")
        try:
            async with asyncio.timeout(self._timeout), self._room:
                return await self._run(*args)
        except TimeoutError:
            raise StoreUnavailable(detail=f"redis: no answer within {self._timeout:g} s") from None
        except Exception as error:
            raise client_fault(error) from error

    async def close(self) -> None:
        self._closed = True
        await self._release()
