"""A sign-in that can no longer be finished: the page says why, and starts the same request again."""

from playwright.sync_api import expect

from tests.browser.ageing import let_expire
from tests.browser.client_app import ClientApp
from tests.browser.conftest import Arrive
from tests.browser.person import Person
from tests.dev_server import PASSWORD, POOL


def test_an_expired_page_starts_the_same_request_again(person: Person):
    tab = person.start(query="login_hint=ada&ui_locales=en")
    person.identify("ada")
    let_expire(person.server.data_dir, POOL, tab.url)
    person.prove()
    expect(tab.locator("#error")).to_have_attribute("data-code", "expired")
    person.refused(410)
    person.picture("error-expired")
    tab.click("#restart")
    expect(tab.locator("#username")).to_have_value("ada")
    person.sign_in("ada")
    person.is_logged_in_as("ada")


def test_a_sign_in_of_another_browser_starts_anew_in_this_one(person: Person, arrive: Arrive, lighthouse: ClientApp):
    attempt = lighthouse.begin()
    person.tab.goto(attempt.url)
    person.identify("ada")

    other = arrive()
    other.tab.goto(person.tab.url)
    expect(other.tab.locator("#error")).to_have_attribute("data-reason", "foreign")
    other.refused(410)
    other.tab.click("#restart")
    other.sign_in("bob")
    other.tab.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.username(attempt, other.tab.url) == "bob"

    # The one who began was not disturbed.
    person.tab.fill("#password", PASSWORD)
    person.tab.click("#continue")
    person.tab.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.username(attempt, person.tab.url) == "ada"


def test_an_unknown_sign_in_has_no_request_to_start_again(person: Person):
    person.tab.goto(f"{person.server.issuer}/login?signin=AAAAAAAAAAAAAAAAAAAAAA")
    expect(person.tab.locator("#error")).to_have_attribute("data-code", "expired")
    expect(person.tab.locator("#restart")).to_have_count(0)
    person.refused(410)
