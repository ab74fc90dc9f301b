"""`poolgate idp`: identity providers listed, added, tried, switched on and off, and linked to users."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, Run, with_stores
from authserver.cli._input import confirm
from authserver.cli._output import record, say, table

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from federation.model import IdentityProvider

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider's name in the pool.")]
_COLUMNS = ("name", "type", "label", "enabled", "shown", "domains", "managed")


def build_app() -> typer.Typer:
    """The commands below `idp`."""
    app = typer.Typer(
        help="Connect identity providers: add, try, list, switch on and off.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("types")(types)
    app.command("add")(add)
    app.command("list")(list_providers)
    app.command("show")(show)
    app.command("test")(try_out)
    app.command("enable")(enable)
    app.command("disable")(disable)
    app.command("delete")(delete)
    app.command("refresh")(refresh)
    app.command("link")(link)
    app.command("unlink")(unlink)
    return app


def types(type_: Annotated[str, typer.Argument(metavar="[TYPE]")] = "", as_json: Json = False) -> None:
    """List the types of providers, or the settings that one type takes."""
    from authserver.cli._provider_input import settings_of, types_of

    if type_:
        table(
            settings_of(type_), ("key", "required", "about"), as_json=as_json, empty="It takes no settings of its own."
        )
    else:
        table(types_of(), ("type", "label", "protocol"), as_json=as_json, empty="")


def add(
    ctx: typer.Context,
    name: Name,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="See `idp types`.")],
    client_id: Annotated[str, typer.Option(help="What the provider calls this server.")] = "",
    client_secret_stdin: Annotated[
        bool, typer.Option("--client-secret-stdin", help="Read the client secret from standard input.")
    ] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the type, as in the pool file; may be repeated."),
    ] = None,
    display_name: Annotated[str, typer.Option(help="What its button says.")] = "",
    domain: Annotated[list[str] | None, typer.Option(metavar="DOMAIN", help="May be repeated.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", metavar="ATTRIBUTE=CLAIM", help="May be repeated.")] = None,
    enabled: Annotated[
        bool, typer.Option("--enabled", help="At once; else after `idp test` and `idp enable`.")
    ] = False,
    register: Annotated[
        bool, typer.Option("--register", help="Register at the provider (type oidc), instead of --client-id.")
    ] = False,
    initial_access_token_stdin: Annotated[
        bool,
        typer.Option("--initial-access-token-stdin", help="Read the leave to register from standard input."),
    ] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Add a provider, switched off, and say what to register there. `idp test` tries it, `idp enable` switches it on.

    With --register the provider is asked to take us as a client, and what it made of that is printed.
    """
    import sys

    from authserver.cli._provider_input import given_provider
    from authserver.cli._registering import TO_COME

    run: Run = ctx.obj
    _check_registering(
        type_, register=register, known=bool(client_id or client_secret_stdin), token=initial_access_token_stdin
    )
    told = sys.stdin.readline().rstrip("\r\n") if client_secret_stdin or initial_access_token_stdin else ""
    client_id, secret = (TO_COME, "") if register else (client_id, told)
    given = given_provider(
        name, type_, client_id, secret, setting or (), display_name, domain or (), map_ or (), run.environ
    )

    async def work(house: House) -> dict[str, object]:
        from authserver.cli._provider_input import added
        from authserver.cli._registering import registered

        chosen = await house.pool(pool)
        registering = (lambda: registered(house, chosen, given, told)) if register else None
        return await added(house, chosen, given, enabled=enabled, registering=registering)

    record(with_stores(ctx, config, data_dir, work), as_json=as_json)


def _check_registering(type_: str, *, register: bool, known: bool, token: bool) -> None:
    """Return if the options fit together. Raises typer.BadParameter."""
    if token and not register:
        raise typer.BadParameter("is for --register", param_hint="--initial-access-token-stdin")
    if register and known:
        raise typer.BadParameter("the provider gives the client_id and the secret", param_hint="--register")
    if register and type_ != "oidc":
        raise typer.BadParameter(f"is for the type oidc; register at {type_} by hand", param_hint="--register")


