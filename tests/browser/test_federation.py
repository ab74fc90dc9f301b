"""Signing in by another provider, in a real browser and over real HTTP: one pool of the server is the provider of another."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.club import GUEST, KEYS
from tests.browser.conftest import Come
from tests.browser.member import Member
from tests.dev_server import PASSWORD

pytestmark = pytest.mark.xdist_group("club")


def at_the_provider(member: Member, *, allow: bool | None = True) -> None:
    """By the button to the provider's pages, and through them: its name, its password, its consent. `allow` None: it was
    given before, and is not asked for again.
    """
    member.press("#provider-KeyWorks")
    member.tab.wait_for_url(f"**/{KEYS}/login?**")
    if member.tab.locator("#username").count():
        member.tab.fill("#username", member.name)
        member.press()
        expect(member.tab.locator("#change-identifier")).to_be_visible()
        member.tab.fill("#password", PASSWORD)
        member.press()
    if allow is not None:
        member.press("#later")  # no passkey today
        member.press("#approve" if allow else "#deny")


@pytest.mark.parametrize(
    "scripts",
    [pytest.param(True, id="with scripts", marks=pytest.mark.nightly), pytest.param(False, id="without scripts")],
)
def test_somebody_new_comes_by_the_provider_and_comes_again(come: Come, book: ClientApp, scripts: bool):
    member = come("yara" if scripts else "zoe", KEYS, scripts=scripts)
    attempt = member.begin(book)
    member.look("Sign in to Guest Book")
    at_the_provider(member)
    claims = claims_of(member.came_back(book, attempt)["id_token"])
    assert (claims["email"], claims["email_verified"]) == (member.email, True)
    assert claims["iss"] == member.club.issuer(GUEST)

    # Signed out here, and so there; then both again.
    member.tab.goto(f"{member.club.issuer(GUEST)}/logout")
    member.press("#sign-out")
    expect(member.tab.get_by_role("heading", level=1)).to_have_text("You are signed out")
    member.tab.goto(f"{member.issuer}/account")
    expect(member.tab.locator("#username")).to_be_visible()
    attempt = member.begin(book)
    at_the_provider(member, allow=None)
    assert claims_of(member.came_back(book, attempt)["id_token"])["sub"] == claims["sub"]


def test_an_account_with_the_same_address_is_proven_first(come: Come, book: ClientApp):
    member = come("ida", KEYS)
    attempt = member.begin(book)
    at_the_provider(member)
    member.look("Enter your password")
    expect(member.tab.locator("#joining")).to_contain_text("Key Works")
    member.tab.fill("#password", PASSWORD)
    member.press()
    claims = claims_of(member.came_back(book, attempt)["id_token"])

    other = come("ida", KEYS)
    attempt = other.begin(book)
    at_the_provider(other, allow=None)
    assert claims_of(other.came_back(book, attempt)["id_token"])["sub"] == claims["sub"]
    other.tab.goto(f"{other.club.issuer(GUEST)}/account/identities")
    other.look("Linked logins")


def test_who_says_no_there_is_told_here_and_may_go_another_way(come: Come, book: ClientApp):
    member = come("wes", KEYS)
    member.begin(book)
    at_the_provider(member, allow=False)
    expect(member.tab.locator("#trouble")).to_contain_text("You came back from Key Works without signing in.")
    member.look("Sign in to Guest Book")
    expect(member.tab.locator("#username")).to_be_visible()
