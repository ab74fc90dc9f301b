"""Pools, their groups, clients and signing keys."""

import sqlalchemy as sa

from authserver.adapters.sql.columns import belongs_to, binary, flag, key, long_key, number, of_pool, text
from authserver.adapters.sql.tables.metadata import METADATA

registry_version = sa.Table(
    "registry_version",
    METADATA,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    number("version"),
    sa.CheckConstraint("id = 1", name="single_row"),
)

# `policies` holds the policies that came after the first schema: {sign_up, mfa, risk, ...}; null is none of them.
pools = sa.Table(
    "pools",
    METADATA,
    key("id", primary_key=True),
    text("name"),
    key("claims_profile"),
    text("default_scopes"),
    text("sign_in_with"),
    text("languages"),
    text("password_policy"),
    text("session"),
    text("tokens"),
    text("branding"),
    text("attributes"),
    text("resource_servers"),
    text("policies", nullable=True),
)

# `position` keeps the order in which the pool lists its groups; `precedence` orders a user's groups.
pool_groups = sa.Table(
    "pool_groups",
    METADATA,
    of_pool(),
    long_key("name", primary_key=True),
    text("description"),
    number("precedence", nullable=True),
    text("role", nullable=True),
    number("position"),
    belongs_to(pools, "pool", to=["id"]),
)

# `extras` likewise: what a client has beside the metadata of RFC 7591.
clients = sa.Table(
    "clients",
    METADATA,
    of_pool(),
    long_key("client_id", primary_key=True),
    text("client_name"),
    text("secret_digests"),
    text("redirect_uris"),
    text("post_logout_redirect_uris"),
    text("grant_types"),
    text("response_types"),
    text("scope"),
    key("token_endpoint_auth_method"),
    key("application_type"),
    key("id_token_signed_response_alg"),
    flag("require_consent"),
    flag("require_pkce"),
    number("default_max_age", nullable=True),
    number("access_ttl", nullable=True),
    number("refresh_ttl", nullable=True),
    text("client_uri", nullable=True),
    text("logo_uri", nullable=True),
    text("policy_uri", nullable=True),
    text("tos_uri", nullable=True),
    text("contacts"),
    text("machine_grant"),
    flag("enabled"),
    flag("managed"),
    number("created_at"),
    text("extras", nullable=True),
    belongs_to(pools, "pool", to=["id"]),
    sa.UniqueConstraint("client_id"),
)

# What is looked for is apart from the document: the button or not, and (below) the domains and identifiers.
identity_providers = sa.Table(
    "identity_providers",
    METADATA,
    of_pool(),
    key("name", primary_key=True),
    number("position"),
    flag("listed"),
    text("document"),
    belongs_to(pools, "pool", to=["id"]),
    sa.Index(None, "pool", "listed", "position"),
)

provider_names = sa.Table(
    "provider_names",
    METADATA,
    of_pool(),
    key("kind", primary_key=True),
    long_key("value", primary_key=True),
    key("provider"),
    belongs_to(identity_providers, "pool", "provider", to=["pool", "name"]),
    sa.Index(None, "pool", "provider"),
    sqlite_with_rowid=False,
)

signing_keys = sa.Table(
    "signing_keys",
    METADATA,
    of_pool(),
    key("kid", primary_key=True),
    key("alg"),
    key("state"),
    text("public_jwk"),
    binary("sealed"),
    number("created_at"),
    number("activated_at", nullable=True),
    number("retired_at", nullable=True),
    number("expires_at", nullable=True),
    belongs_to(pools, "pool", to=["id"]),
)
