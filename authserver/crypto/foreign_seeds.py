"""Seeds of authenticator apps that other systems made (RFC 6238), as far as the codes are those that we check."""

import base64
import binascii
import json

_ALGORITHM, _DIGITS, _PERIOD = "HmacSHA1", 6, 30
_SEEDS = range(10, 129)
"""Bytes. RFC 4226 4 demands 16; Keycloak's own have 20, and 80 bits are seen in the field."""


def keycloak_seed(secret_data: str, credential_data: str) -> bytes | None:
    """The seed of a Keycloak credential `otp`, from its two JSON texts as a realm export holds them; None if its codes
    are none of SHA-1, six digits and 30 seconds, or it cannot be read.

    The text of the secret is itself the seed, unless `secretEncoding` says that it is Base32.
    """
    try:
        secret, how = json.loads(secret_data), json.loads(credential_data)
        same = (how["subType"], how["algorithm"], how["digits"], how["period"]) == (
            "totp",
            _ALGORITHM,
            _DIGITS,
            _PERIOD,
        )
        value = secret["value"]
        if not same or not isinstance(value, str):
            return None
        encoding = how.get("secretEncoding")
        if encoding is None:
            seed = value.encode()
        elif encoding == "BASE32":
            seed = base64.b32decode(value.upper() + "=" * (-len(value) % 8))
        else:
            return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return None
    return seed if len(seed) in _SEEDS else None
