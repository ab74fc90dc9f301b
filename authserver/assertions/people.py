"""What applications are told of a person: how they are named, and their attributes. Pure."""

import hashlib
import hmac
import re
from collections.abc import Mapping

from authserver.crypto.secrets import b64url
from authserver.model.clients import Client
from authserver.model.users import User
from authserver.tokens.claims import readable
from federation.saml_idp.model import DEFAULT_ATTRIBUTES, NameIdentifier, ServiceProvider

EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

_OPAQUE = frozenset({PERSISTENT, TRANSIENT})


def name_of(user: User, sp: ServiceProvider, wanted: str, sid: str, key: bytes) -> NameIdentifier | None:
    """How the person is named (Core 8.3); None where there is no such name, or the application may not have it.

    Args:
        wanted: the format that the request asks for; "" leaves it to the set-up. One that says nothing about the person may
            always be asked for; any other must be the one that is set up.
        sid: of the session, for which a transient name holds.
        key: makes the opaque names, which differ from application to application.
    """
    format_ = wanted or sp.name_id_format
    if format_ != sp.name_id_format and format_ not in _OPAQUE:
        return None
    if sp.name_id_from and format_ == sp.name_id_format:
        value = next(iter(values_of(user, sp.name_id_from)), "")
    elif format_ == PERSISTENT:
        value = _opaque(key, "persistent", user.pool, sp.entity_id, user.id)
    elif format_ == TRANSIENT:
        value = _opaque(key, "transient", user.pool, sp.entity_id, sid)
    elif format_ == EMAIL:
        value = next(iter(values_of(user, "email")), "")
    else:
        value = user.username
    return NameIdentifier(value, format_) if value else None


def _opaque(key: bytes, *parts: str) -> str:
    return b64url(hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).digest())


def attributes_of(user: User, client: Client, sp: ServiceProvider) -> Mapping[str, tuple[str, ...]]:
    """The attributes with their values; those without a value are left out."""
    seen = readable(user, client.read_attributes) if client.read_attributes is not None else user
    wanted = sp.attributes if sp.attributes is not None else DEFAULT_ATTRIBUTES
    found = {name: values_of(seen, source) for name, source in wanted.items()}
    return {name: values for name, values in found.items() if values}


def values_of(user: User, source: str) -> tuple[str, ...]:
    """The values of an attribute of the pool, as texts.

    An address that nobody has proven is none: the application would take whoever claims it for its owner, and SAML has no
    word beside it as OpenID Connect has.
    """
    match source:
        case "sub":
            return (user.id,)
        case "username":
            return (user.username,)
        case "email":
            return (user.email,) if user.email and user.email_verified else ()
        case "phone_number":
            return (user.phone_number,) if user.phone_number and user.phone_number_verified else ()
        case "groups":
            return tuple(user.groups)
    value = user.attributes.get(source)
    if source == "preferred_username":
        value = value or user.username
    return tuple(filter(None, (_text(one) for one in (value if isinstance(value, list | tuple) else (value,)))))


def known_as(user: User) -> frozenset[str]:
    """The names by which an application may ask about somebody, beside the one it was told."""
    return frozenset({user.id, user.username, *values_of(user, "email")})


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold (XML 1.0, 2.2)."""


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _NO_XML.sub("", value)
        case int() | float():
            return str(value)
        case _:
            return ""
