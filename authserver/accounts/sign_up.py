"""People registering themselves. Whether an address has an account already shows in nothing but the mail that it gets.

So an account is made in either case, or a second try with the same username, or a sign-in with it, would tell. Where the
address is another user's, no code ever reaches whoever registered, and the account stays as it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from authserver.accounts.confirmation import waiting_for
from authserver.accounts.directory import posing_fault
from authserver.accounts.password_change import PasswordChanges
from authserver.accounts.passwords import context_words
from authserver.crypto.passwords import Passwords
from authserver.crypto.secrets import digest
from authserver.effects import Clock, Random
from authserver.errors import Conflict, InvalidForm, Refusal, Throttled, WeakPassword
from authserver.events import Emit, Event
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.model.users import PasswordCredential, User
from authserver.rules.fields import read_fields, sign_up_fields
from authserver.store import Counters, Directory

PER_NETWORK = 30
"""Registrations that one network may ask for within `WINDOW`."""

WINDOW = 3600

TWICE_WITHIN = 3
"""Seconds within which the same form, sent again, is a double click."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the pool's trigger says before a registration: whether the user, or an address, counts as proven at once."""

    confirm: bool = False
    verify_email: bool = False
    verify_phone_number: bool = False


PreSignUp = Callable[[Pool, User, str | None], Awaitable[Decision]]
"""Asks the pool's trigger; may raise Vetoed. Takes the client_id too."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a person filled in: texts by the names of the fields. `binding` is the sign-in in whose course it was."""

    form: Mapping[str, str]
    password: str | None = field(default=None, repr=False)
    accepted_terms: bool = False
    language: str = "en"
    network: str = ""
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """The user, who may have an address to prove: `target`, as it was given. `set_at` is when the password was set, None
    where there is none.
    """

    user: User
    target: str | None
    set_at: int | None = None


class SignUp:
    """Registers people."""

    def __init__(
        self,
        directory: Directory,
        counters: Counters,
        passwords: Passwords,
        changes: PasswordChanges,
        clock: Clock,
        random: Random,
        emit: Emit,
        pre_sign_up: PreSignUp,
    ) -> None:
        self._directory = directory
        self._counters = counters
        self._passwords = passwords
        self._changes = changes
        self._clock = clock
        self._random = random
        self._emit = emit
        self._pre_sign_up = pre_sign_up

    async def register(
        self, pool: Pool, client: Client, registration: Registration, *, before: User | None = None
    ) -> Registered:
        """Create an account.

        Args:
            before: whom the same person registered a moment ago, and corrects now; nobody has confirmed it.

        Raises Refusal where sign-up is off, InvalidForm, WeakPassword, Vetoed, Throttled, Busy; Conflict if it is the
        same registration once more.
        """
        if not pool.sign_up.enabled:
            raise Refusal("People cannot register themselves here.")
        password = registration.password if "password" in pool.mfa.first_factors else None
        values, found = read_fields(sign_up_fields(pool), registration.form, now=self._clock())
        user = self._user(pool, values, registration)
        faults = [*found, *_more_faults(pool, client, user, registration)]
        try:
            if password:
                await self._changes.judge(pool, None, password, context_words(user.username, user.email))
        except WeakPassword as weak:
            if not faults:
                raise
            faults += [("new_password", rule, "") for rule in weak.rules]
        if faults:
            raise InvalidForm(tuple(faults))
        if before is not None and _same_person(before, user):
            raise Conflict("This page was sent twice.")
        once = await self._once(pool, user, registration.binding)
        try:
            user, credential = await self._create(pool, client, user, password, registration, before)
        except Exception:
            await self._counters.give_back(pool.id, once)  # nobody was created: the same may be sent again
            raise
        self._emit(Event("user.signed_up", pool.id, user.id, client.client_id, details={"state": user.state}))
        waiting = waiting_for(pool, user) if user.state == "unconfirmed" else None
        return Registered(
            user,
            getattr(user, waiting) if waiting is not None else None,
            credential.set_at if credential is not None else None,
        )

    async def _create(
        self,
        pool: Pool,
        client: Client,
        user: User,
        password: str | None,
        registration: Registration,
        before: User | None,
    ) -> tuple[User, PasswordCredential | None]:
        """The account as the pool's trigger wants it. Raises as `register`."""
        await self._admit(pool, registration.network)
        for kind in ("username", "preferred_username"):
            if await self._taken(pool, user, kind, before):
                raise InvalidForm(((kind, "taken", ""),))
        encoded = await self._passwords.hash(password) if password is not None else None
        user = _decided(pool, user, await self._pre_sign_up(pool, user, client.client_id))
        now = int(self._clock())
        credential = PasswordCredential(user.id, encoded, now) if encoded is not None else None
        if before is not None:
            await self._directory.delete_user(pool.id, before.id, state="unconfirmed")  # not if it was confirmed by now
        try:
            await self._directory.create_user(pool.id, user, credential)
        except Conflict:
            # Only an address that the pool's trigger calls proven can be in the way besides the username.
            name = "email" if user.email_verified else "phone_number" if user.phone_number_verified else "username"
            raise InvalidForm(((name, "taken", ""),)) from None
        return user, credential

    def _user(self, pool: Pool, values: Mapping[str, object], registration: Registration) -> User:
        now, policy = int(self._clock()), pool.sign_up
        user_id = self._random.uuid()
        username, email, phone_number = (values.get(name) for name in ("username", "email", "phone_number"))
        attributes = {
            name: value
            for name, value in values.items()
            if name not in {"username", "email", "phone_number"} and value is not None
        }
        attributes.setdefault("locale", registration.language)
        return User(
            id=user_id,
            pool=pool.id,
            username=str(username) if username is not None else user_id,
            email=str(email) if email is not None else None,
            phone_number=str(phone_number) if phone_number is not None else None,
            attributes=attributes,
            state="unconfirmed" if pool.sign_up.verify else "confirmed",
            created_at=now,
            updated_at=now,
            # Where there are none nothing was agreed to, whatever a form says.
            accepted_terms_at=now if registration.accepted_terms and (policy.terms_uri or policy.policy_uri) else None,
        )

    async def _once(self, pool: Pool, user: User, binding: str) -> str:
        """Of two clicks at once the second waits for what becomes of the first. Returns what this one is counted under.
        Raises Conflict.
        """
        what = "\0".join((binding, user.username if user.username != user.id else "", user.email or ""))
        once = f"sign-up once {digest(what)}"
        admission = await self._counters.admit_within(pool.id, once, now=self._clock(), limit=1, window=TWICE_WITHIN)
        if not admission.allowed:
            raise Conflict("This page was sent twice.")
        return once

    async def _admit(self, pool: Pool, network: str) -> None:
        admission = await self._counters.admit_within(
            pool.id, f"sign-up {network}", now=self._clock(), limit=PER_NETWORK, window=WINDOW
        )
        if not admission.allowed:
            raise Throttled(admission.retry_after)

    async def _taken(self, pool: Pool, user: User, kind: str, before: User | None) -> bool:
        """Whether somebody else has the name, where people sign in by names of this kind."""
        name = user.username if kind == "username" else user.attributes.get(kind)
        if kind not in pool.sign_in_with or not isinstance(name, str):
            return False
        found = await self._directory.find_user(pool.id, name, (kind,))
        return found is not None and (before is None or found.id != before.id)


