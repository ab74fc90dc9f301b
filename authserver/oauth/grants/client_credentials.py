"""The client credentials grant (RFC 6749 4.4)."""

import asyncio

from authserver.errors import ProtocolRefusal
from authserver.events import Event
from authserver.oauth.engine import judge_client_credentials
from authserver.oauth.grants import STANDARD, TokenRequest, token_response
from authserver.services import Services
from authserver.tokens.mint import mint_for_client

_GRANT = {"grant_type": "client_credentials"}


async def grant(services: Services, request: TokenRequest) -> dict[str, object]:
    """An access token for the client itself; without `scope`, for all its API scopes. Raises ProtocolRefusal."""
    # load: client and scopes come with the request

    # judge
    judge_client_credentials(request.form, request.facts())
    client, issuer = request.judged_client(), request.issuer
    wanted = request.form.get("scope")
    if wanted is None:
        scope = tuple(s for s in client.scope if s in issuer.custom_scopes)
    else:
        scope = tuple(dict.fromkeys(wanted.split()))
        if not STANDARD.isdisjoint(scope):
            raise ProtocolRefusal("invalid_scope", "A client by itself has no user: ask for API scopes only.")
    plan = issuer.access_plan(client, scope, tuple(request.form.all("resource")))

    amendment = await services.hooks.before_tokens(issuer.pool, None, client, scope, "ClientCredentials")

    # mint
    minted = mint_for_client(
        issuer, plan, client, now=int(services.clock()), random=services.random, amendment=amendment
    )
    services.emit(Event("token.issued", issuer.pool.id, None, client.client_id, request.address, _GRANT))

    # answer: one turn of the loop first, so that it signs for all who wait and then sends to all (performance 1.4)
    await asyncio.sleep(0)
    return token_response(minted)
