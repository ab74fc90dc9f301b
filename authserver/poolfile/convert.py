"""From checked tables to values, with the rules that join tables: names that must exist, names that must differ."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from authserver.model.clients import POOL, Client
from authserver.model.pools import AttributeDefinition, Branding, Group, Pool, ResourceServer, Scope
from authserver.model.users import fold
from authserver.poolfile.client_model import ClientModel, UserModel
from authserver.poolfile.directory import ldap_mapping_faults, ldap_policy
from authserver.poolfile.policies import client_mfa_fault, policies, policy_faults
from authserver.poolfile.pool_model import AttributeModel, BrandingModel, GroupModel, PoolModel, ResourceServerModel
from authserver.poolfile.provider_model import ProviderModel
from authserver.poolfile.providers import mapping_faults, name_faults, provider_spec
from authserver.poolfile.service_provider_model import ServiceProviderModel
from authserver.poolfile.service_providers import attribute_faults as service_provider_faults
from authserver.poolfile.service_providers import service_provider_spec
from authserver.poolfile.values import ClientSpec, PoolFile, ProviderSpec, UserSeed
from authserver.rules.attributes import OWN_FIELDS, TEXT_CLAIMS, attribute_faults, missing_attributes, value_fault
from authserver.rules.clients import client_faults, secret_fault
from authserver.rules.names import STANDARD_SCOPES
from authserver.tomlfile import Document, Secret
from authserver.tomlfile.lines import KeyPath

Note = Callable[[KeyPath, str], None]
"""Takes a fault: the key's path, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The tables of a file that are valid in themselves, by their index."""

    pool: PoolModel | None
    groups: Mapping[int, GroupModel]
    users: Mapping[int, UserModel]
    resource_servers: Mapping[int, ResourceServerModel]
    clients: Mapping[int, ClientModel]
    providers: Mapping[int, ProviderModel]
    service_providers: Mapping[int, ServiceProviderModel]


