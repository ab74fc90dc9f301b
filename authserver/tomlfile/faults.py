"""What is wrong with a file, where, and what was probably meant."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from authserver.errors import Invalid


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: a whole sentence, with its place in it. `line` is 0 where there is none."""

    sentence: str
    file: str = ""
    line: int = 0


class BadConfig(Invalid):
    """A file or a setting is refused. `faults` holds every mistake found, in the order of the lines.

    Args:
        faults: at least one.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda f: (f.file, f.line)))
        super().__init__("\n".join(f.sentence for f in self.faults))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, in whatever case either is written."""
    folded = {each.lower(): each for each in sorted(known)}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def unknown(what: str, name: str, place: str, known: Sequence[str], elsewhere: str | None = None) -> str:
    """The sentence for an unknown name.

    Args:
        what: "key" or the like.
        name: as it was written.
        place: where it stands, with its preposition ("in poolgate.toml line 3"); empty if the name says it.
        known: what may stand there.
        elsewhere: where a key of exactly this name does belong ("in [log]").
    """
    near = nearest(name, known)
    where = f" {place}" if place else ""
    if near is not None:
        hint = f"did you mean `{near}`?"
    elif elsewhere is not None:
        hint = f"it belongs {elsewhere}"
    else:
        hint = "known here: " + (", ".join(f"`{k}`" for k in known) or "nothing")
    return f"unknown {what} `{name}`{where}; {hint}"
