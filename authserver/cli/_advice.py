"""What is unsafe about settings and pool files, with the reason and what to do. Pure but for looking at file modes."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from authserver.errors import TriggerFailed
from authserver.model.clients import Client
from authserver.model.pools import Pool
from authserver.poolfile import PoolFile
from authserver.settings import Settings, master_key_file, on_loopback
from authserver.tomlfile import format_duration
from authserver.triggers.functions import find_function

_GOOD_PASSWORD = 15  # NIST SP 800-63B-4 3.1.1.2, for a password that is the only factor
_LONG_ACCESS = 3600
_LONG_SESSION = 30 * 86400
_LONG_REFRESH = 90 * 86400
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that is allowed but unsafe: a stable code, and a sentence with the reason."""

    code: str
    sentence: str


def settings_advice(settings: Settings) -> Iterator[Advice]:
    """What is unsafe about the settings, and about the files they name."""
    if not settings.secure:
        yield Advice(
            "http_base_url",
            f"`base_url` {settings.place('base_url')} is plain http: good for a trial on this machine only",
        )
    elif not settings.trusted_proxies:
        yield Advice(
            "no_trusted_proxies",
            "`base_url` is https, but `trusted_proxies` is empty: behind a proxy everybody has the proxy's address, and "
            "one attacker's wrong guesses lock everybody out",
        )
    if settings.database_is_remote and settings.single_node and settings.master_key is None:
        yield Advice(
            "generated_master_key",
            f"the database is shared, but its master key is only in {master_key_file(settings)}: back that file up, or "
            "set `master_key`",
        )
    if settings.redis_url is not None and _unencrypted(settings.redis_url):
        yield Advice("plain_redis", "`redis_url` is not encrypted and not on this machine; use rediss://")
    if settings.metrics is not None and not on_loopback(settings.metrics.host):
        yield Advice("open_metrics", f"`metrics` listens on {settings.metrics}: whoever reaches it reads it")
    for key in settings.plain_secrets:
        yield Advice(
            "plain_secret",
            f'`{key}` {settings.place(key)} stands there in plain sight; say {{ env = "NAME" }} or {{ file = "path" }}',
        )
    for path in (settings.data_dir, master_key_file(settings)):
        if (mode := _mode(path)) is not None and mode & _OTHERS:
            right = "700" if path.is_dir() else "600"
            yield Advice(
                "open_files", f"{path} is open to other users of this machine (mode {mode:o}); chmod {right} {path}"
            )


def _unencrypted(url: str) -> bool:
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return (
        parts.scheme.startswith("redis")
        and not parts.scheme.startswith("rediss")
        and not all(on_loopback(urlsplit(f"//{host}").hostname or "") for host in hosts)
    )


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def pool_advice(file: PoolFile) -> Iterator[Advice]:
    """What is unsafe about a pool file."""
    pool = file.pool
    alone = "password" in pool.mfa.first_factors and pool.mfa.mode != "required"
    if alone and pool.password_policy.min_length < _GOOD_PASSWORD:
        yield Advice(
            "short_passwords",
            f"{file.name}: passwords may have {pool.password_policy.min_length} characters; where a password is the only "
            f"factor, ask for {_GOOD_PASSWORD} (password_policy.min_length)",
        )
    for name, seconds, most in (
        ("tokens.access_ttl", pool.tokens.access_ttl, _LONG_ACCESS),
        ("tokens.refresh_ttl", pool.tokens.refresh_ttl, _LONG_REFRESH),
        ("session.absolute", pool.session.absolute, _LONG_SESSION),
    ):
        if seconds > most:
            yield _too_long(f"{file.name}: `{name}`", seconds, most)
    if pool.ldap.enabled and not pool.ldap.encrypted:
        yield Advice(
            "plain_ldap",
            f"{file.name}: `pool.ldap.start_tls` is false: whoever listens to {pool.ldap.url} reads the names and passwords "
            "of all who sign in for the first time",
        )
    if pool.ldap.enabled and not pool.ldap.bind_dn:
        yield Advice(
            "anonymous_ldap",
            f"{file.name}: `pool.ldap` has no bind_dn: the directory must let anybody look for people; give it an account",
        )
    for spec in file.clients:
        yield from _client_advice(f"{file.name} line {spec.line}: the client {spec.client.client_id}", spec.client)
    for place in file.plain_secrets:
        yield Advice(
            "plain_secret", f'{place} stands there in plain sight; say {{ env = "NAME" }} or {{ file = "path" }}'
        )