def pool_file(parts: Parts, document: Document, note: Note, *, complete: bool) -> PoolFile | None:
    """The file as a value, its faults noted; None if `[pool]` itself is not valid.

    With `complete` False some tables are missing because they are faulty: names are then not looked up in them, so that
    one mistake is told once.
    """
    groups = tuple(Group(g.name, g.description, g.precedence, g.role) for g in parts.groups.values())
    servers = tuple(_resource_server(s) for s in parts.resource_servers.values())
    _distinct("groups", "name", {i: g.name for i, g in parts.groups.items()}, note)
    _distinct("users", "username", {i: fold(u.username) for i, u in parts.users.items()}, note)
    verified = {i: fold(u.email) for i, u in parts.users.items() if u.email and u.email_verified}
    _distinct("users", "email", verified, note)
    numbers = {i: u.phone_number for i, u in parts.users.items() if u.phone_number and u.phone_number_verified}
    _distinct("users", "phone_number", numbers, note)
    _distinct("resource_servers", "identifier", {i: s.identifier for i, s in parts.resource_servers.items()}, note)
    _distinct("clients", "client_id", {i: c.client_id for i, c in parts.clients.items()}, note)
    for i, server in parts.resource_servers.items():
        _distinct(("resource_servers", i, "scopes"), "name", dict(enumerate(s.name for s in server.scopes)), note)

    pool = _pool(parts.pool, groups, servers, document, note) if parts.pool is not None else None
    if parts.pool is not None and complete:
        for path, sentence in ldap_mapping_faults(parts.pool, {g.name for g in groups}):
            note(("pool", "ldap", *path), sentence)
    custom = {name for server in servers for name in server.scope_names()} if complete else None
    if parts.pool is not None and custom is not None:
        for k, scope in enumerate(parts.pool.default_scopes):
            if scope not in STANDARD_SCOPES and scope not in custom:
                note(("pool", "default_scopes", k), f"`{scope}` is neither a standard scope nor a resource server's")
    defaults = pool.default_scopes if pool is not None else ()
    clients = tuple(
        _client(c, ("clients", i), pool.id if pool is not None else "", defaults, custom, document, note)
        for i, c in parts.clients.items()
    )
    clients += _service_providers(parts, pool if complete else None, document, note)
    if parts.pool is not None:
        for i, model in parts.clients.items():
            if (fault := client_mfa_fault(parts.pool, model.mfa)) is not None:
                note(("clients", i, "mfa"), fault)
    providers = _providers(parts, pool if complete else None, document, note)
    if complete:
        known = {POOL, *(spec.provider.name for spec in providers)}
        for i, model in parts.clients.items():
            for k, name in enumerate(model.identity_providers or ()):
                if name not in known:
                    note(("clients", i, "identity_providers", k), f"`{name}` is no identity provider of this file")
        for i, application in parts.service_providers.items():
            for k, name in enumerate(application.identity_providers or ()):
                if name not in known:
                    path = ("service_providers", i, "identity_providers", k)
                    note(path, f"`{name}` is no identity provider of this file")
    users = tuple(
        _user(u, ("users", i), pool, {g.name for g in groups} if complete else None, document, note)
        for i, u in parts.users.items()
    )
    if pool is None:
        return None
    secrets: list[tuple[KeyPath, Secret | None]] = [
        (("clients", i, "client_secret"), c.client_secret) for i, c in parts.clients.items()
    ]
    secrets += [(("users", i, "password"), u.password) for i, u in parts.users.items()]
    secrets += [
        (("identity_providers", i, key), secret)
        for i, p in parts.providers.items()
        for key, secret in p.secrets().items()
    ]
    triggers = parts.pool.triggers if parts.pool is not None else []
    attributes = parts.pool.attributes if parts.pool is not None else []
    secrets += [(("pool", "triggers", i, "secret"), t.secret) for i, t in enumerate(triggers)]
    ldap = parts.pool.ldap if parts.pool is not None else None
    ldap_password = ldap.bind_password if ldap is not None else None
    secrets.append((("pool", "ldap", "bind_password"), ldap_password))
    risk = parts.pool.risk if parts.pool is not None else None
    plain = tuple(f"`{_short(p)}` {document.place(p)}" for p, s in secrets if s is not None and s.plain)
    return PoolFile(
        document.path,
        document.name,
        pool,
        clients,
        users,
        plain,
        {t.point: t.secret for t in triggers if t.secret is not None},
        {a.name: a.renamed_from for a in attributes if a.renamed_from is not None},
        {a.name: a.backfill for a in attributes if a.backfill is not None},
        asks_for_travel=risk is not None
        and "impossible_travel" in risk.model_fields_set
        and risk.impossible_travel != "ignore",
        providers=providers,
        ldap_password=ldap_password,
    )


def _short(path: KeyPath) -> str:
    """A key with the table it stands in."""
    table = next(step for step in reversed(path[:-1]) if isinstance(step, str))
    return f"{table}.{path[-1]}"


def _providers(parts: Parts, pool: Pool | None, document: Document, note: Note) -> tuple[ProviderSpec, ...]:
    specs: dict[int, ProviderSpec] = {}
    for i, model in parts.providers.items():
        path = ("identity_providers", i)
        specs[i], faults = provider_spec(model, path, document)
        for key, sentence in faults:
            note((*path, key), sentence)
        for inner, sentence in mapping_faults(pool, model) if pool is not None else ():
            note((*path, *inner), sentence)
    for where, sentence in name_faults(specs):
        note(where, sentence)
    return tuple(specs.values())


