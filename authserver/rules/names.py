"""The grammar of names: pools, users, groups, scopes, attributes, clients, languages."""

import re

from authserver.model.pools import POOL_ID

LONGEST_POOL_ID = 55

STANDARD_SCOPES = ("openid", "profile", "email", "phone", "address", "offline_access")
"""OpenID Connect Core 5.4 and 11."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?", re.ASCII)
_JOINERS = "\u200c\u200d"  # invisible, but some scripts are written with them


def pool_id_fault(value: str) -> str | None:
    if POOL_ID.fullmatch(value) is None:
        return "must be letters, digits, - or _, then _ and at least one letter or digit, such as demo_Pool1"
    return f"must have at most {LONGEST_POOL_ID} characters" if len(value) > LONGEST_POOL_ID else None


def text_fault(value: str, longest: int) -> str | None:
    """Why this is no line of text for people; None if it is."""
    if len(value) > longest:
        return f"must have at most {longest} characters"
    if not value.isprintable() or value != value.strip():
        return "must be one line without control characters or surrounding space"
    return None


def username_fault(value: str) -> str | None:
    """1 to 128 characters, no control characters, no surrounding space, something to see."""
    if not 1 <= len(value) <= 128:
        return "must have 1 to 128 characters"
    visible = value.translate(dict.fromkeys(map(ord, _JOINERS)))
    if value != value.strip() or not visible.isprintable():
        return "must not hold control characters or surrounding space"
    return None if visible else "must hold a visible character"


def group_name_fault(value: str) -> str | None:
    if not 1 <= len(value) <= 128:
        return "must have 1 to 128 characters"
    return None if value.isprintable() and " " not in value else "must not hold spaces or control characters"


def identifier_fault(value: str) -> str | None:
    """A resource server's identifier: the part of its scopes before the last slash, and an RFC 8707 resource."""
    if _SCOPE_TOKEN.fullmatch(value) is None:
        return "must be 1 to 256 printable ASCII characters without space, quote or backslash (RFC 6749 3.3)"
    return "must not hold a fragment (RFC 8707 2)" if "#" in value else None


def scope_name_fault(value: str) -> str | None:
    if _SCOPE_TOKEN.fullmatch(value) is None:
        return "must be 1 to 256 printable ASCII characters without space, quote or backslash (RFC 6749 3.3)"
    if "/" in value:
        return "must not hold a slash: what stands before the last slash of a scope is its resource server"
    return None


def client_id_fault(value: str) -> str | None:
    return None if _CLIENT_ID.fullmatch(value) else "must be 1 to 128 letters, digits, . _ ~ or -"


def language_fault(value: str) -> str | None:
    return None if _LANGUAGE.fullmatch(value) else "must be a language tag such as en, ko or pt-BR"
