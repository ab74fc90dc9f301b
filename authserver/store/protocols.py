"""The storage roles: the six of DESIGN 6.3, with the factors (Credentials) and the Journal apart from the Directory.

Rules that hold for every method of every implementation:

- the pool comes first, and nothing of another pool is ever seen; the one exception is `pool_of_client`;
- values go in and come out whole and frozen; a write is visible to the next read of any process once it returned;
- a write that returned is durable for Registry, Directory, Credentials, Journal and Grants; Sessions, OneTime and Counters may lose about the
  last second when the store itself dies, and whoever uses them is built for that (DESIGN 6.1);
- a store that does not answer raises `StoreUnavailable`; a uniqueness broken raises `Conflict`; nothing else is raised.

Times are whole seconds since the epoch and always arguments. Digests are base64url SHA-256.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from authserver.model.clients import Client
from authserver.model.credentials import Credential, Device
from authserver.model.grants import Consent, Grant, RefreshFacts, RefreshFamily, Revocation
from authserver.model.journal import AuditEntry, AuditFilter, Parcel
from authserver.model.keys import SigningKey
from authserver.model.pools import Pool
from authserver.model.sessions import Session, SignIn
from authserver.model.users import PasswordCredential, User, UserFilter, UserState
from federation.model import IdentityProvider, LinkedIdentity, ProviderName

EVERYBODY = UserFilter()


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that the broker keeps of a provider, such as its metadata; sealed, if it is a secret. `at`: when it came."""

    body: bytes
    at: int


class Registry(Protocol):
    """Pools with their groups and resource servers, clients, and signing keys. Small, read often, changed rarely."""

    async def version(self) -> int:
        """A number that grows with every change made through this role, in the change's own transaction."""
        ...

    async def pools(self) -> list[Pool]:
        """All pools, by id."""
        ...

    async def pool(self, pool: str) -> Pool | None: ...

    async def put_pool(self, pool: Pool) -> None:
        """Create the pool, or replace everything of it that a `Pool` holds."""
        ...

    async def client(self, pool: str, client_id: str) -> Client | None: ...

    async def clients(self, pool: str) -> list[Client]:
        """All clients of the pool, by client_id."""
        ...

    async def pool_of_client(self, client_id: str) -> str | None:
        """The pool a client belongs to: client ids are unique in the installation."""
        ...

    async def put_client(self, pool: str, client: Client) -> None:
        """Create or replace. Raises Conflict if another pool has this client_id, NotFound if there is no such pool."""
        ...

    async def delete_client(self, pool: str, client_id: str) -> bool:
        """True if there was one. Its grants and consents go with it."""
        ...

    async def keys(self, pool: str) -> list[SigningKey]:
        """All signing keys of the pool, expired ones included, oldest first."""
        ...

    async def change_keys(
        self, pool: str, *, expected: Sequence[str], put: Sequence[SigningKey], delete: Sequence[str] = ()
    ) -> None:
        """One transaction: write `put`, remove the kids in `delete`.

        `expected` are the kids the caller saw, in any order; raises Conflict if the pool's kids are others by now.
        """
        ...

    async def provider(self, pool: str, name: str) -> IdentityProvider | None: ...

    async def providers(self, pool: str) -> list[IdentityProvider]:
        """All identity providers of the pool, in its order."""
        ...

    async def shown_providers(self, pool: str, limit: int = 30) -> list[IdentityProvider]:
        """Those that are enabled and have a button, in the pool's order."""
        ...

    async def provider_called(self, pool: str, kind: ProviderName, value: str) -> str | None:
        """The name of the provider to which a domain or an identifier belongs, in lower case."""
        ...

    async def put_provider(self, pool: str, provider: IdentityProvider, position: int | None = None) -> None:
        """Create or replace; a new one comes last unless `position` says where. Raises NotFound if there is no such pool,
        Conflict if one of its domains or identifiers is another provider's.
        """
        ...

    async def delete_provider(self, pool: str, name: str) -> bool:
        """True if there was one. Links to it stay, for the day it comes back."""
        ...


