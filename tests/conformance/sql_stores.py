"""The roles that live in SQL, in memory, on SQLite and on PostgreSQL, and sample values that use every field.

A test module takes the fixtures it needs by assignment (`stores = sql_stores.stores`).
"""

import dataclasses
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from authserver.adapters.sql import migrate, open_sql
from authserver.adapters.sql.tables import (
    audit_entries,
    audit_heads,
    outbox,
    pools,
    registry_version,
    revocations,
    used_codes,
)
from authserver.model.clients import Client
from authserver.model.grants import Consent, Grant, RefreshFamily
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
from authserver.model.users import PasswordCredential, User
from authserver.store.memory import memory_stores
from authserver.store.protocols import Credentials, Directory, Grants, Identities, Journal, Registry
from federation.model import GroupMapping, IdentityProvider, LinkedIdentity
from federation.saml_idp.model import ServiceProvider
from tests import postgres

POOL, OTHER = "demo_A", "demo_B"
NOW = 1_800_000_000


class Roles(NamedTuple):
    registry: Registry
    directory: Directory
    grants: Grants
    credentials: Credentials
    journal: Journal
    identities: Identities


def _roles(stores: Any) -> "Roles":
    return Roles(
        stores.registry, stores.directory, stores.grants, stores.credentials, stores.journal, stores.identities
    )


# --- fixtures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    import asyncio

    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="module")
