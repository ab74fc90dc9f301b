"""`poolgate check`: settings and pool files validated, stores tried, and what is unsafe said aloud."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, Json, Run, load

if TYPE_CHECKING:
    from authserver.cli._advice import Advice
    from authserver.poolfile import PoolFile


def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[POOLFILE]", help="Those of `pool_files` if left out.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Validate settings and pool files. Tries the stores and directories too, and prints what is unsafe; fails on errors,
    not on warnings.

    Nothing is made or migrated: it tells what starting would.
    """
    import asyncio

    from authserver.accounts.seeding import seed_faults
    from authserver.cli._advice import Advice, pool_advice, reaching_advice, settings_advice
    from authserver.cli._branding import hard_to_read, refuse_bad_branding
    from authserver.cli._transports import carrier_faults
    from authserver.cli._trying import try_stores
    from authserver.cli._trying_ldap import try_directories
    from authserver.errors import Refusal
    from authserver.poolfile import load_pool_files
    from authserver.settings import serve_refusals
    from authserver.tomlfile import BadConfig

    run: Run = ctx.obj
    passed: list[str] = []
    errors: list[str] = []
    warnings: list[Advice] = []

    pool_files: tuple[PoolFile, ...] = ()
    paths = files or []
    try:
        settings = load(run, config, data_dir)
        paths = paths or list(settings.pool_files)
        passed.append(f"settings: {settings.config_file or 'defaults and environment'}")
        errors += [f"serve would refuse: {sentence}" for sentence in serve_refusals(settings)]
        errors += carrier_faults(settings)
    except BadConfig as error:
        settings = None
        errors += [fault.sentence for fault in error.faults]
    try:
        pool_files = load_pool_files(paths, environ=run.environ)
        faults = [fault for file in pool_files for fault in seed_faults(file)]
        if faults:
            raise BadConfig(faults)
        refuse_bad_branding(pool_files)
        warnings += [Advice("hard_to_read", sentence) for file in pool_files for sentence in hard_to_read(file)]
        passed += [f"pool file: {file.name}" for file in pool_files]
    except BadConfig as error:
        errors += [fault.sentence for fault in error.faults]
    if settings is not None:
        try:
            passed += asyncio.run(try_stores(run, settings))
        except Refusal as refusal:
            errors.append(
                f"the stores do not work: {refusal.sentence}" + (f" ({refusal.detail})" * bool(refusal.detail))
            )
        except OSError as error:
            errors.append(f"the stores do not work: {error.filename or ''} {error.strerror or error}")
        found, broken = asyncio.run(try_directories(run, settings, pool_files))
        passed += found
        errors += broken
        warnings += settings_advice(settings)
    warnings += [advice for file in pool_files for advice in pool_advice(file)]
    if settings is not None:
        warnings += [advice for file in pool_files for advice in reaching_advice(file, settings)]
    _report(passed, warnings, errors, as_json=as_json)
    if errors:
        raise typer.Exit(1)


def _report(passed: list[str], warnings: "list[Advice]", errors: list[str], *, as_json: bool) -> None:
    if as_json:
        found = [{"code": advice.code, "sentence": advice.sentence} for advice in warnings]
        typer.echo(json.dumps({"ok": not errors, "passed": passed, "warnings": found, "errors": errors}, indent=2))
        return
    from rich.console import Console

    console = Console(markup=False, highlight=False, soft_wrap=True)
    for sentence in passed:
        console.print(f"ok       {sentence}", style="green")
    for advice in warnings:
        console.print(f"warning  {advice.sentence}", style="yellow")
    complaints = Console(markup=False, highlight=False, soft_wrap=True, stderr=True)
    for sentence in errors:
        complaints.print(f"error    {sentence}", style="red")
