"""What password managers need to recognise the pages: names, hints, and both fields in one form (DESIGN 4)."""

from playwright.sync_api import expect

from tests.browser.person import Person
from tests.dev_server import PASSWORD

_FORM = """form => [...form.querySelectorAll("input:not([type=hidden])")]
    .map(e => [e.id, e.name, e.type, e.autocomplete, e.value, getComputedStyle(e).display !== "none" && e.offsetWidth > 0])"""


def test_the_first_step_takes_name_and_password_at_once(person: Person):
    tab = person.start()
    form = tab.locator("form", has=tab.locator("#username"))
    assert form.count() == 1
    assert form.evaluate(_FORM) == [
        ["username", "username", "text", "username webauthn", "", True],
        ["password", "password", "password", "current-password", "", True],
    ]
    form.evaluate(
        "(form, [name, password]) => { form.username.value = name; form.password.value = password }", ["ada", PASSWORD]
    )
    tab.click("#continue")
    person.is_logged_in_as("ada")


def test_the_second_step_says_whose_password_it_wants(person: Person):
    tab = person.start()
    person.identify("ada@example.com")
    form = tab.locator("form", has=tab.locator("#password"))
    assert form.count() == 1
    assert form.evaluate(_FORM) == [
        ["", "username", "text", "username", "ada@example.com", True],
        ["password", "password", "password", "current-password", "", True],
    ]
    expect(form.locator("#continue")).to_be_visible()
    assert tab.get_by_role("textbox").count() == 1, "the name is for password managers alone"
