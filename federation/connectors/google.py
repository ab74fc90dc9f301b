"""Google: OpenID Connect to the letter, but for two spellings of its issuer.

https://developers.google.com/identity/openid-connect/openid-connect
"""

from collections.abc import Collection, Mapping
from typing import Any

from federation.connector import Kind, SettingSpec
from federation.connectors.client import NEEDED_SECRET
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import FixedMetadata, Metadata
from federation.connectors.oidc import OidcConnector
from federation.errors import WrongAccount
from federation.mapping import domain_of
from federation.model import ExternalIdentity, IdentityProvider
from federation.ports import Host

ENDPOINTS = Metadata(
    issuer="https://accounts.google.com",
    authorization_endpoint="https://accounts.google.com/o/oauth2/v2/auth",
    token_endpoint="https://oauth2.googleapis.com/token",
    jwks_uri="https://www.googleapis.com/oauth2/v3/certs",
    userinfo_endpoint="https://openidconnect.googleapis.com/v1/userinfo",
    signing_algorithms=("RS256",),
    token_auth_methods=("client_secret_post", "client_secret_basic"),
    challenge_methods=("plain", "S256"),
)

_GMAIL = frozenset({"gmail.com", "googlemail.com"})


def _issuers(_claims: Mapping[str, Any], metadata: Metadata) -> Collection[str]:
    # Google's ID tokens may leave out the scheme ("Validating an ID token", step 2).
    return (metadata.issuer, metadata.issuer.removeprefix("https://"))


def connector(provider: IdentityProvider, host: Host, endpoints: Metadata = ENDPOINTS) -> OidcConnector:
    """The connector; `endpoints` stands in for Google's own in tests."""
    domain = provider.setting("hosted_domain").lower()

    def judge(claims: Mapping[str, Any]) -> None:
        # The `hd` of the request only chooses what Google offers; the person may have changed it in the browser.
        hd = claims.get("hd")
        if domain and not (isinstance(hd, str) and hd and domain in {"*", hd.lower()}):
            raise WrongAccount("access_denied", "the Google account is not of the Workspace domain in hosted_domain")

    offline = provider.keep_refresh_token or provider.setting("access_type") == "offline"
    parameters = (
        *((("hd", domain),) if domain else ()),
        *((("access_type", "offline"),) if offline else ()),
    )
    dialect = Dialect(
        issuers=_issuers,
        auth_method="client_secret_post",
        tells_auth_time=False,
        fresh_prompt="select_account",  # Google knows no prompt=login
        parameters=parameters,
        judge=judge,
    )
    return OidcConnector(
        provider, host, FixedMetadata(endpoints), dialect=dialect, scope=KIND.scope, mapping=KIND.mapping or {}
    )


def speaks_for(identity: ExternalIdentity) -> Collection[str]:
    """gmail.com is Google's, and so is a Workspace's domain for the accounts that belong to it (`hd`).

    https://developers.google.com/identity/gsi/web/guides/verify-google-id-token
    """
    domain, hd = domain_of(identity.email or ""), identity.claims.get("hd")
    if domain in _GMAIL:
        return (domain,)
    return (hd.lower(),) if isinstance(hd, str) and hd else ()


KIND = Kind(
    type="google",
    label="Google",
    protocol="oidc",
    build=connector,
    settings=(
        NEEDED_SECRET,
        SettingSpec(
            "hosted_domain", example="acme.com", about="Only accounts of this Workspace; * admits any Workspace."
        ),
        SettingSpec("access_type", values=("online", "offline"), about="offline asks for a refresh token."),
        SettingSpec("prompt", example="select_account", about="What Google asks the person."),
    ),
    scope=("openid", "email", "profile"),
    mapping={name: name for name in ("email", "name", "given_name", "family_name", "picture")},
    icon="google",
    speaks_for=speaks_for,
)
