"""The kinds of providers. A new one is a file here and a line in `_HOMES`; its module is loaded with its first use."""

from functools import cache
from importlib import import_module

from federation.connector import Connector, Kind
from federation.errors import Misconfigured
from federation.model import IdentityProvider
from federation.ports import Host

_HOMES: dict[str, str] = {
    "oidc": "oidc",
    "google": "google",
    "apple": "apple",
    "facebook": "facebook",
    "amazon": "amazon",
    "github": "github",
    "microsoft": "microsoft",
    "linkedin": "linkedin",
    "discord": "discord",
    "x": "x",
    "kakao": "kakao",
    "naver": "naver",
    "line": "line",
    "saml": "saml",
}

TYPES = tuple(_HOMES)
"""What `type` of a provider may be."""


@cache
def kind_of(type_: str) -> Kind:
    """The kind by its `type`. Each module has it as `KIND`, and loads nothing slow by itself. Raises Misconfigured."""
    home = _HOMES.get(type_)
    if home is None:
        raise Misconfigured(f"there is no provider type {type_!r}", setting="type")
    kind: Kind = import_module(f"federation.connectors.{home}").KIND
    return kind


def connector_for(provider: IdentityProvider, host: Host) -> Connector:
    """The connector for a provider. Raises Misconfigured where what it needs is missing."""
    kind = kind_of(provider.type)
    if kind.needs_client and not provider.client_id:
        raise Misconfigured("there is no client_id", setting="client_id")
    return kind.build(provider, host)


_NAMELESS = frozenset({"oidc", "saml"})


def label_of(provider: IdentityProvider) -> str:
    """What people know the provider by: what the pool calls it, or its kind where that is a name people know."""
    return provider.display_name or (provider.name if provider.type in _NAMELESS else kind_of(provider.type).label)
