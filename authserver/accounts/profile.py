"""A person's own profile: attributes within the pool's schema, and addresses that change once the new one is proven."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from authserver.accounts.links import Links
from authserver.accounts.mail_codes import MailCodes
from authserver.accounts.notices import Notices
from authserver.effects import Clock
from authserver.errors import Conflict, Invalid, InvalidForm
from authserver.events import Emit, Event
from authserver.messages.masking import mask
from authserver.model.credentials import CodePurpose, SentCode
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import attribute_faults
from authserver.rules.fields import Field, profile_fields, read_fields
from authserver.store import Directory

FIELDS: Mapping[str, CodePurpose] = {"email": "change_email", "phone_number": "change_phone_number"}


class Profile:
    """Changes profiles."""

    def __init__(
        self, directory: Directory, codes: MailCodes, links: Links, notices: Notices, clock: Clock, emit: Emit
    ) -> None:
        self._directory = directory
        self._codes = codes
        self._links = links
        self._notices = notices
        self._clock = clock
        self._emit = emit

    async def save(self, pool: Pool, user: User, form: Mapping[str, str]) -> User:
        """Take the fields that the person may change. What is left empty is removed. Raises InvalidForm."""
        return await self._take(pool, user, profile_fields(pool), form, _locale(pool, form))

    async def fill(self, pool: Pool, user: User, fields: Iterable[Field], form: Mapping[str, str]) -> User:
        """Take these fields alone, by the same rules. An address counts as not proven. Raises InvalidForm."""
        return await self._take(pool, user, fields, form, {})

    async def _taken(self, pool: Pool, user: User, name: object) -> bool:
        """Whether somebody else signs in by this preferred username."""
        if "preferred_username" not in pool.sign_in_with or not isinstance(name, str):
            return False
        found = await self._directory.find_user(pool.id, name, ("preferred_username",))
        return found is not None and found.id != user.id

    async def _take(
        self, pool: Pool, user: User, fields: Iterable[Field], form: Mapping[str, str], more: Mapping[str, object]
    ) -> User:
        values, faults = read_fields(fields, form, now=self._clock())
        values |= more
        addresses = {name: values.pop(name) for name in FIELDS if name in values}
        present = {name: value for name, value in values.items() if value is not None}
        known = {name for name, _, _ in faults}
        broken = [(name, sentence) for name, sentence in attribute_faults(pool, present) if name not in known]
        found = [*faults, *((name, "invalid", sentence) for name, sentence in broken)]
        if not found and await self._taken(pool, user, present.get("preferred_username")):
            found.append(("preferred_username", "taken", ""))
        if found:
            raise InvalidForm(tuple(found))
        now = int(self._clock())

        def change(current: User) -> User:
            attributes = {k: v for k, v in current.attributes.items() if k not in values} | present
            added: dict[str, Any] = {name: value for name, value in addresses.items() if not getattr(current, name)}
            added |= {f"{name}_verified": False for name in added}
            return replace(current, attributes=attributes, updated_at=now, **added)

        changed = await self._directory.change_user(pool.id, user.id, change)
        names = sorted(k for k in values if user.attributes.get(k) != changed.attributes.get(k))
        names += sorted(k for k in addresses if getattr(user, k) != getattr(changed, k))
        if names:
            self._emit(Event("user.profile_changed", pool.id, user.id, details={"attributes": names}))
        return changed

    async def begin_address(
        self, pool: Pool, user: User, field: str, typed: str, *, binding: str, language: str
    ) -> SentCode:
        """Send a code to a new address; the old one stays until the code came back. The same answer whether the address
        is somebody's already. Raises Invalid, Throttled.
        """
        address = _normal(field, typed)
        if fold(address) == fold(getattr(user, field) or "") and getattr(user, f"{field}_verified"):
            raise Invalid("That is the address you have.", field="unchanged")
        taken = await self._directory.find_user(pool.id, address, (field,))
        somebody_elses = taken is not None and taken.id != user.id
        medium = "email" if field == "email" else "sms"
        return await self._codes.send(
            pool,
            purpose=FIELDS[field],
            user=None if somebody_elses else user,
            medium="email" if medium == "email" else "sms",
            target=address,
            binding=binding,
            language=language,
            value=address,
            instead=self._notices.account_exists(pool, taken, "email", address, language)
            if somebody_elses and taken is not None and field == "email"
            else None,
        )

    async def finish_address(self, pool: Pool, user: User, field: str, handle: str, code: str, *, binding: str) -> User:
        """The code came back: the new address takes the old one's place, whose reader is told.

        Raises Invalid, WrongCode, CodeExpired, Throttled; Conflict if somebody else proved the address meanwhile.
        """
        sent = await self._codes.peek(pool, handle)
        nobody = sent is not None and sent.user_id is None
        proven = await self._codes.verify(
            pool, handle, code, purpose=FIELDS[field], binding=binding, user_id=None if nobody else user.id
        )
        return await self.address_proven(pool, user, proven)

    async def address_proven(self, pool: Pool, user: User, sent: SentCode) -> User:
        """A new address was proven, by code or by link. Raises Conflict."""
        field = "email" if sent.medium == "email" else "phone_number"
        now = int(self._clock())
        values = {field: sent.value or sent.target, f"{field}_verified": True}
        before = await self._directory.user(pool.id, user.id)
        if before is None:
            raise Conflict("The account is gone.")
        changed = await self._directory.change_user(
            pool.id,
            user.id,
            lambda current: replace(current, updated_at=now, **values),  # type: ignore[arg-type]  # names of fields
        )
        self._emit(Event(f"{field.removesuffix('_number')}.changed", pool.id, user.id))
        if getattr(before, field) and getattr(before, f"{field}_verified"):
            masked = mask(str(values[field]), sent.medium)
            await self._notices.address_changed(pool, before, field, masked)
        return changed


def _locale(pool: Pool, form: Mapping[str, str]) -> dict[str, object]:
    """The language of pages and messages, if the form has it."""
    locale = form.get("locale")
    return {"locale": locale} if locale in pool.languages else {}


def _normal(field: str, typed: str) -> str:
    typed = typed.strip()
    if not typed:
        raise Invalid("Enter the address.", field="empty")
    try:
        if len(typed) > 320:
            raise ValueError("too long")
        return normal_email(typed) if field == "email" else normal_phone_number(typed)
    except ValueError:
        raise Invalid("That is no address.", field="invalid") from None
