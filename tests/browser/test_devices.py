"""A browser that asked to be remembered needs no second factor, until it is forgotten; others do."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.conftest import Come

pytestmark = pytest.mark.xdist_group("club")


def test_a_remembered_browser(come: Come, regatta: ClientApp):
    member = come("liam")
    member.account("security")
    member.give_password()
    member.press("#add-sms_code")
    member.enter(member.text().code)
    member.press()  # the backup codes
    member.look("Sign-in and security")  # nobody leaves before it is there: the browser would count that as a failure
    member.sign_out()

    attempt = member.begin(regatta)
    member.give_password()
    member.look("Check your phone")
    expect(member.tab.locator("#remember")).not_to_be_checked()
    text = member.text()
    assert text.text.splitlines()[-1] == f"@localhost #{text.code}", "browsers fill it in at our origin alone"
    member.enter(text.code, remember=True)
    claims = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "sms", "mfa"], "urn:poolgate:acr:3")
    member.sign_out()

    attempt = member.begin(regatta)
    member.give_password()
    claims = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert claims["acr"] == "urn:poolgate:acr:1", "a remembered browser proves nothing by itself"

    other = come("liam")
    other.begin(regatta)
    other.give_password()
    other.look("Check your phone")

    member.account("security")
    remembered = member.tab.locator("section", has=member.tab.locator("#remembered"))
    expect(remembered.get_by_role("listitem")).to_have_count(1)
    remembered.get_by_role("button", name="Forget").click()
    expect(remembered.get_by_role("listitem")).to_have_count(0)
    member.look("Sign-in and security")
    member.sign_out()
    member.begin(regatta)
    member.give_password()
    member.look("Check your phone")
