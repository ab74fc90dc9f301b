"""Identity providers, from their tables to values, with the rules that join several keys."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from authserver.model.clients import POOL
from authserver.model.pools import Pool
from authserver.poolfile.provider_model import ProviderModel
from authserver.poolfile.values import ProviderSpec
from authserver.rules.attributes import OWN_FIELDS, TEXT_CLAIMS
from authserver.tomlfile import Document, Secret
from authserver.tomlfile.lines import KeyPath
from federation.model import GroupMapping, IdentityProvider

_MOST_FILE = 5 * 1024 * 1024


def provider_spec(
    model: ProviderModel, path: KeyPath, document: Document
) -> tuple[ProviderSpec, list[tuple[str, str]]]:
    """The provider as a value, and what is wrong with it: a key and a sentence each."""
    faults = list(_faults(model))
    settings: dict[str, object] = {}
    for name, value in model.own_settings().items():
        if (spec := next(s for s in model.kind.settings if s.name == name)).type == "file":
            try:
                settings[name.removesuffix("_file")] = text_of(document.folder / str(value))
            except ValueError as error:
                faults.append((name, str(error)))
        else:
            settings[name] = tuple(value) if spec.type == "strings" else value
    secrets: Mapping[str, Secret] = model.secrets()
    groups = model.groups
    provider = IdentityProvider(
        name=model.name,
        type=model.type,
        display_name=model.display_name,
        enabled=model.enabled,
        shown=model.shown,
        client_id=model.client_id or "",
        settings=settings,
        scope=tuple(model.scope.split()) if model.scope is not None else (),
        domains=tuple(model.domains),
        identifiers=tuple(model.identifiers),
        attribute_mapping=dict(model.attribute_mapping),
        groups=GroupMapping(groups.source, dict(groups.names), groups.managed) if groups is not None else None,
        linking=model.linking,
        sync=model.sync,
        creates=model.creates,
        trust_email=model.trust_email,
        keep_refresh_token=model.keep_refresh_token,
        trusted=dict(model.trusted),
        callback=model.callback,
        managed=True,
    )
    return ProviderSpec(provider, dict(secrets), document.line(path)), faults


def text_of(path: Path) -> str:
    """What a file holds that a pool file names. Raises ValueError with what is wrong with it, as the end of a sentence."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_FILE + 1)
    except OSError as error:
        raise ValueError(f"refers to {path}, which cannot be read: {error.strerror}") from None
    if len(data) > _MOST_FILE:
        raise ValueError(f"refers to {path}, which is larger than 5 MiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"refers to {path}, which is not UTF-8 text") from None


def _faults(model: ProviderModel) -> Iterator[tuple[str, str]]:
    if model.name == POOL:
        yield "name", f"must not be `{POOL}`, which stands for the pool's own users"
    for key, values in (("domains", model.domains), ("identifiers", [i.lower() for i in model.identifiers])):
        if len(set(values)) != len(values):
            yield key, "names something twice"
    if model.trust_email and not model.domains:
        yield "trust_email", "needs domains: only addresses of these are trusted"
    if model.linking == "verified_email" and not model.domains and not model.kind.speaks_by_nature:
        yield "linking", "is verified_email, which joins addresses of `domains` alone, and there are none"
    if model.callback == "shared" and model.kind.protocol == "saml":
        yield "callback", "is for OAuth providers: SAML ones always return to one address"


def mapping_faults(pool: Pool, model: ProviderModel) -> Iterator[tuple[KeyPath, str]]:
    """What the provider's attributes and groups are, that the pool does not have."""
    known: Collection[str] = {*TEXT_CLAIMS, *OWN_FIELDS, *(a.name for a in pool.attributes), "phone_number_verified"}
    for name in model.attribute_mapping:
        if name == "email_verified":
            reason = "is not mapped: it is true for the address that the provider vouches for; see trust_email"
            yield ("attribute_mapping", name), reason
        elif name not in known:
            yield ("attribute_mapping", name), "is no attribute of the pool; define it in [[pool.attributes]]"
    groups = {group.name for group in pool.groups}
    for theirs, name in (model.groups.names if model.groups is not None else {}).items():
        if name not in groups:
            yield ("groups", "names", theirs), f"`{name}` is no group of this file"


def name_faults(specs: Mapping[int, ProviderSpec]) -> Iterator[tuple[KeyPath, str]]:
    """Names, domains and identifiers that two providers claim."""
    names: dict[str, str] = {}
    claimed: dict[tuple[str, str], str] = {}
    for i, spec in specs.items():
        provider = spec.provider
        if (other := names.setdefault(provider.name.lower(), provider.name)) is not provider.name:
            yield ("identity_providers", i, "name"), f"is `{provider.name}`, and there is `{other}` already"
        for kind, value in sorted(provider.names()):
            if (owner := claimed.setdefault((kind, value), provider.name)) != provider.name:
                yield ("identity_providers", i, f"{kind}s"), f"names `{value}`, which is {owner}'s"
