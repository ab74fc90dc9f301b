"""A pool: one user directory with its clients, resource servers, keys and policies (DESIGN 3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

POOL_ID = re.compile(r"[\w-]+_[0-9a-zA-Z]+", re.ASCII)
"""The form that Cognito SDKs expect (at most 55 characters)."""

ClaimsProfile = Literal["standard", "cognito"]


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    min_length: int = 8
    max_length: int = 1024
    require_lowercase: bool = False
    require_uppercase: bool = False
    require_numbers: bool = False
    require_symbols: bool = False


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Seconds. A session ends when it was idle for `idle` or is `absolute` old, whichever comes first."""

    idle: int = 8 * 3600
    absolute: int = 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Lifetimes in seconds; `refresh_grace` 0 turns the grace window off."""

    code_ttl: int = 60
    access_ttl: int = 15 * 60
    id_ttl: int = 3600
    refresh_ttl: int = 30 * 86400
    refresh_idle: int = 14 * 86400
    refresh_grace: int = 10
    access_alg: str = "ES256"


@dataclass(frozen=True, slots=True)
class Branding:
    """`tokens`: design tokens by name (colours, radius, font); `texts`: {language: {key: text}}."""

    tokens: Mapping[str, str] = field(default_factory=dict)
    logo: str | None = None
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttributeDefinition:
    """One attribute of the pool's schema, e.g. `custom:department`."""

    name: str
    type: Literal["string", "number", "boolean", "datetime"] = "string"
    mutable: bool = True
    required: bool = False
    min: float | None = None
    max: float | None = None
    self_editable: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """An API. Its scopes are requested as `<identifier>/<name>`; `access_alg` None means the pool's."""

    identifier: str
    name: str = ""
    scopes: tuple[Scope, ...] = ()
    access_alg: str | None = None

    def scope_names(self) -> tuple[str, ...]:
        """The full names, as a client requests them."""
        return tuple(f"{self.identifier}/{scope.name}" for scope in self.scopes)


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    description: str = ""
    precedence: int | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything of a pool that is settings rather than people. Small, read on every request, cached in process."""

    id: str
    name: str
    claims_profile: ClaimsProfile = "standard"
    default_scopes: tuple[str, ...] = ("openid", "profile", "email")
    sign_in_with: tuple[str, ...] = ("username", "email")
    languages: tuple[str, ...] = ("en", "ko")
    password_policy: PasswordPolicy = PasswordPolicy()
    session: SessionPolicy = SessionPolicy()
    tokens: TokenPolicy = TokenPolicy()
    branding: Branding = Branding()
    attributes: tuple[AttributeDefinition, ...] = ()
    groups: tuple[Group, ...] = ()
    resource_servers: tuple[ResourceServer, ...] = ()

    def scope_descriptions(self) -> dict[str, str]:
        """Full custom scope name to its description."""
        return {
            f"{server.identifier}/{scope.name}": scope.description
            for server in self.resource_servers
            for scope in server.scopes
        }

    def resource_server(self, identifier: str) -> ResourceServer | None:
        return next((s for s in self.resource_servers if s.identifier == identifier), None)
