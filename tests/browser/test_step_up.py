"""A client asks for a stronger proof than the session has (RFC 9470); the person gives only what is missing."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.conftest import Come
from tests.browser.test_factors import app_from_page, keep_codes, next_code

pytestmark = pytest.mark.xdist_group("club")

STRONGEST = "urn:poolgate:acr:4"


def test_only_the_missing_factor_is_asked_for(come: Come, regatta: ClientApp):
    member = come("jack")
    attempt = member.begin(regatta)
    member.give_password()
    before = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert before["acr"] == "urn:poolgate:acr:1"

    member.begin(regatta, acr_values=STRONGEST)
    member.tab.wait_for_url(f"{regatta.callback}?error=unmet_authentication_requirements&**")

    member.account("security")
    member.look("Sign-in and security")
    member.press("#add-totp")
    app = app_from_page(member)
    member.enter(app.now())
    keep_codes(member)
    member.says("Your second step is turned on.")

    attempt = member.begin(regatta, acr_values=STRONGEST)
    member.look("Enter the code from your app")
    member.enter(next_code(app))
    after = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert (after["acr"], after["sub"]) == (STRONGEST, before["sub"])
    assert after["auth_time"] == before["auth_time"], "the password was not given anew"
    attempt = member.begin(regatta, acr_values=STRONGEST, prompt="none")
    assert claims_of(member.came_back(regatta, attempt)["id_token"])["acr"] == STRONGEST

    member.account("security")
    member.tab.get_by_role("button", name="Turn off").click()
    member.look("Turn this off?")
    member.press()
    member.says("It is turned off.")
    expect(member.tab.locator("#add-totp")).to_be_visible()
