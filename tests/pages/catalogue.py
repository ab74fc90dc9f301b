"""The message catalogues: extraction from templates and code, and `python -m tests.pages.catalogue` to bring every
`locale/*/LC_MESSAGES/poolgate.po` up to date. New messages come in empty; nothing is guessed.
"""

import io
import sys
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import authserver.pages

PAGES = Path(authserver.pages.__file__).parent
LOCALE = PAGES / "locale"

_KEYWORDS = {"_": None, "gettext_noop": None, "ngettext": (1, 2)}
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"silent": "false"}}


def extracted() -> Catalog:
    """Every message of the pages, with the files it stands in."""
    catalogue = Catalog()
    found = extract_from_dir(PAGES, _METHODS, _OPTIONS, keywords=_KEYWORDS, comment_tags=("translators:",))
    for name, _line, message, comments, context in found:
        catalogue.add(message, locations=[(name, None)], auto_comments=comments, context=context)
    return catalogue


def po_files() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/poolgate.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale=path.parts[-3], abort_invalid=True)


def updated(path: Path) -> bytes:
    """The file with exactly today's messages, its translations kept, its header untouched."""
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
        messages = [message for message in read(path) if message.id]
        missing = [message for message in messages if not message.string or not all(message.string)]
        print(f"{path.relative_to(PAGES)}: {len(messages)} messages, {len(missing)} without translation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
