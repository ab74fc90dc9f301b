"""The account page: what matters ends elsewhere, what was given is taken back, and what was begun can be left."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.ageing import let_expire, let_session_age
from tests.browser.client_app import ClientApp, claims_of
from tests.browser.club import CLUB
from tests.browser.conftest import Come
from tests.browser.test_recovery import ANOTHER, signed_out

pytestmark = pytest.mark.xdist_group("club")


def test_a_new_password_ends_the_other_browser_and_not_this_one(come: Come, regatta: ClientApp):
    member, other = come("mona"), come("mona")
    attempt = other.begin(regatta)
    other.give_password()
    other.came_back(regatta, attempt)
    member.account("security")
    member.give_password()
    member.look("Sign-in and security")

    # A sign-in that is a while old is not enough for what matters.
    cookie = member.cookie("session")
    assert cookie is not None
    let_session_age(member.club.data_dir, CLUB, cookie["value"], 3600)
    member.account("password")
    member.look("Confirm it’s you")
    member.press()
    member.look("Confirm it’s you")
    member.prove()
    member.look("Change your password")
    member.tab.fill("#new_password", ANOTHER)
    member.press()
    member.says("Your password is changed.")
    member.look("Sign-in and security")
    member.mail("Your Rowing Club password was changed")
    signed_out(other)
    member.account("sessions")
    member.look("Devices")
    expect(member.tab.get_by_role("heading", level=2)).to_have_text("Signed in on 1 device")


def test_another_session_is_signed_out_and_a_consent_taken_back(come: Come, market: ClientApp):
    member, other = come("nils"), come("nils")
    tokens = []
    for each in (other, member):
        attempt = each.begin(market)
        each.give_password()
        if each is other:  # allowed once, for both
            each.look("Boat Market would like access to your account")
            each.press("#approve")
        tokens.append(each.came_back(market, attempt))
    member.account("sessions")
    member.tab.get_by_role("button", name="Sign out: Chrom").click()
    expect(member.tab.get_by_role("heading", level=2)).to_have_text("Signed in on 1 device")
    signed_out(other)
    refreshing = [{"grant_type": "refresh_token", "refresh_token": t["refresh_token"]} for t in tokens]
    market.token(status=400, **refreshing[0])
    kept = market.token(**refreshing[1])

    member.account("apps")
    member.look("Apps with access")
    member.tab.get_by_role("button", name="Remove access: Boat Market").click()
    expect(member.tab.get_by_text("No app has access")).to_be_visible()
    member.look("Apps with access")
    market.token(status=400, grant_type="refresh_token", refresh_token=kept["refresh_token"])
    member.begin(market)
    expect(member.tab.locator("#approve")).to_be_visible()
    member.account("activity")
    member.look("Activity")


def test_an_account_is_deleted_with_grace_and_kept(come: Come, regatta: ClientApp):
    member = come("olga")
    member.account("data")
    member.give_password()
    member.look("Your data")
    with member.tab.expect_download() as download:
        member.press("#export")
    member.meant(r"failed: POST \S+ net::ERR_ABORTED")
    assert json.loads(download.value.path().read_text())["user"]["email"] == member.email
    member.press("#delete")
    member.look("Delete your account?")
    member.tab.fill("#username", "somebody")
    member.press()
    expect(member.tab.locator("#problem")).to_be_visible()
    member.look("Delete your account?")
    member.tab.fill("#username", "olga")
    member.press()
    member.look("Your account is deleted")
    member.mail("Rowing Club account")

    attempt = member.begin(regatta)
    member.give_password()
    member.look("Your account will be deleted")
    assert member.cookie("session") is None
    member.press()
    member.came_back(regatta, attempt)
    member.account("data")
    expect(member.tab.locator("#delete")).to_be_visible()


def test_korean_once_chosen_is_the_language_of_pages_and_mails(come: Come):
    member = come("pete")
    member.account()
    member.give_password()
    member.look("Profile")
    member.tab.select_option("#locale", "ko")
    member.press()
    expect(member.tab.locator("html")).to_have_attribute("lang", "ko")
    member.look("프로필")
    member.account("password")
    member.tab.fill("#new_password", ANOTHER)
    member.press()
    member.tab.wait_for_url("**/account/security?notice=password_changed")
    letter = member.mail("비밀번호")
    assert "Rowing Club" in letter.subject
    member.sign_out()
    member.account()
    expect(member.tab.locator("html")).to_have_attribute("lang", "ko")


def test_a_new_address_counts_once_it_is_proven(come: Come, regatta: ClientApp):
    member = come("quinn")
    member.account()
    member.give_password()
    member.press("#change-email")
    member.look("Change your email")
    member.tab.fill("#email", "new-quinn@example.com")
    member.press()
    member.look("Check your email")
    code = member.club.post.mail("new-quinn@example.com", "Confirm your new email address").code
    member.account()
    expect(member.tab.get_by_text("is waiting to be confirmed")).to_be_visible()
    attempt = member.begin(regatta)
    assert claims_of(member.came_back(regatta, attempt)["id_token"])["email"] == member.email, "not yet"
    member.account()
    member.press("#change-email")
    member.enter(code)
    member.says("is now in use")
    attempt = member.begin(regatta)
    claims = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert (claims["email"], claims["email_verified"]) == ("new-quinn@example.com", True)
    member.mail("Your Rowing Club email address was changed")  # to the old one


def test_two_tabs_and_an_expired_page(come: Come, regatta: ClientApp):
    member = come("rosa")
    member.account()
    member.give_password()
    member.look("Profile")
    second = member.new_tab()
    second.goto(f"{member.issuer}/account/factor?kind=totp")
    expect(second.locator("#code")).to_be_visible()
    member.sign_out()
    second.fill("#code", "123456")
    second.click("#continue")
    expect(second.locator("#username")).to_be_visible()

    member.begin(regatta)
    member.identify(member.name)
    member.press("#forgot-password")
    let_expire(member.club.data_dir, CLUB, member.tab.url)
    member.press()
    expect(member.tab.locator("#error")).to_have_attribute("data-code", "expired")
    member.refused(410)
    member.press("#restart")
    member.look("Sign in to Regatta")
