"""Events as audit entries. Pure."""

import math
from collections.abc import Callable, Mapping

from authserver.audit.caller import Caller
from authserver.event_kinds import EVENT_KINDS, EventKind
from authserver.events import Event, outcome_of
from authserver.model.journal import AuditEntry

PlaceOf = Callable[[str], str | None]
"""What a GeoIP file says of an address, such as "KR Seoul"."""

LONGEST_TEXT = 512
MOST_ITEMS = 50
_LARGEST_NUMBER = 2**53
"""What every reader of JSON takes for the same number (RFC 8259 6)."""

_UNKNOWN = EventKind("", "info", by="system")


def is_audited(event: Event) -> bool:
    """Whether the trail keeps it. A kind that nobody registered is kept, without its details."""
    return EVENT_KINDS.get(event.kind, _UNKNOWN).audited


def entry_of(event: Event, at: int, caller: Caller | None = None, place_of: PlaceOf | None = None) -> AuditEntry:
    """The entry, without its place in the chain.

    Args:
        at: milliseconds since the epoch.
        caller: the request in which it happened.
    """
    kind = EVENT_KINDS.get(event.kind, _UNKNOWN)
    address = event.address or (caller.address if caller is not None else None)
    user_agent = event.user_agent or (caller.user_agent if caller is not None else None)
    return AuditEntry(
        pool=event.pool,
        seq=0,
        at=at,
        kind=event.kind,
        outcome=outcome_of(event),
        actor=_text(event.actor or _actor(event, kind)) or "system",
        user_id=_text(event.user_id),
        client_id=_text(event.client_id),
        address=_text(address),
        user_agent=_text(user_agent),
        place=_text(place_of(address)) if place_of is not None and address else None,
        sid=_text(event.sid),
        request_id=_text(caller.request_id) if caller is not None else None,
        details={name: value for name in kind.details if (value := plain(event.details.get(name))) is not None},
    )


def _actor(event: Event, kind: EventKind) -> str:
    if kind.by == "user":
        return f"user:{event.user_id}" if event.user_id else "anonymous"
    if kind.by == "client":
        return f"client:{event.client_id}" if event.client_id else "system"
    return kind.by


def _text(value: str | None) -> str | None:
    """Text without characters that a store or a terminal might not take; None for none, so that both hash alike."""
    if not value:
        return None
    clean = (
        value if value.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)
    )
    return clean[:LONGEST_TEXT] or None


def plain(value: object) -> object:
    """The value in a form that comes back from any store as it went in: texts, whole numbers, truth values, lists and
    mappings of them. The hash covers it, so nothing may depend on how a store writes a fraction.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_NUMBER else str(value)[:LONGEST_TEXT]
    if isinstance(value, float):
        return (
            int(value) if math.isfinite(value) and value.is_integer() and abs(value) <= _LARGEST_NUMBER else str(value)
        )
    if isinstance(value, Mapping):
        return {_text(str(k)) or "": plain(v) for k, v in list(value.items())[:MOST_ITEMS]}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value[:MOST_ITEMS]]
    if isinstance(value, set | frozenset):
        return sorted(str(plain(v)) for v in value)[:MOST_ITEMS]
    return _text(str(value)) or ""
