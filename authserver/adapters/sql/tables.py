"""The tables, as SQLAlchemy Core sees them. `migrations/` creates the same ones step by step; a test compares them.

- Every primary key begins with the pool, so that no statement can reach a row without naming its pool. The exceptions are
  in the protocols: a client id is unique in the installation, and the feed and the purge look at all pools.
- Keys compare by code point on both databases (`COLLATE "C"` on PostgreSQL), so order and prefixes are the same.
- Key columns are bounded: an index entry of PostgreSQL holds at most 2704 bytes.
- Lists and documents are JSON in TEXT, read and written by `documents.py`: the same bytes on both databases and on a raw
  driver connection.
- A cascade stands where the protocol says that one thing goes with another.
- Times are whole seconds since the epoch.
"""

import sqlalchemy as sa

from authserver.adapters.sql.columns import belongs_to, flag, folded, key, long_key, number, of_pool, text

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

registry_version = sa.Table(
    "registry_version",
    METADATA,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    number("version"),
    sa.CheckConstraint("id = 1", name="single_row"),
)

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
    belongs_to(pools, "pool", to=["id"]),
    sa.UniqueConstraint("client_id"),
)

signing_keys = sa.Table(
    "signing_keys",
    METADATA,
    of_pool(),
    key("kid", primary_key=True),
    key("alg"),
    key("state"),
    text("public_jwk"),
    sa.Column("sealed", sa.LargeBinary(), nullable=False),
    number("created_at"),
    number("activated_at", nullable=True),
    number("retired_at", nullable=True),
    number("expires_at", nullable=True),
    belongs_to(pools, "pool", to=["id"]),
)

users = sa.Table(
    "users",
    METADATA,
    of_pool(),
    key("id", primary_key=True),
    text("username"),
    folded("username_folded", nullable=False),
    text("email", nullable=True),
    folded("email_folded"),
    flag("email_verified"),
    text("phone_number", nullable=True),
    folded("phone_number_folded"),
    flag("phone_number_verified"),
    folded("preferred_username_folded"),
    text("attributes"),
    key("state"),
    number("created_at"),
    number("updated_at"),
    belongs_to(pools, "pool", to=["id"]),
    sa.UniqueConstraint("pool", "username_folded"),
)
# An address is a sign-in name, and so unique, only once it is verified. SQLite takes a partial index only for a query
# that repeats its condition, and Core writes a flag there as `= 1`.
_email_verified = sa.Index(
    "uq_users_pool_email_verified",
    users.c.pool,
    users.c.email_folded,
    unique=True,
    sqlite_where=sa.text("email_verified = 1"),
)
_phone_number_verified = sa.Index(
    "uq_users_pool_phone_number_verified",
    users.c.pool,
    users.c.phone_number_folded,
    unique=True,
    sqlite_where=sa.text("phone_number_verified = 1"),
)
sa.Index(None, users.c.pool, users.c.email_folded)
sa.Index(None, users.c.pool, users.c.preferred_username_folded)

# No foreign key to `pool_groups`: a pool file may drop a group and bring it back, and nobody's membership is lost by it.
group_memberships = sa.Table(
    "group_memberships",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    long_key("group_name", primary_key=True),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "group_name"),
    sqlite_with_rowid=False,
)

password_credentials = sa.Table(
    "password_credentials",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    text("hash"),
    number("set_at"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
)

# `user_id` is null in the rows that stand for unknown users (see directory.count_password_failure).
password_failures = sa.Table(
    "password_failures",
    METADATA,
    of_pool(),
    key("counter", primary_key=True),
    key("user_id", nullable=True),
    number("failures"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "user_id"),
    sqlite_with_rowid=False,
)

known_devices = sa.Table(
    "known_devices",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    key("device", primary_key=True),
    number("last_seen"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sqlite_with_rowid=False,
)

# `user_id` is null in a machine's grant. `keep_until` is when `purge` looks at the grant next; null is never.
grants = sa.Table(
    "grants",
    METADATA,
    of_pool(),
    key("id", primary_key=True),
    long_key("client_id"),
    key("user_id", nullable=True),
    key("sid"),
    text("scope"),
    number("auth_time"),
    text("amr"),
    text("acr"),
    number("created_at"),
    flag("offline"),
    text("resource"),
    text("claims"),
    number("revoked_at", nullable=True),
    number("keep_until", nullable=True),
    belongs_to(clients, "pool", "client_id", to=["pool", "client_id"]),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "client_id"),
    sa.Index(None, "pool", "user_id"),
    sa.Index(None, "pool", "sid"),
    sa.Index(None, "keep_until"),
)

# The head moves with every refresh and no index names it: with room on the page PostgreSQL rewrites the row in place.
refresh_families = sa.Table(
    "refresh_families",
    METADATA,
    of_pool(),
    key("id", primary_key=True),
    key("grant_id"),
    key("head"),
    key("previous", nullable=True),
    number("generation"),
    number("created_at"),
    number("rotated_at"),
    number("expires_at"),
    belongs_to(grants, "pool", "grant_id", to=["pool", "id"]),
    sa.Index(None, "pool", "grant_id"),
    sa.Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

used_codes = sa.Table(
    "used_codes",
    METADATA,
    of_pool(),
    key("digest", primary_key=True),
    number("expires_at"),
    sa.Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

consents = sa.Table(
    "consents",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    long_key("client_id", primary_key=True),
    text("scope"),
    number("updated_at"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    belongs_to(clients, "pool", "client_id", to=["pool", "client_id"]),
    sa.Index(None, "pool", "client_id"),
    sqlite_with_rowid=False,
)

revocations = sa.Table(
    "revocations",
    METADATA,
    of_pool(),
    key("kind", primary_key=True),
    long_key("id", primary_key=True),
    number("revoked_at"),
    number("expires_at"),
    sa.Index(None, "revoked_at"),
    sa.Index(None, "expires_at"),
    sqlite_with_rowid=False,
)


@sa.event.listens_for(METADATA, "before_create")
def _add_options(_metadata: sa.MetaData, connection: sa.Connection, **_: object) -> None:
    """PostgreSQL's own options. Said at once they would load its dialect, a tenth of a second for whoever uses SQLite."""
    if connection.dialect.name == "postgresql":
        _email_verified.dialect_kwargs["postgresql_where"] = sa.text("email_verified")
        _phone_number_verified.dialect_kwargs["postgresql_where"] = sa.text("phone_number_verified")
        refresh_families.dialect_kwargs["postgresql_with"] = {"fillfactor": 80}
