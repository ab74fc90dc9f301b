"""Sign In with LinkedIn: OpenID Connect without nonce and without PKCE.

https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2
"""

from collections.abc import Collection, Mapping
from typing import Any

from federation.connector import Kind
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import FixedMetadata, Metadata
from federation.connectors.oidc import OidcConnector
from federation.model import IdentityProvider
from federation.ports import Host

ENDPOINTS = Metadata(
    issuer="https://www.linkedin.com/oauth",
    authorization_endpoint="https://www.linkedin.com/oauth/v2/authorization",
    token_endpoint="https://www.linkedin.com/oauth/v2/accessToken",
    jwks_uri="https://www.linkedin.com/oauth/openid/jwks",
    userinfo_endpoint="https://api.linkedin.com/v2/userinfo",
    signing_algorithms=("RS256",),
    token_auth_methods=("client_secret_post",),
)


def _issuers(_claims: Mapping[str, Any], metadata: Metadata) -> Collection[str]:
    # Tokens have had both: the metadata's issuer, and the bare host.
    return (metadata.issuer, metadata.issuer.removesuffix("/oauth"))


_DIALECT = Dialect(
    issuers=_issuers,
    auth_method="client_secret_post",  # the metadata say nothing, and client_secret_basic fails
    # A code_verifier beside a client_secret makes LinkedIn answer invalid_client. Without PKCE the state, the redirect URI of
    # this provider's own and the client secret still bind the code to this login.
    challenge=False,
    nonce_returned=False,  # it never comes back; one that does must be right
    tells_auth_time=False,
    fresh_prompt="",
    silent=False,
)


def connector(provider: IdentityProvider, host: Host, endpoints: Metadata = ENDPOINTS) -> OidcConnector:
    """The connector; `endpoints` stands in for LinkedIn's own in tests."""
    source = FixedMetadata(endpoints)
    return OidcConnector(provider, host, source, dialect=_DIALECT, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="linkedin",
    label="LinkedIn",
    protocol="oidc",
    build=connector,
    settings=(NEEDED_SECRET,),
    scope=("openid", "profile", "email"),
    mapping={name: name for name in ("email", "name", "given_name", "family_name", "picture")},
    icon="linkedin",
)
