"""The seam of the gateways, and the transport that asks them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from authserver.effects import Clock, Http, HttpFailed, Random
from authserver.messages.transport import Envelope, TryAgain, Undeliverable

TIME_LIMIT = 15.0
_LARGEST_ANSWER = 64 * 1024

# 3GPP TS 23.038 6.2.1: with any other character a text message is sent in UCS-2, of which half as much fits.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One POST. Headers and body may hold secrets."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Gateway(Protocol):
    """A way to send text messages. Both methods are pure."""

    @property
    def name(self) -> str:
        """For the log."""
        ...

    def call(self, envelope: Envelope, at: float, salt: str) -> Call:
        """The request that sends it. `at` is now, in seconds since the epoch; `salt` was never used before."""
        ...

    def judge(self, status: int, body: bytes) -> None:
        """Return if the gateway has taken it. Raises TryAgain, Undeliverable, or anything for an answer that cannot be
        read, which counts as TryAgain.
        """
        ...


class SmsTransport:
    """Delivers through a gateway."""

    def __init__(self, gateway: Gateway, http: Http, clock: Clock, random: Random) -> None:
        self._gateway = gateway
        self._http = http
        self._clock = clock
        self._random = random

    async def deliver(self, envelope: Envelope) -> None:
        """Return once the gateway has taken it. Raises TryAgain or Undeliverable."""
        call = self._gateway.call(envelope, self._clock(), self._random.token(16))
        try:
            answer = await self._http.request(
                "POST", call.url, headers=call.headers, body=call.body, timeout=TIME_LIMIT, limit=_LARGEST_ANSWER
            )
        except HttpFailed as error:
            raise TryAgain(f"{self._gateway.name}: {error}") from None
        try:
            self._gateway.judge(answer.status, answer.body)
        except TryAgain as error:
            wait = answer.headers.get("retry-after", "")
            after = float(wait) if wait.isascii() and wait.isdecimal() and len(wait) < 6 else 0.0
            raise TryAgain(f"{self._gateway.name}: {error.detail}", after) from None
        except Undeliverable as error:
            raise Undeliverable(f"{self._gateway.name}: {error.detail}") from None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise TryAgain(f"{self._gateway.name}: answers {answer.status} in a form that is not its own") from None


def in_gsm_alphabet(text: str) -> bool:
    """Whether `text` goes out in the seven-bit alphabet of text messages."""
    return _GSM.issuperset(text)


def code_of(value: object) -> str:
    """A gateway's own code as it may stand in the log: its words may hold the number."""
    text = str(value)
    return text if text.isascii() and text.isprintable() and len(text) <= 40 and " " not in text else "an odd code"
