"""Provisioning: what a pool file asks for becomes a plan, and the plan is carried out (DESIGN 3).

A plan is made from facts and changes nothing. Carrying it out may be broken off anywhere: the next plan holds what is
left. Nothing that the file does not mention is removed unless pruning is asked for, and then only what files own.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from authserver.accounts.change_events import client_events, pool_events
from authserver.accounts.changes import Change, client_change, pool_changes
from authserver.accounts.clients import MACHINE_GRANT_BYTES
from authserver.accounts.directory import Users
from authserver.accounts.provider_plan import (
    ProviderPlan,
    provider_event,
    provider_faults,
    provider_plan,
    sealed_provider,
)
from authserver.accounts.schema_change import NO_CHANGE, SchemaChange, schema_change
from authserver.accounts.schema_migration import Progress, Survey, migrate, survey
from authserver.accounts.seeding import new_user, seed_fields, taken_addresses, user_faults
from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url, digest, slow_digest
from authserver.effects import Clock, Random
from authserver.errors import NotFound
from authserver.events import Emit, Event
from authserver.model.clients import Client
from authserver.model.keys import SIGNING_ALGORITHMS
from authserver.model.ldap import LdapPolicy, ldap_record
from authserver.model.pools import Pool, trigger_record
from authserver.model.users import User, UserFilter, fold
from authserver.poolfile import ClientSpec, PoolFile, UserSeed
from authserver.rules.names import STANDARD_SCOPES
from authserver.store import Directory, Stores
from authserver.tomlfile import BadConfig, Fault
from federation.model import IdentityProvider

_SIDE_BY_SIDE = 4
"""Users created at a time."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stores hold of what a file describes.

    `elsewhere`: client ids of the file that another pool has, with that pool. `usernames`: those of the file's users
    that exist (folded). `addresses`: verified email addresses and phone numbers of the file's users that exist.
    """

    pool: Pool | None = None
    clients: tuple[Client, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    usernames: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    keys_complete: bool = False
    providers: tuple[IdentityProvider, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What carrying out would change. `notes` are consequences that an operator should know of.

    `schema` is what happens to values that users have; with `drop_unconvertible` those that are none of the new type go.
    """

    file: PoolFile
    pool: Pool
    changes: tuple[Change, ...] = ()
    pool_differs: bool = False
    keys_missing: bool = False
    put_clients: tuple[Client, ...] = ()
    delete_clients: tuple[str, ...] = ()
    providers: ProviderPlan = field(default_factory=ProviderPlan)
    users: tuple[UserSeed, ...] = ()
    dropped_groups: tuple[str, ...] = ()
    schema: SchemaChange = NO_CHANGE
    drop_unconvertible: bool = False
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.changes


@dataclass(frozen=True, slots=True)
class Tools:
    """What carrying out a plan needs. `ensure_keys` gives a pool the signing keys it lacks (`KeyRing.ensure`)."""

    stores: Stores
    users: Users
    ensure_keys: Callable[[str], Awaitable[object]]
    clock: Clock
    random: Random
    sealer: Sealer
    emit: Emit


async def gather(stores: Stores, file: PoolFile) -> Facts:
    """Read the facts that `plan` judges. Raises StoreUnavailable."""
    registry, pool_id = stores.registry, file.pool.id
    elsewhere: dict[str, str] = {}
    for spec in file.clients:
        owner = await registry.pool_of_client(spec.client.client_id)
        if owner is not None and owner != pool_id:
            elsewhere[spec.client.client_id] = owner
    pool = await registry.pool(pool_id)
    if pool is None:
        return Facts(elsewhere=elsewhere)
    kinds = {(key.alg, key.state) for key in await registry.keys(pool_id)}
    usernames: set[str] = set()
    addresses: set[str] = set()
    for seed in file.users:
        if await stores.directory.find_user(pool_id, seed.username, ("username",)) is not None:
            usernames.add(fold(seed.username))
        else:
            addresses |= await taken_addresses(stores.directory, pool_id, seed)
    return Facts(
        pool=pool,
        clients=tuple(await registry.clients(pool_id)),
        elsewhere=elsewhere,
        usernames=frozenset(usernames),
        addresses=frozenset(addresses),
        providers=tuple(await registry.providers(pool_id)),
        keys_complete=all((alg, state) in kinds for alg in SIGNING_ALGORITHMS for state in ("current", "next")),
    )


