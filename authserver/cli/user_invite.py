"""`poolgate user invite`: a temporary password goes to the person, who replaces it at the first sign-in."""

from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli._context import Config, DataDir, House, Json, PoolId
from authserver.cli._output import moment, say, warn
from authserver.cli._users import Name, row_of, with_user

if TYPE_CHECKING:
    from authserver.accounts.invitations import Invitations, Invited, Way
    from authserver.model.credentials import Medium
    from authserver.model.pools import Pool
    from authserver.model.users import User

By = Annotated[
    str | None, typer.Option("--by", metavar="MEDIUM", help="email or sms; by default email, if there is an address.")
]
Client = Annotated[
    str | None,
    typer.Option(
        "--client", metavar="CLIENT_ID", help="The invitation leads to its client_uri, not to the account page."
    ),
]


def invite(
    ctx: typer.Context,
    name: Name,
    resend: Annotated[
        bool, typer.Option("--resend", help="Replace a temporary password that was given before.")
    ] = False,
    by: By = None,
    client: Client = None,
    pool: PoolId = None,
    config: Config = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send a temporary password to a user who has none, or only a temporary one."""
    medium = medium_of(by)

    async def work(house: House, chosen: "Pool", found: "User") -> "Invited":
        way = await way_of(house, chosen, medium, client)
        return await invitations(house).invite(chosen, found, way, resend=resend)

    tell(with_user(ctx, config, data_dir, pool, name, work), as_json=as_json)


def invitations(house: House) -> "Invitations":
    """What invites people."""
    from authserver.accounts.invitations import Invitations
    from authserver.accounts.invited import InvitedAddresses

    return Invitations(
        house.stores.directory,
        house.users(),
        house.outbox(),
        house.links(),
        InvitedAddresses(house.stores.one_time, house.stores.directory, house.emit),
        house.clock,
        house.random,
        house.emit,
    )


def medium_of(by: str | None) -> "Medium | None":
    """What `--by` asks for. Raises typer.BadParameter."""
    media: tuple[Medium, ...] = ("email", "sms")
    medium = next((each for each in media if each == by), None)
    if medium is None and by is not None:
        raise typer.BadParameter("must be email or sms", param_hint="--by")
    return medium


async def way_of(house: House, pool: "Pool", medium: "Medium | None", client_id: str | None) -> "Way":
    """The way that the options ask for; warns where nothing carries messages. Raises NotFound, Invalid."""
    from authserver.accounts.invitations import Way
    from authserver.errors import Invalid, NotFound

    client = await house.stores.registry.client(pool.id, client_id) if client_id is not None else None
    if client_id is not None and client is None:
        raise NotFound(f"There is no client {client_id!r} in the pool {pool.id}.")
    if client is not None and client.client_uri is None:
        raise Invalid(f"The client {client_id} has no client_uri that the invitation could lead to.", field="client")
    carried = {
        "email": house.settings.mail_url is not None or pool.trigger("custom_email_sender") is not None,
        "sms": house.settings.sms_url is not None or pool.trigger("custom_sms_sender") is not None,
    }
    wanted = (medium,) if medium is not None else ("email", "sms")
    if not any(carried[kind] for kind in wanted):
        keys = " and ".join({"email": "`mail.url`", "sms": "`sms.url`"}[kind] for kind in wanted)
        warn(f"these settings have no {keys}: the message goes out only if the running server has one")
    return Way(medium, client)


def tell(invited: "Invited", *, as_json: bool) -> None:
    """Say who was invited. The password goes to nobody but the person."""
    by = {"email": "email", "sms": "text message"}[invited.medium]
    values = row_of(invited.user) | {"invited_by": invited.medium, "password_expires_at": moment(invited.ends_at)}
    sentence = (
        f"{invited.user.username} is invited by {by}; the temporary password is good until {moment(invited.ends_at)}"
    )
    say(values, sentence, as_json=as_json)
