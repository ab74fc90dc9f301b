"""The first schema: pools, clients, keys, users, grants, refresh families, consents, the revocation feed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def key(length: int) -> sa.String:
    """Text that compares by code point on both databases."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pools",
        sa.Column("id", key(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("claims_profile", key(64), nullable=False),
        sa.Column("default_scopes", sa.Text(), nullable=False),
        sa.Column("sign_in_with", sa.Text(), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("password_policy", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.Column("branding", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("resource_servers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pools")),
    )
    op.create_table(
        "registry_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_registry_version_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_version")),
    )
    op.create_table(
        "revocations",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("kind", key(64), nullable=False),
        sa.Column("id", key(255), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "kind", "id", name=op.f("pk_revocations")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_revocations_expires_at"), "revocations", ["expires_at"], unique=False)
    op.create_index(op.f("ix_revocations_revoked_at"), "revocations", ["revoked_at"], unique=False)
    op.create_table(
        "used_codes",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("digest", key(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "digest", name=op.f("pk_used_codes")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_used_codes_expires_at"), "used_codes", ["expires_at"], unique=False)
    op.create_table(
        "clients",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("client_id", key(255), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("secret_digests", sa.Text(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("post_logout_redirect_uris", sa.Text(), nullable=False),
        sa.Column("grant_types", sa.Text(), nullable=False),
        sa.Column("response_types", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("token_endpoint_auth_method", key(64), nullable=False),
        sa.Column("application_type", key(64), nullable=False),
        sa.Column("id_token_signed_response_alg", key(64), nullable=False),
        sa.Column("require_consent", sa.Boolean(), nullable=False),
        sa.Column("require_pkce", sa.Boolean(), nullable=False),
        sa.Column("default_max_age", sa.BigInteger(), nullable=True),
        sa.Column("access_ttl", sa.BigInteger(), nullable=True),
        sa.Column("refresh_ttl", sa.BigInteger(), nullable=True),
        sa.Column("client_uri", sa.Text(), nullable=True),
        sa.Column("logo_uri", sa.Text(), nullable=True),
        sa.Column("policy_uri", sa.Text(), nullable=True),
        sa.Column("tos_uri", sa.Text(), nullable=True),
        sa.Column("contacts", sa.Text(), nullable=False),
        sa.Column("machine_grant", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pool"], ["pools.id"], name=op.f("fk_clients_pools"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool", "client_id", name=op.f("pk_clients")),
        sa.UniqueConstraint("client_id", name=op.f("uq_clients_client_id")),
    )
    op.create_table(
        "pool_groups",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("name", key(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("precedence", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pool"], ["pools.id"], name=op.f("fk_pool_groups_pools"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool", "name", name=op.f("pk_pool_groups")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("kid", key(64), nullable=False),
        sa.Column("alg", key(64), nullable=False),
        sa.Column("state", key(64), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["pool"], ["pools.id"], name=op.f("fk_signing_keys_pools"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool", "kid", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "users",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("id", key(64), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("username_folded", key(512), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_folded", key(512), nullable=True),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("phone_number", sa.Text(), nullable=True),
        sa.Column("phone_number_folded", key(512), nullable=True),
        sa.Column("phone_number_verified", sa.Boolean(), nullable=False),
        sa.Column("preferred_username_folded", key(512), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("state", key(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pool"], ["pools.id"], name=op.f("fk_users_pools"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool", "id", name=op.f("pk_users")),
        sa.UniqueConstraint("pool", "username_folded", name=op.f("uq_users_pool_username_folded")),
    )
    op.create_index(op.f("ix_users_pool_email_folded"), "users", ["pool", "email_folded"], unique=False)
    op.create_index(
        op.f("ix_users_pool_preferred_username_folded"), "users", ["pool", "preferred_username_folded"], unique=False
    )
    op.create_index(
        "uq_users_pool_email_verified",
        "users",
        ["pool", "email_folded"],
        unique=True,
        sqlite_where=sa.text("email_verified = 1"),
        postgresql_where=sa.text("email_verified"),
    )
    op.create_index(
        "uq_users_pool_phone_number_verified",
        "users",
        ["pool", "phone_number_folded"],
        unique=True,
        sqlite_where=sa.text("phone_number_verified = 1"),
        postgresql_where=sa.text("phone_number_verified"),
    )
    op.create_table(
        "consents",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("client_id", key(255), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"], ["users.pool", "users.id"], name=op.f("fk_consents_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pool", "client_id"],
            ["clients.pool", "clients.client_id"],
            name=op.f("fk_consents_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool", "user_id", "client_id", name=op.f("pk_consents")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_consents_pool_client_id"), "consents", ["pool", "client_id"], unique=False)
    op.create_table(
        "grants",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("id", key(64), nullable=False),
        sa.Column("client_id", key(255), nullable=False),
        sa.Column("user_id", key(64), nullable=True),
        sa.Column("sid", key(64), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("keep_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["pool", "client_id"],
            ["clients.pool", "clients.client_id"],
            name=op.f("fk_grants_clients"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"], ["users.pool", "users.id"], name=op.f("fk_grants_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pool", "id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_keep_until"), "grants", ["keep_until"], unique=False)
    op.create_index(op.f("ix_grants_pool_client_id"), "grants", ["pool", "client_id"], unique=False)
    op.create_index(op.f("ix_grants_pool_sid"), "grants", ["pool", "sid"], unique=False)
    op.create_index(op.f("ix_grants_pool_user_id"), "grants", ["pool", "user_id"], unique=False)
    op.create_table(
        "group_memberships",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("group_name", key(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"], ["users.pool", "users.id"], name=op.f("fk_group_memberships_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pool", "user_id", "group_name", name=op.f("pk_group_memberships")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_group_memberships_pool_group_name"), "group_memberships", ["pool", "group_name"], unique=False
    )
    op.create_table(
        "known_devices",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("device", key(64), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"], ["users.pool", "users.id"], name=op.f("fk_known_devices_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pool", "user_id", "device", name=op.f("pk_known_devices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "password_credentials",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"],
            ["users.pool", "users.id"],
            name=op.f("fk_password_credentials_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool", "user_id", name=op.f("pk_password_credentials")),
    )
    op.create_table(
        "password_failures",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("counter", key(64), nullable=False),
        sa.Column("user_id", key(64), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "user_id"], ["users.pool", "users.id"], name=op.f("fk_password_failures_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pool", "counter", name=op.f("pk_password_failures")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_password_failures_pool_user_id"), "password_failures", ["pool", "user_id"], unique=False)
    op.create_table(
        "refresh_families",
        sa.Column("pool", key(64), nullable=False),
        sa.Column("id", key(64), nullable=False),
        sa.Column("grant_id", key(64), nullable=False),
        sa.Column("head", key(64), nullable=False),
        sa.Column("previous", key(64), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("rotated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool", "grant_id"],
            ["grants.pool", "grants.id"],
            name=op.f("fk_refresh_families_grants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool", "id", name=op.f("pk_refresh_families")),
        postgresql_with={"fillfactor": 80},
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_refresh_families_expires_at"), "refresh_families", ["expires_at"], unique=False)
    op.create_index(op.f("ix_refresh_families_pool_grant_id"), "refresh_families", ["pool", "grant_id"], unique=False)
    op.execute("INSERT INTO registry_version (id, version) VALUES (1, 0)")
