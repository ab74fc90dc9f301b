"""An OAuth client and its own rules: exact redirect URIs, allowed grants and scopes (RFC 7591 names)."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from authserver.model.pools import Branding
from federation.saml_idp.model import ServiceProvider

_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:/[^?#]*)?(?:\?[^#]*)?)", re.ASCII)
_CUSTOM_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+", re.ASCII)
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+", re.ASCII)
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

MAX_URI = 2048

POOL = "Pool"
"""What stands for the pool's own accounts among the names of identity providers."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client. `secret_digests` are SHA-256 digests (base64url): secrets are random, so one hash is enough.

    `machine_grant` names the standing grant that client_credentials tokens belong to. `managed` means that a pool file
    owns the client. `read_attributes` and `write_attributes` are the attributes it may see and set for people; None is
    all. `mfa` stands in place of the pool's mode. `branding` lies over the pool's. `identity_providers` are who may sign
    people in to it, "Pool" being the pool's own accounts; None is all of the pool's. `saml` is what is agreed with an
    application that speaks SAML: it gets assertions, and nothing by OAuth.
    """

    client_id: str
    pool: str
    client_name: str = ""
    secret_digests: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ("authorization_code",)
    response_types: tuple[str, ...] = ("code",)
    scope: tuple[str, ...] = ()
    token_endpoint_auth_method: str = "client_secret_basic"
    application_type: str = "web"
    id_token_signed_response_alg: str = "RS256"
    require_consent: bool = False
    require_pkce: bool = True
    default_max_age: int | None = None
    access_ttl: int | None = None
    refresh_ttl: int | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    machine_grant: str = ""
    enabled: bool = True
    managed: bool = False
    created_at: int = 0
    read_attributes: tuple[str, ...] | None = None
    write_attributes: tuple[str, ...] | None = None
    mfa: Literal["off", "optional", "required"] | None = None
    branding: Branding | None = None
    identity_providers: tuple[str, ...] | None = None
    saml: ServiceProvider | None = None

    def signs_in_by(self, provider: str) -> bool:
        """Whether people may come to it by this provider; `POOL` is the pool's own accounts."""
        return self.identity_providers is None or provider in self.identity_providers

    @property
    def public(self) -> bool:
        return self.token_endpoint_auth_method == "none"

    def accepts_redirect_uri(self, uri: str) -> bool:
        """Exact comparison, with the one exception of RFC 8252 7.3: any port on a registered loopback address.

        The exception is for the literal addresses only; `localhost` is compared exactly (RFC 8252 8.3).
        """
        return matches_redirect_uri(uri, self.redirect_uris)

    def accepts_post_logout_redirect_uri(self, uri: str) -> bool:
        """Exact comparison with the same loopback exception (OpenID Connect RP-Initiated Logout 1.0, 3)."""
        return matches_redirect_uri(uri, self.post_logout_redirect_uris)


def matches_redirect_uri(uri: str, registered: tuple[str, ...]) -> bool:
    if uri in registered:
        return True
    presented = _LOOPBACK.fullmatch(uri)
    if presented is None or not well_formed_uri(uri):
        return False
    for candidate in registered:
        loopback = _LOOPBACK.fullmatch(candidate)
        if loopback is not None and loopback.groups() == presented.groups():
            return True
    return False


def well_formed_uri(uri: str) -> bool:
    """Whether `uri` is made of URI characters alone and its port, if any, is a number below 65536."""
    if len(uri) > MAX_URI or _URI_CHARACTERS.fullmatch(uri) is None:
        return False
    try:
        _ = urlsplit(uri).port
    except ValueError:
        return False
    return True


def redirect_uri_fault(uri: str) -> str | None:
    """Why `uri` may not be registered as a redirect URI, in words; None if it may.

    RFC 6749 3.1.2 (absolute, no fragment), RFC 9700 4.1.3 (no open matching), RFC 8252 7.1 (a private scheme is a
    reversed domain name) and 8.3 (plain http on loopback only).
    """
    if not well_formed_uri(uri):
        return "is not a URI (at most 2048 characters of RFC 3986, and no fragment)"
    parts = urlsplit(uri)
    if "@" in parts.netloc or "*" in uri:
        return "must not hold user information or a wildcard"
    scheme = uri.partition(":")[0]
    if scheme == "https":
        return None if parts.hostname else "names no host"
    if scheme == "http":
        return None if parts.hostname in _LOCAL_HOSTS else "may use plain http on loopback only"
    if _CUSTOM_SCHEME.fullmatch(scheme):
        return None
    return "needs https, http on loopback, or a private scheme that holds a dot (such as com.example.app:/callback)"
