"""A host for one SAML provider: what is asked over HTTP is answered from a table, and work is done on threads."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from federation.errors import ProviderUnavailable
from federation.ports import Host, KeyPair, Response
from tests.federation.host import Documents, KeyPairs, Once, make_host

T = TypeVar("T")
ISSUER = "https://login.example.com/main"


@dataclass
class TableHttp:
    """Answers by URL; what has no answer is unreachable. Keeps what was asked."""

    answers: dict[str, Response] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = 512 * 1024,
        timeout: float = 5.0,
    ) -> Response:
        headers = headers or {}
        self.asked.append((url, headers))
        await asyncio.sleep(0)
        answer = self.answers.get(url)
        if answer is None or len(answer.body) > limit:
            raise ProviderUnavailable(f"{url} does not answer")
        etag = answer.headers.get("etag")
        return Response(304) if etag and headers.get("if-none-match") == etag else answer


class Threads:
    """Two threads, as a server has them: what a job touches, it touches away from the event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)

    async def __call__(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, job)


_THREADS = Threads()


@dataclass
class MemoryHost:
    """The parts of a Host, to look at and to change."""

    pairs: list[KeyPair]
    http: TableHttp = field(default_factory=TableHttp)
    documents: Documents = field(default_factory=Documents)
    once: Once = field(default_factory=Once)

    def host(self) -> Host:
        return make_host(
            self.http,
            issuer=ISSUER,
            key_pairs=KeyPairs(self.pairs),
            documents=self.documents,
            once=self.once,
            work=_THREADS,
        )
