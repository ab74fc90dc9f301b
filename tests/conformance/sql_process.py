"""Another process over the same database, for tests: `python -m tests.conformance.sql_process COMMAND URL POOL NAME`.

It says "ready" when its stores are open, waits for a line, and then does what the command says. It imports no more than
it needs, because tests start several.
"""

import asyncio
import sys

from authserver.adapters.sql import SqlStores, open_sql
from authserver.model.grants import RefreshFamily

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


async def main(command: str, url: str, pool: str, name: str) -> None:
    async with await open_sql(url) as stores:
        await stores.registry.version()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await {"race": race, "write": write}[command](stores, pool, name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
