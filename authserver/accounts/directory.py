"""The life of a user in the hands of an operator: created, given a password, grouped, disabled, deleted."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from authserver.accounts.passwords import check_password, context_words
from authserver.crypto.passwords import Passwords
from authserver.effects import Clock, Random
from authserver.errors import Conflict, Invalid, NotFound
from authserver.events import OPERATOR, Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import PasswordCredential, User, UserState, fold
from authserver.rules.addresses import normal_email, normal_phone_number
from authserver.rules.attributes import attribute_faults, missing_attributes
from authserver.rules.names import username_fault
from authserver.store import Credentials, Directory

EndAccess = Callable[[str, str], Awaitable[object]]
"""Ends every session and every grant of a user: takes the pool and the user's id."""

Ask = Callable[[Pool, User], Awaitable[None]]
"""Asks the pool's own code whether a user may be created. May raise Vetoed or TriggerFailed: nobody is created then."""

_LAST = 2**31


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create. The email address and phone number may be in any form that can be made normal.

    `temporary_until`: the password is good until then, in seconds, and is replaced at the first sign-in.
    """

    username: str
    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)
    email: str | None = None
    email_verified: bool = False
    phone_number: str | None = None
    phone_number_verified: bool = False
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    temporary_until: int | None = None


def new_user_faults(pool: Pool, new: NewUser) -> list[tuple[str, str]]:
    """What keeps the user from being created in this pool, each with its field."""
    faults: list[tuple[str, str]] = []
    if (fault := username_fault(new.username)) is not None or (
        fault := posing_fault(pool, new.username, new.email, new.phone_number)
    ) is not None:
        faults.append(("username", fault))
    for name, value, normal in (
        ("email", new.email, normal_email),
        ("phone_number", new.phone_number, normal_phone_number),
    ):
        try:
            _ = normal(value) if value is not None else None
        except ValueError as error:
            faults.append((name, str(error)))
    known = {group.name for group in pool.groups}
    faults += [("groups", f"`{name}` is no group of the pool") for name in new.groups if name not in known]
    faults += attribute_faults(pool, new.attributes)
    own = {"email": new.email, "phone_number": new.phone_number}
    faults += [(name, "is required by the pool") for name in missing_attributes(pool, {**new.attributes, **own})]
    faults += _password_faults(pool, new.password, new.username, new.email)
    return faults


def posing_fault(pool: Pool, username: str, email: str | None, phone_number: str | None) -> str | None:
    """A username wins over an email address at sign-in: nobody may take another's address as a name."""
    if "email" in pool.sign_in_with and "@" in username and fold(username) != fold(email or ""):
        return "looks like an email address, and is not the user's own"
    if "phone_number" in pool.sign_in_with and username.startswith("+") and username != phone_number:
        return "looks like a phone number, and is not the user's own"
    return None


def _password_faults(pool: Pool, password: str | None, username: str, email: str | None) -> list[tuple[str, str]]:
    if password is None:
        return []
    broken = check_password(pool.password_policy, password, context_words(username, email))
    return [("password", rule.sentence) for rule in broken]


def refuse(faults: Iterable[tuple[str, str]]) -> None:
    """Raise Invalid with all the faults, if there are any."""
    found = list(faults)
    if found:
        raise Invalid("\n".join(f"`{name}` {sentence}" for name, sentence in found), field=found[0][0])


def ordered_groups(pool: Pool, names: Collection[str]) -> tuple[str, ...]:
    """Group names by precedence, then by name."""
    precedence = {g.name: g.precedence for g in pool.groups}

    def key(name: str) -> tuple[int, str]:
        own = precedence.get(name)
        return (own if own is not None else _LAST, name)

    return tuple(sorted(set(names), key=key))


