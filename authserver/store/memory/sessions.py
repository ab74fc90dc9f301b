"""The Sessions in memory."""

from collections.abc import Callable

from authserver.model.sessions import Session, SignIn

Key = tuple[str, str]


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