def list_providers(
    ctx: typer.Context, pool: PoolId = None, config: Config = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List providers in the order of their buttons."""

    async def work(house: House) -> list["IdentityProvider"]:
        return await house.stores.registry.providers((await house.pool(pool)).id)

    found = with_stores(ctx, config, data_dir, work)
    table([_row(provider) for provider in found], _COLUMNS, as_json=as_json, empty="There are no providers yet.")


def show(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one provider, without its secrets, and the addresses to register there."""

    async def work(house: House) -> dict[str, object]:
        chosen = await house.pool(pool)
        provider = await found(house, chosen, name)
        return {**_row(provider), **addresses(house, chosen, provider)}

    record(with_stores(ctx, config, data_dir, work), as_json=as_json)


def try_out(
    ctx: typer.Context,
    name: Name,
    login: Annotated[
        bool, typer.Option("--login", help="Log in there too, with a browser; the server must run.")
    ] = False,
    wait: Annotated[int, typer.Option(min=1, max=900, help="Seconds to wait for the login.")] = 300,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Try a provider, switched off or not: what can be looked at from here, and with --login a whole login.

    Nobody is signed in by a trial, and nothing is changed. The exit code is 1 if something is wrong.
    """

    async def work(house: House) -> dict[str, object]:
        from authserver.cli._trying_provider import tried

        chosen = await house.pool(pool)
        return await tried(house, chosen, await found(house, chosen, name), login=login, wait=wait, quiet=as_json)

    report = with_stores(ctx, config, data_dir, work)
    if as_json:
        say(report, "", as_json=True)
    if not report["ok"]:
        raise typer.Exit(1)


def enable(
    ctx: typer.Context, name: Name, pool: PoolId = None, config: Config = None, data_dir: DataDir = None
) -> None:
    """Let people sign in by it."""
    _switch(ctx, name, pool, config, data_dir, on=True)


def disable(
    ctx: typer.Context, name: Name, pool: PoolId = None, config: Config = None, data_dir: DataDir = None
) -> None:
    """Let nobody sign in by it. Sessions stay."""
    _switch(ctx, name, pool, config, data_dir, on=False)


def _switch(ctx: typer.Context, name: str, pool: str | None, config: Config, data_dir: DataDir, *, on: bool) -> None:
    async def work(house: House) -> None:
        from dataclasses import replace

        from authserver.events import Event

        chosen = await house.pool(pool)
        provider = await found(house, chosen, name)
        _unmanaged(provider)
        await house.stores.registry.put_provider(chosen.id, replace(provider, enabled=on))
        house.emit(Event("provider.changed", chosen.id, details={"provider": name, "changes": ["enabled"]}))

    with_stores(ctx, config, data_dir, work)
    say({}, f"{name} is switched {'on' if on else 'off'}", as_json=False)


def delete(
    ctx: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    unregister: Annotated[
        bool,
        typer.Option("--unregister", help="End the registration at the provider first (after idp add --register)."),
    ] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete a provider. Users stay, and so do their links, for the day it comes back."""
    confirm(f"Delete the identity provider {name}?", yes=yes)

    async def work(house: House) -> "IdentityProvider":
        from authserver.events import Event

        chosen = await house.pool(pool)
        provider = await found(house, chosen, name)
        _unmanaged(provider)
        if unregister:
            from authserver.cli._registering import unregistered

            await unregistered(house, chosen, provider)
        await house.stores.registry.delete_provider(chosen.id, name)
        house.emit(Event("provider.deleted", chosen.id, details={"provider": name}))
        return provider

    gone = with_stores(ctx, config, data_dir, work)
    remains = "" if unregister else gone.client_id
    sentence = f"{name} is deleted" + (f"; its client {remains} is still registered there" if remains else "")
    report = {"name": name, "deleted": True, **({"registered_there": remains} if remains else {})}
    say(report, sentence, as_json=as_json)


def refresh(
    ctx: typer.Context,
    name: Name,
    username: Annotated[str, typer.Argument(metavar="USER")],
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask a provider what it says of a user now, by the refresh token that was kept (`keep_refresh_token`).

    The account is not changed: that happens when the user signs in. A token that the provider takes no longer is dropped.
    """

    async def work(house: House) -> dict[str, object]:
        from authserver.cli._asking_again import asked_again

        chosen = await house.pool(pool)
        return await asked_again(house, chosen, await found(house, chosen, name), username)

    record(with_stores(ctx, config, data_dir, work), as_json=as_json)


def link(
    ctx: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USER")],
    name: Name,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The person's identifier at the provider.")],
    issuer: Annotated[
        str, typer.Option(help="Its issuer or entity ID; if left out, whoever comes first by that name.")
    ] = "",
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Link a login of a provider to a user before its first use, as Cognito's AdminLinkProviderForUser does."""

    async def work(house: House) -> dict[str, object]:
        from authserver.cli._provider_input import linked

        chosen = await house.pool(pool)
        provider = await found(house, chosen, name)
        return await linked(house, chosen, provider, username, subject, issuer)

    record(with_stores(ctx, config, data_dir, work), as_json=as_json)


def unlink(
    ctx: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USER")],
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """End the link between a user and a provider, even if it is the only way in."""

    async def work(house: House) -> None:
        from authserver.errors import NotFound
        from authserver.events import Event

        chosen = await house.pool(pool)
        user = await house.users().find(chosen, username)
        if not await house.stores.identities.unlink(chosen.id, user.id, name):
            raise NotFound(f"{username} has no login of {name}.")
        house.emit(Event("identity.unlinked", chosen.id, user.id, details={"provider": name}))

    with_stores(ctx, config, data_dir, work)
    say({"username": username, "unlinked": name}, f"{username} is unlinked from {name}", as_json=as_json)


async def found(house: House, pool: "Pool", name: str) -> "IdentityProvider":
    """The provider of this name. Raises NotFound."""
    from authserver.errors import NotFound

    provider = await house.stores.registry.provider(pool.id, name)
    if provider is None:
        raise NotFound(f"The pool {pool.id} has no identity provider {name!r}; see `poolgate idp list`.")
    return provider


def addresses(house: House, pool: "Pool", provider: "IdentityProvider") -> dict[str, object]:
    """What to register at the provider."""
    from authserver.broker.service import callback_url_of
    from federation.connectors import kind_of

    issuer = f"{house.settings.base_url}/{pool.id}"
    if kind_of(provider.type).protocol == "saml":
        return {
            "entity_id": provider.setting("entity_id") or f"{issuer}/saml2/metadata/{provider.name}",
            "metadata": f"{issuer}/saml2/metadata/{provider.name}",
            "acs": callback_url_of(issuer, provider),
            "sign_out": f"{issuer}/saml2/logout",
        }
    by_key = provider.setting("token_endpoint_auth_method") == "private_key_jwt"
    reads_keys = by_key or provider.setting("id_token_encrypted_response_alg")
    return {
        "redirect_uri": callback_url_of(issuer, provider),
        **({"jwks_uri": f"{issuer}/oauth2/idpjwks/{provider.name}"} if reads_keys else {}),
    }


def _unmanaged(provider: "IdentityProvider") -> None:
    from authserver.errors import Conflict

    if provider.managed:
        raise Conflict(f"{provider.name} belongs to a pool file; change it there and apply the file.")


def _row(provider: "IdentityProvider") -> dict[str, object]:
    from federation.connectors import label_of

    groups = provider.groups
    return {
        "name": provider.name,
        "type": provider.type,
        "label": label_of(provider),
        "enabled": provider.enabled,
        "shown": provider.shown,
        "client_id": provider.client_id,
        "settings": {
            k: v if len(str(v)) < 200 else f"({len(str(v)):,} characters)" for k, v in provider.settings.items()
        },
        "secrets": sorted(provider.sealed_secrets),
        "scope": " ".join(provider.scope),
        "domains": list(provider.domains),
        "identifiers": list(provider.identifiers),
        "attribute_mapping": dict(provider.attribute_mapping),
        "groups": {"source": groups.source, "names": dict(groups.names), "managed": groups.managed} if groups else None,
        "linking": provider.linking,
        "sync": provider.sync,
        "creates": provider.creates,
        "trust_email": provider.trust_email,
        "keep_refresh_token": provider.keep_refresh_token,
        "trusted": dict(provider.trusted),
        "callback": provider.callback,
        "managed": provider.managed,
    }
