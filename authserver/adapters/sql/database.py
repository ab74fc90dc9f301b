"""What a database offers the roles. `sqlite.py` and `postgres.py` implement it; one piece of role code serves both."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from authserver.adapters.sql.statement import Arguments, Step

T = TypeVar("T")

Job = Callable[[sa.Connection], T]
"""Synchronous code over one Core connection. It may run twice, so its only effect is on the database."""


class Database(Protocol):
    """One database, open.

    Every method raises `StoreUnavailable` if the database does not answer, and the refusals of `refusals.refusal` for
    what the database refuses; a refusal that a job raises itself passes through and undoes the job.
    """

    @property
    def dialect(self) -> str:
        """Which SQL it speaks, "sqlite" or "postgresql", for the few statements that differ."""
        ...

    async def fetch(self, statement: sa.Executable, arguments: Arguments) -> Sequence[Sequence[Any]]:
        """The rows of one cheap SELECT, at once: for reads by key. Columns are plain driver values.

        An argument that no database can store matches nothing: no rows.
        """
        ...

    async def read(self, job: Job[T], absent: T) -> T:
        """Run a job that reads more: many rows, or several statements that must see one snapshot.

        `absent` is the answer if an argument cannot be stored, and so matches nothing.
        """
        ...

    async def change(self, *steps: Step) -> int:
        """Run INSERT, UPDATE or DELETE statements as one durable transaction, and return how many rows the first one
        changed. If that is none the others do not run.
        """
        ...

    async def write(self, job: Job[T]) -> T:
        """Run a job as one durable transaction: all of it, or, if it raises, nothing."""
        ...

    async def close(self) -> None:
        """Finish what is queued and let go of every connection. Idempotent."""
        ...
