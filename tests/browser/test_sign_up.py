"""People register themselves: to the first token, by code and by link, with and without scripts."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.conftest import Come
from tests.browser.member import Member
from tests.dev_server import PASSWORD

pytestmark = pytest.mark.xdist_group("club")


def fill_in(member: Member, password: str = PASSWORD, **fields: str) -> None:
    """The form of the club, sent."""
    tab = member.tab
    own = {"username": member.name, "email": member.email, "name": member.name.title()}
    for field, value in {**own, **fields}.items():
        tab.fill(f"#{field}", value)
    tab.fill("#new_password", password)
    tab.check("#terms")
    member.press()


@pytest.mark.parametrize(
    "scripts",
    [pytest.param(True, id="with scripts", marks=pytest.mark.nightly), pytest.param(False, id="without scripts")],
)
def test_from_sign_up_to_the_first_token(come: Come, regatta: ClientApp, scripts: bool):
    member = come("nora" if scripts else "noah", scripts=scripts)
    tab = member.tab
    attempt = member.begin(regatta)
    member.press("#sign-up")
    member.look("Create your account")

    # What is wrong is said beside its field, and what was typed stays.
    fill_in(member, "correct-horse-battery-of-" + member.name, email="nobody.example.com")
    expect(tab.locator("#email-problem")).to_be_visible()
    expect(tab.locator("#name")).to_have_value(member.name.title())
    expect(tab.locator("#terms")).to_be_checked()
    member.refused(422)
    fill_in(member, "password")
    expect(tab.locator("#password-problem")).to_be_visible()
    member.refused(422)
    member.look("Create your account")
    fill_in(member)

    member.look("Check your email")
    code = member.mail("Confirm your Rowing Club account").code
    member.enter(f"{(int(code) + 1) % 10**6:06}")
    expect(tab.get_by_role("alert")).to_contain_text("4 tries left")
    member.refused(422)
    member.look("Check your email")
    member.enter(code)
    claims = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert (claims["email"], claims["email_verified"], claims["name"]) == (member.email, True, member.name.title())
    assert claims["amr"] == ["pwd"]


def test_the_link_in_another_browser_lets_the_first_tab_go_on(come: Come, regatta: ClientApp):
    member = come("lola")
    attempt = member.begin(regatta)
    member.press("#sign-up")
    fill_in(member)
    letter = member.mail("Confirm your Rowing Club account")

    phone = come()
    for _ in range(2):  # whoever looks at it (a scanner, for one) uses nothing up
        phone.tab.goto(letter.link)
    phone.look("Confirm your email")
    phone.press()
    phone.look("Your email is confirmed")
    assert phone.cookie("session") is None, "the link proves an address and signs nobody in"
    phone.tab.goto(letter.link)
    expect(phone.tab.locator("#error")).to_have_attribute("data-code", "expired")
    phone.refused(410)

    member.tab.reload()
    claims = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert claims["email_verified"] is True


def test_an_address_that_is_taken_shows_in_the_owners_mail_alone(come: Come, regatta: ClientApp):
    owner, stranger = come("amy"), come("mallory")
    stranger.begin(regatta)
    stranger.press("#sign-up")
    fill_in(stranger, email=owner.email)
    stranger.look("Check your email")
    expect(stranger.tab.locator("main")).to_contain_text(f"We sent a message to {owner.email}.")
    assert owner.mail("You already have a Rowing Club account").link == f"{owner.issuer}/account"
    assert owner.club.post.subjects(owner.email) == ["You already have a Rowing Club account"], "and no code"
