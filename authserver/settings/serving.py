"""What `serve` refuses to start with (DESIGN 2)."""

from urllib.parse import urlsplit

from authserver.errors import Invalid
from authserver.settings.value import Settings, on_loopback


def serve_refusals(settings: Settings) -> tuple[str, ...]:
    """Why `serve` would not start, one sentence each that says what to do; empty if it would."""
    refusals: list[str] = []
    host = urlsplit(settings.base_url).hostname or ""
    if not settings.secure and not on_loopback(host):
        refusals.append(
            f"`base_url` {settings.place('base_url')} is plain http on {host}: passwords and tokens would cross the "
            "network in the clear; use https (a proxy in front may hold the certificate), or a loopback host for a trial"
        )
    if settings.database_is_remote and not settings.single_node:
        if settings.master_key is None:
            refusals.append(
                "`database_url` is shared, but the `master_key` would be generated into `data_dir`: another node would "
                "seal and derive under another key; set `master_key` to the same 32 random bytes on every node "
                "(openssl rand -hex 32), or say `single_node = true`"
            )
        if settings.redis_url is None:
            refusals.append(
                "`database_url` is shared, but sessions and codes would be in a Valkey of this node alone; set "
                "`redis_url`, or say `single_node = true`"
            )
    if (settings.audit_webhook_url is None) != (settings.audit_webhook_secret is None):
        refusals.append(
            "`audit.webhook_url` and `audit.webhook_secret` go together: an unsigned feed could be anybody's; set both, or "
            "neither"
        )
    return tuple(refusals)


def refuse_unsafe(settings: Settings) -> None:
    """Raise Invalid with every sentence of `serve_refusals`, if there is one."""
    refusals = serve_refusals(settings)
    if refusals:
        raise Invalid("\n".join(refusals), field="settings")
