"""The OAuth endpoints by their path below the pool (DESIGN 4)."""

from collections.abc import Mapping

from authserver.errors import Refusal
from authserver.oauth import errors
from authserver.oauth.authorize import authorize, authorize_post
from authserver.oauth.discovery import discovery
from authserver.oauth.jwks import jwks
from authserver.oauth.logout import logout, logout_post
from authserver.oauth.revoke import revoke
from authserver.oauth.token import token
from authserver.oauth.userinfo import userinfo
from authserver.services import Endpoint, Handler, Services
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request


def _page(services: Services, request: Request, issuer: Issuer | None, refusal: Refusal) -> Answer:
    """The endpoints that a person's browser visits show errors as pages."""
    return services.show_error(services, request, issuer, refusal)


def _machine(name: str, **methods: Handler) -> Endpoint:
    if "GET" in methods:
        methods["HEAD"] = methods["GET"]
    return Endpoint(name, methods, errors.refuse, cors=True)


def _browser(name: str, **methods: Handler) -> Endpoint:
    return Endpoint(name, {**methods, "HEAD": methods["GET"]}, _page)


ENDPOINTS: Mapping[str, Endpoint] = {
    "oauth2/token": _machine("token", POST=token),
    "oauth2/userInfo": _machine("userinfo", GET=userinfo, POST=userinfo),
    "oauth2/revoke": _machine("revoke", POST=revoke),
    ".well-known/jwks.json": _machine("jwks", GET=jwks),
    ".well-known/openid-configuration": _machine("discovery", GET=discovery),
    "oauth2/authorize": _browser("authorize", GET=authorize, POST=authorize_post),
    "oauth2/logout": _browser("logout", GET=logout, POST=logout_post),
}

INSERTED: Mapping[str, Endpoint] = {
    "oauth-authorization-server": ENDPOINTS[".well-known/openid-configuration"],
    "openid-configuration": ENDPOINTS[".well-known/openid-configuration"],
}
"""By the name between `/.well-known/` and the pool: RFC 8414 3.1 inserts it before the issuer's path."""
