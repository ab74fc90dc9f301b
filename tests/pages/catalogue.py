"""The message catalogues: extraction from templates and code, and `python -m tests.pages.catalogue` to bring every
`locale/*/LC_MESSAGES/poolgate.po` up to date. New messages come in empty; nothing is guessed.
"""

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


def main() -> int:
    for path in po_files():
        catalogue = read(path)
        catalogue.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        with path.open("wb") as target:
            write_po(target, catalogue, width=110, omit_header=False)
        missing = sum(not all(message.string if message.pluralizable else [message.string]) for message in catalogue)
        print(f"{path.relative_to(PAGES)}: {len(catalogue)} messages, {missing} without translation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
