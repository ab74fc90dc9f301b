"""Users, their groups and passwords."""

import sqlalchemy as sa

from authserver.adapters.sql.columns import belongs_to, flag, folded, key, long_key, number, of_pool, text, words
from authserver.adapters.sql.tables.metadata import METADATA
from authserver.adapters.sql.tables.registry import pools

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
    number("accepted_terms_at", nullable=True),
    number("delete_after", nullable=True),
    words("words"),
    belongs_to(pools, "pool", to=["id"]),
    sa.UniqueConstraint("pool", "username_folded"),
)
# An address is a sign-in name, and so unique, only once it is verified. SQLite takes a partial index only for a query
# that repeats its condition, and Core writes a flag there as `= 1`.
email_verified_index = sa.Index(
    "uq_users_pool_email_verified",
    users.c.pool,
    users.c.email_folded,
    unique=True,
    sqlite_where=sa.text("email_verified = 1"),
)
phone_number_verified_index = sa.Index(
    "uq_users_pool_phone_number_verified",
    users.c.pool,
    users.c.phone_number_folded,
    unique=True,
    sqlite_where=sa.text("phone_number_verified = 1"),
)
sa.Index(None, users.c.pool, users.c.email_folded)
sa.Index(None, users.c.pool, users.c.state, users.c.username_folded)
sa.Index(None, users.c.pool, users.c.created_at)
# What a walk along all users looks at is in the index itself: rows lie about the table in no order.
sa.Index(
    "ix_users_looked_at",
    *(users.c[name] for name in ("pool", "username_folded", "id", "state", "created_at", "words")),
)
delete_after_index = sa.Index(
    "ix_users_delete_after", users.c.delete_after, sqlite_where=sa.text("delete_after IS NOT NULL")
)
sa.Index(None, users.c.pool, users.c.preferred_username_folded)

# The words of `users.words`, one a row: what `directory_search` finds users by, but for the words with which a username
# begins. The username stands for the user, so that those who share a word come in the order of a page; the signature
# tells of most users who have not another word as well that they have not (`word_signature.py`). It is in the key so that
# it is in the index. No foreign key to `users`: it would need one more index over all of this; `directory.py` keeps both
# together.
user_words = sa.Table(
    "user_words",
    METADATA,
    of_pool(),
    key("word", primary_key=True),
    sa.Column("username_folded", users.c.username_folded.type, primary_key=True),
    number("signature", primary_key=True),
    belongs_to(pools, "pool", to=["id"]),
    sqlite_with_rowid=False,
)

# No foreign key to `pool_groups`: a pool file may drop a group and bring it back, and nobody's membership is lost by it.
# The user's name is here too, so that members come in the order of a page.
group_memberships = sa.Table(
    "group_memberships",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    long_key("group_name", primary_key=True),
    folded("username_folded"),
    belongs_to(users, "pool", "user_id", to=["pool", "id"]),
    sa.Index(None, "pool", "group_name", "username_folded"),
    sqlite_with_rowid=False,
)

password_credentials = sa.Table(
    "password_credentials",
    METADATA,
    of_pool(),
    key("user_id", primary_key=True),
    text("hash"),
    number("set_at"),
    number("expires_at", nullable=True),
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
