"""The settings file as a pydantic model: the one table of keys, defaults, meanings and checks.

Secrets and paths come in resolved already: whose folder they start from is the loader's business.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from authserver.settings.value import HostPort, LogFormat, LogLevel, Network
from authserver.tomlfile.values import Secret

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_POSTGRES = ("postgresql+asyncpg", "postgresql")
_SQLITE = ("sqlite",)
_REDIS = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster", "unix")
_GATEWAYS = ("solapi", "sns", "twilio", "vonage")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def _split(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be a URL in ASCII without spaces")
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("is not a URL") from None


def _origin(url: str) -> str:
    parts = _split(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must be an origin such as https://login.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    try:
        port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    except ValueError:
        raise ValueError("names a port that is no number below 65536") from None
    origin = f"{parts.scheme}://{host}{port}"
    if url != origin:
        # Issuers are compared letter by letter, and browsers send the Origin in exactly this form (RFC 6454 6.2).
        raise ValueError(f"must be a plain origin without path, query, user or trailing slash; write `{origin}`")
    return url


def _of_scheme(url: str, schemes: tuple[str, ...]) -> SplitResult:
    parts = _split(url)
    if parts.scheme not in schemes or "://" not in url:
        raise ValueError("must begin with " + " or ".join(f"{s}://" for s in schemes))
    return parts


def _database(secret: Secret) -> Secret:
    parts = _of_scheme(secret.value, (*_POSTGRES, *_SQLITE))
    if parts.scheme in _POSTGRES and not parts.path.strip("/"):
        raise ValueError("names no database: postgresql+asyncpg://user:password@host/database")
    if parts.scheme in _SQLITE and (parts.netloc or len(parts.path) < 2):
        raise ValueError("names no file: sqlite:///relative/path or sqlite:////absolute/path")
    return secret


def _redis(secret: Secret) -> Secret:
    parts = _of_scheme(secret.value, _REDIS)
    if not (parts.path if parts.scheme == "unix" else parts.netloc):
        raise ValueError("names no host")
    return secret


def _mail(secret: Secret) -> Secret:
    if not _of_scheme(secret.value, ("smtp", "smtps")).hostname:
        raise ValueError("names no host: smtp://user:password@host:port")
    return secret


def _sms(secret: Secret) -> Secret:
    parts = _of_scheme(secret.value, ("https", "http", *_GATEWAYS))
    if not parts.hostname and parts.scheme not in _GATEWAYS:
        raise ValueError("names no host")
    return secret


def _webhook(url: str) -> str:
    if not _of_scheme(url, ("https", "http")).hostname:
        raise ValueError("names no host")
    return url


def _signing_secret(secret: Secret) -> Secret:
    if len(secret.value) < 24:
        raise ValueError("must have at least 24 characters")
    return secret


def _host_port(value: object) -> HostPort:
    if isinstance(value, HostPort):
        return value
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if port.isdecimal() and port.isascii() and int(port) < 65536 and (_address(bare) or _HOST_NAME.fullmatch(host)):
            return HostPort(bare, int(port))
    raise ValueError("must be host:port, such as 127.0.0.1:8000 or [::1]:8000")


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _metrics(value: object) -> HostPort | None:
    if value == "off":
        return None
    try:
        return _host_port(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "off"') from None


def _network(value: object) -> Network:
    if not isinstance(value, str):
        raise ValueError("must be text: a network such as 10.0.0.0/8, or one address")  # noqa: TRY004 - pydantic reads it
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8, or one address") from None
    raise ValueError(f"has bits set beyond its prefix; write `{meant}`")


def _destination(value: str) -> str:
    """A network, or a host name in lower case."""
    if "/" in value or _address(value):
        return str(_network(value))
    if _HOST_NAME.fullmatch(value) is None:
        raise ValueError("must be a network such as 10.0.0.0/8, an address, or a host name in lower case")
    return value


_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class MailModel(BaseModel):
    model_config = _STRICT
    url: Annotated[Secret, AfterValidator(_mail)] | None = Field(
        default=None,
        description="Where mail goes out: `smtp://user:password@host:port` or `smtps://`. `dev` has a mailbox.",
    )


class SmsModel(BaseModel):
    model_config = _STRICT
    url: Annotated[Secret, AfterValidator(_sms)] | None = Field(
        default=None,
        description="Where text messages go out: the URL of a webhook, or a gateway such as "
        "`twilio://SID:TOKEN@?from=+15550100200`; see docs/messages.md. `dev` has a mailbox.",
    )


class OutboundModel(BaseModel):
    model_config = _STRICT
    allow: list[Annotated[str, AfterValidator(_destination)]] = Field(
        default=[],
        description="Networks, addresses and host names exempt from the ban on private addresses; plain http is "
        "allowed there only.",
    )


class GuessingModel(BaseModel):
    model_config = _STRICT
    per_address: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="Failed passwords that one address (an IPv6 /64) may send within 10 minutes, over all accounts.",
    )
    sign_ins_per_address: int = Field(
        default=3000,
        ge=1,
        le=10_000_000,
        description="Sign-ins that one address (an IPv6 /64) may start within an hour; each waits in Redis for a day.",
    )


class ProtectionModel(BaseModel):
    model_config = _STRICT
    breached_file: Path | None = Field(
        default=None,
        description="Your own list of breached passwords, made by `poolgate breached compile`; beside the bundled one.",
    )
    geoip_file: Path | None = Field(
        default=None,
        description="A GeoIP file in the MaxMind DB format (.mmdb), for places and impossible travel. "
        "Needs the extra `geo`.",
    )


class AuditModel(BaseModel):
    model_config = _STRICT
    keep_days: int = Field(default=730, ge=1, le=36_500, description="Days for which the audit trail is kept.")
    webhook_url: Annotated[str, AfterValidator(_webhook)] | None = Field(
        default=None, description="Where the audit trail is sent as it grows; see docs/audit.md."
    )
    webhook_secret: Annotated[Secret, AfterValidator(_signing_secret)] | None = Field(
        default=None, description="Signs what is sent there; at least 24 characters."
    )


class LogModel(BaseModel):
    model_config = _STRICT
    format: LogFormat = Field(default="json", description="`json` or `pretty`; standard error, one line each.")
    level: LogLevel = Field(default="info", description="`debug`, `info`, `warning` or `error`.")
    requests: bool = Field(default=False, description="A line for every request: method, path, status, milliseconds.")


class SettingsModel(BaseModel):
    model_config = _STRICT
    base_url: Annotated[str, AfterValidator(_origin)] = Field(
        default="http://localhost:8000",
        description="Public origin; the only source of our own URLs (never the Host header).",
    )
    data_dir: Path = Field(default=Path("var"), description="Embedded stores and the generated master key.")
    database_url: Annotated[Secret, AfterValidator(_database)] | None = Field(
        default=None,
        description="`postgresql+asyncpg://user:password@host/database` for more than one machine, or `sqlite:///path`.",
    )
    redis_url: Annotated[Secret, AfterValidator(_redis)] | None = Field(
        default=None, description="`redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://`."
    )
    pool_files: list[Path] = Field(default=[], description="Pool files applied at start.")
    mail: MailModel = MailModel()
    sms: SmsModel = SmsModel()
    master_key: Secret | None = Field(
        default=None, description="Seals signing keys and secrets at rest: 32 bytes in base64url or hexadecimal."
    )
    outbound: OutboundModel = OutboundModel()
    metrics: Annotated[HostPort | None, PlainValidator(_metrics)] = Field(
        default=HostPort("127.0.0.1", 9090), description="`host:port` of the Prometheus page, or `off`."
    )
    single_node: bool = Field(
        default=False, description="Allows a generated `master_key` and an embedded Valkey beside a remote database."
    )
    listen: Annotated[HostPort, PlainValidator(_host_port)] = Field(
        default=HostPort("127.0.0.1", 8000), description="`host:port` that `serve` listens on."
    )
    workers: int = Field(default=1, ge=1, le=256, description="Processes that answer requests.")
    trusted_proxies: list[Annotated[Network, PlainValidator(_network)]] = Field(
        default=[], description="Networks of the proxies in front, whose `X-Forwarded-For` is believed."
    )
    guessing: GuessingModel = GuessingModel()
    audit: AuditModel = AuditModel()
    protection: ProtectionModel = ProtectionModel()
    log: LogModel = LogModel()


DEFAULTS_IN_WORDS = {
    "data_dir": "`./var`",
    "database_url": "a SQLite file in `data_dir`",
    "redis_url": "an embedded Valkey on a unix socket in `data_dir`",
    "mail.url": "none",
    "sms.url": "none",
    "master_key": "generated into `data_dir`",
    "audit.webhook_url": "none",
    "audit.webhook_secret": "none",
    "protection.breached_file": "none",
    "protection.geoip_file": "none",
}
"""Where the default is a deed rather than a value."""
