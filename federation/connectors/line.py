"""LINE Login: OpenID Connect with ID tokens signed by the channel secret, and an address only by permission.

https://developers.line.biz/en/docs/line-login/integrate-line-login/
"""

from federation.connector import Kind, SettingSpec
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import FixedMetadata, Metadata
from federation.connectors.oidc import OidcConnector
from federation.errors import Misconfigured
from federation.model import IdentityProvider
from federation.ports import Host

ENDPOINTS = Metadata(
    issuer="https://access.line.me",
    authorization_endpoint="https://access.line.me/oauth2/v2.1/authorize",
    token_endpoint="https://api.line.me/oauth2/v2.1/token",
    jwks_uri="https://api.line.me/oauth2/v2.1/certs",
    # It repeats name and picture of the ID token, and has no address: there is nothing to ask it for.
    userinfo_endpoint="",
    signing_algorithms=("HS256",),
    token_auth_methods=("client_secret_post",),
    challenge_methods=("S256",),
)

# LINE signs with HS256 for web channels, and for those alone: a token of the app's (ES256) is not for us.
_DIALECT = Dialect(algorithms=("HS256",), auth_method="client_secret_post")


def connector(provider: IdentityProvider, host: Host, endpoints: Metadata = ENDPOINTS) -> OidcConnector:
    """The connector; `endpoints` stands in for LINE's own in tests. Raises Misconfigured."""
    if len(host.secrets.open("client_secret")) < 32:
        raise Misconfigured("client_secret is the channel secret, of 32 characters", setting="client_secret")
    source = FixedMetadata(endpoints)
    return OidcConnector(provider, host, source, dialect=_DIALECT, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="line",
    label="LINE",
    protocol="oidc",
    build=connector,
    settings=(
        NEEDED_SECRET,
        SettingSpec("prompt", example="consent", about="What LINE asks the person."),
    ),
    scope=("openid", "profile", "email"),
    mapping={"email": "email", "name": "name", "picture": "picture"},
    icon="line",
)
