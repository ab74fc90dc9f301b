"""The trail of a process that is soon over, such as a command: events are collected, and appended before it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from authserver.audit.appending import Appender
from authserver.audit.entries import entry_of, is_audited
from authserver.audit.spill import Spill
from authserver.effects import Clock
from authserver.errors import Refusal
from authserver.events import OPERATOR, Emit, Event
from authserver.model.journal import AuditEntry
from authserver.store import Journal

PIECE = 500
"""Entries of one transaction."""


@asynccontextmanager
async def collecting(journal: Journal, clock: Clock, folder: Path, actor: str) -> AsyncIterator[Emit]:
    """A listener that takes events into the trail once the block is left, whatever ends it.

    Args:
        folder: where entries wait that the store does not take; a serving process appends them later.
        actor: who did what the block does, such as `operator:ada`, where the event itself names nobody else.

    Raises:
        OSError: if neither the store nor the folder takes them.
    """
    collected: dict[str, list[AuditEntry]] = {}

    def collect(event: Event) -> None:
        if is_audited(event):
            named = replace(event, actor=actor if event.actor in {None, OPERATOR} else event.actor)
            collected.setdefault(event.pool, []).append(entry_of(named, int(clock() * 1000)))

    try:
        yield collect
    finally:
        appender, spill = Appender(journal), Spill(folder)
        for pool, entries in collected.items():
            try:
                while entries:
                    del entries[: await appender.append(pool, entries[:PIECE])]
            except Refusal:
                await asyncio.to_thread(spill.write, entries)
        spill.close()
