"""Signing in by another provider, in a real browser and over real HTTP: one pool of the server is the provider of another."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_app import ClientApp, claims_of
from tests.browser.club import CLUB, GUEST, KEYS
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


def at_the_clubhouse(member: Member, tab: Page, *, scripts: bool = False) -> None:
    """By SAML: there by a form, through its pages, and back by another form. Without scripts both wait to be pressed."""

    def onward(page: str) -> None:
        if not scripts:
            expect(tab.locator(page)).to_be_visible()
            tab.click("#continue")

    tab.click("#provider-Clubhouse")
    onward("#leaving")
    tab.wait_for_url(f"**/{CLUB}/login?**")
    tab.fill("#username", member.name)
    tab.click("#continue")
    tab.fill("#password", PASSWORD)
    tab.click("#continue")
    if tab.locator("#later").count():
        tab.click("#later")
    onward("#onward")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_somebody_comes_by_saml_and_is_signed_out_from_there(come: Come, book: ClientApp, scripts: bool):
    member = come("vera" if scripts else "theo", CLUB, scripts=scripts)
    attempt = member.begin(book)
    at_the_clubhouse(member, member.tab, scripts=scripts)
    claims = claims_of(member.came_back(book, attempt)["id_token"])
    assert (claims["email"], claims["email_verified"]) == (member.email, False), "SAML does not say that it is verified"

    # Signed out at the provider, and so at the app's pool.
    member.tab.goto(f"{member.issuer}/logout")
    member.press("#sign-out")
    expect(member.tab.get_by_role("heading", level=1)).to_have_text("You are signed out")
    member.tab.goto(f"{member.club.issuer(GUEST)}/account")
    expect(member.tab.locator("#username")).to_be_visible()


def test_two_tabs_with_two_providers_are_two_sign_ins(come: Come, book: ClientApp):
    member = come("otto", CLUB)
    key = come("rex", KEYS)
    first = member.begin(book)
    tab = member.tab.context.new_page()
    second = member.begin(book, tab)
    tab.click("#provider-KeyWorks")
    tab.wait_for_url(f"**/{KEYS}/login?**")
    at_the_clubhouse(member, member.tab)
    by_saml = claims_of(member.came_back(book, first)["id_token"])
    tab.fill("#username", key.name)
    tab.click("#continue")
    tab.fill("#password", PASSWORD)
    tab.click("#continue")
    tab.click("#later")
    tab.click("#approve")
    by_openid = claims_of(member.came_back(book, second, tab)["id_token"])
    assert (by_saml["email"], by_openid["email"]) == (member.email, key.email)
    assert by_saml["sub"] != by_openid["sub"]


def test_a_provider_that_is_set_up_wrongly_is_told_and_another_way_is_open(come: Come, book: ClientApp):
    member = come("una", KEYS)
    attempt = member.begin(book)
    member.press("#provider-Broken")
    member.tab.wait_for_url(f"**/{KEYS}/login?**")
    member.tab.fill("#username", member.name)
    member.press()
    member.tab.fill("#password", PASSWORD)
    member.press()
    member.press("#later")
    expect(member.tab.locator("#trouble")).to_contain_text("Broken Door")
    member.look("Sign in to Guest Book")
    at_the_provider(member, allow=None)
    member.press("#approve")
    assert claims_of(member.came_back(book, attempt)["id_token"])["email"] == member.email


def test_a_return_that_was_used_or_is_over_leads_back_to_the_beginning(come: Come, book: ClientApp):
    member = come("abe", KEYS)
    returns: list[str] = []
    member.tab.on("request", lambda request: returns.append(request.url) if "/idpresponse/" in request.url else None)
    attempt = member.begin(book)
    member.press("#provider-KeyWorks")
    member.tab.wait_for_url(f"**/{KEYS}/login?**")
    member.tab.fill("#username", member.name)
    member.press()
    member.tab.fill("#password", PASSWORD)
    member.press()
    member.press("#later")
    member.press("#approve")
    member.came_back(book, attempt)
    member.tab.goto(returns[0])
    error = member.tab.locator("#error")
    expect(error).to_have_attribute("data-code", "expired")
    member.refused(410)