class Directory(Protocol):
    """Users, their passwords and group memberships."""

    async def create_user(
        self,
        pool: str,
        user: User,
        password: PasswordCredential | None = None,
        credentials: Sequence[Credential] = (),
        identities: Sequence[LinkedIdentity] = (),
    ) -> None:
        """All of it in one transaction. Raises Conflict if the id or username (folded) is taken, or an email or phone number that is a sign-in name
        of another user: that is, one that is verified there and here; or if an identity is another user's.
        """
        ...

    async def user(self, pool: str, user_id: str) -> User | None: ...

    async def find_user(self, pool: str, identifier: str, by: Sequence[str]) -> User | None:
        """The user whose name of one of the kinds `by` ("username", "email", "phone_number", "preferred_username")
        equals the identifier after folding. Username wins over email, over phone number, over preferred username;
        email and phone number count only when verified. An ambiguous match is no match.
        """
        ...

    async def users(
        self, pool: str, wanted: UserFilter = EVERYBODY, *, limit: int = 50, after: str | None = None
    ) -> list[User]:
        """A page of users by folded username. `after` is the last username of the page before."""
        ...

    async def count_users(self, pool: str, wanted: UserFilter = EVERYBODY, *, at_most: int = 10_000) -> int:
        """How many there are; counting stops at `at_most`."""
        ...

    async def change_user(self, pool: str, user_id: str, change: Callable[[User], User]) -> User:
        """Read the user, and replace everything but the password by what `change` makes of it, in one transaction that
        no other change of this user can slip into. `change` is pure and may run again; what it raises passes through
        and nothing changes. The id, pool and `created_at` stay. Raises NotFound, or Conflict as `create_user`.
        """
        ...

    async def due_for_deletion(self, now: int, limit: int = 100) -> list[User]:
        """Users of all pools whose `delete_after` has passed."""
        ...

    async def delete_user(self, pool: str, user_id: str, *, state: UserState | None = None) -> bool:
        """True if there was one. Password, devices, consents and grants go with it. With `state`, only a user that is
        still in it, in the same step: one that was confirmed a moment ago stays.
        """
        ...

    async def password(self, pool: str, user_id: str) -> PasswordCredential | None: ...

    async def set_password(self, pool: str, credential: PasswordCredential, *, replaces: str | None = None) -> bool:
        """Store the hash. With `replaces`, only if that hash is still the stored one (a rehash must not undo a change
        of password made meanwhile). False if it was not stored.
        """
        ...

    async def count_password_failure(self, pool: str, user_id: str) -> int:
        """Add one to the failures in a row and return them. 0 for an unknown user, at the same cost."""
        ...

    async def password_failures(self, pool: str, user_id: str) -> int: ...

    async def clear_password_failures(self, pool: str, user_id: str) -> None: ...


class Grants(Protocol):
    """Grants, refresh token families, consents, spent codes and the revocation feed."""

    async def create_grant(self, pool: str, grant: Grant) -> None: ...

    async def grant(self, pool: str, grant_id: str) -> Grant | None: ...

    async def redeem_code(self, pool: str, code_digest: str, expires_at: int, family: RefreshFamily | None) -> bool:
        """One transaction: note the code as used and create the family, if there is one.

        False, with nothing written, if the code was used before: the last line of defence should the one-time store
        have lost its memory (DESIGN 6.1). A revoked grant does not stop it: its tokens are dead anyway.
        """
        ...

    async def refresh_facts(self, pool: str, family_id: str) -> RefreshFacts | None:
        """The family, its grant and the user, in one read: all that judging and answering a refresh needs."""
        ...

    async def rotate(self, pool: str, family_id: str, *, presented: str, successor: str, now: int) -> bool:
        """One atomic change: if `presented` is still the head and the grant is not revoked, make `successor` the head,
        `presented` the previous, and set `rotated_at`. False if nothing changed.
        """
        ...

    async def revoke_grant(self, pool: str, grant_id: str, now: int, expires_at: int) -> bool:
        """Revoke the grant and every refresh token of it, and add it to the feed. True if it was not revoked yet."""
        ...

    async def revoke_session(self, pool: str, sid: str, now: int, expires_at: int) -> int:
        """Revoke the grants of the session that are not `offline`, and add the sid to the feed. Returns how many."""
        ...

    async def revoke_user(self, pool: str, user_id: str, now: int, expires_at: int) -> int:
        """Revoke every grant of the user, offline ones too, adding each to the feed. Returns how many."""
        ...

    async def revoke_token(self, pool: str, jti: str, now: int, expires_at: int) -> None:
        """Add one access token to the feed. Idempotent."""
        ...

    async def revocations(self, since: int) -> list[Revocation]:
        """Feed entries of all pools with `revoked_at >= since`, oldest first. Whoever follows it asks again with a few
        seconds of overlap, since transactions become visible out of order.
        """
        ...

    async def grants_of_user(self, pool: str, user_id: str, limit: int = 500) -> list[Grant]:
        """The user's grants that are not revoked, newest first."""
        ...

    async def consents(self, pool: str, user_id: str) -> list[Consent]:
        """All that the user allowed, by client_id."""
        ...

    async def consent(self, pool: str, user_id: str, client_id: str) -> Consent | None: ...

    async def put_consent(self, pool: str, consent: Consent) -> None: ...

    async def delete_consent(self, pool: str, user_id: str, client_id: str) -> bool: ...

    async def purge(self, now: int) -> int:
        """Delete what has expired: used codes, families, feed entries, and grants that can yield nothing any more.
        Bounded to a few thousand rows a call. Returns how many rows went.
        """
        ...


