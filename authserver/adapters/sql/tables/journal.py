"""The audit trail and the outbox. An entry refers to nothing: it outlives what it speaks of."""

import sqlalchemy as sa

from authserver.adapters.sql.columns import binary, key, long_key, number, of_pool, text
from authserver.adapters.sql.tables.metadata import METADATA

# `entry` is the rest of the entry as JSON, and the truth of `user_id`, `client_id` and `address`, which are in columns to
# be searched by. Each index ends with `seq`, the order in which entries are read.
audit_entries = sa.Table(
    "audit_entries",
    METADATA,
    of_pool(),
    number("seq", primary_key=True),
    number("at"),
    key("kind"),
    key("outcome"),
    key("user_id", nullable=True),
    long_key("client_id", nullable=True),
    key("address", nullable=True),
    text("entry"),
    text("previous"),
    text("hash"),
    sa.Index(None, "pool", "at"),
    sa.Index(None, "pool", "kind", "seq"),
    sa.Index(None, "pool", "user_id", "seq"),
    sa.Index(None, "pool", "address", "seq"),
)

# One row a pool, locked by whoever appends, so that a pool's entries are numbered without a gap.
audit_heads = sa.Table(
    "audit_heads",
    METADATA,
    of_pool(),
    number("seq"),
    text("hash"),
)

outbox = sa.Table(
    "outbox",
    METADATA,
    of_pool(),
    key("id", primary_key=True),
    key("channel"),
    binary("sealed"),
    number("created_at"),
    number("due_at"),
    number("expires_at"),
    number("attempts"),
    text("last_error", nullable=True),
    sa.Index(None, "due_at"),
    sa.Index(None, "pool", "created_at"),
)
