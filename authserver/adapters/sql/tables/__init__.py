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

from authserver.adapters.sql.tables.credentials import backup_codes, credentials, devices, former_passwords
from authserver.adapters.sql.tables.directory import (
    delete_after_index,
    email_verified_index,
    group_memberships,
    password_credentials,
    password_failures,
    phone_number_verified_index,
    user_words,
    users,
)
from authserver.adapters.sql.tables.grants import consents, grants, refresh_families, revocations, used_codes
from authserver.adapters.sql.tables.identities import kept_documents, linked_identities
from authserver.adapters.sql.tables.journal import audit_entries, audit_heads, outbox
from authserver.adapters.sql.tables.metadata import METADATA
from authserver.adapters.sql.tables.registry import (
    clients,
    identity_providers,
    pool_groups,
    pools,
    provider_names,
    registry_version,
    signing_keys,
)

__all__ = [
    "METADATA",
    "audit_entries",
    "audit_heads",
    "backup_codes",
    "clients",
    "consents",
    "credentials",
    "devices",
    "former_passwords",
    "grants",
    "group_memberships",
    "identity_providers",
    "kept_documents",
    "linked_identities",
    "outbox",
    "password_credentials",
    "password_failures",
    "pool_groups",
    "pools",
    "provider_names",
    "refresh_families",
    "registry_version",
    "revocations",
    "signing_keys",
    "used_codes",
    "user_words",
    "users",
]


@sa.event.listens_for(METADATA, "before_create")
def _add_options(_metadata: sa.MetaData, connection: sa.Connection, **_: object) -> None:
    """PostgreSQL's own options. Said at once they would load its dialect, a tenth of a second for whoever uses SQLite."""
    if connection.dialect.name == "postgresql":
        email_verified_index.dialect_kwargs["postgresql_where"] = sa.text("email_verified")
        phone_number_verified_index.dialect_kwargs["postgresql_where"] = sa.text("phone_number_verified")
        delete_after_index.dialect_kwargs["postgresql_where"] = sa.text("delete_after IS NOT NULL")
        refresh_families.dialect_kwargs["postgresql_with"] = {"fillfactor": 80}
