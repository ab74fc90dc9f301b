"""Factors beside the password, backup codes, former passwords, and the browsers that signed a user in."""

import sqlalchemy as sa

from authserver.adapters.sql.columns import belongs_to, binary, handle, key, number, of_pool, text
from authserver.adapters.sql.tables.directory import users
from authserver.adapters.sql.tables.metadata import METADATA

credentials = sa.Table(
    "credentials",
    METADATA,
    of_pool(),
    key("id", primary_key=True),
    key("user_id"),
    key("kind"),
    text("name"),
    handle("handle"),
    text("public"),
    binary("sealed", nullable=True),
    number("counter"),
    number("created_at"),
    number("last_used_at", nullable=True),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.UniqueConstraint("pool", "handle"),
    sa.Index(None, "pool", "user_id"),
)

# A spent code stays until its set is replaced, so that it can be told from one that never was.
backup_codes = sa.Table(
    "backup_codes",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    key("digest", primary_key=True),
    number("created_at"),
    number("used_at", nullable=True),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sqlite_with_rowid=False,
)

# `number` counts up with each change of a user's password: times can be equal.
former_passwords = sa.Table(
    "former_passwords",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    number("number", primary_key=True),
    text("hash"),
    number("replaced_at"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sqlite_with_rowid=False,
)

devices = sa.Table(
    "devices",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    key("id", primary_key=True),
    text("user_agent"),
    text("network"),
    text("place"),
    number("first_seen"),
    number("last_seen"),
    number("remembered_until"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sqlite_with_rowid=False,
)
