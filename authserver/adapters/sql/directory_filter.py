"""A `UserFilter` as parts: each a condition, with those users who meet it as an index has them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.prefix import starts_with
from authserver.adapters.sql.tables import group_memberships, user_words, users
from authserver.adapters.sql.word_signature import ALL, mask_of
from authserver.model.users import UserFilter, fold
from authserver.store.search import search_words, words_of

Columns = sa.ColumnCollection[str, sa.ColumnElement[Any]]
"""Of `users`, or of a subquery that has `LOOKED_AT`."""
Names = sa.Select[str]
"""Folded usernames. They stand for users in a search, since pages are in their order."""

username = users.c.username_folded
username_of_word = user_words.c.username_folded
unsigned = sa.literal_column(str(ALL), sa.BigInteger()).label("signature")
"""Stands for the signature of users of whom an index has none."""

LOOKED_AT = (username, users.c.id, users.c.state, users.c.created_at, users.c.words)
"""What conditions look at, as it stands in an index by username (`ix_users_looked_at`)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Users along one index, in no order: folded usernames, with signatures. `direct`: they come from `users` itself, so
    that conditions on a user can be added.
    """

    rows: sa.Select[Any]
    direct: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is asked.

    `holds` is the condition on a user, `sources` together have those who meet it, some of them twice. `few`: whoever meets
    it is one of few by nature; it looks at more than `LOOKED_AT`, and its sources may have others too. `ordered`: the one
    source is along an index in which the username comes next. `prefix`: the beginning of a word, if that is what is asked.
    """

    holds: Callable[[Columns], sa.ColumnElement[bool]]
    sources: tuple[Source, ...]
    few: bool = False
    ordered: bool = False
    prefix: str | None = None

    @property
    def found(self) -> sa.SelectBase:
        """All its sources."""
        rows = [source.rows for source in self.sources]
        return sa.union_all(*rows) if len(rows) > 1 else rows[0]


def parts_of(pool: str, wanted: UserFilter) -> list[Part] | None:
    """What a filter asks; None if nobody can meet it."""
    words: tuple[str, ...] | None = ()
    if wanted.search is not None and wanted.search.strip():
        words = search_words(wanted.search)
    if words is None:
        return None
    return [*_of_addresses(pool, wanted), *(_of_word(pool, word) for word in words), *_of_others(pool, wanted)]


def signed(signature: sa.ColumnElement[int], parts: Sequence[Part]) -> list[sa.ColumnElement[bool]]:
    """The conditions on a signature without which nobody has the words of the parts."""
    mask = 0
    for part in parts:
        mask |= mask_of(part.prefix) if part.prefix is not None else 0
    return [signature.bitwise_and(mask) == mask] if mask else []


def has_word(pool: str, prefix: str) -> list[sa.ColumnElement[bool]]:
    """The condition on `user_words` that a word begins with the prefix."""
    return [user_words.c.pool == pool, *starts_with(user_words.c.word, prefix)]


def has_username(pool: str, prefix: str) -> list[sa.ColumnElement[bool]]:
    """The condition on `users` that the username begins with the prefix."""
    return [users.c.pool == pool, *starts_with(username, prefix)]


def _of_word(pool: str, word: str) -> Part:
    return Part(
        # A word has letters, digits, marks and symbols, and nothing that LIKE knows.
        holds=lambda user: user.words.like(f"% {word}%"),
        sources=(
            Source(sa.select(username, unsigned).where(*has_username(pool, word))),
            Source(sa.select(username_of_word, user_words.c.signature).where(*has_word(pool, word)), direct=False),
        ),
        prefix=word,
    )


def _of_addresses(pool: str, wanted: UserFilter) -> Iterator[Part]:
    if wanted.email is not None:
        email = fold(wanted.email)
        yield Part(
            holds=lambda user: user.email_folded == email,
            sources=(_of_users(pool, users.c.email_folded == email),),
            few=True,
        )
    if wanted.phone_number is not None:
        number = fold(wanted.phone_number)
        digits = max(words_of(number), key=len, default="")
        yield Part(
            holds=lambda user: user.phone_number_folded == number,
            sources=_of_word(pool, digits).sources,
            few=True,
        )


def _of_others(pool: str, wanted: UserFilter) -> Iterator[Part]:
    state, group = wanted.state, wanted.group
    if group is not None:
        is_member = (group_memberships.c.pool == pool, group_memberships.c.group_name == group)
        yield Part(
            holds=lambda user: sa.exists().where(*is_member, group_memberships.c.user_id == user.id),
            sources=(Source(sa.select(group_memberships.c.username_folded, unsigned).where(*is_member), direct=False),),
            ordered=True,
        )
    if state is not None:
        yield Part(
            holds=lambda user: user.state == state,
            sources=(_of_users(pool, users.c.state == state),),
            ordered=True,
        )
    since, until = wanted.created_since, wanted.created_until
    if since is not None or until is not None:

        def holds(user: Columns) -> sa.ColumnElement[bool]:
            limits = [user.created_at >= since] if since is not None else []
            limits += [user.created_at < until] if until is not None else []
            return sa.and_(*limits)

        yield Part(holds=holds, sources=(_of_users(pool, holds(users.c)),))


def _of_users(pool: str, condition: sa.ColumnElement[bool]) -> Source:
    return Source(sa.select(username, unsigned).where(users.c.pool == pool, condition))
