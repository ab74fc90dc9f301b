"""A client that people must allow first: what the page says, no, yes, once, again, and with another account."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.person import Person

SCOPE = "openid email https://orders.example/read https://orders.example/write"


def test_no_then_yes_then_not_asked_again(person: Person, harbour: ClientApp):
    tab = person.tab
    attempt = harbour.begin(scope=SCOPE)
    tab.goto(attempt.url)
    person.sign_in("erin")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Harbour Market would like access to your account")
    expect(tab.get_by_role("listitem").filter(has_not=tab.get_by_role("link"))).to_have_text(
        ["Confirm who you are", "See your email address", "Read orders", "Place and change orders"]
    )
    expect(tab.locator("main")).to_contain_text("erin@example.com")
    expect(tab.locator("main")).to_contain_text("You will go to 127.0.0.1.")
    person.picture("consent")
    tab.click("#deny")
    tab.wait_for_url(f"{harbour.callback}?**")
    assert harbour.answer(attempt, tab.url)["error"] == "access_denied"

    attempt = harbour.begin(scope=SCOPE)
    tab.goto(attempt.url)
    tab.click("#approve")
    tab.wait_for_url(f"{harbour.callback}?**")
    granted = harbour.redeem(attempt, tab.url)
    assert granted["scope"].split() == SCOPE.split()
    assert claims_of(granted["access_token"])["scope"] == granted["scope"]

    attempt = harbour.begin(scope=SCOPE)
    tab.goto(attempt.url)
    assert harbour.username(attempt, tab.url) == "erin"

    attempt = harbour.begin(scope=SCOPE, prompt="consent")
    tab.goto(attempt.url)
    tab.click("#approve")
    tab.wait_for_url(f"{harbour.callback}?**")
    assert harbour.username(attempt, tab.url) == "erin"

    # More than was allowed: only that is new.
    tab.goto(harbour.begin(scope=f"{SCOPE} profile").url)
    expect(tab.get_by_text("New", exact=True)).to_have_count(1)
    person.picture("consent-new")


def test_another_account_can_be_taken_on_the_consent_page(person: Person, harbour: ClientApp):
    tab = person.tab
    attempt = harbour.begin()
    tab.goto(attempt.url)
    person.sign_in("bob")
    tab.click("#switch-account")
    expect(tab.locator("#username")).to_have_value("")
    person.sign_in("dora")
    expect(tab.locator("main")).to_contain_text("dora@example.com")
    tab.click("#approve")
    tab.wait_for_url(f"{harbour.callback}?**")
    assert harbour.username(attempt, tab.url) == "dora"


@pytest.mark.parametrize("typed", ["the same name", "another name"])
def test_back_from_consent_the_one_who_is_named_is_asked(person: Person, harbour: ClientApp, typed: str):
    """The first step of this sign-in, still open in a second tab."""
    first, second = person.tab, person.new_tab()
    first.goto(harbour.begin().url)
    second.goto(first.url)
    person.sign_in("bob", second)
    expect(second.locator("#approve")).to_be_visible()
    first.fill("#username", "bob" if typed == "the same name" else "dora")
    first.click("#continue")
    expect(first.locator("#approve" if typed == "the same name" else "#change-identifier")).to_be_visible()
