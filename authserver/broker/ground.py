"""What the hosts of all providers stand on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from authserver import effects
from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Random
from authserver.store import Identities, OneTime
from authserver.tokens.keyring import KeyRing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ground:
    """What all hosts stand on."""

    http: effects.Http
    random: Random
    clock: Clock
    sealer: Sealer
    key_ring: KeyRing
    identities: Identities
    one_time: OneTime
    threads: ThreadPoolExecutor


class Workers:
    """Satisfies `ports.Work`."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def __call__(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, job)
