"""oidc-client-ts 3 in Chromium, on a page of another origin and site: every call to us is a cross-origin one."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import tools
from tests.dev_server import PASSWORD, DevServer
from tests.interop import clients
from tests.interop.spa_site import spa_site

pytestmark = pytest.mark.xdist_group("dev server")

_MANAGER = """(settings) => {
  window.manager = new oidc.UserManager({ ...settings, userStore: new oidc.WebStorageStateStore({ store: sessionStorage }) })
}"""
_WITHOUT_FUNCTIONS = "(user) => user && JSON.parse(user.toStorageString())"


class App:
    """The page and its `UserManager`. `complaints` collects what the browser objects to, CORS and CSP included."""

    def __init__(self, page: Page, origin: str, server: DevServer) -> None:
        self.page = page
        self.url = f"{origin}/spa"
        self.server = server
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))

    def open(self) -> None:
        self.page.goto(self.url)
        self.ready()

    def ready(self) -> None:
        """After each load of the page: the app's start-up code."""
        self.page.evaluate(
            _MANAGER,
            {
                "authority": self.server.issuer,
                "client_id": "demo-spa",
                "redirect_uri": self.url,
                "post_logout_redirect_uri": self.url,
                "scope": f"openid profile email {clients.RESOURCE}/read",
                "loadUserInfo": True,
                "automaticSilentRenew": False,
            },
        )

    def call(self, expression: str) -> Any:
        """The value of an expression over `manager`, a User as what the library would store of it."""
        return self.page.evaluate(
            f"""async () => {{
              const value = await ({expression})
              return value instanceof oidc.User ? ({_WITHOUT_FUNCTIONS})(value) : value
            }}"""
        )

    def leave(self, expression: str, to: str) -> None:
        """Runs what navigates away, and waits for the address."""
        self.page.evaluate(f"() => {{ {expression} }}")
        self.page.wait_for_url(f"{to}**")

    def sign_in(self, username: str) -> None:
        """Fills in the hosted pages by their ids (DESIGN 4)."""
        self.page.locator("#username").fill(username)
        self.page.locator("#password").fill(PASSWORD)
        self.page.locator("#continue").click()
        self.page.wait_for_url(f"{self.url}?**")

    def user(self) -> dict[str, Any] | None:
        return self.call("manager.getUser()")


@pytest.fixture
def app(dev_server: DevServer) -> Iterator[App]:
    executable = tools.chromium()
    with spa_site() as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=tools.chromium_arguments())
        try:
            page = browser.new_page(locale="en")
            page.set_default_timeout(20_000)
            app = App(page, origin, dev_server)
            app.open()
            yield app
        finally:
            browser.close()


def test_sign_in_renewal_revocation_and_sign_out_from_another_origin(app: App):
    assert app.user() is None

    # Sign in: redirect, hosted pages, callback with code + PKCE, userinfo.
    app.leave("manager.signinRedirect({ state: { page: 'basket' } })", to=f"{app.server.issuer}/login")
    app.sign_in("ada")
    assert parse_qs(urlsplit(app.page.url).query)["iss"] == [app.server.issuer]
    app.ready()
    signed_in = app.call("manager.signinRedirectCallback().then((user) => (window.signedIn = user))")
    assert app.call("window.signedIn.state") == {"page": "basket"}
    assert signed_in["profile"]["email"] == "ada@example.com"
    assert signed_in["profile"]["given_name"] == "Ada"
    assert f"{clients.RESOURCE}/read" in signed_in["scope"].split()
    stored = app.user()
    assert stored is not None
    assert stored["access_token"] == signed_in["access_token"]

    # Renew: by the refresh token, which the library prefers to a hidden frame.
    renewed = app.call("manager.signinSilent()")
    assert renewed["access_token"] != signed_in["access_token"]
    assert renewed["refresh_token"] != signed_in["refresh_token"]
    assert renewed["profile"]["sub"] == signed_in["profile"]["sub"]
    assert renewed["expires_at"] > 0
    # Another origin may read what userinfo refuses, too: an app must learn that its token is over.
    userinfo = f"fetch('{app.server.issuer}/oauth2/userInfo', {{ headers: {{ Authorization: `Bearer ${{token}}` }} }})"
    status = f"(async (token) => (await {userinfo}).status)"
    assert app.call(f"{status}((await manager.getUser()).access_token)") == 200
    assert app.complaints == []

    # Revoke both: the next renewal is refused.
    app.call("manager.getUser().then((user) => { window.before = user.toStorageString() })")
    app.call("manager.revokeTokens(['access_token', 'refresh_token'])")
    assert app.call(f"{status}(JSON.parse(window.before).access_token)") == 401
    app.call("manager.storeUser(oidc.User.fromStorageString(window.before))")
    refusal = app.call("manager.signinSilent().then(() => null, (error) => [error.name, error.error])")
    assert refusal == ["ErrorResponse", "invalid_grant"]
    # Chromium itself logs answers of 400 and above; nothing else may be there.
    assert all("status of 40" in complaint for complaint in app.complaints), app.complaints

    # Sign out: there and back.
    app.leave("manager.signoutRedirect({ state: { said: 'goodbye' } })", to=f"{app.url}?state=")
    app.ready()
    answer = app.call("manager.signoutRedirectCallback()")
    assert (answer["error"], answer["userState"]) == (None, {"said": "goodbye"})
    assert app.user() is None

    # The session at the server has ended: the next sign-in asks for the password again.
    app.leave("manager.signinRedirect()", to=f"{app.server.issuer}/login")
    expect(app.page.locator("#username")).to_be_visible()


def test_a_silent_request_with_nobody_signed_in_comes_back_with_the_reason(app: App):
    app.leave("manager.signinRedirect({ prompt: 'none' })", to=f"{app.url}?")
    app.ready()
    refusal = app.call("manager.signinRedirectCallback().then(() => null, (error) => [error.name, error.error])")
    assert refusal == ["ErrorResponse", "login_required"]
    assert app.complaints == []


def test_the_pages_that_people_use_are_closed_to_other_origins(app: App):
    """The twin of the calls above: no script elsewhere reads the sign-in pages."""
    attempt = (
        "(path) => fetch(`${manager.settings.authority}${path}`).then((answer) => answer.status, (error) => error.name)"
    )
    assert app.call(f"({attempt})('/.well-known/openid-configuration')") == 200
    assert app.call(f"({attempt})('/login')") == "TypeError"
    assert app.call(f"({attempt})('/oauth2/authorize?client_id=demo-spa')") == "TypeError"
