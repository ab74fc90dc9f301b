"""What people call their factors."""

import unicodedata

from authserver.errors import Invalid

LONGEST_NAME = 64


def credential_name(text: str) -> str:
    """The name in one line, "" if there is none. Raises Invalid (field `name`) if it is too long to be shown.

    Control and formatting characters go: a name must not be able to turn the text around it.
    """
    folded = unicodedata.normalize("NFC", text)
    shown = "".join(" " if c.isspace() or unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in folded)
    kept = "".join(c for c in shown if unicodedata.category(c) not in {"Cf", "Cs", "Co", "Cn"})
    name = " ".join(kept.split())
    if len(name) > LONGEST_NAME:
        raise Invalid(f"Use at most {LONGEST_NAME} characters.", field="name")
    return name
