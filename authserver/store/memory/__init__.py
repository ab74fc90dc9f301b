"""The roles in process memory: for tests, and the reference for what the protocols mean.

Nothing here awaits between reading and writing, so each method is atomic on one event loop.
"""

from collections.abc import Callable

from authserver.store.memory.credentials import MemoryCredentials
from authserver.store.memory.directory import MemoryDirectory
from authserver.store.memory.grants import MemoryGrants
from authserver.store.memory.identities import MemoryIdentities
from authserver.store.memory.journal import MemoryJournal
from authserver.store.memory.one_time import MemoryCounters, MemoryOneTime
from authserver.store.memory.registry import MemoryRegistry
from authserver.store.memory.sessions import MemorySessions
from authserver.store.protocols import Stores

__all__ = [
    "MemoryCounters",
    "MemoryCredentials",
    "MemoryDirectory",
    "MemoryGrants",
    "MemoryIdentities",
    "MemoryJournal",
    "MemoryOneTime",
    "MemoryRegistry",
    "MemorySessions",
    "memory_stores",
]


def memory_stores(clock: Callable[[], float]) -> Stores:
    """All roles over fresh memory. `clock` drives the expiry of what a real Redis would expire by itself."""
    grants = MemoryGrants()
    credentials = MemoryCredentials()
    identities = MemoryIdentities()

    def forget_user(pool: str, user_id: str) -> None:
        grants.forget_user(pool, user_id)
        credentials.forget_user(pool, user_id)
        identities.forget_user(pool, user_id)

    directory = MemoryDirectory(forget_user, credentials.add, identities.add)
    grants.user_of = credentials.user_of = identities.user_of = directory.look_up
    return Stores(
        registry=MemoryRegistry(grants.forget_client),
        directory=directory,
        credentials=credentials,
        identities=identities,
        journal=MemoryJournal(),
        grants=grants,
        sessions=MemorySessions(clock),
        one_time=MemoryOneTime(clock),
        counters=MemoryCounters(),
    )
