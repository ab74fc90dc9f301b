"""What is revoked: the list held in process, and the one way to revoke (DESIGN 5).

The feed in the Grants store is the truth. Each process follows it and answers from memory; what it revokes itself it
knows at once.
"""

from collections.abc import Awaitable, Callable, Mapping

from authserver.effects import Clock
from authserver.model.grants import Grant, Revocation
from authserver.store import Grants

OVERLAP = 10
"""Seconds read again at each look, since transactions become visible out of order."""

WIDE_OVERLAP = 15 * 60
WIDE_EVERY = 30
"""Seconds read again now and then, for entries that a node stamped whose clock is behind ours; and how often."""

LATE = 3600
"""Seconds that an entry stays beyond the longest life of a token: a code that was not redeemed yet (10 min at most), or
a request judged just before, still brings a token of what is revoked.
"""

HORIZON = 2 * 24 * 3600
"""Seconds: older entries cannot concern a token that still lives."""


class Revocations:
    """The revoked grants, sessions and tokens, by pool.

    Args:
        grants: the feed.
        hint: called after a change made here, so that other processes look soon; it must not raise.
    """

    def __init__(self, grants: Grants, clock: Clock, hint: Callable[[], Awaitable[None]] | None = None) -> None:
        self._grants = grants
        self._clock = clock
        self._hint = hint
        self._until: dict[tuple[str, str, str], int] = {}
        self._since = int(clock()) - HORIZON
        self._sweep_at = 0.0
        self._wide_at = clock() + WIDE_EVERY

    async def follow(self) -> None:
        """Take in what came since the last look. Raises StoreUnavailable."""
        now = int(self._clock())
        since = self._since
        if now >= self._wide_at:
            since = min(since, now - WIDE_OVERLAP)
        for entry in await self._grants.revocations(since):
            self._until[entry.pool, entry.kind, entry.id] = entry.expires_at
        self._since = now - OVERLAP
        if since <= now - WIDE_OVERLAP:
            self._wide_at = now + WIDE_EVERY
        if now >= self._sweep_at:
            self._sweep_at = now + 60
            self._until = {k: e for k, e in self._until.items() if e > now}

    def covers(self, pool: str, claims: Mapping[str, object]) -> bool:
        """Whether the access token with these claims is dead: by its grant, by itself, or by its session.

        A token of a grant with `offline_access` outlives the session by intent (OpenID Connect Core 11).
        """
        until = self._until
        if not until:
            return False
        jti = str(claims.get("jti", ""))
        if (pool, "grant", jti.partition(".")[0]) in until or (pool, "token", jti) in until:
            return True
        return (pool, "session", str(claims.get("sid", ""))) in until and "offline_access" not in str(
            claims.get("scope", "")
        ).split()

    def covers_grant(self, grant: Grant) -> bool:
        """Whether whatever the grant brings would be dead, by the grant itself or by its session."""
        until = self._until
        return (grant.pool, "grant", grant.id) in until or (
            not grant.offline and (grant.pool, "session", grant.sid) in until
        )

    async def revoke_grant(self, pool: str, grant_id: str, life: int) -> bool:
        """End a grant and every token of it. `life`: seconds that an access token of it may still live."""
        now = int(self._clock())
        until = now + life + LATE
        revoked = await self._grants.revoke_grant(pool, grant_id, now, until)
        await self._note(Revocation(pool, "grant", grant_id, now, until))
        return revoked

    async def revoke_session(self, pool: str, sid: str, life: int) -> int:
        """End the grants of a session but those for offline use, and its access tokens."""
        now = int(self._clock())
        until = now + life + LATE
        count = await self._grants.revoke_session(pool, sid, now, until)
        await self._note(Revocation(pool, "session", sid, now, until))
        return count

    async def revoke_user(self, pool: str, user_id: str, life: int) -> int:
        """End every grant of a user."""
        now = int(self._clock())
        count = await self._grants.revoke_user(pool, user_id, now, now + life + LATE)
        await self.follow()
        if self._hint is not None:
            await self._hint()
        return count

    async def revoke_token(self, pool: str, jti: str, expires_at: int) -> None:
        """End one access token."""
        now = int(self._clock())
        await self._grants.revoke_token(pool, jti, now, expires_at)
        await self._note(Revocation(pool, "token", jti, now, expires_at))

    async def _note(self, entry: Revocation) -> None:
        self._until[entry.pool, entry.kind, entry.id] = entry.expires_at
        if self._hint is not None:
            await self._hint()
