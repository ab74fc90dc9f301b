"""The catalogues of the messages: extraction, and `python -m tests.unit.messages_catalogue` to bring every
`authserver/messages/locale/*/LC_MESSAGES/poolgate.po` up to date. New texts come in empty; nothing is guessed.
"""

import io
import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import authserver.messages

MESSAGES = Path(authserver.messages.__file__).parent
LOCALE = MESSAGES / "locale"


def extracted() -> Catalog:
    """Every text of the messages, with the file it stands in."""
    catalogue = Catalog()
    keywords = {"gettext_noop": None, "ngettext": (1, 2)}
    for name, _line, message, comments, context in extract_from_dir(MESSAGES, [("**.py", "python")], keywords=keywords):
        catalogue.add(message, locations=[(name, None)], auto_comments=comments, context=context)
    return catalogue


def po_files() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/poolgate.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=path.parts[-3], abort_invalid=True)


def updated(path: Path) -> bytes:
    """The file with exactly today's texts, its translations kept, its header untouched."""
    catalogue = read(path)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    body = io.BytesIO()
    write_po(body, catalogue, width=110, omit_header=True)
    header = path.read_bytes().partition(b"\n\n")[0]
    return header + b"\n\n" + body.getvalue().lstrip(b"\n")


def main() -> int:
    for path in po_files():
        path.write_bytes(updated(path))
        texts = [text for text in read(path) if text.id]
        missing = [text for text in texts if not text.string or not all(text.string)]
        print(f"{path.relative_to(MESSAGES)}: {len(texts)} texts, {len(missing)} without translation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
