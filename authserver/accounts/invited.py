"""What an invitation proves: a temporary password that only a mailbox was sent is known only to whoever reads there."""

from contextlib import suppress
from dataclasses import replace

import orjson

from authserver.crypto.secrets import digest
from authserver.errors import Conflict
from authserver.events import Emit, Event
from authserver.model.credentials import Medium
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.store import Directory, OneTime

INVITED = "invited"
"""The kind of one-time entry that remembers where a temporary password went."""


class InvitedAddresses:
    """Remembers where temporary passwords went, and believes those addresses once they were used."""

    def __init__(self, one_time: OneTime, directory: Directory, emit: Emit) -> None:
        self._one_time = one_time
        self._directory = directory
        self._emit = emit

    async def note(self, pool: Pool, user: User, medium: Medium, address: str, lifetime: int) -> None:
        """The temporary password that the user has now was sent to this address, and shown to nobody.

        Args:
            lifetime: of the password, in seconds.
        """
        credential = await self._directory.password(pool.id, user.id)
        if credential is None:
            return
        sent = orjson.dumps({"medium": medium, "address": address})
        with suppress(Conflict):  # invited twice within a second
            await self._one_time.put(pool.id, INVITED, _key(user, credential.set_at), sent, max(1, lifetime))

    async def prove(self, pool: Pool, user: User, set_at: int) -> None:
        """The temporary password that was set at that time was given and replaced. If it had been sent to an address
        that is still the user's, and nobody else has proven it, it is proven.
        """
        spent = await self._one_time.spend(pool.id, INVITED, _key(user, set_at))
        if spent is None or spent.replayed:
            return
        sent = orjson.loads(spent.value)

        def proven(current: User) -> User:
            by_mail = sent["medium"] == "email"
            own = current.email if by_mail else current.phone_number
            if own is None or fold(own) != fold(sent["address"]):
                return current
            return replace(current, email_verified=True) if by_mail else replace(current, phone_number_verified=True)

        with suppress(Conflict):
            changed = await self._directory.change_user(pool.id, user.id, proven)
            if changed.email_verified and not user.email_verified:
                self._emit(Event("email.verified", pool.id, user.id))
            if changed.phone_number_verified and not user.phone_number_verified:
                self._emit(Event("phone.verified", pool.id, user.id))


def _key(user: User, set_at: int) -> str:
    return digest(f"{user.id} {set_at}")
