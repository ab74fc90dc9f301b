"""What is known of a person after a login by OpenID Connect: an ID token and UserInfo become one set of claims. Pure."""

from collections.abc import Mapping
from typing import Any

from federation.mapping import find, is_missing
from federation.model import IdentityProvider

_OF_THE_TOKEN = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "at_hash", "c_hash", "s_hash"})
_VERIFIED = {"email_verified": "email", "phone_number_verified": "phone_number"}


def judged(claims: Mapping[str, Any], *, texts_count: bool = False, kept: bool = True) -> dict[str, object]:
    """Claims of one source without those of the token itself, and with `*_verified` as booleans.

    Only boolean true says that an address is verified. A text "false" still says that it is not; any other value says
    nothing, and is left out.

    Args:
        texts_count: "true" counts too, for a provider that is known to write texts.
        kept: whether the provider's `*_verified` counts at all.
    """
    known = {name: value for name, value in claims.items() if name not in _OF_THE_TOKEN}
    for name in _VERIFIED:
        value = known.pop(name, None)
        if not kept:
            continue
        if value is True or (texts_count and value == "true"):
            known[name] = True
        elif value is False or value == "false":
            known[name] = False
    return known


def joined(id_token: Mapping[str, object], userinfo: Mapping[str, object]) -> dict[str, object]:
    """Both together; where both speak, the signed one counts. A `*_verified` counts for the very address beside which it
    stood, so that one source's word never vouches for the other's address.
    """
    claims = {**userinfo, **id_token}
    for verified, address in _VERIFIED.items():
        if verified in id_token and address not in id_token and address in userinfo:
            del claims[verified]
            if verified in userinfo:
                claims[verified] = userinfo[verified]
        elif verified not in id_token and address in id_token and userinfo.get(address) != id_token[address]:
            claims.pop(verified, None)
    return claims


def wanted(provider: IdentityProvider, mapping: Mapping[str, str], *, verified: bool = True) -> frozenset[str]:
    """The paths that the pool maps from: attributes, groups, and, if `verified`, whether the address is verified."""
    paths = set({**mapping, **provider.attribute_mapping}.values())
    if verified and "email" in paths:
        paths.add("email_verified")
    if provider.groups is not None:
        paths.add(provider.groups.source)
    return frozenset(paths)


def lacks(claims: Mapping[str, object], paths: frozenset[str]) -> bool:
    """Whether a path leads nowhere, so that UserInfo must be asked."""
    return any(is_missing(find(claims, path)) for path in paths)
