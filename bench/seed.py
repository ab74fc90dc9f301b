"""Puts codes or sessions into the stores of a server, through the same capabilities that its pages use.

    seed.py SETTINGS apply                  the pool file alone
    seed.py SETTINGS codes CLIENT COUNT     codes, printed as the forms that redeem them, one a line
    seed.py SETTINGS sessions COUNT         sessions, each of another user, that one client has used

The server may be running: the stores are joined, as commands join them.
"""

import argparse
import asyncio
import hashlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import scene

from authserver.app import new_frame
from authserver.cli.serve import apply_pool_files
from authserver.crypto.secrets import b64url
from authserver.effects import SystemRandom, system_clock
from authserver.logs import configure
from authserver.model.pools import ACR_LEVELS, Pool
from authserver.model.sessions import Authentication, AuthorizationRequest, Proof, SignIn
from authserver.opening import Opened, open_stores
from authserver.services import Services
from authserver.serving import run
from authserver.settings import load_settings
from authserver.signin.keeping import LIFETIME
from authserver.signin.situations import Situation
from authserver.signin.step_types import (
    Finish,
)
from authserver.wiring import wire

BATCH = 256
"""Things made at a time: as many share one commit of SQLite's writer."""


async def seed(arguments: argparse.Namespace) -> None:
    settings = load_settings(arguments.settings)
    configure("json", "warning")
    async with open_stores(settings, system_clock, SystemRandom()) as opened:
        await apply_pool_files(settings, opened)
        if arguments.what == "apply":
            return
        services = wire(opened, new_frame()).services
        pool = await opened.registry.pool(scene.POOL)
        assert pool is not None
        if arguments.what == "sessions":
            await _sessions(services, pool, arguments.count)
        else:
            await _codes(opened, services, pool, arguments.client, arguments.count)


async def _codes(opened: Opened, services: Services, pool: Pool, client_id: str, count: int) -> None:
    client = await opened.registry.client(pool.id, client_id)
    user = await opened.stores.directory.find_user(pool.id, scene.ADA, pool.sign_in_with)
    assert client is not None
    assert user is not None
    now = int(opened.clock())
    authentication = _by_password(user.id, now)
    session, _ = await services.sessions.open(pool, authentication, None)
    session = replace(session, clients=(client_id,))  # each code would read the session to note the client in it
    request = AuthorizationRequest(
        client_id=client_id,
        redirect_uri=scene.REDIRECT,
        redirect_uri_sent=True,
        scope=tuple(scene.WEB_SCOPE.split()),
        query="",
        nonce=scene.NONCE,
        code_challenge=b64url(hashlib.sha256(scene.VERIFIER.encode()).digest()),
    )
    issuer = opened.issuers.url(pool.id)

    async def form() -> str:
        sign_in = SignIn(
            id=opened.random.token(16),
            pool=pool.id,
            browser="",
            request=request,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        situation = Situation(sign_in, client, session, user, Finish(authentication))
        answer = await services.sign_ins.conclude(pool, issuer, situation, kept=False)
        return scene.code_form(parse_qs(urlsplit(answer).query)["code"][0])

    await _many(form, count, lambda forms: sys.stdout.write("\n".join(forms) + "\n"))


async def _sessions(services: Services, pool: Pool, count: int) -> None:
    async def session() -> str:
        authentication = _by_password(services.random.uuid(), int(services.clock()))
        opened, secret = await services.sessions.open(pool, authentication, None)
        await services.sessions.note_client(pool, opened, scene.web_client("ES256"))
        return secret

    await _many(session, count, lambda _secrets: None)


def _by_password(user_id: str, at: int) -> Authentication:
    return Authentication(user_id, at, ("pwd",), ACR_LEVELS[0], (Proof("password", at),))


async def _many(make: Callable[[], Awaitable[str]], count: int, take: Callable[[list[str]], object]) -> None:
    for done in range(0, count, BATCH):
        take(await asyncio.gather(*(make() for _ in range(min(BATCH, count - done)))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path)
    tasks = parser.add_subparsers(dest="what", required=True)
    tasks.add_parser("apply")
    codes = tasks.add_parser("codes")
    codes.add_argument("client")
    codes.add_argument("count", type=int)
    tasks.add_parser("sessions").add_argument("count", type=int)
    run(seed(parser.parse_args()))


if __name__ == "__main__":
    main()
