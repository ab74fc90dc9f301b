"""Password hashes that other systems made: read, bounded, and compared with, never made.

People who come from elsewhere keep their passwords: the first sign-in verifies against the hash that came with them, and
replaces it by one of ours. Each algorithm has one text form, which is what `PasswordCredential.hash` holds; base64 is
without padding (RFC 4648 4):

    $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH            Argon2 (RFC 9106); also argon2i and argon2d, and v=16
    $2b$12$SALTandHASH                                  bcrypt; also $2a$ and $2y$, which are the same
    $bcrypt-hex-sha256$2b$12$SALTandHASH                bcrypt over the SHA-256 of the password in hexadecimal
    $scrypt$ln=14,r=8,p=1$SALT$HASH                     scrypt (RFC 7914), N = 2 to the power of ln
    $firebase-scrypt$ln=14,r=8$SALT$HASH$SEPARATOR$KEY  Firebase: what scrypt yields encrypts the project's signer key
    $pbkdf2-sha256$i=600000$SALT$HASH                   PBKDF2 (RFC 8018 5.2); also sha1 and sha512

`foreign_systems` turns the spellings of other systems into these. Parameters are bounded on reading, so that no import
can make a sign-in burn minutes or gigabytes: the dearest that is taken costs some seconds and 128 MiB.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Literal

from authserver.errors import Unexpected

MOST_MEMORY = 128 * 1024 * 1024
"""Bytes that one verification may take."""

_MOST_ARGON2_WORK = 1024 * 1024  # KiB times passes
_MOST_SCRYPT_WORK = 512 * 1024 * 1024  # bytes, over all lanes
_MOST_PBKDF2_WORK = 2_000_000  # iterations times blocks
_BCRYPT_COSTS = range(4, 15)
_BCRYPT_BYTES = 72
_SALTS = range(4, 129)
_VALUES = range(16, 129)
_LONGEST = 1024

_NUMBER = "([1-9][0-9]{0,9})"
_B64 = "([A-Za-z0-9+/]+)"
_ARGON2 = re.compile(
    rf"\$(argon2(?:id|i|d))\$(?:v=(16|19)\$)?m={_NUMBER},t={_NUMBER},p={_NUMBER}\${_B64}\${_B64}", re.ASCII
)
_BCRYPT = re.compile(r"(\$bcrypt-hex-sha256)?(\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53})", re.ASCII)
_SCRYPT = re.compile(rf"\$scrypt\$ln={_NUMBER},r={_NUMBER},p={_NUMBER}\${_B64}\${_B64}", re.ASCII)
_FIREBASE = re.compile(
    rf"\$firebase-scrypt\$ln={_NUMBER},r={_NUMBER}\${_B64}\${_B64}\$([A-Za-z0-9+/]*)\${_B64}", re.ASCII
)
_PBKDF2 = re.compile(rf"\$pbkdf2-(sha1|sha256|sha512)\$i={_NUMBER}\${_B64}\${_B64}", re.ASCII)

Digest = Literal["sha1", "sha256", "sha512"]


@dataclass(frozen=True, slots=True)
class Argon2:
    """Argon2id, i or d. `memory` in KiB; `version` 16 is 1.0, 19 is 1.3."""

    kind: str
    version: int
    memory: int
    passes: int
    lanes: int
    salt: bytes = field(repr=False)
    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _bound(self.salt, self.value)
        if self.memory * 1024 > MOST_MEMORY or self.memory * self.passes > _MOST_ARGON2_WORK or self.lanes > 64:
            raise ValueError(
                "asks for more memory or time than is allowed (at most 128 MiB, and 1 GiB over all passes)"
            )
        if self.memory < 8 * self.lanes:
            raise ValueError("has fewer than 8 KiB of memory a lane (RFC 9106 3.1)")

    @property
    def cost(self) -> str:
        return f"${self.kind}$v={self.version}$m={self.memory},t={self.passes},p={self.lanes}"

    def text(self) -> str:
        return f"{self.cost}${_b64(self.salt)}${_b64(self.value)}"

    def matches(self, password: bytes) -> bool:
        from argon2.exceptions import VerificationError
        from argon2.low_level import Type, verify_secret

        kind = {"argon2id": Type.ID, "argon2i": Type.I, "argon2d": Type.D}[self.kind]
        try:
            return verify_secret(self.text().encode(), password, kind)  # compares in constant time itself
        except VerificationError:
            return False


@dataclass(frozen=True, slots=True)
class Bcrypt:
    """bcrypt. `over_sha256`: what was hashed is the hexadecimal SHA-256 of the password, so that none is too long."""

    encoded: str = field(repr=False)
    over_sha256: bool = False

    def __post_init__(self) -> None:
        if int(self.encoded[4:6]) not in _BCRYPT_COSTS:
            raise ValueError("asks for more time than is allowed (a bcrypt cost of at most 14)")
        if self.encoded[28] not in ".Oeu" or self.encoded[59] not in ".CGKOSWaeimquy26":
            raise ValueError("is not spelt as bcrypt spells it: bits are set beyond its end")

    @property
    def cost(self) -> str:
        return f"{'$bcrypt-hex-sha256' if self.over_sha256 else ''}$2b{self.encoded[3:6]}"

    def text(self) -> str:
        return f"{'$bcrypt-hex-sha256' if self.over_sha256 else ''}{self.encoded}"

    def matches(self, password: bytes) -> bool:
        """Whoever hashes with bcrypt cuts what is longer than its 72 bytes: so must we, or long passwords never match. Its
        key is the password with a NUL behind it, repeated: a password that holds a NUL would match what it should not.
        """
        try:
            import bcrypt
        except ImportError:
            raise Unexpected(detail="a stored bcrypt hash needs the extra `bcrypt`: poolgate[bcrypt]") from None
        if self.over_sha256:
            password = hashlib.sha256(password).hexdigest().encode()
        if b"\0" in password:
            return False
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], self.encoded.encode())


@dataclass(frozen=True, slots=True)
class Scrypt:
    """scrypt with N = 2 to the power of `ln`. With a `signer` it is Firebase's: the first 32 bytes are an AES-256 key
    that encrypts the signer (CTR from zero), which is the value; the salt is followed by the separator.
    """

    ln: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    value: bytes = field(repr=False)
    separator: bytes = b""
    signer: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _bound(self.salt, self.value)
        memory = 128 * self.r << min(self.ln, 64)
        if memory > MOST_MEMORY or memory * self.p > _MOST_SCRYPT_WORK:
            raise ValueError(
                "asks for more memory or time than is allowed (at most 128 MiB, and 512 MiB over all lanes)"
            )
        if self.signer is not None and (len(self.signer) != len(self.value) or len(self.separator) not in range(17)):
            raise ValueError("has a signer key or salt separator that does not fit its hash")

    @property
    def cost(self) -> str:
        name = "scrypt" if self.signer is None else "firebase-scrypt"
        return f"${name}$ln={self.ln},r={self.r}" + (f",p={self.p}" if self.signer is None else "")

    def text(self) -> str:
        tail = "" if self.signer is None else f"${_b64(self.separator)}${_b64(self.signer)}"
        return f"{self.cost}${_b64(self.salt)}${_b64(self.value)}{tail}"

    def matches(self, password: bytes) -> bool:
        derived = hashlib.scrypt(
            password,
            salt=self.salt + self.separator,
            n=1 << self.ln,
            r=self.r,
            p=self.p,
            maxmem=MOST_MEMORY + (1 << 20),  # OpenSSL counts its buffers in
            dklen=len(self.value) if self.signer is None else 32,
        )
        if self.signer is None:
            return hmac.compare_digest(derived, self.value)
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        encryptor = Cipher(algorithms.AES(derived), modes.CTR(bytes(16))).encryptor()
        return hmac.compare_digest(encryptor.update(self.signer) + encryptor.finalize(), self.value)


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """PBKDF2 with HMAC."""

    digest: Digest
    iterations: int
    salt: bytes = field(repr=False)
    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _bound(self.salt, self.value)
        blocks = -(-len(self.value) // hashlib.new(self.digest, usedforsecurity=False).digest_size)
        if self.iterations * blocks > _MOST_PBKDF2_WORK:
            raise ValueError("asks for more time than is allowed (at most 2,000,000 iterations)")

    @property
    def cost(self) -> str:
        return f"$pbkdf2-{self.digest}$i={self.iterations}"

    def text(self) -> str:
        return f"{self.cost}${_b64(self.salt)}${_b64(self.value)}"

    def matches(self, password: bytes) -> bool:
        derived = hashlib.pbkdf2_hmac(self.digest, password, self.salt, self.iterations, len(self.value))
        return hmac.compare_digest(derived, self.value)


ForeignHash = Argon2 | Bcrypt | Scrypt | Pbkdf2
"""`text()` is the stored form, and `cost` that part of it which says how long trying a password takes. `matches` tries
one, given as bytes; it blocks for as long as the hash asks for.
"""


def parse(text: str) -> ForeignHash:
    """The hash of this text form. Raises ValueError with what is wrong, in words that follow the field's name."""
    if len(text) <= _LONGEST:
        if (m := _ARGON2.fullmatch(text)) is not None:
            version = int(m[2] or 16)
            return Argon2(m[1], version, int(m[3]), int(m[4]), int(m[5]), from_b64(m[6]), from_b64(m[7]))
        if (m := _BCRYPT.fullmatch(text)) is not None:
            return Bcrypt(m[2], over_sha256=m[1] is not None)
        if (m := _SCRYPT.fullmatch(text)) is not None:
            return Scrypt(int(m[1]), int(m[2]), int(m[3]), from_b64(m[4]), from_b64(m[5]))
        if (m := _FIREBASE.fullmatch(text)) is not None:
            salt, value, separator, signer = (from_b64(m[i]) for i in (3, 4, 5, 6))
            return Scrypt(int(m[1]), int(m[2]), 1, salt, value, separator, signer)
        if (m := _PBKDF2.fullmatch(text)) is not None:
            digest: Digest = "sha1" if m[1] == "sha1" else "sha256" if m[1] == "sha256" else "sha512"
            return Pbkdf2(digest, int(m[2]), from_b64(m[3]), from_b64(m[4]))
    raise ValueError("is not a password hash of a known form")


def needs_extra(known: ForeignHash) -> str | None:
    """The extra of the distribution that is not installed but needed to verify such a hash."""
    if isinstance(known, Bcrypt):
        try:
            import bcrypt  # noqa: F401 - only whether it is there
        except ImportError:
            return "bcrypt"
    return None


def from_b64(text: str) -> bytes:
    """The bytes of unpadded base64 in its one canonical spelling. Raises ValueError."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("holds what is not base64") from None
    if _b64(data) != text:
        raise ValueError("holds base64 with bits set beyond its end")
    return data


def _b64(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def _bound(salt: bytes, value: bytes) -> None:
    if len(salt) not in _SALTS:
        raise ValueError("has a salt of less than 4 or more than 128 bytes")
    if len(value) not in _VALUES:
        raise ValueError("has a value of less than 16 or more than 128 bytes")
