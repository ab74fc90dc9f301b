"""Kakao Login: OpenID Connect, with a user API that tells what the ID token does not.

https://developers.kakao.com/docs/latest/en/kakaologin/rest-api
"""

from collections.abc import Collection
from typing import Any

from federation.connector import Kind, SettingSpec
from federation.connectors.client import CLIENT_SECRET
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import FixedMetadata, Metadata
from federation.connectors.oauth2 import identifier, renamed
from federation.connectors.oidc import OidcConnector
from federation.mapping import find
from federation.model import ExternalIdentity, IdentityProvider
from federation.ports import Host

ENDPOINTS = Metadata(
    issuer="https://kauth.kakao.com",
    authorization_endpoint="https://kauth.kakao.com/oauth/authorize",
    token_endpoint="https://kauth.kakao.com/oauth/token",
    jwks_uri="https://kauth.kakao.com/.well-known/jwks.json",
    # Not the UserInfo endpoint, which says nothing of whether the address is proven.
    userinfo_endpoint="https://kapi.kakao.com/v2/user/me",
    signing_algorithms=("RS256",),
    token_auth_methods=("client_secret_post",),
    challenge_methods=("S256",),
)

_NAMES = {
    "email": "kakao_account.email",
    "name": "kakao_account.name",
    "nickname": "kakao_account.profile.nickname",
    "picture": "kakao_account.profile.profile_image_url",
    "phone_number": "kakao_account.phone_number",
    "birthdate": "kakao_account.birthday",
    "gender": "kakao_account.gender",
}


def read_userinfo(said: dict[str, Any]) -> dict[str, Any]:
    """Kakao's user in the names of OpenID Connect. An address counts as verified if Kakao says both that it is proven and
    that it is still this person's: a valid one may have gone to somebody else.
    """
    claims = renamed(said, _NAMES) | {"sub": identifier(said.get("id"))}
    if "email" in claims:
        flags = (find(said, f"kakao_account.{name}") for name in ("is_email_valid", "is_email_verified"))
        claims["email_verified"] = all(flag is True for flag in flags)
    return claims


_DIALECT = Dialect(tells_auth_time=False, read_userinfo=read_userinfo)


def connector(provider: IdentityProvider, host: Host, endpoints: Metadata = ENDPOINTS) -> OidcConnector:
    """The connector; `endpoints` stands in for Kakao's own in tests. Without client_secret the client proves nothing, as
    Kakao's console allows.
    """
    source = FixedMetadata(endpoints)
    return OidcConnector(provider, host, source, dialect=_DIALECT, scope=KIND.scope, mapping=KIND.mapping or {})


def speaks_for(_identity: ExternalIdentity) -> Collection[str]:
    """Kakao's own mail."""
    return ("kakao.com",)


KIND = Kind(
    type="kakao",
    label="Kakao",
    protocol="oidc",
    build=connector,
    settings=(
        CLIENT_SECRET,
        SettingSpec("prompt", example="select_account", about="What Kakao asks the person."),
    ),
    scope=("openid", "account_email", "profile_nickname"),
    mapping={"email": "email", "nickname": "nickname"},
    icon="kakao",
    speaks_for=speaks_for,
)
