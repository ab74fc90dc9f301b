"""The password factor: one try, counted before it is judged, and the same for names that do not exist (DESIGN 6.3)."""

import asyncio
import ipaddress
from dataclasses import dataclass, field

from authserver.crypto.passwords import Passwords
from authserver.crypto.secrets import digest
from authserver.effects import Clock
from authserver.errors import Throttled, WrongCredentials
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import PasswordCredential, User, fold
from authserver.store import Counters, Directory

FREE_TRIES = 10
"""Tries that are judged before anybody has to wait: the last of them starts the first pause (security reference S10)."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15 * 60.0
MEMORY = 24 * 3600
CLOSED_AFTER = 100
ADDRESS_LIMIT = 100
ADDRESS_WINDOW = 10 * 60

NOBODY = "-"
"""Stands for the id of a user that does not exist, so that the same questions are asked of the stores."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a try comes from: the peer's address, and the digest of the browser cookie if there is one."""

    address: str
    device: str | None = None

    @property
    def network(self) -> str:
        """What is counted: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:  # how a socket that takes both families names an IPv4 peer
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((address, 64), strict=False))
        return self.address


def sign_in_name(user: User, pool: Pool) -> str | None:
    """A name under which the person can sign in to the pool: the first of the kinds it takes that the person has."""
    preferred = user.attributes.get("preferred_username")
    names: dict[str, object] = {
        "username": user.username,
        "email": user.email if user.email_verified else None,
        "phone_number": user.phone_number if user.phone_number_verified else None,
        "preferred_username": preferred,
    }
    return next((name for kind in pool.sign_in_with if isinstance(name := names.get(kind), str) and name), None)


@dataclass(frozen=True, slots=True)
class Proof:
    """Who gave the right password, and the hash it was right for."""

    user: User
    encoded: str = field(repr=False)


class PasswordFactor:
    """Judges passwords, with limits over all paths that take one."""

    def __init__(
        self,
        directory: Directory,
        counters: Counters,
        passwords: Passwords,
        clock: Clock,
        emit: Emit,
        *,
        per_address: int = ADDRESS_LIMIT,
    ) -> None:
        self._directory = directory
        self._counters = counters
        self._passwords = passwords
        self._clock = clock
        self._emit = emit
        self._per_address = per_address

    async def still_holds(self, pool: Pool, proof: Proof, password: str) -> bool:
        """Whether what was proven is true now: a hashing takes long enough for a password to be replaced, or a user
        disabled, meanwhile. Asked once the session is there, for whoever changes either ends the sessions after.
        """
        user = await self._directory.user(pool.id, proof.user.id)
        credential = await self._directory.password(pool.id, proof.user.id)
        if user is None or not user.can_sign_in or credential is None:
            return False
        # Another hash may be of the same password, brought to today's parameters by another sign-in.
        return credential.hash == proof.encoded or await self._passwords.verify(credential.hash, password)

    async def prove(self, pool: Pool, identifier: str, password: str, origin: Origin, client_id: str | None) -> Proof:
        """The user, if the password is right. Raises WrongCredentials, Throttled, Busy, StoreUnavailable.

        A known device (a browser that signed this user in before) is counted apart, so that a stranger who guesses
        cannot lock the owner out (security reference W11).
        """
        directory, pool_id = self._directory, pool.id
        user = await directory.find_user(pool_id, identifier, pool.sign_in_with)
        user_id = user.id if user is not None else NOBODY
        known = await directory.knows_device(pool_id, user_id, origin.device or NOBODY)
        account = user_id if user is not None else "unknown " + digest(fold(identifier))
        key = f"password {account} {origin.device if known else ''}"
        await self._admit(pool, key, origin, user, client_id)

        failures = await directory.password_failures(pool_id, user_id)
        credential = await directory.password(pool_id, user_id)
        open_to_sign_in = user is not None and user.can_sign_in and (failures < CLOSED_AFTER or known)
        usable = credential if open_to_sign_in and len(password) <= pool.password_policy.max_length else None
        right = await self._passwords.verify(usable.hash if usable is not None else None, password)
        if user is None or usable is None or not right:
            if not known:
                await directory.count_password_failure(pool_id, user_id)
            self._report("sign_in.failed", pool, user, origin, client_id, reason=_reason(user, failures, right=right))
            raise WrongCredentials

        await asyncio.gather(
            self._counters.clear_guesses(pool_id, key), self._counters.give_back(pool_id, f"address {origin.network}")
        )
        if failures:
            await directory.clear_password_failures(pool_id, user_id)
        if self._passwords.needs_rehash(usable.hash):
            fresh = PasswordCredential(user_id, await self._passwords.hash(password), usable.set_at)
            if await directory.set_password(pool_id, fresh, replaces=usable.hash):
                usable = fresh
        if origin.device is not None and not known:
            await directory.remember_device(pool_id, user_id, origin.device, int(self._clock()))
        return Proof(user, usable.hash)

    async def _admit(self, pool: Pool, key: str, origin: Origin, user: User | None, client_id: str | None) -> None:
        now = self._clock()
        address = f"address {origin.network}"
        admission = await self._counters.admit_within(
            pool.id, address, now=now, limit=self._per_address, window=ADDRESS_WINDOW
        )
        if admission.allowed:
            admission = await self._counters.admit_guess(
                pool.id, key, now=now, free=FREE_TRIES - 1, first=FIRST_PAUSE, longest=LONGEST_PAUSE, memory=MEMORY
            )
            if not admission.allowed:
                await self._counters.give_back(pool.id, address)  # nothing was tried
        if not admission.allowed:
            self._report("sign_in.throttled", pool, user, origin, client_id, tries=admission.count)
            raise Throttled(admission.retry_after)

    def _report(
        self, kind: str, pool: Pool, user: User | None, origin: Origin, client_id: str | None, **details: object
    ) -> None:
        self._emit(Event(kind, pool.id, user.id if user else None, client_id, origin.address, details))


def _reason(user: User | None, failures: int, *, right: bool) -> str:
    """For the log alone."""
    if user is None:
        return "unknown name"
    if not user.can_sign_in:
        return f"user is {user.state}"
    return "closed after too many failures" if failures >= CLOSED_AFTER and not right else "wrong password"
