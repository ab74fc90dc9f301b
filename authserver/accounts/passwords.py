"""The password policy: which of a pool's rules a password breaks (NIST SP 800-63B 3.1.1.2, ASVS 6.2)."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from authserver.model.pools import PasswordPolicy
from authserver.model.users import fold

SHORTEST_WORD = 4
"""Characters: a shorter name may well be part of a good password by chance."""


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that a password breaks: a code for front ends that translate, and a sentence that completes "It"."""

    code: str
    sentence: str
    limit: int = 0


def context_words(username: str, email: str | None) -> tuple[str, ...]:
    """What a password of this user must not hold: the username and the local part of the email address."""
    local = email.rpartition("@")[0] if email else ""
    return tuple(w for w in (username, local) if len(w) >= SHORTEST_WORD)


def check_password(policy: PasswordPolicy, password: str, words: Iterable[str] = ()) -> list[BrokenRule]:
    """Every rule that the password breaks; empty if it may be used. Lengths are counted in code points.

    Args:
        policy: the pool's.
        password: as it was typed.
        words: what it must not hold, in any case (`context_words`); those below 4 characters are passed over.
    """
    broken: list[BrokenRule] = []
    if len(password) < policy.min_length:
        limit = policy.min_length
        broken.append(BrokenRule("min_length", f"must have at least {limit} characters", limit))
    if len(password) > policy.max_length:
        limit = policy.max_length
        broken.append(BrokenRule("max_length", f"must have at most {limit} characters", limit))
        return broken  # nothing more is done with a megabyte
    categories = {unicodedata.category(c) for c in password}
    if policy.require_lowercase and "Ll" not in categories:
        broken.append(BrokenRule("lowercase", "must have a lower-case letter"))
    if policy.require_uppercase and "Lu" not in categories:
        broken.append(BrokenRule("uppercase", "must have an upper-case letter"))
    if policy.require_numbers and "Nd" not in categories:
        broken.append(BrokenRule("numbers", "must have a digit"))
    if policy.require_symbols and all(c[0] in "LN" for c in categories):
        broken.append(BrokenRule("symbols", "must have a character that is no letter and no digit"))
    folded = fold(password)
    if any(len(word) >= SHORTEST_WORD and fold(word) in folded for word in words):
        broken.append(BrokenRule("context_word", "must not hold the username or the name in the email address"))
    return broken
