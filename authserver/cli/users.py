"""`poolgate user`: users created, listed, shown and deleted. What changes one is in `user_*`; in bulk: `transfer`."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli import transfer, user_changes, user_factors, user_invite, user_standing
from authserver.cli._context import Config, DataDir, House, Json, PoolId, Run, with_stores
from authserver.cli._filter import CreatedSince, InGroup, InState, Search, user_filter
from authserver.cli._input import confirm, named_by_option, new_password, read_attributes
from authserver.cli._output import moment, record, say, table, warn
from authserver.cli._triggers import asking
from authserver.cli._users import (
    Generate,
    Name,
    Stdin,
    Temporary,
    Yes,
    password_warnings,
    row_of,
    until,
    with_user,
)

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from authserver.model.users import User

_PAGE = 500
_OPTIONS = {"username": "USERNAME", "email": "--email", "phone_number": "--phone-number", "groups": "--group"}
_COLUMNS = ("username", "email", "state", "groups", "created_at", "id")


def build_app() -> typer.Typer:
    """The commands below `user`."""
    app = typer.Typer(
        help="Create, list, change, delete, import and export users.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command("create")(create)
    app.command("invite")(user_invite.invite)
    app.command("list")(list_users)
    app.command("show")(show)
    app.command("update")(user_changes.update)
    app.command("set-password")(user_changes.set_password)
    app.command("groups")(user_changes.groups)
    app.command("factors")(user_factors.factors)
    app.command("confirm")(user_standing.confirm)
    app.command("reset")(user_standing.reset)
    app.command("unlock")(user_standing.unlock)
    app.command("sign-out")(user_standing.sign_out)
    app.command("disable")(user_standing.disable)
    app.command("enable")(user_standing.enable)
    app.command("delete")(delete)
    app.command("import")(transfer.import_users)
    app.command("export")(transfer.export_users)
    return app


def create(
    ctx: typer.Context,
    username: Annotated[str, typer.Argument(help="Unique in the pool without regard to case.")],
    email: Annotated[str | None, typer.Option(help="Email address.")] = None,
    email_verified: Annotated[
        bool, typer.Option("--email-verified", help="The address is known to be theirs.")
    ] = False,
    phone_number: Annotated[str | None, typer.Option(help="With its country code, such as +15550100200.")] = None,
    phone_number_verified: Annotated[
        bool, typer.Option("--phone-number-verified", help="The number is known to be theirs.")
    ] = False,
    group: Annotated[list[str] | None, typer.Option(help="A group; may be repeated.")] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An attribute; may be repeated.")
    ] = None,
    password_stdin: Stdin = False,
    generate_password: Generate = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="Without one, the user cannot sign in.")] = False,
    temporary: Temporary = False,
    invite: Annotated[
        bool, typer.Option("--invite", help="Send the user a temporary password by email or text message.")
    ] = False,
    by: user_invite.By = None,
    client: user_invite.Client = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a user. The password is asked for, or comes from standard input; it is never an argument."""
    from authserver.accounts.directory import NewUser
    from authserver.accounts.invitations import Invited

    if sum((invite, no_password, password_stdin or generate_password)) > 1 or (temporary and (invite or no_password)):
        raise typer.BadParameter("say one of --invite, --no-password, or how the password comes")
    if (by is not None or client is not None) and not invite:
        raise typer.BadParameter("--by and --client are for an invitation: add --invite")
    medium = user_invite.medium_of(by)
    run: Run = ctx.obj
    password = (
        None if no_password or invite else new_password(run, from_stdin=password_stdin, generate=generate_password)
    )

    async def work(house: House) -> "User | Invited":
        chosen = await house.pool(pool)
        new = NewUser(
            username=username,
            password=password,
            email=email,
            email_verified=email_verified,
            phone_number=phone_number,
            phone_number_verified=phone_number_verified,
            groups=tuple(group or ()),
            attributes=read_attributes(chosen, attribute or [], "--attribute"),
            temporary_until=until(house, chosen, temporary=temporary),
        )
        options = _OPTIONS | {name: f"--attribute {name}" for name in new.attributes}
        if invite:
            way = await user_invite.way_of(house, chosen, medium, client)
            async with asking(house, chosen) as ask:
                with named_by_option(options):
                    return await user_invite.invitations(house).create(chosen, new, way, ask=ask)
        async with asking(house, chosen) as ask:
            with named_by_option(options):
                user = await house.users().create(chosen, new, ask=ask)
        if password is not None:
            warnings.extend(password_warnings(house, chosen, password))
        return user

    warnings: list[str] = []
    made = with_stores(ctx, config, data_dir, work)
    if isinstance(made, Invited):
        user_invite.tell(made, as_json=as_json)
        return
    values = row_of(made) | ({"password": password} if generate_password else {})
    record(values | ({"warnings": warnings} if warnings and as_json else {}), as_json=as_json)
    for warning in warnings:
        warn(warning)


def list_users(
    ctx: typer.Context,
    search: Search = None,
    state: InState = None,
    group: InGroup = None,
    created_since: CreatedSince = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    after: Annotated[str | None, typer.Option(metavar="USERNAME", help="Those after this username.")] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List users by username."""
    wanted = user_filter(ctx.obj, search=search, state=state, group=group, created_since=created_since)

    async def work(house: House) -> list["User"]:
        chosen = await house.pool(pool)
        found: list[User] = []
        last = after
        while len(found) < limit:
            size = min(_PAGE, limit - len(found))
            page = await house.stores.directory.users(chosen.id, wanted, limit=size, after=last)
            found += page
            if len(page) < size:
                break
            last = page[-1].username
        return found

    users = with_stores(ctx, config, data_dir, work)
    table([row_of(user) for user in users], _COLUMNS, as_json=as_json, empty="There is no such user.")


def show(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one user."""
    record(with_user(ctx, config, data_dir, pool, name, _shown), as_json=as_json)


async def _shown(house: House, pool: "Pool", user: "User") -> dict[str, object]:
    from authserver.model.journal import AuditFilter

    stores = house.stores
    password = await stores.directory.password(pool.id, user.id)
    signed_in = AuditFilter(user_id=user.id, kinds=("sign_in.succeeded",))
    last = await stores.journal.entries(pool.id, signed_in, limit=1)
    return {
        **row_of(user),
        "has_password": password is not None,
        "password_expires_at": moment(password.expires_at) if password is not None else None,
        "password_failures": await stores.directory.password_failures(pool.id, user.id),
        "factors": [c.kind for c in await stores.credentials.credentials(pool.id, user.id)],
        "backup_codes": await stores.credentials.backup_codes_left(pool.id, user.id),
        "devices": len(await stores.credentials.devices(pool.id, user.id)),
        "sessions": len(await stores.sessions.sessions_of_user(pool.id, user.id)),
        "last_sign_in_at": moment(last[0].at // 1000) if last else None,
        "accepted_terms_at": moment(user.accepted_terms_at),
        "delete_after": moment(user.delete_after),
        "attributes": dict(user.attributes),
    }


def delete(
    ctx: typer.Context,
    name: Name,
    yes: Yes = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete a user with everything that belongs to it."""
    confirm(f"Delete the user {name}?", yes=yes)

    async def work(house: House, chosen: "Pool", found: "User") -> "User":
        await house.users().delete(chosen, found)
        return found

    user = with_user(ctx, config, data_dir, pool, name, work)
    say({"username": user.username, "id": user.id, "deleted": True}, f"{user.username} is deleted", as_json=as_json)
