"""The pages in a real browser: accessible, unclipped and usable in both themes, both languages, wide and narrow."""

import asyncio
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from authserver.pages.security import html_headers
from tests.pages.chromium import Visit, browsing
from tests.pages.samples import NONCE, ORIGIN
from tests.pages.states import VIEWS, context_of, html

# Each language takes two of the four, so that every page is judged in all of them; and axe looks for everything once and
# then for what a theme can change, which is the contrast.
LOOKS = {"en": ((1280, "light"), (320, "dark")), "ko": ((320, "light"), (1280, "dark"))}
ALL, CONTRAST = {"resultTypes": ["violations"]}, {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}

_AXE = """async options => (await axe.run(document, options)).violations
    .map(v => ({id: v.id, impact: v.impact, where: v.nodes.map(n => n.html + " " + n.failureSummary)}))"""

# What sticks out of the window or of its own box. Fields scroll their text by nature.
_CLIPPED = """() => {
    const wide = document.documentElement.scrollWidth > innerWidth ? ["page " + document.documentElement.scrollWidth] : [];
    const all = [...document.body.querySelectorAll("*")].filter(e => !e.closest(".collapsed, svg, details:not([open]), .skip"));
    return wide.concat(all.filter(e => {
        const box = e.getBoundingClientRect();
        const out = box.left < -0.5 || box.right > innerWidth + 0.5;
        const cut = !["input", "select", "meter"].includes(e.localName) && getComputedStyle(e).display !== "inline"
            && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
        return box.width && (out || cut);
    }).map(e => e.outerHTML.slice(0, 120)));
}"""

