"""Identity providers, who users are there, and what is kept of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def key(length: int) -> sa.String:
    """Text that compares by code point on both databases."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def of_pool(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["pool"], ["pools.id"], name=op.f(f"fk_{table}_pools"), ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("name", key(64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        of_pool("identity_providers"),
        sa.PrimaryKeyConstraint("pool", "name", name=op.f("pk_identity_providers")),
    )
    op.create_index(
        op.f("ix_identity_providers_pool_listed_position"),
        "identity_providers",
        ["pool", "listed", "position"],
        unique=False,
    )
    op.create_table(
        "provider_names",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("kind", key(64), nullable=False),
        sa.Column("value", key(255), nullable=False),
        sa.Column("provider", key(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "provider"],
            ["identity_providers.pool", "identity_providers.name"],
            name=op.f("fk_provider_names_identity_providers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool", "kind", "value", name=op.f("pk_provider_names")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_provider_names_pool_provider"), "provider_names", ["pool", "provider"], unique=False)
    op.create_table(
        "linked_identities",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("provider", key(64), nullable=False),
        sa.Column("subject", key(512), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("sealed_refresh_token", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"],
            ["users.pool", "users.id"],
            name=op.f("fk_linked_identities_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool", "provider", "subject", name=op.f("pk_linked_identities")),
        sa.UniqueConstraint("pool", "user_id", "provider", name=op.f("uq_linked_identities_pool_user_id_provider")),
    )
    op.create_table(
        "kept_documents",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("provider", key(64), nullable=False),
        sa.Column("name", key(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        of_pool("kept_documents"),
        sa.PrimaryKeyConstraint("pool", "provider", "name", name=op.f("pk_kept_documents")),
    )
