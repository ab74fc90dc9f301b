"""A value as TOML has it, on one line."""

import json
import re
from collections.abc import Iterable, Mapping

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def toml(value: object) -> str:
    """A JSON value in TOML. What is None in a table is left out; a whole number has no point.

    Raises TypeError for what TOML has no word for.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_key(str(k))} = {toml(v)}" for k, v in value.items() if v is not None)
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, Iterable):
        return f"[{', '.join(toml(item) for item in value)}]"
    raise TypeError(f"{type(value).__name__} is no value of TOML")


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else toml(name)
