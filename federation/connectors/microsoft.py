"""Microsoft Entra ID and Microsoft accounts: OpenID Connect whose issuer is another one for each tenant.

The subject is `sub`, as OpenID Connect has it: it is the person's for this one application, never given to another, and the
same in a refresh. (`oid` with `tid` would be the same for all applications of a tenant; both are among the claims for whoever
maps them, but an address or `preferred_username` is never an identity.) https://learn.microsoft.com/entra/identity-platform
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from federation.connector import Kind, SettingSpec
from federation.connectors.client import CLIENT_SECRET, SIGN_OUT
from federation.connectors.dialect import Dialect
from federation.connectors.discovery import FixedMetadata, Metadata
from federation.connectors.oidc import OidcConnector
from federation.errors import Misconfigured, WrongAccount
from federation.model import Callback, IdentityProvider
from federation.ports import Host

CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal Microsoft accounts."""

ENDPOINTS = Metadata(
    issuer="https://login.microsoftonline.com/{tenantid}/v2.0",
    authorization_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    token_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    jwks_uri="https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys",
    userinfo_endpoint="https://graph.microsoft.com/oidc/userinfo",
    end_session_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/logout",
    signing_algorithms=("RS256",),
    token_auth_methods=("client_secret_post", "private_key_jwt", "client_secret_basic"),
    token_auth_algorithms=("PS256", "RS256"),
    challenge_methods=("S256",),
    response_modes=("query", "fragment", "form_post"),
)

_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_PROVEN = (True, "1", "true")  # and 1, which equals True: all of them have been seen
_MANY = frozenset({"common", "organizations"})


def _issuers(claims: Mapping[str, Any], metadata: Metadata) -> Collection[str]:
    """The issuer of the tenant that the token names: {tenantid} in the metadata stands for `tid`."""
    tid = claims.get("tid")
    return (metadata.issuer.replace("{tenantid}", tid),) if isinstance(tid, str) and _GUID.fullmatch(tid) else ()


def amend(claims: dict[str, object], _callback: Callback | None) -> dict[str, object]:
    """The claims with what may be believed of the address. Whoever runs a tenant writes any address into it (nOAuth), so it
    counts as unverified, unless `xms_edov` says that the owner of its domain was proven.
    """
    if "email" in claims and "xms_edov" in claims:
        claims["email_verified"] = claims["xms_edov"] in _PROVEN
    return claims


def connector(provider: IdentityProvider, host: Host, endpoints: Metadata = ENDPOINTS) -> OidcConnector:
    """The connector; `endpoints` stands in for Microsoft's own in tests. Raises Misconfigured."""
    tenant = (provider.setting("tenant") or "common").lower()
    if tenant != "consumers" and tenant not in _MANY and not _GUID.fullmatch(tenant):
        text = "tenant is a tenant's ID (not its domain), common, organizations or consumers"
        raise Misconfigured(text, setting="tenant")
    listed = provider.settings.get("tenants", ())
    allowed = {str(each).lower() for each in listed} if isinstance(listed, list | tuple) else set()
    if allowed and tenant not in _MANY:
        raise Misconfigured(
            "tenants narrows common and organizations down; tenant names one already", setting="tenants"
        )
    if not all(map(_GUID.fullmatch, allowed)):
        raise Misconfigured("tenants are IDs of tenants", setting="tenants")

    def judge(claims: Mapping[str, Any]) -> None:
        tid = claims.get("tid")
        if tenant == "consumers":
            admitted = tid == CONSUMERS
        elif tenant in _MANY:
            admitted = not (tenant == "organizations" and tid == CONSUMERS) and (not allowed or tid in allowed)
        else:
            admitted = tid == tenant
        if not admitted:
            raise WrongAccount("access_denied", "the Microsoft account is of a tenant that the settings do not admit")

    urls = {
        name: getattr(endpoints, name).replace("{tenant}", tenant)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
    }
    dialect = Dialect(
        issuers=_issuers,
        issuer_is_template=True,
        auth_method="client_secret_post",
        tells_auth_time=False,
        keeps_verified=False,
        judge=judge,
        amend=amend,
    )
    return OidcConnector(
        provider,
        host,
        FixedMetadata(replace(endpoints, **urls)),
        dialect=dialect,
        scope=KIND.scope,
        mapping=KIND.mapping or {},
    )


KIND = Kind(
    type="microsoft",
    label="Microsoft",
    protocol="oidc",
    build=connector,
    settings=(
        SIGN_OUT,
        CLIENT_SECRET,
        SettingSpec("tenant", example="common", about="A tenant's ID, common, organizations or consumers."),
        SettingSpec("tenants", type="strings", about="IDs of the tenants admitted under common or organizations."),
        SettingSpec(
            "token_endpoint_auth_method",
            values=("client_secret_post", "client_secret_basic", "private_key_jwt"),
            about="private_key_jwt needs a certificate at Microsoft, and client_assertion_audience = token_endpoint.",
        ),
        SettingSpec("client_assertion_audience", values=("issuer", "token_endpoint"), about="As for oidc."),
        SettingSpec("response_mode", values=("query", "form_post"), about="How the browser comes back."),
        SettingSpec("prompt", example="select_account", about="What Microsoft asks the person."),
    ),
    scope=("openid", "profile", "email"),
    mapping={name: name for name in ("email", "name", "given_name", "family_name")},
    icon="microsoft",
)
