"""Login with Amazon: OAuth 2.0 and a profile.

https://developer.amazon.com/docs/login-with-amazon/authorization-code-grant.html
"""

from dataclasses import dataclass

from federation.connector import Kind
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.oauth2 import Api, Person, RefreshingOAuth2Connector, Vendor, identifier, renamed
from federation.model import IdentityProvider
from federation.ports import Host


@dataclass(frozen=True, slots=True)
class Endpoints:
    authorization: str = "https://www.amazon.com/ap/oa"
    token: str = "https://api.amazon.com/auth/o2/token"
    profile: str = "https://api.amazon.com/user/profile"


ENDPOINTS = Endpoints()

_NAMES = {"name": "name", "email": "email", "postal_code": "postal_code"}


def connector(provider: IdentityProvider, host: Host, endpoints: Endpoints = ENDPOINTS) -> RefreshingOAuth2Connector:
    """The connector; `endpoints` stands in for Amazon's own in tests."""

    async def read(api: Api) -> Person:
        said = await api.get(endpoints.profile)
        # Nothing says whether the address is proven: it counts as unverified.
        return Person(identifier(said.get("user_id")), renamed(said, _NAMES), said)

    vendor = Vendor(
        issuer="https://www.amazon.com",
        authorization_endpoint=endpoints.authorization,
        token_endpoint=endpoints.token,
        read=read,
    )
    return RefreshingOAuth2Connector(provider, host, vendor, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="amazon",
    label="Amazon",
    protocol="oauth2",
    build=connector,
    settings=(NEEDED_SECRET,),
    scope=("profile",),
    mapping={"email": "email", "name": "name"},
    icon="amazon",
)
