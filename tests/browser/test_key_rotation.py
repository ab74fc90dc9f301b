"""The pool's keys rotate while somebody is logged in: nobody notices, and old tokens stay good."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.client_app import header_of
from tests.browser.conftest import Command
from tests.browser.person import Person
from tests.dev_server import POOL


@pytest.mark.nightly
def test_a_rotation_is_not_noticed_by_those_who_are_logged_in(person: Person, command: Command):
    tab = person.tab
    person.log_in("ada")

    def token() -> str:
        return tab.locator("#access-token .raw").text_content() or ""

    def read_orders(token: str) -> int:
        url = f"{person.server.api_url}/orders"
        return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code

    old = token()
    assert read_orders(old) == 200
    command("keys", "rotate", "--pool", POOL)
    for _ in range(5):  # the server hears of it within a second
        mark = tab.locator("#refresh-mark").inner_text()
        tab.click("#refresh")
        expect(tab.locator("#refresh-mark")).not_to_have_text(mark)
        if header_of(token())["kid"] != header_of(old)["kid"]:
            break
        tab.wait_for_timeout(300)
    assert header_of(token())["kid"] != header_of(old)["kid"]
    tab.click("#call-api")
    expect(tab.locator("#api-status")).to_have_text("200")
    assert read_orders(token()) == 200
    assert read_orders(old) == 200
    person.start(tab, "prompt=none")
    person.is_logged_in_as("ada")
