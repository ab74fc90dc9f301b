"""A person at a browser of their own: its tabs and cookies, and everything it complained of."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, expect

from tests.dev_server import PASSWORD, DevServer

PICTURES = Path(__file__).parents[1] / "pictures"
"""Where `LIVE_PICTURES=1` puts pictures of the live pages, for people to look at."""

# Chromium's words for an answer of 400 and above. Those are watched one by one, see `refused`.
_STATUS = "Failed to load resource: the server responded with a status of"

AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => ({id: v.id, where: v.nodes.map(n => n.html + " " + n.failureSummary)}))"""

_STICKING_OUT = """() => [...document.body.querySelectorAll("*")]
    .filter(e => !e.closest(".collapsed, svg, pre, details:not([open])"))
    .filter(e => { const box = e.getBoundingClientRect(); return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5) })
    .map(e => e.outerHTML.slice(0, 120))"""


@dataclass(eq=False)
class Person:
    """Somebody who uses the server and its clients. `tab` is the first one; `new_tab` opens more."""

    context: BrowserContext
    server: DevServer
    tab: Page
    complaints: list[str] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        self.context.on("requestfailed", self._see_failure)
        self.context.on("response", self._see)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"} and not said.text.startswith(_STATUS):
            self.complaints.append(f"console: {said.text}")

    def _see_failure(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED" and not request.is_navigation_request():
            return  # a page was left before its style or its icon had come
        self.complaints.append(f"failed: {request.method} {request.url} {request.failure}")

    def _see(self, response: Response) -> None:
        if response.status >= 400:
            self.refusals.append((response.status, response.url))

    # -------------------------------------------------------------------------------------- what is meant to happen

    def refused(self, *statuses: int) -> None:
        """Since the last time, exactly these answers of 400 and above have come."""
        assert [status for status, _ in self.refusals] == list(statuses), self.refusals
        self.refusals.clear()

    def meant(self, pattern: str, *, surely: bool = True) -> None:
        """Complaints that match were provoked by the test; there must be one, unless that is up to the machine."""
        others = [complaint for complaint in self.complaints if not re.search(pattern, complaint)]
        assert not surely or len(others) < len(self.complaints), f"nothing like {pattern!r} in {self.complaints}"
        self.complaints[:] = others

    def content(self) -> None:
        """Nothing was complained of but what was meant."""
        assert not self.complaints, self.complaints
        self.refused()

    # -------------------------------------------------------------------------------------- what a person does

    def new_tab(self) -> Page:
        return self.context.new_page()

    def start(self, tab: Page | None = None, query: str = "") -> Page:
        """Goes to the demo app and off to the server: by its button, or by a link with a query of `/login`."""
        tab = tab or self.tab
        if query:
            tab.goto(f"{self.server.app_url}/login?{query}")
        else:
            tab.goto(self.server.app_url)
            with tab.expect_navigation():
                tab.click("#log-in")
        return tab

    def identify(self, username: str, tab: Page | None = None) -> None:
        """Fills in the first step, and sees the second."""
        tab = tab or self.tab
        tab.fill("#username", username)
        tab.click("#continue")
        expect(tab.locator("#change-identifier")).to_be_visible()

    def prove(self, password: str = PASSWORD, tab: Page | None = None) -> None:
        """Sends the second step."""
        tab = tab or self.tab
        tab.fill("#password", password)
        tab.click("#continue")

    def sign_in(self, username: str = "ada", tab: Page | None = None) -> None:
        self.identify(username, tab)
        self.prove(tab=tab)

    def log_in(self, username: str = "ada", tab: Page | None = None, query: str = "") -> None:
        """Logs in at the demo app, all the way."""
        tab = self.start(tab, query)
        self.sign_in(username, tab)
        self.is_logged_in_as(username, tab)

    def is_logged_in_as(self, username: str, tab: Page | None = None) -> None:
        tab = tab or self.tab
        expect(tab.locator("#email")).to_contain_text(f"{username}@example.com")
        assert tab.url.startswith(f"{self.server.app_url}/"), tab.url

    def axe(self, tab: Page | None = None) -> None:
        """axe finds nothing serious or critical on the page as it is."""
        tab = tab or self.tab
        tab.evaluate(AXE_SCRIPT)
        found = tab.evaluate(AXE)
        assert not found, (tab.url, found)

    def fits(self, width: int, tab: Page | None = None) -> None:
        """Nothing of the page sticks out of a window of this width."""
        tab = tab or self.tab
        widths = tab.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        assert widths == [width, width], (tab.url, widths)
        found = tab.evaluate(_STICKING_OUT)
        assert not found, (tab.url, found)

    def cookie(self, name: str) -> dict[str, Any] | None:
        """One of the server's cookies by the end of its name."""
        cookies = self.context.cookies(self.server.base_url)
        return next((dict(cookie) for cookie in cookies if cookie["name"].endswith(name)), None)

    def picture(self, name: str, tab: Page | None = None) -> None:
        """Takes a picture of the page as it is, if pictures are wanted."""
        if os.environ.get("LIVE_PICTURES"):
            PICTURES.mkdir(exist_ok=True)
            (tab or self.tab).screenshot(path=PICTURES / f"live-{name}.png", full_page=True)


@contextlib.contextmanager
def quiet(server: DevServer) -> Iterator[None]:
    """The server writes no traceback and no error to its log meanwhile."""
    before = len(server.output)
    yield
    written = server.output[before:]
    assert "Traceback" not in written, written
    assert not re.search(r"\[(?:error|critical) *\]", written), written