class Sessions(Protocol):
    """Browser sessions and sign-ins under way."""

    async def put_session(self, pool: str, session: Session, ttl: int) -> None:
        """Create or replace; gone after `ttl` seconds."""
        ...

    async def session(self, pool: str, key: str) -> Session | None: ...

    async def touch_session(self, pool: str, session: Session, ttl: int) -> bool:
        """Replace it if it still exists; False if it ended meanwhile (a touch must not bring it back)."""
        ...

    async def delete_session(self, pool: str, key: str) -> Session | None:
        """End it and return what it was."""
        ...

    async def sessions_of_user(self, pool: str, user_id: str) -> list[Session]:
        """The user's live sessions, oldest first."""
        ...

    async def create_sign_in(self, pool: str, sign_in: SignIn, ttl: int) -> None: ...

    async def sign_in(self, pool: str, sign_in_id: str) -> SignIn | None: ...

    async def replace_sign_in(self, pool: str, sign_in: SignIn, ttl: int) -> bool:
        """Write it if the stored `version` is one less than this one's; False if it changed or went meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Spent:
    """What `OneTime.spend` found: the value, and whether somebody had spent it before."""

    value: bytes
    replayed: bool


class OneTime(Protocol):
    """Things that may be used once: codes, hand-offs, mailed tokens. Typed by `kind`; keyed by digest.

    Keys are `pg:{<pool>:<digest>}:<kind>`: one object, one hash slot.
    """

    async def put(self, pool: str, kind: str, digest: str, value: bytes, ttl: int) -> None:
        """Store for `ttl` seconds. Raises Conflict if the digest is taken, spent ones included."""
        ...

    async def peek(self, pool: str, kind: str, digest: str) -> bytes | None:
        """The value, if it is there and unspent."""
        ...

    async def swap(self, pool: str, kind: str, digest: str, old: bytes, new: bytes) -> bool:
        """Replace `old` by `new` keeping its expiry; False if it is not `old`, is spent, or is gone."""
        ...

    async def spend(self, pool: str, kind: str, digest: str) -> Spent | None:
        """Consume it, atomically: of any number of callers exactly one sees `replayed=False`. The value stays as a
        marker until its original expiry, so that later callers learn what was replayed. None if it never was or is
        over.
        """
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a try may go ahead; if not, `retry_after` is in seconds, at least 1. `count` is the tries so far."""

    allowed: bool
    retry_after: int
    count: int


class Counters(Protocol):
    """Limits against guessing. A try is counted before it is judged, so that parallel tries cannot slip through."""

    async def admit_guess(
        self, pool: str, key: str, *, now: float, free: int, first: float, longest: float, memory: int
    ) -> Admission:
        """Count a try against `key`. The first `free` go ahead; each further one that goes ahead starts a pause before
        the next, `first` seconds and doubling up to `longest`. Tries during a pause are refused and not counted.
        Forgotten `memory` seconds after the last counted try.
        """
        ...

    async def clear_guesses(self, pool: str, key: str) -> None:
        """The secret was right: forget the tries."""
        ...

    async def admit_within(self, pool: str, key: str, *, now: float, limit: int, window: int) -> Admission:
        """Count a try against `key`, of which `limit` go ahead within `window` seconds from the first."""
        ...

    async def give_back(self, pool: str, key: str) -> None:
        """The try counted by `admit_within` was a good one: uncount it. Never below zero, never after expiry."""
        ...

    async def clear_within(self, pool: str, key: str) -> None:
        """Forget the tries counted by `admit_within`: the next begins a window."""
        ...


