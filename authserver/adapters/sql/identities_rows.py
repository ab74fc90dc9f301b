"""Rows of the Identities."""

from authserver.adapters.sql.documents import Row, Values
from federation.model import LinkedIdentity


def identity_values(pool: str, identity: LinkedIdentity) -> Values:
    return {
        "pool": pool,
        "provider": identity.provider,
        "subject": identity.subject,
        "user_id": identity.user_id,
        "issuer": identity.issuer,
        "name": identity.name,
        "linked_at": identity.linked_at,
        "used_at": identity.used_at,
        "sealed_refresh_token": identity.sealed_refresh_token,
    }


def identity_of(row: Row) -> LinkedIdentity:
    pool, provider, subject, user_id, issuer, name, linked_at, used_at, sealed_refresh_token = row
    return LinkedIdentity(
        pool=pool,
        user_id=user_id,
        provider=provider,
        subject=subject,
        issuer=issuer,
        linked_at=linked_at,
        name=name,
        used_at=used_at,
        sealed_refresh_token=sealed_refresh_token,
    )
