"""X: OAuth 2.0 with PKCE, a user, and an address only where X granted the app that permission.

https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code
"""

from dataclasses import dataclass

from federation.connector import Kind
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.oauth2 import Api, Person, RefreshingOAuth2Connector, Vendor, identifier, renamed
from federation.mapping import find
from federation.model import IdentityProvider
from federation.ports import Host


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorization: str = "https://x.com/i/oauth2/authorize"
    api: str = "https://api.x.com/2"


ENDPOINTS = Endpoints()

_NAMES = {
    "name": "data.name",
    "preferred_username": "data.username",
    "picture": "data.profile_image_url",
    "email": "data.confirmed_email",
}


def connector(provider: IdentityProvider, host: Host, endpoints: Endpoints = ENDPOINTS) -> RefreshingOAuth2Connector:
    """The connector; `endpoints` stands in for X's own in tests."""

    async def read(api: Api) -> Person:
        fields = "name,username,profile_image_url" + (",confirmed_email" if "users.email" in api.scope else "")
        said = await api.get(f"{endpoints.api}/users/me", {"user.fields": fields})
        claims = renamed(said, _NAMES)
        if "email" in claims:
            claims["email_verified"] = True  # the field has confirmed addresses alone
        return Person(identifier(find(said, "data.id")), claims, said)

    vendor = Vendor(
        issuer="https://x.com",
        authorization_endpoint=endpoints.authorization,
        token_endpoint=f"{endpoints.api}/oauth2/token",
        read=read,
        auth_method="client_secret_basic",
    )
    return RefreshingOAuth2Connector(provider, host, vendor, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="x",
    label="X",
    protocol="oauth2",
    build=connector,
    settings=(NEEDED_SECRET,),
    scope=("tweet.read", "users.read"),  # /2/users/me asks for both
    mapping={"name": "name", "picture": "picture"},
    icon="x",
)
