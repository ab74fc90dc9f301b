"""Durations and secrets as people write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]{1,10})([smhdw])", re.ASCII)
DURATION_PATTERN = r"^[0-9]{1,10}[smhdw]$"
LONGEST_DURATION = 3650 * 86400
"""Seconds: ten years. More is a slip of the pen, and would overflow cookies and expiry columns."""

_MOST_SECRET = 65536


def parse_duration(value: object) -> int:
    """Seconds, from whole seconds or a number with one unit: "90s", "15m", "8h", "30d", "2w". Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value)) is not None:
        seconds = int(match[1]) * _UNITS[match[2]]
    else:
        raise ValueError('must be a duration: whole seconds, or a number with a unit such as "90s", "15m", "8h", "30d"')
    if seconds < 0:
        raise ValueError("must not be negative")
    if seconds > LONGEST_DURATION:
        raise ValueError("must be at most 3650d")
    return seconds


def format_duration(seconds: int) -> str:
    """The shortest exact spelling: the inverse of `parse_duration`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's text, and whether it stood in the file in plain sight rather than behind a reference."""

    value: str = field(repr=False)
    plain: bool = False


def read_secret(given: object, folder: Path, environ: Mapping[str, str]) -> Secret:
    """The secret that is given as text, `{ env = "NAME" }` or `{ file = "path" }`. Raises ValueError.

    Args:
        given: the TOML value.
        folder: what a relative path starts from: the folder of the file that names it.
        environ: the environment variables.
    """
    if isinstance(given, str):
        secret = Secret(given, plain=True)
    elif isinstance(given, Mapping) and set(given) == {"env"} and isinstance(given["env"], str):
        name = given["env"]
        if name not in environ:
            raise ValueError(f"refers to the environment variable {name}, which is not set")
        secret = Secret(environ[name])
    elif isinstance(given, Mapping) and set(given) == {"file"} and isinstance(given["file"], str):
        secret = Secret(_read(folder / given["file"]))
    else:
        raise ValueError('must be text, { env = "NAME" } or { file = "path" }')
    if not secret.value:
        raise ValueError("is empty")
    return secret


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_SECRET + 1)
    except OSError as error:
        raise ValueError(f"refers to {path}, which cannot be read: {error.strerror}") from None
    if len(data) > _MOST_SECRET:
        raise ValueError(f"refers to {path}, which is too large for a secret")
    try:
        return data.decode().rstrip("\r\n")  # editors and `echo` end a file with a new line
    except UnicodeDecodeError:
        raise ValueError(f"refers to {path}, which is not UTF-8 text") from None
