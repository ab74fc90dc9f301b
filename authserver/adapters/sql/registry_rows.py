"""Rows of the Registry: pools, their groups, clients and signing keys."""

from collections.abc import Iterable, Mapping
from typing import Any

from authserver.adapters.sql.documents import Row, Values, from_json, record, texts, to_json
from authserver.model.clients import Client
from authserver.model.keys import SigningKey
from authserver.model.ldap import LdapGroups, LdapPolicy
from authserver.model.pools import (
    AccountPolicy,
    AttributeDefinition,
    Branding,
    Group,
    Linking,
    MessagePolicy,
    MfaPolicy,
    PasswordPolicy,
    Pool,
    RecoveryPolicy,
    ResourceServer,
    RiskPolicy,
    Scope,
    SessionPolicy,
    SignUpPolicy,
    TokenPolicy,
    Trigger,
)
from federation.model import GroupMapping, IdentityProvider
from federation.saml_idp.model import ServiceProvider

_POLICIES: Mapping[str, type] = {
    "sign_up": SignUpPolicy,
    "mfa": MfaPolicy,
    "risk": RiskPolicy,
    "recovery": RecoveryPolicy,
    "account": AccountPolicy,
    "messages": MessagePolicy,
    "linking": Linking,
}
"""The policies in the document `policies`, which has the triggers and the directory too."""

_EXTRAS = ("read_attributes", "write_attributes", "mfa", "branding", "identity_providers", "saml")
"""The fields of a client in the document `extras`."""


def pool_values(pool: Pool) -> Values:
    return {
        "id": pool.id,
        "name": pool.name,
        "claims_profile": pool.claims_profile,
        "default_scopes": to_json(pool.default_scopes),
        "sign_in_with": to_json(pool.sign_in_with),
        "languages": to_json(pool.languages),
        "password_policy": to_json(pool.password_policy),
        "session": to_json(pool.session),
        "tokens": to_json(pool.tokens),
        "branding": to_json(pool.branding),
        "attributes": to_json(pool.attributes),
        "resource_servers": to_json(pool.resource_servers),
        "policies": to_json({name: getattr(pool, name) for name in (*_POLICIES, "triggers", "ldap")}),
    }


def pool_of(row: Row, groups: Iterable[Row]) -> Pool:
    (
        pool_id,
        name,
        claims_profile,
        default_scopes,
        sign_in_with,
        languages,
        password_policy,
        session,
        tokens,
        branding,
        attributes,
        resource_servers,
        policies,
    ) = row
    return Pool(
        id=pool_id,
        name=name,
        claims_profile=claims_profile,
        default_scopes=texts(default_scopes),
        sign_in_with=texts(sign_in_with),
        languages=texts(languages),
        password_policy=record(PasswordPolicy, from_json(password_policy)),
        session=record(SessionPolicy, from_json(session)),
        tokens=record(TokenPolicy, from_json(tokens)),
        branding=record(Branding, from_json(branding)),
        attributes=tuple(record(AttributeDefinition, each) for each in from_json(attributes)),
        groups=tuple(group_of(group) for group in groups),
        resource_servers=tuple(
            record(ResourceServer, each, scopes=tuple(record(Scope, scope) for scope in each["scopes"]))
            for each in from_json(resource_servers)
        ),
        **_policies(from_json(policies) if policies is not None else {}),
    )


def _policies(stored: Mapping[str, Any]) -> dict[str, Any]:
    ldap = stored.get("ldap", {})
    return {
        **{name: record(kind, stored.get(name, {})) for name, kind in _POLICIES.items()},
        "triggers": tuple(record(Trigger, each) for each in stored.get("triggers", ())),
        "ldap": record(LdapPolicy, ldap, groups=record(LdapGroups, ldap.get("groups", {}))),
    }


def group_values(pool: str, group: Group, position: int) -> Values:
    return {
        "pool": pool,
        "name": group.name,
        "description": group.description,
        "precedence": group.precedence,
        "role": group.role,
        "position": position,
    }


def group_of(row: Row) -> Group:
    _pool, name, description, precedence, role, _position = row
    return Group(name=name, description=description, precedence=precedence, role=role)