def _service_providers(parts: Parts, pool: Pool | None, document: Document, note: Note) -> tuple[ClientSpec, ...]:
    specs: dict[int, ClientSpec] = {}
    for i, model in parts.service_providers.items():
        path = ("service_providers", i)
        look = _branding(model.branding) if model.branding is not None else None
        specs[i], faults = service_provider_spec(model, pool.id if pool is not None else "", path, document, look)
        for key, sentence in faults:
            note((*path, key), sentence)
        for inner, sentence in service_provider_faults(pool, model) if pool is not None else ():
            note((*path, *inner), sentence)
        if parts.pool is not None and (fault := client_mfa_fault(parts.pool, model.mfa)) is not None:
            note((*path, "mfa"), fault)
    names = {i: spec.client.client_id for i, spec in specs.items()}
    _distinct("service_providers", "client_id", names, note)
    taken = {model.client_id for model in parts.clients.values()}
    for i, name in names.items():
        if name in taken:
            note(("service_providers", i, "client_id"), f"`{name}` is the client_id of a client of this file")
    entities = {i: s.client.saml.entity_id for i, s in specs.items() if s.client.saml is not None}
    _distinct("service_providers", "entity_id", entities, note)
    return tuple(specs.values())


def _distinct(table: str | KeyPath, key: str, names: Mapping[int, str], note: Note) -> None:
    path = (table,) if isinstance(table, str) else table
    seen: set[str] = set()
    for index, name in names.items():
        if name in seen:
            note((*path, index, key), f"is `{name}` a second time")
        seen.add(name)


def _resource_server(model: ResourceServerModel) -> ResourceServer:
    scopes = tuple(Scope(s.name, s.description) for s in model.scopes)
    return ResourceServer(model.identifier, model.name, scopes, model.access_alg)


def _pool(
    model: PoolModel, groups: tuple[Group, ...], servers: tuple[ResourceServer, ...], document: Document, note: Note
) -> Pool:
    for key, values in (
        ("languages", model.languages),
        ("sign_in_with", model.sign_in_with),
        ("default_scopes", model.default_scopes),
    ):
        if len(set(values)) != len(values):
            note(("pool", key), "names something twice")
    for path, sentence in policy_faults(model):
        note(("pool", *path), sentence)
    _distinct(("pool", "attributes"), "name", dict(enumerate(a.name for a in model.attributes)), note)
    for i, attribute in enumerate(model.attributes):
        if (fault := _definition_fault(attribute) or _change_fault(attribute, model)) is not None:
            note(("pool", "attributes", i, fault[0]), fault[1])
    ldap, faults = ldap_policy(model.ldap, document)
    for path, sentence in faults:
        note(("pool", "ldap", *path), sentence)
    return Pool(
        id=model.id,
        name=model.name or model.id,
        claims_profile=model.claims_profile,
        default_scopes=tuple(model.default_scopes),
        sign_in_with=tuple(model.sign_in_with),
        languages=tuple(model.languages),
        branding=_branding(model.branding),
        attributes=tuple(_definition(a) for a in model.attributes),
        groups=groups,
        resource_servers=servers,
        ldap=ldap,
        **policies(model),
    )


def _branding(model: BrandingModel) -> Branding:
    return Branding(model.tokens, model.logo, model.texts, model.logo_dark)


def _definition(model: AttributeModel) -> AttributeDefinition:
    return AttributeDefinition(
        model.name, model.type, model.mutable, model.required, model.min, model.max, model.self_editable
    )


def _change_fault(model: AttributeModel, pool: PoolModel) -> tuple[str, str] | None:
    """What is wrong with how values come to the attribute."""
    former = model.renamed_from
    if former is not None:
        if former in OWN_FIELDS or model.name in OWN_FIELDS:
            return "renamed_from", "is about a key of its own beside the attributes, which keeps its name"
        if former in {a.name for a in pool.attributes}:
            return "renamed_from", f"is `{former}`, which is an attribute still"
        if [a.renamed_from for a in pool.attributes].count(former) > 1:
            return "renamed_from", f"is `{former}` a second time"
    if model.backfill is not None:
        if model.name in OWN_FIELDS:
            return "backfill", f"cannot be: {model.name} is each user's own"
        if (fault := value_fault(_definition(model), model.backfill)) is not None:
            return "backfill", fault
    return None


