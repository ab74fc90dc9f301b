"""`poolgate user`: what is known of somebody, changed."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId, Run
from authserver.cli._input import new_password, read_attributes
from authserver.cli._output import moment, say, warn
from authserver.cli._users import (
    Generate,
    Name,
    Stdin,
    Temporary,
    password_warnings,
    row_of,
    until,
    with_user,
)
from authserver.errors import Invalid

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from authserver.model.users import User


def update(
    ctx: typer.Context,
    name: Name,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Attributes to set; may be repeated.")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="An attribute to remove, or email or phone_number; may be repeated."),
    ] = None,
    username: Annotated[str | None, typer.Option(help="Another username.")] = None,
    email: Annotated[str | None, typer.Option(help="Another email address; unverified unless said otherwise.")] = None,
    email_verified: Annotated[
        bool | None, typer.Option("--email-verified/--email-unverified", help="Whether the address is theirs.")
    ] = None,
    phone_number: Annotated[str | None, typer.Option(help="Another phone number, likewise.")] = None,
    phone_number_verified: Annotated[
        bool | None,
        typer.Option("--phone-number-verified/--phone-number-unverified", help="Whether the number is theirs."),
    ] = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change a user's name, addresses and attributes. Who reads at a verified address that is given up is told."""
    given = (username, email, email_verified, phone_number, phone_number_verified)
    if not changes and not remove and all(value is None for value in given):
        raise Invalid("Say what is to change: NAME=VALUE, --remove NAME, or one of the options.")

    async def work(house: House, chosen: "Pool", found: "User") -> tuple["User", bool]:
        from authserver.accounts.amending import Amending, Amendment

        amendment = Amendment(
            username,
            email,
            email_verified,
            phone_number,
            phone_number_verified,
            read_attributes(chosen, changes or [], "NAME=VALUE"),
            tuple(remove or ()),
        )
        amending = Amending(house.stores.directory, house.notices(), house.clock, house.emit)
        amended = await amending.amend(chosen, found, amendment)
        return amended, amended != found

    user, differs = with_user(ctx, config, data_dir, pool, name, work)
    sentence = (
        f"{user.username} is changed" if differs else f"{user.username} is like that already: nothing was changed"
    )
    say(row_of(user) | {"attributes": dict(user.attributes), "changed": differs}, sentence, as_json=as_json)


def set_password(
    ctx: typer.Context,
    name: Name,
    password_stdin: Stdin = False,
    generate_password: Generate = False,
    temporary: Temporary = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give a user a new password. Every session and token of the user ends."""
    run: Run = ctx.obj
    password = new_password(run, from_stdin=password_stdin, generate=generate_password)

    async def work(house: House, chosen: "Pool", found: "User") -> tuple["User", int | None, list[str]]:
        ends_at = until(house, chosen, temporary=temporary)
        await house.users().set_password(chosen, found, password, temporary_until=ends_at)
        return found, ends_at, password_warnings(house, chosen, password)

    user, ends_at, warnings = with_user(ctx, config, data_dir, pool, name, work)
    values: dict[str, object] = {"username": user.username, "id": user.id}
    sentence = f"{user.username} has a new password, and is signed out everywhere"
    if ends_at is not None:
        values["password_expires_at"] = moment(ends_at)
        sentence += f"\nit is good until {moment(ends_at)}, and replaced at the first sign-in"
    if generate_password:
        values["password"] = password
        sentence += f"\npassword: {password}"
    if warnings:
        values["warnings"] = warnings
    say(values, sentence, as_json=as_json)
    for warning in warnings:
        warn(warning)


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

    async def work(house: House, chosen: "Pool", found: "User") -> "User":
        return await house.users().change_groups(chosen, found, add=add or (), remove=remove or ())

    user = with_user(ctx, config, data_dir, pool, name, work)
    values = {"username": user.username, "groups": list(user.groups)}
    say(values, "\n".join(user.groups) or f"{user.username} is in no group", as_json=as_json)
