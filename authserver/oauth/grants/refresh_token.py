"""The refresh token grant with rotation, reuse detection and a grace window (RFC 6749 6, RFC 9700 4.14.2, DESIGN 5)."""

from dataclasses import replace

from authserver.errors import ProtocolRefusal
from authserver.events import Event
from authserver.model.grants import RefreshFacts
from authserver.oauth.engine import judge_refresh
from authserver.oauth.grants import TokenRequest, token_response
from authserver.services import Services
from authserver.tokens import refresh
from authserver.tokens.identities import identities_claim
from authserver.tokens.issuer import narrowed
from authserver.tokens.keyring import LONGEST_TOKEN
from authserver.tokens.mint import mint_for_user
from authserver.tokens.refresh import RefreshToken

_INVALID = "The refresh token is not valid: unknown, used, expired, revoked, or another client's."
_GRANT = {"grant_type": "refresh_token"}


async def grant(services: Services, request: TokenRequest) -> dict[str, object]:
    """Fresh tokens and the next refresh token. Raises ProtocolRefusal; a reuse ends the family first."""
    issuer, pool, stores = request.issuer, request.issuer.pool, services.stores
    # load
    text = request.form.get("refresh_token")
    presented = refresh.parse_token(issuer.refresh_keys, text) if text is not None else None
    stored = await stores.grants.refresh_facts(pool.id, presented.family_id) if presented is not None else None
    user = stored.user if stored is not None else None

    # judge
    facts = request.facts()
    facts.refresh_grant = stored.grant if stored is not None else None
    judge_refresh(request.form, facts)
    client = request.judged_client()
    if presented is None or stored is None:
        raise AssertionError("the engine passed a request without a refresh token")
    now = int(services.clock())
    verdict = await _judged(services, request, stored, presented, now)
    if services.revocations.covers_grant(stored.grant):
        raise ProtocolRefusal("invalid_grant", _INVALID, detail="the session ended while the grant was made")
    if user is None or not user.can_sign_in:
        raise ProtocolRefusal("invalid_grant", _INVALID, detail="the user may not sign in any more")
    wanted = request.form.get("scope")
    scope = request.still_allowed(stored.grant.scope)
    if wanted is not None:
        scope = narrowed(scope, wanted.split())
    granted = replace(stored.grant, scope=scope, claims=request.claims_still_allowed(stored.grant))
    plan = issuer.access_plan(client, scope, request.resource(stored.grant))

    linked = await identities_claim(services.stores.identities, services.registry, pool, user.id)

    # the pool's trigger, before anything is spent: a time-out burns nothing
    amendment = await services.hooks.before_tokens(pool, user, client, scope, "RefreshTokens")

    # mint
    minted = mint_for_user(
        issuer,
        plan,
        client,
        granted,
        user,
        nonce=None,
        now=now,
        random=services.random,
        amendment=amendment,
        identities=linked,
    )
    following = refresh.successor(issuer.refresh_keys, presented)

    # spend, which is the save: the head moves only if it still is the presented token (DESIGN 6.1)
    if verdict == "rotate" and not await stores.grants.rotate(
        pool.id, presented.family_id, presented=presented.digest, successor=following.digest, now=now
    ):
        # Somebody was faster with the same token: a retry within the grace window, or a reuse.
        after = await stores.grants.refresh_facts(pool.id, presented.family_id)
        if await _judged(services, request, after, presented, now) != "again":
            raise ProtocolRefusal("invalid_grant", _INVALID, detail="the head did not move, yet nobody moved it")

    # answer
    services.emit(Event("token.issued", pool.id, user.id, client.client_id, request.address, _GRANT))
    return token_response(minted, following.text)


async def _judged(
    services: Services, request: TokenRequest, stored: RefreshFacts | None, presented: RefreshToken, now: int
) -> refresh.Verdict:
    """The verdict, "rotate" or "again". Raises ProtocolRefusal for the rest, after a reuse has ended the grant."""
    client, pool = request.judged_client(), request.issuer.pool
    verdict = refresh.judge(stored, presented, client.client_id, pool.tokens, now)
    if verdict == "reuse" and stored is not None:
        await services.revocations.revoke_grant(pool.id, stored.grant.id, LONGEST_TOKEN)
        services.emit(Event("refresh_token.reused", pool.id, stored.grant.user_id, client.client_id, request.address))
    if verdict in {"reuse", "refuse"}:
        raise ProtocolRefusal("invalid_grant", _INVALID, detail=verdict)
    return verdict
