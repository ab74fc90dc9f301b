"""`poolgate user`: whether and how somebody may sign in."""

from typing import TYPE_CHECKING

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId
from authserver.cli._input import confirm as ask
from authserver.cli._output import say
from authserver.cli._users import Name, Yes, row_of, with_user

if TYPE_CHECKING:
    from authserver.accounts.standing import Standing
    from authserver.model.pools import Pool
    from authserver.model.users import User


def disable(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Keep a user from signing in. Every session and token of the user ends."""

    async def work(house: House, chosen: "Pool", found: "User") -> "User":
        return await house.users().disable(chosen, found)

    user = with_user(ctx, config, data_dir, pool, name, work)
    say(row_of(user), f"{user.username} is disabled, and signed out everywhere", as_json=as_json)


def enable(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Let a disabled user sign in again."""

    async def work(house: House, chosen: "Pool", found: "User") -> "User":
        linked = await house.stores.identities.identities(chosen.id, found.id)
        return await house.users().enable(chosen, found, linked=bool(linked))

    user = with_user(ctx, config, data_dir, pool, name, work)
    say(row_of(user), f"{user.username} may sign in again", as_json=as_json)


def reset(
    ctx: typer.Context,
    name: Name,
    yes: Yes = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Have a user choose a new password, by a code to a proven address. The user is told, and signed out everywhere."""
    ask(f"Reset the password of {name}?", yes=yes)

    async def work(house: House, chosen: "Pool", found: "User") -> "User":
        return await _standing(house).reset(chosen, found)

    user = with_user(ctx, config, data_dir, pool, name, work)
    say(
        row_of(user),
        f"{user.username} has to choose a new password, and is signed out everywhere",
        as_json=as_json,
    )


def confirm(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take an account that somebody registered as confirmed, without a code."""

    async def work(house: House, chosen: "Pool", found: "User") -> "User":
        return await _standing(house).confirm(chosen, found)

    user = with_user(ctx, config, data_dir, pool, name, work)
    say(row_of(user), f"{user.username} is confirmed", as_json=as_json)


def unlock(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Forget the wrong passwords and codes that were tried for a user: nothing is closed or slowed down any more."""
    from authserver.signin.factors.unlocking import Unlocking

    async def work(house: House, chosen: "Pool", found: "User") -> tuple["User", int]:
        stores = house.stores
        unlocking = Unlocking(stores.directory, stores.credentials, stores.counters, house.emit)
        return found, await unlocking.unlock(chosen, found)

    user, failures = with_user(ctx, config, data_dir, pool, name, work)
    values = {"username": user.username, "id": user.id, "failures_forgotten": failures}
    say(values, f"{user.username} may try again ({failures} wrong tries in a row forgotten)", as_json=as_json)


def sign_out(
    ctx: typer.Context,
    name: Name,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """End every session and token of a user."""

    async def work(house: House, chosen: "Pool", found: "User") -> tuple["User", int]:
        sessions = await house.stores.sessions.sessions_of_user(chosen.id, found.id)
        await _standing(house).sign_out(chosen, found)
        return found, len(sessions)

    user, sessions = with_user(ctx, config, data_dir, pool, name, work)
    values = {"username": user.username, "id": user.id, "sessions_ended": sessions}
    say(values, f"{user.username} is signed out everywhere", as_json=as_json)


def _standing(house: House) -> "Standing":
    from authserver.accounts.standing import Standing

    return Standing(
        house.stores.directory,
        house.stores.credentials,
        house.notices(),
        house.clock,
        house.emit,
        house.opened.revoke_user,
    )
