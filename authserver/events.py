"""Events: facts after the deed. They change nothing; logs and metrics listen, and later the audit trail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: `kind` (such as `sign_in.succeeded`), to whom, through which client, from where. Never a secret."""

    kind: str
    pool: str
    user_id: str | None = None
    client_id: str | None = None
    address: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


Emit = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """A listener that listens to nothing."""
