"""`poolgate apply`: pools created and updated from files, or the difference shown."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, Run, load, with_stores
from authserver.cli._progress import Bar

if TYPE_CHECKING:
    from authserver.accounts.changes import Change, FieldChange
    from authserver.accounts.provision import Plan, Tools
    from authserver.poolfile import PoolFile
    from authserver.settings import Settings
    from authserver.store import Stores

_MARKS = {"create": ("+", "green"), "update": ("~", "yellow"), "remove": ("-", "red")}


def apply(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="POOLFILE", help="Pool files, one pool each.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the difference and change nothing.")] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove what the file does not mention: groups, APIs, its own clients, attributes with their values.",
        ),
    ] = False,
    drop_unconvertible: Annotated[
        bool,
        typer.Option("--drop-unconvertible", help="Delete values of users that are none of an attribute's new type."),
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create or update pools from files. Applying again changes nothing."""
    import asyncio

    from authserver.accounts.provision import carry_out
    from authserver.cli._branding import refuse_bad_branding
    from authserver.poolfile import load_pool_files
    from authserver.store.memory import memory_stores

    run: Run = ctx.obj
    settings = load(run, config, data_dir)
    pool_files = load_pool_files(files, environ=run.environ)
    refuse_bad_branding(pool_files)

    async def planned(stores: "Stores") -> list["Plan"]:
        with Bar("users", quiet=as_json) as bar:
            made = await plans_of(
                stores,
                pool_files,
                prune=prune,
                drop_unconvertible=drop_unconvertible,
                progress=lambda done: bar.show(done, "looked at"),
            )
        return [replace(plan, notes=(*plan.notes, *_password_notes(plan, settings))) for plan in made]

    async def show(stores: "Stores") -> list["Plan"]:
        plans = await planned(stores)
        for made in () if as_json else plans:
            await _one(made, None)
        return plans

    async def work(house: House) -> list["Plan"]:
        if dry_run:
            return await show(house.stores)
        plans = await planned(house.stores)
        for made in plans:
            if as_json:
                await carry_out(made, house.tools())
            else:
                await _one(made, house.tools())
        return plans

    if dry_run and asyncio.run(run.standing(settings)) == "missing":
        plans = asyncio.run(show(memory_stores(run.clock)))  # opening the real ones would make them
    else:
        plans = with_stores(ctx, config, data_dir, work)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "pools": [_as_json(p) for p in plans]}, indent=2))


async def plans_of(
    stores: "Stores",
    files: tuple["PoolFile", ...],
    *,
    prune: bool,
    drop_unconvertible: bool = False,
    progress: Callable[[int], None] = lambda _users: None,
) -> list["Plan"]:
    """The plans of all files, or every reason why one cannot be carried out: nothing is done by halves."""
    from authserver.accounts.provision import gather, plan, surveyed
    from authserver.tomlfile import BadConfig, Fault

    plans: list[Plan] = []
    faults: list[Fault] = []
    for file in files:
        try:
            made = plan(await gather(stores, file), file, prune=prune)
            plans.append(
                await surveyed(made, stores.directory, drop_unconvertible=drop_unconvertible, progress=progress)
            )
        except BadConfig as error:
            faults += error.faults
    if faults:
        raise BadConfig(faults)
    return plans


def _password_notes(made: "Plan", settings: "Settings") -> list[str]:
    """Which of the users to create have a password that many people use."""
    given = {seed.username: seed.password.value for seed in made.users if seed.password is not None}
    if not given or made.pool.password_policy.breached == "off":
        return []
    from authserver.protection.breached import BreachedPasswords

    breached = BreachedPasswords(settings.breached_file)
    return [
        f"the password of the user {name} is known from data breaches, or many people use it: have it replaced"
        for name, password in given.items()
        if breached.find(password) is not None
    ]


async def _one(made: "Plan", tools: "Tools | None") -> None:
    """Carry out a plan and show it as it goes; without tools only show it."""
    from rich.console import Console

    from authserver.accounts.provision import carry_out

    console = Console(markup=False, highlight=False, soft_wrap=True)
    pool = made.pool.id
    if made.empty:
        console.print(f"{pool}: up to date")
    else:
        console.print(f"{pool} ({made.file.name})")
        if tools is None:
            for change in made.changes:
                _show(console.print, change)
        else:
            with Bar("users") as bar:
                await carry_out(
                    made,
                    tools,
                    done=lambda change: _show(console.print, change),
                    progress=lambda done: bar.show(done, "changed"),
                )
        count = len(made.changes)
        what = f"{count} change" if count == 1 else f"{count} changes"
        console.print(f"{pool}: {what}{' to make; nothing was changed' if tools is None else ' made'}")
    for note in made.notes:
        console.print(f"note: {note}")


def _show(write: Callable[..., None], change: "Change") -> None:
    from authserver.cli._difference import field_lines

    mark, colour = _MARKS[change.action]
    label = {"resource_server": "resource server", "keys": "signing keys"}.get(change.kind, change.kind)
    write(f"  {mark} {label} {change.name}", style=colour)
    for line in field_lines(change):
        write(f"      {line}")


def _as_json(made: "Plan") -> dict[str, object]:
    def fields(found: tuple["FieldChange", ...]) -> dict[str, object]:
        return {f.name: {"before": f.before, "after": f.after} for f in found}

    return {
        "pool": made.pool.id,
        "file": made.file.name,
        "changes": [
            {"kind": c.kind, "name": c.name, "action": c.action, "fields": fields(c.fields)} for c in made.changes
        ],
        "notes": list(made.notes),
    }
