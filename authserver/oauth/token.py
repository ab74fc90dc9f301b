"""The token endpoint (RFC 6749 3.2): the request is parsed once here; each grant is one file in `grants`."""

import orjson

from authserver.errors import ProtocolRefusal
from authserver.oauth.client_auth import presented_credentials
from authserver.oauth.engine import Facts, judge_client, refuse_repeated
from authserver.oauth.grants import TokenRequest, authorization_code, client_credentials, refresh_token
from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.web import ANY_ORIGIN, JSON, NO_STORE, Answer, Headers, Request

GRANTS = {
    "authorization_code": authorization_code.grant,
    "refresh_token": refresh_token.grant,
    "client_credentials": client_credentials.grant,
}

_HEADERS: Headers = [*JSON, *NO_STORE, *ANY_ORIGIN]


async def token(services: Services, issuer: Issuer, request: Request) -> Answer:
    """POST: exchange a grant for tokens (RFC 6749 4.1.3, 4.4.2, 6). Raises Refusal."""
    form = await request.form()
    refuse_repeated(form)
    credentials = presented_credentials(request, form)
    client = await services.registry.client(issuer.pool.id, credentials.client_id)
    grant_type = form.get("grant_type")
    grant = GRANTS.get(grant_type or "")
    if grant is None:
        judge_client(form, Facts(client, credentials, known_scopes=frozenset()), "token")
        if grant_type is None:
            raise ProtocolRefusal("invalid_request", "The grant_type is missing.")
        raise ProtocolRefusal("unsupported_grant_type", "The grant_type is not supported.")
    response = await grant(services, TokenRequest(issuer, client, credentials, form, request.address))
    return Answer(200, _HEADERS, orjson.dumps(response))
