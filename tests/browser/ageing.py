"""Time passes: what is stored is made older, as nobody can wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from authserver.adapters.redis import RedisStores, open_redis
from authserver.adapters.valkey.place import Place
from authserver.crypto.secrets import digest


def let_expire(data_dir: Path, pool: str, url: str) -> None:
    """Makes the sign-in whose page is at `url` half an hour older."""
    sign_in_id = parse_qs(urlsplit(url).query)["signin"][0]

    async def age(redis: RedisStores) -> None:
        sign_in = await redis.sessions.sign_in(pool, sign_in_id)
        assert sign_in is not None
        older = replace(sign_in, version=sign_in.version + 1, expires_at=sign_in.created_at)
        assert await redis.sessions.replace_sign_in(pool, older, 3600)

    _with_redis(data_dir, age)


def let_session_age(data_dir: Path, pool: str, cookie: str, seconds: int) -> None:
    """Makes what opened the session of this cookie so much older."""

    async def age(redis: RedisStores) -> None:
        session = await redis.sessions.session(pool, digest(cookie))
        assert session is not None
        proven = session.authentication
        proofs = tuple(replace(proof, at=proof.at - seconds) for proof in proven.proofs)
        older = replace(proven, auth_time=proven.auth_time - seconds, proofs=proofs)
        assert await redis.sessions.touch_session(pool, replace(session, authentication=older), 3600)

    _with_redis(data_dir, age)


def _with_redis(data_dir: Path, change: Callable[[RedisStores], Awaitable[None]]) -> None:
    async def run() -> None:
        redis = open_redis(f"unix://{quote(str(Place(data_dir).socket()))}")
        try:
            await change(redis)
        finally:
            await redis.close()

    with ThreadPoolExecutor(1) as thread:  # Playwright's own loop runs in this one
        thread.submit(asyncio.run, run()).result()