def plan(facts: Facts, file: PoolFile, *, prune: bool = False) -> Plan:
    """What has to change for the stores to hold what the file says. Pure.

    Raises:
        BadConfig: where the file cannot be carried out: a client id of another pool, a user whose email address is
            another user's, or whose password breaks the pool's policy.
    """
    target = _with_sealed(file.pool if prune else _with_unmentioned(file, facts.pool), file, facts.pool)
    attributes = facts.pool.attributes if facts.pool is not None else ()
    schema = schema_change(
        attributes, target.attributes, renamed_from=file.renamed_from, backfill=file.backfill if facts.pool else {}
    )
    changes = pool_changes(facts.pool, target, schema.renamed)
    pool_differs = bool(changes)
    if not facts.keys_complete:
        changes.append(Change("keys", file.pool.id, "create"))

    present = {client.client_id: client for client in facts.clients}
    put: list[Client] = []
    for spec in file.clients:
        client = _target_client(spec, present.get(spec.client.client_id))
        change = client_change(present.get(client.client_id), client)
        if change is not None:
            changes.append(change)
            put.append(client)
    mentioned = {spec.client.client_id for spec in file.clients}
    gone = [c.client_id for c in facts.clients if prune and c.managed and c.client_id not in mentioned]
    changes += [Change("client", client_id, "remove") for client_id in gone]

    providers = provider_plan(facts.providers, file, prune=prune)
    changes += providers.changes

    users = tuple(seed for seed in file.users if fold(seed.username) not in facts.usernames)
    changes += [Change("user", seed.username, "create", seed_fields(seed)) for seed in users]
    faults = [*_client_faults(facts, file), *provider_faults(facts.providers, file, providers.delete)]
    faults += [*user_faults(file, users, facts.addresses)]
    if faults:
        raise BadConfig(faults)
    return Plan(
        file=file,
        pool=target,
        changes=tuple(changes),
        pool_differs=pool_differs,
        keys_missing=not facts.keys_complete,
        put_clients=tuple(put),
        delete_clients=tuple(gone),
        providers=providers,
        users=users,
        dropped_groups=tuple(c.name for c in changes if c.kind == "group" and c.action == "remove"),
        schema=schema,
        notes=tuple(_notes(target, (c for c in facts.clients if c.client_id not in {*mentioned, *gone}))),
    )


def _with_unmentioned(file: PoolFile, present: Pool | None) -> Pool:
    """The wanted pool with the groups, resource servers and attributes that the file does not mention."""
    wanted = file.pool
    if present is None:
        return wanted
    groups = {g.name for g in wanted.groups}
    servers = {s.identifier for s in wanted.resource_servers}
    attributes = {a.name for a in wanted.attributes} | set(file.renamed_from.values())
    return replace(
        wanted,
        groups=(*wanted.groups, *(g for g in present.groups if g.name not in groups)),
        resource_servers=(
            *wanted.resource_servers,
            *(s for s in present.resource_servers if s.identifier not in servers),
        ),
        attributes=(*wanted.attributes, *(a for a in present.attributes if a.name not in attributes)),
    )


async def surveyed(
    plan: Plan, directory: Directory, *, drop_unconvertible: bool = False, progress: Progress = lambda _: None
) -> Plan:
    """The plan, with notes of what a change of attributes does to the values that users have.

    Raises:
        BadConfig: values are none of an attribute's new type, and may not be dropped. It names the first users.
        StoreUnavailable.
    """
    if not plan.schema:
        return plan
    found = await survey(directory, plan.pool.id, plan.schema, drop=drop_unconvertible, progress=progress)
    if found.unconvertible_count and not drop_unconvertible:
        name = plan.file.name
        faults = [
            Fault(f"{name}: the value of `{attribute}` of the user {username} {reason}", name)
            for username, attribute, reason in found.unconvertible
        ]
        rest = found.unconvertible_count - len(found.unconvertible)
        faults += [Fault(f"{name}: and {rest:,} more values cannot be converted", name)] if rest else []
        faults.append(Fault(f"{name}: correct them with `user update`, or delete them with --drop-unconvertible", name))
        raise BadConfig(faults)
    notes = (*plan.notes, *found.sentences(plan.schema, drop=drop_unconvertible))
    return replace(plan, drop_unconvertible=drop_unconvertible, notes=notes)


