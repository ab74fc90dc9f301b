"""What a user sees of the trail: sign-ins and changes to the account, for the activity list of the account page."""

from collections.abc import Callable
from dataclasses import dataclass

from authserver.event_kinds import EVENT_KINDS, Outcome
from authserver.model.journal import AuditEntry, AuditFilter
from authserver.store import Journal

KINDS = tuple(sorted(kind for kind, about in EVENT_KINDS.items() if about.activity and about.audited))
"""The kinds that stand in the list."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One line of the list.

    `sentence` is in English, to be translated. `seq` is where the next page begins: `before` of `history`. `at` is in
    seconds. `device` is in words. `by_operator`: it was done for the user, not by the user.
    """

    seq: int
    at: int
    kind: str
    sentence: str
    outcome: Outcome
    address: str | None = None
    place: str | None = None
    device: str | None = None
    client_id: str | None = None
    by_operator: bool = False


async def history(
    journal: Journal,
    pool: str,
    user_id: str,
    limit: int = 20,
    before: int | None = None,
    *,
    device_of: Callable[[str], str] | None = None,
) -> list[Activity]:
    """The newest first.

    Args:
        before: the `seq` of the last line of the page before.
        device_of: a user agent in words; without it `device` is None.
    """
    wanted = AuditFilter(user_id=user_id, kinds=KINDS)
    entries = await journal.entries(pool, wanted, limit=limit, before=before)
    return [_activity(entry, device_of) for entry in entries]


def _activity(entry: AuditEntry, device_of: Callable[[str], str] | None) -> Activity:
    # What an operator or the system did came from a machine that is none of the user's business.
    own = not entry.actor.startswith("operator") and entry.actor != "system"
    device = device_of(entry.user_agent) if own and device_of is not None and entry.user_agent else None
    return Activity(
        seq=entry.seq,
        at=entry.at // 1000,
        kind=entry.kind,
        sentence=EVENT_KINDS[entry.kind].sentence,
        outcome=entry.outcome,
        address=entry.address if own else None,
        place=entry.place if own else None,
        device=device or None,
        client_id=entry.client_id,
        by_operator=not own,
    )
