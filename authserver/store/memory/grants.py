"""The Grants in memory."""

from collections.abc import Callable
from dataclasses import replace

from authserver.errors import Conflict
from authserver.model.grants import Consent, Grant, RefreshFacts, RefreshFamily, Revocation
from authserver.model.users import User

Key = tuple[str, str]


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

    async def grants_of_user(self, pool: str, user_id: str, limit: int = 500) -> list[Grant]:
        own = [g for g in self._grants.values() if (g.pool, g.user_id) == (pool, user_id) and g.revoked_at is None]
        return sorted(own, key=lambda g: (-g.created_at, g.id))[:limit]

    async def consents(self, pool: str, user_id: str) -> list[Consent]:
        own = [c for c in self._consents.values() if (c.pool, c.user_id) == (pool, user_id)]
        return sorted(own, key=lambda c: c.client_id)

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
