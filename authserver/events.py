"""Events: facts after the deed. They change nothing; logs, metrics and the audit trail listen.

`event_kinds.EVENT_KINDS` lists every kind there is. What a listener does with an event is its own affair: a listener that
fails is noted and keeps neither the others nor the deed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from authserver.event_kinds import EVENT_KINDS, Outcome

log = structlog.get_logger("events")

OPERATOR = "operator"
"""The actor of what an operator did; a command puts the operator's name to it."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: `kind` (such as `sign_in.succeeded`), to whom, through which client, from where. Never a secret.

    `user_id` is whom it concerns. `actor` is who did it, if that is not what the kind says: `user:<id>`, `client:<id>`,
    `operator:<name>` or `system`. `outcome` is for a kind that can end either way. What is left out of `address` and
    `user_agent` the audit trail takes from the request under way.
    """

    kind: str
    pool: str
    user_id: str | None = None
    client_id: str | None = None
    address: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    sid: str | None = None
    actor: str | None = None
    user_agent: str | None = None
    outcome: Outcome | None = None


Emit = Callable[[Event], None]
"""Tells what happened. It never raises and never waits."""


def ignore(_event: Event) -> None:
    """A listener that listens to nothing."""


def outcome_of(event: Event) -> Outcome:
    """How it ended: as the event says, else as its kind does."""
    if event.outcome is not None:
        return event.outcome
    kind = EVENT_KINDS.get(event.kind)
    return kind.outcome if kind is not None else "info"


def fault_of(event: Event) -> str | None:
    """What is wrong with the event by the registry, in words; None if nothing is."""
    kind = EVENT_KINDS.get(event.kind)
    if kind is None:
        return f"there is no event kind {event.kind!r}"
    unknown = event.details.keys() - kind.details.keys()
    if unknown:
        return f"{event.kind} has no details {', '.join(sorted(unknown))}"
    return None


def emitter(listeners: Sequence[Emit], *, strict: bool = False) -> Emit:
    """What tells all of the listeners.

    Args:
        strict: for tests. An event that the registry does not know, and a listener that fails, raise. Otherwise both are
            logged, an unknown kind once.

    Raises:
        ValueError: by what is returned, if strict.
    """
    heard = tuple(listeners)
    noted: set[str] = set()

    def emit(event: Event) -> None:
        if strict:
            fault = fault_of(event)
            if fault is not None:
                raise ValueError(fault)
        elif event.kind not in EVENT_KINDS and event.kind not in noted:
            noted.add(event.kind)
            log.error("an event of no known kind", kind=event.kind)
        for listener in heard:
            try:
                listener(event)
            except Exception:
                if strict:
                    raise
                log.exception("a listener to events failed", kind=event.kind)

    return emit
