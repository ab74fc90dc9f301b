"""`poolgate user import` and `poolgate user export`: users in bulk, in from other systems and out again."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, Run, with_stores
from authserver.cli._filter import CreatedSince, InGroup, InState, Search, user_filter
from authserver.cli._progress import Bar

if TYPE_CHECKING:
    from authserver.accounts.transfer import Format, Report, UserFile
    from authserver.model.pools import Pool

_OUTCOMES = {"created": "created", "unchanged": "there already", "different": "left alone", "refused": "refused"}
_WOULD_BE = frozenset({"created", "different", "refused"})
"""What a dry run only foretells."""


def import_users(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The users.")],
    format_: Annotated[
        str,
        typer.Option("--format", help="auto, csv, jsonl, keycloak, firebase, auth0 or django."),
    ] = "auto",
    firebase_config: Annotated[
        Path | None,
        typer.Option("--firebase-config", metavar="FILE", help="The project's password hash parameters."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and change nothing.")] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create users from a file. All of it is checked first; running it again goes on where it ended."""
    from authserver.accounts.transfer import Import

    async def work(house: House) -> "Report":
        chosen = await house.pool(pool)
        source = _source(file, format_, firebase_config, chosen)
        importing = Import(house.stores.directory, house.opened.sealer, house.clock, house.random, house.emit)
        with Bar("rows", quiet=as_json) as bar:
            return await importing.run(source, dry_run=dry_run, progress=lambda stage, rows: bar.show(rows, stage))

    report = with_stores(ctx, config, data_dir, work)
    _show(report, file, dry_run=dry_run, as_json=as_json)
    if not report.clean:
        raise typer.Exit(1)


def export_users(
    ctx: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A new file, that only you can read; standard output if left out."
        ),
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="jsonl or csv.")] = "jsonl",
    with_hashes: Annotated[
        bool, typer.Option("--with-hashes", help="Password hashes too: keep the file as you keep the database.")
    ] = False,
    search: Search = None,
    state: InState = None,
    group: InGroup = None,
    created_since: CreatedSince = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write users as JSON lines, which can be imported again, or as CSV."""
    from authserver.accounts.transfer import Exported, export_csv, export_lines
    from authserver.cli._output import say
    from authserver.events import Event

    run: Run = ctx.obj
    if format_ not in {"jsonl", "csv"}:
        raise typer.BadParameter("the format must be jsonl or csv", param_hint="--format")
    wanted = user_filter(run, search=search, state=state, group=group, created_since=created_since)
    export = export_csv if format_ == "csv" else export_lines

    async def work(house: House) -> Exported:
        chosen = await house.pool(pool)
        directory = house.stores.directory
        written = 0
        begun = False

        def progress(done: int) -> None:
            nonlocal written
            written = done
            bar.show(done, "written")

        try:
            with _writer(output) as write, Bar("users", quiet=as_json or output is None) as bar:
                begun = True
                return await export(directory, chosen, write, wanted, with_hashes=with_hashes, progress=progress)
        finally:  # what was written before it broke off is out as well
            if begun:
                house.emit(Event("users.exported", chosen.id, details={"count": written, "with_hashes": with_hashes}))

    exported = with_stores(ctx, config, data_dir, work)
    if output is not None:
        values = {"file": str(output), "users": exported.users, "format": format_, "with_hashes": with_hashes}
        say(values, f"{output}: {_count(exported.users, 'user')}", as_json=as_json)


@contextmanager
def _writer(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Where the export goes. A file comes to its name once it is whole, and is never open to others."""
    if output is None:
        yield sys.stdout.write
        sys.stdout.flush()
        return
    from authserver.errors import Conflict

    if output.exists():
        raise Conflict(f"{output} exists already; give another name, or remove it.")
    begun = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline=""
        ) as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        begun.rename(output)
    finally:
        begun.unlink(missing_ok=True)


def _source(file: Path, given: str, firebase_config: Path | None, pool: "Pool") -> "UserFile":
    """The file with its format. Raises Invalid, OSError."""
    from authserver.accounts.transfer import FORMATS, UserFile
    from authserver.accounts.transfer.formats import detect
    from authserver.crypto.foreign_systems import firebase_project
    from authserver.errors import Invalid

    chosen: Format | None = next((name for name in FORMATS if name == given), None)
    if chosen is None and given != "auto":
        raise typer.BadParameter(f"the format must be auto, {', '.join(FORMATS)}", param_hint="--format")
    project = None
    if firebase_config is not None:
        try:
            project = firebase_project(firebase_config.read_text("utf-8"))
        except UnicodeDecodeError:
            raise Invalid(f"{firebase_config} is not UTF-8 text.", field="firebase_config") from None
        except ValueError as error:
            raise Invalid(f"{firebase_config} {error}.", field="firebase_config") from None
    return UserFile(file, chosen or detect(file), pool, project)


def _show(report: "Report", file: Path, *, dry_run: bool, as_json: bool) -> None:
    from authserver.cli._output import say

    counts = {name: report.outcomes[name] for name in ("created", "unchanged", "different", "refused")}
    value = {
        "file": str(file),
        "dry_run": dry_run,
        "rows": report.rows,
        "begun": report.begun,
        **counts,
        "faults": [{"line": fault.line, "sentence": fault.sentence} for fault in report.faults],
        "fault_count": report.fault_count,
        "notes": dict(report.notes.most_common()),
    }
    for fault in () if as_json else report.faults:
        print(f"poolgate: line {fault.line} {fault.sentence}", file=sys.stderr)
    unseen = report.fault_count - len(report.faults)
    if unseen and not as_json:
        print(f"poolgate: and {unseen:,} more", file=sys.stderr)
    rows = _count(report.rows, "row")
    if not report.begun:
        lines = [f"{file}: {rows}, {_count(report.fault_count, 'fault')}; nothing was imported"]
    else:
        foretold = _WOULD_BE if dry_run else ()
        told = ", ".join(
            f"{counts[name]:,} {'would be ' * (name in foretold)}{words}"
            for name, words in _OUTCOMES.items()
            if counts[name]
        )
        lines = [f"{file}: {rows}: {told or 'no users'}{'; nothing was changed' if dry_run else ''}"]
        lines += [f"note: {sentence} ({count:,})" for sentence, count in report.notes.most_common()]
    say(value, "\n".join(lines), as_json=as_json)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
