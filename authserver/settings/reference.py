"""The table of all settings, made from the model that checks them."""

from authserver.settings.load import env_name, setting_keys
from authserver.settings.model import DEFAULTS_IN_WORDS
from authserver.settings.value import SECRET_KEYS


def settings_table() -> str:
    """The settings as a Markdown table: key, environment variable, default, meaning."""
    rows = ["| key | environment variable | default | meaning |", "|---|---|---|---|"]
    for key, field in setting_keys().items():
        default = DEFAULTS_IN_WORDS.get(key) or f"`{_toml(field.default)}`"
        meaning = field.description + (" May be a secret by reference." if key in SECRET_KEYS else "")
        rows.append(f"| `{key}` | `{env_name(key)}` | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, list)):
        return str(value)
    return f'"{value}"'
