"""axe on the pages that people pass, with scripts and without: it is a script itself, so it looks at a copy."""

import re

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

from tests.browser.person import AXE

_SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL)


class Looker:
    """A tab in which copies of pages are looked at, each kind of page once."""

    def __init__(self, browser: Browser) -> None:
        self._tab = browser.new_page(reduced_motion="reduce")
        self._tab.evaluate(AXE_SCRIPT)  # once: it outlives what is written into the tab
        self._seen: set[tuple[str, ...]] = set()

    def look(self, tab: Page) -> bool:
        """axe finds nothing serious or critical on the page as it is; False if it has seen its like before."""
        kind = (*tab.locator("h1").all_inner_texts(), *tab.get_by_role("alert").all_inner_texts())
        if kind in self._seen:
            return False
        self._seen.add(kind)
        copy = _SCRIPTS.sub("", tab.content())
        self._tab.set_content(copy.replace("<head>", f'<head><base href="{tab.url}">', 1))
        found = self._tab.evaluate(AXE)
        assert not found, (tab.url, found)
        return True

    def close(self) -> None:
        self._tab.context.close()
