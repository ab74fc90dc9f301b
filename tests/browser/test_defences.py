"""What the browser does for the pages: no frame, no opener, no form of others, cookies that scripts cannot see (W24)."""

import html

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import Site
from tests.browser.person import Person
from tests.dev_server import POOL


def test_a_page_cannot_be_framed(person: Person, site: Site):
    """By a page of the same site, even, whose frames would have the cookies."""
    tab = person.start()
    neighbour = site.origin.replace("127.0.0.1", "localhost")
    for path, url in (("/clickjacking", tab.url), ("/harmless", f"{neighbour}/callback")):
        site.pages[path] = f'<iframe src="{html.escape(url)}"></iframe>'
    with (
        tab.expect_response(tab.url) as framed,
        tab.expect_event("requestfailed"),
        tab.expect_console_message(lambda said: "frame-ancestors" in said.text),
    ):
        tab.goto(f"{neighbour}/clickjacking")
    assert framed.value.status == 200
    tab.frames[1].wait_for_url("chrome-error://chromewebdata/")
    person.meant("frame-ancestors")
    person.meant(r"failed: GET \S+/login\S+ net::ERR_BLOCKED_BY_RESPONSE")

    tab.goto(f"{neighbour}/harmless")
    expect(tab.frame_locator("iframe").get_by_text("The client at /callback")).to_be_visible()


def test_who_opened_the_window_cannot_reach_into_it(person: Person, site: Site):
    tab = person.tab
    site.pages["/opener"] = "An opener"
    tab.goto(f"{site.origin}/opener")
    for url, reachable in ((f"{person.server.app_url}/login", False), (f"{site.origin}/callback", True)):
        with tab.expect_popup() as opened:
            tab.evaluate("url => { window.opened = window.open(url) }", url)
        popup = opened.value
        popup.wait_for_load_state()
        assert popup.evaluate("opener !== null") is reachable
        assert tab.evaluate("window.opened.closed") is not reachable
        popup.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["another site", "another port of the same site"])
def test_a_form_of_another_origin_is_refused(person: Person, site: Site, host: str):
    """Even with the token of the page, which an attacker cannot know, and with the cookies that a same site gets."""
    tab = person.start()
    form = tab.locator("form", has=tab.locator("#username"))
    action = form.evaluate("form => form.action")
    csrf = form.locator("[name=csrf]").input_value()
    site.pages["/forgery"] = (
        f'<form method="post" action="{html.escape(action)}"><input name="csrf" value="{csrf}">'
        '<input name="step" value="identifier"><input name="username" value="bob"><button id="go">Win</button></form>'
    )
    attacker = person.new_tab()
    attacker.goto(f"{site.origin.replace('127.0.0.1', host)}/forgery")
    attacker.click("#go")
    expect(attacker.locator("#error")).to_have_attribute("data-code", "csrf")
    person.refused(403)
    person.picture("error-csrf", attacker)

    # The same form at home.
    tab.reload()
    expect(tab.locator("#username")).to_be_visible()
    person.sign_in("ada")
    person.is_logged_in_as("ada")


def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(person: Person):
    person.log_in("ada")
    cookies = {cookie["name"]: cookie for cookie in person.context.cookies(person.server.base_url)}
    assert set(cookies) == {f"{POOL}-session", f"{POOL}-browser"}
    for cookie in cookies.values():
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["domain"]) == (
            True,
            "Lax",
            "/",
            "localhost",
        )
        assert not cookie["secure"], "plain http on loopback"
    assert cookies[f"{POOL}-session"]["expires"] == -1, "it goes with the browser"
    person.tab.goto(f"{person.server.issuer}/logout")
    assert person.tab.evaluate("document.cookie") == ""
