"""How a trigger says no, and how its words reach a person: as one plain sentence."""

import unicodedata

LONGEST_SENTENCE = 200


class TriggerVeto(Exception):  # noqa: N818 - what a function raises to refuse; it is no error
    """Raised by a Python function of the operator's own to refuse: `raise TriggerVeto("Ask your manager first.")`.

    The text is shown to the person, so it should be a sentence in the person's language. Any other exception is a failure,
    and its text stays in the log.
    """


def plain_sentence(text: str) -> str:
    """The text on one line, without control and format characters, bounded. Templates escape it; it may be empty."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    sentence = " ".join(kept.split())
    return (
        sentence
        if len(sentence) <= LONGEST_SENTENCE
        else sentence[: LONGEST_SENTENCE - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    )
