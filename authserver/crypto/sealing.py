"""Sealing: what must be read back (signing keys, upstream secrets) is encrypted at rest with AES-256-GCM.

The record's name goes in as associated data, so that a ciphertext moved to another row does not open.
"""

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authserver.crypto.secrets import b64url, derive, mac
from authserver.effects import Random
from authserver.errors import Refusal


class Unsealable(Refusal):
    """A sealed record does not open: another master key, or a damaged or moved record."""

    code = "unsealable"
    sentence = "A sealed secret does not open under the configured master key."


class Sealer:
    """Seals and opens under one master key; further old keys only open.

    A sealed record is `key id (8 bytes) | nonce (12) | ciphertext and tag`.
    """

    def __init__(self, master: bytes, random: Random, old: tuple[bytes, ...] = ()) -> None:
        self._random = random
        self._keys: Mapping[bytes, AESGCM] = {self._id(k): AESGCM(derive(k, "sealing")) for k in (*old, master)}
        self._current = self._id(master)

    @staticmethod
    def _id(master: bytes) -> bytes:
        return mac(derive(master, "key id"), b"id")[:8]

    @property
    def key_id(self) -> str:
        """A public name for the master key: two nodes with different ones can be told apart."""
        return b64url(self._current)

    def seal(self, plaintext: bytes, record: str) -> bytes:
        """Encrypt for the record of that name (`table/pool/id/column`)."""
        nonce = self._random.bytes(12)
        return self._current + nonce + self._keys[self._current].encrypt(nonce, plaintext, record.encode())

    def open(self, sealed: bytes, record: str) -> bytes:
        """The plaintext. Raises Unsealable."""
        key = self._keys.get(sealed[:8])
        if key is None or len(sealed) < 36:
            raise Unsealable(detail=f"{record}: sealed under an unknown master key")
        try:
            return key.decrypt(sealed[8:20], sealed[20:], record.encode())
        except InvalidTag:
            raise Unsealable(detail=f"{record}: damaged or moved") from None
