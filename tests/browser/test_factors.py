"""Second factors that the pool demands: set up in the course of the sign-in, and used; without scripts."""

import re
import time
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.club import BANK
from tests.browser.conftest import Come
from tests.browser.member import Member

pytestmark = pytest.mark.xdist_group("club")


def app_from_page(member: Member) -> pyotp.TOTP:
    """An authenticator app that was shown the page: the address behind its QR code."""
    uri = member.tab.locator('a[href^="otpauth:"]').get_attribute("href") or ""
    parts = urlsplit(uri)
    secret = parse_qs(parts.query)["secret"][0]
    typed = re.sub(r"\s", "", member.tab.locator("#secret").text_content() or "")
    assert typed == secret, "what is typed by hand is what is scanned"
    assert unquote(parts.path).endswith(f":{member.name}")
    return pyotp.TOTP(secret)


def next_code(app: pyotp.TOTP) -> str:
    """The code after the one that shows now, which was taken already: each is good once."""
    return app.at(int(time.time()) + app.interval)


def keep_codes(member: Member) -> list[str]:
    """The backup codes, shown once."""
    member.look("Keep these backup codes")
    codes = member.tab.locator("#codes code").all_inner_texts()
    assert len(codes) == 10
    with member.tab.expect_download() as download:
        member.press("#download")
    assert set(codes) <= set(download.value.path().read_text().split())
    member.meant(r"failed: POST \S+ net::ERR_ABORTED")  # what Chromium says of every download
    member.press()
    return codes


def test_a_pool_that_demands_a_second_factor_has_it_set_up_first(come: Come, ledger: ClientApp):
    member = come("uma", BANK)
    attempt = member.begin(ledger)
    member.give_password()
    member.look("Protect your account")
    assert member.cookie("session") is None, "nobody is signed in by the password alone"
    member.press("#add-totp")
    member.look("Set up your authenticator app")
    app = app_from_page(member)
    member.press("#other-method")
    member.look("Protect your account")
    member.tab.go_back()
    member.tab.reload()  # the same address, and so the same step
    member.look("Protect your account")
    member.press("#add-totp")
    expect(member.tab.locator("#cancel, #later")).to_have_count(0)
    app = app_from_page(member)
    member.enter("000000")
    expect(member.tab.get_by_role("alert")).to_be_visible()
    member.refused(422)
    assert app_from_page(member).secret == app.secret, "a mistake does not begin anew"
    member.enter(app.now())
    codes = keep_codes(member)
    claims = claims_of(member.came_back(ledger, attempt)["id_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "otp", "mfa"], "urn:poolgate:acr:4")
    member.mail("A way to sign in was added to your Tide Bank account")

    again = come("uma", BANK)
    attempt = again.begin(ledger)
    again.give_password()
    again.look("Enter the code from your app")
    again.enter(next_code(app))
    again.came_back(ledger, attempt)

    lost = come("uma", BANK)
    attempt = lost.begin(ledger)
    lost.give_password()
    lost.press("#use-backup_codes")
    lost.look("Enter a backup code")
    lost.enter(codes[0].upper().replace("-", " "))
    assert claims_of(lost.came_back(ledger, attempt)["id_token"])["acr"] == "urn:poolgate:acr:3"


def test_a_code_by_mail_in_place_of_a_password(come: Come, regatta: ClientApp):
    """In two tabs: the first one's page is over once the second has ended the sign-in."""
    member = come("gwen")
    attempt = member.begin(regatta)
    member.identify(member.name)
    member.press("#use-email_code")
    member.look("Check your email")
    second = member.new_tab()
    second.goto(member.tab.url)
    letter = member.mail("Your Rowing Club sign-in code")
    assert "Sign in to Regatta" in letter.text
    second.fill("#code", letter.code)
    second.click("#continue")
    claims = claims_of(member.came_back(regatta, attempt, second)["id_token"])
    assert (claims["amr"], claims["acr"]) == (["email_otp"], "urn:poolgate:acr:2")
    member.enter(letter.code)
    expect(member.tab.locator("#error")).to_have_attribute("data-reason", "finished")
    member.refused(410)
