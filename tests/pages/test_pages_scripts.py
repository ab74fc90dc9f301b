"""What the four modules add to pages that are whole without them."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.pages.chromium import Visit, browsing
from tests.pages.samples import ORIGIN


@pytest.fixture(scope="module")
def browser() -> Iterator[Visit]:
    with browsing(permissions=("clipboard-read", "clipboard-write")) as visit:
        yield visit
    asyncio.set_event_loop(None)  # Playwright leaves its closed loop behind as the thread's current one


@pytest.fixture
def visit(browser: Visit) -> Iterator[Visit]:
    browser.sent.clear()
    browser.complaints.clear()
    browser.page.emulate_media(color_scheme="light")
    yield browser
    assert browser.complaints == []
    browser.page.context.clear_cookies()


@pytest.fixture
def authenticator(visit: Visit) -> Iterator[tuple[object, str]]:
    """A virtual authenticator that says yes."""
    session = visit.page.context.new_cdp_session(visit.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield session, added["authenticatorId"]
    session.send("WebAuthn.disable")
    session.detach()


def sent(visit: Visit, step: str) -> dict[str, str]:
    """The form of this step, once it arrived."""
    for _ in range(100):
        for form in visit.sent:
            if form["step"] == step:
                return form
        visit.page.wait_for_timeout(50)
    raise AssertionError(f"no {step} among {visit.sent}")


def create(visit: Visit) -> dict[str, object]:
    page = visit.open("enrol-passkey")
    page.fill("#name", "My laptop")
    page.click("#continue")
    form = sent(visit, "enrol_passkey")
    assert form["name"] == "My laptop"
    return json.loads(form["credential"])


def test_a_passkey_is_created_and_then_used(visit, authenticator):
    made = create(visit)
    assert made["type"] == "public-key"
    assert made["response"].keys() >= {"clientDataJSON", "attestationObject", "transports"}
    visit.sent.clear()
    page = visit.open("passkey")
    page.click("#continue")
    used = json.loads(sent(visit, "passkey")["credential"])
    assert used["id"] == made["id"]
    assert used["response"].keys() >= {"clientDataJSON", "authenticatorData", "signature", "userHandle"}


def test_a_passkey_signs_in_from_the_autofill_of_the_name(visit, authenticator):
    create(visit)
    visit.sent.clear()
    # An authenticator that confirms by itself stands for the choice from the list; it does not wait for the page.
    visit.page.goto(f"{ORIGIN}/page/identifier-passkey/en", wait_until="commit")
    form = sent(visit, "passkey")
    assert json.loads(form["credential"])["response"]["signature"]


def test_a_ceremony_without_a_passkey_says_that_it_was_cancelled(visit, authenticator):
    session, authenticator_id = authenticator
    session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": authenticator_id, "enabled": False})
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator_id, "isUserVerified": False})
    page = visit.open("passkey")
    page.evaluate(
        "document.querySelector('[data-passkey]').dataset.options = JSON.stringify("
        "{...JSON.parse(document.querySelector('[data-passkey]').dataset.options), timeout: 1})"
    )
    page.click("#continue")
    expect(page.locator("[data-when=cancelled]")).to_be_visible(timeout=20_000)
    assert visit.sent == []
    expect(page.locator("[data-when=waiting]")).to_be_hidden()


def test_a_browser_without_passkeys_says_so(visit):
    page = visit.blank()
    page.add_init_script("if (location.hash === '#without') delete window.PublicKeyCredential")
    page.goto(f"{ORIGIN}/page/passkey/en#without")
    expect(page.locator("[data-when=unsupported]")).to_be_visible()


@pytest.mark.parametrize(
    ("pasted", "kept"),
    [("123 456", "123456"), (" 123-456\n", "123456"), ("１２３４５６", "123456"), ("code: 654321.", "654321")],
)
def test_a_pasted_code_loses_what_does_not_belong_to_it(visit, pasted, kept):
    page = visit.open("code-email")
    page.evaluate("text => navigator.clipboard.writeText(text)", pasted)
    page.focus("#code")
    page.keyboard.press("Control+V")
    assert page.input_value("#code") == kept
    assert visit.sent == [], "it is not sent by itself"


def test_a_backup_code_keeps_its_letters(visit):
    page = visit.open("code-backup")
    page.fill("#code", " b3xk - 3qbm7 ")
    page.press("#code", "Enter")
    assert sent(visit, "code")["code"] == "b3xk-3qbm7"


def test_the_wait_for_another_code_is_counted_down(visit):
    page = visit.open("code-email")
    wait = page.locator("[data-countdown] time")
    expect(wait).to_have_text("0:28", timeout=10_000)
    expect(page.locator("#resend")).to_be_hidden()
    page.evaluate("document.getAnimations().forEach(a => a.finish())")
    expect(page.locator("#resend")).to_be_visible()


def test_backup_codes_are_copied_and_downloaded(visit):
    page = visit.open("backup-codes")
    page.click("[data-copy]")
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    codes = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert len(codes) == 10
    page.click("#download")
    assert sent(visit, "download_codes")["codes"].replace("\r", "").split("\n") == codes


def test_a_password_is_shown_and_hidden_and_sent_hidden(visit):
    page = visit.open("password")
    page.fill("#password", "correct horse")
    button = page.get_by_role("button", name="Show password")
    button.click()
    expect(page.locator("#password")).to_have_attribute("type", "text")
    expect(page.locator("#password")).to_be_focused()
    page.get_by_role("button", name="Hide password").click()
    expect(page.locator("#password")).to_have_attribute("type", "password")
    button.click()
    page.press("#password", "Enter")
    assert sent(visit, "password")["password"] == "correct horse"
    expect(page.locator("#password")).to_have_attribute("type", "password")


def test_caps_lock_is_told(visit):
    page = visit.open("password")
    hint = page.locator("[data-caps]")
    expect(hint).to_be_hidden()
    tell = """on => { const event = new KeyboardEvent("keydown", {key: "A"});
        Object.defineProperty(event, "getModifierState", {value: key => on && key === "CapsLock"});
        document.getElementById("password").dispatchEvent(event) }"""
    page.evaluate(tell, True)
    expect(hint).to_be_visible()
    page.evaluate(tell, False)
    expect(hint).to_be_hidden()


def test_the_strength_of_a_password_is_guessed_while_it_is_typed(visit):
    page = visit.open("sign-up")
    page.fill("#email", "ada.lovelace@example.com")
    words = {}
    for password in ("aaaaaaaaaaaaaaaa", "12345678", "lovelace", "Demo", "tr0ub4dor", "plinth otter seventeen cobalt"):
        page.fill("#new_password", password)
        words[password] = page.locator("[data-meter] span").inner_text()
    assert words["plinth otter seventeen cobalt"] == "Strong"
    assert {words[bad] for bad in ("aaaaaaaaaaaaaaaa", "12345678", "lovelace", "Demo")} == {"Very weak"}
    assert words["tr0ub4dor"] not in {"Strong", "Very weak"}
    page.fill("#new_password", "")
    expect(page.locator("[data-meter]")).to_be_hidden()


def test_the_rules_of_a_password_are_ticked_off(visit):
    page = visit.open("new-password-strict")

    def met(password: str) -> list[str]:
        page.fill("#new_password", password)
        return page.eval_on_selector_all("[data-rule].met", "all => all.map(rule => rule.dataset.rule)")

    assert met("abc") == ["lower"]
    assert met("Abc1") == ["lower", "upper", "digit"]
    assert met("Abc1 efghijkl") == ["length", "lower", "upper", "digit", "symbol"]
    assert met("éÀ٣") == ["lower", "upper"]


def test_the_theme_is_kept_until_it_is_the_systems_own_again(visit):
    page = visit.open("identifier")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(ground) == "rgb(11, 13, 17)"
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["value"], cookie["path"], cookie["secure"]) == ("poolgate-theme", "dark", "/", True)
    visit.open("password")
    assert page.evaluate(ground) == "rgb(11, 13, 17)"
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(ground) == "rgb(244, 245, 247)"
    assert page.context.cookies() == []


def test_the_menu_of_the_account_page_closes_when_one_looks_elsewhere(visit):
    page = visit.open("account-security")
    page.set_viewport_size({"width": 320, "height": 640})
    menu = page.locator(".sections-menu")
    menu.locator("summary").click()
    expect(menu.get_by_text("Activity")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu.get_by_text("Activity")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    page.locator("h1").click()
    expect(menu.get_by_text("Activity")).to_be_hidden()
