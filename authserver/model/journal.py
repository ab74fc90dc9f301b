"""The journal: audit entries, and messages that wait to be delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One event as it is kept: who, what, when, where, and how it ended.

    `seq` counts up by one in each pool from 1. `hash` covers the entry and `previous`, the hash of the entry before, so
    that nothing can be changed or taken out unseen. `at` is in milliseconds since the epoch. `actor` is who did it:
    `user:<id>`, `client:<id>`, `operator:<name>` or `system`.
    """

    pool: str
    seq: int
    at: int
    kind: str
    outcome: Literal["success", "failure", "info"]
    actor: str
    user_id: str | None = None
    client_id: str | None = None
    address: str | None = None
    user_agent: str | None = None
    place: str | None = None
    sid: str | None = None
    request_id: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    previous: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None wants all. Times in milliseconds, `since` included and `until` not.

    `kinds` match whole or, ending in `.*`, by prefix.
    """

    user_id: str | None = None
    client_id: str | None = None
    kinds: tuple[str, ...] = ()
    outcome: str | None = None
    address: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message or webhook call that waits for delivery. Its content is sealed: it may hold a code.

    `channel` is "email", "sms" or "webhook". `due_at` is when to try (next), in seconds; `attempts` those made.
    """

    id: str
    pool: str
    channel: Literal["email", "sms", "webhook"]
    sealed: bytes = field(repr=False)
    created_at: int = 0
    due_at: int = 0
    expires_at: int = 0
    attempts: int = 0
    last_error: str | None = None
