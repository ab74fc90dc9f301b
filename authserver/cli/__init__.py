"""The command line. Each command loads what it needs when it runs, so that `--help` is quick.

`main` is the console script and the one place that turns what went wrong into a sentence and an exit code (DESIGN 1).
"""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from authserver.cli import apply, audit, breached, check, clients, keys, providers, triggers, users
from authserver.cli._context import Config, DataDir, Json, Run, fresh_run
from authserver.cli._failure import explain

NAME = "poolgate"


def build_app() -> typer.Typer:
    """The commands, without running any."""
    app = typer.Typer(
        name=NAME,
        help="A self-hosted OAuth 2.0 / OpenID Connect authorization server.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: a frame around it would double the time until it is there
    )
    app.callback()(_options)
    app.command()(serve)
    app.command()(dev)
    app.command("apply")(apply.apply)
    app.command("check")(check.check)
    app.add_typer(keys.build_app(), name="keys")
    app.add_typer(users.build_app(), name="user")
    app.add_typer(clients.build_app(), name="client")
    app.add_typer(providers.build_app(), name="idp")
    app.add_typer(triggers.build_app(), name="triggers")
    app.add_typer(audit.build_app(), name="audit", help="Read, follow, export and verify the audit trail.")
    app.add_typer(breached.build_app(), name="breached")
    app.command()(migrate)
    app.command()(schema)
    app.command()(version)
    return app


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> None:
    """Run one command and exit: 0 done, 1 refused or failed, 2 wrong usage.

    Args:
        arguments: without the program's name; None takes those of this process.
        run: what commands reach the world through; None is the real one.
    """
    run = run or fresh_run()
    try:
        build_app()(args=list(sys.argv[1:] if arguments is None else arguments), prog_name=NAME, obj=run)
    except Exception as error:  # noqa: BLE001 - the one place where every failure becomes a sentence
        sys.exit(explain(error, run))


def _options(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    run: Run = ctx.obj
    run.debug = debug


def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Listen on this host instead of the one in `listen`.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen on this port instead.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes that answer requests.")] = None,
) -> None:
    """Start the server: no demo data, no mailbox."""
    _hurry()
    from authserver.cli.serve import serve as start

    start(config=config, host=host, port=port, workers=workers)


def dev(
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where everything lives; ./var if left out.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65533, help="Port of the server; the demo app and the demo API take the next two.")
    ] = 8000,
) -> None:
    """Start the demo: a pool, users, an app, an API and a mailbox. On loopback only."""
    _hurry()
    from authserver.cli.dev import dev as start

    start(data_dir=data_dir, port=port)


def _hurry() -> None:
    """Load everything without the garbage collector, which would go over it again and again: a seventh of the time.

    `serving.settle` turns it on.
    """
    gc.disable()


def migrate(ctx: typer.Context, config: Config = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Bring the database up to this version's tables."""
    import asyncio

    from authserver.cli._context import load
    from authserver.cli._output import say

    run: Run = ctx.obj
    settings = load(run, config, data_dir)
    asyncio.run(run.migrate(settings))
    say({"migrated": True}, "the database has this version's tables", as_json=as_json)


def schema(
    settings: Annotated[
        bool, typer.Option("--settings", help="Print the table of the settings in Markdown instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of pool files, for editors."""
    if settings:
        from authserver.settings.reference import settings_table

        typer.echo(settings_table(), nl=False)
    else:
        from authserver.poolfile.schema import pool_schema_text

        typer.echo(pool_schema_text(), nl=False)


def version(as_json: Json = False) -> None:
    """Print the version."""
    from authserver.cli._output import say
    from resource_servers import __version__

    say({"version": __version__}, f"{NAME} {__version__}", as_json=as_json)
