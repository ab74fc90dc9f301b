"""Notices to owners: what happened to an account, told at the addresses that are proven, with a way to object."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from authserver.accounts.links import Links
from authserver.crypto.secrets import digest
from authserver.effects import Clock, Random
from authserver.messages.kinds import Kind, Message
from authserver.messages.outbox import Outbox
from authserver.model.credentials import Medium
from authserver.model.pools import FactorKind, Pool
from authserver.model.users import User
from authserver.store import OneTime

NOT_ME = "not_me"
"""The kind of one-time entry behind "this wasn't me"."""

OBJECTION = 7 * 86400
"""Seconds in which the owner can object by the link."""


_EVENTS = {
    Kind.NEW_DEVICE: "sign_in.succeeded",
    Kind.PASSWORD_CHANGED: "password.changed",
    Kind.EMAIL_CHANGED: "email.changed",
    Kind.PHONE_NUMBER_CHANGED: "phone.changed",
    Kind.FACTOR_ADDED: "factor.enrolled",
    Kind.FACTOR_REMOVED: "factor.removed",
    Kind.IDENTITY_LINKED: "identity.linked",
}


@dataclass(frozen=True, slots=True)
class Disputed:
    """What a notice told, and its owner may object to: an event of a user at a time (seconds). `email` or `phone_number`
    is the proven address that it took away.
    """

    user_id: str
    event: str = "sign_in.succeeded"
    at: int | None = None
    email: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened, in words: the browser, the place if one is known, and the address."""

    device: str = ""
    place: str = ""
    network: str = ""


class Notices:
    """Tells owners. What cannot be told, because no address is proven, is told to nobody."""

    def __init__(self, outbox: Outbox, one_time: OneTime, links: Links, clock: Clock, random: Random) -> None:
        self._outbox = outbox
        self._one_time = one_time
        self._links = links
        self._clock = clock
        self._random = random

    async def new_device(self, pool: Pool, user: User, where: Place, client_name: str = "") -> None:
        """A browser signed in that never had."""
        await self._tell(pool, user, Kind.NEW_DEVICE, where=where, objectionable=True, client_name=client_name)

    async def password_changed(self, pool: Pool, user: User, where: Place | None = None) -> None:
        await self._tell(pool, user, Kind.PASSWORD_CHANGED, where=where, objectionable=True)

    async def address_changed(self, pool: Pool, before: User, field: str, masked: str) -> None:
        """Told at the address that was given up: whoever still reads there must know."""
        kind = Kind.EMAIL_CHANGED if field == "email" else Kind.PHONE_NUMBER_CHANGED
        gone = {}
        if field == "email" and before.email_verified:
            gone["email"] = before.email
        elif field == "phone_number" and before.phone_number_verified:
            gone["phone_number"] = before.phone_number
        await self._tell(pool, before, kind, address=masked, objectionable=True, gone=gone)

    async def factor_added(self, pool: Pool, user: User, factor: FactorKind) -> None:
        await self._tell(pool, user, Kind.FACTOR_ADDED, factor=factor, objectionable=True)

    async def factor_removed(self, pool: Pool, user: User, factor: FactorKind) -> None:
        await self._tell(pool, user, Kind.FACTOR_REMOVED, factor=factor, objectionable=True)

    async def identity_linked(self, pool: Pool, user: User, provider: str) -> None:
        """A login of another provider, by the name that people know it by, signs in to the account from now on."""
        await self._tell(pool, user, Kind.IDENTITY_LINKED, provider=provider, objectionable=True)

    async def deletion_planned(self, pool: Pool, user: User) -> None:
        link = self._links.page(pool, "account")
        await self._tell(pool, user, Kind.DELETION_PLANNED, link=link, ends_at=user.delete_after)

    async def locked(self, pool: Pool, user: User) -> None:
        """Password sign-in is closed after too many failures."""
        await self._tell(pool, user, Kind.ACCOUNT_LOCKED)

    async def reset_required(self, pool: Pool, user: User) -> None:
        """An operator asks for a new password."""
        await self._tell(pool, user, Kind.RESET_REQUIRED, link=self._links.page(pool, "account"))

    def account_exists(self, pool: Pool, owner: User, medium: Medium, target: str, language: str) -> Message:
        """As `account_exists` below."""
        return account_exists(self._links, pool, owner, medium, target, language)

    async def objection(self, pool: Pool, token: str) -> Disputed | None:
        """What the link is about; None if it is over or was used."""
        stored = await self._one_time.peek(pool.id, NOT_ME, digest(token)) if len(token) <= 64 else None
        return Disputed(**orjson.loads(stored)) if stored is not None else None

    async def object(self, pool: Pool, token: str) -> Disputed | None:
        """Use the link up. Returns what it is about."""
        spent = await self._one_time.spend(pool.id, NOT_ME, digest(token)) if len(token) <= 64 else None
        return Disputed(**orjson.loads(spent.value)) if spent is not None and not spent.replayed else None

    async def _tell(
        self,
        pool: Pool,
        user: User,
        kind: Kind,
        *,
        where: Place | None = None,
        objectionable: bool = False,
        link: str | None = None,
        factor: FactorKind | None = None,
        provider: str = "",
        address: str = "",
        client_name: str = "",
        ends_at: int | None = None,
        gone: Mapping[str, str | None] | None = None,
    ) -> None:
        way = way_to(user)
        if way is None:
            return
        now = int(self._clock())
        if objectionable:
            token = self._random.token(32)
            disputed = Disputed(user.id, _EVENTS[kind], now, **(gone or {}))
            await self._one_time.put(pool.id, NOT_ME, digest(token), orjson.dumps(disputed), OBJECTION)
            link = self._links.to(pool, "notMe")(token)
        where = where or Place()
        await self._outbox.send(
            pool,
            Message(
                kind=kind,
                medium=way[0],
                to=way[1],
                language=user.locale or pool.languages[0],
                user_id=user.id,
                client_name=client_name,
                username=user.username,
                link=link,
                factor=factor,
                provider=provider,
                address=address,
                device=where.device,
                place=where.place,
                network=where.network,
                when=now,
                zone=_zone(user),
                ends_at=ends_at,
            ),
        )


def account_exists(links: Links, pool: Pool, owner: User, medium: Medium, target: str, language: str) -> Message:
    """Somebody wants to prove an address that is this owner's: the owner is told, and the page tells nothing."""
    return Message(
        kind=Kind.ACCOUNT_EXISTS,
        medium=medium,
        to=target,
        language=owner.locale or language,
        user_id=owner.id,
        username=owner.username,
        link=links.page(pool, "account"),
    )


def way_to(user: User) -> tuple[Medium, str] | None:
    """How a user is told something: by a proven email address, else by a proven phone number."""
    if user.email is not None and user.email_verified:
        return "email", user.email
    if user.phone_number is not None and user.phone_number_verified:
        return "sms", user.phone_number
    return None


def _zone(user: User) -> str:
    zone = user.attributes.get("zoneinfo")
    return zone if isinstance(zone, str) and zone else "UTC"
