"""A pool made ready to issue: its URL, signers, published keys, audience rules and server keys, kept while they hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from authserver.crypto.secrets import derive
from authserver.crypto.signing import Signer
from authserver.errors import NotFound, ProtocolRefusal
from authserver.model.clients import Client
from authserver.model.keys import SIGNING_ALGORITHMS
from authserver.model.pools import Pool
from authserver.store.cached import CachedRegistry
from authserver.tokens.claims import STANDARD_SCOPES
from authserver.tokens.keyring import KeyRing
from authserver.tokens.refresh import RefreshKeys
from resource_servers.tokens import VerificationKeys

_MOST_PLANS = 1000


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """What an access token for some scopes and resources looks like: who may accept it, its scope, and who signs it."""

    audience: list[str]
    scope: str
    signer: Signer


@dataclass(slots=True)
class Issuer:
    """A pool made ready. Replaced whole when its pool or keys change; `plans` and `documents` are
    memories of pure results.
    """

    pool: Pool
    url: str
    signers: dict[str, Signer]
    keys: VerificationKeys
    jwks: bytes
    refresh_keys: RefreshKeys
    csrf_key: bytes
    custom_scopes: frozenset[str]
    known_scopes: frozenset[str]
    plans: dict[tuple[tuple[str, ...], tuple[str, ...]], AccessPlan] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)

    def resources_of(self, scope: tuple[str, ...]) -> set[str]:
        """The resource servers that some of these scopes belong to."""
        return {server.identifier for server in self.pool.resource_servers if set(server.scope_names()) & set(scope)}

    def access_plan(self, client: Client, scope: tuple[str, ...], resource: tuple[str, ...]) -> AccessPlan:
        """How to issue an access token for these scopes and RFC 8707 resources to this client.

        Raises ProtocolRefusal invalid_target or invalid_scope (DESIGN 5).
        """
        if resource:
            _check_reach(self.pool, client, resource)
        plan = self.plans.get((scope, resource))
        if plan is None:
            plan = _plan(self, scope, resource)
            if len(self.plans) >= _MOST_PLANS:
                self.plans.clear()
            self.plans[scope, resource] = plan
        return plan


def _check_reach(pool: Pool, client: Client, resource: tuple[str, ...]) -> None:
    """Raises ProtocolRefusal unless it is one resource, of which the client may have a scope if there are any.

    Else any client could have itself a token made that names any API as its audience.
    """
    if len(resource) > 1:
        raise ProtocolRefusal("invalid_target", "Ask for one resource at a time.")
    target = pool.resource_server(resource[0])
    if target is None:
        raise ProtocolRefusal("invalid_target", "The resource is not known here.")
    names = target.scope_names()
    if names and not any(name in client.scope for name in names):
        raise ProtocolRefusal("invalid_target", "The client has no access to the resource.")


def _plan(issuer: Issuer, scope: tuple[str, ...], resource: tuple[str, ...]) -> AccessPlan:
    pool = issuer.pool
    cognito = pool.claims_profile == "cognito"
    servers = {name: server.identifier for server in pool.resource_servers for name in server.scope_names()}
    named = list(dict.fromkeys(servers[s] for s in scope if s in servers))
    if resource:
        audience = [resource[0]]
        scope = tuple(s for s in scope if servers.get(s, resource[0]) == resource[0])
    elif len(named) > 1 and not cognito:
        raise ProtocolRefusal(
            "invalid_scope",
            "The scopes belong to more than one resource server: name one of them by the resource parameter.",
        )
    else:
        audience = [] if cognito else named
    # The Cognito profile has no `aud` unless a resource was sent; where there is one, userinfo must be able to accept it.
    wanted = bool(resource) and "openid" in scope if cognito else "openid" in scope or not audience
    if wanted:
        audience = [*audience, issuer.url]
    target = pool.resource_server(audience[0]) if audience else None
    alg = (target.access_alg if target is not None else None) or pool.tokens.access_alg
    if cognito:
        alg = "RS256"
    return AccessPlan(audience, " ".join(scope), issuer.signers[alg])


class Issuers:
    """The issuers of all pools.

    Args:
        registry: pools and keys, cached.
        base_url: the public origin; the only source of our own URLs.
        master: the master key, from which each pool's server keys are derived.
    """

    def __init__(self, registry: CachedRegistry, key_ring: KeyRing, base_url: str, master: bytes) -> None:
        self._registry = registry
        self._key_ring = key_ring
        self._base_url = base_url
        self._master = master
        self._ready: dict[str, tuple[Issuer, int]] = {}

    def url(self, pool: str) -> str:
        """The pool's issuer identifier."""
        return f"{self._base_url}/{pool}"

    async def get(self, pool: str) -> Issuer:
        """The pool's issuer. Raises NotFound."""
        found = await self._registry.pool(pool)
        if found is None:
            raise NotFound(detail=f"no pool {pool[:60]!r}")
        epoch = self._registry.epoch
        entry = self._ready.get(pool)
        if entry is not None and entry[1] == epoch and entry[0].pool is found:
            return entry[0]
        return await self._prepare(found, epoch)

    async def _prepare(self, pool: Pool, epoch: int) -> Issuer:
        published = await self._key_ring.published(pool.id)
        issuer = Issuer(
            pool=pool,
            url=self.url(pool.id),
            signers={alg: await self._key_ring.signer(pool.id, alg) for alg in SIGNING_ALGORITHMS},
            keys=VerificationKeys.parse({"keys": published}),
            jwks=orjson.dumps({"keys": published}),
            refresh_keys=RefreshKeys.of_pool(self._master, pool.id),
            csrf_key=derive(self._master, f"csrf {pool.id}"),
            custom_scopes=frozenset(pool.scope_descriptions()),
            known_scopes=frozenset((*STANDARD_SCOPES, *pool.scope_descriptions())),
        )
        self._ready[pool.id] = (issuer, epoch)
        return issuer


def narrowed(granted: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted scopes in the order granted. Raises ProtocolRefusal if one was not granted (RFC 6749 6)."""
    missing = set(wanted) - set(granted)
    if missing:
        raise ProtocolRefusal("invalid_scope", "A requested scope was not granted.")
    return tuple(s for s in granted if s in wanted)
