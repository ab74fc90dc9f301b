"""A user's name, addresses and attributes, changed by an operator."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from authserver.accounts.directory import posing_fault, refuse
from authserver.accounts.notices import Notices
from authserver.effects import Clock
from authserver.events import Emit, Event
from authserver.messages.masking import mask
from authserver.model.credentials import Medium
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import attribute_faults, missing_attributes
from authserver.rules.names import username_fault
from authserver.store import Directory

ADDRESSES: Mapping[str, Medium] = {"email": "email", "phone_number": "sms"}


@dataclass(frozen=True, slots=True)
class Amendment:
    """What is to change; None leaves it. A new address is unproven unless it is said to be proven.

    `remove` are names of attributes, or `email` and `phone_number`.
    """

    username: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    phone_number: str | None = None
    phone_number_verified: bool | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


class Amending:
    """Amends users."""

    def __init__(self, directory: Directory, notices: Notices, clock: Clock, emit: Emit) -> None:
        self._directory = directory
        self._notices = notices
        self._clock = clock
        self._emit = emit

    async def amend(self, pool: Pool, user: User, amendment: Amendment) -> User:
        """Change what the amendment says, all or nothing. Whoever reads at a proven address that is given up is told.

        Raises:
            Invalid: with everything that is wrong.
            Conflict: a name or a proven address is another user's.
            NotFound: the user is gone.
        """
        now = int(self._clock())
        before = user

        def change(stored: User) -> User:
            nonlocal before
            before = stored
            changed = amended(pool, stored, amendment)
            return changed if changed == stored else replace(changed, updated_at=now)

        changed = await self._directory.change_user(pool.id, user.id, change)
        names = _differences(before, changed)
        if names:
            self._emit(Event("user.changed", pool.id, user.id, details={"changes": names}))
        for name, medium in ADDRESSES.items():
            address = getattr(changed, name)
            given_up = getattr(before, name) and getattr(before, f"{name}_verified")
            if given_up and address and fold(address) != fold(getattr(before, name)):
                await self._notices.address_changed(pool, before, name, mask(address, medium))
        return changed


def amended(pool: Pool, user: User, amendment: Amendment) -> User:
    """The user as the amendment has it. Pure. Raises Invalid with everything that is wrong."""
    faults = [
        *((name, "is set and removed at once") for name in amendment.remove if name in _set(amendment)),
        *attribute_faults(pool, amendment.attributes),
        *_fixed_faults(pool, user, {*amendment.attributes, *amendment.remove}, amendment.attributes),
    ]
    values: dict[str, Any] = {}
    for name, normal in (("email", normal_email), ("phone_number", normal_phone_number)):
        try:
            values |= _address(user, amendment, name, normal)
        except ValueError as error:
            faults.append((name, str(error)))
    refuse(faults)
    attributes = {k: v for k, v in user.attributes.items() if k not in amendment.remove} | dict(amendment.attributes)
    changed = replace(user, username=amendment.username or user.username, attributes=attributes, **values)
    refuse(_whole_faults(pool, user, changed))
    return changed


def _set(amendment: Amendment) -> set[str]:
    return {*amendment.attributes, *(name for name in ADDRESSES if getattr(amendment, name) is not None)}


def _address(user: User, amendment: Amendment, name: str, normal: Any) -> dict[str, object]:
    """The address and whether it is proven. Raises ValueError."""
    given, verified = getattr(amendment, name), getattr(amendment, f"{name}_verified")
    address = None if name in amendment.remove else getattr(user, name)
    proven = bool(address) and getattr(user, f"{name}_verified")
    if given is not None:
        normalized = normal(given)
        proven = proven and normalized == address  # the same once more is as proven as it was
        address = normalized
    if verified and address is None:
        raise ValueError("cannot be verified: there is none")
    return {name: address, f"{name}_verified": proven if verified is None else verified}


def _fixed_faults(
    pool: Pool, user: User, touched: Collection[str], values: Mapping[str, object]
) -> list[tuple[str, str]]:
    """What the pool lets nobody change once it is set."""
    fixed = {d.name for d in pool.attributes if not d.mutable}
    own = {**user.attributes, "email": user.email, "phone_number": user.phone_number}
    return [
        (name, "cannot be changed once it is set: the pool defines it so")
        for name in sorted(touched)
        if name in fixed and own.get(name) is not None and values.get(name) != own[name]
    ]


def _whole_faults(pool: Pool, before: User, after: User) -> list[tuple[str, str]]:
    """What is wrong with the user as a whole, as far as it was not wrong before."""
    faults: list[tuple[str, str]] = []
    if after.username != before.username:
        fault = username_fault(after.username)
        fault = fault or posing_fault(pool, after.username, after.email, after.phone_number)
        faults += [("username", fault)] if fault is not None else []
    lacking = set(missing_attributes(pool, _all(before)))
    faults += [
        (name, "is required by the pool") for name in missing_attributes(pool, _all(after)) if name not in lacking
    ]
    return faults


def _all(user: User) -> dict[str, object]:
    return {**user.attributes, "email": user.email, "phone_number": user.phone_number}


def _differences(before: User, after: User) -> list[str]:
    """The names of what differs, never the values."""
    own = ("username", "email", "email_verified", "phone_number", "phone_number_verified")
    names = [name for name in own if getattr(before, name) != getattr(after, name)]
    everything = {*before.attributes, *after.attributes}
    return [*names, *sorted(n for n in everything if before.attributes.get(n) != after.attributes.get(n))]
