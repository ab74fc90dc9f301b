"""Languages, themes, small windows, and axe on every page as the server sends it."""

import pytest
from playwright.sync_api import expect

from tests.browser.client_app import ClientApp
from tests.browser.conftest import Arrive
from tests.browser.person import Person

# Where the lines of the heading end: the text of each line box.
_LINES = """() => {
    const range = document.createRange(), walker = document.createTreeWalker(document.querySelector("h1"), 4), lines = []
    let top
    for (let node; (node = walker.nextNode()); ) for (let i = 0; i < node.data.length; i++) {
        range.setStart(node, i)
        range.setEnd(node, i + 1)
        const box = range.getBoundingClientRect()
        if (!box.width) continue
        if (Math.abs(box.top - top) < 4) lines[lines.length - 1] += node.data[i]
        else lines.push(node.data[i])
        top = box.top
    }
    return lines.map(line => line.trim())
}"""

DRESSES = {
    "light and wide": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "Korean, dark and narrow": {
        "locale": "ko-KR",
        "color_scheme": "dark",
        "viewport": {"width": 320, "height": 640},
    },
}


EVERY_DRESS = pytest.mark.parametrize(
    # The states of each page are looked at in every dress in tests/pages; here, one of them as it is served.
    "dress",
    [pytest.param("light and wide", marks=pytest.mark.nightly), "Korean, dark and narrow"],
)


@EVERY_DRESS
def test_every_hosted_page_is_accessible_and_fits(arrive: Arrive, harbour: ClientApp, dress: str):
    person = arrive(**DRESSES[dress])
    tab, width = person.tab, DRESSES[dress]["viewport"]["width"]
    korean = "locale" in DRESSES[dress]
    ground = "rgb(11, 13, 17)" if korean else "rgb(244, 245, 247)"

    def look(name: str) -> None:
        assert tab.locator("html").get_attribute("lang") == ("ko" if korean else "en")
        assert tab.evaluate("getComputedStyle(document.documentElement).backgroundColor") == ground
        person.axe()
        person.fits(width)
        person.picture(f"{name}.{'ko.dark' if korean else 'en.light'}.{width}")

    tab.goto(harbour.begin(scope="openid profile email https://orders.example/read", prompt="consent").url)
    look("identifier")
    person.identify("ada")
    look("password")
    person.prove("wrong-horse-battery")
    expect(tab.get_by_role("alert")).to_be_visible()
    person.refused(422)
    look("password-wrong")
    person.prove()
    expect(tab.locator("#approve")).to_be_visible()
    look("consent")
    if korean:
        lines = tab.evaluate(_LINES)
        assert any("Market에서" in line for line in lines), "a particle stays with the name it belongs to"
        assert len(lines) > 1
    tab.goto(harbour.begin(prompt="select_account").url)
    look("accounts")
    tab.goto(f"{person.server.issuer}/logout?client_id=harbour&post_logout_redirect_uri={harbour.site.origin}/bye")
    expect(tab.locator("#cancel")).to_be_visible()
    look("sign-out")
    tab.goto(f"{person.server.issuer}/logout")
    tab.click("#sign-out")
    expect(tab.locator("#sign-out")).to_have_count(0)
    look("signed-out")
    tab.goto(harbour.begin(redirect_uri="https://elsewhere.example/").url)
    expect(tab.locator("#error")).to_have_attribute("data-code", "invalid_request")
    person.refused(400)
    look("error")


@EVERY_DRESS
def test_every_page_of_the_demo_is_accessible_and_fits(arrive: Arrive, dress: str):
    person = arrive(**DRESSES[dress])
    tab, server, width = person.tab, person.server, DRESSES[dress]["viewport"]["width"]

    def look() -> None:
        person.axe()
        person.fits(width)

    tab.goto(server.app_url)
    look()
    person.log_in("ada")
    tab.click("#call-api")
    look()
    person.picture(f"demo-logged-in.{width}")
    for url in (f"{server.app_url}/spa", server.api_url, f"{server.base_url}/dev/mailbox"):
        tab.goto(url)
        look()
    tab.goto(f"{server.app_url}/callback?error=access_denied&state=none")
    person.refused(400)
    look()


def test_the_client_may_ask_for_korean_and_the_menu_for_english(person: Person):
    tab = person.start(query="ui_locales=ko")
    html, heading = tab.locator("html"), tab.get_by_role("heading", level=1)
    expect(html).to_have_attribute("lang", "ko")
    expect(heading).to_contain_text("로그인")
    person.picture("identifier-ko")

    tab.get_by_role("navigation", name="언어").get_by_role("link", name="English").click()
    expect(html).to_have_attribute("lang", "en")
    person.sign_in("ada")  # in English to its end, though the client's wish stands
    person.is_logged_in_as("ada")


def test_the_language_of_the_menu_stays(person: Person, lighthouse: ClientApp):
    tab, html = person.tab, person.tab.locator("html")
    tab.goto(lighthouse.begin().url)
    expect(html).to_have_attribute("lang", "en")
    tab.get_by_role("navigation", name="Language").get_by_role("link", name="한국어").click()
    expect(html).to_have_attribute("lang", "ko")
    person.identify("ada")
    expect(html).to_have_attribute("lang", "ko")
    expect(tab.get_by_role("heading", level=1)).to_have_text("비밀번호를 입력해 주세요")

    tab.goto(lighthouse.begin().url)  # some other time
    expect(html).to_have_attribute("lang", "ko")
    expect(tab.get_by_role("link", name="한국어")).to_have_attribute("aria-current", "true")
