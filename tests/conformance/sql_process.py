"""Another process over the same database, for tests: `python -m tests.conformance.sql_process COMMAND URL POOL NAME`.

It says "ready" when its stores are open, waits for a line, and then does what the command says. It imports no more than
it needs, because tests start several.
"""

import asyncio
import hashlib
import itertools
import sys
from dataclasses import replace

from authserver.adapters.sql import SqlStores, open_sql
from authserver.model.grants import RefreshFamily
from authserver.model.journal import AuditEntry

AT_ONCE = 25
NOW = 1_800_000_000


async def race(stores: SqlStores, pool: str, name: str) -> None:
    """Rotate the family `family-1` of `grant-1` many times at once, then redeem a code as often; print how many won."""
    rotated = await asyncio.gather(
        *(
            stores.grants.rotate(pool, "family-1", presented="head-0", successor=f"{name}-{n}", now=NOW)
            for n in range(AT_ONCE)
        )
    )
    families = [
        RefreshFamily(f"of-{name}-{n}", pool, "grant-1", "head", None, 0, NOW, NOW, NOW) for n in range(AT_ONCE)
    ]
    redeemed = await asyncio.gather(*(stores.grants.redeem_code(pool, "code", NOW, family) for family in families))
    print(rotated.count(True), redeemed.count(True), flush=True)


async def write(stores: SqlStores, pool: str, name: str) -> None:
    """Write until killed, several at once; print what has been acknowledged."""

    async def one_after_another(lane: int) -> None:
        number = 0
        while True:
            jti = f"{name}.{lane}.{number}"
            await stores.grants.revoke_token(pool, jti, NOW, NOW)
            print(jti, flush=True)
            number += 1

    await asyncio.gather(*(one_after_another(lane) for lane in range(4)))


def chained(entry: AuditEntry, seq: int, previous: str) -> AuditEntry:
    """The entry with its place in the chain. The hash is a plain one: what the real one covers is not the store's."""
    digest = hashlib.sha256(f"{previous} {seq} {entry.at} {entry.kind} {entry.actor}".encode()).hexdigest()
    return replace(entry, seq=seq, previous=previous, hash=digest)


async def append(stores: SqlStores, pool: str, name: str) -> None:
    """Append entries from several tasks at once, one or three at a time; print how many."""

    async def one_after_another(lane: int) -> int:
        count = 0
        for number in range(AT_ONCE):
            entries = [
                AuditEntry(pool, 0, NOW, "test.appended", "info", f"{name}.{lane}.{number}.{part}")
                for part in range(1 + 2 * (number % 2))
            ]
            await stores.journal.append(pool, entries, chained)
            count += len(entries)
        return count

    print(sum(await asyncio.gather(*(one_after_another(lane) for lane in range(4)))), flush=True)


async def append_for_ever(stores: SqlStores, pool: str, name: str) -> None:
    """Append pairs until killed, several tasks at once; print what has been acknowledged."""

    async def one_after_another(lane: int) -> None:
        for number in itertools.count():
            actors = [f"{name}.{lane}.{number}.{part}" for part in range(2)]
            entries = [AuditEntry(pool, 0, NOW, "test.appended", "info", actor) for actor in actors]
            await stores.journal.append(pool, entries, chained)
            print(*actors, flush=True)

    await asyncio.gather(*(one_after_another(lane) for lane in range(3)))


async def lease(stores: SqlStores, pool: str, name: str) -> None:
    """Lease from several tasks at once until nothing is left; print the ids."""

    async def one_after_another() -> list[str]:
        taken = []
        while parcels := await stores.journal.lease(NOW, hold=60, limit=3):
            taken += [parcel.id for parcel in parcels]
        return taken

    print(*itertools.chain.from_iterable(await asyncio.gather(*(one_after_another() for _ in range(3)))), flush=True)


_COMMANDS = {
    "race": race,
    "write": write,
    "append": append,
    "append_for_ever": append_for_ever,
    "lease": lease,
}


async def main(command: str, url: str, pool: str, name: str) -> None:
    async with await open_sql(url) as stores:
        await stores.registry.version()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await _COMMANDS[command](stores, pool, name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