def client_values(pool: str, client: Client) -> Values:
    return {
        "pool": pool,
        "client_id": client.client_id,
        "client_name": client.client_name,
        "secret_digests": to_json(client.secret_digests),
        "redirect_uris": to_json(client.redirect_uris),
        "post_logout_redirect_uris": to_json(client.post_logout_redirect_uris),
        "grant_types": to_json(client.grant_types),
        "response_types": to_json(client.response_types),
        "scope": to_json(client.scope),
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "application_type": client.application_type,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "require_consent": client.require_consent,
        "require_pkce": client.require_pkce,
        "default_max_age": client.default_max_age,
        "access_ttl": client.access_ttl,
        "refresh_ttl": client.refresh_ttl,
        "client_uri": client.client_uri,
        "logo_uri": client.logo_uri,
        "policy_uri": client.policy_uri,
        "tos_uri": client.tos_uri,
        "contacts": to_json(client.contacts),
        "machine_grant": client.machine_grant,
        "enabled": client.enabled,
        "managed": client.managed,
        "created_at": client.created_at,
        "extras": to_json({name: getattr(client, name) for name in _EXTRAS}),
    }


def client_of(row: Row) -> Client:
    (
        pool,
        client_id,
        client_name,
        secret_digests,
        redirect_uris,
        post_logout_redirect_uris,
        grant_types,
        response_types,
        scope,
        token_endpoint_auth_method,
        application_type,
        id_token_signed_response_alg,
        require_consent,
        require_pkce,
        default_max_age,
        access_ttl,
        refresh_ttl,
        client_uri,
        logo_uri,
        policy_uri,
        tos_uri,
        contacts,
        machine_grant,
        enabled,
        managed,
        created_at,
        extras,
    ) = row
    return Client(
        client_id=client_id,
        pool=pool,
        client_name=client_name,
        secret_digests=texts(secret_digests),
        redirect_uris=texts(redirect_uris),
        post_logout_redirect_uris=texts(post_logout_redirect_uris),
        grant_types=texts(grant_types),
        response_types=texts(response_types),
        scope=texts(scope),
        token_endpoint_auth_method=token_endpoint_auth_method,
        application_type=application_type,
        id_token_signed_response_alg=id_token_signed_response_alg,
        require_consent=bool(require_consent),
        require_pkce=bool(require_pkce),
        default_max_age=default_max_age,
        access_ttl=access_ttl,
        refresh_ttl=refresh_ttl,
        client_uri=client_uri,
        logo_uri=logo_uri,
        policy_uri=policy_uri,
        tos_uri=tos_uri,
        contacts=texts(contacts),
        machine_grant=machine_grant,
        enabled=bool(enabled),
        managed=bool(managed),
        created_at=created_at,
        **_extras(from_json(extras) if extras is not None else {}),
    )


def _extras(stored: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: stored[name] for name in _EXTRAS if stored.get(name) is not None}
    for name in _EXTRAS:
        if isinstance(found.get(name), list):
            found[name] = tuple(found[name])
    if "branding" in found:
        found["branding"] = record(Branding, found["branding"])
    if "saml" in found:
        found["saml"] = record(ServiceProvider, found["saml"])
    return found


def provider_values(pool: str, provider: IdentityProvider, position: int) -> Values:
    return {
        "pool": pool,
        "name": provider.name,
        "position": position,
        "listed": provider.enabled and provider.shown,
        "document": to_json(provider),
    }


def provider_of(row: Row) -> IdentityProvider:
    stored = from_json(row[0])
    groups = stored.get("groups")
    return record(IdentityProvider, stored, groups=record(GroupMapping, groups) if groups is not None else None)


def key_values(pool: str, key: SigningKey) -> Values:
    return {
        "pool": pool,
        "kid": key.kid,
        "alg": key.alg,
        "state": key.state,
        "public_jwk": to_json(key.public_jwk),
        "sealed": key.sealed,
        "created_at": key.created_at,
        "activated_at": key.activated_at,
        "retired_at": key.retired_at,
        "expires_at": key.expires_at,
    }


def key_of(row: Row) -> SigningKey:
    pool, kid, alg, state, public_jwk, sealed, created_at, activated_at, retired_at, expires_at = row
    return SigningKey(
        kid=kid,
        pool=pool,
        alg=alg,
        state=state,
        public_jwk=from_json(public_jwk),
        sealed=sealed,
        created_at=created_at,
        activated_at=activated_at,
        retired_at=retired_at,
        expires_at=expires_at,
    )
