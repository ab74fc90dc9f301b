"""What a trigger answered, read strictly: members that nobody asked for are passed over, and a wrong type is a refusal.

A member that is missing or null counts as not given. Nothing is converted: "true" is no truth value, and a trigger that is
understood by guessing would one day be misunderstood.
"""

from collections.abc import Mapping

from authserver.errors import TriggerFailed

Members = Mapping[str, object]


def flag(members: Members, name: str) -> bool:
    """A truth value, false if it is not given. Raises TriggerFailed."""
    found = members.get(name)
    if found is None or isinstance(found, bool):
        return bool(found)
    raise _wrong(name, "a truth value")


def text(members: Members, name: str) -> str | None:
    """Raises TriggerFailed."""
    found = members.get(name)
    if found is None or isinstance(found, str):
        return found
    raise _wrong(name, "a text")


def table(members: Members, name: str) -> Members | None:
    """An object; None if it is not given. Raises TriggerFailed."""
    found = members.get(name)
    if found is None or isinstance(found, dict):
        return found
    raise _wrong(name, "an object")


def texts(members: Members, name: str) -> tuple[str, ...]:
    """A list of texts, empty if it is not given. Raises TriggerFailed."""
    found = members.get(name)
    if found is None:
        return ()
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return tuple(found)
    raise _wrong(name, "a list of texts")


def texts_by_name(members: Members, name: str) -> Mapping[str, str]:
    """An object whose members are texts, empty if it is not given. Raises TriggerFailed."""
    found = {key: item for key, item in (table(members, name) or {}).items() if isinstance(item, str)}
    if len(found) != len(table(members, name) or {}):
        raise _wrong(name, "an object of texts")
    return found


def _wrong(name: str, wanted: str) -> TriggerFailed:
    return TriggerFailed(detail=f"`{name}` in the response is not {wanted}")
