"""Our own keys, parsed once: to read an RSA key and check it takes 30 ms, which a login should not pay."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from federation.ports import KeyPair


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key of `cryptography` and its certificate, PEM."""

    private_key: Any = field(repr=False)
    certificate: str


@lru_cache(maxsize=64)
def _parsed(pem: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem.encode(), password=None)


def own_keys(pairs: Sequence[KeyPair]) -> tuple[OwnKey, ...]:
    """The host's key pairs, ready to use; the first signs."""
    return tuple(OwnKey(_parsed(pair.private_key), pair.certificate) for pair in pairs)
