"""Triggers that are https webhooks: the event goes out by POST, signed, and its answer is the event filled in."""

import asyncio

import orjson

from authserver.effects import Clock, Http, HttpBroken, HttpFailed, HttpTimedOut, HttpUnreachable
from authserver.errors import TriggerFailed, Vetoed
from authserver.outbound.signature import ID, SIGNATURE, sign
from authserver.triggers.breaker import NotAnswered
from authserver.triggers.points import Event
from authserver.triggers.veto import plain_sentence

LARGEST_ANSWER = 256 * 1024
_TRIES = 2
_LEAST = 0.05
"""Seconds that must be left to try again."""


class Webhooks:
    """Calls webhooks."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def call(self, url: str, secret: bytes, event: Event, call_id: str, timeout: float) -> object:
        """Send the event, and return the JSON value that came back; None for an empty answer.

        A connection that fails, or ends without an answer, is tried once more, with the same id, within the same time
        (Cognito tries again too).

        Raises:
            Vetoed: it answered `{"errorMessage": ...}`, with 200 or 4xx.
            NotAnswered, TriggerFailed.
        """
        body = orjson.dumps(event)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        for left in reversed(range(_TRIES)):
            headers = {
                "content-type": "application/json",
                SIGNATURE: sign(secret, int(self._clock()), body),
                ID: call_id,
            }
            remaining = deadline - loop.time()
            try:
                answer = await self._http.request(
                    "POST", url, headers=headers, body=body, timeout=remaining, limit=LARGEST_ANSWER
                )
            except (HttpUnreachable, HttpBroken) as failure:
                if left and deadline - loop.time() > _LEAST:
                    continue
                raise NotAnswered(str(failure)) from None
            except HttpTimedOut as failure:
                raise NotAnswered(str(failure)) from None
            except HttpFailed as failure:
                raise TriggerFailed(detail=str(failure)) from None
            return _value(answer.status, answer.body)
        raise AssertionError("every try returns or raises")


def _value(status: int, body: bytes) -> object:
    if status >= 500:
        raise NotAnswered(f"the webhook answers {status}")
    if not 200 <= status < 300 and not 400 <= status < 500:
        raise TriggerFailed(detail=f"the webhook answers {status}")
    try:
        value: object = orjson.loads(body) if body.strip() else None
    except ValueError:
        raise TriggerFailed(detail=f"the webhook answers {status} and no JSON") from None
    if status >= 400 and not error_message(value):
        raise TriggerFailed(detail=f"the webhook answers {status}")
    return value


def error_message(value: object) -> str | None:
    """The error text of a function that failed, in the form that AWS Lambda gives it."""
    message = value.get("errorMessage") if isinstance(value, dict) else None
    return message if isinstance(message, str) and message else None


def refuse_if_vetoed(value: object) -> None:
    """Raise Vetoed if the answer is an error text."""
    message = error_message(value)
    if message is not None:
        raise Vetoed(plain_sentence(message) or None, detail="errorMessage")
