"""Naver Login: OAuth 2.0, errors with status 200, and a user in a wrapper.

https://developers.naver.com/docs/login/api/api.md
"""

from dataclasses import dataclass

from federation.connector import Kind
from federation.connectors.calls import error_code
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.oauth2 import Api, Person, RefreshingOAuth2Connector, Vendor, identifier, renamed
from federation.errors import ProviderRefused
from federation.mapping import find
from federation.model import IdentityProvider
from federation.ports import Host


@dataclass(frozen=True, slots=True)
class Endpoints:
    web: str = "https://nid.naver.com"
    api: str = "https://openapi.naver.com"


ENDPOINTS = Endpoints()

_NAMES = {
    "email": "response.email",
    "name": "response.name",
    "nickname": "response.nickname",
    "picture": "response.profile_image",
    "gender": "response.gender",
    "phone_number": "response.mobile_e164",
}


def connector(provider: IdentityProvider, host: Host, endpoints: Endpoints = ENDPOINTS) -> RefreshingOAuth2Connector:
    """The connector; `endpoints` stands in for Naver's own in tests."""

    async def read(api: Api) -> Person:
        said = await api.get(f"{endpoints.api}/v1/nid/me")
        if (result := said.get("resultcode")) != "00":
            raise ProviderRefused(error_code(result) or "invalid_error_code", "Naver does not show the user")
        # The address is whichever the person wrote there: it counts as unverified.
        return Person(identifier(find(said, "response.id")), renamed(said, _NAMES), said)

    vendor = Vendor(
        issuer="https://nid.naver.com",
        authorization_endpoint=f"{endpoints.web}/oauth2.0/authorize",
        token_endpoint=f"{endpoints.web}/oauth2.0/token",
        read=read,
        fresh=(("auth_type", "reauthenticate"),),
    )
    return RefreshingOAuth2Connector(provider, host, vendor, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="naver",
    label="Naver",
    protocol="oauth2",
    build=connector,
    settings=(NEEDED_SECRET,),
    scope=(),  # what is shown is chosen in Naver's console
    mapping={"email": "email", "name": "name", "nickname": "nickname"},
    icon="naver",
)
