"""The authorization code grant (RFC 6749 4.1.3, RFC 7636 4.6, OpenID Connect Core 3.1.3)."""

from authserver.crypto.secrets import digest
from authserver.errors import ProtocolRefusal
from authserver.events import Event
from authserver.model.clients import Client
from authserver.model.grants import AuthorizationCode, RefreshFamily
from authserver.oauth.engine import judge_code
from authserver.oauth.grants import TokenRequest, token_response
from authserver.services import Services
from authserver.tokens import codes
from authserver.tokens.identities import identities_claim
from authserver.tokens.keyring import LONGEST_TOKEN
from authserver.tokens.mint import mint_for_user
from authserver.tokens.refresh import RefreshToken, first_token

_INVALID = "The code is not valid: unknown, used, expired, or another client's."


async def grant(services: Services, request: TokenRequest) -> dict[str, object]:
    """Tokens for a code, once. Raises ProtocolRefusal; a replay revokes the grant first."""
    issuer, pool = request.issuer, request.issuer.pool
    # load
    presented = request.form.get("code")
    code_digest = digest(presented or "")
    stored = await services.stores.one_time.peek(pool.id, codes.KIND, code_digest) if presented else None
    code = codes.decode(stored) if stored is not None else None

    # judge
    facts = request.facts()
    now = int(services.clock())
    facts.code = code if code is not None and now < code.expires_at else None
    try:
        judge_code(request.form, facts)
    except ProtocolRefusal as refusal:
        if refusal.code == "invalid_grant" and stored is None and presented:
            await _spend(services, request, code_digest)  # the client is authenticated: was it a replay?
        raise
    client = request.judged_client()
    if code is None:
        raise AssertionError("the engine passed a request without a code")
    user = await services.stores.directory.user(pool.id, code.user_id)
    if user is None or not user.can_sign_in:
        raise ProtocolRefusal("invalid_grant", _INVALID, detail="the user may not sign in any more")
    if services.revocations.covers_grant(code.grant):
        raise ProtocolRefusal("invalid_grant", _INVALID, detail="the grant was revoked, or its session ended")
    resource = request.resource(code.grant)
    plan = issuer.access_plan(client, code.grant.scope, resource)

    linked = await identities_claim(services.stores.identities, services.registry, pool, user.id)

    # the pool's trigger, before anything is spent: a time-out burns nothing
    amendment = await services.hooks.before_tokens(pool, user, client, code.grant.scope, "HostedAuth")

    # spend
    await _spend(services, request, code_digest)

    # mint
    minted = mint_for_user(
        issuer,
        plan,
        client,
        code.grant,
        user,
        nonce=code.nonce,
        now=now,
        random=services.random,
        amendment=amendment,
        identities=linked,
    )
    token, family = None, None
    if "refresh_token" in client.grant_types:
        token = first_token(issuer.refresh_keys, services.random)
        family = _family(token, code, client.refresh_ttl or pool.tokens.refresh_ttl, now)

    # save
    if not await services.stores.grants.redeem_code(pool.id, code_digest, code.expires_at + 3600, family):
        await _replayed(services, request, code)

    # answer
    services.emit(Event("token.issued", pool.id, user.id, client.client_id, request.address, _GRANT))
    return token_response(minted, token.text if token is not None else None)


_GRANT = {"grant_type": "authorization_code"}


def _family(token: RefreshToken, code: AuthorizationCode, ttl: int, now: int) -> RefreshFamily:
    return RefreshFamily(
        id=token.family_id,
        pool=code.pool,
        grant_id=code.grant.id,
        head=token.digest,
        previous=None,
        generation=0,
        created_at=now,
        rotated_at=now,
        expires_at=now + ttl,
    )


async def _spend(services: Services, request: TokenRequest, code_digest: str) -> None:
    """Consume the code. Raises ProtocolRefusal if it is not there, or was used before."""
    spent = await services.stores.one_time.spend(request.issuer.pool.id, codes.KIND, code_digest)
    if spent is None:
        raise ProtocolRefusal("invalid_grant", _INVALID)
    if spent.replayed:
        await _replayed(services, request, codes.decode(spent.value))


async def _replayed(services: Services, request: TokenRequest, code: AuthorizationCode) -> None:
    """A code used twice may have been stolen: everything it bought dies (RFC 6749 4.1.2). Raises ProtocolRefusal."""
    client: Client = request.judged_client()
    if code.client_id == client.client_id:
        await services.revocations.revoke_grant(code.pool, code.grant.id, LONGEST_TOKEN)
        services.emit(Event("code.replayed", code.pool, code.user_id, client.client_id, request.address))
    raise ProtocolRefusal("invalid_grant", _INVALID, detail="the code was used before")
