"""Factors of a user, removed by an operator: a lost phone, a lost key, a browser that somebody else holds now."""

from dataclasses import dataclass

from authserver.accounts.notices import Notices
from authserver.errors import Invalid, NotFound
from authserver.events import OPERATOR, Emit, Event
from authserver.model.pools import FactorKind, Pool
from authserver.model.users import User
from authserver.store import Credentials

KINDS = ("totp", "passkey", "email_code", "sms_code")


@dataclass(frozen=True, slots=True)
class Removed:
    """What went: how many of which `what` ("totp", "passkey", "backup_codes", "devices", ...)."""

    what: str
    count: int


class Removing:
    """Removes factors and remembered browsers. The owner is told of every factor, and no session ends."""

    def __init__(self, credentials: Credentials, notices: Notices, emit: Emit) -> None:
        self._credentials = credentials
        self._notices = notices
        self._emit = emit

    async def remove(self, pool: Pool, user: User, named: str) -> Removed:
        """Remove what is named: a kind of factor with all of its kind (`totp`), one of them (`passkey:<id>`),
        `backup_codes`, or `devices`.

        Raises:
            Invalid: nothing can be named so.
            NotFound: the user has none of it.
        """
        kind, colon, credential_id = named.partition(":")
        if kind in KINDS and (credential_id or not colon):
            return await self._credentials_of(pool, user, kind, credential_id)
        if named == "backup_codes":
            return await self._backup_codes(pool, user)
        if named == "devices":
            return await self._devices(pool, user)
        raise Invalid(f"`{named}` is none of {', '.join(KINDS)} (or one of them: KIND:ID), backup_codes, devices.")

    async def _credentials_of(self, pool: Pool, user: User, kind: str, credential_id: str) -> Removed:
        own = await self._credentials.credentials(pool.id, user.id)
        chosen = [c for c in own if c.kind == kind and credential_id in {"", c.id}]
        gone = [c for c in chosen if await self._credentials.delete_credential(pool.id, user.id, c.id)]
        for credential in gone:
            details = {"factor": credential.kind, "credential": credential.id}
            self._emit(Event("factor.removed", pool.id, user.id, actor=OPERATOR, details=details))
        if not gone:
            raise NotFound(f"The user {user.username} has no such {kind}.")
        await self._tell(pool, user, gone[0].kind)
        return Removed(kind, len(gone))

    async def _backup_codes(self, pool: Pool, user: User) -> Removed:
        left = await self._credentials.backup_codes_left(pool.id, user.id)
        if not left:
            raise NotFound(f"The user {user.username} has no backup codes.")
        await self._credentials.put_backup_codes(pool.id, user.id, (), 0)
        self._emit(Event("backup_codes.removed", pool.id, user.id, actor=OPERATOR))
        await self._tell(pool, user, "backup_codes")
        return Removed("backup_codes", left)

    async def _devices(self, pool: Pool, user: User) -> Removed:
        count = await self._credentials.delete_devices(pool.id, user.id)
        if not count:
            raise NotFound(f"The user {user.username} has no devices.")
        self._emit(Event("device.forgotten", pool.id, user.id, actor=OPERATOR, details={"all": True}))
        return Removed("devices", count)

    async def _tell(self, pool: Pool, user: User, factor: FactorKind) -> None:
        await self._notices.factor_removed(pool, user, factor)
