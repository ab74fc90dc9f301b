"""Calling triggers: the event made, sent, its answer read, and the call recorded."""

import asyncio
import time
from dataclasses import replace
from typing import TypeVar

import structlog

from authserver.crypto.sealing import Sealer
from authserver.effects import Clock, Http, Random
from authserver.errors import Refusal, TriggerFailed, Vetoed
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.triggers.calls import NOT_KEPT, Calls, Outcome, TriggerCall, sealed
from authserver.triggers.delivery import Delivery, response_in, target_of
from authserver.triggers.points import Event as TriggerEvent
from authserver.triggers.points import TriggerRequest, event_of

R = TypeVar("R")

SAMPLED = 5
"""Calls a second that are recorded though they went well; those that did not are all recorded."""
_MOST_RECORDING = 100

log = structlog.get_logger("triggers")


class Triggers:
    """The triggers of all pools.

    Args:
        calls: where calls are recorded.
        emit: told of `trigger.answered`, `trigger.vetoed` and `trigger.failed`.
    """

    def __init__(self, *, http: Http, sealer: Sealer, clock: Clock, random: Random, calls: Calls, emit: Emit) -> None:
        self._delivery = Delivery(http, sealer, clock)
        self._sealer = sealer
        self._clock = clock
        self._random = random
        self._calls = calls
        self._emit = emit
        self._recording: set[asyncio.Task[None]] = set()
        self._sample = (0, 0)

    async def call(
        self,
        pool: Pool,
        request: TriggerRequest[R],
        *,
        username: str,
        user_id: str | None = None,
        client_id: str | None = None,
    ) -> R | None:
        """Ask the pool's trigger at the request's point, if it has one.

        Args:
            username: becomes `userName`: the user's, or what somebody typed where there is no user yet;
                "ClientCredentials" where a client asks for itself.
            user_id: for our own trail.

        Returns:
            The typed answer; None if the pool has no trigger there, or one whose version is not told of this occasion.

        Raises:
            Vetoed: with the trigger's own words, for the person.
            TriggerFailed: no answer in time, or none that can be understood. What waits for it must not happen.
        """
        trigger = pool.trigger(request.point)
        members = request.request(trigger.version) if trigger is not None else None
        if trigger is None or members is None:
            return None
        blank = request.blank(trigger.version)
        event = event_of(pool, request.trigger_source, trigger.version, username, client_id, members, blank)
        call = TriggerCall(
            id=self._random.uuid(),
            pool=pool.id,
            point=request.point,
            source=request.trigger_source,
            target=target_of(trigger),
            at=int(self._clock() * 1000),
            milliseconds=0,
            outcome="answered",
            username=username,
            client_id=client_id,
        )
        began = time.perf_counter()
        value: object = None
        outcome: Outcome = "failed"
        reason: str | None = "nobody waited for the answer"
        try:
            value = await self._delivery.send(pool, trigger, event, call.id)
            answer = request.read(response_in(value, trigger), trigger.version)
            outcome, reason = "answered", None
            return answer
        except Vetoed as veto:
            outcome, reason = "vetoed", veto.sentence
            raise
        except TriggerFailed as failed:
            failed.detail = reason = _without_secrets(failed.detail or "", members, request.secrets)
            raise
        except Refusal as refusal:  # a secret that does not open
            reason = refusal.detail or refusal.sentence
            raise TriggerFailed(detail=reason) from None
        finally:
            took = int((time.perf_counter() - began) * 1000)
            done = replace(call, milliseconds=took, outcome=outcome, reason=reason)
            self._tell(done, user_id)
            self._record(done, event, value, request.secrets)

    async def close(self) -> None:
        """Wait for what is being recorded, and let go of the threads."""
        if self._recording:
            await asyncio.wait(self._recording, timeout=2.0)
        self._delivery.close()

    def _tell(self, call: TriggerCall, user_id: str | None) -> None:
        details: dict[str, object] = {"point": call.point, "call": call.id, "milliseconds": call.milliseconds}
        if call.outcome == "failed":
            details["reason"] = call.reason
            log.warning("a trigger failed", pool=call.pool, kind=call.point, url=call.target, detail=call.reason)
        self._emit(Event(f"trigger.{call.outcome}", call.pool, user_id, call.client_id, details=details))

    def _record(self, call: TriggerCall, event: TriggerEvent, value: object, secrets: frozenset[str]) -> None:
        if len(self._recording) >= _MOST_RECORDING or (call.outcome == "answered" and not self._sampled()):
            return
        task = asyncio.create_task(self._note(sealed(call, self._sealer, event, value, secrets)))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    def _sampled(self) -> bool:
        second, count = self._sample
        now = int(self._clock())
        count = count + 1 if second == now else 1
        self._sample = (now, count)
        return count <= SAMPLED

    async def _note(self, call: TriggerCall) -> None:
        try:
            await self._calls.note(call)
        except Refusal as refusal:
            log.warning("a trigger's call could not be recorded", pool=call.pool, detail=refusal.detail)


def _without_secrets(detail: str, members: dict[str, object], secrets: frozenset[str]) -> str:
    """What a function raised may quote what it was given."""
    for name in secrets:
        value = members.get(name)
        for text in value.values() if isinstance(value, dict) else (value,):
            if isinstance(text, str) and text:
                detail = detail.replace(text, NOT_KEPT)
    return detail[:500]
