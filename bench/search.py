"""How long searches for users take in a large pool.

    search.py [--users 1000000] [--times 40] [--database postgresql|sqlite] [--only TEXT]

Makes a database of its own (a private PostgreSQL, or a file in a temporary folder), fills it with people whose names and
addresses are as unevenly spread as names are, prints how long each of a set of searches takes through the Directory
role, and removes everything. Needs no other part of the server. Run it while nothing else runs.
"""

import argparse
import asyncio
import bisect
import contextlib
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))

from authserver.adapters.sql import SqlStores, migrate, open_sql
from authserver.adapters.sql.directory_rows import user_values, word_values
from authserver.adapters.sql.tables import group_memberships, user_words, users
from authserver.model.pools import Pool
from authserver.model.users import User, UserFilter
from tests import postgres

POOL = "bench_Pool1"
NOW = 1_800_000_000
YEAR = 365 * 86400
BATCH = 20_000
SHARED_BUFFERS = "128MB"  # PostgreSQL's own default: what nobody has tuned

_ONSETS = ["b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "br", "ch", "kr"]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ou"]
_ENDS = ["", "n", "r", "s", "l", "t", "m"]


class Uneven:
    """Draws from things of which the n-th comes 1/n as often as the first."""

    def __init__(self, things: Sequence[str]) -> None:
        self._things = things
        self._sums = list(itertools.accumulate(1 / n for n in range(1, len(things) + 1)))

    def draw(self, chance: random.Random) -> str:
        return self._things[bisect.bisect(self._sums, chance.random() * self._sums[-1])]


def _names(chance: random.Random, count: int, syllables: int) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        names[
            "".join(chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in range(syllables)) + chance.choice(_ENDS)
        ] = None
    return list(names)


def people(count: int) -> Iterator[User]:
    """The same people each time. Three in ten have an address at `bigmail.example`; one in a thousand is disabled."""
    chance = random.Random(7)
    given, family = Uneven(_names(chance, 2_000, 2)), Uneven(_names(chance, 40_000, 3))
    domains = Uneven([f"{name}.example" for name in _names(chance, 5_000, 3)])
    for n in range(count):
        first, last = given.draw(chance), family.draw(chance)
        host = "bigmail.example" if chance.random() < 0.3 else domains.draw(chance)
        style = chance.random()
        name = f"{first}.{last}.{n}" if style < 0.6 else f"user{n:07}" if style < 0.9 else f"{last}{n}"
        yield User(
            id=f"{chance.getrandbits(32):08x}-0000-4000-8000-{n:012x}",
            pool=POOL,
            username=name,
            email=f"{first}.{last}{n % 1000}.{n}@{host}",
            email_verified=chance.random() < 0.9,
            phone_number=f"+4915{n:09}" if chance.random() < 0.5 else None,
            attributes={"given_name": first.title(), "family_name": last.title(), "locale": "de"},
            groups=("all",) * (chance.random() < 0.3)
            + ("staff",) * (chance.random() < 0.01)
            + ("admins",) * (n % 50_000 == 0),
            state="disabled" if chance.random() < 0.001 else "unconfirmed" if chance.random() < 0.05 else "confirmed",
            created_at=NOW - YEAR + n * YEAR // count,
        )


def _columns(user: User) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
    row = user_values(POOL, user)
    yield users, [row]
    yield user_words, word_values(POOL, str(row["username_folded"]), str(row["words"]))
    member = {"pool": POOL, "user_id": user.id, "username_folded": row["username_folded"]}
    yield group_memberships, [{**member, "group_name": group} for group in user.groups]


def batches(count: int) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """Rows by table, some ten thousand users at a time."""
    rows: dict[str, list[tuple[Any, ...]]] = {"users": [], "user_words": [], "group_memberships": []}
    for n, user in enumerate(people(count), 1):
        for table, values in _columns(user):
            names = table.c.keys()
            rows[table.name] += [tuple(value.get(name) for name in names) for value in values]
        if n % BATCH == 0 or n == count:
            yield rows
            print(f"\r{n:,} users", end="", file=sys.stderr)
            rows = {name: [] for name in rows}
    print(file=sys.stderr)


_TABLES: dict[str, sa.Table] = {table.name: table for table in (users, user_words, group_memberships)}


