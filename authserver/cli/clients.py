"""`poolgate client`: clients created, listed, given new secrets and deleted. Those of pool files are read-only here."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, with_stores
from authserver.cli._input import confirm, named_by_option
from authserver.cli._output import moment, record, say, table

if TYPE_CHECKING:
    from authserver.model.clients import Client
    from federation.saml_idp.model import ServiceProvider

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID")]

_OPTIONS = {
    "client_id": "CLIENT_ID",
    "redirect_uris": "--redirect-uri",
    "post_logout_redirect_uris": "--post-logout-redirect-uri",
    "grant_types": "--grant-type",
    "scope": "--scope",
    "token_endpoint_auth_method": "--auth-method",
    "id_token_signed_response_alg": "--id-token-alg",
}
_COLUMNS = ("client_id", "client_name", "token_endpoint_auth_method", "grant_types", "managed", "enabled")


def build_app() -> typer.Typer:
    """The commands below `client`."""
    app = typer.Typer(help="Create, list, change and delete clients.", no_args_is_help=True, rich_markup_mode=None)
    app.command("create")(create)
    app.command("list")(list_clients)
    app.command("show")(show)
    app.command("rotate-secret")(rotate_secret)
    app.command("delete")(delete)
    return app


def create(
    ctx: typer.Context,
    client_id: Annotated[str, typer.Argument(metavar="[CLIENT_ID]", help="Generated if left out.")] = "",
    name: Annotated[str, typer.Option(help="Shown to people.")] = "",
    redirect_uri: Annotated[list[str] | None, typer.Option(metavar="URI", help="May be repeated.")] = None,
    post_logout_redirect_uri: Annotated[list[str] | None, typer.Option(metavar="URI", help="May be repeated.")] = None,
    grant_type: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="authorization_code, refresh_token, client_credentials; may be repeated."),
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="Scopes separated by spaces; the pool's defaults if left out.")
    ] = None,
    auth_method: Annotated[
        str, typer.Option(help="client_secret_basic, client_secret_post or none.")
    ] = "client_secret_basic",
    public: Annotated[bool, typer.Option("--public", help="Without a secret, as auth method none.")] = False,
    native: Annotated[bool, typer.Option("--native", help="An application on a phone or a desktop.")] = False,
    id_alg: Annotated[str, typer.Option("--id-token-alg", help="RS256 or ES256.")] = "RS256",
    require_consent: Annotated[bool, typer.Option("--require-consent", help="Ask people first.")] = False,
    saml_metadata: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of an application that speaks SAML; needs nothing else.")
    ] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Register a client. Its secret is printed this once."""
    from authserver.model.clients import Client

    grant_types = tuple(grant_type or ("authorization_code", "refresh_token"))
    method = "none" if public else auth_method

    async def work(house: House) -> tuple["Client", str | None]:
        chosen = await house.pool(pool)
        by_code = "authorization_code" in grant_types
        if saml_metadata is not None:
            application = _saml_application(Client(client_id, chosen.id, name), saml_metadata)
            with named_by_option(_OPTIONS):
                return await house.clients().create(chosen, application)
        wanted = Client(
            client_id=client_id,
            pool=chosen.id,
            client_name=name,
            redirect_uris=tuple(redirect_uri or ()),
            post_logout_redirect_uris=tuple(post_logout_redirect_uri or ()),
            grant_types=grant_types,
            response_types=("code",) if by_code else (),
            scope=tuple(scope.split()) if scope is not None else chosen.default_scopes if by_code else (),
            token_endpoint_auth_method=method,
            application_type="native" if native else "web",
            id_token_signed_response_alg=id_alg,
            require_consent=require_consent,
        )
        with named_by_option(_OPTIONS):
            return await house.clients().create(chosen, wanted)

    client, secret = with_stores(ctx, config, data_dir, work)
    shown = {"client_id": client.client_id, "client_secret": secret} if secret is not None else {}
    record({**shown, **_row(client)}, as_json=as_json)


def _saml_application(client: "Client", metadata: Path) -> "Client":
    """The client as an application that speaks SAML. Raises Invalid for what is no metadata of one."""
    from authserver.effects import system_clock
    from authserver.errors import Invalid
    from federation.errors import FederationError
    from federation.saml_idp.metadata import read_service_provider

    try:
        sp = read_service_provider(metadata.read_bytes(), int(system_clock()))
    except OSError as error:
        raise Invalid(f"{metadata} cannot be read: {error.strerror}", field="saml_metadata") from error
    except FederationError as error:
        raise Invalid(f"{metadata} cannot be used: {error.detail}", field="saml_metadata") from error
    return replace(client, grant_types=(), response_types=(), token_endpoint_auth_method="none", saml=sp)


def list_clients(
    ctx: typer.Context, pool: PoolId = None, config: Config = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """List clients by id."""

    async def work(house: House) -> list["Client"]:
        return await house.stores.registry.clients((await house.pool(pool)).id)

    clients = with_stores(ctx, config, data_dir, work)
    table([_row(client) for client in clients], _COLUMNS, as_json=as_json, empty="There are no clients yet.")


def show(
    ctx: typer.Context,
    client_id: ClientId,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one client, without its secret."""

    async def work(house: House) -> "Client":
        return await house.clients().find(await house.pool(pool), client_id)

    record(_row(with_stores(ctx, config, data_dir, work)), as_json=as_json)


def rotate_secret(
    ctx: typer.Context,
    client_id: ClientId,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="The old secret stays good until the next rotation.")
    ] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give a client a new secret, printed this once. The old one ends now."""

    async def work(house: House) -> str:
        client = await house.clients().find(await house.pool(pool), client_id)
        return await house.clients().rotate_secret(client, keep_old=keep_old)

    secret = with_stores(ctx, config, data_dir, work)
    record({"client_id": client_id, "client_secret": secret}, as_json=as_json)


def delete(
    ctx: typer.Context,
    client_id: ClientId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete a client with its grants and consents."""
    confirm(f"Delete the client {client_id}?", yes=yes)

    async def work(house: House) -> None:
        await house.clients().delete(await house.clients().find(await house.pool(pool), client_id))

    with_stores(ctx, config, data_dir, work)
    say({"client_id": client_id, "deleted": True}, f"{client_id} is deleted", as_json=as_json)


def _row(client: "Client") -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "pool": client.pool,
        "client_name": client.client_name,
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
        "grant_types": list(client.grant_types),
        "response_types": list(client.response_types),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "scope": " ".join(client.scope),
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "require_consent": client.require_consent,
        "require_pkce": client.require_pkce,
        "access_ttl": client.access_ttl,
        "refresh_ttl": client.refresh_ttl,
        "secrets": len(client.secret_digests),
        "managed": client.managed,
        "enabled": client.enabled,
        "created_at": moment(client.created_at),
        **(_saml_row(client.saml) if client.saml is not None else {}),
    }


def _saml_row(sp: "ServiceProvider") -> dict[str, object]:
    return {
        "entity_id": sp.entity_id,
        "acs_urls": list(sp.acs_urls),
        "logout_urls": list(dict.fromkeys(sp.logout_urls.values())),
        "certificates": len(sp.certificates),
        "name_id_format": sp.name_id_format,
        "attributes": dict(sp.attributes) if sp.attributes is not None else None,
        "sign": sp.sign,
        "encrypt": sp.encrypt,
        "require_signed_requests": sp.require_signed_requests,
        "idp_initiated": sp.idp_initiated,
        "relay_states": list(sp.relay_states),
    }
