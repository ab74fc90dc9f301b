"""Facebook Login: OAuth 2.0 and the Graph API; no OpenID Connect, and often no address.

https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
"""

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from federation.connector import Kind, SettingSpec
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.oauth2 import Api, OAuth2Connector, Person, Vendor, identifier, renamed
from federation.errors import Misconfigured
from federation.model import IdentityProvider
from federation.ports import Host

VERSION = "v23.0"
"""Of the Graph API unless the settings say otherwise. Facebook keeps a version for about two years."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The two hosts; paths begin with the version."""

    www: str = "https://www.facebook.com"
    graph: str = "https://graph.facebook.com"


ENDPOINTS = Endpoints()

_NAMES = {
    "name": "name",
    "given_name": "first_name",
    "family_name": "last_name",
    "email": "email",
    "picture": "picture.data.url",
}


def proof_of(access_token: str, secret: str) -> str:
    """`appsecret_proof`: without the secret a stolen access token is of no use ("Secure Graph API calls")."""
    return hmac.new(secret.encode(), access_token.encode(), sha256).hexdigest()


def connector(provider: IdentityProvider, host: Host, endpoints: Endpoints = ENDPOINTS) -> OAuth2Connector:
    """The connector; `endpoints` stands in for Facebook's own in tests. Raises Misconfigured."""
    version = provider.setting("api_version") or VERSION
    if not re.fullmatch(r"v\d{1,3}\.\d", version, re.ASCII):
        raise Misconfigured("api_version is of the form v23.0", setting="api_version")

    async def read(api: Api) -> Person:
        fields = "id,name,first_name,last_name,email,picture"
        parameters = {"fields": fields, "appsecret_proof": proof_of(api.access_token, api.secret)}
        said = await api.get(f"{endpoints.graph}/{version}/me", parameters)
        # The id is the person's for this app alone. Nothing says whether an address is proven: it counts as unverified.
        return Person(identifier(said.get("id")), renamed(said, _NAMES), said)

    vendor = Vendor(
        issuer="https://www.facebook.com",
        authorization_endpoint=f"{endpoints.www}/{version}/dialog/oauth",
        token_endpoint=f"{endpoints.graph}/{version}/oauth/access_token",
        read=read,
        # Facebook drops a code_challenge unless openid is asked for, and then refuses the code_verifier. The state, the
        # redirect URI of this provider's own and the secret still bind the code to this login.
        challenge=False,
        separator=",",
        fresh=(("auth_type", "reauthenticate"),),
    )
    return OAuth2Connector(provider, host, vendor, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="facebook",
    label="Facebook",
    protocol="oauth2",
    build=connector,
    settings=(
        NEEDED_SECRET,
        SettingSpec("api_version", example=VERSION, about="Of the Graph API."),
    ),
    scope=("public_profile", "email"),
    mapping={name: name for name in _NAMES},
    icon="facebook",
)
