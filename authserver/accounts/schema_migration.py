"""The values of a pool's users, brought to another schema: looked at first, then changed user by user.

Every user is one transaction, and many go side by side, which the stores commit together. Broken off anywhere it can be
run again: what is done is found done.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from authserver.accounts.schema_change import Migrated, SchemaChange, migrated
from authserver.effects import Clock
from authserver.errors import NotFound
from authserver.model.users import User
from authserver.store import Directory

PAGE = 500
SIDE_BY_SIDE = 64
MOST_NAMED = 20
"""Users that are named whose values cannot be converted."""

Progress = Callable[[int], None]
"""Told how many users are behind it."""


@dataclass(slots=True)
class Survey:
    """What a change does to the users of a pool, or did. Counters are by attribute.

    `unconvertible` names the first users whose values are none of the new type, each with the attribute and why.
    """

    users: int = 0
    changed: int = 0
    renamed: Counter[str] = field(default_factory=Counter)
    converted: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    unfit: Counter[str] = field(default_factory=Counter)
    unconvertible: list[tuple[str, str, str]] = field(default_factory=list)
    unconvertible_count: int = 0

    def note(self, user: User, found: Migrated) -> None:
        """Count one user."""
        self.renamed.update(found.renamed)
        self.converted.update(found.converted)
        self.filled.update(found.filled)
        self.removed.update(found.removed)
        self.unfit.update(found.unfit)
        self.unconvertible_count += len(found.unconvertible)
        for one in found.unconvertible:
            if len(self.unconvertible) < MOST_NAMED:
                self.unconvertible.append((user.username, one.attribute, one.reason))

    def sentences(self, change: SchemaChange, *, drop: bool) -> list[str]:
        """What an operator is told, before it happens."""
        said = [f"{change.renamed[was]}: {_values(n)} will move there from {was}" for was, n in self.renamed.items()]
        said += [
            f"{name}: {_values(n)} will be converted to {change.converted[name].type}"
            for name, n in self.converted.items()
        ]
        said += [f"{name}: {_users(n)} will be given the value of `backfill`" for name, n in self.filled.items()]
        said += [f"{name}: {_values(n)} will be deleted" for name, n in self.removed.items()]
        said += [
            f"{name}: {_values(n)} will not fit its new bounds; they stay until they are changed"
            for name, n in self.unfit.items()
        ]
        if drop and self.unconvertible_count:
            said.append(f"{_values(self.unconvertible_count)} cannot be converted and will be deleted")
        return said


async def survey(
    directory: Directory, pool: str, change: SchemaChange, *, drop: bool = False, progress: Progress = lambda _: None
) -> Survey:
    """What the change would do. Raises StoreUnavailable."""
    found = Survey()
    async for page in _pages(directory, pool):
        for user in page:
            outcome = migrated(change, user.attributes, drop=drop)
            found.note(user, outcome)
            found.changed += outcome.attributes != user.attributes
        found.users += len(page)
        progress(found.users)
        await asyncio.sleep(0)  # for whoever wants to break it off
    return found


async def migrate(
    directory: Directory,
    pool: str,
    change: SchemaChange,
    clock: Clock,
    *,
    drop: bool = False,
    progress: Progress = lambda _: None,
) -> Survey:
    """Make the change. A value that cannot be converted stays as it is, unless it is to be dropped.

    Raises StoreUnavailable: what was changed stays changed, and running it again does the rest.
    """
    done = Survey()

    async def one(user: User) -> None:
        now = int(clock())

        def changed(stored: User) -> User:
            values = migrated(change, stored.attributes, drop=drop).attributes
            return stored if values == stored.attributes else replace(stored, attributes=values, updated_at=now)

        try:
            await directory.change_user(pool, user.id, changed)
        except NotFound:
            return  # deleted meanwhile
        done.changed += 1

    async for page in _pages(directory, pool):
        concerned: list[User] = []
        for user in page:
            outcome = migrated(change, user.attributes, drop=drop)
            done.note(user, outcome)
            if outcome.attributes != user.attributes:
                concerned.append(user)
        for at in range(0, len(concerned), SIDE_BY_SIDE):
            piece = (one(user) for user in concerned[at : at + SIDE_BY_SIDE])
            for result in await asyncio.gather(*piece, return_exceptions=True):  # all of them, whatever becomes of one
                if isinstance(result, BaseException):
                    raise result
        done.users += len(page)
        progress(done.users)
    return done


async def _pages(directory: Directory, pool: str) -> AsyncIterator[list[User]]:
    after: str | None = None
    while page := await directory.users(pool, limit=PAGE, after=after):
        yield page
        after = page[-1].username


def _users(count: int) -> str:
    return f"{count:,} user{'' if count == 1 else 's'}"


def _values(count: int) -> str:
    return f"{count:,} value{'' if count == 1 else 's'}"
