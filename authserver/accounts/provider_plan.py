"""Identity providers of a pool file: what has to change, and carrying it out (`accounts.provision`)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from authserver.accounts.changes import Change, FieldChange, provider_change
from authserver.crypto.sealing import Sealer
from authserver.crypto.secrets import b64url, digest
from authserver.events import Event
from authserver.poolfile import PoolFile, ProviderSpec
from authserver.tomlfile import Fault
from federation.model import IdentityProvider


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """`put` are those to store, with their place among the file's; their secrets are sealed when they are stored."""

    put: tuple[tuple[int, IdentityProvider], ...] = ()
    delete: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def provider_plan(present: Sequence[IdentityProvider], file: PoolFile, *, prune: bool) -> ProviderPlan:
    """What has to change. Pure."""
    stored = {provider.name: provider for provider in present}
    put: list[tuple[int, IdentityProvider]] = []
    changes: list[Change] = []
    named = [spec.provider.name for spec in file.providers]
    before = [provider.name for provider in present if provider.name in named]
    moved = before != [name for name in named if name in stored]
    for position, spec in enumerate(file.providers):
        target = _target(spec, stored.get(spec.provider.name))
        change = provider_change(stored.get(target.name), target)
        if change is None and moved and before.index(target.name) != position:
            order = FieldChange("position", before.index(target.name), position)
            change = Change("identity_provider", target.name, "update", (order,))
        if change is not None:
            changes.append(change)
        if change is not None or moved:
            put.append((position, target))
    mentioned = {spec.provider.name for spec in file.providers}
    gone = tuple(p.name for p in present if prune and p.managed and p.name not in mentioned)
    changes += [Change("identity_provider", name, "remove") for name in gone]
    return ProviderPlan(tuple(put), gone, tuple(changes))


def provider_faults(present: Iterable[IdentityProvider], file: PoolFile, gone: Iterable[str]) -> Iterator[Fault]:
    """Domains and identifiers of the file that a provider has which the file does not mention."""
    apart = {spec.provider.name for spec in file.providers} | set(gone)
    claimed = {key: other.name for other in present if other.name not in apart for key in other.names()}
    for spec in file.providers:
        for kind, value in sorted(spec.provider.names()):
            if (owner := claimed.get((kind, value))) is not None:
                yield file.fault(spec.line, f"the {kind} `{value}` belongs to the provider {owner} already")


def _target(spec: ProviderSpec, present: IdentityProvider | None) -> IdentityProvider:
    """The provider as it shall be, with the digests of its secrets, and with those that are sealed already."""
    digests = {key: digest(secret.value) for key, secret in spec.secrets.items()}
    known = present.secret_digests if present is not None else {}
    sealed = present.sealed_secrets if present is not None else {}
    kept = {key: sealed[key] for key, value in digests.items() if known.get(key) == value and key in sealed}
    return replace(spec.provider, secret_digests=digests, sealed_secrets=kept)


def sealed_provider(pool: str, provider: IdentityProvider, file: PoolFile, sealer: Sealer) -> IdentityProvider:
    """The provider with what is still to be sealed."""
    spec = next(spec for spec in file.providers if spec.provider.name == provider.name)
    return with_secrets(pool, provider, {key: secret.value for key, secret in spec.secrets.items()}, sealer)


def with_secrets(pool: str, provider: IdentityProvider, secrets: dict[str, str], sealer: Sealer) -> IdentityProvider:
    """The provider with these secrets; what is sealed already stays as it is."""
    sealed = {
        key: provider.sealed_secrets.get(key)
        or b64url(sealer.seal(value.encode(), provider_record(pool, provider.name, key)))
        for key, value in secrets.items()
    }
    return replace(provider, secret_digests={k: digest(v) for k, v in secrets.items()}, sealed_secrets=sealed)


def provider_record(pool: str, provider: str, key: str) -> str:
    """The name under which a provider's secret is sealed."""
    return f"pools/{pool}/providers/{provider}/{key}"


def provider_event(pool: str, change: Change) -> Event:
    """What is told of a change: names, no values."""
    done = {"create": "created", "update": "changed", "remove": "deleted"}[change.action]
    details: dict[str, object] = {"provider": change.name}
    if change.action == "update":
        details["changes"] = [field.name for field in change.fields]
    return Event(f"provider.{done}", pool, details=details)
