"""`poolgate user factors`: what a user proves identity with, and what an operator takes away."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId
from authserver.cli._input import confirm
from authserver.cli._output import moment, say, table
from authserver.cli._users import Name, Yes, with_user

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from authserver.model.users import User
    from authserver.signin.factors.removing import Removed

_COLUMNS = ("kind", "name", "created_at", "last_used_at", "id")


def factors(
    ctx: typer.Context,
    name: Name,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="totp, passkey, email_code or sms_code; one of them as passkey:ID; backup_codes; or devices.",
        ),
    ] = None,
    yes: Yes = False,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List a user's factors and devices, or remove some. The user is told of factors that are removed."""
    if remove is None:
        rows = with_user(ctx, config, data_dir, pool, name, rows_of)
        table(rows, _COLUMNS, as_json=as_json, empty="There is nothing but the password, if there is one.")
        return
    confirm(f"Remove {remove} of {name}?", yes=yes)
    what = remove

    async def work(house: House, chosen: "Pool", found: "User") -> tuple["User", "Removed"]:
        from authserver.signin.factors.removing import Removing

        removing = Removing(house.stores.credentials, house.notices(), house.emit)
        return found, await removing.remove(chosen, found, what)

    user, removed = with_user(ctx, config, data_dir, pool, name, work)
    values = {"username": user.username, "id": user.id, "removed": removed.what, "count": removed.count}
    say(values, f"{user.username}: {removed.count} {removed.what} removed", as_json=as_json)


async def rows_of(house: House, pool: "Pool", user: "User") -> list[dict[str, object]]:
    """The factors and devices of a user, a row each. Backup codes are one row."""
    credentials = house.stores.credentials
    rows: list[dict[str, object]] = [
        {
            "kind": credential.kind,
            "name": credential.name,
            "created_at": moment(credential.created_at),
            "last_used_at": moment(credential.last_used_at),
            "id": credential.id,
        }
        for credential in await credentials.credentials(pool.id, user.id)
    ]
    left = await credentials.backup_codes_left(pool.id, user.id)
    if left:
        rows.append(
            {"kind": "backup_codes", "name": f"{left} left", "created_at": None, "last_used_at": None, "id": None}
        )
    now = house.clock()
    for device in await credentials.devices(pool.id, user.id):
        rows.append(
            {
                "kind": "device",
                "name": " ".join(part for part in (device.user_agent[:80], device.place, device.network) if part),
                "created_at": moment(device.first_seen),
                "last_used_at": moment(device.last_seen),
                "id": device.id,
                "remembered_until": moment(device.remembered_until) if device.remembered_until > now else None,
            }
        )
    return rows
