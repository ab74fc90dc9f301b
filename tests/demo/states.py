"""Every page of the demo in every state, reached as a person would reach it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from playwright.sync_api import Page

from tests.demo.servers import Servers

State = Callable[[Page, Servers], object]


def _logged_in(page: Page, at: Servers) -> None:
    page.goto(at.web)
    page.click("#log-in")
    page.wait_for_selector("#log-out")


def _read(page: Page, at: Servers) -> None:
    _logged_in(page, at)
    page.click("#call-api")
    page.wait_for_selector("#api-status")


def _refused(page: Page, at: Servers) -> None:
    page.goto(f"{at.web}/login?scope=openid+profile+email+https://orders.example/read")
    page.click("#place-order")
    page.wait_for_selector("#api-status")
    page.click("#refresh")
    page.wait_for_selector("#refresh-mark + .badge")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def _logged_out(page: Page, at: Servers) -> None:
    _logged_in(page, at)
    page.click("#log-out")
    page.wait_for_selector("#log-in")


def _ways(page: Page, at: Servers) -> None:
    page.goto(at.web)
    page.click("summary")


def _error(page: Page, at: Servers) -> None:
    at.op.bends.error = {
        "error": "login_required",
        "error_description": "Nobody is signed in, and prompt=none allows no page.",
    }
    page.goto(f"{at.web}/login?prompt=none")
    at.op.bends.error = None


def _spa(page: Page, at: Servers) -> None:
    page.goto(f"{at.web}/spa")
    page.click("#spa-log-in")
    page.wait_for_selector("#spa-call-api:enabled")
    page.click("#spa-call-api")
    page.wait_for_selector("#spa-call-api:enabled")


def _mailbox(page: Page, at: Servers) -> None:
    at.mailbox.empty()
    at.fill_mailbox()
    page.goto(at.mailbox_url)
    page.click("summary >> nth=0")
    page.frame_locator("iframe").locator("strong").wait_for()


def _empty_mailbox(page: Page, at: Servers) -> None:
    at.mailbox.empty()
    page.goto(at.mailbox_url)


STATES: Mapping[str, State] = MappingProxyType(
    {
        "demo-start": lambda page, at: page.goto(at.web),
        "demo-ways": _ways,
        "demo-logged-in": _logged_in,
        "demo-read": _read,
        "demo-refused": _refused,
        "demo-logged-out": _logged_out,
        "demo-error": _error,
        "demo-spa": lambda page, at: page.goto(f"{at.web}/spa"),
        "demo-spa-logged-in": _spa,
        "demo-api": lambda page, at: page.goto(at.api),
        "demo-mailbox": _mailbox,
        "demo-mailbox-empty": _empty_mailbox,
    }
)
