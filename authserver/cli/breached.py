"""`poolgate breached`: the operator's own list of breached passwords compiled, and passwords looked up."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, Json, Run, load
from authserver.cli._output import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from authserver.protection.breached_compile import Compiled, Kind


def build_app() -> typer.Typer:
    """The commands below `breached`."""
    app = typer.Typer(
        help="Compile a list of breached passwords, and look passwords up.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command("compile")(compile_)
    app.command("check")(check)
    return app


def compile_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Passwords, or SHA-1 digests with or without `:count`, one a line; - for standard input.",
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The file for `protection.breached_file`.")],
    kind: Annotated[str, typer.Option(help="What the lines are: auto, plain or sha1.")] = "auto",
    at_least: Annotated[int, typer.Option(min=1, metavar="N", help="Only digests with a count of N or more.")] = 1,
    as_json: Json = False,
) -> None:
    """Compile a list. A running server takes the new file up by itself."""
    from authserver.cli._progress import Bar

    if kind not in {"auto", "plain", "sha1"}:
        raise typer.BadParameter("the kind must be auto, plain or sha1", param_hint="--kind")
    chosen: Kind = "plain" if kind == "plain" else "sha1" if kind == "sha1" else "auto"
    size = source.stat().st_size if str(source) != "-" else None
    with Bar("bytes", size, every=1 << 30, quiet=as_json) as bar:
        made = _compiled(source, output, chosen, at_least, size, bar.show)
    values = {
        "file": str(output),
        "kind": made.kind,
        "lines": made.lines,
        "skipped": made.skipped,
        "passwords": made.entries,
        "bytes": output.stat().st_size,
    }
    skipped = f", {made.skipped:,} of them passed over" if made.skipped else ""
    say(values, f"{output}: {made.entries:,} passwords from {made.lines:,} lines{skipped}", as_json=as_json)


def _compiled(
    source: Path, output: Path, kind: "Kind", at_least: int, size: int | None, progress: "Callable[[int], None]"
) -> "Compiled":
    from authserver.protection.breached_compile import compile_list

    if size is None:
        return compile_list(sys.stdin.buffer, output, kind=kind, at_least=at_least, progress=progress)
    with source.open("rb") as file:
        return compile_list(file, output, kind=kind, at_least=at_least, size=size, progress=progress)


def check(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="A compiled list instead of `protection.breached_file`."),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Look up the password on standard input, one line. Ends with 1 if it is known."""
    from authserver.protection.breached import BreachedPasswords

    run: Run = ctx.obj
    path = file if file is not None else load(run, config, data_dir).breached_file
    lists = BreachedPasswords(path)
    found = lists.find(_password())
    own = path is not None
    if found is None:
        where = "the bundled list and your own" if own else "the bundled list"
        say({"breached": False, "list": None, "own_list": own}, f"not in {where}", as_json=as_json)
        return
    where = "the bundled list" if found == "bundled" else "your own list"
    if as_json:
        say({"breached": True, "list": found, "own_list": own}, "", as_json=True)
    else:
        print(f"poolgate: The password is in {where}: choose another.", file=sys.stderr)
    raise typer.Exit(1)


def _password() -> str:
    """The password that is typed without being shown, or the first line of standard input. Raises Invalid."""
    from authserver.errors import Invalid

    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Invalid("Standard input held no password.", field="password")
    return password
