"""A headless Chromium that sees the pages as a browser on the real server would: over HTTP, with their headers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, Route, sync_playwright

from authserver.pages.security import form_target, html_headers
from tests.pages.samples import ORIGIN, RENDERER
from tests.pages.states import VIEWS, context_of, html
from tests.tools import chromium, chromium_arguments


@dataclass
class Visit:
    """A browser's page, and what it did: the forms it sent, and what its console said about our policy."""

    page: Page
    face: str | None = None
    redirect_uri: str | None = None
    sent: list[dict[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)

    def open(self, name: str, language: str = "en") -> Page:
        self.page.goto(f"{ORIGIN}/page/{name}/{language}")
        return self.page

    def blank(self) -> Page:
        """An empty document without a policy, into which a test may write pages."""
        self.page.goto(f"{ORIGIN}/blank")
        return self.page

    def answer(self, route: Route) -> None:
        """Pages at `{ORIGIN}/page/<name>/<language>`, assets at `/static/`; a form is noted and, with `redirect_uri`
        set, answered with a redirect there.
        """
        url = urlsplit(route.request.url)
        if f"{url.scheme}://{url.netloc}" != ORIGIN:
            self.reached.append(route.request.url)
            route.fulfill(body="<h1>elsewhere</h1>", headers={"Content-Type": "text/html"})
        elif route.request.method == "POST":
            self.sent.append(dict(parse_qsl(route.request.post_data or "", keep_blank_values=True)))
            if self.redirect_uri:
                route.fulfill(status=303, headers={"Location": self.redirect_uri})
            else:
                route.fulfill(status=204)
        elif url.path.startswith("/page/"):
            name, language = url.path.split("/")[2:4]
            targets = (form_target(self.redirect_uri),) if self.redirect_uri else ()
            headers = {
                **html_headers(context_of(name, language), targets, VIEWS[name][0]),
                "Content-Type": "text/html; charset=utf-8",
            }
            route.fulfill(body=html(name, language), headers=headers)
        elif url.path == "/blank":
            route.fulfill(body="<!doctype html><title>x</title>", headers={"Content-Type": "text/html"})
        elif asset := RENDERER.assets.get(url.path.removeprefix("/static/")):
            body = asset.body.replace(b"system-ui", f'"{self.face}"'.encode()) if self.face else asset.body
            route.fulfill(body=body, headers=asset.headers)
        else:
            route.abort()


@contextmanager
def browsing(face: str | None = None, *, scripts: bool = True, permissions: Sequence[str] = ()) -> Iterator[Visit]:
    """One browser with one page, still and without motion. `face` stands in for the system's own font."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=chromium_arguments())
        try:
            page = browser.new_page(reduced_motion="reduce", java_script_enabled=scripts, permissions=list(permissions))
            page.set_default_timeout(30_000)
            visit = Visit(page, face)
            page.on("console", lambda said: visit.complaints.append(said.text))
            page.on("pageerror", lambda error: visit.complaints.append(str(error)))
            page.route("**/*", visit.answer)
            yield visit
        finally:
            browser.close()
