"""What a client may be: the rules that join several of its fields (RFC 7591 2, RFC 9700, DESIGN 3)."""

import re
from collections.abc import Collection

from authserver.model.clients import Client, redirect_uri_fault
from authserver.model.keys import SIGNING_ALGORITHMS
from authserver.rules.names import STANDARD_SCOPES

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
APPLICATION_TYPES = ("web", "native")
LONGEST_TOKEN = 24 * 3600
"""Seconds that an access or ID token may live at most. Equals `tokens.keyring.LONGEST_TOKEN`, which lies above this
package; a test holds them together.
"""

SHORTEST_SECRET = 16
_LONGEST_SECRET = 512
_SECRET = re.compile(r"[\x20-\x7e]+", re.ASCII)  # RFC 6749 appendix A.2
_SAMPLE = re.compile(
    r"secret|password|passwort|changeit|change|me|this|your|client|example|sample|test|demo|default|dummy|placeholder|"
    r"todo|insert|here|replace|please|admin|letmein|qwerty|abcdefgh|abc|xyz|foobar|foo|my|very|super|long|"
    r"0?1234(?:5(?:6(?:7(?:89?)?)?)?)?0?"
)
_FEWEST_DIFFERENT = 6
_FEWEST_OWN = 6


def client_faults(client: Client, custom_scopes: Collection[str] | None) -> list[tuple[str, str]]:
    """What is wrong with a client, each with the field it concerns.

    Args:
        client: the client as it would be registered.
        custom_scopes: the full names of the pool's custom scopes; None leaves scopes unchecked.
    """
    if client.saml is not None:
        return []  # nothing of OAuth is its own
    faults: list[tuple[str, str]] = []
    by_code = "authorization_code" in client.grant_types
    for name, uris in (
        ("redirect_uris", client.redirect_uris),
        ("post_logout_redirect_uris", client.post_logout_redirect_uris),
    ):
        faults += [(name, f"`{uri}` {fault}") for uri in uris if (fault := redirect_uri_fault(uri)) is not None]
        if len(set(uris)) != len(uris):
            faults.append((name, "names a URI twice"))
    for name, values, known in (
        ("grant_types", client.grant_types, GRANT_TYPES),
        ("token_endpoint_auth_method", (client.token_endpoint_auth_method,), AUTH_METHODS),
        ("application_type", (client.application_type,), APPLICATION_TYPES),
        ("id_token_signed_response_alg", (client.id_token_signed_response_alg,), SIGNING_ALGORITHMS),
    ):
        faults += [(name, f"`{v}` is not known; known are {', '.join(known)}") for v in values if v not in known]
    if not client.grant_types:
        faults.append(("grant_types", "must name at least one grant type"))
    if by_code and not client.redirect_uris:
        faults.append(("redirect_uris", "is needed for authorization_code"))
    if "refresh_token" in client.grant_types and not by_code:
        faults.append(("grant_types", "names refresh_token without authorization_code, which alone yields one"))
    if "client_credentials" in client.grant_types and client.public:
        faults.append(("grant_types", "names client_credentials, which needs a secret: the auth method is none"))
    if client.public and not client.require_pkce:
        faults.append(("require_pkce", "may be false only for a client with a secret (RFC 9700 2.1.1)"))
    if client.response_types != (("code",) if by_code else ()):
        faults.append(("response_types", 'must be ["code"]' if by_code else "must be empty without authorization_code"))
    if client.access_ttl is not None and client.access_ttl > LONGEST_TOKEN:
        faults.append(("access_ttl", "must be at most 24h"))
    if custom_scopes is not None:
        faults += [
            ("scope", f"`{scope}` is neither a standard scope nor one of the pool's resource servers")
            for scope in client.scope
            if scope not in STANDARD_SCOPES and scope not in custom_scopes
        ]
    if len(set(client.scope)) != len(client.scope):
        faults.append(("scope", "names a scope twice"))
    return faults


def secret_fault(secret: str) -> str | None:
    """Why this may not be a client secret; None if it may. Only a digest is stored, so it must be random."""
    if not SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET:
        return f"must have {SHORTEST_SECRET} to {_LONGEST_SECRET} characters; make one with: openssl rand -hex 32"
    if _SECRET.fullmatch(secret) is None:
        return "must be printable ASCII (RFC 6749 appendix A.2)"
    own = _SAMPLE.sub("", re.sub("[^a-z0-9]", "", secret.lower()))
    if len(set(secret)) < _FEWEST_DIFFERENT or len(own) < _FEWEST_OWN:
        return "looks like a sample; make one with: openssl rand -hex 32"
    return None
