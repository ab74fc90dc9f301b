"""The difference between what is and what a file wants, field by field. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from authserver.model.clients import Client
from authserver.model.ldap import LdapPolicy
from authserver.model.pools import AttributeDefinition, Group, Pool, ResourceServer, Trigger
from federation.model import IdentityProvider

Kind = Literal["pool", "attribute", "group", "resource_server", "keys", "client", "identity_provider", "user"]
Action = Literal["create", "update", "remove"]

_NOBODY_RENAMED: Mapping[str, str] = MappingProxyType({})

SECRET_CHANGED = "(secret changed)"
SECRET_SET = "(secret)"

Named = TypeVar("Named", AttributeDefinition, Group, ResourceServer)

_APART: Mapping[type, frozenset[str]] = {
    Pool: frozenset({"id", "attributes", "groups", "resource_servers"}),
    Client: frozenset({"client_id", "pool", "secret_digests", "machine_grant", "created_at"}),
    IdentityProvider: frozenset({"name", "sealed_secrets", "secret_digests"}),
    LdapPolicy: frozenset({"sealed_password", "password_digest"}),
}
"""Fields that are names, have changes of their own, or are never shown."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, as JSON values. Of a secret only that it changed."""

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is created, updated or removed."""

    kind: Kind
    name: str
    action: Action
    fields: tuple[FieldChange, ...] = ()


def difference(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[FieldChange, ...]:
    """The fields that differ."""
    return tuple(FieldChange(k, before.get(k), v) for k, v in after.items() if before.get(k) != v)


def content(after: Mapping[str, object], defaults: Mapping[str, object]) -> tuple[FieldChange, ...]:
    """The fields of something new that say more than its defaults."""
    return tuple(FieldChange(k, None, v) for k, v in after.items() if defaults.get(k) != v)


def named_changes(
    kind: Kind, before: Iterable[Named], after: Iterable[Named], renamed: Mapping[str, str] = _NOBODY_RENAMED
) -> list[Change]:
    """The changes between two sets of things that have a name, whatever their order.

    Args:
        renamed: new names by old ones.
    """
    old = {renamed.get(_name(item), _name(item)): item for item in before}
    new = {_name(item): item for item in after}
    changes: list[Change] = []
    for name, item in new.items():
        if name not in old:
            changes.append(Change(kind, name, "create", content(_flat(item), _flat(type(item)(name)))))
        elif found := difference(_flat(old[name]), _flat(item)):
            changes.append(Change(kind, name, "update", found))
    changes += [Change(kind, name, "remove") for name in old if name not in new]
    return changes


def _name(item: Named) -> str:
    return item.identifier if isinstance(item, ResourceServer) else item.name


def pool_changes(before: Pool | None, after: Pool, renamed: Mapping[str, str] = _NOBODY_RENAMED) -> list[Change]:
    """Everything that differs between two states of a pool. `renamed` are new names of attributes by old ones."""
    old = before or Pool(after.id, "")
    if before is None:
        changes = [
            Change("pool", after.id, "create", (*content(_flat(after), _flat(old)), *_ldap_password(old, after)))
        ]
    else:
        found = (*difference(_flat(old), _flat(after)), *_ldap_password(old, after))
        changes = [Change("pool", after.id, "update", found)] if found else []
    changes += named_changes("attribute", old.attributes, after.attributes, renamed)
    changes += named_changes("group", old.groups, after.groups)
    changes += named_changes("resource_server", old.resource_servers, after.resource_servers)
    return changes


def _ldap_password(before: Pool, after: Pool) -> list[FieldChange]:
    old, new = before.ldap.password_digest, after.ldap.password_digest
    if old == new:
        return []
    shown = SECRET_CHANGED if old and new else SECRET_SET
    return [FieldChange("ldap.bind_password", shown if old else None, shown if new else None)]


def client_change(before: Client | None, after: Client) -> Change | None:
    """What differs between two states of a client; None if nothing does."""
    if before is None:
        blank = _flat(Client(after.client_id, after.pool, managed=after.managed))
        secret = [FieldChange("client_secret", None, SECRET_SET)] if after.secret_digests else []
        return Change("client", after.client_id, "create", (*content(_flat(after), blank), *secret))
    if before == after:
        return None
    found = difference(_flat(before), _flat(after))
    if before.secret_digests != after.secret_digests:
        found = (*found, FieldChange("client_secret", SECRET_SET, SECRET_CHANGED))
    return Change("client", after.client_id, "update", found) if found else None


def provider_change(before: IdentityProvider | None, after: IdentityProvider) -> Change | None:
    """What differs between two states of an identity provider; None if nothing does."""
    if before is None:
        blank = _flat(IdentityProvider(after.name, "", managed=after.managed))
        secrets = [FieldChange(key, None, SECRET_SET) for key in sorted(after.secret_digests)]
        return Change("identity_provider", after.name, "create", (*content(_flat(after), blank), *secrets))
    if before == after:
        return None
    found = difference(_flat(before), _flat(after))
    for key in sorted({*before.secret_digests, *after.secret_digests}):
        old, new = before.secret_digests.get(key), after.secret_digests.get(key)
        if old != new:
            shown = SECRET_CHANGED if old and new else SECRET_SET
            found = (*found, FieldChange(key, shown if old else None, shown if new else None))
    return Change("identity_provider", after.name, "update", found) if found else None


def _flat(value: Any, prefix: str = "") -> dict[str, object]:
    """The fields of a dataclass as JSON values, those of inner dataclasses under dotted names."""
    flat: dict[str, object] = {}
    for field in fields(value):
        if field.name in _APART.get(type(value), ()):
            continue
        inner = getattr(value, field.name)
        if is_dataclass(inner) and not isinstance(inner, type):
            flat |= _flat(inner, f"{prefix}{field.name}.")
        else:
            flat[f"{prefix}{field.name}"] = _json(inner)
    return flat


def _json(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _json(v) for k, v in value.items()}
    if isinstance(value, Trigger):
        shown = {k: v for k, v in _flat(value).items() if not k.startswith(("secret_", "sealed_"))}
        # A few characters of the digest, so that another secret shows as a difference.
        return shown | ({"secret": f"(secret {value.secret_digest[:6]})"} if value.secret_digest else {})
    if is_dataclass(value) and not isinstance(value, type):
        return _flat(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json(v) for v in value]
    return value
