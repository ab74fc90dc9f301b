"""Names that nobody has here and another system knows: who proves to be its user is taken over.

The systems are asked one after the other, and the first that knows the name decides: its no is a no, and where it does not
answer nobody else is asked. Otherwise whoever has the same name in the next system would come in by that one.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from authserver.accounts.directory import NewUser, Users
from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import Conflict, Invalid
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User, fold
from authserver.rules.addresses import normal_phone_number
from authserver.store import Counters, Directory
from authserver.triggers import Triggers
from authserver.triggers.points import UserMigration
from authserver.triggers.user_attributes import MigratedUser, apply_user_migration

ASKED_PER_HOUR: Final = 5
"""How often one forgotten name is asked about: as often as codes are sent to somebody who is here."""

NotTaken = Literal["unknown", "refused"]


class OtherSystem(Protocol):
    """A system that may know somebody. Where the pool has none of the kind it knows nobody.

    May raise TriggerFailed if it does not answer, and Vetoed if it refuses with a sentence for the person.
    """

    def serves(self, pool: Pool) -> bool:
        """Whether the pool asks it at all."""
        ...

    async def prove(self, pool: Pool, name: str, password: str, client_id: str | None) -> MigratedUser | NotTaken:
        """Who has this name and this password there. "refused": it knows the name, and nobody comes in by it now."""
        ...

    async def find(self, pool: Pool, name: str, client_id: str | None) -> MigratedUser | None:
        """Who has this name there, without a proof: for a person who forgot the password."""
        ...


class TriggerSystem:
    """The pool's trigger `user_migration`. It does not tell a name it does not know from a wrong password."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    def serves(self, pool: Pool) -> bool:
        return pool.trigger("user_migration") is not None

    async def prove(self, pool: Pool, name: str, password: str, client_id: str | None) -> MigratedUser | NotTaken:
        request = UserMigration("Authentication", password)
        answer = await self._triggers.call(pool, request, username=name, client_id=client_id)
        migrated = apply_user_migration(answer, name, password) if answer is not None else None
        return migrated or "unknown"

    async def find(self, pool: Pool, name: str, client_id: str | None) -> MigratedUser | None:
        request = UserMigration("ForgotPassword")
        answer = await self._triggers.call(pool, request, username=name, client_id=client_id)
        return apply_user_migration(answer, name, None) if answer is not None else None


class Elsewhere:
    """Asks the other systems, and takes over whom they vouch for.

    Args:
        systems: in the order in which they are asked.
        emit: told of `user.not_migrated`, where somebody cannot be had here.
    """

    def __init__(
        self,
        systems: Sequence[OtherSystem],
        users: Users,
        directory: Directory,
        counters: Counters,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._systems = systems
        self._users = users
        self._directory = directory
        self._counters = counters
        self._clock = clock
        self._emit = emit

    async def at_sign_in(self, pool: Pool, name: str, password: str, client_id: str | None) -> User | None:
        """The user of this name, created just now with this password; None where no other system knows both.

        Raises TriggerFailed, Vetoed, Busy.
        """
        for system in self._serving(pool):
            found = await system.prove(pool, name, password, client_id)
            if found == "refused":
                return None
            if found != "unknown":
                return await self._taken_over(pool, name, found)
        return None

    async def at_recovery(self, pool: Pool, name: str, client_id: str | None) -> User | None:
        """The user of this name, created just now without a password; None where no other system knows the name, or knows
        no proven address to which this pool would send a code: then the account could not be entered here, and no longer
        by the password that it has there.

        Raises TriggerFailed, Vetoed.
        """
        systems = self._serving(pool)
        if not systems or not await self._admitted(pool, name):
            return None
        for system in systems:
            found = await system.find(pool, name, client_id)
            if found is not None:
                return await self._taken_over(pool, name, found) if _reachable(pool, found) else None
        return None

    def _serving(self, pool: Pool) -> list[OtherSystem]:
        return [system for system in self._systems if system.serves(pool)]

    async def _admitted(self, pool: Pool, name: str) -> bool:
        key = f"asked elsewhere {digest(fold(name))}"
        admission = await self._counters.admit_within(
            pool.id, key, now=self._clock(), limit=ASKED_PER_HOUR, window=3600
        )
        return admission.allowed

    async def _taken_over(self, pool: Pool, name: str, found: MigratedUser) -> User | None:
        """The user, created here; None where the name or an attribute is none that this pool can have."""
        if not _answers_to(pool, found, name):
            # Or else the next sign-in by this name would ask again, and find the account taken.
            names = ", ".join(pool.sign_in_with)
            self._not_taken(pool, found, f"would not be found again by what was typed; `sign_in_with` is {names}")
            return None
        new = NewUser(
            username=found.username,
            password=found.password,
            email=found.email,
            email_verified=found.email_verified,
            phone_number=found.phone_number,
            phone_number_verified=found.phone_number_verified,
            groups=found.groups,
            attributes=found.attributes,
        )
        try:
            return await self._users.take_over(pool, new, found.state)
        except Conflict as refusal:
            # Two tabs at once: the other one was faster. The password is judged against what is stored in any case.
            user = await self._directory.find_user(pool.id, name, pool.sign_in_with)
            if user is None:
                self._not_taken(pool, found, refusal.sentence)
            return user
        except Invalid as refusal:
            self._not_taken(pool, found, refusal.sentence)
            return None

    def _not_taken(self, pool: Pool, found: MigratedUser, reason: str) -> None:
        self._emit(Event("user.not_migrated", pool.id, details={"username": found.username, "reason": reason}))


def _answers_to(pool: Pool, found: MigratedUser, name: str) -> bool:
    """Whether the name that was typed is one by which the new user signs in."""
    own: dict[str, object] = {
        "username": found.username,
        "email": found.email if found.email_verified else None,
        "phone_number": _normal_number(found.phone_number) if found.phone_number_verified else None,
        "preferred_username": found.attributes.get("preferred_username"),
    }
    return fold(name) in {fold(value) for kind in pool.sign_in_with if isinstance(value := own[kind], str)}


def _normal_number(number: str | None) -> str | None:
    try:
        return normal_phone_number(number) if number is not None else None
    except ValueError:
        return None


def _reachable(pool: Pool, found: MigratedUser) -> bool:
    proven = {
        "email": found.email is not None and found.email_verified,
        "sms": found.phone_number is not None and found.phone_number_verified,
    }
    return any(proven[way] for way in pool.recovery.by)