class Users:
    """What an operator may do to the users of a pool.

    Args:
        end_access: called once a user may no longer use what was opened before.
    """

    def __init__(
        self,
        directory: Directory,
        credentials: Credentials,
        passwords: Passwords,
        clock: Clock,
        random: Random,
        end_access: EndAccess,
        emit: Emit,
    ) -> None:
        self._directory = directory
        self._credentials = credentials
        self._passwords = passwords
        self._clock = clock
        self._random = random
        self._end_access = end_access
        self._emit = emit

    async def find(self, pool: Pool, name: str) -> User:
        """The user of this username, verified email or phone number, or id. Raises NotFound."""
        found = await self._directory.find_user(pool.id, name, ("username", "email", "phone_number"))
        found = found or await self._directory.user(pool.id, name)
        if found is None:
            raise NotFound(f"There is no user {name!r} in the pool {pool.id}.")
        return found

    async def create(self, pool: Pool, new: NewUser, *, ask: Ask | None = None) -> User:
        """Create a confirmed user, or one with a temporary password. Raises Invalid with everything that is wrong,
        Conflict if a name is taken, Busy, and what `ask` raises.
        """
        user = await self._create(pool, new, ask)
        self._emit(Event("user.created", pool.id, user.id, details={"state": user.state}))
        return user

    async def _create(self, pool: Pool, new: NewUser, ask: Ask | None = None, *, vouched: str | None = None) -> User:
        """`vouched`: the password, as it is good elsewhere; no rule is asked about it."""
        refuse(new_user_faults(pool, new))
        if await self._directory.find_user(pool.id, new.username, ("username",)) is not None:
            raise Conflict(f"The username {new.username} is taken.")  # before the cost of a hash
        now = int(self._clock())
        user = User(
            id=self._random.uuid(),
            pool=pool.id,
            username=new.username,
            email=normal_email(new.email) if new.email is not None else None,
            email_verified=new.email is not None and new.email_verified,
            phone_number=normal_phone_number(new.phone_number) if new.phone_number is not None else None,
            phone_number_verified=new.phone_number is not None and new.phone_number_verified,
            attributes=dict(new.attributes),
            groups=ordered_groups(pool, new.groups),
            state="confirmed" if new.temporary_until is None else "must_change",
            created_at=now,
            updated_at=now,
        )
        if ask is not None:
            await ask(pool, user)
        password = new.password if vouched is None else vouched
        encoded = await self._passwords.hash(password) if password is not None else new.password_hash
        credential = PasswordCredential(user.id, encoded, now, new.temporary_until) if encoded is not None else None
        await self._directory.create_user(pool.id, user, credential)
        return user

    async def take_over(self, pool: Pool, new: NewUser, state: UserState) -> User:
        """Create a user that another system vouched for, in this state. The password is as it was there: this pool's
        rules are for new ones. Raises Invalid, Conflict, Busy.
        """
        user = await self._create(pool, replace(new, password=None), vouched=new.password)
        taken = await self._change(pool, user, lambda stored: replace(stored, state=state))
        self._emit(Event("user.migrated", pool.id, user.id))
        return taken

    async def set_password(self, pool: Pool, user: User, password: str, *, temporary_until: int | None = None) -> None:
        """Give the user a password, and end every session and grant made under the old one.

        Password sign-in that was closed after too many failures opens again. Raises Invalid, Busy.

        Args:
            temporary_until: until when it is good, in seconds; it is replaced at the next sign-in.
        """
        refuse(_password_faults(pool, password, user.username, user.email))
        encoded = await self._passwords.hash(password)
        before = await self._directory.password(pool.id, user.id)
        # Later than the one before, so that a proof of the old one cannot pass for a proof of this one.
        set_at = max(int(self._clock()), before.set_at + 1 if before is not None else 0)
        credential = PasswordCredential(user.id, encoded, set_at, temporary_until)
        if not await self._directory.set_password(pool.id, credential):
            raise NotFound(f"There is no user {user.username!r} in the pool {pool.id}.")
        await self._change(pool, user, _settled if temporary_until is None else _must_change)
        await self._directory.clear_password_failures(pool.id, user.id)
        await self._credentials.delete_devices(pool.id, user.id)  # one may be a thief's, who knew the old password
        await self._end_access(pool.id, user.id)
        self._emit(Event("password.set", pool.id, user.id))

    async def disable(self, pool: Pool, user: User) -> User:
        """Keep the user from signing in and end what is open. Disabling again ends it again."""
        changed = await self._disable(pool, user)
        self._emit(Event("user.disabled", pool.id, user.id))
        return changed

    async def _disable(self, pool: Pool, user: User) -> User:
        changed = await self._change(pool, user, lambda stored: replace(stored, state="disabled"))
        await self._end_access(pool.id, user.id)
        return changed

    async def enable(self, pool: Pool, user: User, *, linked: bool = False) -> User:
        """Let a disabled user sign in again; a temporary password is still to be replaced.

        Args:
            linked: the user has a login at another provider; who has no password of the pool's signs in by that alone.

        Raises Conflict if the user is not disabled.
        """
        password = await self._directory.password(pool.id, user.id)
        state: UserState = "external" if linked and password is None else "confirmed"
        if password is not None and password.expires_at is not None:
            state = "must_change"

        def enabled(stored: User) -> User:
            if stored.state != "disabled":
                raise Conflict(f"The user {stored.username} is not disabled, but {stored.state}.")
            return replace(stored, state=state)

        changed = await self._change(pool, user, enabled)
        self._emit(Event("user.enabled", pool.id, user.id))
        return changed

    async def delete(self, pool: Pool, user: User) -> None:
        """Delete the user with everything that belongs to it. Disabled first, so that no sign-in slips in between."""
        await self._disable(pool, user)
        if await self._directory.delete_user(pool.id, user.id):
            details = {"reason": "by an operator"}
            self._emit(Event("user.deleted", pool.id, user.id, actor=OPERATOR, details=details))

    async def change_groups(
        self, pool: Pool, user: User, *, add: Collection[str] = (), remove: Collection[str] = ()
    ) -> User:
        """Put the user into groups and take it out of others. Tokens show it from their next issue on. Raises Invalid."""
        known = {group.name for group in pool.groups}
        refuse(("groups", f"`{name}` is no group of the pool") for name in add if name not in known)

        before: set[str] = set()

        def regrouped(stored: User) -> User:
            before.clear()
            before.update(stored.groups)
            return replace(stored, groups=ordered_groups(pool, (before | set(add)) - set(remove)))

        changed = await self._change(pool, user, regrouped)
        after = set(changed.groups)
        if after != before:
            details = {"added": sorted(after - before), "removed": sorted(before - after)}
            self._emit(Event("user.groups_changed", pool.id, user.id, details=details))
        return changed

    async def _change(self, pool: Pool, user: User, change: Callable[[User], User]) -> User:
        """What `change` makes of the user as it is stored, with the time of the change if that differs."""
        now = int(self._clock())

        def dated(stored: User) -> User:
            changed = change(stored)
            return changed if changed == stored else replace(changed, updated_at=now)

        return await self._directory.change_user(pool.id, user.id, dated)


def _must_change(user: User) -> User:
    """Whoever may begin a sign-in has to replace the password in it."""
    return replace(user, state="must_change") if user.state in {"confirmed", "reset_required"} else user


def _settled(user: User) -> User:
    """With nothing left that a new password settles."""
    return replace(user, state="confirmed") if user.state in {"reset_required", "must_change"} else user