def _with_sealed(wanted: Pool, file: PoolFile, present: Pool | None) -> Pool:
    """The wanted pool, its triggers and directory with the digests of their secrets, and with those sealed already."""
    sealed = {(t.point, t.secret_digest): t.sealed_secret for t in present.triggers} if present is not None else {}
    triggers = []
    for trigger in wanted.triggers:
        secret = file.trigger_secrets.get(trigger.point)
        known = digest(secret.value) if secret is not None else ""
        triggers.append(replace(trigger, secret_digest=known, sealed_secret=sealed.get((trigger.point, known))))
    ldap = replace(wanted.ldap, password_digest=_ldap_digest(file))
    if present is not None and present.ldap.password_digest == ldap.password_digest:
        ldap = replace(ldap, sealed_password=present.ldap.sealed_password)
    return replace(wanted, triggers=tuple(triggers), ldap=ldap)


def _ldap_digest(file: PoolFile) -> str:
    password = file.ldap_password
    return slow_digest(password.value, ldap_record(file.pool.id)) if password is not None else ""


def _sealed(plan: Plan, sealer: Sealer) -> Pool:
    """The plan's pool with what is still to be sealed."""
    triggers = []
    for trigger in plan.pool.triggers:
        secret = plan.file.trigger_secrets.get(trigger.point)
        if secret is not None and trigger.sealed_secret is None:
            sealed = sealer.seal(secret.value.encode(), trigger_record(plan.pool.id, trigger.point))
            triggers.append(replace(trigger, sealed_secret=b64url(sealed)))
        else:
            triggers.append(trigger)
    return replace(plan.pool, triggers=tuple(triggers), ldap=_sealed_ldap(plan, sealer))


def _sealed_ldap(plan: Plan, sealer: Sealer) -> LdapPolicy:
    ldap, password = plan.pool.ldap, plan.file.ldap_password
    if password is None or ldap.sealed_password is not None:
        return ldap
    return replace(ldap, sealed_password=b64url(sealer.seal(password.value.encode(), ldap_record(plan.pool.id))))


def _target_client(spec: ClientSpec, present: Client | None) -> Client:
    """The client as it shall be stored: with its secret's digest, and with what it was given at its creation."""
    digests = (digest(spec.secret.value),) if spec.secret is not None else ()
    client = replace(spec.client, secret_digests=digests)
    if present is None:
        return client
    return replace(client, machine_grant=present.machine_grant, created_at=present.created_at)


def _client_faults(facts: Facts, file: PoolFile) -> list[Fault]:
    return [
        file.fault(spec.line, f"the client id `{name}` belongs to the pool {facts.elsewhere[name]} already")
        for spec in file.clients
        if (name := spec.client.client_id) in facts.elsewhere
    ]


def _notes(pool: Pool, others: Iterable[Client]) -> Iterable[str]:
    known = {*STANDARD_SCOPES, *pool.scope_descriptions()}
    for client in others:
        lost = [scope for scope in client.scope if scope not in known]
        if lost:
            yield f"the client {client.client_id}, which the file does not mention, loses the scope {' '.join(lost)}"


