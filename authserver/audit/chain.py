"""The chain: each entry's hash covers the entry and the hash of the one before. Pure.

The hash is SHA-256 over the canonical form: a JSON object (RFC 8259) of all members but `hash`, keys sorted, no white
space, UTF-8, `null` for what is not there. Values hold no fractions (`entries.plain`), so every JSON library writes the
same bytes, and anybody can check a trail with a few lines in any language (docs/audit.md).
"""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Literal

import orjson

from authserver.model.journal import AuditEntry

PRUNED = "audit.pruned"
"""The kind of entry that accounts for what retention took: `through` is the last number, `hash` that entry's."""


def members(entry: AuditEntry) -> dict[str, object]:
    """The entry as JSON members, as it is exported and sent."""
    return {
        "pool": entry.pool,
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "outcome": entry.outcome,
        "actor": entry.actor,
        "user_id": entry.user_id,
        "client_id": entry.client_id,
        "address": entry.address,
        "user_agent": entry.user_agent,
        "place": entry.place,
        "sid": entry.sid,
        "request_id": entry.request_id,
        "details": dict(entry.details),
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _digest(covered: dict[str, object]) -> str:
    return hashlib.sha256(orjson.dumps(covered, option=orjson.OPT_SORT_KEYS)).hexdigest()


def digest_of(entry: AuditEntry) -> str:
    """The hash that the entry should have, in hexadecimal."""
    covered = members(entry)
    del covered["hash"]
    return _digest(covered)


def link(entry: AuditEntry, seq: int, previous: str) -> AuditEntry:
    """The entry with its place in the chain: what `Journal.append` is given."""
    covered = members(entry)
    del covered["hash"]
    covered["seq"], covered["previous"] = seq, previous
    # By hand: `dataclasses.replace` takes longer than the hash does.
    return AuditEntry(
        entry.pool,
        seq,
        entry.at,
        entry.kind,
        entry.outcome,
        entry.actor,
        entry.user_id,
        entry.client_id,
        entry.address,
        entry.user_agent,
        entry.place,
        entry.sid,
        entry.request_id,
        entry.details,
        previous,
        _digest(covered),
    )


Fault = Literal["changed", "unlinked", "gap", "order", "beginning", "end", "head", "foreign"]

SENTENCES: dict[Fault, str] = {
    "changed": "is not what was written: its hash does not cover what it says",
    "unlinked": "does not follow the entry before it: one was changed, or another put in its place",
    "gap": "does not follow the entry before it: entries between them are gone",
    "order": "stands behind an entry with the same or a higher number",
    "beginning": "is the first, and no entry accounts for what retention took before it",
    "end": "is the last, and the noted head lies beyond it: the end was cut off",
    "head": "is not the entry that was noted: the chain was written anew",
    "foreign": "is of another pool",
}


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain does not hold."""

    seq: int
    fault: Fault

    @property
    def sentence(self) -> str:
        return f"Entry {self.seq} {SENTENCES[self.fault]}."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What walking a chain found: how many entries, the first and last number, the head, and the break if there is one."""

    count: int
    first: int
    last: int
    head: str
    found: Break | None = None


async def verify(pool: str, entries: AsyncIterable[AuditEntry], noted: tuple[int, str] | None = None) -> Verdict:
    """Walk a pool's entries, oldest first, to the first break.

    Args:
        noted: number and hash of an entry that was noted elsewhere before, if any. Without one, a trail whose end was cut
            off, or that was written anew as a whole, cannot be told from a good one.
    """
    count = first = last = 0
    head, anchored, start = "", False, ""
    reached = noted is None

    def verdict(seq: int, fault: Fault) -> Verdict:
        return Verdict(count, first, last, head, Break(seq, fault))

    async for entry in entries:
        if entry.pool != pool:
            return verdict(entry.seq, "foreign")
        if count == 0:
            first, start = entry.seq, entry.previous
            anchored = entry.seq == 1 and not entry.previous
        elif entry.seq <= last:
            return verdict(entry.seq, "order")
        elif entry.seq != last + 1:
            return verdict(entry.seq, "gap")
        elif entry.previous != head:
            return verdict(entry.seq, "unlinked")
        if digest_of(entry) != entry.hash:
            return verdict(entry.seq, "changed")
        count, last, head = count + 1, entry.seq, entry.hash
        anchored = anchored or _accounts_for(entry, first, start)
        if noted is not None and entry.seq == noted[0]:
            if entry.hash != noted[1]:
                return verdict(entry.seq, "head")
            reached = True
    if count and not anchored:
        return verdict(first, "beginning")
    if noted is not None and not reached and not 0 <= noted[0] < first:
        return verdict(last, "end")
    return Verdict(count, first, last, head)


def _accounts_for(entry: AuditEntry, first: int, start: str) -> bool:
    """Whether this entry says that retention took all before `first`, whose predecessor had the hash `start`."""
    if entry.kind != PRUNED:
        return False
    through = entry.details.get("through")
    if not isinstance(through, int) or through < first - 1:
        return False
    return through > first - 1 or entry.details.get("hash") == start
