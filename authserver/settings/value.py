"""The settings as the rest of the server sees them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

ENV_PREFIX = "POOLGATE_"
DEFAULT_CONFIG = "poolgate.toml"

SECRET_KEYS = ("database_url", "redis_url", "mail.url", "sms.url", "master_key", "audit.webhook_secret")
"""Keys that may hold a secret, and so may be given by reference."""

PATH_KEYS = ("data_dir", "pool_files", "protection.breached_file", "protection.geoip_file")
"""Keys that hold paths, relative to the file that names them."""

Network = IPv4Network | IPv6Network
LogFormat = Literal["json", "pretty"]
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where to listen. An IPv6 host is without its brackets here."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every key of DESIGN 2, checked and resolved: paths are absolute, secrets are read.

    `database_url` None is the SQLite file in `data_dir`, `redis_url` None the embedded Valkey, `master_key` None the
    one generated into `data_dir`, `metrics` None no metrics page, `breached_file` and `geoip_file` None no such file. What may hold a secret stays out of `repr`.

    `config_file` is the file that was read, if any. `places` says where each given key came from, in words
    ("in poolgate.toml line 3"); a key with its default is not in it. `plain_secrets` are the keys whose secret stands
    in the file itself rather than behind a reference.
    """

    base_url: str
    data_dir: Path
    database_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    pool_files: tuple[Path, ...]
    mail_url: str | None = field(repr=False)
    sms_url: str | None = field(repr=False)
    master_key: bytes | None = field(repr=False)
    outbound_allow: tuple[str, ...]
    metrics: HostPort | None
    single_node: bool
    listen: HostPort
    workers: int
    trusted_proxies: tuple[Network, ...]
    log_format: LogFormat
    guesses_per_address: int
    sign_ins_per_address: int
    log_level: LogLevel
    log_requests: bool
    breached_file: Path | None = None
    geoip_file: Path | None = None
    audit_keep_days: int = 730
    audit_webhook_url: str | None = None
    audit_webhook_secret: str | None = field(default=None, repr=False)
    config_file: Path | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    plain_secrets: tuple[str, ...] = ()

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https."""
        return self.base_url.startswith("https://")

    @property
    def database_is_remote(self) -> bool:
        """Whether another node could share the database. Anything but SQLite counts, a server on loopback too: it may
        be a proxy or a tunnel to a database that other nodes use.
        """
        return self.database_url is not None and not self.database_url.startswith("sqlite")

    def place(self, key: str) -> str:
        """Where the key was given, for a message; "(its default)" if nowhere."""
        return self.places.get(key, "(its default)")


def on_loopback(host: str) -> bool:
    """Whether the host name or address is this machine and no other."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
