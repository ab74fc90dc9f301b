"""What the commands about one user share."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from authserver.cli._context import House, with_stores
from authserver.cli._output import moment

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from authserver.model.users import User

T = TypeVar("T")

Name = Annotated[str, typer.Argument(metavar="USER", help="Username, verified email or phone number, or id.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")]
Generate = Annotated[bool, typer.Option("--generate-password", help="Make a password and print it this once.")]
Temporary = Annotated[
    bool, typer.Option("--temporary", help="The password is good for some days, and replaced at the first sign-in.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def with_user(
    ctx: typer.Context,
    config: Path | None,
    data_dir: Path | None,
    pool: str | None,
    name: str,
    work: Callable[[House, "Pool", "User"], Awaitable[T]],
) -> T:
    """Open the installation and do the work with the user of this name. Raises NotFound."""

    async def found(house: House) -> T:
        chosen = await house.pool(pool)
        return await work(house, chosen, await house.users().find(chosen, name))

    return with_stores(ctx, config, data_dir, found)


def row_of(user: "User") -> dict[str, object]:
    """What lists and answers say of a user."""
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


def password_warnings(house: House, pool: "Pool", password: str) -> list[str]:
    """What an operator should know of a password that the pool's rules allow, in sentences.

    A password that many people use is no reason to refuse an operator, who may have been given it; people choosing their
    own are refused by `password_policy.breached`.
    """
    if pool.password_policy.breached == "off":
        return []
    from authserver.protection.breached import BreachedPasswords

    if BreachedPasswords(house.settings.breached_file).find(password) is None:
        return []
    return ["the password is known from data breaches, or many people use it: have it replaced"]


def until(house: House, pool: "Pool", *, temporary: bool) -> int | None:
    """When a password given now ends, in seconds; None for one that lasts."""
    return int(house.clock()) + pool.password_policy.temporary_days * 86400 if temporary else None