def _definition_fault(model: AttributeModel) -> tuple[str, str] | None:
    if model.name in {*TEXT_CLAIMS, *OWN_FIELDS} and model.type != "string":
        return "type", f"must be string: {model.name} is a standard claim"
    if model.name == "address":
        return "name", "has a structure of its own (OpenID Connect Core 5.1.1) and takes no definition"
    if model.type in {"boolean", "datetime"} and (model.min is not None or model.max is not None):
        return ("min" if model.min is not None else "max"), f"has no meaning for the type {model.type}"
    if model.min is not None and model.max is not None and model.min > model.max:
        return "min", "is greater than max"
    return None


def _client(
    model: ClientModel,
    path: KeyPath,
    pool: str,
    default_scopes: tuple[str, ...],
    custom: set[str] | None,
    document: Document,
    note: Note,
) -> ClientSpec:
    by_code = "authorization_code" in model.grant_types
    scope = tuple(model.scope.split()) if model.scope is not None else default_scopes if by_code else ()
    response_types = model.response_types if model.response_types is not None else ["code"] if by_code else []
    client = Client(
        client_id=model.client_id,
        pool=pool,
        client_name=model.client_name or model.client_id,
        redirect_uris=tuple(model.redirect_uris),
        post_logout_redirect_uris=tuple(model.post_logout_redirect_uris),
        grant_types=tuple(model.grant_types),
        response_types=tuple(response_types),
        scope=scope,
        token_endpoint_auth_method=model.token_endpoint_auth_method,
        application_type=model.application_type,
        id_token_signed_response_alg=model.id_token_signed_response_alg,
        require_consent=model.require_consent,
        require_pkce=model.require_pkce,
        default_max_age=model.default_max_age,
        access_ttl=model.access_ttl,
        refresh_ttl=model.refresh_ttl,
        client_uri=model.client_uri,
        logo_uri=model.logo_uri,
        policy_uri=model.policy_uri,
        tos_uri=model.tos_uri,
        contacts=tuple(model.contacts),
        enabled=model.enabled,
        managed=True,
        read_attributes=tuple(model.read_attributes) if model.read_attributes is not None else None,
        write_attributes=tuple(model.write_attributes) if model.write_attributes is not None else None,
        mfa=model.mfa,
        branding=_branding(model.branding) if model.branding is not None else None,
        identity_providers=tuple(model.identity_providers) if model.identity_providers is not None else None,
    )
    for key, sentence in client_faults(client, custom):
        note((*path, key), sentence)
    if (fault := _secret_fault(client, model.client_secret)) is not None:
        note((*path, "client_secret"), fault)
    return ClientSpec(client, model.client_secret, document.line(path))


def _secret_fault(client: Client, secret: Secret | None) -> str | None:
    if client.public:
        return None if secret is None else "must be left out: token_endpoint_auth_method is none"
    if secret is None:
        return f"is needed for {client.token_endpoint_auth_method}; a public client says none"
    return secret_fault(secret.value)


def _user(
    model: UserModel, path: KeyPath, pool: Pool | None, groups: Iterable[str] | None, document: Document, note: Note
) -> UserSeed:
    if model.password is not None and model.password_hash is not None:
        note((*path, "password_hash"), "stands beside a password; give one of them")
    for kind in ("email", "phone_number"):
        if getattr(model, f"{kind}_verified") and getattr(model, kind) is None:
            note((*path, f"{kind}_verified"), f"is true without {kind}")
    if groups is not None:
        for k, name in enumerate(model.groups):
            if name not in groups:
                note((*path, "groups", k), f"`{name}` is no group of this file")
    if pool is not None:
        for name, sentence in attribute_faults(pool, model.attributes):
            note((*path, "attributes", name), sentence)
        own = {"email": model.email, "phone_number": model.phone_number}
        for name in missing_attributes(pool, {**model.attributes, **own}):
            note(path, f"lacks `{name}`, which the pool requires")
    return UserSeed(
        username=model.username,
        password=model.password,
        password_hash=model.password_hash.value if model.password_hash is not None else None,
        email=model.email,
        email_verified=model.email_verified,
        phone_number=model.phone_number,
        phone_number_verified=model.phone_number_verified,
        groups=tuple(model.groups),
        attributes=dict(model.attributes),
        line=document.line(path),
    )
