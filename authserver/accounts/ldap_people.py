"""People of an LDAP directory: what an entry says, as a user of the pool."""

import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import structlog

from authserver.accounts.elsewhere import NotTaken
from authserver.accounts.external_values import taken_values
from authserver.errors import TriggerFailed
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.rules.ldap import normal_dn
from authserver.triggers.user_attributes import MigratedUser
from federation.mapping import LONGEST_VALUE, Mapped

log = structlog.get_logger("ldap")

Outcome = Literal["unknown", "refused", "ambiguous"]
"""Of a name: no entry has it; one has, and the password is another or the directory does not let it in; several have."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a directory: values by attribute, whose names are in lower case, and the DNs of its groups."""

    dn: str
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


class Ldap(Protocol):
    """Asks a pool's directory. Raises TriggerFailed where it does not answer in time, or not as it should."""

    async def prove(self, pool: Pool, username: str, password: str) -> Entry | Outcome:
        """The entry of this name, if the directory takes the password for it."""
        ...

    async def find(self, pool: Pool, username: str) -> Entry | Outcome:
        """The entry of this name."""
        ...


class LdapPeople:
    """The pool's directory as another system.

    Args:
        emit: told of `ldap.answered` and `ldap.failed`, and of `user.not_migrated` where an entry is of no use.
    """

    def __init__(self, ldap: Ldap, emit: Emit) -> None:
        self._ldap = ldap
        self._emit = emit

    def serves(self, pool: Pool) -> bool:
        return pool.ldap.enabled

    async def prove(self, pool: Pool, name: str, password: str, client_id: str | None) -> MigratedUser | NotTaken:
        found = await self._told(pool, client_id, self._ldap.prove(pool, name, password))
        if isinstance(found, Entry):
            return self._user(pool, name, found, password) or "refused"
        if found == "ambiguous":
            self._of_no_use(pool, name, "several entries of the directory have this name")
        return "unknown" if found == "unknown" else "refused"

    async def find(self, pool: Pool, name: str, client_id: str | None) -> MigratedUser | None:
        found = await self._told(pool, client_id, self._ldap.find(pool, name))
        return self._user(pool, name, found, None) if isinstance(found, Entry) else None

    async def _told(self, pool: Pool, client_id: str | None, asked: Awaitable[Entry | Outcome]) -> Entry | Outcome:
        began = time.perf_counter()

        def tell(kind: str, **details: object) -> None:
            took = int((time.perf_counter() - began) * 1000)
            self._emit(Event(kind, pool.id, client_id=client_id, details={"milliseconds": took, **details}))

        try:
            found = await asked
        except TriggerFailed as failed:
            log.warning("the directory failed", pool=pool.id, url=pool.ldap.url, detail=failed.detail)
            tell("ldap.failed", reason=failed.detail)
            raise
        tell("ldap.answered", outcome="found" if isinstance(found, Entry) else found)
        return found

    def _user(self, pool: Pool, name: str, entry: Entry, password: str | None) -> MigratedUser | None:
        user, left_out = user_of(pool, entry, password)
        if left_out:
            words = "; ".join(f"{attribute} {reason}" for attribute, reason in left_out)
            log.info("values of the directory do not fit the pool", pool=pool.id, detail=words)
        if user is None:
            self._of_no_use(pool, name, f"the entry has no `{pool.ldap.attribute_mapping['username']}`")
        return user

    def _of_no_use(self, pool: Pool, name: str, reason: str) -> None:
        self._emit(Event("user.not_migrated", pool.id, details={"username": name, "reason": reason}))


def user_of(pool: Pool, entry: Entry, password: str | None) -> tuple[MigratedUser | None, tuple[tuple[str, str], ...]]:
    """The user that an entry stands for, None if it has no username; and what of it does not fit the pool. Pure.

    Where an attribute has several values the first is taken. An address is proven only if the pool says that the
    directory's are; a phone number never is.
    """
    policy = pool.ldap
    values: dict[str, object] = {}
    faults: list[tuple[str, str]] = []
    for ours, theirs in policy.attribute_mapping.items():
        value = next((v for each in entry.attributes.get(theirs.lower(), ()) if (v := each.strip())), None)
        if value is None:
            continue
        if len(value) > LONGEST_VALUE:
            faults.append((ours, f"has {len(value)} characters; {LONGEST_VALUE} may be kept"))
        else:
            values[ours] = value
    username = values.pop("username", None)
    if not isinstance(username, str):
        return None, tuple(faults)
    taken = taken_values(pool, Mapped({**values, "email_verified": policy.email_verified}, faults=tuple(faults)))
    user = MigratedUser(
        username=username,
        state="confirmed" if password is not None else "reset_required",
        password=password,
        email=taken.email,
        email_verified=taken.email_verified,
        phone_number=taken.phone_number,
        attributes=taken.attributes,
        groups=groups_of(pool, entry),
    )
    return user, taken.skipped


def groups_of(pool: Pool, entry: Entry) -> tuple[str, ...]:
    """The groups of the pool that the entry's groups mean."""
    known = {group.name for group in pool.groups}
    meanings = {normal_dn(dn): group for dn, group in pool.ldap.groups.names.items() if group in known}
    found: set[str] = set()
    for dn in entry.groups:
        try:
            group = meanings.get(normal_dn(dn))
        except ValueError:
            continue
        if group is not None:
            found.add(group)
    return tuple(sorted(found))
