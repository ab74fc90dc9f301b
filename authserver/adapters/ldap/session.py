"""One connection to a directory: bind, search, StartTLS (RFC 4511)."""

import contextlib
import math
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sansldap import (
    BindResponse,
    ExtendedOperations,
    ExtendedResponse,
    LDAPClient,
    LDAPMessage,
    LDAPResult,
    SearchResultDone,
    SearchResultEntry,
    SearchResultReference,
    SearchScope,
)

from authserver.triggers.breaker import NotAnswered

if TYPE_CHECKING:
    import httpcore
    from sansldap import LDAPFilter

M = TypeVar("M", bound=LDAPMessage)

MOST_BYTES = 1024 * 1024
"""Of all that a directory says on one connection."""

_PIECE = 65536
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended (RFC 4511 4.1.9): a code, and the directory's own words for our log."""

    code: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry: values in bytes, by attributes in lower case."""

    dn: str
    values: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)


class Session:
    """Speaks over a stream that is connected already. Everything may raise NotAnswered: the directory broke off, or says
    what is not LDAP. How long it may take is the caller's to limit.
    """

    def __init__(self, stream: "httpcore.AsyncNetworkStream") -> None:
        self._stream = stream
        self._client = LDAPClient()
        self._waiting: list[LDAPMessage] = []
        self._read = 0

    async def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Go on under TLS, with a certificate for this name."""
        import httpcore

        try:
            self._stream = await self._stream.start_tls(context, host)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, ssl.SSLError, OSError, ValueError) as failure:
            raise NotAnswered(f"no TLS with {host}: {_words(failure)}") from failure

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """StartTLS (RFC 4511 4.14). Nothing that was said before it counts afterwards."""
        sent = self._client.extended_request(ExtendedOperations.LDAP_START_TLS.value)
        answer = await self._answer(sent, ExtendedResponse)
        if (code := int(answer.result.result_code)) != 0:
            raise NotAnswered(f"the directory refuses StartTLS: {_told(answer.result)} ({code})")
        if self._waiting or self._client._incoming_buffer:  # noqa: SLF001 - it has no public name for what is left over
            raise NotAnswered("more was said in the clear behind the answer to StartTLS")
        self._client = LDAPClient()
        await self.encrypt(context, host)

    async def bind(self, dn: str, password: str) -> Result:
        """Be this entry from now on; both empty for nobody."""
        if bool(dn) != bool(password):
            # RFC 4513 5.1.2: a name without a password proves nothing, and some directories say yes to it.
            raise ValueError("a bind has both a name and a password, or neither")
        answer = await self._answer(self._client.bind_simple(dn, password), BindResponse)
        return Result(int(answer.result.result_code), _told(answer.result))

    async def search(
        self,
        base_dn: str,
        filter_: "LDAPFilter | None",
        attributes: Sequence[str],
        *,
        most: int,
        seconds: float,
        base_only: bool = False,
    ) -> tuple[list[Found], Result]:
        """Entries under a name, at any depth. References to other servers are passed over.

        Args:
            most: how many are wanted; beyond that the directory is to stop.
            seconds: how long it may search.
            base_only: look at the base alone.
        """
        sent = self._client.search_request(
            base_object=base_dn,
            scope=SearchScope.BASE if base_only else SearchScope.SUBTREE,
            size_limit=most,
            time_limit=math.ceil(seconds),
            filter=filter_,
            attributes=list(attributes) or ["1.1"],
        )
        found: list[Found] = []
        while True:
            message = await self._message(sent)
            if isinstance(message, SearchResultDone):
                return found, Result(int(message.result.result_code), _told(message.result))
            if isinstance(message, SearchResultEntry):
                values = {a.name.lower(): tuple(a.values) for a in message.attributes}
                found.append(Found(message.object_name, values))
            elif not isinstance(message, SearchResultReference):
                raise NotAnswered(f"a search was answered with {type(message).__name__}")

    async def close(self) -> None:
        """Say goodbye (RFC 4511 4.3) and hang up."""
        with contextlib.suppress(Exception):
            self._client.unbind()
            await self._stream.write(self._client.data_to_send())
        await self.hang_up()

    async def hang_up(self) -> None:
        """Without a word."""
        with contextlib.suppress(Exception):
            await self._stream.aclose()

    async def _answer(self, sent: int, kind: type[M]) -> M:
        message = await self._message(sent)
        if not isinstance(message, kind):
            raise NotAnswered(f"instead of {kind.__name__} came {type(message).__name__}")
        return message

    async def _message(self, sent: int) -> LDAPMessage:
        """The next message that answers the request."""
        import httpcore

        try:
            await self._stream.write(self._client.data_to_send())
            while not self._waiting:
                data = await self._stream.read(_PIECE)
                if not data:
                    raise NotAnswered("the directory closed the connection")
                self._read += len(data)
                if self._read > MOST_BYTES:
                    raise NotAnswered(f"the directory says more than {MOST_BYTES} bytes")
                self._waiting = _unpacked(self._client.receive, data)
        except (httpcore.NetworkError, httpcore.TimeoutException, OSError) as failure:
            raise NotAnswered(f"the directory broke off: {_words(failure)}") from failure
        message = self._waiting.pop(0)
        if message.message_id != sent:
            raise NotAnswered("the directory answers what was not asked")
        return message


def _unpacked(receive: Callable[[bytes], list[LDAPMessage]], data: bytes) -> list[LDAPMessage]:
    try:
        return receive(data)
    except Exception as fault:
        # Whatever it stumbled over, it is the directory's: nobody else says anything here.
        raise NotAnswered(f"what the directory says is not LDAP: {_words(fault)}") from fault


def _told(result: LDAPResult) -> str:
    words = result.diagnostics_message or result.result_code.name.lower().replace("_", " ")
    return "".join(c if c.isprintable() else " " for c in words)[:_MOST_WORDS]


def _words(failure: Exception) -> str:
    return (str(failure) or type(failure).__name__)[:_MOST_WORDS]
