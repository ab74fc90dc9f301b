"""Browser sessions: opened with a new secret at each sign-in, found by cookie, limited in idle and total time."""

from dataclasses import replace

from authserver.crypto.secrets import digest
from authserver.effects import Clock, Random
from authserver.model.pools import Pool
from authserver.model.sessions import Authentication, Session
from authserver.signin.origin import Origin
from authserver.store import Sessions
from authserver.tokens.keyring import LONGEST_TOKEN
from authserver.tokens.revocation import Revocations

TOUCH_EVERY = 60
"""Seconds: `last_seen` is written at most that often."""

_LONGEST_COOKIE = 200


class BrowserSessions:
    """Sessions of browsers with pools. The cookie holds a secret of 256 bits; only its digest is stored."""

    def __init__(self, store: Sessions, revocations: Revocations, clock: Clock, random: Random) -> None:
        self._store = store
        self._revocations = revocations
        self._clock = clock
        self._random = random

    async def find(self, pool: Pool, cookie: str | None) -> Session | None:
        """The live session of the cookie, its idle time counted anew; None if it ended or never was."""
        if not cookie or len(cookie) > _LONGEST_COOKIE:
            return None
        session = await self._store.session(pool.id, digest(cookie))
        if session is None:
            return None
        now = int(self._clock())
        ttl = self._ttl(pool, session, now)
        if ttl <= 0 or now - session.last_seen >= pool.session.idle:
            return None
        if now - session.last_seen >= TOUCH_EVERY:
            session = replace(session, last_seen=now)
            if not await self._store.touch_session(pool.id, session, ttl):
                return None
        return session

    async def open(
        self,
        pool: Pool,
        authentication: Authentication,
        old: Session | None,
        origin: Origin | None = None,
        place: str = "",
        upstream: str | None = None,
    ) -> tuple[Session, str]:
        """A session with a new secret, in place of the browser's old one. Returns it and the secret for the cookie.

        The same person proving themselves again keeps the `sid`, so that what was issued in the session still ends
        with it. Another person's session is signed out.
        """
        now = int(self._clock())
        secret = self._random.token(32)
        session = Session(
            key=digest(secret),
            sid=self._random.token(16),
            pool=pool.id,
            authentication=authentication,
            created_at=now,
            last_seen=now,
            device=(origin.device if origin is not None else None) or "",
            user_agent=origin.user_agent if origin is not None else "",
            address=origin.address if origin is not None else "",
            place=place,
            upstream=upstream,
        )
        if old is not None and old.authentication.user_id == authentication.user_id:
            session = replace(session, sid=old.sid, clients=old.clients, upstream=upstream or old.upstream)
            await self._store.delete_session(pool.id, old.key)
        elif old is not None:
            await self.end(pool, old)
        await self._store.put_session(pool.id, session, self._ttl(pool, session, now))
        return session, secret

    async def note_client(self, pool: Pool, session: Session, client_id: str) -> bool:
        """The session's person uses this client now; remembered for logout. False if the session has ended."""
        current = await self._store.session(pool.id, session.key)
        if current is not None and client_id not in current.clients:
            noted = replace(current, clients=(*current.clients, client_id))
            await self._store.touch_session(pool.id, noted, self._ttl(pool, noted, int(self._clock())))
        return current is not None

    async def keep_task(self, pool: Pool, session: Session, name: str, state: str | None) -> bool:
        """Keep the state of what the account page has begun; None forgets it. False if the session has ended."""
        current = await self._store.session(pool.id, session.key)
        if current is None:
            return False
        tasks = {k: v for k, v in current.tasks.items() if k != name} | ({name: state} if state is not None else {})
        kept = replace(current, tasks=tasks)
        return await self._store.touch_session(pool.id, kept, self._ttl(pool, kept, int(self._clock())))

    async def of_user(self, pool: Pool, user_id: str) -> list[Session]:
        """The user's live sessions, the one used last first."""
        now = int(self._clock())
        found = await self._store.sessions_of_user(pool.id, user_id)
        live = [s for s in found if self._ttl(pool, s, now) > 0 and now - s.last_seen < pool.session.idle]
        return sorted(live, key=lambda s: -s.last_seen)

    async def forget_client(self, pool: Pool, session: Session, client_id: str) -> None:
        """The client was signed out of this session alone."""
        current = await self._store.session(pool.id, session.key)
        if current is not None and client_id in current.clients:
            kept = replace(current, clients=tuple(c for c in current.clients if c != client_id))
            await self._store.touch_session(pool.id, kept, self._ttl(pool, kept, int(self._clock())))

    async def end(self, pool: Pool, session: Session) -> None:
        """Sign out: the session, its access tokens, and its refresh tokens but those for offline use.

        Revoked first: should the second store fail, the person is told and tries again, and no token outlives the
        session. And revoked once more, for a grant that was made in between: after that none can be.
        """
        await self._revocations.revoke_session(pool.id, session.sid, LONGEST_TOKEN)
        await self._store.delete_session(pool.id, session.key)
        await self._revocations.revoke_session(pool.id, session.sid, LONGEST_TOKEN)

    @staticmethod
    def _ttl(pool: Pool, session: Session, now: int) -> int:
        return min(pool.session.idle, session.created_at + pool.session.absolute - now)