def reaching_advice(file: PoolFile, settings: Settings) -> Iterator[Advice]:
    """What a pool asks for and these settings do not have."""
    pool = file.pool
    carried = {
        "email": settings.mail_url is not None or pool.trigger("custom_email_sender") is not None,
        "sms": settings.sms_url is not None or pool.trigger("custom_sms_sender") is not None,
    }
    for medium, key in (("email", "mail.url"), ("sms", "sms.url")):
        reasons = _sends(pool, carried, medium) if not carried[medium] else []
        if reasons:
            yield Advice(
                "no_carrier",
                f"{file.name}: {' and '.join(reasons)} {'needs' if len(reasons) == 1 else 'need'} `{key}`, which these "
                "settings do not have: the messages go nowhere",
            )
    if file.asks_for_travel and settings.geoip_file is None:
        yield Advice(
            "no_places",
            f"{file.name}: `pool.risk.impossible_travel` needs `protection.geoip_file`, which these settings do not have: "
            "nobody's place is known",
        )
    for trigger in file.pool.triggers:
        if trigger.callable is not None and (fault := _function_fault(trigger.callable)) is not None:
            yield Advice(
                "no_function",
                f"{file.name}: the trigger at {trigger.point} would fail here: {fault}",
            )


_ADDRESSES = {"email": ("email", "email_code"), "sms": ("phone_number", "sms_code")}


def _sends(pool: Pool, carried: Mapping[str, bool], medium: str) -> list[str]:
    """The keys of the pool by which codes would have to go out this way."""
    address, factor = _ADDRESSES[medium]
    reasons = ["`pool.sign_up.verify`"] if pool.sign_up.enabled and address in pool.sign_up.verify else []
    reasons += [
        f"`pool.mfa.{key}`"
        for key, factors in (("first_factors", pool.mfa.first_factors), ("factors", pool.mfa.factors))
        if factor in factors
    ]
    by = pool.recovery.by
    recovers = pool.recovery.enabled and "password" in pool.mfa.first_factors
    if recovers and by[0] == medium and not any(carried[other] for other in by):  # one way is enough
        reasons.append("`pool.recovery`")
    return reasons


def _function_fault(name: str) -> str | None:
    """Why a trigger's function cannot be called; looking for it runs its module."""
    try:
        find_function(name)
    except TriggerFailed as failed:
        return failed.detail
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the operator's module raises as it is loaded
        return f"{name} cannot be loaded: {type(error).__name__}: {error}"
    return None


def _client_advice(label: str, client: Client) -> Iterator[Advice]:
    if not client.require_pkce:
        yield Advice("no_pkce", f"{label} may leave PKCE out: its codes are bound by nonce alone (RFC 9700 2.1.1)")
    for seconds, most in ((client.access_ttl, _LONG_ACCESS), (client.refresh_ttl, _LONG_REFRESH)):
        if seconds is not None and seconds > most:
            yield _too_long(f"{label}: {'access_ttl' if most == _LONG_ACCESS else 'refresh_ttl'}", seconds, most)
    if any(urlsplit(uri).hostname == "localhost" for uri in client.redirect_uris if uri.startswith("http:")):
        yield Advice(
            "localhost_redirect",
            f"{label} is answered on http://localhost: use 127.0.0.1, which no name server can point elsewhere "
            "(RFC 8252 8.3)",
        )


def _too_long(label: str, seconds: int, most: int) -> Advice:
    return Advice(
        "long_lifetime",
        f"{label} is {format_duration(seconds)}: what is stolen stays good that long; {format_duration(most)} or less is "
        "advised",
    )
