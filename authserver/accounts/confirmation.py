"""Addresses that people prove: at sign-up, and whenever a code comes back from one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from authserver.accounts.links import Links
from authserver.accounts.mail_codes import MailCodes
from authserver.accounts.notices import account_exists
from authserver.effects import Clock
from authserver.errors import Conflict
from authserver.events import Emit, Event
from authserver.model.credentials import Medium, SentCode
from authserver.model.pools import Pool
from authserver.model.users import User, UserFilter
from authserver.store import Directory

PostConfirmation = Callable[[Pool, User, str | None], Awaitable[None]]
"""Tells the pool's trigger of a confirmed user; takes the client_id too."""

FIELDS: dict[str, Medium] = {"email": "email", "phone_number": "sms"}
"""The addresses, and how a code gets to each."""


class Confirmations:
    """Sends the codes that confirm a new account, and takes note of what they prove."""

    def __init__(
        self,
        directory: Directory,
        codes: MailCodes,
        links: Links,
        clock: Clock,
        emit: Emit,
        post_confirmation: PostConfirmation,
    ) -> None:
        self._directory = directory
        self._codes = codes
        self._links = links
        self._clock = clock
        self._emit = emit
        self._post_confirmation = post_confirmation

    async def send(
        self,
        pool: Pool,
        user: User | None,
        *,
        binding: str,
        language: str,
        client_name: str,
        target: str = "",
    ) -> SentCode:
        """Send the code to the first address that the pool wants proven and that is not yet.

        An address that another user has proven gets no code, but its owner a message; and where the user is no more,
        `target` gets nothing. The result looks the same, and no code matches. Raises Throttled.
        """
        field = (_to_prove(pool, user) if user is not None else None) or "email"
        address: str = (getattr(user, field) if user is not None else target) or ""
        owner = await self._directory.find_user(pool.id, address, (field,)) if address else None
        taken = owner is not None and (user is None or owner.id != user.id)
        sent = await self._codes.send(
            pool,
            purpose="confirm",
            user=None if taken or not address else user,
            medium=FIELDS[field],
            target=address or (user.username if user is not None else "nobody"),
            binding=binding,
            language=language,
            client_name=client_name,
            link=self._links.to(pool, "confirm"),
            instead=account_exists(self._links, pool, owner, FIELDS[field], address, language)
            if owner is not None and taken
            else None,
        )
        if owner is not None and taken:
            self._emit(Event("sign_up.address_taken", pool.id, owner.id))
        return sent

    async def confirmed(self, pool: Pool, user: User, sent: SentCode, client_id: str | None) -> User:
        """The code came back: the address is proven, and with the last of them the account is confirmed.

        Raises Conflict if somebody else proved the address first.
        """
        field = "email" if sent.medium == "email" else "phone_number"
        changed = await self.address_proven(pool, user, field, sent.target)
        if user.state == "unconfirmed" and changed.state == "confirmed":
            self._emit(Event("user.confirmed", pool.id, user.id, client_id))
            await self._post_confirmation(pool, changed, client_id)
        return changed

    async def address_proven(self, pool: Pool, user: User, field: str, target: str) -> User:
        """Note an address as proven, if it still is the user's. Accounts that waited with the same one never get it:
        whoever opened them did not own it (security reference W15).
        """
        now = int(self._clock())

        def change(current: User) -> User:
            if getattr(current, field) != target:
                return current
            values = {field: target, f"{field}_verified": True}
            changed = replace(current, updated_at=now, **values)  # type: ignore[arg-type]  # names of fields
            if changed.state == "unconfirmed" and waiting_for(pool, changed) is None:
                changed = replace(changed, state="confirmed")
            return changed

        changed = await self._directory.change_user(pool.id, user.id, change)
        if not getattr(changed, f"{field}_verified"):
            raise Conflict("The address is another one by now.")
        await self._drop_squatters(pool, changed, field)
        self._emit(Event(f"{field.removesuffix('_number')}.verified", pool.id, user.id))
        return changed

    async def _drop_squatters(self, pool: Pool, owner: User, field: str) -> None:
        wanted = UserFilter(**{field: getattr(owner, field)}, state="unconfirmed")
        for other in await self._directory.users(pool.id, wanted, limit=100):
            if other.id != owner.id and not getattr(other, f"{field}_verified"):
                await self._directory.delete_user(pool.id, other.id)
                self._emit(Event("user.deleted", pool.id, other.id, details={"reason": "address proven by another"}))


def _to_prove(pool: Pool, user: User) -> str | None:
    """Where the code that confirms an account goes: to the address that the pool waits for, or, if it waits for none any
    more, to any that the user has, proven ones last.
    """
    own = [name for name in FIELDS if getattr(user, name) is not None]
    own.sort(key=lambda name: bool(getattr(user, f"{name}_verified")))
    return waiting_for(pool, user) or next(iter(own), None)


def waiting_for(pool: Pool, user: User) -> str | None:
    """The address that the user still has to prove before the account may be used; None if there is none."""
    for field in pool.sign_up.verify:
        if getattr(user, field) is not None and not getattr(user, f"{field}_verified"):
            return field
    return None