def _same_person(before: User, now: User) -> bool:
    """Whether a registration repeats the one before, as by a double click."""
    named = [u.username if u.username != u.id else "" for u in (before, now)]
    return named[0] == named[1] and (before.email, before.phone_number) == (now.email, now.phone_number)


def _more_faults(pool: Pool, client: Client, user: User, registration: Registration) -> list[tuple[str, str, str]]:
    """What joins several fields, or is the pool's own policy."""
    faults: list[tuple[str, str, str]] = []
    # Not even as the own address: nothing proves yet that it is.
    if posing_fault(pool, user.username, None, None) is not None:
        faults.append(("username", "address", ""))
    domain = (user.email or "").rpartition("@")[2].lower()
    if user.email is not None and pool.sign_up.allowed_domains and domain not in pool.sign_up.allowed_domains:
        faults.append(("email", "domain", ""))
    names = [n for n in pool.sign_in_with if n != "preferred_username"]
    present = {"username": user.username != user.id, "email": user.email, "phone_number": user.phone_number}
    if names and not any(present.get(name) for name in names):
        faults.append((names[0], "empty", ""))
    if client.write_attributes is not None:
        allowed = {*client.write_attributes, "locale"}
        faults += [(name, "not_allowed", "") for name in user.attributes if name not in allowed]
    if pool.sign_up.terms_uri is not None and not registration.accepted_terms:
        faults.append(("terms", "empty", ""))
    if "password" in pool.mfa.first_factors and not registration.password:
        faults.append(("new_password", "empty", ""))
    return faults


def _decided(pool: Pool, user: User, decision: Decision) -> User:
    """The user as the trigger wants it (Cognito: autoConfirmUser, autoVerifyEmail, autoVerifyPhone)."""
    changed = replace(
        user,
        email_verified=decision.verify_email and user.email is not None,
        phone_number_verified=decision.verify_phone_number and user.phone_number is not None,
    )
    done = decision.confirm or (user.state == "unconfirmed" and waiting_for(pool, changed) is None)
    return replace(changed, state="confirmed") if done else changed
