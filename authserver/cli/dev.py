"""`poolgate dev`: the server with a demo pool, a demo client application, a demo API and a mailbox, on loopback only."""

import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from authserver.app import build, new_frame
from authserver.cli._context import LOOPBACK
from authserver.cli.demo_pool import demo_pool_file
from authserver.cli.serve import apply_pool_files
from authserver.effects import SystemRandom, system_clock
from authserver.errors import Invalid
from authserver.gate import Lifecycle
from authserver.logs import configure
from authserver.opening import open_stores
from authserver.poolfile import PoolFile, load_pool_file
from authserver.serving import listen, run, serving, settle, until_stopped
from authserver.settings import HostPort, Settings, load_settings
from authserver.wiring import wire

API = "https://orders.example"
WEB_CLIENT = "demo-web"
SPA_CLIENT = "demo-spa"


def dev(data_dir: Path | None, port: int) -> None:
    """Start the demo. Raises Refusal; a taken port is named.

    No settings file and no environment: the demo's published passwords must not end up in somebody's database.
    """
    settings = load_settings(
        environ={},
        default_config=False,
        defaults={"data_dir": "var", "log.format": "pretty", "metrics": "off"},
        overrides={"base_url": f"http://localhost:{port}"} | ({"data_dir": str(data_dir)} if data_dir else {}),
    )
    settings = replace(
        settings,
        listen=HostPort("127.0.0.1", port),
        workers=1,
        pool_files=(demo_pool_file(),),
        outbound_allow=LOOPBACK,
    )
    configure(settings.log_format, settings.log_level)
    run(_dev(settings, load_pool_file(demo_pool_file()), port))


async def _dev(settings: Settings, demo: PoolFile, port: int) -> None:
    from authserver.demo.api import demo_api
    from authserver.demo.mailbox import Mailbox, mailbox_routes
    from authserver.demo.web import demo_web

    issuer = f"{settings.base_url}/{demo.pool.id}"
    web_url, api_url = f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port + 2}"
    users = {seed.username: ("in " + ", ".join(seed.groups)) if seed.groups else "in no group" for seed in demo.users}
    password = next((seed.password.value for seed in demo.users if seed.password is not None), "")
    secret = next((c.secret.value for c in demo.clients if c.client.client_id == WEB_CLIENT and c.secret), None)
    if secret is None:
        raise Invalid(f"The demo pool file has no client {WEB_CLIENT} with a secret.")
    # All three ports are taken before anything starts, so that a taken one is refused at once and by its name.
    sockets = [
        listen("127.0.0.1", port + offset, name) for offset, name in enumerate(("server", "demo app", "demo API"))
    ]
    lifecycle = Lifecycle()
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_stores(settings, system_clock, SystemRandom(), serving=True))
        await apply_pool_files(settings, opened)
        mailbox = Mailbox()
        wired = wire(opened, new_frame(), transports={"email": mailbox, "sms": mailbox})
        await stack.enter_async_context(wired.running())
        server = build(wired, lifecycle, routes=mailbox_routes(mailbox))
        await stack.enter_async_context(serving(server, sockets[0]))
        web = demo_web(
            issuer,
            WEB_CLIENT,
            secret,
            api_url,
            web_url,
            spa_client_id=SPA_CLIENT,
            users=users,
            password=password,
        )
        await stack.enter_async_context(serving(web, sockets[1], lifespan=True))
        await stack.enter_async_context(
            serving(demo_api(issuer, API, own_url=api_url, web_url=web_url), sockets[2], lifespan=True)
        )
        settle()
        _print_table(settings, issuer, web_url, api_url, users, password)
        await until_stopped(lifecycle, notice=0)


def _print_table(
    settings: Settings, issuer: str, web_url: str, api_url: str, users: dict[str, str], password: str
) -> None:
    rows = [
        ("Demo app", web_url, "log in here"),
        ("Single-page app", f"{web_url}/spa", ""),
        ("Demo API", api_url, API),
        ("Issuer", issuer, ""),
        ("Discovery", f"{issuer}/.well-known/openid-configuration", ""),
        ("Mailbox", f"{settings.base_url}/dev/mailbox", ""),
        *(("User", name, f"password {password}, {words}") for name, words in users.items()),
        ("Data", str(settings.data_dir), ""),
    ]
    width = max(len(row[0]) for row in rows)
    middle = max(len(row[1]) for row in rows if len(row[1]) <= 40)  # noqa: PLR2004, RUF100 - longer ones stand alone
    lines = [f"  {a:<{width}}  {b:<{middle}}  {c}".rstrip() for a, b, c in rows]
    sys.stdout.write("\npoolgate is ready\n\n" + "\n".join(lines) + "\n\nStop with Ctrl-C.\n")
    sys.stdout.flush()
