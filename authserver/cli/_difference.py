"""The fields of a change, as a pool file says them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from authserver.cli._output import moment
from authserver.tomlfile import format_duration, toml

if TYPE_CHECKING:
    from authserver.accounts.changes import Change

_DURATIONS = frozenset(
    {
        "access_ttl",
        "account.reauthenticate",
        "default_max_age",
        "ldap.timeout",
        "refresh_ttl",
        "session.absolute",
        "session.idle",
        "tokens.access_ttl",
        "tokens.code_ttl",
        "tokens.id_ttl",
        "tokens.refresh_grace",
        "tokens.refresh_idle",
        "tokens.refresh_ttl",
    }
)
_SECRETS = frozenset({"client_secret", "password"})
_USUAL: Mapping[str, Mapping[str, object]] = {
    "triggers": {"timeout": 5, "version": "V1_0"},
    "scopes": {"description": ""},
}
"""What goes without saying in the tables of an array."""


def field_lines(change: "Change") -> Iterator[str]:
    """`tokens.access_ttl  "15m" -> "5m"` for each field; of something new only what it becomes."""
    for field in change.fields:
        before = "" if change.action == "create" else f"{_spelled(field.name, field.before)} -> "
        yield f"{field.name}  {before}{_spelled(field.name, field.after)}"


def _spelled(name: str, value: Any) -> str:
    if value is None:
        return "(none)"
    if name in _SECRETS:
        return str(value)
    if name == "sign_up.terms_changed":
        return str(moment(value))
    if name in _DURATIONS:
        return toml(format_duration(value))
    if name == "scope":
        return toml(" ".join(value))
    return toml(_tables(value, _USUAL[name]) if name in _USUAL else value)


def _tables(rows: Sequence[Mapping[str, Any]], usual: Mapping[str, object]) -> list[dict[str, object]]:
    told = [{k: v for k, v in row.items() if k not in usual or v != usual[k]} for row in rows]
    return [{k: format_duration(int(v)) if k == "timeout" else v for k, v in row.items()} for row in told]
