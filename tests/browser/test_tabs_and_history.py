"""Several tabs, the back button, reloads and nervous fingers: none of them ends a sign-in or mixes two up."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_app import ClientApp
from tests.browser.person import Person
from tests.dev_server import PASSWORD


@pytest.mark.parametrize("first", [pytest.param("demo app", marks=pytest.mark.nightly), "single-page app"])
def test_two_sign_ins_in_two_tabs_finish_in_any_order(person: Person, first: str):
    """Of two people, even, at one browser: each tab ends with the person who typed the password there."""
    web, spa = person.tab, person.new_tab()
    person.start(web, "login_hint=ada")
    spa.goto(f"{person.server.app_url}/spa")
    spa.click("#spa-log-in")
    expect(web.locator("#username")).to_have_value("ada")
    expect(spa.locator("#username")).to_have_value("")
    person.identify("ada", web)
    person.identify("bob", spa)

    def finish_web() -> None:
        person.prove(tab=web)
        person.is_logged_in_as("ada", web)

    def finish_spa() -> None:
        person.prove(tab=spa)
        expect(spa.locator("#spa-output")).to_contain_text("bob@example.com")

    steps = (finish_web, finish_spa) if first == "demo app" else (finish_spa, finish_web)
    for step in steps:
        step()


def test_who_names_somebody_else_is_not_logged_in_as_the_one_of_another_tab(person: Person, lighthouse: ClientApp):
    attempt = lighthouse.begin()
    person.tab.goto(attempt.url)
    other = person.new_tab()
    person.log_in("ada", other)
    # This tab still shows the first step, from before anybody was signed in.
    person.identify("bob")
    person.prove()
    person.tab.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.username(attempt, person.tab.url) == "bob"


def test_who_names_the_one_of_another_tab_need_not_prove_it_again(person: Person, lighthouse: ClientApp):
    attempt = lighthouse.begin()
    person.tab.goto(attempt.url)
    person.log_in("ada", person.new_tab())
    person.tab.fill("#username", "ada@example.com")
    person.tab.click("#continue")
    person.tab.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.username(attempt, person.tab.url) == "ada"


def test_back_from_the_password_and_on_again(person: Person):
    tab = person.start()
    person.identify("bob")
    tab.go_back()  # the same address, and so the same step
    expect(tab.locator("#change-identifier")).to_be_visible()
    tab.go_back()
    expect(tab.locator("#log-in")).to_be_visible()
    tab.go_forward()
    tab.click("#change-identifier")
    expect(tab.locator("#username")).to_have_value("")
    person.sign_in("ada")
    person.is_logged_in_as("ada")


def test_back_after_the_end_says_so_and_leads_on_to_the_app(person: Person):
    person.log_in("ada")
    tab = person.tab
    tab.go_back()
    expect(tab.locator("#error")).to_have_attribute("data-reason", "finished")
    person.refused(410)
    person.picture("error-finished")
    tab.go_forward()
    person.is_logged_in_as("ada")


def test_a_reload_of_any_step_shows_it_again(person: Person):
    tab = person.start()
    for step in ("#username", "#change-identifier"):
        expect(tab.locator(step)).to_be_visible()
        with tab.expect_request("**/login?signin=*") as reloaded:
            tab.reload()
        assert reloaded.value.method == "GET", "nothing is sent twice"
        expect(tab.locator(step)).to_be_visible()
        if step == "#username":
            person.identify("ada")
    person.prove()
    person.is_logged_in_as("ada")
    tab.reload()
    person.is_logged_in_as("ada")


@pytest.mark.parametrize("milliseconds", [pytest.param(0, marks=pytest.mark.nightly), 25])
def test_a_button_pressed_twice_logs_in_once(person: Person, milliseconds: int):
    tab = person.start()
    tab.fill("#username", "ada")
    press_twice(tab, "#continue", milliseconds)
    expect(tab.locator("#change-identifier")).to_be_visible()
    tab.fill("#password", PASSWORD)
    press_twice(tab, "#continue", milliseconds)
    person.is_logged_in_as("ada")
    person.meant(r"failed: \w+ \S+/login\S+ net::ERR_ABORTED", surely=False)


def press_twice(tab: Page, button: str, milliseconds: int) -> None:
    """As nervous fingers do: the browser drops the first request, whose answer nobody sees."""
    tab.evaluate(
        """([button, pause]) => {
            const element = document.querySelector(button)
            element.click()
            setTimeout(() => element.click(), pause)
        }""",
        [button, milliseconds],
    )
