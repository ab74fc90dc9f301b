"""What a pool file says, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.tomlfile import Fault, Secret
from federation.model import IdentityProvider


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """A client as the file describes it. `client` has no digest, machine grant or time yet: provisioning adds them."""

    client: Client
    secret: Secret | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class UserSeed:
    """A user to create if the username is free. Email and phone number are in their normal forms."""

    username: str
    password: Secret | None = None
    password_hash: str | None = field(default=None, repr=False)
    email: str | None = None
    email_verified: bool = False
    phone_number: str | None = None
    phone_number_verified: bool = False
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """An identity provider as the file describes it, with its secrets apart: provisioning seals them."""

    provider: IdentityProvider
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True)
class PoolFile:
    """One pool file, read and checked. `name` is how messages call it; lines are counted from 1.

    `plain_secrets` are the places of secrets that stand in the file itself rather than behind a reference;
    `trigger_secrets` sign the calls of the triggers, by point; `ldap_password` is that of the directory's `bind_dn`.
    `renamed_from` has former names of attributes and `backfill` values for users that are there when one is added, both by
    the attribute's name. `asks_for_travel`: the file itself says what impossible travel leads to, and does not ignore it.
    """

    path: Path
    name: str
    pool: Pool
    clients: tuple[ClientSpec, ...] = ()
    users: tuple[UserSeed, ...] = ()
    plain_secrets: tuple[str, ...] = ()
    trigger_secrets: Mapping[str, Secret] = field(default_factory=dict)
    renamed_from: Mapping[str, str] = field(default_factory=dict)
    backfill: Mapping[str, object] = field(default_factory=dict)
    asks_for_travel: bool = False
    providers: tuple[ProviderSpec, ...] = ()
    ldap_password: Secret | None = None

    def fault(self, line: int, sentence: str) -> Fault:
        """A fault found later, such as a name that the stores hold already."""
        return Fault(f"{self.name} line {line}: {sentence}", self.name, line)
