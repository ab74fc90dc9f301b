"""What carrying out a plan tells: one event for the pool itself, one for each group and client. Users tell themselves."""

from collections.abc import Iterable

from authserver.accounts.changes import SECRET_CHANGED, Change
from authserver.events import Event

_DONE = {"create": "created", "update": "changed", "remove": "deleted"}
_OF_POOL = frozenset({"pool", "attribute", "resource_server"})


def pool_events(pool: str, changes: Iterable[Change]) -> list[Event]:
    """The events of what is stored with the pool itself: its settings, attributes, APIs and groups. Names, no values."""
    changes = tuple(changes)
    names = [
        name
        for change in changes
        if change.kind in _OF_POOL
        for name in ([f.name for f in change.fields] if change.kind == "pool" else [f"{change.kind} {change.name}"])
    ]
    created = any(change.kind == "pool" and change.action == "create" for change in changes)
    events = [Event("pool.created", pool)] if created else []
    if names and not created:
        events.append(Event("pool.changed", pool, details={"changes": names}))
    events += [
        Event(f"group.{_DONE[change.action]}", pool, details={"group": change.name})
        for change in changes
        if change.kind == "group"
    ]
    return events


def client_events(pool: str, change: Change) -> list[Event]:
    """The events of one client that was created, changed or deleted."""
    if change.action != "update":
        return [Event(f"client.{_DONE[change.action]}", pool, client_id=change.name)]
    secret = any(field.after == SECRET_CHANGED for field in change.fields)
    names = [field.name for field in change.fields if field.after != SECRET_CHANGED]
    events = [Event("client.secret_changed", pool, client_id=change.name)] if secret else []
    if names:
        events.append(Event("client.changed", pool, client_id=change.name, details={"changes": names}))
    return events
