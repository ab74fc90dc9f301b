"""Minting: from a judged request to signed tokens. Pure given the issuer's keys, the time and the randomness."""

import hashlib
from dataclasses import dataclass

from authserver.crypto.secrets import b64url
from authserver.effects import Random
from authserver.model.clients import Client
from authserver.model.grants import Grant
from authserver.model.users import User
from authserver.tokens.claims import access_claims, id_claims, machine_claims, readable
from authserver.tokens.identities import Claim
from authserver.tokens.issuer import AccessPlan, Issuer
from authserver.triggers.answers import TokenAmendment
from authserver.triggers.token_amendment import apply_pre_token

_JTI_BYTES = 12


@dataclass(frozen=True, slots=True)
class Minted:
    """Signed tokens with what the token response says of them (RFC 6749 5.1)."""

    access_token: str
    expires_in: int
    scope: str
    id_token: str | None = None


def mint_for_user(
    issuer: Issuer,
    plan: AccessPlan,
    client: Client,
    grant: Grant,
    user: User,
    *,
    nonce: str | None,
    now: int,
    random: Random,
    amendment: TokenAmendment | None = None,
    identities: Claim = (),
) -> Minted:
    """An access token, and an ID token if `openid` was granted.

    Args:
        identities: the claim of that name (`tokens.identities`).
        amendment: what the pool's trigger wants changed. Raises TriggerFailed if it cannot be.
    """
    pool = issuer.pool
    if client.read_attributes is not None:
        user = readable(user, client.read_attributes)
    ttl = client.access_ttl or pool.tokens.access_ttl
    access = access_claims(
        issuer=issuer.url,
        pool=pool,
        grant=grant,
        user=user,
        audience=plan.audience,
        scope=plan.scope,
        jti=f"{grant.id}.{random.token(_JTI_BYTES)}",
        now=now,
        ttl=ttl,
    )
    cognito = pool.claims_profile == "cognito"
    event_id = random.uuid() if cognito else ""
    if cognito:
        access["event_id"] = event_id
    scope, identity = plan.scope, None
    if "openid" in grant.scope:
        identity = id_claims(
            issuer=issuer.url,
            pool=pool,
            grant=grant,
            user=user,
            nonce=nonce,
            at_hash="",
            jti=f"{grant.id}.{random.token(_JTI_BYTES)}" if cognito else "",
            now=now,
            ttl=pool.tokens.id_ttl,
        )
        if cognito:
            identity["event_id"] = event_id
        if identities:
            identity["identities"] = identities
    if amendment is not None:
        amended = apply_pre_token(
            amendment,
            access=access,
            id_token=identity,
            scopes=tuple(plan.scope.split()),
            client_id=client.client_id,
            profile=pool.claims_profile,
        )
        access, identity, scope = amended.access, amended.id_token, " ".join(amended.scopes)
    access_token = plan.signer.sign("at+jwt", access)
    if identity is None:
        return Minted(access_token, ttl, scope)
    identity["at_hash"] = half_hash(access_token)
    signer = issuer.signers["RS256" if cognito else client.id_token_signed_response_alg]
    return Minted(access_token, ttl, scope, signer.sign("JWT", identity))


def mint_for_client(
    issuer: Issuer,
    plan: AccessPlan,
    client: Client,
    *,
    now: int,
    random: Random,
    amendment: TokenAmendment | None = None,
) -> Minted:
    """An access token for the client itself (RFC 6749 4.4). `amendment` as for a user."""
    ttl = client.access_ttl or issuer.pool.tokens.access_ttl
    claims = machine_claims(
        issuer=issuer.url,
        pool=issuer.pool,
        client=client,
        audience=plan.audience,
        scope=plan.scope,
        jti=f"{client.machine_grant}.{random.token(_JTI_BYTES)}",
        now=now,
        ttl=ttl,
    )
    scope = plan.scope
    if amendment is not None:
        amended = apply_pre_token(
            amendment,
            access=claims,
            id_token=None,
            scopes=tuple(plan.scope.split()),
            client_id=client.client_id,
            profile=issuer.pool.claims_profile,
        )
        claims, scope = amended.access, " ".join(amended.scopes)
    return Minted(plan.signer.sign("at+jwt", claims), ttl, scope)


def half_hash(token: str) -> str:
    """`at_hash`: the left half of the SHA-256 (Core 3.1.3.6; both our algorithms use SHA-256)."""
    return b64url(hashlib.sha256(token.encode("ascii")).digest()[:16])
