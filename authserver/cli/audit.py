"""`poolgate audit`: the trail read, followed, exported and verified."""

import json
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, with_stores
from authserver.cli._entries import COLUMNS, row_of, writer_of
from authserver.cli._output import table

if TYPE_CHECKING:
    from authserver.audit.chain import Verdict
    from authserver.model.journal import AuditEntry, AuditFilter
    from authserver.model.pools import Pool

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_NOTED = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", re.ASCII)


def build_app() -> typer.Typer:
    """The command `audit` and those below it."""
    app = typer.Typer(rich_markup_mode=None)
    app.callback(invoke_without_command=True)(show)
    app.command("verify")(verify)
    app.command("head")(head)
    return app


def show(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Concerning this user: a name or an id.")] = None,
    client: Annotated[str | None, typer.Option(metavar="ID", help="Through this client.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(metavar="KIND", help="Of this kind, or `sign_in.*`; may be repeated.")
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="`success`, `failure` or `info`.")] = None,
    address: Annotated[str | None, typer.Option(help="From this address.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="From then on: 2026-11-22, 2026-11-22T10:00Z, or 2h for 2 hours ago."),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Before then.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="All of them, however many.")] = False,
    before: Annotated[int | None, typer.Option(min=1, metavar="SEQ", help="Those before this number.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is appended, until stopped.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Read the audit trail, the newest entry first. With --follow, JSON is one object a line."""
    if ctx.invoked_subcommand is not None:
        return
    if as_csv and as_json:
        raise typer.BadParameter("give --csv or --json, not both")

    async def work(house: House) -> list["AuditEntry"]:
        from authserver.audit.reading import as_it_grows, newest_first

        chosen = await house.pool(pool)
        wanted = await _wanted(house, chosen, user, client, kind or [], outcome, address, since, until)
        journal = house.stores.journal
        if follow:
            after = (await journal.head(chosen.id))[0]
            latest = [e async for e in _first(newest_first(journal, chosen.id, wanted), limit)][::-1]
            writer = writer_of(as_csv=as_csv, as_json=as_json, lines=True)
            for entry in latest:
                writer.write(entry)
            async for entry in as_it_grows(journal, chosen.id, wanted, after=latest[-1].seq if latest else after):
                writer.write(entry)
        found = newest_first(journal, chosen.id, wanted, before=before)
        bounded = found if everything else _first(found, limit)
        if not (as_csv or as_json) and not everything:
            return [entry async for entry in bounded]
        # As it is read: a trail may be larger than this machine's memory.
        writer = writer_of(as_csv=as_csv, as_json=as_json)
        async for entry in bounded:
            writer.write(entry)
        writer.end()
        return []

    try:
        entries = with_stores(ctx, config, data_dir, work)
    except KeyboardInterrupt:
        if not follow:
            raise
        return
    if not (as_csv or as_json or everything):
        table([row_of(entry) for entry in entries], COLUMNS, as_json=False, empty="There is no such entry.")
        if len(entries) == limit and sys.stdout.isatty() and entries[-1].seq > 1:
            print(f"older ones: --before {entries[-1].seq}", file=sys.stderr)


def verify(
    ctx: typer.Context,
    noted: Annotated[
        str | None, typer.Option("--head", metavar="SEQ:HASH", help="An entry that was noted before, elsewhere.")
    ] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Walk the chain of a pool, or of all, and say where it does not hold. Exit code 1 if it does not."""
    from authserver.errors import Invalid

    matched = _NOTED.fullmatch(noted) if noted is not None else None
    if noted is not None and matched is None:
        raise typer.BadParameter(
            "must be a number and a hash, as `poolgate audit head` prints them", param_hint="--head"
        )
    if matched is not None and pool is None:
        raise Invalid("A noted head is one pool's: say which with --pool.", field="pool")

    async def work(house: House) -> list[tuple[str, "Verdict"]]:
        from authserver.audit.chain import verify as walk
        from authserver.audit.reading import oldest_first

        pools = [await house.pool(pool)] if pool is not None else await house.stores.registry.pools()
        place = (int(matched[1]), matched[2]) if matched is not None else None
        return [(p.id, await walk(p.id, oldest_first(house.stores.journal, p.id), place)) for p in pools]

    verdicts = with_stores(ctx, config, data_dir, work)
    if as_json:
        rows = [
            {
                "pool": name,
                "holds": found.found is None,
                "entries": found.count,
                "first": found.first,
                "last": found.last,
                "head": found.head,
                "fault": found.found.fault if found.found is not None else None,
                "at": found.found.seq if found.found is not None else None,
            }
            for name, found in verdicts
        ]
        print(json.dumps(rows, indent=2))
    for name, found in verdicts:
        if found.found is not None:
            print(f"poolgate: {name}: {found.found.sentence}", file=sys.stderr)
        elif not as_json:
            where = f", {found.first} to {found.last}; head {found.last}:{found.head}" if found.count else ""
            print(f"{name}: the chain holds: {found.count} entries{where}")
    if any(found.found is not None for _, found in verdicts):
        raise typer.Exit(1)


def head(
    ctx: typer.Context, pool: PoolId = None, config: Config = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Print the last entry's number and hash of each pool, to be noted elsewhere."""

    async def work(house: House) -> list[dict[str, object]]:
        pools = [await house.pool(pool)] if pool is not None else await house.stores.registry.pools()
        heads = [(p.id, *await house.stores.journal.head(p.id)) for p in pools]
        return [{"pool": name, "head": f"{seq}:{digest}" if seq else None} for name, seq, digest in heads]

    table(with_stores(ctx, config, data_dir, work), ("pool", "head"), as_json=as_json, empty="There is no pool yet.")


async def _wanted(
    house: House,
    pool: "Pool",
    user: str | None,
    client: str | None,
    kinds: list[str],
    outcome: str | None,
    address: str | None,
    since: str | None,
    until: str | None,
) -> "AuditFilter":
    """The filter that the options describe. Raises typer.BadParameter, NotFound."""
    from authserver.event_kinds import EVENT_KINDS
    from authserver.model.journal import AuditFilter

    for kind in kinds:
        known = any(k.startswith(kind[:-1]) for k in EVENT_KINDS) if kind.endswith(".*") else kind in EVENT_KINDS
        if not known:
            raise typer.BadParameter(f"there is no event kind `{kind}`; docs/audit.md lists them", param_hint="--kind")
    if outcome not in {None, "success", "failure", "info"}:
        raise typer.BadParameter("must be success, failure or info", param_hint="--outcome")
    now = house.clock()
    return AuditFilter(
        user_id=await _user_id(house, pool, user) if user is not None else None,
        client_id=client,
        kinds=tuple(kinds),
        outcome=outcome,
        address=address,
        since=_milliseconds(since, now, "since"),
        until=_milliseconds(until, now, "until"),
    )


async def _user_id(house: House, pool: "Pool", name: str) -> str:
    """The id of a user, or one that nobody has any more. Raises NotFound."""
    from authserver.errors import NotFound
    from authserver.model.journal import AuditFilter

    try:
        return (await house.users().find(pool, name)).id
    except NotFound:
        if not await house.stores.journal.entries(pool.id, AuditFilter(user_id=name), limit=1):
            raise
    return name


def _milliseconds(text: str | None, now: float, field: str) -> int | None:
    """A moment in words. Without a zone it is UTC. Raises typer.BadParameter."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return int((now - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            "must be a time such as 2026-11-22, 2026-11-22T10:00Z, or 2h for two hours ago", param_hint=f"--{field}"
        ) from None
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)


async def _first(entries: AsyncIterator["AuditEntry"], count: int) -> AsyncIterator["AuditEntry"]:
    async for entry in entries:
        yield entry
        count -= 1
        if not count:
            return
