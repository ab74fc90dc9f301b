"""An LDAP directory whose people a pool takes over at their first sign-in."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LdapGroups:
    """How the groups of a person are found, if they are.

    Attributes:
        source: the attribute of a person that names groups by DN, such as `memberOf`.
        base_dn: or where groups are.
        filter: and which are a person's: `{dn}` and `{username}` stand for whose.
        names: DN of a group to the name of the pool's.
    """

    source: str = ""
    base_dn: str = ""
    filter: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


NO_GROUPS = LdapGroups()
"""None are taken."""


@dataclass(frozen=True, slots=True)
class LdapPolicy:
    """How a pool asks a directory for names that nobody has; without `url` it asks none.

    Attributes:
        url: `ldaps://host:port` or `ldap://host:port`; the latter is encrypted by StartTLS unless `start_tls` is False.
        ca: authorities in PEM that vouch for the directory's certificate; the system's if empty.
        bind_dn: as whom to search; nobody (anonymous) if empty.
        password_digest: tells whether a file names another password for it (`crypto.secrets.slow_digest`).
        sealed_password: that password, sealed, base64url.
        base_dn: where people are, at any depth.
        filter: RFC 4515, with `{username}` where the name that was typed goes.
        attribute_mapping: attribute of the pool, or `username`, to the directory's attribute.
        email_verified: whether the directory's addresses count as proven.
        groups: whether and how groups are taken.
        timeout: seconds for all that is asked in one sign-in.
    """

    url: str = ""
    start_tls: bool = True
    ca: str = ""
    bind_dn: str = ""
    password_digest: str = ""
    sealed_password: str | None = field(default=None, repr=False)
    base_dn: str = ""
    filter: str = ""
    attribute_mapping: Mapping[str, str] = field(default_factory=dict)
    email_verified: bool = False
    groups: LdapGroups = NO_GROUPS
    timeout: float = 5.0

    @property
    def enabled(self) -> bool:
        return bool(self.url)

    @property
    def encrypted(self) -> bool:
        """Whether names and passwords cross the network so that nobody else can read them."""
        return self.start_tls or self.url.startswith("ldaps:")


NO_LDAP = LdapPolicy()
"""Of a pool that asks no directory."""


def ldap_record(pool: str) -> str:
    """The name under which the password of `bind_dn` is sealed."""
    return f"pools/{pool}/ldap/bind_password"
