"""Walking in the order of usernames until a page is full.

The users of a word, a group or a state are kept in that order: each is a stream. Where several are asked, the walk leaps to
the first name that any of them can have, and goes along the one that is thinnest there, so that what two have in common
is soon found though it begins late. Without any stream it goes along all users.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.directory_filter import (
    LOOKED_AT,
    Names,
    Part,
    has_username,
    has_word,
    signed,
    unsigned,
    username,
    username_of_word,
)
from authserver.adapters.sql.statement import written_out
from authserver.adapters.sql.tables import user_words, users

STRIDES = (500, 2500, 7500, 20_000, 30_000)
"""Users gone past at a time: few at first, since most pages are found among those."""
THIN, THIN_JOINED = 1200, 300
"""Where fewer than one in so many is wanted, walking is given up: along all users, and along a stream, which costs more."""
SMALL = 1000
"""Users whose names may be put in order when they are needed."""
_FEW = 3
"""Words that begin alike, and are so few that each is a stream."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk goes on: after a name, or at it."""

    name: str = ""
    at: bool = False

    def onward(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return column >= self.name if self.at else column > self.name


Found = sa.Select[Any]
"""Users: their folded usernames, with their signatures or with `LOOKED_AT`."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Users in order. `part` is what all of them meet, if it is asked. `found` gives so many from a place on, with their
    signatures; without a part, with `LOOKED_AT`. `repeats`: it may give a user more than once.
    """

    found: Callable[[Place, int], Found]
    part: Part | None = None
    repeats: bool = False


class Walk:
    """One walk through a pool, from a place on."""

    def __init__(self, connection: sa.Connection, pool: str, parts: Sequence[Part], after: str) -> None:
        self._connection = connection
        self._pool = pool
        self._parts = parts
        self._place = Place(after)
        self._names: list[str] = []
        self._walked = 0

    def begin(self, limit: int) -> list[str] | None:
        """The page, if the first stride along all users fills it."""
        names = self._run(self.met(self.all_users, self._place, STRIDES[0]), limit)
        return names if len(names) == limit else None

    def go_on(self, limit: int) -> list[str] | None:
        """The page, or None if walking is in vain: too few of those gone past are wanted."""
        streams = [stream for part in self._parts if (stream := self._stream_of(part)) is not None]
        for stride in STRIDES[1:]:
            stream = streams[0] if streams else self.all_users
            if len(streams) > 1:
                firsts = self._at(streams, 1)
                if len(firsts) < len(streams):
                    return self._names
                self._place = Place(max(firsts.values()), at=True)
                ends = self._at(streams, stride)
                stream = max(enumerate(streams), key=lambda each: (each[0] not in ends, ends.get(each[0], "")))[1]
            if self._go(stream, stride, limit):
                return self._names
            if self._walked > (len(self._names) + 0.5) * (THIN if stream.part is None else THIN_JOINED):
                break
        return None

    def _go(self, stream: Stream, stride: int, limit: int) -> bool:
        """Go along the stream. Whether the page is full, or nobody comes after."""
        self._names += self._run(self.met(stream, self._place, stride), limit - len(self._names))
        if len(self._names) == limit:
            return True
        end = self._connection.execute(_nth(stream, self._place, stride)).scalar()
        if end is None:
            return True
        self._place = Place(end)
        self._walked += stride
        return False

    def met(self, stream: Stream, place: Place, stride: int) -> Names:
        """Of so many users of a stream, those who meet every part."""
        walked = stream.found(place, stride).subquery()
        name: sa.ColumnElement[str] = walked.c[username.name]
        others = [part for part in self._parts if part is not stream.part]
        found = sa.select(name).order_by(name)
        if stream.part is None:
            return found.where(*(part.holds(walked.c) for part in others))
        found = found.distinct() if stream.repeats else found
        if others:
            of_user = sa.and_(users.c.pool == self._pool, username == name)
            found = found.join(users, of_user).where(
                *signed(walked.c.signature, others), *(part.holds(users.c) for part in others)
            )
        return found

    @property
    def all_users(self) -> Stream:
        """Everybody in the pool."""
        everybody = sa.select(*LOOKED_AT).where(users.c.pool == self._pool).order_by(username)
        return Stream(lambda place, limit: limited(everybody.where(place.onward(username)), limit))

    def _stream_of(self, part: Part) -> Stream | None:
        if part.ordered:
            return _merged(part, [source.rows for source in part.sources])
        if part.prefix is None:
            return None
        own = sa.select(username, unsigned).where(*has_username(self._pool, part.prefix))
        of_words = sa.select(username_of_word, user_words.c.signature)
        words, has_own = self._words(part.prefix, own)
        if words is not None:
            of_pool = of_words.where(user_words.c.pool == self._pool)
            each = [of_pool.where(user_words.c.word == word) for word in words]
            return _merged(part, [own, *each] if has_own else each)
        others = of_words.where(*has_word(self._pool, part.prefix))
        some = limited(others, SMALL + 1).subquery()
        small = self._connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one() <= SMALL
        return _merged(part, [own, others]) if small else None

    def _words(self, prefix: str, own: Found) -> tuple[list[str] | None, bool]:
        """The words that begin with the prefix, if there are few: one look at the index for each. And whether there are
        usernames of its own.
        """
        word = sa.select(sa.func.min(user_words.c.word).label("word")).where(*has_word(self._pool, prefix))
        words = word.cte("words", recursive=True)
        following = word.where(user_words.c.word > words.c.word).scalar_subquery()
        words = words.union_all(sa.select(following).where(words.c.word.is_not(None)))
        some = sa.select(words.c.word, own.exists()).where(words.c.word.is_not(None))
        found: Sequence[Sequence[Any]] = self._connection.execute(limited(some, _FEW + 1)).all()
        has_own = found[0][1] if found else True
        return ([row[0] for row in found] if len(found) <= _FEW else None), bool(has_own)

    def _at(self, streams: Sequence[Stream], nth: int) -> dict[int, str]:
        """The n-th name of each stream from here on, for those streams that have so many."""
        names = (_nth(stream, self._place, nth).scalar_subquery() for stream in streams)
        found = self._connection.execute(sa.select(*names)).one()
        return {at: name for at, name in enumerate(found) if name is not None}

    def _run(self, found: Found, limit: int) -> list[str]:
        return list(self._connection.execute(limited(found, limit)).scalars())


def _merged(part: Part, sources: Sequence[Found]) -> Stream:
    def found(place: Place, limit: int) -> Found:
        each = [
            limited(source.where(place.onward(name)).order_by(name), limit)
            for source in sources
            for name in [source.selected_columns[username.name]]
        ]
        if len(each) == 1:
            return each[0]
        merged = sa.union_all(*(sa.select(source.subquery()) for source in each)).subquery()
        return limited(sa.select(merged).order_by(merged.c[username.name]), limit)

    return Stream(found, part, repeats=len(sources) > 1)


def _nth(stream: Stream, place: Place, nth: int) -> Names:
    names = stream.found(place, nth).subquery()
    name: sa.ColumnElement[str] = names.c[username.name]
    return limited(sa.select(name).order_by(name), 1).offset(written_out(nth - 1))


def limited(found: Found, limit: int) -> Found:
    """So many of them."""
    return found.limit(written_out(limit))
