"""The client that runs in the browser: everything it asks of the server and the API crosses origins (CORS)."""

from playwright.sync_api import Response, expect

from tests.browser.person import Person


def test_the_single_page_app_logs_in_calls_refreshes_and_logs_out(person: Person):
    tab, output = person.tab, person.tab.locator("#spa-output")
    answers: dict[str, str | None] = {}

    def note(response: Response) -> None:
        if response.request.resource_type == "fetch":
            path = response.url.removeprefix(person.server.issuer).removeprefix(person.server.api_url)
            answers[path] = response.header_value("access-control-allow-origin")

    tab.on("response", note)
    tab.goto(f"{person.server.app_url}/spa")
    tab.click("#spa-log-in")
    person.sign_in("bob")
    expect(tab.locator("#spa-state")).to_have_text("You are logged in. The UserInfo endpoint says:")
    expect(output).to_contain_text('"email": "bob@example.com"')
    assert tab.url == f"{person.server.app_url}/spa", "the code must not stay in the address"
    person.picture("spa-logged-in")

    tab.click("#spa-call-api")
    expect(tab.locator("#spa-state")).to_have_text("The API says:")
    tab.click("#spa-refresh")
    expect(output).to_contain_text('"refresh_token_changed": true')

    tab.click("#spa-log-out")
    expect(tab.locator("#spa-state")).to_have_text("Nobody is logged in.")
    assert person.cookie("session") is None
    assert answers == {
        "/.well-known/openid-configuration": "*",
        "/oauth2/token": "*",
        "/oauth2/userInfo": "*",
        "/orders": person.server.app_url,
    }
