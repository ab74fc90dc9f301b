"""GitHub, and GitHub Enterprise Server: OAuth 2.0, a profile, and a list of addresses of its own.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from federation.connector import Kind, SettingSpec
from federation.connectors.calls import check_endpoint
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.oauth2 import Api, Person, RefreshingOAuth2Connector, Vendor, identifier, renamed
from federation.model import IdentityProvider
from federation.ports import Host


@dataclass(frozen=True, slots=True)
class Endpoints:
    web: str = "https://github.com"
    api: str = "https://api.github.com"


ENDPOINTS = Endpoints()

_NAMES = {"name": "name", "preferred_username": "login", "picture": "avatar_url", "profile": "html_url"}
_ACCEPT = "application/vnd.github+json"
_VERSION = "2022-11-28"


def _primary(addresses: Sequence[Any]) -> dict[str, object]:
    """The primary address with what GitHub says of it. The `email` of the profile is any that the person chose to show, and
    does not say whether it is proven.
    """
    for each in addresses:
        if isinstance(each, Mapping) and each.get("primary") is True and isinstance(each.get("email"), str):
            return {"email": each["email"], "email_verified": each.get("verified") is True}
    return {}


def connector(provider: IdentityProvider, host: Host, endpoints: Endpoints = ENDPOINTS) -> RefreshingOAuth2Connector:
    """The connector; `endpoints` stands in for GitHub's own in tests. Raises Misconfigured."""
    if base_url := provider.setting("base_url").rstrip("/"):
        check_endpoint(base_url, setting="base_url")
        endpoints = Endpoints(base_url, f"{base_url}/api/v3")

    async def read(api: Api) -> Person:
        # GitHub answers nobody without a User-Agent.
        headers = {"accept": _ACCEPT, "x-github-api-version": _VERSION, "user-agent": "poolgate"}
        said = await api.get(f"{endpoints.api}/user", headers=headers)
        claims = renamed(said, _NAMES)
        if "email" in api.wanted and "user:email" in api.scope:
            # The third request of a login: nothing else tells which address is proven.
            claims |= _primary(await api.get_list(f"{endpoints.api}/user/emails", headers=headers))
        # The number, never the login name, which can be given up and taken by somebody else.
        return Person(identifier(said.get("id")), claims, said)

    vendor = Vendor(
        issuer=endpoints.web,
        authorization_endpoint=f"{endpoints.web}/login/oauth/authorize",
        token_endpoint=f"{endpoints.web}/login/oauth/access_token",
        read=read,
        fresh=(("prompt", "select_account"),),
    )
    return RefreshingOAuth2Connector(provider, host, vendor, scope=KIND.scope, mapping=KIND.mapping or {})


KIND = Kind(
    type="github",
    label="GitHub",
    protocol="oauth2",
    build=connector,
    settings=(
        NEEDED_SECRET,
        SettingSpec("base_url", example="https://github.acme.com", about="Of a GitHub Enterprise Server."),
    ),
    scope=("read:user", "user:email"),
    mapping={"email": "email", "name": "name", "picture": "picture"},
    icon="github",
)