class Credentials(Protocol):
    """Factors beside the password, backup codes, former passwords, and the browsers that signed a user in."""

    async def add_credential(self, pool: str, credential: Credential) -> None:
        """Raises Conflict if the id or handle is taken, NotFound if there is no such user."""
        ...

    async def credentials(self, pool: str, user_id: str) -> list[Credential]:
        """The user's, oldest first."""
        ...

    async def credential_of_handle(self, pool: str, handle: str) -> Credential | None:
        """The passkey of this credential id, whoever's it is."""
        ...

    async def use_credential(
        self, pool: str, credential_id: str, *, counter: int, now: int, strictly: bool = True
    ) -> bool:
        """Note a use, atomically: the counter becomes `counter` and `last_used_at` becomes `now`, if the stored counter
        is below `counter` (or, not `strictly`, both are 0: an authenticator without one). False, with nothing changed,
        if it is not: the code was used before.
        """
        ...

    async def rename_credential(self, pool: str, user_id: str, credential_id: str, name: str) -> bool: ...

    async def delete_credential(self, pool: str, user_id: str, credential_id: str) -> bool: ...

    async def delete_credentials(self, pool: str, user_id: str) -> int:
        """All of the user's, backup codes too. Returns how many credentials went."""
        ...

    async def put_backup_codes(self, pool: str, user_id: str, digests: Sequence[str], now: int) -> None:
        """Replace all of the user's backup codes. An empty sequence removes them."""
        ...

    async def spend_backup_code(self, pool: str, user_id: str, digest: str, now: int) -> bool:
        """Use one up, atomically: of any number of callers at most one gets True."""
        ...

    async def backup_codes_left(self, pool: str, user_id: str) -> int: ...

    async def former_passwords(self, pool: str, user_id: str, count: int) -> list[str]:
        """The hashes of the newest `count` former passwords, newest first; the current one is not among them."""
        ...

    async def note_former_password(self, pool: str, user_id: str, encoded: str, now: int, keep: int) -> None:
        """Remember a hash that was replaced, and drop all but the newest `keep`."""
        ...

    async def device(self, pool: str, user_id: str, device: str) -> Device | None: ...

    async def devices(self, pool: str, user_id: str) -> list[Device]:
        """The user's, most recently seen first."""
        ...

    async def put_device(self, pool: str, device: Device) -> None:
        """Create or replace, keeping `first_seen` of one that is there; of a user the 20 most recently seen stay.
        Nothing if the user is gone.
        """
        ...

    async def delete_device(self, pool: str, user_id: str, device: str) -> bool: ...

    async def delete_devices(self, pool: str, user_id: str) -> int: ...


class Identities(Protocol):
    """Who users are at other providers, and what the broker keeps of those providers."""

    async def identity(self, pool: str, provider: str, subject: str) -> LinkedIdentity | None: ...

    async def identities(self, pool: str, user_id: str) -> list[LinkedIdentity]:
        """The user's, oldest first."""
        ...

    async def link(self, pool: str, identity: LinkedIdentity) -> None:
        """Raises Conflict if the identity is taken, or the user has one of this provider; NotFound if there is no such
        user.
        """
        ...

    async def change_identity(self, pool: str, identity: LinkedIdentity) -> bool:
        """Replace `name`, `used_at` and the refresh token, and `issuer` if that is not known yet; False if it is gone, or another user's by now."""
        ...

    async def unlink(self, pool: str, user_id: str, provider: str) -> bool:
        """True if there was one."""
        ...

    async def kept(self, pool: str, provider: str, name: str) -> Kept | None:
        """What was last kept under this name."""
        ...

    async def keep(self, pool: str, provider: str, name: str, kept: Kept, *, unless_there: bool = False) -> bool:
        """Keep it, in place of what was there; with `unless_there`, only if nothing was. False if it was not kept."""
        ...


class Journal(Protocol):
    """The audit trail of each pool, and the outbox."""

    async def append(
        self, pool: str, entries: Sequence[AuditEntry], link: Callable[[AuditEntry, int, str], AuditEntry]
    ) -> None:
        """Append in one transaction, durable once it returned. `link(entry, seq, previous)` returns the entry with its
        place in the chain; it is pure and may be called again after a lost race.
        """
        ...

    async def entries(
        self, pool: str, wanted: AuditFilter, *, limit: int = 100, before: int | None = None, after: int | None = None
    ) -> list[AuditEntry]:
        """A page: newest first with seq below `before` (None: from the end), or, with `after`, oldest first with seq
        above it.
        """
        ...

    async def head(self, pool: str) -> tuple[int, str]:
        """The last entry's seq and hash; (0, "") if there is none."""
        ...

    async def prune(self, pool: str, before: int, keep: int = 1) -> int:
        """Delete entries with `at` below `before` (milliseconds), bounded to a few thousand a call, oldest first; the
        newest `keep` stay. Returns how many went.
        """
        ...

    async def post(self, pool: str, parcel: Parcel) -> None:
        """Put into the outbox, durable once it returned."""
        ...

    async def lease(self, now: int, *, hold: int, limit: int = 20) -> list[Parcel]:
        """Parcels of all pools that are due, soonest first, each put off by `hold` seconds so that no other process
        takes it meanwhile. `attempts` of the returned ones count this attempt.
        """
        ...

    async def delivered(self, pool: str, parcel_id: str) -> None: ...

    async def postpone(self, pool: str, parcel_id: str, due_at: int, error: str) -> None: ...

    async def parcels(self, pool: str, limit: int = 100) -> list[Parcel]:
        """Those that wait, oldest first: for operators."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """The roles as the composition root hands them out."""

    registry: Registry
    directory: Directory
    credentials: Credentials
    identities: Identities
    journal: Journal
    grants: Grants
    sessions: Sessions
    one_time: OneTime
    counters: Counters
