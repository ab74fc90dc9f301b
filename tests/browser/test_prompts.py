"""Single sign-on between clients, and what a client may ask for with `prompt` and `max_age` (Core 3.1.2.1)."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, Site, claims_of
from tests.browser.person import Person


def test_a_second_client_needs_no_password_and_a_silent_request_no_page(person: Person, lighthouse: ClientApp):
    tab = person.tab
    attempt = lighthouse.begin(prompt="none")
    tab.goto(attempt.url)
    assert lighthouse.answer(attempt, tab.url)["error"] == "login_required"

    person.log_in("ada")
    for parameters in ({}, {"prompt": "none"}):
        attempt = lighthouse.begin(**parameters)
        tab.goto(attempt.url)
        assert lighthouse.username(attempt, tab.url) == "ada"


def test_a_hidden_frame_of_another_site_learns_that_it_must_ask(person: Person, lighthouse: ClientApp, site: Site):
    """Lax cookies do not travel into it, so nobody is signed in there, whoever is in the window."""
    person.log_in("ada")
    attempt = lighthouse.begin(prompt="none")
    site.pages["/silent"] = f'<iframe hidden src="{attempt.url.replace("&", "&amp;")}"></iframe>'
    person.tab.goto(f"{site.origin}/silent")
    frame = person.tab.frames[1]
    frame.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.answer(attempt, frame.url)["error"] == "login_required"


@pytest.mark.parametrize("parameters", [{"prompt": "login"}, {"max_age": "0"}], ids=["prompt=login", "max_age=0"])
def test_a_client_may_have_the_password_asked_again(person: Person, lighthouse: ClientApp, parameters: dict[str, str]):
    tab = person.tab
    person.log_in("ada")
    before = time.time()
    attempt = lighthouse.begin(**parameters)
    tab.goto(attempt.url)
    expect(tab.get_by_role("heading", level=1)).to_have_text("Confirm it’s you")
    expect(tab.locator("main .who")).to_have_text("ada")
    person.picture("password-again")
    person.prove()
    tab.wait_for_url(f"{lighthouse.callback}?**")
    assert claims_of(lighthouse.redeem(attempt, tab.url)["id_token"])["auth_time"] >= int(before)


def test_select_account_offers_the_one_signed_in_and_takes_another(person: Person, lighthouse: ClientApp):
    tab = person.tab
    person.log_in("ada")
    attempt = lighthouse.begin(prompt="select_account")
    tab.goto(attempt.url)
    person.picture("accounts")
    tab.get_by_role("button", name="Continue as Ada Lovelace").click()
    tab.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.username(attempt, tab.url) == "ada"

    attempt = lighthouse.begin(prompt="select_account")
    tab.goto(attempt.url)
    person.sign_in("bob")
    tab.wait_for_url(f"{lighthouse.callback}?**")
    assert lighthouse.username(attempt, tab.url) == "bob"
