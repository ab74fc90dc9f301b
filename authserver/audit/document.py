"""The table of event kinds in docs/audit.md, made from the registry.

`python -m authserver.audit.document docs/audit.md` puts it in.
"""

import sys
from pathlib import Path

from authserver.event_kinds import EVENT_KINDS

BEGIN = "<!-- kinds: made by authserver.audit.document -->"
END = "<!-- end of kinds -->"


def kinds_table() -> str:
    """The table in Markdown."""
    rows = ["| kind | says | outcome | kept | in the activity list | details |", "|---|---|---|---|---|---|"]
    for name, kind in EVENT_KINDS.items():
        details = "; ".join(f"`{detail}` {meaning}" for detail, meaning in kind.details.items())
        cells = (f"`{name}`", kind.sentence, kind.outcome, _yes(kind.audited), _yes(kind.activity), details)
        rows.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    return "\n".join(rows) + "\n"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def renew(path: Path) -> None:
    """Put the table between its marks."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{kinds_table()}{END}{after}")


if __name__ == "__main__":
    renew(Path(sys.argv[1]))
