"""Another process over the same database, for tests: `python -m tests.conformance.sql_process COMMAND URL ...`.

It says "ready" when its stores are open, waits for a line, and then does what the command says.
"""

import asyncio
import sys

from authserver.adapters.sql import SqlStores, open_sql
from authserver.model.grants import Revocation
from tests.conformance.sql_stores import NOW, POOL, family


async def rotate(stores: SqlStores, mine: str) -> None:
    """Rotate one family many times at once; print how many won."""
    won = await asyncio.gather(
        *(
            stores.grants.rotate(POOL, "family-1", presented="head-0", successor=f"{mine}-{n}", now=NOW)
            for n in range(25)
        )
    )
    print(won.count(True), flush=True)


async def redeem(stores: SqlStores, mine: str) -> None:
    """Redeem one code many times at once; print how many won."""
    won = await asyncio.gather(
        *(
            stores.grants.redeem_code(POOL, "code", NOW, family(POOL, "grant-1", f"family-{mine}-{n}"))
            for n in range(25)
        )
    )
    print(won.count(True), flush=True)


async def revoke(stores: SqlStores, mine: str) -> None:
    """Write until killed, many at once; print what has been acknowledged."""

    async def one_after_another(lane: int) -> None:
        number = 0
        while True:
            entry = Revocation(POOL, "token", f"{mine}.{lane}.{number}", NOW, NOW)
            await stores.grants.revoke_token(POOL, entry.id, NOW, NOW)
            print(entry.id, flush=True)
            number += 1

    await asyncio.gather(*(one_after_another(lane) for lane in range(4)))


async def main(command: str, url: str, mine: str) -> None:
    async with await open_sql(url) as stores:
        await stores.grants.revocations(NOW)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await {"rotate": rotate, "redeem": redeem, "revoke": revoke}[command](stores, mine)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
