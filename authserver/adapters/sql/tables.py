"""The tables, as SQLAlchemy Core sees them. `migrations/` creates the same ones step by step; a test compares them.

- Every primary key begins with the pool, so that no statement can reach a row without naming its pool. The exceptions are
  in the protocols: a client id is unique in the installation, and the feed and the purge look at all pools.
- Keys compare by code point on both databases (`COLLATE "C"` on PostgreSQL), so order and prefixes are the same.
- Key columns are bounded: an index entry of PostgreSQL holds at most 2704 bytes.
- Lists and documents are JSON in TEXT, read and written by `rows.py`: the same bytes on both databases and on a raw
  driver connection.
- A cascade stands where the protocol says that one thing goes with another.
- Times are whole seconds since the epoch.
"""

from collections.abc import Sequence

import sqlalchemy as sa

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

ID_LENGTH = 64
"""Pool ids (at most 55 characters), UUIDs, key ids, and digests and tokens of 256 bits in base64url (43 characters)."""
NAME_LENGTH = 255
"""Client ids, group names and token ids (`<grant id>.<random>`)."""
FOLDED_LENGTH = 512
"""Folded sign-in names: folding can lengthen a name."""


def _text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _text(ID_LENGTH), primary_key=primary_key, nullable=nullable)


def _name(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _text(NAME_LENGTH), primary_key=primary_key, nullable=False)


def _folded(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, _text(FOLDED_LENGTH), nullable=nullable)


def _long(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _pool() -> sa.Column[str]:
    return _id("pool", primary_key=True)


def _belongs_to(parent: sa.Table, *columns: str, to: Sequence[str]) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(columns, [parent.c[name] for name in to], ondelete="CASCADE")


registry_version = sa.Table(
    "registry_version",
    METADATA,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    _number("version"),
    sa.CheckConstraint("id = 1", name="single_row"),
)

pools = sa.Table(
    "pools",
    METADATA,
    _id("id", primary_key=True),
    _long("name"),
    _id("claims_profile"),
    _long("default_scopes"),
    _long("sign_in_with"),
    _long("languages"),
    _long("password_policy"),
    _long("session"),
    _long("tokens"),
    _long("branding"),
    _long("attributes"),
    _long("resource_servers"),
)

# `position` keeps the order in which the pool lists its groups; `precedence` orders a user's groups.
pool_groups = sa.Table(
    "pool_groups",
    METADATA,
    _pool(),
    _name("name", primary_key=True),
    _long("description"),
    _number("precedence", nullable=True),
    _long("role", nullable=True),
    _number("position"),
    _belongs_to(pools, "pool", to=["id"]),
)

clients = sa.Table(
    "clients",
    METADATA,
    _pool(),
    _name("client_id", primary_key=True),
    _long("client_name"),
    _long("secret_digests"),
    _long("redirect_uris"),
    _long("post_logout_redirect_uris"),
    _long("grant_types"),
    _long("response_types"),
    _long("scope"),
    _id("token_endpoint_auth_method"),
    _id("application_type"),
    _id("id_token_signed_response_alg"),
    _flag("require_consent"),
    _flag("require_pkce"),
    _number("default_max_age", nullable=True),
    _number("access_ttl", nullable=True),
    _number("refresh_ttl", nullable=True),
    _long("client_uri", nullable=True),
    _long("logo_uri", nullable=True),
    _long("policy_uri", nullable=True),
    _long("tos_uri", nullable=True),
    _long("contacts"),
    _long("machine_grant"),
    _flag("enabled"),
    _flag("managed"),
    _number("created_at"),
    _belongs_to(pools, "pool", to=["id"]),
    sa.UniqueConstraint("client_id"),
)

signing_keys = sa.Table(
    "signing_keys",
    METADATA,
    _pool(),
    _id("kid", primary_key=True),
    _id("alg"),
    _id("state"),
    _long("public_jwk"),
    sa.Column("sealed", sa.LargeBinary(), nullable=False),
    _number("created_at"),
    _number("activated_at", nullable=True),
    _number("retired_at", nullable=True),
    _number("expires_at", nullable=True),
    _belongs_to(pools, "pool", to=["id"]),
)

users = sa.Table(
    "users",
    METADATA,
    _pool(),
    _id("id", primary_key=True),
    _long("username"),
    _folded("username_folded", nullable=False),
    _long("email", nullable=True),
    _folded("email_folded"),
    _flag("email_verified"),
    _long("phone_number", nullable=True),
    _folded("phone_number_folded"),
    _flag("phone_number_verified"),
    _folded("preferred_username_folded"),
    _long("attributes"),
    _id("state"),
    _number("created_at"),
    _number("updated_at"),
    _belongs_to(pools, "pool", to=["id"]),
    sa.UniqueConstraint("pool", "username_folded"),
)
# An address is a sign-in name, and so unique, only once it is verified. SQLite takes a partial index only for a query
# that repeats its condition, and Core writes a flag there as `= 1`.
sa.Index(
    "uq_users_pool_email_verified",
    users.c.pool,
    users.c.email_folded,
    unique=True,
    sqlite_where=sa.text("email_verified = 1"),
    postgresql_where=sa.text("email_verified"),
)
sa.Index(
    "uq_users_pool_phone_number_verified",
    users.c.pool,
    users.c.phone_number_folded,
    unique=True,
    sqlite_where=sa.text("phone_number_verified = 1"),
    postgresql_where=sa.text("phone_number_verified"),
)
sa.Index(None, users.c.pool, users.c.email_folded)
sa.Index(None, users.c.pool, users.c.preferred_username_folded)

# No foreign key to `pool_groups`: a pool file may drop a group and bring it back, and nobody's membership is lost by it.
group_memberships = sa.Table(
    "group_memberships",
    METADATA,
    _pool(),
    _id("user_id", primary_key=True),
    _name("group_name", primary_key=True),
    _belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "group_name"),
    sqlite_with_rowid=False,
)

