"""The master key: given by the settings, or generated once into `data_dir`."""

import base64
import binascii
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from authserver.effects import Random
from authserver.errors import Invalid
from authserver.settings.value import Settings

_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_LENGTH = 32
_FEWEST_BYTES = 12


def decode_master_key(text: str) -> bytes:
    """32 bytes from unpadded or padded base64url, or from 64 hexadecimal digits. Raises ValueError."""
    text = text.strip()
    if _HEX.fullmatch(text):
        key = bytes.fromhex(text)
    else:
        try:
            key = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
    if len(key) != _LENGTH:
        raise ValueError("must be 32 random bytes: 43 characters of base64url or 64 hexadecimal digits")
    if len(set(key)) < _FEWEST_BYTES:  # 32 random bytes have about 30 different ones
        raise ValueError("is not random; make one with: openssl rand -hex 32")
    return key


def master_key_file(settings: Settings) -> Path:
    """Where a generated master key is kept."""
    return settings.data_dir / "master.key"


def load_or_create_master_key(settings: Settings, random: Random) -> bytes:
    """The 32 bytes of the master key. One that is generated is on disk, readable by its owner only, when this returns.

    Any number of processes may call it at once: they all get the same key. Raises Invalid if the file holds no key.
    """
    if settings.master_key is not None:
        return settings.master_key
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = master_key_file(settings)
    if not path.exists():
        with _locked(settings.data_dir):
            if not path.exists():
                _write(path, base64.urlsafe_b64encode(random.bytes(_LENGTH)).rstrip(b"=") + b"\n")
    try:
        return decode_master_key(path.read_text("ascii"))
    except ValueError as error:
        raise Invalid(
            f"{path} {error}; restore it from a backup: what it sealed cannot be opened without it", field="master_key"
        ) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on a folder; the kernel gives it back if we die."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    """Write a whole file or none of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.rename(path)
