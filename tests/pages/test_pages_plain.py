"""The pages in a browser that runs no script: every form can be filled in and sent."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.pages.chromium import Visit, browsing
from tests.pages.states import VIEWS, outline


@pytest.fixture(scope="module")
def plain() -> Iterator[Visit]:
    with browsing(scripts=False) as visit:
        yield visit
    asyncio.set_event_loop(None)  # Playwright leaves its closed loop behind as the thread's current one


def different() -> Iterator[object]:
    """One state of each page and each set of forms that it has; all but the first of each page wait for the night."""
    found: set[object] = set()
    for name, (view, _) in VIEWS.items():
        steps = [field["value"] for field in outline(name).all("input") if field.get("name") == "step"]
        if steps and not name.endswith("hostile"):
            forms = (type(view), tuple(steps))
            if forms not in found:
                yield pytest.param(name, marks=(pytest.mark.nightly,) if type(view) in found else ())
            found |= {type(view), forms}


@pytest.mark.parametrize("name", list(different()))
def test_every_form_is_sent_without_scripts(plain, name):
    """Each button is pressed once; passkeys alone need a script, and say so."""
    page = plain.open(name)
    forms = outline(name).all("form")
    for button in page.locator("button[type=button]").all():
        expect(button).to_be_hidden()
    expect(page.locator("noscript")).to_have_count(sum("data-passkey" in form.attributes for form in forms))
    plain.sent.clear()
    _fill(page)
    for index in range(len(forms)):
        before = len(plain.sent)
        button = page.locator("form").nth(index).locator("button[type=submit]").last
        if not button.is_visible():  # behind a fold, or until a pause is over
            continue
        button.click()
        for _ in range(40):
            if len(plain.sent) > before:
                break
            page.wait_for_timeout(25)
        assert len(plain.sent) == before + 1, f"form {index}"
    assert all(form["csrf"] and form["step"] for form in plain.sent)


def _fill(page: Page) -> None:
    for field in page.locator(
        "form :is(input, select):not([type=hidden], [tabindex='-1'], [readonly], :disabled)"
    ).all():
        kind = field.get_attribute("type")
        if kind == "checkbox":
            field.check()
        elif kind == "date":
            field.fill("2000-01-31")
        elif field.evaluate("e => e.localName") == "select":
            field.select_option(index=-1 + field.locator("option").count())
        elif field.is_visible() and not field.input_value():
            field.fill("123456")


def test_a_passkey_page_says_what_it_needs():
    for name in ("passkey", "enrol-passkey", "identifier-passkey"):
        document = outline(name)
        note = document.one("noscript")
        assert note.text == "Passkeys need JavaScript, which is off in this browser."
        assert any("data-passkey" in parent.attributes for parent in note.parents)


def test_the_wait_for_another_code_runs_out_without_a_script(plain):
    page = plain.open("code-email")
    expect(page.locator("#resend")).to_be_hidden()
    expect(page.get_by_text("No code yet? Ask again in 0:30.")).to_be_visible()
