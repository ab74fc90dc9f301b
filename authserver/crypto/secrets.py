"""Digests of random secrets, constant-time comparison, and keys derived from the master key."""

import base64
import binascii
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_URLSAFE = bytes.maketrans(b"+/", b"-_")


def b64url_bytes(data: bytes) -> bytes:
    """Unpadded base64url (RFC 7515 2), as bytes."""
    return binascii.b2a_base64(data, newline=False).translate(_URLSAFE).rstrip(b"=")


def b64url(data: bytes) -> str:
    """Unpadded base64url (RFC 7515 2)."""
    return b64url_bytes(data).decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of unpadded base64url. Raises ValueError on anything but its one canonical spelling."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if b64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def digest(secret: str) -> str:
    """SHA-256 in base64url: what is stored of a secret that is merely compared.

    One fast hash is enough because the secret is random with at least 128 bits; people's passwords go through
    `passwords` instead.
    """
    return b64url(hashlib.sha256(secret.encode()).digest())


def slow_digest(secret: str, salt: str) -> str:
    """Scrypt in base64url, 50 ms: for a secret that people may have chosen, and that is compared now and then."""
    return b64url(hashlib.scrypt(secret.encode(), salt=salt.encode(), n=1 << 14, r=8, p=1, dklen=32))


def same(a: str, b: str) -> bool:
    """Whether two strings are equal, in time that does not depend on where they differ."""
    if a.isascii() and b.isascii():
        return hmac.compare_digest(a, b)
    return hmac.compare_digest(a.encode(), b.encode())


def mac(key: bytes, message: bytes) -> bytes:
    """A 256-bit message authentication code: keyed BLAKE2b (RFC 7693 2.9).

    Our own tokens alone use it, so no other party needs to know the algorithm; HMAC through OpenSSL 3 costs five times
    as much, three times in each refresh.
    """
    return hashlib.blake2b(message, key=key, digest_size=32).digest()


def derive(master: bytes, purpose: str) -> bytes:
    """A 256-bit key for one purpose (RFC 5869), so that no key serves two ends."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"poolgate " + purpose.encode()).derive(master)
