"""The demo in a real browser: accessible in both themes, unclipped, quiet, and working as its policies allow."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.demo.servers import Servers, browsing, serving
from tests.demo.states import STATES

_AXE = """async rules => (await axe.run(document, {resultTypes: ["violations"], ...rules})).violations
    .map(v => ({id: v.id, where: v.nodes.map(n => n.html + " " + n.failureSummary)}))"""

_CLIPPED = """() => [...document.body.querySelectorAll("*")]
    .filter(e => !e.closest("svg, details:not([open])"))
    .filter(e => { const box = e.getBoundingClientRect(); return box.width && box.right > innerWidth + 0.5 })
    .map(e => e.outerHTML.slice(0, 120))"""

_SMALL = """() => [...document.querySelectorAll("button, summary, input:not([type=hidden]), nav a, a.button, a.person")]
    .filter(e => { const box = e.getBoundingClientRect(); return box.height < 44 || box.width < 44 })
    .map(e => e.outerHTML.slice(0, 120))"""

# What the pages are meant to provoke: an error's status, and the script of a mail that must not run.
_MEANT = ("Failed to load resource: the server responded with a status of 400", "Blocked script execution in")


@dataclass
class Visit:
    page: Page
    at: Servers
    complaints: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Visit]:
    complaints: list[str] = []
    with serving() as at, browsing(complaints) as page:
        yield Visit(page, at, complaints)
    # Playwright's synchronous face leaves its closed loop behind as the thread's current one.
    asyncio.set_event_loop(None)


@pytest.fixture
def visit(browser: Visit) -> Visit:
    browser.page.context.clear_cookies()
    browser.page.set_viewport_size({"width": 1280, "height": 860})
    browser.complaints.clear()
    return browser


@pytest.mark.parametrize("name", STATES)
def test_every_page_is_accessible_fits_a_small_screen_and_breaks_no_rule_of_its_own(visit: Visit, name: str) -> None:
    page = visit.page
    STATES[name](page, visit.at)

    assert page.locator("h1").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    page.evaluate(AXE_SCRIPT)
    for theme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(_AXE, rules) == []
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(_CLIPPED) == []
        assert page.evaluate(_SMALL) == []
    assert [said for said in visit.complaints if not said.startswith(_MEANT)] == []


def test_the_script_of_a_mail_does_not_run_and_its_links_open_beside_the_mailbox(visit: Visit) -> None:
    page = visit.page
    STATES["demo-mailbox"](page, visit.at)
    assert "a script ran" not in (page.title(), page.frames[-1].title())

    with page.context.expect_page() as opened:
        page.frame_locator("iframe").locator("a").click()
    assert opened.value.url.endswith("/go")
    opened.value.close()
    assert page.url == visit.at.mailbox_url


def test_the_button_empties_the_mailbox(visit: Visit) -> None:
    STATES["demo-mailbox"](visit.page, visit.at)
    visit.page.click("#empty")
    visit.page.get_by_text("Nothing yet").wait_for()
    assert visit.at.mailbox.messages() == []


def test_the_single_page_client_logs_in_calls_refreshes_and_logs_out(visit: Visit) -> None:
    page, output = visit.page, visit.page.locator("#spa-output")
    page.goto(f"{visit.at.web}/spa")
    page.click("#spa-log-in")
    page.get_by_text("You are logged in").wait_for()
    assert "ada@example.com" in output.inner_text()
    assert page.url == f"{visit.at.web}/spa", "the code must not stay in the address"
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0

    page.click("#spa-call-api")
    page.get_by_text("The API says").wait_for()
    assert "Blue ink" in output.inner_text()

    page.click("#spa-refresh")
    page.get_by_text("Fresh tokens").wait_for()
    assert '"refresh_token_changed": true' in output.inner_text()

    page.click("#spa-log-out")
    page.get_by_text("Nobody is logged in").wait_for()
    assert page.locator("#spa-call-api").is_disabled()
    assert visit.at.op.logouts[-1]["post_logout_redirect_uri"] == f"{visit.at.web}/spa"


@pytest.mark.parametrize(
    "bend",
    [
        {"response": {"state": "forged"}},
        {"response": {"iss": "http://localhost/other"}},
        {"error": {"error": "access_denied"}},
        {"id_token": {"nonce": "another"}},
        {"id_token": {"aud": "demo-web"}},
        {"id_token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
    ],
)
def test_the_single_page_client_believes_no_wrong_answer(visit: Visit, bend: dict[str, dict[str, str]]) -> None:
    page, bends = visit.page, visit.at.op.bends
    page.goto(f"{visit.at.web}/spa")
    ((name, value),) = bend.items()
    before = getattr(bends, name)
    setattr(bends, name, value)
    try:
        page.click("#spa-log-in")
        page.get_by_text("That did not work").wait_for()
    finally:
        setattr(bends, name, before)
    assert page.locator("#spa-call-api").is_disabled()

    page.click("#spa-log-in")
    page.get_by_text("You are logged in").wait_for()
