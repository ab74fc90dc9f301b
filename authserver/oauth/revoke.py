"""Token revocation (RFC 7009)."""

from authserver.errors import ProtocolRefusal
from authserver.events import Event
from authserver.oauth.client_auth import presented_credentials
from authserver.oauth.engine import Facts, judge_client, refuse_repeated
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.tokens.keyring import LONGEST_TOKEN
from authserver.tokens.refresh import parse_token
from authserver.web import ANY_ORIGIN, NO_STORE, Answer, Request
from resource_servers.errors import InvalidToken
from resource_servers.tokens import Audience, verify_jwt

_NOT_YOURS = "The token was issued to another client."


async def revoke(services: Services, issuer: Issuer, request: Request) -> Answer:
    """POST: end a token. A refresh token takes its whole grant along; an access token ends alone.

    A token that is not valid anyway is answered as a revoked one (2.2). Raises ProtocolRefusal.
    """
    # load
    form = await request.form()
    refuse_repeated(form)
    credentials = presented_credentials(request, form)
    pool = issuer.pool.id
    client = await services.registry.client(pool, credentials.client_id)

    # judge
    judge_client(form, Facts(client, credentials, known_scopes=frozenset()), "revocation")
    token = form.get("token")
    if token is None:
        raise ProtocolRefusal("invalid_request", "The token is missing.")
    refresh_token = parse_token(issuer.refresh_keys, token)

    # save
    if refresh_token is not None:
        facts = await services.stores.grants.refresh_facts(pool, refresh_token.family_id)
        if facts is not None:
            _check_owner(facts.grant.client_id, credentials.client_id)
            await services.revocations.revoke_grant(pool, facts.grant.id, LONGEST_TOKEN)
            services.emit(Event("grant.revoked", pool, facts.grant.user_id, credentials.client_id, request.address))
    else:
        claims = _access_claims(services, issuer, token)
        if claims is not None:
            _check_owner(str(claims.get("client_id")), credentials.client_id)
            await services.revocations.revoke_token(pool, str(claims["jti"]), int(str(claims["exp"])))
            services.emit(Event("token.revoked", pool, str(claims["sub"]), credentials.client_id, request.address))

    # answer
    return Answer(200, [*NO_STORE, *ANY_ORIGIN])


def _check_owner(owner: str, client_id: str) -> None:
    if owner != client_id:
        raise ProtocolRefusal("invalid_grant", _NOT_YOURS)


def _access_claims(services: Services, issuer: Issuer, token: str) -> dict[str, object] | None:
    """The claims of an access token of ours that still lives."""
    try:
        return verify_jwt(
            token,
            issuer.keys,
            issuer=issuer.url,
            now=services.clock(),
            audience=Audience.ANY,
            types=("at+jwt",),
        )
    except InvalidToken:
        return None
