"""`poolgate keys`: a pool's signing keys listed and rotated (DESIGN 5)."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli import saml_keys
from authserver.cli._context import Config, DataDir, House, Json, PoolId, with_stores
from authserver.cli._output import moment, table, warn

if TYPE_CHECKING:
    from authserver.model.keys import SigningKey

_COLUMNS = ("pool", "alg", "state", "kid", "created_at", "activated_at", "retired_at", "expires_at")


def build_app() -> typer.Typer:
    """The commands below `keys`."""
    app = typer.Typer(help="List and rotate signing keys.", no_args_is_help=True, rich_markup_mode=None)
    app.command("list")(list_keys)
    app.command("rotate")(rotate)
    app.add_typer(saml_keys.build_app(), name="saml")
    return app


def list_keys(
    ctx: typer.Context, pool: PoolId = None, config: Config = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List the signing keys: of one pool, or of all."""

    async def work(house: House) -> list["SigningKey"]:
        registry = house.stores.registry
        pools = [await house.pool(pool)] if pool is not None else await registry.pools()
        return [key for p in pools for key in await registry.keys(p.id)]

    keys = with_stores(ctx, config, data_dir, work)
    table([_row(key) for key in keys], _COLUMNS, as_json=as_json, empty="There are no keys yet.")


def rotate(
    ctx: typer.Context,
    pool: PoolId = None,
    alg: Annotated[list[str] | None, typer.Option(metavar="A", help="Only this algorithm; may be repeated.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make the next key sign, and publish a new next one. Tokens signed before stay good."""
    from authserver.events import Event
    from authserver.model.keys import SIGNING_ALGORITHMS
    from authserver.tokens.keyring import JWKS_MAX_AGE

    unknown = [name for name in alg or () if name not in SIGNING_ALGORITHMS]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]} is not a signing algorithm; known are {', '.join(SIGNING_ALGORITHMS)}", param_hint="--alg"
        )

    async def work(house: House) -> tuple[dict[str, int], list["SigningKey"]]:
        chosen = await house.pool(pool)
        plans = await house.opened.key_ring.rotate(chosen.id, tuple(dict.fromkeys(alg or SIGNING_ALGORITHMS)))
        for name in plans:
            house.emit(Event("keys.rotated", chosen.id, details={"alg": name}))
        published = {name: made.published_for for name, made in plans.items()}
        return published, [k for k in await house.stores.registry.keys(chosen.id) if k.alg in published]

    published, keys = with_stores(ctx, config, data_dir, work)
    for name, seconds in published.items():
        if seconds < JWKS_MAX_AGE:
            warn(
                f"the {name} key that signs now had been published for {seconds} s only: verifiers may keep the old key "
                f"set for {JWKS_MAX_AGE} s, and those that do not fetch it again for an unknown key refuse new tokens "
                "until then"
            )
    shown = [_row(key) for key in keys if key.state != "retired"]
    table(shown, _COLUMNS, as_json=as_json, empty="There are no keys yet.")


def _row(key: "SigningKey") -> dict[str, object]:
    return {
        "pool": key.pool,
        "alg": key.alg,
        "state": key.state,
        "kid": key.kid,
        "created_at": moment(key.created_at),
        "activated_at": moment(key.activated_at),
        "retired_at": moment(key.retired_at),
        "expires_at": moment(key.expires_at),
    }