password_credentials = sa.Table(
    "password_credentials",
    METADATA,
    _pool(),
    _id("user_id", primary_key=True),
    _long("hash"),
    _number("set_at"),
    _belongs_to(users, "pool", "user_id", to=["pool", "id"]),
)

# `user_id` is null in the rows that stand for unknown users (see directory.count_password_failure).
password_failures = sa.Table(
    "password_failures",
    METADATA,
    _pool(),
    _id("counter", primary_key=True),
    _id("user_id", nullable=True),
    _number("failures"),
    _belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "user_id"),
    sqlite_with_rowid=False,
)

known_devices = sa.Table(
    "known_devices",
    METADATA,
    _pool(),
    _id("user_id", primary_key=True),
    _id("device", primary_key=True),
    _number("last_seen"),
    _belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sqlite_with_rowid=False,
)

# `user_id` is null in a machine's grant. `keep_until` is when `purge` looks at the grant next; null is never.
grants = sa.Table(
    "grants",
    METADATA,
    _pool(),
    _id("id", primary_key=True),
    _name("client_id"),
    _id("user_id", nullable=True),
    _id("sid"),
    _long("scope"),
    _number("auth_time"),
    _long("amr"),
    _long("acr"),
    _number("created_at"),
    _flag("offline"),
    _long("resource"),
    _long("claims"),
    _number("revoked_at", nullable=True),
    _number("keep_until", nullable=True),
    _belongs_to(clients, "pool", "client_id", to=["pool", "client_id"]),
    _belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "client_id"),
    sa.Index(None, "pool", "user_id"),
    sa.Index(None, "pool", "sid"),
    sa.Index(None, "keep_until"),
)

# The head moves with every refresh and no index names it: with room on the page PostgreSQL rewrites the row in place.
refresh_families = sa.Table(
    "refresh_families",
    METADATA,
    _pool(),
    _id("id", primary_key=True),
    _id("grant_id"),
    _id("head"),
    _id("previous", nullable=True),
    _number("generation"),
    _number("created_at"),
    _number("rotated_at"),
    _number("expires_at"),
    _belongs_to(grants, "pool", "grant_id", to=["pool", "id"]),
    sa.Index(None, "pool", "grant_id"),
    sa.Index(None, "expires_at"),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 80},
)

used_codes = sa.Table(
    "used_codes",
    METADATA,
    _pool(),
    _id("digest", primary_key=True),
    _number("expires_at"),
    sa.Index(None, "expires_at"),
    sqlite_with_rowid=False,
)

consents = sa.Table(
    "consents",
    METADATA,
    _pool(),
    _id("user_id", primary_key=True),
    _name("client_id", primary_key=True),
    _long("scope"),
    _number("updated_at"),
    _belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    _belongs_to(clients, "pool", "client_id", to=["pool", "client_id"]),
    sa.Index(None, "pool", "client_id"),
    sqlite_with_rowid=False,
)

revocations = sa.Table(
    "revocations",
    METADATA,
    _pool(),
    _id("kind", primary_key=True),
    _name("id", primary_key=True),
    _number("revoked_at"),
    _number("expires_at"),
    sa.Index(None, "revoked_at"),
    sa.Index(None, "expires_at"),
    sqlite_with_rowid=False,
)
