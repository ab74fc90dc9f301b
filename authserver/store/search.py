"""The words by which a user is found, and the words of a search.

A word is a run of letters, digits and marks (and of symbols such as emoji) of a folded text, so that a name in any script
is whole, and `ada@mail.example` has three words. Both sides are cut the same way: a search finds those users of whom each of
its words begins one.
"""

import unicodedata
from collections.abc import Sequence

from authserver.model.users import User, fold

MAX_WORD = 40
"""Characters of a word that count."""
MAX_WORDS = 24
"""Words of a user, or of a search, that count."""
MAX_BYTES = 400
"""Of a user's words together, with a space before each, in UTF-8: as much as an index entry has room for."""

_NAMES = ("name", "given_name", "family_name", "nickname")


def user_words(user: User) -> tuple[str, ...]:
    """The user's words, without repetition, those of the phone number and the username first."""
    values: list[object] = [user.phone_number, user.username, user.email, *(user.attributes.get(n) for n in _NAMES)]
    words = dict.fromkeys(word for value in values if isinstance(value, str) for word in words_of(value))
    room = MAX_BYTES
    fitting: list[str] = []
    for word in words:
        room -= 1 + len(word.encode())
        if room < 0 or len(fitting) == MAX_WORDS:
            break
        fitting.append(word)
    return tuple(fitting)


def search_words(search: str) -> tuple[str, ...] | None:
    """The words of a search; None if it has none, and so finds nobody.

    A phone number may be written in pieces (`+49 151 234`), as people write them: it is one word all the same.
    """
    found: list[str] = []
    for piece in search.split():
        words = words_of(piece)
        number = "".join(words)
        if number.isdecimal() and piece.startswith("+"):
            found.append("+" + number)
        elif number.isdecimal() and found and found[-1].startswith("+"):
            found[-1] += number
        else:
            found += words
    asked = dict.fromkeys(word.lstrip("+")[:MAX_WORD] for word in found)
    # A word that begins another asks for nothing more.
    needed = [word for word in asked if not any(other != word and other.startswith(word) for other in asked)]
    return tuple(needed[:MAX_WORDS]) or None


def found_by(user: User, words: Sequence[str]) -> bool:
    """Whether each of the words begins a word of the user."""
    own = user_words(user)
    return all(any(word.startswith(wanted) for word in own) for wanted in words)


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    apart = "".join(c if _is_of_word(unicodedata.category(c)) else " " for c in fold(text))
    return [word[:MAX_WORD] for word in apart.split()]


def _is_of_word(category: str) -> bool:
    return category[0] in "LMN" or category == "So"
