"""Which users are wanted: pages and counts of a `UserFilter`, fast whatever is asked (decisions.md 8).

No one plan serves a word that three people have, one that a third of them have, and both at once, and a database that
has to guess guesses wrong. So a search first looks at how many users each of its parts finds, counting along an index
up to a bound and no further. Then:

- if one part is rare, its users are looked at;
- else each is common, and a page is soon found by walking in the order of usernames (`directory_walk`), unless
- each is common and all together are rare: then the users of the least common part are looked at, all of them, but those
  whose signatures tell that it is in vain.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from authserver.adapters.sql.directory_filter import Names, Part, parts_of, signed, username
from authserver.adapters.sql.directory_rows import GROUPED_USER, WITH_GROUPS, users_of
from authserver.adapters.sql.directory_walk import Place, Walk, limited
from authserver.adapters.sql.documents import from_json
from authserver.adapters.sql.tables import users
from authserver.model.users import User, UserFilter, fold

RARE = 2500
"""Users that may be looked at one by one."""
_COMMON = (8, 64)
"""How many times `RARE` parts are counted up to, to find the least common one, where the database keeps no statistics."""
_SAMPLE, _DENSE = 2500, 50
"""Where of the first `_SAMPLE` users more than one in `_DENSE` is wanted, users are looked at to count those wanted."""

# Each statement here begins with few rows and looks the rest up, mostly in an index that has all it needs. PostgreSQL,
# which cannot know that they are few, would rather read all of a table; and it would compile, or share out to other
# processes, what runs for a few milliseconds.
_TUNING = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "random_page_cost": "1.1",
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
_TUNE = sa.select(*(sa.func.set_config(name, value, sa.true()) for name, value in _TUNING.items()))


def page_of(connection: sa.Connection, pool: str, wanted: UserFilter, limit: int, after: str | None) -> list[User]:
    """A page of users by folded username."""
    parts = parts_of(pool, wanted)
    if parts is None or limit < 1:
        return []
    names = _Search(connection, pool, parts).page(limit, fold(after) if after is not None else "")
    if not names:
        return []
    page = sa.select(*GROUPED_USER).select_from(WITH_GROUPS).where(users.c.pool == pool, username.in_(names))
    return users_of(connection.execute(page.order_by(username, users.c.id)))


def count_of(connection: sa.Connection, pool: str, wanted: UserFilter, at_most: int) -> int:
    """How many users are wanted, at most that many."""
    parts = parts_of(pool, wanted)
    return _Search(connection, pool, parts).count(at_most) if parts is not None else 0


class _Search:
    def __init__(self, connection: sa.Connection, pool: str, parts: Sequence[Part]) -> None:
        self._connection = connection
        self._pool = pool
        self._parts = parts
        self._is_postgres = connection.dialect.name == "postgresql"
        if self._is_postgres:
            connection.execute(_TUNE)  # until the end of the transaction

    def page(self, limit: int, after: str) -> list[str]:
        """The folded usernames after that one, in order."""
        walk = Walk(self._connection, self._pool, self._parts, after)
        if not self._parts:
            return self._run(walk.met(walk.all_users, Place(after), limit), limit)
        few = self._few()
        if few is None:
            page = walk.begin(limit)
            if page is not None:
                return page
        part = few or self._least(RARE)
        if part is None:
            page = walk.go_on(limit)
            if page is not None:
                return page
        return self._run(self._among(part or self._least_common(), after), limit)

    def count(self, at_most: int) -> int:
        part = self._few() or self._least(RARE)
        if part is None and len(self._parts) == 1:
            return self._count_different(self._parts[0], at_most)
        if part is None:
            walk = Walk(self._connection, self._pool, self._parts, "")
            sample = self._count(walk.met(walk.all_users, Place(), _SAMPLE), _SAMPLE)
            if not self._parts or sample > _SAMPLE / _DENSE:
                return self._count(sa.select(username).where(*self._met()).order_by(username), at_most)
        return self._count(self._among(part or self._least_common(), ""), at_most)

    def _few(self) -> Part | None:
        """A part that few meet by nature."""
        return next((part for part in self._parts if part.few), None)

    def _least(self, at_most: int) -> Part | None:
        """The part that finds fewest users, if those are no more than so many."""
        if not self._parts:
            return None
        counts = (_counting(part.found, at_most + 1).scalar_subquery() for part in self._parts)
        sizes = list(self._connection.execute(sa.select(*counts)).one())
        return self._parts[sizes.index(min(sizes))] if min(sizes) <= at_most else None

    def _least_common(self) -> Part:
        """Of parts that are all common, the one that finds fewest users, more or less."""
        if self._is_postgres:
            return min(self._parts, key=lambda part: self._expected(part.found))
        return next((part for times in _COMMON if (part := self._least(times * RARE)) is not None), self._parts[0])

    def _expected(self, found: sa.SelectBase) -> int:
        """How many rows PostgreSQL's statistics promise: good enough for what is common."""
        compiled: Any = found.compile(dialect=self._connection.dialect)
        values = tuple(compiled.params[name] for name in compiled.positiontup)
        plan = self._connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", values).scalar_one()
        return int((from_json(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"])

    def _among(self, part: Part, after: str) -> Names:
        """Those of a part who meet the others."""
        others = [other for other in self._parts if other is not part or part.few]
        conditions = [other.holds(users.c) for other in others]
        # Spelt so that no database takes it for a reason to go along the usernames instead of along the part's index.
        onward = [username.concat("") > after] if after else []
        found = []
        for source in part.sources:
            if source.direct:
                found.append(source.rows.with_only_columns(username).where(*onward, *conditions))
                continue
            rows = source.rows.subquery()
            name: sa.ColumnElement[str] = rows.c[username.name]
            of_part = sa.select(name).where(name > after)
            if others:
                of_user = sa.and_(users.c.pool == self._pool, username == name)
                of_part = of_part.join(users, of_user).where(*signed(rows.c.signature, others), *conditions)
            found.append(of_part)
        names = sa.union(*found).subquery() if len(found) > 1 else found[0].distinct().subquery()
        return sa.select(names.c[username.name]).order_by(names.c[username.name])

    def _met(self) -> list[sa.ColumnElement[bool]]:
        return [users.c.pool == self._pool, *(part.holds(users.c) for part in self._parts)]

    def _run(self, names: Names, limit: int) -> list[str]:
        return list(self._connection.execute(limited(names, limit)).scalars())

    def _count(self, names: sa.SelectBase, at_most: int) -> int:
        return self._connection.execute(_counting(names, at_most)).scalar_one()

    def _count_different(self, part: Part, at_most: int) -> int:
        """How many different users are found, reading on until there are enough: most are there once."""
        limit = 2 * at_most
        while True:
            some = limited(sa.select(part.found.subquery()), limit).subquery()
            counts = sa.select(sa.func.count(), sa.func.count(sa.distinct(some.c[username.name])))
            rows, different = self._connection.execute(counts.select_from(some)).one()
            if rows < limit or different >= at_most:
                return min(different, at_most)
            limit *= 4


def _counting(found: sa.SelectBase, at_most: int) -> sa.Select[int]:
    some = limited(sa.select(found.subquery()), at_most).subquery()
    return sa.select(sa.func.count()).select_from(some)
