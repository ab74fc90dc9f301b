"""A user's words in 63 bits.

Each word sets a bit for its first letter, one for its first two, and one for its first three. Whoever has a word that
begins with `lov` has the bits of `l`, `lo` and `lov`; hardly anybody else has all of them. So a number in an index
spares a look at the users who have one common word and not the other.
"""

import zlib
from collections.abc import Iterable

BITS = 63
"""As many as a signed 64-bit number has without its sign."""
ALL = (1 << BITS) - 1


def signature_of(words: Iterable[str]) -> int:
    """The bits of all the words."""
    signature = 0
    for word in words:
        for length in (1, 2, 3):
            signature |= 1 << zlib.crc32(word[:length].encode()) % BITS
    return signature


def mask_of(prefix: str) -> int:
    """The bits that whoever has a word with this beginning has."""
    return signature_of(prefix[:length] for length in range(1, min(len(prefix), 3) + 1))
