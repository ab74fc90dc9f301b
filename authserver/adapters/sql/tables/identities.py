"""Who users are at other providers, and what the broker keeps of those providers."""

import sqlalchemy as sa

from authserver.adapters.sql.columns import belongs_to, binary, folded, key, number, of_pool, text
from authserver.adapters.sql.tables.directory import users
from authserver.adapters.sql.tables.metadata import METADATA
from authserver.adapters.sql.tables.registry import pools

# No foreign key to `identity_providers`: one that is set up again finds its people.
linked_identities = sa.Table(
    "linked_identities",
    METADATA,
    of_pool(),
    key("provider", primary_key=True),
    sa.Column("subject", folded("subject").type, primary_key=True),
    key("user_id"),
    text("issuer"),
    text("name"),
    number("linked_at"),
    number("used_at", nullable=True),
    text("sealed_refresh_token", nullable=True),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.UniqueConstraint("pool", "user_id", "provider"),
)

kept_documents = sa.Table(
    "kept_documents",
    METADATA,
    of_pool(),
    key("provider", primary_key=True),
    key("name", primary_key=True),
    binary("body"),
    number("at"),
    belongs_to(pools, "pool", to=["id"]),
)
