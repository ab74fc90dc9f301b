"""The metadata documents: OpenID Connect Discovery 1.0 and RFC 8414, one content in three places (DESIGN 4)."""

import orjson

from authserver.model.keys import SIGNING_ALGORITHMS
from authserver.oauth.client_auth import METHODS
from authserver.oauth.jwks import PUBLIC
from authserver.oauth.requests import PROMPTS
from authserver.oauth.token import GRANTS
from authserver.services import Services
from authserver.signin.levels import (
    supported_levels,
)
from authserver.tokens.claims import STANDARD_CLAIMS, STANDARD_SCOPES
from authserver.tokens.issuer import Issuer
from authserver.web import Answer, Request


async def discovery(_services: Services, issuer: Issuer, _request: Request) -> Answer:
    """GET: the metadata of the pool's issuer."""
    document = issuer.documents.get("discovery")
    if document is None:
        document = issuer.documents["discovery"] = orjson.dumps(metadata(issuer))
    return Answer(200, PUBLIC, document)


def metadata(issuer: Issuer) -> dict[str, object]:
    """The document, from the code that defines what it says."""
    url, pool = issuer.url, issuer.pool
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/oauth2/authorize",
        "token_endpoint": f"{url}/oauth2/token",
        "userinfo_endpoint": f"{url}/oauth2/userInfo",
        "jwks_uri": f"{url}/.well-known/jwks.json",
        "revocation_endpoint": f"{url}/oauth2/revoke",
        "end_session_endpoint": f"{url}/oauth2/logout",
        "scopes_supported": [*STANDARD_SCOPES, *pool.scope_descriptions()],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": list(PROMPTS),
        "claim_types_supported": ["normal"],
        "claims_supported": ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", *STANDARD_CLAIMS],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "acr_values_supported": list(supported_levels(pool)),
        "ui_locales_supported": list(pool.languages),
    }
