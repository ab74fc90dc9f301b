"""Names that others chose, made harmless before they stand in a message of ours.

Whoever signs up with a victim's address, or registers a client, chooses names that we would mail to the victim. They
must not end a line, turn the direction of writing, or become a link to elsewhere in a mail program.
"""

import re
import unicodedata

LONGEST = 64
_AUTOLINKED = re.compile(r"(?<=\w)([./:@])(?=\w)|(?<=:)(/)(?=/)")
_WORD_JOINER = "\u2060"


def one_line(text: str) -> str:
    """`text` on one line without control, format and bidirectional characters."""
    kept = "".join(" " if unicodedata.category(c)[0] in "ZC" and c not in "\u200c\u200d" else c for c in text)
    return " ".join(kept.split())


def inert(name: str) -> str:
    """A name as it may stand in a message: one line, at most 64 characters, and nothing in it that mail programs turn
    into a link. An invisible character in `shop.example` keeps them from that and leaves the look alone.
    """
    line = one_line(name)
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - 1].rstrip()}\u2026"
    return _AUTOLINKED.sub(lambda found: f"{found[0]}{_WORD_JOINER}", line)
