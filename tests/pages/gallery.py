"""Every hosted page in every state as a picture, for people to look at.

`python -m tests.pages.gallery [NAME...]` writes `tests/pictures/<page>.<language>.<theme>.<width>.png`, and sheets of
many pages each, `tests/pictures/sheets/<language>.<theme>.<width>.<n>.png`. A NAME may end in `*`. `--language`,
`--theme` and `--width` draw less.
"""

import argparse
import base64
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from html import escape
from pathlib import Path

from playwright.sync_api import Page

from tests.pages.chromium import browsing
from tests.pages.states import VIEWS

PICTURES = Path(__file__).parents[1] / "pictures"
SHEETS = PICTURES / "sheets"

# Debian's `system-ui` is a face that nobody's desktop shows; this one has the widths of Arial and Helvetica.
FACE = "Liberation Sans"

LANGUAGES = ("en", "ko")
THEMES = ("light", "dark")
SIZES = {1280: 860, 320: 640}
COLUMNS = {1280: 4, 320: 7}
ROWS = 2

Look = tuple[str, str, int]
"""Language, theme, width."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Pictures of the hosted pages.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--language", choices=LANGUAGES, action="append")
    parser.add_argument("--theme", choices=THEMES, action="append")
    parser.add_argument("--width", type=int, choices=SIZES, action="append")
    asked = parser.parse_args(arguments)
    patterns = asked.names or ["*"]
    names = [name for name in VIEWS if any(fnmatch(name, pattern) for pattern in patterns)]
    if not names:
        print(f"No such page. There are: {', '.join(VIEWS)}", file=sys.stderr)
        return 2
    SHEETS.mkdir(parents=True, exist_ok=True)
    drawn: dict[Look, dict[str, bytes]] = {}
    with browsing(face=FACE) as visit:
        # A form that sends itself would be gone before its picture is taken.
        visit.page.add_init_script("HTMLFormElement.prototype.submit = () => {}")
        for name in names:
            for language in asked.language or LANGUAGES:
                page = visit.open(name, language)
                for theme in asked.theme or THEMES:
                    page.emulate_media(color_scheme=theme)
                    for width in asked.width or SIZES:
                        page.set_viewport_size({"width": width, "height": SIZES[width]})
                        picture = page.screenshot(full_page=True)
                        (PICTURES / f"{name}.{language}.{theme}.{width}.png").write_bytes(picture)
                        drawn.setdefault((language, theme, width), {})[name] = picture
            print(name)
        for look, pictures in drawn.items():
            _sheets(visit.page, look, pictures)
    return 0


def _sheets(page: Page, look: Look, pictures: dict[str, bytes]) -> None:
    language, theme, width = look
    columns = COLUMNS[width]
    page.goto("about:blank")
    page.set_viewport_size({"width": 1980, "height": 400})
    names = list(pictures)
    each = columns * ROWS
    for number, start in enumerate(range(0, len(names), each), 1):
        figures = "".join(
            f"<figure{'' if name.startswith('account-') else ' class=card'}><figcaption>{escape(name)}</figcaption><div>"
            f'<img src="data:image/png;base64,{base64.b64encode(pictures[name]).decode()}"></div></figure>'
            for name in names[start : start + each]
        )
        page.set_content(
            f"<style>body{{display:grid;grid-template-columns:repeat({columns},1fr);gap:12px;margin:12px;background:#888;"
            "align-items:start;font:13px sans-serif}figure{margin:0}div{overflow:hidden}img{width:100%;display:block}"
            + (".card img{width:240%;margin-left:-70%}" if width > 1000 else "")
            + "</style>"
            + figures
        )
        page.screenshot(path=SHEETS / f"{language}.{theme}.{width}.{number}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
