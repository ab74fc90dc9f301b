"""How hard a password is to guess, and what would make it harder: hints while it is typed. It refuses nothing.

zxcvbn does the work; how it is driven is ours. Its own entry point keeps the words of the last caller in a global, and
takes seconds for texts made to be slow.
"""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from authserver.model.users import User

LONGEST = 32
"""Characters that are looked at, of the 72 that zxcvbn takes: nobody needs the rest to tell a strong password."""

_FIRST = 16
_MOST_WORK = 8000
_SHORTEST_WORD = 3
_MOST_WORDS = 20
_LONGEST_WORD = 64

Advice = Literal["common", "pattern", "repeat", "sequence", "date", "word", "name", "own", "trick", "more"]


def gettext_noop(message: str) -> str:
    """Mark `message` for translation without translating it here."""
    return message


ADVICE: Mapping[Advice, str] = {
    "common": gettext_noop("Many people use this password or one like it."),
    "pattern": gettext_noop("Keys beside each other are easy to guess."),
    "repeat": gettext_noop("Repeats are easy to guess."),
    "sequence": gettext_noop("Rows such as abc or 6543 are easy to guess."),
    "date": gettext_noop("Dates and years are easy to guess."),
    "word": gettext_noop("A single word is easy to guess."),
    "name": gettext_noop("Names are easy to guess."),
    "own": gettext_noop("Names are easy to guess."),
    "trick": gettext_noop("Capitals and swapped letters help little; more words help a lot."),
    "more": gettext_noop("Add a word or two. Unusual ones are best."),
}
"""Each advice in words."""

_DICTIONARIES: Mapping[str, Advice] = {
    "passwords": "common",
    "english_wikipedia": "word",
    "us_tv_and_film": "word",
    "surnames": "name",
    "male_names": "name",
    "female_names": "name",
    "user_inputs": "own",
}
_PATTERNS: Mapping[str, Advice] = {
    "spatial": "pattern",
    "repeat": "repeat",
    "sequence": "sequence",
    "regex": "date",  # the one pattern there is: recent years
    "date": "date",
}


@dataclass(frozen=True, slots=True)
class Strength:
    """`score` from 0 (guessed at once) to 4; `advice` what would help, none for a good password."""

    score: int
    advice: tuple[Advice, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """The advice in English, which is also the key of its translation."""
        return tuple(dict.fromkeys(ADVICE[code] for code in self.advice))


def own_words(user: User) -> tuple[str, ...]:
    """What a guesser who knows the person tries first: the username, the parts of the address, the names."""
    texts: list[object] = [user.username, user.email]
    texts += [user.attributes.get(k) for k in ("name", "given_name", "family_name", "nickname", "preferred_username")]
    return tuple(text for text in texts if isinstance(text, str) and text)


def measure(password: str, words: Iterable[str] = ()) -> Strength:
    """The strength of a password. Takes milliseconds, whatever the password is: see `Meter` for the event loop.

    Args:
        password: as it was typed.
        words: what is easy to guess in it (`own_words`); addresses count by their parts too.
    """
    from zxcvbn.matching import RANKED_DICTIONARIES, build_ranked_dict  # type: ignore[import-untyped]  # it has no types

    if not password:
        return Strength(0, ("more",))
    # A copy: the dictionaries are shared by all, the words are one person's.
    known = {**RANKED_DICTIONARIES, "user_inputs": build_ranked_dict(_parts(words))}
    # A strong beginning settles it. Most passwords are told by it, and those made to be slow are long.
    for length in (_FIRST, LONGEST):
        score, matches = _score(_bounded(password[:length]), known)
        if score == 4 or len(password) <= length:
            break
    return Strength(score, tuple(_advice(matches)) if score < 3 else ())


def _parts(words: Iterable[str]) -> list[str]:
    """Each word, and its parts between signs, in lower case."""
    found: dict[str, None] = {}
    for text in words:
        folded = text[:_LONGEST_WORD].lower()
        parts = "".join(c if c.isalnum() else " " for c in folded).split()
        found |= dict.fromkeys(part for part in (folded, *parts) if len(part) >= _SHORTEST_WORD)
    return list(found)[:_MOST_WORDS]


def _bounded(text: str) -> str:
    """As much of the text as is told in milliseconds. Each way to read signs as letters is tried over the whole text, and
    twenty signs of the right kinds have hundreds of ways.
    """
    from zxcvbn.matching import L33T_TABLE, relevant_l33t_subtable

    while text:
        ways = 1
        for signs in relevant_l33t_subtable(text, L33T_TABLE).values():
            ways *= len(signs)
        if (2 + ways) * len(text) ** 2 <= _MOST_WORK:
            break
        text = text[:-1]
    return text


def _score(text: str, known: Mapping[str, Mapping[str, int]]) -> tuple[int, list[dict[str, Any]]]:
    from zxcvbn.matching import omnimatch
    from zxcvbn.scoring import most_guessable_match_sequence  # type: ignore[import-untyped]  # it has no types
    from zxcvbn.time_estimates import guesses_to_score  # type: ignore[import-untyped]  # it has no types

    found = most_guessable_match_sequence(text, omnimatch(text, known))
    return int(guesses_to_score(found["guesses"])), found["sequence"]


def _advice(matches: list[dict[str, Any]]) -> Iterable[Advice]:
    """What is easy about the longest part of it, and what would help."""
    longest = max(matches, key=lambda m: len(m["token"]))
    pattern = longest["pattern"]
    if pattern == "dictionary":
        yield _DICTIONARIES.get(longest["dictionary_name"], "word")
        token = longest["token"]
        if longest["reversed"] or longest["l33t"] or token != token.lower():
            yield "trick"
    elif pattern in _PATTERNS:
        yield _PATTERNS[pattern]
    yield "more"


class Meter:
    """Measures off the event loop, one password at a time: the work holds the interpreter, so more threads gain nothing.

    Args:
        queue: how many may wait; whoever comes then gets no hint.
    """

    def __init__(self, queue: int = 20) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="strength")
        self._queue = queue
        self._waiting = 0

    async def measure(self, password: str, words: Iterable[str] = ()) -> Strength | None:
        """The strength, or None if too many wait for theirs."""
        if self._waiting > self._queue:
            return None
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, measure, password, tuple(words))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the thread once its work under way is done."""
        self._executor.shutdown(wait=False, cancel_futures=True)