# 44 px for fingers; lists on wide screens have 36; links within a sentence are exempt (WCAG 2.2 2.5.8), and a checkbox
# is as large as its label.
_SMALL = """() => [...document.querySelectorAll("a, button, summary, input:not([type=hidden]), select")]
    .filter(e => !e.closest(".collapsed") && e.checkVisibility() && (e.localName !== "a" || e.className))
    .map(e => e.type === "checkbox" ? e.closest("label") : e)
    .filter(e => {
        const least = innerWidth > 1000 && e.matches(".small") ? 36 : 44, box = e.getBoundingClientRect();
        return box.height < least || box.width < least;
    }).map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Visit]:
    with browsing() as visit:
        yield visit
    # Playwright's synchronous face leaves its closed loop behind as the thread's current one.
    asyncio.set_event_loop(None)


@pytest.fixture
def visit(browser: Visit) -> Visit:
    browser.sent.clear()
    browser.complaints.clear()
    browser.reached.clear()
    browser.redirect_uri = None
    browser.page.emulate_media(color_scheme="light", forced_colors="none")
    browser.page.set_viewport_size({"width": 1280, "height": 800})
    return browser


def looks() -> Iterator[object]:
    """Every state in each language. In turns, one of the two waits for the night."""
    for turn, name in enumerate(VIEWS):
        for place, language in enumerate(LOOKS):
            late = () if turn % len(LOOKS) == place else (pytest.mark.nightly,)
            yield pytest.param(name, language, marks=late)


def one_of_each() -> Iterator[object]:
    """Every state; all but the first of each page wait for the night."""
    seen: set[type] = set()
    for name, (view, _) in VIEWS.items():
        yield pytest.param(name, marks=(pytest.mark.nightly,) if type(view) in seen else ())
        seen.add(type(view))


@pytest.mark.parametrize(("name", "language"), list(looks()))
def test_a_page_is_accessible_and_whole_in_every_theme_and_width(visit, name, language):
    # Written into one document that stays: loading axe anew for every page would take most of the time.
    page = visit.page
    if not page.evaluate("typeof axe === 'object'"):
        visit.blank().evaluate(AXE_SCRIPT)
    page.set_content(html(name, language))
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    for (width, theme), looked_for in zip(LOOKS[language], (ALL, CONTRAST), strict=True):
        page.set_viewport_size({"width": width, "height": 640})
        page.emulate_media(color_scheme=theme)
        assert page.evaluate("getComputedStyle(document.body).display") == "grid", "it has its style"
        assert page.evaluate(_CLIPPED) == [], width
        assert page.evaluate(_SMALL) == [], width
        found = page.evaluate(_AXE, looked_for)
        assert not [v for v in found if v["impact"] in {"serious", "critical"}], (theme, width)


@pytest.mark.parametrize("name", list(one_of_each()))
def test_a_page_breaks_no_rule_of_its_own_headers(visit, name):
    visit.open(name)
    assert visit.complaints == []


@pytest.mark.parametrize("name", ["identifier-long", "password-throttled", "consent-all", "error-finished"])
def test_text_at_twice_its_size_still_fits(visit, name):
    page = visit.open(name)
    page.set_viewport_size({"width": 640, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(_CLIPPED) == []


@pytest.mark.parametrize("name", ["identifier-accounts", "password-wrong", "consent-new", "error-invalid_request"])
def test_a_page_written_from_right_to_left_fits(visit, name):
    page = visit.open(name)
    page.set_viewport_size({"width": 320, "height": 640})
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.evaluate(_CLIPPED) == []
    if name == "identifier-accounts":
        avatar, chevron = (page.locator(f"button.row {part}").first.bounding_box() for part in (".avatar", "svg"))
        assert avatar["x"] > chevron["x"]


def focused(page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")


def test_the_keyboard_goes_through_the_identifier_step_in_order(visit):
    page = visit.open("identifier")
    expect(page.locator("#username")).to_be_focused()
    order = [focused(page)]
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(focused(page))
    assert order == ["username", "continue", "sign-up", "English", "한국어"]


def test_the_keyboard_goes_through_the_password_step_in_order(visit):
    page = visit.open("password-wrong")
    expect(page.locator("#password")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    assert focused(page) == "change-identifier"
    order = []
    for _ in range(4):
        page.keyboard.press("Tab")
        order.append(focused(page))
    assert order == ["password", "Show", "continue", "forgot-password"]


def test_what_has_the_focus_shows_it(visit):
    page = visit.open("consent")
    for _ in range(6):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(e => [getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineWidth)])(document.activeElement)"
        )
        assert outline[0] == "solid"
        assert outline[1] >= 2


def test_the_collapsed_password_is_drawn_for_password_managers_alone(visit):
    page = visit.open("identifier")
    drawn = page.evaluate(
        """() => { const e = document.getElementById("password"), s = getComputedStyle(e), b = e.getBoundingClientRect();
        return [b.width, b.height, s.display, s.visibility, s.opacity] }"""
    )
    assert drawn == [1, 1, "inline-block", "visible", "1"]
    assert page.get_by_role("textbox").count() == 1
    page.evaluate("document.getElementById('password').value = 'filled in'")
    page.fill("#username", "ada")
    page.click("#continue")
    (sent,) = visit.sent
    assert sent == {"csrf": "Zm9ybS10b2tlbg", "step": "identifier", "username": "ada", "password": "filled in"}


def test_enter_sends_the_form_of_its_field(visit):
    page = visit.open("identifier-accounts")
    page.fill("#username", "bob")
    page.press("#username", "Enter")
    page.locator("button.row").nth(1).click()
    page = visit.open("password")
    page.fill("#password", "correct horse")
    page.press("#password", "Enter")
    page.click("#change-identifier")
    steps = [(sent["step"], sent.get("account") or sent.get("username")) for sent in visit.sent]
    assert steps == [("identifier", "bob"), ("account", "b2"), ("password", "ada"), ("change_identifier", None)]


def test_consent_is_given_or_denied(visit):
    page = visit.open("consent")
    for button in ("deny", "approve"):
        page.click(f"#{button}")
    page.click("#switch-account")
    assert [sent.get("decision") or sent["step"] for sent in visit.sent] == ["deny", "approve", "switch_account"]


@pytest.mark.parametrize(
    "redirect_uri", ["https://orders.example/cb?code=x", "http://127.0.0.1:47113/cb", "http://[::1]:47113/cb"]
)
def test_a_form_may_lead_to_the_client_and_nowhere_else(visit, redirect_uri):
    visit.redirect_uri = redirect_uri
    page = visit.open("password")
    page.fill("#password", "correct horse")
    page.click("#continue")
    page.wait_for_url(redirect_uri)
    assert visit.complaints == []

    visit.reached.clear()
    page = visit.open("password")
    visit.redirect_uri = "https://evil.example:1234/cb"
    page.fill("#password", "correct horse")
    with page.expect_console_message(lambda said: "form-action" in said.text):
        page.click("#continue")
    assert visit.reached == []


def test_a_private_scheme_is_a_source_the_browser_knows(visit):
    visit.redirect_uri = "com.example.app:/callback"
    visit.open("password")
    assert visit.complaints == []


def test_the_pools_style_needs_the_nonce(visit):
    accent = "getComputedStyle(document.getElementById('continue')).backgroundColor"
    page = visit.open("identifier-branded")
    assert page.evaluate(accent) == "rgb(124, 58, 237)"
    other = html("identifier-branded").replace(NONCE, "bm90LXRoZS1ub25jZS1vZi10aGlzLW9uZQ")
    headers = {**html_headers(context_of("identifier-branded")), "Content-Type": "text/html; charset=utf-8"}
    page.route("**/other", lambda route: route.fulfill(body=other, headers=headers))
    page.goto(f"{ORIGIN}/other")
    assert page.evaluate(accent) == "rgb(36, 87, 214)"
    page.unroute("**/other")


def test_a_pause_runs_out_without_a_script_of_ours(visit):
    page = visit.open("identifier-throttled")

    def words_after(seconds: float) -> list[str]:
        page.evaluate(f"document.getAnimations().forEach(a => {{ a.pause(); a.currentTime = {seconds * 1000} }})")
        return [
            text
            for text in ("Try again in 42 seconds.", "You can try again now.")
            if page.get_by_text(text).is_visible()
        ]

    assert words_after(0) == ["Try again in 42 seconds."]
    assert words_after(41.9) == ["Try again in 42 seconds."]
    assert words_after(42.1) == ["You can try again now."]


@pytest.mark.parametrize(("scheme", "wanted"), [("light dark", True), ("light", False)])
def test_the_theme_follows_the_system_unless_the_pool_says_otherwise(visit, scheme, wanted):
    page = visit.open("identifier")
    page.evaluate(f"document.documentElement.style.setProperty('--pg-scheme', '{scheme}')")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(244, 245, 247)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == ("rgb(11, 13, 17)" if wanted else "rgb(244, 245, 247)")


def test_forced_colours_keep_buttons_and_focus_visible(visit):
    page = visit.open("identifier")
    expect(page.locator("#username")).to_be_focused()
    page.emulate_media(forced_colors="active")
    button, ground = page.evaluate(
        "['continue', 'username'].map(id => getComputedStyle(document.getElementById(id)).backgroundColor)"
    )
    assert button != ground
    assert page.evaluate("getComputedStyle(document.getElementById('username')).outlineStyle") == "solid"
