"""A newcomer logs in, uses the API, refreshes, and logs out; with a script-less browser and without a mouse, too."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Arrive
from tests.dev_server import PASSWORD


@pytest.mark.parametrize(
    "scripts",
    [pytest.param(True, id="with scripts"), pytest.param(False, id="without scripts", marks=pytest.mark.nightly)],
)
def test_log_in_call_the_api_refresh_and_log_out(arrive: Arrive, scripts: bool):
    person = arrive(java_script_enabled=scripts)
    tab = person.tab
    person.start()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Sign in to Demo app")
    person.picture("identifier")
    person.identify("ada")
    person.picture("password")
    person.prove()
    person.is_logged_in_as("ada")
    expect(tab.locator("#name")).to_have_text("Ada Lovelace")
    expect(tab.locator("#access-token")).to_contain_text("client_id")
    expect(tab.locator("#id-token")).to_contain_text("auth_time")
    person.picture("demo-logged-in")

    tab.click("#call-api")
    expect(tab.locator("#api-status")).to_have_text("200")
    tab.click("#place-order")
    expect(tab.locator("#api-status")).to_have_text("201")
    expect(tab.locator("#api-body")).to_contain_text("Fountain pen")
    person.picture("demo-api-called")

    before = tab.locator("#refresh-mark").inner_text()
    tab.click("#refresh")
    expect(tab.locator("#refresh-token")).to_contain_text(f"changed it was {before}")
    expect(tab.locator("#refresh-mark")).not_to_have_text(before)
    person.picture("demo-refreshed")

    tab.click("#log-out")
    expect(tab.get_by_role("status")).to_have_text("You are logged out, here and at the server.")
    person.picture("demo-logged-out")
    assert person.cookie("session") is None

    person.start()
    expect(tab.locator("#username")).to_have_value("")
    person.sign_in("ada")
    person.is_logged_in_as("ada")


def test_log_in_and_out_with_the_keyboard_alone(arrive: Arrive):
    person = arrive(java_script_enabled=False)
    tab, keyboard = person.tab, person.tab.keyboard

    def tab_to(selector: str) -> None:
        for _ in range(15):
            if tab.locator(f"{selector}:focus").count():
                return
            keyboard.press("Tab")
        raise AssertionError(f"{selector} cannot be reached by the keyboard")

    tab.goto(person.server.app_url)
    tab_to("#log-in")
    keyboard.press("Enter")
    expect(tab.locator("#username")).to_be_focused()
    keyboard.type("ada")
    keyboard.press("Enter")
    expect(tab.locator("input#password")).to_be_focused()
    expect(tab.locator("#change-identifier")).to_be_visible()
    keyboard.type(PASSWORD)
    tab_to("#continue")
    keyboard.press("Enter")
    person.is_logged_in_as("ada")
    tab_to("#log-out")
    keyboard.press("Enter")
    expect(tab.locator("#log-in")).to_be_visible()
