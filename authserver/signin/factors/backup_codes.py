"""Backup codes: ten codes on paper for the day the other factors are lost. Each is taken once."""

import unicodedata
from collections.abc import Sequence

from authserver.crypto.secrets import b64url, mac
from authserver.effects import Clock, Random
from authserver.errors import Invalid, WrongCode
from authserver.events import Emit, Event
from authserver.model.pools import Pool
from authserver.model.users import User
from authserver.signin.factors.guessing import Guessing
from authserver.signin.origin import Origin
from authserver.store import Credentials

COUNT = 10
LENGTH = 10
"""50 bits each: beyond guessing within the limits, and with our key beyond trying out a stolen table."""

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Without i, l, o and u (Crockford): a 1 or 0 that was read as a letter still counts, and no code spells a word."""

_MISREAD = str.maketrans("ilo", "110")
_MOST_TYPED = 64


class BackupCodes:
    """Makes backup codes and judges them.

    Args:
        keys: what the stored digests are keyed with, the one for new codes first. All others only open, so that codes
            outlive a change of the master key.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        guessing: Guessing,
        keys: Sequence[bytes],
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self._credentials = credentials
        self._guessing = guessing
        self._keys = tuple(keys)
        self._clock = clock
        self._random = random
        self._emit = emit

    async def replace(self, pool: Pool, user: User) -> list[str]:
        """Ten new codes (`abcde-fghij`) in place of all there were. Nobody can ever show them again."""
        codes: list[str] = []
        while len(codes) < COUNT:
            code = "".join(ALPHABET[byte & 31] for byte in self._random.bytes(LENGTH))
            if code not in codes:
                codes.append(code)
        digests = [_digest(self._keys[0], pool.id, user.id, code) for code in codes]
        await self._credentials.put_backup_codes(pool.id, user.id, digests, int(self._clock()))
        self._emit(Event("backup_codes.replaced", pool.id, user.id, details={"count": COUNT}))
        return [f"{code[:5]}-{code[5:]}" for code in codes]

    async def remove(self, pool: Pool, user: User) -> None:
        """From now on none is taken."""
        await self._credentials.put_backup_codes(pool.id, user.id, (), int(self._clock()))
        self._emit(Event("backup_codes.removed", pool.id, user.id))

    async def left(self, pool: Pool, user: User) -> int:
        """How many have not been used."""
        return await self._credentials.backup_codes_left(pool.id, user.id)

    async def prove(self, pool: Pool, user: User, code: str, origin: Origin, *, client_id: str | None = None) -> int:
        """Use the code up, and return how many are left.

        Raises:
            Invalid: none is given (field `code`).
            WrongCode: it is none of the user's, or was used before, or has not the form of one, which costs no try.
            Throttled, CodeExpired: too many tries (see `Guessing.admit`).
        """
        typed = _typed(code)
        attempt = await self._guessing.admit(pool, "backup_codes", user, origin, client_id=client_id)
        now = int(self._clock())
        for key in self._keys:
            if await self._credentials.spend_backup_code(pool.id, user.id, _digest(key, pool.id, user.id, typed), now):
                break
        else:
            await self._guessing.wrong(pool, attempt, "wrong or used code")
            raise WrongCode(detail="wrong or used code")
        await self._guessing.right(attempt)
        left = await self.left(pool, user)
        self._emit(Event("backup_code.spent", pool.id, user.id, client_id, origin.address, {"left": left}))
        return left


def _digest(key: bytes, pool: str, user_id: str, code: str) -> str:
    return b64url(mac(key, f"{pool}\0{user_id}\0{code}".encode()))


def _typed(code: str) -> str:
    """The ten characters of what was typed: any case, with or without hyphens and spaces."""
    folded = unicodedata.normalize("NFKC", code[:_MOST_TYPED]).casefold()
    plain = "".join(c for c in folded if not c.isspace() and unicodedata.category(c) not in {"Cf", "Pd"})
    plain = plain.translate(_MISREAD)
    if not plain:
        raise Invalid("Enter one of your backup codes.", field="code")
    if len(code) > _MOST_TYPED or len(plain) != LENGTH or any(c not in ALPHABET for c in plain):
        raise WrongCode(detail="not the form of a backup code")
    return plain
