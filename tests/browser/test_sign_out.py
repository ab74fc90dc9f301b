"""Signing out at the server: asked where nothing proves the wish, and heard by every client."""

import httpx
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp
from tests.browser.person import Person


def test_signing_out_at_the_server_asks_first_and_ends_every_clients_tokens(person: Person, lighthouse: ClientApp):
    tab, page = person.tab, person.new_tab()
    person.log_in("ada")
    attempt = lighthouse.begin()
    page.goto(attempt.url)
    tokens = lighthouse.redeem(attempt, page.url)

    page.goto(f"{person.server.issuer}/logout")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign out of Demo?")
    expect(page.locator("main")).to_contain_text("ada@example.com")
    person.picture("sign-out", page)
    page.click("#sign-out")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    person.picture("signed-out", page)
    assert person.cookie("session") is None

    tab.click("#refresh")
    expect(tab.locator("#error-code")).to_have_text("invalid_grant")
    person.refused(400)
    person.picture("demo-refresh-refused")
    refused = lighthouse.token(status=400, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused["error"] == "invalid_grant"
    userinfo = httpx.get(
        f"{person.server.issuer}/oauth2/userInfo",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
        trust_env=False,
    )
    assert userinfo.status_code == 401

    person.start()
    expect(tab.locator("#username")).to_be_visible()


def test_who_cancels_goes_back_to_the_client_and_stays_signed_in(person: Person, lighthouse: ClientApp):
    tab, bye = person.tab, f"{lighthouse.site.origin}/bye"
    person.log_in("ada")
    url = f"{person.server.issuer}/oauth2/logout?client_id=lighthouse&post_logout_redirect_uri={bye}&state=s1"
    tab.goto(url)
    tab.click("#cancel")
    tab.wait_for_url(f"{bye}?state=s1")
    assert person.cookie("session") is not None

    tab.goto(url)
    tab.click("#sign-out")
    tab.wait_for_url(f"{bye}?state=s1")
    assert person.cookie("session") is None
