"""A forgotten password, and a sign-in that was not the owner's."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.conftest import Come
from tests.browser.member import Member

pytestmark = pytest.mark.xdist_group("club")

ANOTHER = "purple-lighthouse-over-seven-bridges"


def forget(member: Member, name: str | None = None) -> None:
    """From the password step on, to where the code is asked for."""
    member.identify(name or member.name)
    member.press("#forgot-password")
    member.look("Reset your password")
    expect(member.tab.locator("#username")).to_have_value(name or member.name)
    member.press()


def signed_out(member: Member) -> None:
    """The account page asks who it is."""
    member.account()
    member.look("Sign in to Rowing Club")


def test_a_code_by_mail_replaces_it_and_ends_every_other_session(come: Come, regatta: ClientApp):
    elsewhere, member = come("ben"), come("ben")
    attempt = elsewhere.begin(regatta)
    elsewhere.give_password()
    tokens = elsewhere.came_back(regatta, attempt)

    attempt = member.begin(regatta)
    forget(member)
    member.look("Check your email")
    code = member.mail("Reset your Rowing Club password").code

    # A weak password costs no try, and the code stays in its field.
    member.tab.fill("#code", code)
    member.tab.fill("#new_password", "password")
    member.press()
    expect(member.tab.locator("#password-problem")).to_be_visible()
    expect(member.tab.locator("#code")).to_have_value(code)
    member.refused(422)
    member.look("Check your email")
    member.tab.fill("#new_password", ANOTHER)
    member.press()
    claims = claims_of(member.came_back(regatta, attempt)["id_token"])
    assert claims["email"] == member.email

    signed_out(elsewhere)
    assert regatta.token(status=400, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert member.mail("Your Rowing Club password was changed").link.startswith(f"{member.issuer}/notMe?token=")

    elsewhere.begin(regatta)
    elsewhere.give_password()
    expect(elsewhere.tab.get_by_role("alert")).to_contain_text("Incorrect username or password.")
    elsewhere.refused(422)


def test_a_code_by_text_message_instead(come: Come, regatta: ClientApp):
    member = come("cleo")
    attempt = member.begin(regatta)
    forget(member)
    member.look("Check your email")
    member.mail("Reset your Rowing Club password")
    member.press("#other-method")
    member.look("Check your phone")
    member.tab.fill("#new_password", ANOTHER)
    member.enter(member.text().code)
    member.came_back(regatta, attempt)


def test_a_name_that_nobody_has_is_asked_for_a_code_too(come: Come, regatta: ClientApp):
    member = come("hank")
    member.begin(regatta)
    forget(member)
    member.look("Check your email")
    member.tab.fill("#new_password", ANOTHER)
    member.enter("000000")
    expect(member.tab.get_by_role("alert")).to_contain_text("4 tries left")
    member.refused(422)
    assert member.club.post.subjects(member.email) == []


def test_the_owner_ends_everything_by_the_link_of_a_notice(come: Come, regatta: ClientApp):
    owner, thief = come("eve"), come("eve", user_agent="Thief/1.0")
    for member in (owner, thief):  # the first browser of all is no news
        attempt = member.begin(regatta)
        member.give_password()
        member.came_back(regatta, attempt)

    owner.tab.goto(owner.mail("New sign-in to your Rowing Club account").link)
    owner.look("Was this not you?")
    thief.account()
    thief.look("Profile")  # looking at the link has ended nothing
    owner.press()
    owner.look("Your account is safe")
    signed_out(thief)

    # The right password is worth nothing now: who gives it is asked for the code of the mailbox.
    attempt = owner.begin(regatta)
    owner.give_password()
    owner.look("Check your email")
    owner.tab.fill("#new_password", ANOTHER)
    owner.enter(owner.mail("Reset your Rowing Club password").code)
    owner.came_back(regatta, attempt)
