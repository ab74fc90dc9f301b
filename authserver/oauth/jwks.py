"""The pool's public keys (RFC 7517 5)."""

from authserver.services import Services
from authserver.tokens.issuer import Issuer
from authserver.tokens.keyring import JWKS_MAX_AGE
from authserver.web import ANY_ORIGIN, JSON, Answer, Headers, Request

PUBLIC: Headers = [*JSON, *ANY_ORIGIN, (b"cache-control", b"public, max-age=%d" % JWKS_MAX_AGE)]


async def jwks(_services: Services, issuer: Issuer, _request: Request) -> Answer:
    """GET: the JWK Set."""
    return Answer(200, PUBLIC, issuer.jwks)
