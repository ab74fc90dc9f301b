"""Discord: OAuth 2.0 and a user. https://discord.com/developers/docs/topics/oauth2"""

import re
from dataclasses import dataclass

from federation.connector import Kind
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.oauth2 import Api, Person, RefreshingOAuth2Connector, Vendor, identifier, renamed
from federation.model import IdentityProvider
from federation.ports import Host


@dataclass(frozen=True, slots=True)
class Endpoints:
    web: str = "https://discord.com"
    cdn: str = "https://cdn.discordapp.com"


ENDPOINTS = Endpoints()

_NAMES = {"name": "global_name", "preferred_username": "username", "email": "email", "locale": "locale"}


def connector(provider: IdentityProvider, host: Host, endpoints: Endpoints = ENDPOINTS) -> RefreshingOAuth2Connector:
    """The connector; `endpoints` stands in for Discord's own in tests."""

    async def read(api: Api) -> Person:
        said = await api.get(f"{endpoints.web}/api/v10/users/@me")
        subject, claims, avatar = identifier(said.get("id")), renamed(said, _NAMES), said.get("avatar")
        if "email" in claims:
            claims["email_verified"] = said.get("verified") is True
        if isinstance(avatar, str) and re.fullmatch(r"\w+", avatar, re.ASCII):
            claims["picture"] = f"{endpoints.cdn}/avatars/{subject}/{avatar}.png"
        return Person(subject, claims, said)

    vendor = Vendor(
        issuer="https://discord.com",
        authorization_endpoint=f"{endpoints.web}/oauth2/authorize",
        token_endpoint=f"{endpoints.web}/api/v10/oauth2/token",
        read=read,
        fresh=(("prompt", "consent"),),
        silent=(("prompt", "none"),),
    )
    return RefreshingOAuth2Connector(provider, host, vendor, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="discord",
    label="Discord",
    protocol="oauth2",
    build=connector,
    settings=(NEEDED_SECRET,),
    scope=("identify", "email"),
    mapping={"email": "email", "name": "name", "picture": "picture"},
    icon="discord",
)
