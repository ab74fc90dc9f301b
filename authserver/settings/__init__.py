"""Settings: one TOML file and the environment become one frozen value (DESIGN 2).

Owns the keys, their defaults, their checks and what `serve` refuses. Opens no store and starts nothing.
"""

from authserver.settings.load import load_settings
from authserver.settings.master_key import load_or_create_master_key, master_key_file
from authserver.settings.serving import refuse_unsafe, serve_refusals
from authserver.settings.value import DEFAULT_CONFIG, ENV_PREFIX, HostPort, Settings, on_loopback

__all__ = [
    "DEFAULT_CONFIG",
    "ENV_PREFIX",
    "HostPort",
    "Settings",
    "load_or_create_master_key",
    "load_settings",
    "master_key_file",
    "on_loopback",
    "refuse_unsafe",
    "serve_refusals",
]
