"""Every page of the demo as a picture, for people to look at: `python -m tests.demo.gallery [NAME...]`.

Writes `tests/pictures/<name>.<theme>.<width>.png`.
"""

import sys
from pathlib import Path

from tests.demo.servers import browsing, serving
from tests.demo.states import STATES

PICTURES = Path(__file__).parents[1] / "pictures"


def main(names: list[str]) -> int:
    if unknown := set(names) - STATES.keys():
        print(f"No such page: {', '.join(sorted(unknown))}. There are: {', '.join(STATES)}", file=sys.stderr)
        return 2
    PICTURES.mkdir(exist_ok=True)
    complaints: list[str] = []
    with serving() as at, browsing(complaints) as page:
        for name in names or STATES:
            page.context.clear_cookies()
            page.set_viewport_size({"width": 1280, "height": 860})
            STATES[name](page, at)
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                for width, height in ((1280, 860), (320, 640)):
                    page.set_viewport_size({"width": width, "height": height})
                    page.screenshot(path=PICTURES / f"{name}.{theme}.{width}.png", full_page=True)
            print(name, *complaints)
            complaints.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
