"""What `poolgate idp add` and `link` are given, checked by the rules of pool files."""

import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from authserver.cli._context import House
from authserver.errors import Conflict, Invalid, Refusal
from authserver.rules.attributes import OWN_FIELDS, TEXT_CLAIMS
from federation.connectors import TYPES, kind_of

if TYPE_CHECKING:
    from authserver.model.pools import Pool
    from authserver.poolfile import ProviderSpec
    from federation.connectors.registration import Registered
    from federation.model import IdentityProvider

    Registering = Callable[[], Awaitable[Registered]]


def types_of() -> list[dict[str, object]]:
    """Every type with its name and protocol."""
    kinds = [kind_of(type_) for type_ in TYPES]
    return [{"type": kind.type, "label": kind.label, "protocol": kind.protocol} for kind in kinds]


def settings_of(type_: str) -> list[dict[str, object]]:
    """The settings that a type takes. Raises typer.BadParameter."""
    _known(type_)
    kind = kind_of(type_)
    own = [{"key": "client_id", "required": True, "about": "What the provider calls this server."}]
    return [
        *(own if kind.needs_client else []),
        *({"key": spec.name, "required": spec.required, "about": spec.about} for spec in kind.settings),
    ]


def given_provider(
    name: str,
    type_: str,
    client_id: str,
    secret: str,
    settings: Sequence[str],
    display_name: str,
    domains: Sequence[str],
    mapping: Sequence[str],
    environ: Mapping[str, str],
) -> "ProviderSpec":
    """The provider as a pool file would have it. Raises BadConfig with every fault, typer.BadParameter."""
    from authserver.poolfile.provider_model import provider_model
    from authserver.poolfile.providers import provider_spec
    from authserver.tomlfile import BadConfig, Document, Fault
    from authserver.tomlfile.document import validated

    _known(type_)
    data: dict[str, object] = {"name": name, "type": type_, "display_name": display_name, "domains": list(domains)}
    if client_id:
        data["client_id"] = client_id
    if secret:
        data["client_secret"] = secret
    data |= {key: _value(value) for key, value in (_pair(text, "--set") for text in settings)}
    if mapping:
        data["attribute_mapping"] = dict(_pair(text, "--map") for text in mapping)
    document = Document(Path.cwd() / "arguments", "the arguments", data, {})
    context = {"folder": Path.cwd(), "environ": environ}
    model, faults = validated(provider_model(type_), document, (), data, context, {})
    if model is None:
        raise BadConfig(faults)
    spec, found = provider_spec(model, (), document)
    if found:
        raise BadConfig([Fault(f"`{key}` {sentence}", "the arguments") for key, sentence in found])
    return spec


def _known(type_: str) -> None:
    if type_ not in TYPES:
        raise typer.BadParameter(f"there is no type {type_!r}; there are {', '.join(TYPES)}", param_hint="--type")


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"`{text}` is not KEY=VALUE", param_hint=option)
    return key, value


def _value(text: str) -> object:
    """A value as TOML has it, or else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


async def added(
    house: House, pool: "Pool", spec: "ProviderSpec", *, enabled: bool, registering: "Registering | None" = None
) -> dict[str, object]:
    """Store it; returns what to do next. Raises Conflict, Invalid.

    Args:
        registering: what registers us at the provider first, once everything else is found well.
    """
    from dataclasses import replace

    from authserver.accounts.provider_plan import with_secrets
    from authserver.cli._registering import told, with_registration
    from authserver.cli.providers import addresses
    from authserver.events import Event

    provider = replace(spec.provider, enabled=enabled, managed=False)
    await _check_free(house, pool, provider)
    secrets, report = {key: secret.value for key, secret in spec.secrets.items()}, {}
    if registering is not None:
        made = await registering()
        provider, report = with_registration(provider, made), told(made)
        secrets |= made.secrets
    sealed = with_secrets(pool.id, provider, secrets, house.opened.sealer)
    try:
        await house.stores.registry.put_provider(pool.id, sealed)
    except Refusal as refusal:
        if registering is not None:
            refusal.detail = f"the client {provider.client_id} is registered at the provider all the same"
        raise
    house.emit(Event("provider.created", pool.id, details={"provider": provider.name}))
    here = f"{provider.name} --pool {pool.id}"
    following = f"poolgate idp test {here} --login" + ("" if enabled else f"; poolgate idp enable {here}")
    return {
        "name": provider.name,
        "enabled": enabled,
        **report,
        **addresses(house, pool, provider),
        "next": following,
    }


async def _check_free(house: House, pool: "Pool", provider: "IdentityProvider") -> None:
    """Return if the pool has room for it. Raises Conflict, Invalid."""
    others = await house.stores.registry.providers(pool.id)
    for other in others:
        if other.name.lower() == provider.name.lower():
            raise Conflict(f"The pool has an identity provider {other.name} already.")
        if shared := sorted(provider.names() & other.names()):
            kind, value = shared[0]
            raise Conflict(f"The {kind} {value} belongs to another provider of the pool, {other.name}.")
    known = {*TEXT_CLAIMS, *OWN_FIELDS, *(a.name for a in pool.attributes)}
    for name in provider.attribute_mapping:
        if name not in known:
            raise Invalid(f"`--map` `{name}` is no attribute of the pool.", field="attribute_mapping")


async def linked(
    house: House, pool: "Pool", provider: "IdentityProvider", username: str, subject: str, issuer: str
) -> dict[str, object]:
    """Link a login beforehand. Raises Conflict, NotFound."""
    from authserver.events import Event
    from federation.linking import MOST_LINKS
    from federation.model import LinkedIdentity

    user = await house.users().find(pool, username)
    theirs = await house.stores.identities.identities(pool.id, user.id)
    if len(theirs) >= MOST_LINKS:
        raise Conflict(f"{username} has {MOST_LINKS} linked logins, which is as many as there may be.")
    if any(one.provider == provider.name for one in theirs):
        raise Conflict(f"{username} has a login of {provider.name} already; `idp unlink` ends it.")
    if await house.stores.identities.identity(pool.id, provider.name, subject) is not None:
        raise Conflict(f"The login {subject} of {provider.name} is another user's.")
    now = int(house.clock())
    identity = LinkedIdentity(pool.id, user.id, provider.name, subject, issuer, now)
    await house.stores.identities.link(pool.id, identity)
    house.emit(Event("identity.linked", pool.id, user.id, details={"provider": provider.name}))
    return {"username": user.username, "provider": provider.name, "subject": subject, "issuer": issuer}