@contextlib.asynccontextmanager
async def on_postgres(count: int) -> AsyncIterator[str]:
    """The URL of a filled database on a server of our own."""
    import asyncpg

    with postgres.private_server() as server:
        server.execute(f"ALTER SYSTEM SET shared_buffers = '{SHARED_BUFFERS}'")
        server.stop()
        server.start()
        url = server.create_database()
        await migrate(url)
        async with await open_sql(url) as stores:
            await stores.registry.put_pool(Pool(POOL, "Bench"))
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        for rows in batches(count):
            for name, records in rows.items():
                await connection.copy_records_to_table(name, records=records, columns=list(_TABLES[name].c.keys()))
        await connection.execute("VACUUM (ANALYZE)", timeout=600)  # as autovacuum does in time
        sizes = await connection.fetch(
            "SELECT relname, pg_size_pretty(pg_table_size(oid)) AS rows, pg_size_pretty(pg_indexes_size(oid)) AS indexes"
            " FROM pg_class WHERE relname IN ('users', 'user_words')"
        )
        for size in sizes:
            print(f"{size['relname']}: {size['rows']} of rows, {size['indexes']} of indexes")
        await connection.close()
        yield url


def _size(connection: sa.Connection) -> tuple[int, int]:
    return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size"))  # type: ignore[return-value]  # two


@contextlib.asynccontextmanager
async def on_sqlite(count: int) -> AsyncIterator[str]:
    """The URL of a filled file in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        await migrate(url)
        async with await open_sql(url) as stores:
            await stores.registry.put_pool(Pool(POOL, "Bench"))
            for rows in batches(count):

                def add(connection: sa.Connection, rows: dict[str, list[tuple[Any, ...]]] = rows) -> None:
                    for name, records in rows.items():
                        marks = ", ".join("?" * len(_TABLES[name].c))
                        if records:
                            connection.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks})", records)  # noqa: S608 - our own names

                await stores.database.write(add)
            pages, size = await stores.database.read(_size, (0, 0))
            print(f"{pages * size / 1e6:.0f} MB")
        yield url


@dataclass(frozen=True)
class Case:
    what: str
    wanted: UserFilter
    after: str | None = None
    count: bool = False


def cases(count: int) -> list[Case]:
    """Searches that are easy, and those that one plan alone would be slow for."""
    sample = list(itertools.islice(people(count), 200))
    common_given = _names(random.Random(7), 1, 2)[0]
    rare = sample[100]
    family = str(rare.attributes["family_name"]).lower()
    email, phone = rare.email or "", next(user.phone_number for user in sample if user.phone_number)
    search = UserFilter
    return [
        Case("everybody, first page", search()),
        Case("everybody, a late page", search(), after="user0900000"),
        Case("a word of one user", search(search=f"{family} {rare.username.rpartition('.')[2]}")),
        Case("a rare family name", search(search=family)),
        Case("a word of 300,000", search(search="bigmail")),
        Case("a word of 300,000, a late page", search(search="bigmail"), after="user0900000"),
        Case("a word of everybody", search(search="example")),
        Case("a beginning with 300,000 words of 300,000 users", search(search="user")),
        Case("one letter", search(search="s")),
        Case("one letter, a late page", search(search="s"), after="user0900000"),
        Case("two letters", search(search="ka")),
        Case("a common given name", search(search=common_given)),
        Case("300,000 and a rare one", search(search=f"bigmail {family}")),
        Case("everybody and a rare one", search(search=f"example {family}")),
        Case("300,000 and a common one", search(search=f"bigmail {common_given}")),
        Case("300,000 and one letter", search(search="bigmail s")),
        Case("two beginnings", search(search="sta kr")),
        Case(
            "two common given names (few have both)",
            search(search=f"{common_given} {_names(random.Random(7), 2, 2)[1]}"),
        ),
        Case("300,000 and 300,000", search(search="bigmail user")),
        Case("three common ones", search(search=f"bigmail {common_given} user")),
        Case("an email address", search(email=email)),
        Case("the same as a search", search(search=email)),
        Case("a phone number", search(phone_number=phone)),
        Case("the beginning of a phone number", search(search="+49 15 0001")),
        Case("disabled (1,000)", search(state="disabled")),
        Case("unconfirmed (50,000)", search(state="unconfirmed")),
        Case("confirmed", search(state="confirmed")),
        Case("disabled and 300,000", search(search="bigmail", state="disabled")),
        Case("unconfirmed and a common one", search(search=common_given, state="unconfirmed")),
        Case("group of 20", search(group="admins")),
        Case("group of 10,000", search(group="staff")),
        Case("group of 300,000", search(group="all")),
        Case("group of 10,000 and unconfirmed", search(group="staff", state="unconfirmed")),
        Case("group of 10,000 and 300,000", search(group="staff", search="bigmail")),
        Case("created in the last day", search(created_since=NOW - 86400)),
        Case("created in the last month", search(created_since=NOW - 30 * 86400)),
        Case("created last month and 300,000", search(created_since=NOW - 30 * 86400, search="bigmail")),
        Case("nobody", search(search="zzzz")),
        Case("count: everybody", search(), count=True),
        Case("count: a word of 300,000", search(search="bigmail"), count=True),
        Case("count: a beginning of 300,000", search(search="user"), count=True),
        Case("count: 300,000 and a rare one", search(search=f"bigmail {family}"), count=True),
        Case("count: 300,000 and a common one", search(search=f"bigmail {common_given}"), count=True),
        Case(
            "count: two common given names",
            search(search=f"{common_given} {_names(random.Random(7), 2, 2)[1]}"),
            count=True,
        ),
        Case("count: unconfirmed", search(state="unconfirmed"), count=True),
        Case("count: group of 10,000", search(group="staff"), count=True),
    ]


class Busy:
    """How long this process and the database's have been at work: what a search costs, however busy the machine is."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes

    @classmethod
    async def of(cls, stores: SqlStores) -> "Busy":
        await asyncio.gather(*(stores.directory.users(POOL, limit=1) for _ in range(4)))  # opens every connection
        if stores.database.dialect == "sqlite":
            return cls([])
        pids = sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return cls([row[0] for row in await stores.database.fetch(pids, {})])

    def seconds(self) -> float:
        waited_on = 0
        for pid in self._processes:
            with contextlib.suppress(OSError):
                waited_on += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        return time.process_time() + waited_on / 1e9


