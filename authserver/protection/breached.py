"""Whether a password is known from breaches: a bundled list of common ones, then the operator's own.

A look-up compares the password as it is and in lower case: who is warned of `dragon1` is warned of `Dragon1` too, since
whoever guesses tries that next. Nothing leaves the machine.
"""

from collections.abc import Callable, Container
from functools import cache
from pathlib import Path
from typing import Literal

from authserver.errors import Invalid
from authserver.protection.breached_file import BreachedFile, prefix
from authserver.protection.replaceable import Replaceable

SETTING = "protection.breached_file"

List = Literal["bundled", "own"]


class BreachedPasswords:
    """Looks passwords up. Safe to share between threads.

    Args:
        path: the operator's list, made by `poolgate breached compile`; None looks into the bundled one alone.
        complain: told in a sentence why a file that replaced it cannot be used.

    Raises:
        Invalid: if the file cannot be used.
    """

    def __init__(self, path: Path | None = None, complain: Callable[[str], None] = lambda _: None) -> None:
        self._file = Replaceable(path, _open, complain) if path is not None else None

    def find(self, password: str) -> List | None:
        """The list that holds the password; None if neither does. Raises StoreUnavailable if the operator's list was
        damaged while it was in use: a password that cannot be looked up is not taken.

        The first call of a process loads the bundled list, which takes a tenth of a second (`warm`).
        """
        folded = password.casefold()
        if folded in bundled():
            return "bundled"
        if self._file is not None:
            known = self._file.get()
            if any(prefix(text.encode(errors="surrogatepass")) in known for text in {password, folded}):
                return "own"
        return None

    @staticmethod
    def warm() -> None:
        """Load the bundled list, so that nobody waits for it."""
        bundled()


def _open(path: Path) -> BreachedFile:
    try:
        return BreachedFile(path)
    except Invalid as invalid:
        raise Invalid(f"`{SETTING}`: {invalid.sentence}", field=SETTING) from None


@cache
def bundled() -> Container[str]:
    """The 30,000 most common passwords of zxcvbn, in lower case."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # type: ignore[import-untyped]  # it has no types

    common: Container[str] = RANKED_DICTIONARIES["passwords"]
    return common
