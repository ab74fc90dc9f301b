"""A pool's signing keys and their life: next, current, retired (DESIGN 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

KeyState = Literal["next", "current", "retired"]

SIGNING_ALGORITHMS = ("ES256", "RS256")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. `sealed` is the private JWK sealed under the master key; `public_jwk` is what JWKS shows.

    A key is published from `created_at` on, signs from `activated_at` to `retired_at`, and stays published until
    `expires_at`, when the last token it signed has expired.
    """

    kid: str
    pool: str
    alg: str
    state: KeyState
    public_jwk: Mapping[str, str]
    sealed: bytes
    created_at: int
    activated_at: int | None = None
    retired_at: int | None = None
    expires_at: int | None = None
