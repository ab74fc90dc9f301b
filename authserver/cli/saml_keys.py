"""`poolgate keys saml`: the keys that SAML signs and decrypts with, changed without anybody failing to sign in."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, with_stores
from authserver.cli._output import moment, table

if TYPE_CHECKING:
    from authserver.broker.key_pairs import OwnKeyPairs
    from federation.ports import KeyPair

Provider = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A SAML provider whose keys these are; left out, the pool's as identity provider."
    ),
]
_COLUMNS = ("role", "sha256", "created_at", "expires_at")


def build_app() -> typer.Typer:
    """The commands below `keys saml`."""
    app = typer.Typer(
        help="Keys of SAML. To change one: `add` publishes the next, `use` lets it sign once everybody has read the "
        "metadata anew, `drop` forgets the old one.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("list")(list_pairs)
    app.command("add")(add)
    app.command("use")(use)
    app.command("drop")(drop)
    return app


def list_pairs(
    ctx: typer.Context,
    provider: Provider = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the keys; the first signs, all are published and open what is encrypted for us."""
    _on(ctx, "current", lambda pairs: pairs.current(), provider, pool, config, data_dir, as_json=as_json)


def add(
    ctx: typer.Context,
    provider: Provider = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a further key and publish it. It does not sign yet; a running server sees it within a minute."""
    _on(ctx, "add", lambda pairs: pairs.add(), provider, pool, config, data_dir, as_json=as_json)


def use(
    ctx: typer.Context,
    provider: Provider = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let the further key sign. The old one stays published, and goes on opening what comes."""
    _on(ctx, "use", lambda pairs: pairs.use(), provider, pool, config, data_dir, as_json=as_json)


def drop(
    ctx: typer.Context,
    provider: Provider = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Forget the key that does not sign."""
    _on(ctx, "drop", lambda pairs: pairs.drop(), provider, pool, config, data_dir, as_json=as_json)


def _on(
    ctx: typer.Context,
    what: str,
    work_on: Callable[["OwnKeyPairs"], Awaitable[Sequence["KeyPair"]]],
    provider: str | None,
    pool: str | None,
    config: Config,
    data_dir: DataDir,
    *,
    as_json: bool,
) -> None:
    async def work(house: House) -> Sequence["KeyPair"]:
        from authserver.events import Event

        chosen = await house.pool(pool)
        pairs = await _pairs(house, chosen.id, provider)
        found = await work_on(pairs)
        if what != "current":
            house.emit(Event("saml_keys.changed", chosen.id, details={"provider": provider or "", "change": what}))
        return list(found)

    found = with_stores(ctx, config, data_dir, work)
    table([_row(pair, number) for number, pair in enumerate(found)], _COLUMNS, as_json=as_json, empty="")


async def _pairs(house: House, pool: str, provider: str | None) -> "OwnKeyPairs":
    """The keys of a SAML provider, or of the pool as one. Raises NotFound, Invalid."""
    from authserver.broker.key_pairs import AS_PROVIDER, OwnKeyPairs
    from authserver.errors import Invalid, NotFound
    from federation.connectors import kind_of

    if provider is None:
        return OwnKeyPairs(house.ground(), pool, AS_PROVIDER)
    found = await house.stores.registry.provider(pool, provider)
    if found is None:
        raise NotFound(f"There is no identity provider {provider!r} in the pool {pool}.")
    if kind_of(found.type).protocol != "saml":
        raise Invalid(f"{provider} is no SAML provider: its keys are those of `poolgate keys list`.", field="provider")
    return OwnKeyPairs(house.ground(), pool, provider)


def _row(pair: "KeyPair", number: int) -> dict[str, object]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    return {
        "role": "signs" if number == 0 else "published",
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "created_at": moment(int(certificate.not_valid_before_utc.timestamp()) + 86400),
        "expires_at": moment(int(certificate.not_valid_after_utc.timestamp())),
    }
