"""What an API needs to accept access tokens: who sent this request, and how far may it go.

This package is what API teams install. It owns the validation of tokens (RFC 9068, RFC 8725), the issuer's keys, scopes,
and the answers of RFC 6750; it knows nothing of the server that issues the tokens, and needs no web framework.

    from resource_servers import Protect, Validator, access_token, requires

`errors` has all refusals, `testing` a toy issuer for the API's own tests. The names below are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resource_servers.asgi import Protect, access_token, requires
    from resource_servers.jwks import JwksCache
    from resource_servers.metadata import ResourceMetadata
    from resource_servers.tokens import AccessToken, VerificationKeys, validate_access_token, verify_jwt
    from resource_servers.validator import Validator

__version__ = "0.1.0"
__all__ = [
    "AccessToken",
    "JwksCache",
    "Protect",
    "ResourceMetadata",
    "Validator",
    "VerificationKeys",
    "access_token",
    "requires",
    "validate_access_token",
    "verify_jwt",
]

_HOMES = {
    "AccessToken": "tokens",
    "JwksCache": "jwks",
    "Protect": "asgi",
    "ResourceMetadata": "metadata",
    "Validator": "validator",
    "VerificationKeys": "tokens",
    "access_token": "asgi",
    "requires": "asgi",
    "validate_access_token": "tokens",
    "verify_jwt": "tokens",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