def postgres_url() -> str:
    """A migrated database of the module's own."""
    postgres.require()
    return postgres.fresh_database(migrate)


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database, once for each kind. The PostgreSQL one is the module's."""
    return _url(request.param, request, tmp_path)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Like `sql_url`, with "memory" as a third."""
    return "memory" if request.param == "memory" else _url(request.param, request, tmp_path)


# For what memory does not do: it returns the very values it was given, and takes any.
on_sql = pytest.mark.parametrize("any_url", ["sqlite", "postgresql"], indirect=True)


def _url(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    shutil.copy(request.getfixturevalue("sqlite_template"), folder / "poolgate.db")
    return f"sqlite:///{folder / 'poolgate.db'}"


@pytest.fixture
async def stores(any_url: str) -> AsyncIterator[Roles]:
    """The roles over nothing, once for each implementation."""
    async with _open(any_url) as roles:
        yield roles


@pytest.fixture
async def elsewhere(any_url: str, stores: Roles) -> AsyncIterator[Roles]:
    """The same stores over connections of their own, as another process sees them."""
    if any_url == "memory":
        yield stores
        return
    async with await open_sql(any_url) as opened:
        yield _roles(opened)


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Roles]:
    if url == "memory":
        yield _roles(memory_stores(lambda: float(NOW)))
        return
    async with await open_sql(url) as opened:
        await opened.database.write(_empty)
        yield _roles(opened)


def _empty(connection: sa.Connection) -> None:
    for table in (pools, used_codes, revocations, audit_entries, audit_heads, outbox):
        connection.execute(sa.delete(table))
    connection.execute(sa.update(registry_version).values(version=0))


@pytest.fixture
async def registry(stores: Roles) -> Registry:
    """With two bare pools."""
    await stores.registry.put_pool(bare_pool(POOL))
    await stores.registry.put_pool(bare_pool(OTHER))
    return stores.registry


@pytest.fixture
async def directory(stores: Roles) -> Directory:
    """Of two pools, the first of which has the groups of `full_pool`."""
    await stores.registry.put_pool(full_pool(POOL))
    await stores.registry.put_pool(bare_pool(OTHER))
    return stores.directory


@pytest.fixture
async def grants(stores: Roles) -> Grants:
    """Of two pools. Each has a client `web-<pool>` and the users `ada` and `bob`."""
    for pool in (POOL, OTHER):
        await stores.registry.put_pool(bare_pool(pool))
        await stores.registry.put_client(pool, Client(f"web-{pool}", pool))
        for name in ("ada", "bob"):
            await stores.directory.create_user(pool, User(name, pool, name))
    return stores.grants


# --- samples ----------------------------------------------------------------------------------------------------------


def bare_pool(pool: str) -> Pool:
    return Pool(id=pool, name=pool)


def full_pool(pool: str) -> Pool:
    return Pool(
        id=pool,
        name="Démo 데모",
        claims_profile="cognito",
        default_scopes=("openid", "https://orders.example/read"),
        sign_in_with=("email", "preferred_username"),
        languages=("ko", "de"),
        password_policy=PasswordPolicy(15, 64, True, True, True, True, 5, "warn", 3),
        session=SessionPolicy(1, 2, 3),
        tokens=TokenPolicy(1, 2, 3, 4, 5, 6, "RS256"),
        branding=full_branding("4px"),
        linking=Linking("never"),
        sign_up=SignUpPolicy(
            True,
            ("given_name",),
            ("phone_number",),
            ("example.com",),
            "https://a/terms",
            "https://a/p",
            True,
            NOW,
            7,
        ),
        mfa=MfaPolicy("required", ("totp", "passkey"), ("passkey", "password"), ("a", "b", "c", "d"), False),
        risk=RiskPolicy("block", "notify", "require_factor", 500),
        recovery=RecoveryPolicy(False, ("sms",), True),
        account=AccountPolicy(False, None, 60),
        messages=MessagePolicy("데모", "no-reply@example.com", "help@example.com", {"ko": {"code": "코드"}}),
        triggers=(
            Trigger("pre_sign_up", "https://hooks.example/a", "module:name", "digest", "c2VhbGVk", 2.5, "V2_0"),
            Trigger("custom_message", "https://hooks.example/b", "module:other", "digest", "c2VhbGVk", 1.5, "V3_0"),
        ),
        ldap=LdapPolicy(
            "ldap://ldap.example",
            False,
            "pem",
            "cn=reader,dc=x",
            "digest",
            "c2VhbGVk",
            "ou=people,dc=x",
            "(uid={username})",
            {"username": "uid"},
            True,
            LdapGroups("memberOf", "ou=groups,dc=x", "(member={dn})", {"cn=zoo,dc=x": "zebras"}),
            2.5,
        ),
        attributes=(AttributeDefinition("custom:age", "number", False, True, 0.5, 150.25, False),),
        groups=(
            Group("zebras", "striped", 1, "arn:role"),
            Group("ants", "small", 2, "r2"),
            Group("bees", "b", 2, "r3"),
        ),
        resource_servers=(ResourceServer("https://orders.example", "Orders", (Scope("read", "Read"),), "RS256"),),
    )


def full_branding(radius: str) -> Branding:
    return Branding(
        tokens={"radius": radius},
        logo="data:image/png;base64,AA==",
        logo_dark="data:image/png;base64,BB==",
        texts={"ko": {"title": "로그인"}},
    )


def full_client(pool: str, client_id: str) -> Client:
    return Client(
        client_id=client_id,
        pool=pool,
        client_name="Wéb",
        secret_digests=("digest-1", "digest-2"),
        redirect_uris=("https://app.example/cb?a=1", "com.example.app:/cb"),
        post_logout_redirect_uris=("https://app.example/bye",),
        grant_types=("authorization_code", "refresh_token"),
        response_types=("code", "code id_token"),
        scope=("openid", "https://orders.example/read"),
        token_endpoint_auth_method="private_key_jwt",
        application_type="native",
        id_token_signed_response_alg="ES256",
        require_consent=True,
        require_pkce=False,
        default_max_age=11,
        access_ttl=12,
        refresh_ttl=13,
        client_uri="https://app.example",
        logo_uri="https://app.example/logo",
        policy_uri="https://app.example/policy",
        tos_uri="https://app.example/tos",
        contacts=("ops@app.example",),
        machine_grant="grant-of-the-machine",
        enabled=False,
        managed=True,
        created_at=NOW,
        read_attributes=("email",),
        write_attributes=(),
        mfa="required",
        branding=full_branding("5px"),
        identity_providers=("Pool", "Acme"),
        saml=ServiceProvider(
            "https://app.example/saml",
            acs_urls=("https://app.example/acs", "https://app.example/acs2"),
            acs_indexes={"1": "https://app.example/acs"},
            logout_urls={"urn:redirect": "https://app.example/slo"},
            logout_response_urls={"urn:redirect": "https://app.example/slo2"},
            certificates=("pem 1", "pem 2"),
            encryption_certificate="pem 3",
            name_id_format="urn:other",
            name_id_from="username",
            attributes={"mail": "email"},
            sign="response",
            encrypt=True,
            require_signed_requests=True,
            idp_initiated=True,
            relay_states=("/home",),
        ),
    )


def full_key(pool: str, kid: str) -> SigningKey:
    return SigningKey(
        kid=kid,
        pool=pool,
        alg="ES256",
        state="retired",
        public_jwk={"kty": "EC", "x": "x", "y": "y"},
        sealed=b"\x00\xffsealed",
        created_at=NOW,
        activated_at=NOW + 1,
        retired_at=NOW + 2,
        expires_at=NOW + 3,
    )


def full_provider(name: str = "Acme") -> IdentityProvider:
    """With no field at its default."""
    return IdentityProvider(
        name=name,
        type="oidc",
        display_name="Acme GmbH",
        enabled=False,
        shown=False,
        client_id="poolgate",
        settings={"issuer": "https://idp.acme.example", "prompts": ["login"], "strict": True},
        sealed_secrets={"client_secret": "c2VhbGVk"},
        secret_digests={"client_secret": "digest"},
        scope=("openid", "email"),
        domains=("acme.example", "acme.test"),
        identifiers=("acme", "ACME-2"),
        attribute_mapping={"email": "mail", "custom:team": "groups.0"},
        groups=GroupMapping("groups", {"Admins": "staff"}, managed=False),
        linking="verified_email",
        sync="create",
        creates=False,
        trust_email=True,
        keep_refresh_token=True,
        trusted={"urn:acme:mfa": 2},
        callback="shared",
        managed=True,
    )


def full_identity(user_id: str = "ada", provider: str = "Acme", subject: str = "s-1") -> LinkedIdentity:
    """With no field at its default."""
    return LinkedIdentity(
        pool=POOL,
        user_id=user_id,
        provider=provider,
        subject=subject,
        issuer="https://idp.acme.example",
        linked_at=NOW,
        name="ada@acme.example",
        used_at=NOW + 1,
        sealed_refresh_token="c2VhbGVk",
    )


def full_user(pool: str, user_id: str) -> User:
    return User(
        id=user_id,
        pool=pool,
        username="Ada.Łovelace",
        email="Ada@Example.COM",
        email_verified=True,
        phone_number="+4915112345678",
        phone_number_verified=True,
        attributes={"given_name": "Ada", "preferred_username": "Countess", "address": {"a": [1, 2.5, None, True]}},
        groups=("zebras", "ants", "bees", "unheard-of"),
        state="must_change",
        created_at=NOW,
        updated_at=NOW + 1,
        accepted_terms_at=NOW + 2,
        delete_after=NOW + 3,
    )


def full_grant(pool: str, grant_id: str) -> Grant:
    return Grant(
        id=grant_id,
        pool=pool,
        client_id=f"web-{pool}",
        user_id="ada",
        sid="session-1",
        scope=("openid", "offline_access"),
        auth_time=NOW - 5,
        amr=("pwd", "otp"),
        acr="urn:example:mfa",
        created_at=NOW,
        offline=True,
        resource=("https://orders.example",),
        claims={"id_token": ("email",), "userinfo": ("given_name", "picture")},
        revoked_at=NOW + 9,
    )


def grant(pool: str, grant_id: str, **changes: Any) -> Grant:
    """A live grant of `ada` in the session `session-1`."""
    live = Grant(grant_id, pool, f"web-{pool}", "ada", "session-1", ("openid",), NOW, ("pwd",), "1", NOW)
    return dataclasses.replace(live, **changes)


def family(pool: str, grant_id: str, family_id: str = "family-1", **changes: Any) -> RefreshFamily:
    """A fresh family whose head is `head-0`."""
    fresh = RefreshFamily(family_id, pool, grant_id, "head-0", None, 0, NOW, NOW, NOW + 1000)
    return dataclasses.replace(fresh, **changes)


def full_family(pool: str, grant_id: str) -> RefreshFamily:
    return RefreshFamily("family-full", pool, grant_id, "head-7", "head-6", 7, NOW, NOW + 70, NOW + 1000)


def full_consent(pool: str) -> Consent:
    return Consent(pool, "ada", f"web-{pool}", ("openid", "email"), NOW)


def password(user_id: str, encoded: str = "$argon2id$1") -> PasswordCredential:
    return PasswordCredential(user_id, encoded, NOW)


def default_fields(value: Any) -> Iterator[str]:
    """The names of all fields, nested ones included, that hold their default: a store could drop those unnoticed."""
    for field in dataclasses.fields(value):
        inside = getattr(value, field.name)
        factory = field.default_factory
        if inside == (field.default if factory is dataclasses.MISSING else factory()):
            yield field.name
        for part in inside if isinstance(inside, tuple) else (inside,):
            if dataclasses.is_dataclass(part):
                yield from (f"{field.name}.{name}" for name in default_fields(part))
