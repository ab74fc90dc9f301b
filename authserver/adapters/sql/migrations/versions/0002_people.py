"""What people do for themselves: policies, factors, devices, former passwords, the audit trail and the outbox."""

import json
from dataclasses import replace

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def key(length: int) -> sa.String:
    """Text that compares by code point on both databases."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["pool", "user_id"], ["users.pool", "users.id"], name=op.f(f"fk_{table}_users"), ondelete="CASCADE"
    )


def find_words(connection: sa.Connection) -> None:
    """Fill in the words of the users who are there, a thousand at a time."""
    from authserver.adapters.sql.directory_rows import word_values, words_text
    from authserver.model.users import User
    from authserver.store.search import user_words

    names = ("pool", "id", "username", "username_folded", "email", "phone_number", "attributes", "words")
    users = sa.table("users", *(sa.column(name) for name in names))
    words = sa.table("user_words", *(sa.column(name) for name in ("pool", "word", "username_folded", "signature")))
    place = sa.tuple_(users.c.pool, users.c.username_folded)
    page = sa.select(users).order_by(users.c.pool, users.c.username_folded).limit(1000)
    fill = (
        sa.update(users)
        .where(users.c.pool == sa.bindparam("of_pool"), users.c.id == sa.bindparam("of_id"))
        .values(words=sa.bindparam("found"))
    )
    rows = connection.execute(page).all()
    while rows:
        texts, entries = [], []
        for row in rows:
            user = User(row.id, row.pool, row.username, row.email, phone_number=row.phone_number)
            own = words_text(user_words(replace(user, attributes=json.loads(row.attributes))))
            texts.append({"of_pool": row.pool, "of_id": row.id, "found": own})
            entries += word_values(row.pool, row.username_folded, own)
        connection.execute(fill, texts)
        if entries:
            connection.execute(sa.insert(words), entries)
        rows = connection.execute(page.where(place > sa.tuple_(rows[-1].pool, rows[-1].username_folded))).all()


def upgrade() -> None:
    op.add_column("pools", sa.Column("policies", sa.Text(), nullable=True))
    op.add_column("clients", sa.Column("extras", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("accepted_terms_at", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("delete_after", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("words", key(400), nullable=True))
    op.create_index(
        op.f("ix_users_pool_state_username_folded"), "users", ["pool", "state", "username_folded"], unique=False
    )
    op.create_index(op.f("ix_users_pool_created_at"), "users", ["pool", "created_at"], unique=False)
    op.create_index(
        "ix_users_looked_at",
        "users",
        ["pool", "username_folded", "id", "state", "created_at", "words"],
        unique=False,
    )
    op.create_index(
        "ix_users_delete_after",
        "users",
        ["delete_after"],
        unique=False,
        sqlite_where=sa.text("delete_after IS NOT NULL"),
        postgresql_where=sa.text("delete_after IS NOT NULL"),
    )
    op.create_table(
        "user_words",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("word", key(64), nullable=False),
        sa.Column("username_folded", key(512), nullable=False),
        sa.Column("signature", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["pool"], ["pools.id"], name=op.f("fk_user_words_pools"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool", "word", "username_folded", "signature", name=op.f("pk_user_words")),
        sqlite_with_rowid=False,
    )
    find_words(op.get_bind())
    op.add_column("group_memberships", sa.Column("username_folded", key(512), nullable=True))
    op.execute(
        "UPDATE group_memberships SET username_folded = (SELECT username_folded FROM users"
        " WHERE users.pool = group_memberships.pool AND users.id = group_memberships.user_id)"
    )
    op.drop_index(op.f("ix_group_memberships_pool_group_name"), table_name="group_memberships")
    op.create_index(
        op.f("ix_group_memberships_pool_group_name_username_folded"),
        "group_memberships",
        ["pool", "group_name", "username_folded"],
        unique=False,
    )
    op.add_column("password_credentials", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "credentials",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("id", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("kind", key(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("handle", key(1400), nullable=True),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        of_user("credentials"),
        sa.PrimaryKeyConstraint("pool", "id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("pool", "handle", name=op.f("uq_credentials_pool_handle")),
    )
    op.create_index(op.f("ix_credentials_pool_user_id"), "credentials", ["pool", "user_id"], unique=False)
    op.create_table(
        "backup_codes",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("digest", key(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        of_user("backup_codes"),
        sa.PrimaryKeyConstraint("pool", "user_id", "digest", name=op.f("pk_backup_codes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "former_passwords",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=False),
        of_user("former_passwords"),
        sa.PrimaryKeyConstraint("pool", "user_id", "number", name=op.f("pk_former_passwords")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "devices",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("id", key(64), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("remembered_until", sa.BigInteger(), nullable=False),
        of_user("devices"),
        sa.PrimaryKeyConstraint("pool", "user_id", "id", name=op.f("pk_devices")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO devices (pool, user_id, id, user_agent, network, place, first_seen, last_seen, remembered_until)"
        " SELECT pool, user_id, device, '', '', '', last_seen, last_seen, 0 FROM known_devices"
    )
    op.drop_table("known_devices")
    op.create_table(
        "audit_entries",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", key(64), nullable=False),
        sa.Column("outcome", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=True),
        sa.Column("client_id", key(255), nullable=True),
        sa.Column("address", key(64), nullable=True),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "seq", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_pool_at"), "audit_entries", ["pool", "at"], unique=False)
    for column in ("kind", "user_id", "address"):
        op.create_index(
            op.f(f"ix_audit_entries_pool_{column}_seq"), "audit_entries", ["pool", column, "seq"], unique=False
        )
    op.create_table(
        "audit_heads",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pool", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "outbox",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("id", key(64), nullable=False),
        sa.Column("channel", key(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pool", "id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_due_at"), "outbox", ["due_at"], unique=False)
    op.create_index(op.f("ix_outbox_pool_created_at"), "outbox", ["pool", "created_at"], unique=False)
