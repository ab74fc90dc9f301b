"""Wrong passwords: told in words, the same for every name, and slower after ten."""

import re

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.dev_server import PASSWORD


def test_a_wrong_password_then_the_right_one(person: Person):
    tab = person.start()
    person.identify("bob")
    person.prove("wrong-horse-battery")
    expect(tab.get_by_role("alert")).to_have_text("Incorrect username or password.")
    expect(tab.locator("#password")).to_be_focused()
    expect(tab.locator("#password")).to_have_value("")
    assert tab.locator("#password").evaluate(
        "e => [e.getAttribute('aria-invalid'), e.getAttribute('aria-describedby')]"
    ) == [
        "true",
        "problem",
    ]
    person.refused(422)
    person.picture("password-wrong")
    person.prove()
    person.is_logged_in_as("bob")


def test_a_name_that_nobody_has_looks_the_same(person: Person):
    def page_after(username: str) -> str:
        person.start()
        person.identify(username)
        person.prove("wrong-horse-battery")
        expect(person.tab.get_by_role("alert")).to_be_visible()
        person.refused(422)
        body = person.tab.content().replace(username, "NAME").replace(f">{username[0].upper()}<", ">N<")
        return re.sub(r'(signin=|name="csrf" value=")[\w-]+', r"\1...", body)

    assert page_after("erin") == page_after("nobody")


def test_after_ten_wrong_passwords_there_is_a_pause_and_then_the_right_one_works(person: Person):
    tab = person.start()
    person.identify("carol")
    for tries in range(1, 16):
        tab.fill("#password", f"wrong-horse-{tries}")
        with tab.expect_response("**/login?signin=*") as answer:
            tab.click("#continue")
        if answer.value.status == 429:
            break
        assert answer.value.status == 422
        expect(tab.get_by_role("alert")).to_have_text("Incorrect username or password.")
    # A slow machine lets the first pauses, of one second and two, pass by themselves.
    assert 11 <= tries < 15
    assert 1 <= int(answer.value.header_value("retry-after") or 0) <= 16
    alert = tab.get_by_role("alert")
    expect(alert).to_contain_text("Too many attempts")
    assert re.search(r"Try again in \d+ seconds?\.", alert.inner_text())
    person.picture("password-throttled")
    person.axe()

    expect(tab.get_by_text("You can try again now.")).to_be_visible()
    expect(tab.get_by_text(re.compile("Try again in"))).to_be_hidden()
    person.picture("password-pause-over")
    person.prove(PASSWORD)
    person.is_logged_in_as("carol")
    person.refused(*[422] * (tries - 1), 429)
