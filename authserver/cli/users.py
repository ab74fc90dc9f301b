"""`poolgate user`: users created, listed, given passwords, grouped, disabled and deleted. In bulk: `transfer`."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli import transfer
from authserver.cli._context import Config, DataDir, House, Json, PoolId, Run, with_stores
from authserver.cli._filter import CreatedSince, InGroup, InState, Search, user_filter
from authserver.cli._input import confirm, new_password, read_attributes
from authserver.cli._output import moment, record, say, table

if TYPE_CHECKING:
    from authserver.model.users import User

Name = Annotated[str, typer.Argument(metavar="USER", help="Username, verified email or phone number, or id.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")]
Generate = Annotated[bool, typer.Option("--generate-password", help="Make a password and print it this once.")]

_PAGE = 500
_COLUMNS = ("username", "email", "state", "groups", "created_at", "id")


def build_app() -> typer.Typer:
    """The commands below `user`."""
    app = typer.Typer(
        help="Create, list, change, delete, import and export users.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command("create")(create)
    app.command("list")(list_users)
    app.command("show")(show)
    app.command("set-password")(set_password)
    app.command("groups")(groups)
    app.command("disable")(disable)
    app.command("enable")(enable)
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
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a user. The password is asked for, or comes from standard input; it is never an argument."""
    from authserver.accounts.directory import NewUser

    run: Run = ctx.obj
    password = None if no_password else new_password(run, from_stdin=password_stdin, generate=generate_password)

    async def work(house: House) -> "User":
        chosen = await house.pool(pool)
        new = NewUser(
            username=username,
            password=password,
            email=email,
            email_verified=email_verified,
            phone_number=phone_number,
            phone_number_verified=phone_number_verified,
            groups=tuple(group or ()),
            attributes=read_attributes(chosen, attribute or []),
        )
        return await house.users().create(chosen, new)

    made = _row(with_stores(ctx, config, data_dir, work))
    record(made | ({"password": password} if generate_password else {}), as_json=as_json)


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
    table([_row(user) for user in users], _COLUMNS, as_json=as_json, empty="There is no such user.")


def show(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one user."""

    async def work(house: House) -> dict[str, object]:
        chosen = await house.pool(pool)
        user = await house.users().find(chosen, name)
        sessions = await house.stores.sessions.sessions_of_user(chosen.id, user.id)
        has_password = await house.stores.directory.password(chosen.id, user.id) is not None
        failures = await house.stores.directory.password_failures(chosen.id, user.id)
        return {
            **_row(user),
            "has_password": has_password,
            "password_failures": failures,
            "sessions": len(sessions),
            "attributes": dict(user.attributes),
        }

    record(with_stores(ctx, config, data_dir, work), as_json=as_json)


def set_password(
    ctx: typer.Context,
    name: Name,
    password_stdin: Stdin = False,
    generate_password: Generate = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give a user a new password. Every session and token of the user ends."""
    run: Run = ctx.obj
    password = new_password(run, from_stdin=password_stdin, generate=generate_password)

    async def work(house: House) -> "User":
        chosen = await house.pool(pool)
        user = await house.users().find(chosen, name)
        await house.users().set_password(chosen, user, password)
        return user

    user = with_stores(ctx, config, data_dir, work)
    values = {"username": user.username, "id": user.id}
    sentence = f"{user.username} has a new password, and is signed out everywhere"
    if generate_password:
        values["password"] = password
        sentence += f"\npassword: {password}"
    say(values, sentence, as_json=as_json)


def groups(
    ctx: typer.Context,
    name: Name,
    add: Annotated[list[str] | None, typer.Option(metavar="GROUP", help="Put the user into it.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="GROUP", help="Take the user out of it.")] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show or change a user's groups."""

    async def work(house: House) -> "User":
        chosen = await house.pool(pool)
        user = await house.users().find(chosen, name)
        return await house.users().change_groups(chosen, user, add=add or (), remove=remove or ())

    user = with_stores(ctx, config, data_dir, work)
    values = {"username": user.username, "groups": list(user.groups)}
    say(values, "\n".join(user.groups) or f"{user.username} is in no group", as_json=as_json)


def disable(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Keep a user from signing in. Every session and token of the user ends."""

    async def work(house: House) -> "User":
        chosen = await house.pool(pool)
        return await house.users().disable(chosen, await house.users().find(chosen, name))

    user = with_stores(ctx, config, data_dir, work)
    say(_row(user), f"{user.username} is disabled, and signed out everywhere", as_json=as_json)


def enable(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let a disabled user sign in again."""

    async def work(house: House) -> "User":
        chosen = await house.pool(pool)
        return await house.users().enable(chosen, await house.users().find(chosen, name))

    user = with_stores(ctx, config, data_dir, work)
    say(_row(user), f"{user.username} may sign in again", as_json=as_json)


def delete(
    ctx: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete a user with everything that belongs to it."""
    confirm(f"Delete the user {name}?", yes=yes)

    async def work(house: House) -> "User":
        chosen = await house.pool(pool)
        user = await house.users().find(chosen, name)
        await house.users().delete(chosen, user)
        return user

    user = with_stores(ctx, config, data_dir, work)
    say({"username": user.username, "id": user.id, "deleted": True}, f"{user.username} is deleted", as_json=as_json)


def _row(user: "User") -> dict[str, object]:
    return {
        "username": user.username,
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified,
        "phone_number": user.phone_number,
        "phone_number_verified": user.phone_number_verified,
        "state": user.state,
        "groups": list(user.groups),
        "created_at": moment(user.created_at),
        "updated_at": moment(user.updated_at),
    }
