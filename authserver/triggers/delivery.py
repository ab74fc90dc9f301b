"""One event to one target and back, within the trigger's time: what the runner does, and a replay."""

import asyncio
from typing import Any

import orjson

from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url_decode
from authserver.effects import Clock, Http
from authserver.errors import TriggerFailed
from authserver.model.pools import Pool, Trigger, trigger_record
from authserver.triggers.answers import SAYS_NOTHING
from authserver.triggers.breaker import Breaker, NotAnswered
from authserver.triggers.functions import Functions
from authserver.triggers.points import Event
from authserver.triggers.reading import Members
from authserver.triggers.webhook import Webhooks, refuse_if_vetoed


class Delivery:
    """Reaches the targets of all pools; one a process, since it knows which are dead."""

    def __init__(self, http: Http, sealer: Sealer, clock: Clock) -> None:
        self._webhooks = Webhooks(http, clock)
        self._functions = Functions()
        self._sealer = sealer
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}

    async def send(self, pool: Pool, trigger: Trigger, event: Event, call_id: str) -> object:
        """Send the event, and return what came back, as JSON.

        Raises:
            Vetoed: the target refuses.
            TriggerFailed: it does not answer in time, or with a fault; or it has not for a while, and is left alone.
        """
        target = target_of(trigger)
        breaker = self._breakers.setdefault(target, Breaker(self._clock))
        try:
            async with asyncio.timeout(trigger.timeout), breaker.admitted():
                try:
                    value = await self._reach(pool, trigger, event, call_id)
                except NotAnswered:
                    raise
                except Exception:
                    breaker.answered()
                    raise
                breaker.answered()
        except NotAnswered as failure:
            breaker.unanswered()
            raise TriggerFailed(detail=str(failure)) from None
        except TimeoutError:
            breaker.unanswered()
            raise TriggerFailed(detail=f"{target} did not answer within {trigger.timeout:g} s") from None
        refuse_if_vetoed(value)
        return value

    async def _reach(self, pool: Pool, trigger: Trigger, event: Event, call_id: str) -> object:
        if trigger.callable is not None:
            # A copy, as it would be if it had crossed a network: the function cannot change what others hold.
            copy = orjson.loads(orjson.dumps(event))
            value = await self._functions.call(trigger.callable, copy, call_id, trigger.timeout)
            try:
                answered: object = orjson.loads(orjson.dumps(value))
            except (TypeError, ValueError) as error:
                raise TriggerFailed(detail=f"{trigger.callable} returns what is no JSON: {error}") from None
            return answered
        if trigger.url is None or trigger.sealed_secret is None:
            raise TriggerFailed(detail=f"the trigger at {trigger.point} has no target, or no secret to sign with")
        secret = self._sealer.open(b64url_decode(trigger.sealed_secret), trigger_record(pool.id, trigger.point))
        return await self._webhooks.call(trigger.url, secret, event, call_id, trigger.timeout)

    def close(self) -> None:
        self._functions.close()


def target_of(trigger: Trigger) -> str:
    """The target in words, for logs."""
    return trigger.url or trigger.callable or "nothing"


def response_in(value: object, trigger: Trigger) -> Members:
    """The `response` of an event that came back. Raises TriggerFailed if it is not one."""
    if value is None and trigger.point in SAYS_NOTHING:
        return {}
    response: Any = value.get("response") if isinstance(value, dict) else None
    if response is None and isinstance(value, dict) and "response" in value:
        return {}
    if not isinstance(response, dict):
        raise TriggerFailed(detail="what came back is not the event with its response")
    return response
