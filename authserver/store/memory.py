"""The six roles in process memory: for tests, and the reference for what the protocols mean.

Nothing here awaits between reading and writing, so each method is atomic on one event loop.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from authserver.errors import Conflict, NotFound
from authserver.model.clients import Client
from authserver.model.grants import Consent, Grant, RefreshFacts, RefreshFamily, Revocation
from authserver.model.keys import SigningKey
from authserver.model.pools import Pool
from authserver.model.sessions import Session, SignIn
from authserver.model.users import PasswordCredential, User, fold
from authserver.store.protocols import Admission, Spent, Stores

Key = tuple[str, str]

_MAX_DEVICES = 20


class MemoryRegistry:
    def __init__(self, on_client_deleted: Callable[[str, str], None] = lambda _pool, _client: None) -> None:
        self._version = 0
        self._pools: dict[str, Pool] = {}
        self._clients: dict[str, Client] = {}
        self._keys: dict[str, dict[str, SigningKey]] = {}
        self._on_client_deleted = on_client_deleted

    async def version(self) -> int:
        return self._version

    async def pools(self) -> list[Pool]:
        return [self._pools[k] for k in sorted(self._pools)]

    async def pool(self, pool: str) -> Pool | None:
        return self._pools.get(pool)

    async def put_pool(self, pool: Pool) -> None:
        self._pools[pool.id] = pool
        self._version += 1

    async def client(self, pool: str, client_id: str) -> Client | None:
        client = self._clients.get(client_id)
        return client if client is not None and client.pool == pool else None

    async def clients(self, pool: str) -> list[Client]:
        return sorted((c for c in self._clients.values() if c.pool == pool), key=lambda c: c.client_id)

    async def pool_of_client(self, client_id: str) -> str | None:
        client = self._clients.get(client_id)
        return client.pool if client is not None else None

    async def put_client(self, pool: str, client: Client) -> None:
        if pool not in self._pools:
            raise NotFound(detail=f"no pool {pool}")
        there = self._clients.get(client.client_id)
        if client.pool != pool or (there is not None and there.pool != pool):
            raise Conflict(f"The client id {client.client_id} is taken.")
        self._clients[client.client_id] = client
        self._version += 1

    async def delete_client(self, pool: str, client_id: str) -> bool:
        if await self.client(pool, client_id) is None:
            return False
        del self._clients[client_id]
        self._on_client_deleted(pool, client_id)
        self._version += 1
        return True

    async def keys(self, pool: str) -> list[SigningKey]:
        return sorted(self._keys.get(pool, {}).values(), key=lambda k: (k.created_at, k.kid))

    async def change_keys(
        self, pool: str, *, expected: Sequence[str], put: Sequence[SigningKey], delete: Sequence[str] = ()
    ) -> None:
        if pool not in self._pools:
            raise NotFound(detail=f"no pool {pool}")
        keys = self._keys.setdefault(pool, {})
        if set(expected) != set(keys):
            raise Conflict("The pool's keys changed meanwhile; try again.")
        for kid in delete:
            keys.pop(kid, None)
        for key in put:
            keys[key.kid] = key
        self._version += 1


class MemoryDirectory:
    def __init__(self, on_user_deleted: Callable[[str, str], None] = lambda _pool, _user: None) -> None:
        self._users: dict[Key, User] = {}
        self._passwords: dict[Key, PasswordCredential] = {}
        self._failures: dict[Key, int] = {}
        self._devices: dict[Key, dict[str, int]] = {}
        self._on_user_deleted = on_user_deleted

    def _of_pool(self, pool: str) -> list[User]:
        return [u for (p, _), u in self._users.items() if p == pool]

    def _check_unique(self, pool: str, user: User) -> None:
        for other in self._of_pool(pool):
            if other.id == user.id:
                continue
            if fold(other.username) == fold(user.username):
                raise Conflict("The username is taken.")
            if (
                user.email
                and user.email_verified
                and other.email_verified
                and fold(other.email or "") == fold(user.email)
            ):
                raise Conflict("The email address is taken.")
            if (
                user.phone_number
                and user.phone_number_verified
                and other.phone_number_verified
                and other.phone_number == user.phone_number
            ):
                raise Conflict("The phone number is taken.")

    async def create_user(self, pool: str, user: User, password: PasswordCredential | None = None) -> None:
        if (pool, user.id) in self._users:
            raise Conflict("The user id is taken.")
        self._check_unique(pool, user)
        self._users[pool, user.id] = user
        if password is not None:
            self._passwords[pool, user.id] = password

    async def user(self, pool: str, user_id: str) -> User | None:
        return self.look_up(pool, user_id)

    def look_up(self, pool: str, user_id: str) -> User | None:
        """For the Grants role, whose facts of a refresh hold the user too."""
        return self._users.get((pool, user_id))

    async def find_user(self, pool: str, identifier: str, by: Sequence[str]) -> User | None:
        folded = fold(identifier)
        if not folded:
            return None

        def name(user: User, kind: str) -> str | None:
            if kind == "username":
                return user.username
            if kind == "email":
                return user.email if user.email_verified else None
            if kind == "phone_number":
                return user.phone_number if user.phone_number_verified else None
            value = user.attributes.get("preferred_username")
            return value if isinstance(value, str) else None

        for kind in ("username", "email", "phone_number", "preferred_username"):
            if kind not in by:
                continue
            found = [u for u in self._of_pool(pool) if fold(name(u, kind) or "") == folded]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    async def users(
        self, pool: str, *, limit: int = 50, after: str | None = None, search: str | None = None
    ) -> list[User]:
        wanted = fold(search) if search else ""
        page = sorted(
            (
                u
                for u in self._of_pool(pool)
                if (after is None or fold(u.username) > fold(after))
                and (fold(u.username).startswith(wanted) or fold(u.email or "").startswith(wanted))
            ),
            key=lambda u: fold(u.username),
        )
        return page[:limit]

    async def update_user(self, pool: str, user: User) -> None:
        if (pool, user.id) not in self._users:
            raise NotFound(detail=f"no user {user.id}")
        self._check_unique(pool, user)
        self._users[pool, user.id] = user

    async def delete_user(self, pool: str, user_id: str) -> bool:
        key = (pool, user_id)
        if self._users.pop(key, None) is None:
            return False
        self._passwords.pop(key, None)
        self._failures.pop(key, None)
        self._devices.pop(key, None)
        self._on_user_deleted(pool, user_id)
        return True

    async def password(self, pool: str, user_id: str) -> PasswordCredential | None:
        return self._passwords.get((pool, user_id))

    async def set_password(self, pool: str, credential: PasswordCredential, *, replaces: str | None = None) -> bool:
        key = (pool, credential.user_id)
        if key not in self._users:
            return False
        if replaces is not None and (key not in self._passwords or self._passwords[key].hash != replaces):
            return False
        self._passwords[key] = credential
        return True

    async def count_password_failure(self, pool: str, user_id: str) -> int:
        key = (pool, user_id)
        if key not in self._users:
            return 0
        self._failures[key] = self._failures.get(key, 0) + 1
        return self._failures[key]

    async def password_failures(self, pool: str, user_id: str) -> int:
        return self._failures.get((pool, user_id), 0)

    async def clear_password_failures(self, pool: str, user_id: str) -> None:
        self._failures.pop((pool, user_id), None)

    async def knows_device(self, pool: str, user_id: str, device: str) -> bool:
        return device in self._devices.get((pool, user_id), {})

    async def forget_devices(self, pool: str, user_id: str) -> None:
        self._devices.pop((pool, user_id), None)

    async def remember_device(self, pool: str, user_id: str, device: str, now: int) -> None:
        if (pool, user_id) not in self._users:
            return
        devices = self._devices.setdefault((pool, user_id), {})
        devices[device] = now
        for stale in sorted(devices, key=lambda d: devices[d], reverse=True)[_MAX_DEVICES:]:
            del devices[stale]


class MemoryGrants:
    def __init__(self) -> None:
        self.user_of: Callable[[str, str], User | None] = lambda _pool, _user: None
        self._grants: dict[Key, Grant] = {}
        self._families: dict[Key, RefreshFamily] = {}
        self._codes: dict[Key, int] = {}
        self._consents: dict[tuple[str, str, str], Consent] = {}
        self._feed: dict[tuple[str, str, str], Revocation] = {}

    def forget_client(self, pool: str, client_id: str) -> None:
        self._forget(pool, lambda g: g.client_id == client_id)
        self._consents = {k: c for k, c in self._consents.items() if (c.pool, c.client_id) != (pool, client_id)}

    def forget_user(self, pool: str, user_id: str) -> None:
        self._forget(pool, lambda g: g.user_id == user_id)
        self._consents = {k: c for k, c in self._consents.items() if (c.pool, c.user_id) != (pool, user_id)}

    def _forget(self, pool: str, chosen: Callable[[Grant], bool]) -> None:
        gone = {k for k, g in self._grants.items() if k[0] == pool and chosen(g)}
        for key in gone:
            del self._grants[key]
        self._families = {k: f for k, f in self._families.items() if (k[0], f.grant_id) not in gone}

    async def create_grant(self, pool: str, grant: Grant) -> None:
        if (pool, grant.id) in self._grants:
            raise Conflict(detail="grant id taken")
        self._grants[pool, grant.id] = grant

    async def grant(self, pool: str, grant_id: str) -> Grant | None:
        return self._grants.get((pool, grant_id))

    async def redeem_code(self, pool: str, code_digest: str, expires_at: int, family: RefreshFamily | None) -> bool:
        if (pool, code_digest) in self._codes:
            return False
        self._codes[pool, code_digest] = expires_at
        if family is not None:
            self._families[pool, family.id] = family
        return True

    async def refresh_facts(self, pool: str, family_id: str) -> RefreshFacts | None:
        family = self._families.get((pool, family_id))
        grant = self._grants.get((pool, family.grant_id)) if family is not None else None
        if family is None or grant is None:
            return None
        return RefreshFacts(family, grant, self.user_of(pool, grant.user_id))

    async def rotate(self, pool: str, family_id: str, *, presented: str, successor: str, now: int) -> bool:
        facts = await self.refresh_facts(pool, family_id)
        if facts is None or facts.family.head != presented or facts.grant.revoked_at is not None:
            return False
        self._families[pool, family_id] = replace(
            facts.family, head=successor, previous=presented, rotated_at=now, generation=facts.family.generation + 1
        )
        return True

    def _publish(self, pool: str, kind: str, ident: str, now: int, expires_at: int) -> None:
        self._feed.setdefault((pool, kind, ident), Revocation(pool, kind, ident, now, expires_at))

    async def revoke_grant(self, pool: str, grant_id: str, now: int, expires_at: int) -> bool:
        grant = self._grants.get((pool, grant_id))
        if grant is None or grant.revoked_at is not None:
            return False
        self._grants[pool, grant_id] = replace(grant, revoked_at=now)
        self._publish(pool, "grant", grant_id, now, expires_at)
        return True

    async def revoke_session(self, pool: str, sid: str, now: int, expires_at: int) -> int:
        live = [
            g
            for (p, _), g in self._grants.items()
            if p == pool and g.sid == sid and not g.offline and g.revoked_at is None
        ]
        for grant in live:
            self._grants[pool, grant.id] = replace(grant, revoked_at=now)
        self._publish(pool, "session", sid, now, expires_at)
        return len(live)

    async def revoke_user(self, pool: str, user_id: str, now: int, expires_at: int) -> int:
        live = [g for (p, _), g in self._grants.items() if p == pool and g.user_id == user_id and g.revoked_at is None]
        for grant in live:
            await self.revoke_grant(pool, grant.id, now, expires_at)
        return len(live)

    async def revoke_token(self, pool: str, jti: str, now: int, expires_at: int) -> None:
        self._publish(pool, "token", jti, now, expires_at)

    async def revocations(self, since: int) -> list[Revocation]:
        return sorted((r for r in self._feed.values() if r.revoked_at >= since), key=lambda r: r.revoked_at)

    async def consent(self, pool: str, user_id: str, client_id: str) -> Consent | None:
        return self._consents.get((pool, user_id, client_id))

    async def put_consent(self, pool: str, consent: Consent) -> None:
        self._consents[pool, consent.user_id, consent.client_id] = consent

    async def delete_consent(self, pool: str, user_id: str, client_id: str) -> bool:
        return self._consents.pop((pool, user_id, client_id), None) is not None

    async def purge(self, now: int) -> int:
        before = len(self._codes) + len(self._families) + len(self._feed)
        self._codes = {k: e for k, e in self._codes.items() if e > now}
        self._families = {k: f for k, f in self._families.items() if f.expires_at > now}
        self._feed = {k: r for k, r in self._feed.items() if r.expires_at > now}
        return before - len(self._codes) - len(self._families) - len(self._feed)


class MemorySessions:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sessions: dict[Key, tuple[Session, float]] = {}
        self._sign_ins: dict[Key, tuple[SignIn, float]] = {}

    async def put_session(self, pool: str, session: Session, ttl: int) -> None:
        self._sessions[pool, session.key] = (session, self._clock() + ttl)

    async def session(self, pool: str, key: str) -> Session | None:
        session, until = self._sessions.get((pool, key), (None, 0.0))
        return session if until > self._clock() else None

    async def touch_session(self, pool: str, session: Session, ttl: int) -> bool:
        if await self.session(pool, session.key) is None:
            return False
        await self.put_session(pool, session, ttl)
        return True

    async def delete_session(self, pool: str, key: str) -> Session | None:
        session = await self.session(pool, key)
        self._sessions.pop((pool, key), None)
        return session

    async def sessions_of_user(self, pool: str, user_id: str) -> list[Session]:
        now = self._clock()
        return sorted(
            (
                s
                for (p, _), (s, until) in self._sessions.items()
                if p == pool and until > now and s.authentication.user_id == user_id
            ),
            key=lambda s: (s.created_at, s.key),
        )

    async def create_sign_in(self, pool: str, sign_in: SignIn, ttl: int) -> None:
        self._sign_ins[pool, sign_in.id] = (sign_in, self._clock() + ttl)

    async def sign_in(self, pool: str, sign_in_id: str) -> SignIn | None:
        sign_in, until = self._sign_ins.get((pool, sign_in_id), (None, 0.0))
        return sign_in if until > self._clock() else None

    async def replace_sign_in(self, pool: str, sign_in: SignIn, ttl: int) -> bool:
        stored = await self.sign_in(pool, sign_in.id)
        if stored is None or stored.version != sign_in.version - 1:
            return False
        await self.create_sign_in(pool, sign_in, ttl)
        return True


class MemoryOneTime:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._things: dict[tuple[str, str, str], tuple[bytes, bool, float]] = {}

    def _live(self, key: tuple[str, str, str]) -> tuple[bytes, bool, float] | None:
        thing = self._things.get(key)
        return thing if thing is not None and thing[2] > self._clock() else None

    async def put(self, pool: str, kind: str, digest: str, value: bytes, ttl: int) -> None:
        if self._live((pool, kind, digest)) is not None:
            raise Conflict(detail=f"{kind} digest taken")
        self._things[pool, kind, digest] = (value, False, self._clock() + ttl)

    async def peek(self, pool: str, kind: str, digest: str) -> bytes | None:
        thing = self._live((pool, kind, digest))
        return thing[0] if thing is not None and not thing[1] else None

    async def swap(self, pool: str, kind: str, digest: str, old: bytes, new: bytes) -> bool:
        thing = self._live((pool, kind, digest))
        if thing is None or thing[1] or thing[0] != old:
            return False
        self._things[pool, kind, digest] = (new, False, thing[2])
        return True

    async def spend(self, pool: str, kind: str, digest: str) -> Spent | None:
        thing = self._live((pool, kind, digest))
        if thing is None:
            return None
        self._things[pool, kind, digest] = (thing[0], True, thing[2])
        return Spent(thing[0], replayed=thing[1])


class MemoryCounters:
    def __init__(self) -> None:
        self._guesses: dict[Key, tuple[int, float, float]] = {}
        self._windows: dict[Key, tuple[int, float]] = {}

    async def admit_guess(
        self, pool: str, key: str, *, now: float, free: int, first: float, longest: float, memory: int
    ) -> Admission:
        count, paused_until, forget_at = self._guesses.get((pool, key), (0, 0.0, 0.0))
        if now >= forget_at:
            count, paused_until = 0, 0.0
        if now < paused_until:
            return Admission(allowed=False, retry_after=math.ceil(paused_until - now), count=count)
        count += 1
        pause = min(longest, first * 2 ** min(count - free - 1, 60)) if count > free else 0.0
        self._guesses[pool, key] = (count, now + pause, now + max(memory, pause))
        return Admission(allowed=True, retry_after=math.ceil(pause), count=count)

    async def clear_guesses(self, pool: str, key: str) -> None:
        self._guesses.pop((pool, key), None)

    async def admit_within(self, pool: str, key: str, *, now: float, limit: int, window: int) -> Admission:
        count, until = self._windows.get((pool, key), (0, 0.0))
        if now >= until:
            count, until = 0, now + window
        if count >= limit:
            return Admission(allowed=False, retry_after=max(1, math.ceil(until - now)), count=count)
        self._windows[pool, key] = (count + 1, until)
        return Admission(allowed=True, retry_after=0, count=count + 1)

    async def give_back(self, pool: str, key: str) -> None:
        if (pool, key) in self._windows:
            count, until = self._windows[pool, key]
            self._windows[pool, key] = (max(0, count - 1), until)


def memory_stores(clock: Callable[[], float]) -> Stores:
    """All six roles over fresh memory. `clock` drives the expiry of what a real Redis would expire by itself."""
    grants = MemoryGrants()
    directory = MemoryDirectory(grants.forget_user)
    grants.user_of = directory.look_up
    return Stores(
        registry=MemoryRegistry(grants.forget_client),
        directory=directory,
        grants=grants,
        sessions=MemorySessions(clock),
        one_time=MemoryOneTime(clock),
        counters=MemoryCounters(),
    )
