"""`poolgate triggers`: what is set up, what was called, and calls made again or for a trial. Nothing comes of them."""

import json
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, with_stores
from authserver.cli._output import moment, record, table
from authserver.cli._triggers import reaching

if TYPE_CHECKING:
    from authserver.model.pools import Pool, Trigger, TriggerPoint
    from authserver.triggers.calls import Calls, TriggerCall

_COLUMNS = ("at", "point", "source", "outcome", "milliseconds", "username", "target", "reason", "id")

Ident = Annotated[
    str, typer.Argument(metavar="ID", help="Of the call, as `triggers log` prints it; its beginning will do.")
]


def build_app() -> typer.Typer:
    """The commands below `triggers`."""
    app = typer.Typer(help="List, test and replay triggers.", no_args_is_help=True, rich_markup_mode=None)
    app.command("list")(list_triggers)
    app.command("log")(log)
    app.command("show")(show)
    app.command("replay")(replay)
    app.command("test")(try_out)
    return app


def list_triggers(
    ctx: typer.Context, pool: PoolId = None, config: Config = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List the triggers: of one pool, or of all."""

    async def work(house: House) -> list["Pool"]:
        return [await house.pool(pool)] if pool is not None else await house.stores.registry.pools()

    pools = with_stores(ctx, config, data_dir, work)
    rows = [
        {
            "pool": one.id,
            "point": trigger.point,
            "target": trigger.url or trigger.callable,
            "timeout": trigger.timeout,
            "version": trigger.version,
        }
        for one in pools
        for trigger in one.triggers
    ]
    table(rows, ("pool", "point", "target", "timeout", "version"), as_json=as_json, empty="There are no triggers.")


def log(
    ctx: typer.Context,
    point: Annotated[str | None, typer.Option(help="Only at this point.")] = None,
    outcome: Annotated[str | None, typer.Option(help="`answered`, `vetoed` or `failed`.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 50,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the calls of the last days: all that were vetoed or failed, and a sample of the others."""
    from authserver.triggers.calls import Outcome

    if outcome is not None and outcome not in get_args(Outcome):
        raise typer.BadParameter(f"must be one of {', '.join(get_args(Outcome))}", param_hint="--outcome")
    if point is not None:
        _refuse_unknown_point(point, "--point")

    async def work(house: House) -> list["TriggerCall"]:
        chosen = await house.pool(pool)
        return await _calls(house).recent(chosen.id)

    calls = [
        call
        for call in with_stores(ctx, config, data_dir, work)
        if point in {None, call.point} and outcome in {None, call.outcome}
    ]
    table([_row(call) for call in calls[:limit]], _COLUMNS, as_json=as_json, empty="There are no calls.")


def show(
    ctx: typer.Context,
    ident: Ident,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show a call: the event that went out, and what came back. Passwords and codes are not kept."""

    async def work(house: House) -> dict[str, object]:
        from authserver.triggers.calls import content_of

        call = await _find(house, await house.pool(pool), ident)
        content = content_of(call, house.opened.sealer)
        return _row(call) | {"event": content.event, "answer": content.answer}

    found = with_stores(ctx, config, data_dir, work)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    event, answer = found.pop("event"), found.pop("answer")
    record(found, as_json=False)
    for title, value in (("event", event), ("answer", answer)):
        print(f"{title}: {json.dumps(value, indent=2, ensure_ascii=False) if value is not None else 'not kept'}")


def replay(
    ctx: typer.Context,
    ident: Ident,
    url: Annotated[
        str | None, typer.Option(help="Send it there, signed with the trigger's own secret, instead of to the trigger.")
    ] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send the event of a call again, and print what comes back now. Nothing comes of it. Exit code 1 if it fails."""

    async def work(house: House) -> dict[str, object]:
        from authserver.errors import NotFound
        from authserver.triggers.calls import content_of

        chosen = await house.pool(pool)
        call = await _find(house, chosen, ident)
        event = content_of(call, house.opened.sealer).event
        if event is None:
            raise NotFound("The event of this call was too large to be kept.")
        return await _tried(house, chosen, _trigger(chosen, call.point, url), event, call.id)

    _report(with_stores(ctx, config, data_dir, work), as_json=as_json)


def try_out(
    ctx: typer.Context,
    point: Annotated[str, typer.Argument(metavar="POINT", help="Such as pre_sign_up.")],
    url: Annotated[
        str | None, typer.Option(help="Send it there, signed with the trigger's own secret, instead of to the trigger.")
    ] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send the pool's trigger a made-up event, and print what it answers. Nothing comes of it."""
    _refuse_unknown_point(point, "POINT")

    async def work(house: House) -> dict[str, object]:
        from authserver.triggers.points import event_of
        from authserver.triggers.samples import sample

        chosen = await house.pool(pool)
        trigger = _trigger(chosen, cast("TriggerPoint", point), url)
        request = sample(trigger.point)
        members = request.request(trigger.version) or {}
        event = event_of(
            chosen, request.trigger_source, trigger.version, "sample-user", "sample-client", members,
            request.blank(trigger.version),
        )  # fmt: skip
        return await _tried(house, chosen, trigger, event, house.random.uuid())

    _report(with_stores(ctx, config, data_dir, work), as_json=as_json)


def _refuse_unknown_point(point: str, where: str) -> None:
    from authserver.model.pools import TriggerPoint

    if point not in get_args(TriggerPoint):
        raise typer.BadParameter(
            f"there is no point `{point}`; there are {', '.join(get_args(TriggerPoint))}", param_hint=where
        )


def _calls(house: House) -> "Calls":
    return reaching(house).trigger_calls


async def _find(house: House, pool: "Pool", ident: str) -> "TriggerCall":
    """The call whose id begins so. Raises NotFound, Invalid."""
    from authserver.errors import Invalid, NotFound

    found = [call for call in await _calls(house).recent(pool.id) if call.id.startswith(ident)] if ident else []
    if not found:
        raise NotFound(f"There is no call {ident!r} in the record of {pool.id}; `poolgate triggers log` lists them.")
    if len(found) > 1:
        raise Invalid(f"{len(found)} calls begin with {ident!r}.", field="id")
    return found[0]


def _trigger(pool: "Pool", point: "TriggerPoint", url: str | None) -> "Trigger":
    """The pool's trigger, pointed at `url` if there is one. Raises NotFound, Invalid."""
    from dataclasses import replace

    from authserver.errors import Invalid, NotFound

    trigger = pool.trigger(point)
    if trigger is None:
        raise NotFound(f"{pool.id} has no trigger at {point}.")
    if url is None:
        return trigger
    if trigger.sealed_secret is None:
        raise Invalid("`--url` needs a secret to sign with, and a function has none.", field="url")
    return replace(trigger, url=url, callable=None)


async def _tried(
    house: House, pool: "Pool", trigger: "Trigger", event: dict[str, Any], call_id: str
) -> dict[str, object]:
    """What came back, and what it would mean."""
    import asyncio
    from dataclasses import asdict

    from authserver.errors import TriggerFailed, Vetoed
    from authserver.triggers.answers import READERS
    from authserver.triggers.delivery import Delivery, response_in, target_of

    delivery = Delivery(reaching(house).http, house.opened.sealer, house.clock)
    tried: dict[str, object] = {"point": trigger.point, "target": target_of(trigger), "outcome": "answered"}
    began = asyncio.get_running_loop().time()
    try:
        value = await delivery.send(pool, trigger, event, call_id)
        tried["answer"] = value
        tried["meaning"] = asdict(READERS[trigger.point](response_in(value, trigger), trigger.version))
    except Vetoed as veto:
        tried |= {"outcome": "vetoed", "reason": veto.sentence}
    except TriggerFailed as failed:
        tried |= {"outcome": "failed", "reason": failed.detail}
    finally:
        delivery.close()
    tried["milliseconds"] = int((asyncio.get_running_loop().time() - began) * 1000)
    return tried


def _report(tried: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(tried, indent=2, ensure_ascii=False))
    else:
        answer, meaning = tried.pop("answer", None), tried.pop("meaning", None)
        record(tried, as_json=False)
        for title, value in (("answer", answer), ("meaning", meaning)):
            if value:
                print(f"{title}: {json.dumps(value, indent=2, ensure_ascii=False)}")
    if tried["outcome"] == "failed":
        raise typer.Exit(1)


def _row(call: "TriggerCall") -> dict[str, object]:
    return {
        "at": moment(call.at // 1000),
        "point": call.point,
        "source": call.source,
        "outcome": call.outcome,
        "milliseconds": call.milliseconds,
        "username": call.username,
        "client_id": call.client_id,
        "target": call.target,
        "reason": call.reason,
        "id": call.id,
    }
