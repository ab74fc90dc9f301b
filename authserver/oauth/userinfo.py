"""The UserInfo endpoint (OpenID Connect Core 5.3). Tokens are validated by `resource_servers`: we are its first user."""

import orjson

from authserver.services import Services
from authserver.tokens.claims import USERINFO_CLAIMS, readable, userinfo_claims
from authserver.tokens.issuer import Issuer
from authserver.web import ANY_ORIGIN, JSON, NO_STORE, Answer, Headers, Request
from resource_servers.asgi import STATUS, bearer_token
from resource_servers.errors import InsufficientScope, InvalidToken, MissingToken, Refused
from resource_servers.tokens import validate_access_token

_EXPOSE = (b"access-control-expose-headers", b"WWW-Authenticate")
_HEADERS: Headers = [*JSON, *NO_STORE, *ANY_ORIGIN]


class _EveryClient(frozenset[str]):
    """Tokens of the Cognito profile name their client in place of an audience, and here every client's are taken."""

    def __contains__(self, client_id: object) -> bool:
        return True


_EVERY_CLIENT = _EveryClient()


async def userinfo(services: Services, issuer: Issuer, request: Request) -> Answer:
    """GET or POST: the claims that the access token's scopes cover."""
    try:
        return await _userinfo(services, issuer, request)
    except Refused as refused:
        return _challenge(refused)


async def _userinfo(services: Services, issuer: Issuer, request: Request) -> Answer:
    # load
    cognito = issuer.pool.claims_profile == "cognito"
    token = bearer_token(request.scope)

    # judge
    access = validate_access_token(
        token,
        issuer.keys,
        issuer=issuer.url,
        audience=issuer.url,
        now=services.clock(),
        profile=issuer.pool.claims_profile,
        client_ids=_EVERY_CLIENT if cognito else None,  # it is looked up below
    )
    if "openid" not in access.scopes:
        raise InsufficientScope(["openid"])
    if services.revocations.covers(issuer.pool.id, access.claims):
        raise InvalidToken("revoked")
    user = await services.stores.directory.user(issuer.pool.id, access.subject)
    if user is None or not user.can_sign_in:
        raise InvalidToken("the user is gone or disabled")
    client = await services.registry.client(issuer.pool.id, access.client_id)
    if client is None or not client.enabled:
        raise InvalidToken("the client is gone or disabled")

    if client.read_attributes is not None:
        user = readable(user, client.read_attributes)

    # answer
    claims = userinfo_claims(user, access.scopes, access.claims.get(USERINFO_CLAIMS, ()), cognito=cognito)
    return Answer(200, _HEADERS, orjson.dumps(claims))


def _challenge(refused: Refused) -> Answer:
    """The answers of RFC 6750 3.1."""
    if isinstance(refused, MissingToken):
        return Answer(401, [*_HEADERS, _EXPOSE, (b"www-authenticate", b'Bearer realm="poolgate"')])
    status = next(code for kind, code in STATUS.items() if isinstance(refused, kind))
    value = f'Bearer realm="poolgate", error="{refused.code}", error_description="{refused.sentence}"'
    if isinstance(refused, InsufficientScope):
        value += ', scope="openid"'
    body = orjson.dumps({"error": refused.code, "error_description": refused.sentence})
    return Answer(status, [*_HEADERS, _EXPOSE, (b"www-authenticate", value.encode("ascii", "replace"))], body)
