"""Authorization codes as they lie in the one-time store: JSON of the frozen value, under the code's digest."""

from typing import Any

import orjson

from authserver.model.grants import AuthorizationCode, Grant

KIND = "code"


def encode(code: AuthorizationCode) -> bytes:
    """The stored form."""
    return orjson.dumps(code)


def decode(value: bytes) -> AuthorizationCode:
    """The value of the stored form."""
    data: dict[str, Any] = orjson.loads(value)
    grant: dict[str, Any] = data.pop("grant")
    for name in ("scope", "amr", "resource"):
        grant[name] = tuple(grant[name])
    grant["claims"] = {k: tuple(v) for k, v in grant["claims"].items()}
    return AuthorizationCode(grant=Grant(**grant), **data)
