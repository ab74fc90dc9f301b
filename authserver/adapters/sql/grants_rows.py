"""Rows of the Grants: grants, refresh token families, consents and the revocation feed."""

from authserver.adapters.sql.documents import Row, Values, from_json, texts, to_json
from authserver.model.grants import Consent, Grant, RefreshFamily, Revocation

GRANT_KEPT = 7 * 86400
"""Seconds for which a grant is kept after its last token can have been issued: no access token may live longer."""

FAMILY_WIDTH = 9
"""Columns that `family_of` reads."""


def grant_values(pool: str, grant: Grant) -> Values:
    return {
        "pool": pool,
        "id": grant.id,
        "client_id": grant.client_id,
        "user_id": grant.user_id or None,
        "sid": grant.sid,
        "scope": to_json(grant.scope),
        "auth_time": grant.auth_time,
        "amr": to_json(grant.amr),
        "acr": grant.acr,
        "created_at": grant.created_at,
        "offline": grant.offline,
        "resource": to_json(grant.resource),
        "claims": to_json(grant.claims),
        "revoked_at": grant.revoked_at,
        # A machine's grant stands until its client goes.
        "keep_until": grant.created_at + GRANT_KEPT if grant.user_id else None,
    }


def grant_of(row: Row) -> Grant:
    (
        pool,
        grant_id,
        client_id,
        user_id,
        sid,
        scope,
        auth_time,
        amr,
        acr,
        created_at,
        offline,
        resource,
        claims,
        revoked_at,
    ) = row
    return Grant(
        id=grant_id,
        pool=pool,
        client_id=client_id,
        user_id=user_id or "",
        sid=sid,
        scope=texts(scope),
        auth_time=auth_time,
        amr=texts(amr),
        acr=acr,
        created_at=created_at,
        offline=bool(offline),
        resource=texts(resource),
        claims={name: tuple(wanted) for name, wanted in from_json(claims).items()},
        revoked_at=revoked_at,
    )


def family_values(pool: str, family: RefreshFamily) -> Values:
    return {
        "pool": pool,
        "id": family.id,
        "grant_id": family.grant_id,
        "head": family.head,
        "previous": family.previous,
        "generation": family.generation,
        "created_at": family.created_at,
        "rotated_at": family.rotated_at,
        "expires_at": family.expires_at,
    }


def family_of(row: Row) -> RefreshFamily:
    pool, family_id, grant_id, head, previous, generation, created_at, rotated_at, expires_at = row
    return RefreshFamily(family_id, pool, grant_id, head, previous, generation, created_at, rotated_at, expires_at)


def consent_values(pool: str, consent: Consent) -> Values:
    return {
        "pool": pool,
        "user_id": consent.user_id,
        "client_id": consent.client_id,
        "scope": to_json(consent.scope),
        "updated_at": consent.updated_at,
    }


def consent_of(row: Row) -> Consent:
    pool, user_id, client_id, scope, updated_at = row
    return Consent(pool, user_id, client_id, texts(scope), updated_at)


def revocation_of(row: Row) -> Revocation:
    return Revocation(*row)