async def measure(stores: SqlStores, busy: Busy, case: Case, times: int) -> tuple[int, list[float], float]:
    """How many were found, the milliseconds of each run after a first one, and those spent at work in the mean."""
    took, found, worked = [], 0, 0.0
    for n in range(times + 1):
        worked = busy.seconds() if n == 1 else worked
        began = time.perf_counter()
        if case.count:
            found = await stores.directory.count_users(POOL, case.wanted)
        else:
            found = len(await stores.directory.users(POOL, case.wanted, after=case.after))
        if n:
            took.append(1000 * (time.perf_counter() - began))
    return found, sorted(took), 1000 * (busy.seconds() - worked) / times


async def creating(stores: SqlStores, times: int) -> list[float]:
    took = []
    for n in range(times):
        user = User(f"new-{n}", POOL, f"new.person.{n}", f"new.person{n}@bigmail.example", created_at=NOW)
        began = time.perf_counter()
        await stores.directory.create_user(POOL, user)
        took.append(1000 * (time.perf_counter() - began))
    return sorted(took)


async def removing(stores: SqlStores, times: int) -> None:
    for n in range(times):
        await stores.directory.delete_user(POOL, f"new-{n}")


async def main(arguments: argparse.Namespace) -> None:
    filled = on_postgres if arguments.database == "postgresql" else on_sqlite
    database = contextlib.nullcontext(arguments.url) if arguments.url else filled(arguments.users)
    async with database as url, await open_sql(url) as stores:
        print(f"{arguments.database}, {arguments.users:,} users\n")
        print(f"{'':48}{'found':>7}{'p50 ms':>9}{'p95 ms':>9}{'cpu ms':>9}")
        busy = await Busy.of(stores)
        for case in cases(arguments.users):
            if arguments.only and arguments.only not in case.what:
                continue
            found, took, cpu = await measure(stores, busy, case, arguments.times)
            p50, p95 = statistics.median(took), took[int(0.95 * len(took))]
            print(f"{case.what:48}{found:7}{p50:9.1f}{p95:9.1f}{cpu:9.1f}", flush=True)
        took = await creating(stores, 200)
        await removing(stores, 200)
        print(f"{'create a user':48}{'':7}{statistics.median(took):9.1f}{took[int(0.95 * len(took))]:9.1f}")
        if arguments.hold:
            print(url)
            await asyncio.to_thread(input)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--only", metavar="TEXT", help="searches whose name holds this")
    parser.add_argument("--url", help="of a database that such a run holds, instead of making one")
    parser.add_argument("--hold", action="store_true", help="wait for Enter before cleaning up")
    asyncio.run(main(parser.parse_args()))