async def carry_out(
    plan: Plan,
    tools: Tools,
    done: Callable[[Change], None] = lambda _change: None,
    progress: Progress = lambda _users: None,
) -> None:
    """Make the plan's changes, calling `done` after each; `progress` is told how many users have their values changed.

    Raises:
        Conflict: if somebody else took a name meanwhile; what was done stays, and a new plan shows the rest.
        StoreUnavailable: likewise.
    """
    registry, pool = tools.stores.registry, plan.pool
    if plan.pool_differs:
        for group in plan.dropped_groups:
            await _empty_group(tools.stores.directory, pool.id, group, int(tools.clock()))
        done_first = await _change_values(plan, tools, progress)
        await registry.put_pool(_sealed(plan, tools.sealer))
        for event in pool_events(pool.id, plan.changes):
            tools.emit(event)
        if plan.schema:
            # What was written by the old definitions in the meantime.
            await _change_values(plan, tools, progress)
            tools.emit(_schema_changed(plan, done_first))
    by_kind = {(change.kind, change.name): change for change in plan.changes}
    for change in plan.changes:
        if change.kind in {"pool", "attribute", "group", "resource_server"}:
            done(change)

    async def make_keys() -> None:
        if plan.keys_missing:
            await tools.ensure_keys(pool.id)
            done(by_kind["keys", pool.id])

    def client_changed(client_id: str) -> None:
        change = by_kind["client", client_id]
        for event in client_events(pool.id, change):
            tools.emit(event)
        done(change)

    async def change_clients() -> None:
        for client in plan.put_clients:
            await registry.put_client(pool.id, client if client.machine_grant else _first(client, tools))
            client_changed(client.client_id)
        for client_id in plan.delete_clients:
            await registry.delete_client(pool.id, client_id)
            client_changed(client_id)

    async def change_providers() -> None:
        # Those that go first may give up a domain that another takes over.
        for name in plan.providers.delete:
            await registry.delete_provider(pool.id, name)
            provider_changed(name)
        for position, provider in plan.providers.put:
            await registry.put_provider(pool.id, sealed_provider(pool.id, provider, plan.file, tools.sealer), position)
            provider_changed(provider.name)

    def provider_changed(name: str) -> None:
        change = by_kind.get(("identity_provider", name))
        if change is None:
            return  # it keeps its place beside others that move
        tools.emit(provider_event(pool.id, change))
        done(change)

    seeds = iter(plan.users)

    async def add_users() -> None:
        for seed in seeds:
            await tools.users.create(pool, new_user(seed))
            done(by_kind["user", seed.username])

    # Making RSA keys and hashing passwords keep a core each busy for as long as all the rest.
    await _all_of(make_keys(), change_clients(), change_providers(), *(add_users() for _ in range(_SIDE_BY_SIDE)))


async def _change_values(plan: Plan, tools: Tools, progress: Progress) -> Survey:
    if not plan.schema:
        return Survey()
    return await migrate(
        tools.stores.directory,
        plan.pool.id,
        plan.schema,
        tools.clock,
        drop=plan.drop_unconvertible,
        progress=progress,
    )


def _schema_changed(plan: Plan, done: Survey) -> Event:
    change = plan.schema
    details = {
        "added": sorted(change.backfill),
        "removed": sorted(change.removed),
        "renamed": dict(change.renamed),
        "converted": {name: definition.type for name, definition in change.converted.items()},
        "users": done.changed,
        "dropped": done.unconvertible_count if plan.drop_unconvertible else 0,
    }
    return Event("pool.schema_changed", plan.pool.id, details={k: v for k, v in details.items() if v})


async def _all_of(*parts: Awaitable[None]) -> None:
    """Wait for all, whatever becomes of them; then raise what the first that failed raised."""
    for outcome in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _first(client: Client, tools: Tools) -> Client:
    """What a client is given once, at its creation, and keeps."""
    return replace(
        client,
        machine_grant=tools.random.token(MACHINE_GRANT_BYTES),
        created_at=client.created_at or int(tools.clock()),
    )


async def _empty_group(directory: Directory, pool: str, group: str, now: int) -> None:
    """Take every member out of a group that goes: a group of that name made later must not find them in it."""

    def leave(user: User) -> User:
        return replace(user, groups=tuple(name for name in user.groups if name != group), updated_at=now)

    members = UserFilter(group=group)
    after: str | None = None
    while page := await directory.users(pool, members, limit=_PAGE, after=after):
        for user in page:
            with contextlib.suppress(NotFound):  # deleted meanwhile
                await directory.change_user(pool, user.id, leave)
        after = page[-1].username
