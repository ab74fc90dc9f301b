"""Owning or joining the embedded store.

A thread of its own starts the server, waits for its end and starts it again. It must be one that lives as long as the
server does, because Linux sends the parent-death signal when the *thread* that started a process ends; and it may
block, so that a death is seen at once, on whichever event loop the caller runs.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from authserver.adapters.valkey.place import Place, try_lock
from authserver.adapters.valkey.server import DiesBy, Server, answers_for, obtain
from authserver.errors import StoreUnavailable

_log = logging.getLogger(__name__)

_POLL = 0.01
_START_LIMIT = 10.0
_STOP_LIMIT = 10.0
_STEADY = 30.0
_LONGEST_PAUSE = 5.0


class EmbeddedValkey:
    """A running store in `data_dir`. Made by `open`.

    Attributes:
        url: for `open_redis`: `unix://` and the path of the socket.
        owner: whether this process started or adopted the server, and will end it.
        restarts: how often the server was started again after it had died.
    """

    def __init__(
        self, data_dir: Path, on_restart: Callable[[int], None], timeout: float, dies_by: DiesBy, *, own: bool
    ) -> None:
        self.url = ""
        self.owner = False
        self.restarts = 0
        self._place = Place(data_dir.absolute())
        self._on_restart = on_restart
        self._timeout = timeout
        self._dies_by = dies_by
        self._must_own = own
        self._loop = asyncio.get_running_loop()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._server: Server | None = None
        self._ready: Future[None] = Future()
        self._over: Future[None] = Future()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        data_dir: Path,
        *,
        on_restart: Callable[[int], None] = lambda _count: None,
        timeout: float = _START_LIMIT,
        dies_by: DiesBy = "signal" if sys.platform == "linux" else "watcher",
        own: bool = False,
    ) -> AsyncIterator["EmbeddedValkey"]:
        """Join the store that runs in `data_dir`, or own one until the block ends. It answers when the block begins.

        The owner leaves the block only after everybody who uses the store has finished.

        Args:
            data_dir: created if it is missing.
            on_restart: called on this event loop with the new count when the server died and is started again.
            timeout: seconds for a server to answer, not counting the time it reports to be loading its data.
            dies_by: how a server is made to die with this process; see `launcher`.
            own: never join. For whoever stays: an owner takes the server along when it goes. An owner that leaves
                within `timeout` is waited for.

        Raises:
            StoreUnavailable: there is no server for this platform, it does not start, or the one that is there does
                not answer or is not to be joined. The sentence says what to do.
        """
        valkey = cls(data_dir, on_restart, timeout, dies_by, own=own)
        threading.Thread(target=valkey._live, name="embedded-valkey", daemon=True).start()
        ready = asyncio.wrap_future(valkey._ready)
        ready.add_done_callback(asyncio.Future.exception)  # it has been looked at, even if nobody waits any more
        try:
            await asyncio.wait([ready])
            ready.result()
            yield valkey
        finally:
            await asyncio.shield(asyncio.ensure_future(valkey.close()))

    @property
    def pid(self) -> int | None:
        """The server's process id; None if it is down at the moment."""
        return self._place.pid()

    async def close(self) -> None:
        """End the server if it is ours: SIGTERM, and SIGKILL after 10 s. What it acknowledged is on disk then."""
        self._signal(signal.SIGTERM)
        over = asyncio.wrap_future(self._over)
        done, _ = await asyncio.wait([over], timeout=_STOP_LIMIT)
        if not done:
            _log.error("the embedded valkey does not end, killing it")
            self._signal(signal.SIGKILL)
            await over

    def _signal(self, number: signal.Signals) -> None:
        with self._guard:
            self._stopping.set()
            if self._server is not None:
                self._server.send(number)

    def _live(self) -> None:
        """The thread's life."""
        lock: int | None = None
        try:
            lock = self._own_or_join()
            if lock is not None:
                self._take(obtain(self._place, self._stopping, self._timeout, self._dies_by))
                self.owner = True
            self.url = f"unix://{quote(str(self._place.socket()))}"
            self._ready.set_result(None)
            if lock is not None:
                self._supervise()
        except OSError as error:
            fault = StoreUnavailable(
                f"The data folder {self._place.data_dir} (--data-dir, or `data_dir` of the settings) cannot be used: "
                f"{error.strerror or error}."
            )
            self._fail(fault)
        except BaseException as error:  # noqa: BLE001 - handed to who waits for us
            self._fail(error)
        finally:
            if lock is not None:
                os.close(lock)
            self._over.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if self._ready.done():
            _log.error("supervision of the embedded valkey ended", exc_info=error)
        else:
            self._ready.set_exception(error)

    def _own_or_join(self) -> int | None:
        """The owner's lock, or None as soon as another owner's server answers."""
        self._place.create()
        deadline = time.monotonic() + self._timeout
        while True:
            lock = try_lock(self._place.lock)
            if lock is not None:
                os.truncate(lock, 0)
                os.pwrite(lock, str(os.getpid()).encode(), 0)
                return lock
            if not self._must_own and answers_for(self._place, serving=True) is not None:
                return None
            if time.monotonic() > deadline or self._stopping.is_set():
                raise self._taken()
            time.sleep(_POLL)

    def _taken(self) -> StoreUnavailable:
        owner = self._place.lock.read_text(encoding="ascii", errors="replace") or "unknown"
        if self._must_own:
            return StoreUnavailable(
                f"Process {owner} uses {self._place.data_dir} already. End it, or set another `data_dir`."
            )
        return StoreUnavailable(
            f"Process {owner} owns {self._place.data_dir}, but its embedded Valkey does not answer. Wait until it has "
            "started, or end it."
        )

    def _take(self, server: Server) -> None:
        with self._guard:
            self._server = server
            if self._stopping.is_set():
                server.send(signal.SIGTERM)

    def _supervise(self) -> None:
        quick_deaths = 0
        while True:
            server = self._server
            if server is None:
                return
            began = time.monotonic()
            how = server.wait()
            if self._stopping.is_set():
                self._place.leave()
                return
            with self._guard:
                self._server = None
            quick_deaths = quick_deaths + 1 if time.monotonic() - began < _STEADY else 0
            self.restarts += 1
            _log.error("the embedded valkey %s and is started again", how)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested any more
                self._loop.call_soon_threadsafe(self._on_restart, self.restarts)
            self._start_again(quick_deaths)

    def _start_again(self, deaths: int) -> None:
        """The first time at once, then after pauses that double from a tenth of a second to five."""
        pause = 0.0 if deaths <= 1 else min(_LONGEST_PAUSE, 0.1 * 2 ** min(deaths - 2, 10))
        while not self._stopping.wait(pause):
            try:
                self._take(obtain(self._place, self._stopping, self._timeout, self._dies_by))
                return
            except (StoreUnavailable, OSError) as error:
                _log.error("the embedded valkey cannot be started: %s", error)
                pause = min(_LONGEST_PAUSE, max(0.1, pause * 2))
