"""What is looked at around a sign-in: signals of risk before, the browser and the notices after, the pool's triggers."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from authserver.accounts.notices import Notices, Place
from authserver.effects import Clock
from authserver.events import Emit, Event
from authserver.model.credentials import Device
from authserver.model.pools import Pool
from authserver.model.sessions import Session, SignIn
from authserver.model.users import User
from authserver.protection.agents import describe
from authserver.protection.places import Places
from authserver.protection.risk import Visit, assess, strongest
from authserver.signin.origin import Origin
from authserver.store import Credentials, Directory

SEEN_EVERY = 3600
"""Seconds: when a known browser was last seen is written at most that often."""

PostAuthentication = Callable[[Pool, User, str, bool], Awaitable[None]]
"""Tells the pool's trigger of a sign-in whose session is about to open: pool, user, client_id, whether the device is new.
May raise Vetoed.
"""


class Watch:
    """Looks at sign-ins."""

    def __init__(
        self,
        *,
        directory: Directory,
        credentials: Credentials,
        places: Places,
        notices: Notices,
        clock: Clock,
        emit: Emit,
        post_authentication: PostAuthentication | None = None,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._places = places
        self._notices = notices
        self._clock = clock
        self._emit = emit
        self._post_authentication = post_authentication

    def where(self, origin: Origin) -> Place:
        """Where somebody comes from, in words."""
        place = self._places.find(origin.network)
        return Place(describe(origin.user_agent).words, place.words if place is not None else "", origin.address)

    async def signals(self, pool: Pool, user: User, origin: Origin) -> tuple[str, ...]:
        """What speaks against this sign-in."""
        if {pool.risk.new_device, pool.risk.new_network, pool.risk.impossible_travel} == {"ignore"}:
            return ()
        known = await self._credentials.device(pool.id, user.id, origin.device) if origin.device else None
        if known is not None and known.network == origin.network and known.user_agent == origin.user_agent:
            return ()  # as nearly always
        devices = await self._credentials.devices(pool.id, user.id)
        visit = Visit(origin.device, origin.network, origin.user_agent, int(self._clock()))
        return assess(pool.risk, devices, visit, self._places.find).signals

    async def known_device(self, pool: Pool, user: User | None, origin: Origin) -> str | None:
        """The browser, if it signed this user in before. Asked of the store for nobody too, for the time it takes."""
        known = await self._credentials.device(pool.id, user.id if user is not None else "-", origin.device or "-")
        return known.id if known is not None else None

    async def blocked(
        self, pool: Pool, user: User | None, sign_in: SignIn, origin: Origin, client_name: str = ""
    ) -> None:
        """The pool lets no such sign-in in. The owner is told: somebody knows the password."""
        self._emit(
            Event(
                "sign_in.blocked",
                pool.id,
                user.id if user is not None else None,
                sign_in.request.client_id,
                origin.address,
                {"signals": sign_in.risks},
            )
        )
        if user is not None:
            await self._notices.new_device(pool, user, self.where(origin), client_name)

    async def may_enter(self, pool: Pool, user_id: str, client_id: str, origin: Origin) -> None:
        """Raises Vetoed if the pool's trigger says no."""
        if self._post_authentication is None or pool.trigger("post_authentication") is None:
            return
        user = await self._directory.user(pool.id, user_id)
        if user is None:
            return
        known = await self._credentials.device(pool.id, user_id, origin.device) if origin.device else None
        await self._post_authentication(pool, user, client_id, known is None)

    async def entered(
        self,
        pool: Pool,
        user_id: str,
        client_id: str,
        client_name: str,
        origin: Origin,
        session: Session,
        risks: tuple[str, ...],
        remember_days: int,
    ) -> None:
        """A session was opened: remember the browser, say so, and tell the owner of what the pool finds unusual."""
        amr = session.authentication.amr
        details = {"amr": amr, "acr": session.authentication.acr} | ({"signals": risks} if risks else {})
        self._emit(Event("sign_in.succeeded", pool.id, user_id, client_id, origin.address, details, sid=session.sid))
        if origin.device is not None:
            await self.remember(pool, user_id, origin, remember_days)
        if risks and strongest(pool.risk, risks) != "ignore":
            user = await self._directory.user(pool.id, user_id)
            if user is not None:
                await self._notices.new_device(pool, user, self.where(origin), client_name)

    async def remember(self, pool: Pool, user_id: str, origin: Origin, remember_days: int = 0) -> None:
        """This browser has signed the user in; for `remember_days` it needs no second factor."""
        now, device_id = int(self._clock()), origin.device or ""
        known = await self._credentials.device(pool.id, user_id, device_id)
        place = self._places.find(origin.network)
        seen = Device(
            id=device_id,
            user_id=user_id,
            user_agent=origin.user_agent,
            network=origin.network,
            place=place.words if place is not None else "",
            first_seen=known.first_seen if known is not None else now,
            last_seen=now,
            remembered_until=known.remembered_until if known is not None else 0,
        )
        if remember_days:
            seen = replace(seen, remembered_until=now + remember_days * 86400)
            self._emit(
                Event("device.remembered", pool.id, user_id, None, origin.address, {"until": seen.remembered_until})
            )
        if (
            known is not None
            and now - known.last_seen < SEEN_EVERY
            and replace(seen, last_seen=known.last_seen) == known
        ):
            return
        await self._credentials.put_device(pool.id, seen)
