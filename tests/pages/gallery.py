"""Every hosted page in every state as a picture, for people to look at: `python -m tests.pages.gallery [NAME...]`.

Writes `tests/pictures/<page>.<language>.<theme>.<width>.png`.
"""

import sys
from pathlib import Path

from tests.pages.chromium import browsing
from tests.pages.states import VIEWS

PICTURES = Path(__file__).parents[1] / "pictures"

# Debian's `system-ui` is a face that nobody's desktop shows; this one has the widths of Arial and Helvetica.
FACE = "Liberation Sans"


def main(names: list[str]) -> int:
    if unknown := set(names) - VIEWS.keys():
        print(f"No such page: {', '.join(sorted(unknown))}. There are: {', '.join(VIEWS)}", file=sys.stderr)
        return 2
    PICTURES.mkdir(exist_ok=True)
    with browsing(face=FACE) as visit:
        for name in names or VIEWS:
            for language in ("en", "ko"):
                page = visit.open(name, language)
                for theme in ("light", "dark"):
                    page.emulate_media(color_scheme=theme)
                    for width, height in ((1280, 860), (320, 640)):
                        page.set_viewport_size({"width": width, "height": height})
                        page.screenshot(path=PICTURES / f"{name}.{language}.{theme}.{width}.png", full_page=True)
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
