"""Grants, refresh token families, consents, and the revocation feed."""

import sqlalchemy as sa

from authserver.adapters.sql.columns import belongs_to, flag, key, long_key, number, of_pool, text
from authserver.adapters.sql.tables.directory import users
from authserver.adapters.sql.tables.metadata import METADATA
from authserver.adapters.sql.tables.registry import clients

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
